"""The purpose of a vector, in words and as a slug, derived from the rule or refusal that it ends with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from tokenspec.machine.lang.declaration import Actor, Origin
from tokenspec.machine.lang.types import Enum
from tokenspec.oracle.base.specification import ABSENT, POOLS, SPEC, DeclaredReason, clauses_of, reason, system
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.vectors.build.executed import ExecutedRun
from tokenspec.oracle.wire.answers import SHOWN
from tokenspec.oracle.wire.settings import as_options


@dataclass(eq=False)
class Candidate:
    """A run that could be a vector: `id` and `title` name the goal that it was found for."""

    id: str
    title: str
    clauses: tuple[str, ...]
    played: ExecutedRun
    wanted: bool = False
    """True for a scenario, which is a goal of its own."""


def slug(goal: str) -> str:
    """Returns the goal as a part of an id."""
    return re.sub(r"[^a-z0-9_]+", "-", goal.lower()).strip("-")


def candidate(goal: str, found: ExecutedRun) -> Candidate:
    """Returns the run found for a goal, named by the goal and titled by its end."""
    record = found.records[-1]
    event = system().event_named[record["event"]]
    repeated = DeclaredReason("the first answer stands", clauses_of(event))
    why, clauses = reason(event, found.last) if found.last != "duplicate" else repeated
    outcome = "" if found.answers[-1].outcome == "accepted" else ", refused"
    settings = f" ({', '.join(as_options(found.world.policy))})" if found.world.policy else ""
    earlier = f" after {found.records[-2]['event'].replace('_', ' ')}," if len(found.records) > 1 else ""
    told = f"{_passing(goal)}{_told(record)}{earlier} {_where(found)}{outcome}: {why}{settings}"
    name = slug(goal) if found.world.resets == "explicit" else f"implied-{slug(goal)}"
    return Candidate(name, told, clauses, found)


def _passing(goal: str) -> str:
    """Returns the reason of an automatic event, where the goal is that event and the last record only shows it."""
    rule = re.split(r", then |: ", goal)[-1]
    by_itself = (r for event in system().event_named.values() if event.actor is Actor.CLOCK for r in event.rules)
    return next((f"{r.why}; then " for r in by_itself if r.name == rule), "")


@cache
def _payload(event: str) -> tuple[str, ...]:
    """Returns the fields of an event, numbers first. Of its keys the action is named; the others are generated ids."""
    fields = [field for field in system().event_named[event].fields if field.origin is Origin.PAYLOAD]
    return (*(field.key for field in sorted(fields, key=lambda field: isinstance(field.type, Enum))), *SPEC.prices.values())


def _told(record: dict[str, Any]) -> str:
    said = [_number(record[key]) for key in _payload(record["event"]) if key in record]
    return " ".join([record["event"].replace("_", " "), *(one_line(word) for word in said)])


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value).replace("_", " ")


def _where(found: ExecutedRun) -> str:
    """Describes the account before the last record."""
    state: dict[str, Any] = found.world.oracle.compiled.state(found.before)
    control, *others = (name for name in SHOWN if name in state)
    if state[control] == ABSENT:
        return "before the account is opened"
    held = ", ".join(f"{pool} {_number(state[pool])}" for pool in POOLS if state[pool])
    plan = "".join(f" on {state[other]}" for other in others[:1] if state[control] != state[other])
    return f"while {str(state[control]).replace('_', ' ')}{plan} with {held or 'no tokens'}"
