"""The events within a scope, and the result of a search of all states that they lead to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from tokenspec.machine.checkers.monitor import Tally, Violation
from tokenspec.machine.interpreters.compiled import Fields
from tokenspec.machine.lang.declaration import Event, Machine
from tokenspec.machine.lang.types import Bool, Enum, Value

Instance = tuple[str, Fields]
"""An event with values for its fields."""


@dataclass
class Exploration:
    """The result of a search. `depth` is the number of events on the longest of the shortest ways to a state.

    `ended_by` names the budget that ended it, where one did; a search that is not complete has not shown that anything holds.
    """

    states: int = 0
    transitions: int = 0
    depth: int = 0
    seconds: float = 0.0
    complete: bool = False
    rules: dict[str, int] = field(default_factory=dict)
    """The number of transitions each rule took."""
    violation: Violation | None = None
    trace: list[Instance] = field(default_factory=list)
    """The events that lead to the violation, the violating one last."""
    parameters: dict[str, Value] = field(default_factory=dict)
    """The answers to open policies under which the violation occurs."""
    tally: Tally = field(default_factory=Tally)
    """The number of times each part was checked, and its interesting case met."""
    observed: list[int] = field(default_factory=list)
    """In how many states each observed condition was true."""
    first_met: list[int] = field(default_factory=list)
    """The number of the first of them, in the order found; -1 where there is none."""
    memory: int = 0
    """Bytes that a native search took."""
    ended_by: str = ""


def instances(machine: Machine, values: Mapping[str, Sequence[Value]]) -> list[Instance]:
    """Every event with every choice of values for its fields: those given by name, else all of a finite type."""
    found: list[Instance] = []
    for event in machine.events:
        found += [(event.name, fields) for fields in product(*(_values(event, f.name, f.type, values) for f in event.fields))]
    return found


def _values(event: Event, name: str, kind: object, values: Mapping[str, Sequence[Value]]) -> Sequence[Value]:
    if name in values:
        return values[name]
    if isinstance(kind, Bool | Enum):
        return (True, False) if isinstance(kind, Bool) else kind.members
    raise ValueError(f"the scope gives no values for {name!r} of {event.name!r}, and its type has too many")
