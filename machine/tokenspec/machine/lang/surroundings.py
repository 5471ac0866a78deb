"""Declarations as plain data: any part of a machine, and all that a host of accounts has to know beside the machines."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import asdict, fields, is_dataclass
from typing import Any

from tokenspec.machine.lang.calendars import DeclaredCalendar, described
from tokenspec.machine.lang.catalogue import Fact, Listed, LookedUp, Named, OfVariant, figure_places
from tokenspec.machine.lang.declaration import Field, System
from tokenspec.machine.lang.expr import Expr
from tokenspec.machine.lang.specification import Specification
from tokenspec.machine.lang.types import Type

_PAIRS = {"answers": ("answer", "means"), "clocks": ("clock", "act"), "ended_by": ("clock", "act"), "refusals": ("code", "holds")}
"""The keys of the pairs that stand in a field of this name."""
_OTHERWISE = {
    "effect": {"name": "variable", "value": "becomes"},
    "notes": {"value": "becomes"},
    "answer": {"value": "is"},
    "definitions": {"expr": "is"},
    "facts": {"expr": "is"},
    "part": {"witness": "twin"},
}
"""The keys that are not called as the attributes of what stands in a field of this name."""


def plain(part: object, write: Callable[[Expr], Any], of_type: Callable[[Type], Any], within: str = "") -> Any:
    """A part of a declaration as data, attribute by attribute; `within` is the attribute that holds it."""
    if isinstance(part, Expr):
        return write(part)
    if isinstance(part, Type):
        return of_type(part)
    if isinstance(part, DeclaredCalendar):
        return described(part)
    if isinstance(part, Field):
        told = {"name": part.name, "key": part.key, "type": of_type(part.type), "origin": part.origin.value, "says": part.says}
        return told | ({"instead": part.instead} if part.instead else {})
    if isinstance(part, enum.Enum):
        return part.value
    if isinstance(part, tuple):
        if (keys := _PAIRS.get(within)) is None:
            return [plain(each, write, of_type, within) for each in part]
        return [dict(zip(keys, plain(each, write, of_type), strict=True)) for each in part]
    if is_dataclass(part):
        named = {f.name: plain(getattr(part, f.name), write, of_type, f.name) for f in fields(part)}
        return {_OTHERWISE.get(within, {}).get(name, name): value for name, value in named.items()}
    return part


def surroundings(specification: Specification, system: System) -> dict[str, Any]:
    """Returns the ids, the form of answers, and what is looked up in a catalogue.

    A fact that the specification works out by a function of its own is null: nothing but that function says what it is.
    """
    answer = specification.answer
    return {
        "ids": asdict(system.ids) if system.ids is not None else None,
        "answer": {
            "state": list(map(asdict, answer.state)),
            "lists": list(map(asdict, answer.lists)),
            "clocks": dict(answer.clocks),
            "total": list(specification.counted_pools),
        },
        "figures": [
            asdict(p) | {"cell": p.cell or None} for places in figure_places(specification.form).values() for p in places
        ],
        "facts": {name: _fact(fact) for name, fact in specification.facts.items()},
        "names": dict(specification.names),
        "session": _session(specification, system),
    }


def _fact(fact: Fact) -> dict[str, Any] | None:
    match fact:
        case Listed(table, key):
            return {"key": key, "table": table, "absent": False, "unlisted": False, "listed": True}
        case LookedUp(table, key, default):
            return {"key": key, "table": table, "absent": default, "unlisted": default}
        case Named(key):
            return {"key": key, "absent": False, "listed": True}
        case OfVariant(table, key, cell, default, unnamed):
            of_name = {"cell": cell} if cell else {"listed": True}
            where = {"key": key, "table": table, "variants": fact.BEHIND_A_NAME}
            return {**where, "absent": unnamed, "unlisted": default, **of_name}
        case _:
            return None


def _session(specification: Specification, system: System) -> dict[str, Any] | None:
    """The machine of sessions, and the event that tells one of them that a balance of the account has changed."""
    machine = specification.sessions(system)
    if machine is None:
        return None
    return {"machine": machine.name, "hears": system.heard_by(machine.name) or None}
