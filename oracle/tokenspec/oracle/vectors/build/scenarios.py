"""Written runs: scenarios that are vectors of their own, and the situations from which others are searched."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec

from tokenspec.oracle.base.specification import DEFAULT, POLICIES, SPEC, AnyCatalogue, hint
from tokenspec.oracle.runtime.script import START, Move, Script, Wait, move
from tokenspec.oracle.wire.settings import RESETS, catalogue_from, catalogue_on_the_wire

_UNITS = {"h": 3_600_000, "ms": 1}


class Written(NamedTuple):
    """The written runs of a specification: files in one of its packages, and what they leave out."""

    package: str
    usual: Mapping[str, Mapping[str, Any]] = {}
    """By event, the fields that are not written."""
    spending: Move | None = None
    """An event of another account beside a run, which must change nothing of it."""
    plain: str = ""
    """The run from which a choice of a policy is tried that no starting point makes."""


_own: Written | None = hint("scenarios")
WRITTEN = _own or Written("", plain=SPEC.opening.name)


class _Run(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A run under its settings. `figures` names a catalogue of starting_points.toml, the default one where it is empty."""

    run: str = ""
    policy: Mapping[str, str] = {}
    figures: str = ""

    @property
    def catalogue(self) -> AnyCatalogue:
        """Returns the catalogue."""
        return _catalogue(self.figures)


class Scenario(_Run, frozen=True, kw_only=True):
    """A run with a purpose of its own, named in its title. Where resets are implied, its jobs are not written."""

    id: str
    title: str
    clauses: str = ""
    resets: tuple[str, ...] = RESETS
    start: str = START

    @property
    def script(self) -> Script:
        """Returns the events and waits of the scenario."""
        return script_of(self.run)


class StartingPoint(_Run, frozen=True, kw_only=True):
    """A situation from which runs are searched; `paths` is the number followed."""

    name: str
    paths: int
    after: str = ""
    """The point that its run continues from."""

    @property
    def script(self) -> Script:
        """Returns the events and waits that lead to the point."""
        before = {point.name: point for point in STARTING_POINTS}[self.after].script if self.after else ()
        return (*before, *script_of(self.run))


def script_of(run: str) -> tuple[Move | Wait, ...]:
    """Returns the events and waits of a run, as scenarios.toml describes them."""
    return tuple(_step(words[0], words[1:]) for line in re.split("[;\n]", run) if (words := line.split()))


def _step(first: str, words: list[str]) -> Move | Wait:
    match first, words:
        case "until", [clock, *length]:
            return Wait((clock,), sum(map(_milliseconds, length)))
        case "wait", [length]:
            return Wait(ms=_milliseconds(length))
    fields: dict[str, Any] = {}
    for word in words:
        key, _, value = word.partition("=")
        table, _, entry = key.partition(".")
        # The terms of a sum name the pools of an amount.
        content = sum(map(int, value.split("+"))) if re.fullmatch(r"[\d_+]+", value) else value
        if entry:
            fields.setdefault(table, {})[entry] = content
        else:
            fields[key] = content
    last = {key: fields.pop(key) for key in ("id", "account") if key in fields}
    return move(first, **fields, **WRITTEN.usual.get(first, {}), **last)


def _milliseconds(length: str) -> int:
    found = re.fullmatch("(-?[0-9]+)(h|ms)", length)
    if found is None:
        raise ValueError(f"{length}: a length of time is written as 5h or -1ms")
    return int(found[1]) * _UNITS[found[2]]


@cache
def _read(name: str) -> dict[str, Any]:
    if not WRITTEN.package:
        return {"scenario": [], "starting_point": [], "figures": {}}
    return tomllib.loads(files(WRITTEN.package).joinpath(name).read_text(encoding="utf-8"))


@cache
def _catalogue(name: str) -> AnyCatalogue:
    figures = _read("starting_points.toml")["figures"][name] if name else {}
    found: AnyCatalogue = catalogue_from(catalogue_on_the_wire(DEFAULT) | figures) if name else DEFAULT
    return found


SCENARIOS = msgspec.convert(_read("scenarios.toml")["scenario"], tuple[Scenario, ...])
_POINTS = msgspec.convert(_read("starting_points.toml")["starting_point"], tuple[StartingPoint, ...])
_CHOSEN = {choice for point in _POINTS for choice in point.policy.items()}
_OPENED = StartingPoint(name="opened", run=WRITTEN.plain, paths=300)
STARTING_POINTS = (
    *(_POINTS or (_OPENED,)),
    *(
        StartingPoint(name=f"{policy.name}: {choice}", run=WRITTEN.plain, policy={policy.name: choice}, paths=30)
        for policy in POLICIES
        for choice, _ in policy.answers[1:]
        if (policy.name, choice) not in _CHOSEN
    ),
)
"""The points of starting_points.toml, and a plain one for each choice of a policy that none of them makes."""
