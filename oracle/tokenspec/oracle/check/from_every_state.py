"""The code around the machine, tried from every state of a small world, where the specification says how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tokenspec.machine.checkers.monitor import Tally, Violation
from tokenspec.oracle.base.specification import hint
from tokenspec.oracle.runtime.oracle import Oracle


@dataclass
class FromStates:
    """The number of checks of each part, and of its interesting cases; the first that failed."""

    tally: Tally = field(default_factory=Tally)
    broken: Violation | None = None

    @property
    def held(self) -> set[tuple[str, str]]:
        """The parts that were checked and held; none where one did not."""
        return {part for part, times in self.tally.checked.items() if times} if self.broken is None else set()


class StateChecks(NamedTuple):
    """The checks that a specification has of its own."""

    parts: tuple[tuple[str, str], ...]
    """The parts of claims, each with its claim, that are checked."""
    run: Callable[[Mapping[str, str], Callable[[], None], type[Oracle]], FromStates]
    """Checks them under one choice of policies; the second argument is called between states, and may raise to end it. The third
    is the oracle that is looked at.
    """


def checked_parts() -> tuple[tuple[str, str], ...]:
    """Returns the parts of claims, each with its claim, that are checked from every state."""
    own: StateChecks | None = hint("from_every_state")
    return own.parts if own is not None else ()


def from_every_state(
    policy: Mapping[str, str], tick: Callable[[], None] = lambda: None, kind: type[Oracle] = Oracle
) -> FromStates:
    """Checks them under one choice of policies, of an oracle of this kind. `tick` is called between states, and may raise."""
    own: StateChecks | None = hint("from_every_state")
    return own.run(policy, tick, kind) if own is not None else FromStates()
