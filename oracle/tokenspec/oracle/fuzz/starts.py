"""The situations in which random runs begin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tokenspec.machine.lang.catalogue import AnyCatalogue
from tokenspec.oracle.base.specification import SPEC, hint
from tokenspec.oracle.runtime.script import Script, move


class Starts(NamedTuple):
    """Situations by name, and the events and waits that lead to each."""

    names: tuple[str, ...]
    script: Callable[[Any, str, str, str], Script]
    """The script, of a catalogue, the name of a situation, what it is begun with, and the time of day at which the run begins."""
    with_what: Callable[[Any], tuple[str, ...]] = lambda catalogue: ("",)
    """The names of what accounts begin with: those of plans, where an account has some."""
    key: str = ""
    """The key of a record that holds such a name."""
    of_other: tuple[str, str] = ("opened", "opened")
    """The situations of another account: the usual one, and one in four."""


NOTHING, OPENED = "nothing", "opened"


def _script(catalogue: AnyCatalogue, start: str, what: str, time_of_day: str) -> Script:
    return () if start == NOTHING else (move(SPEC.opening.name),)


_own: Starts | None = hint("starts")
STARTS = _own or Starts((OPENED, NOTHING), _script)
