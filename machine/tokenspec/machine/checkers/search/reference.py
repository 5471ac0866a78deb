"""Visits every state that a machine can reach within a scope, and checks the claims on the way.

Breadth first, so that the first violation has a shortest trace. The states are those of the machine together with the
ghosts of the claims. A search that a budget ended says so; it has not shown that anything holds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TypeAlias

from tokenspec.machine.checkers.breadth_first import BreadthFirst
from tokenspec.machine.checkers.monitor import Monitor, Tally, Violation, one_outcome
from tokenspec.machine.interpreters.compiled import Compiled, Fields, Row
from tokenspec.machine.lang.declaration import Event, Machine
from tokenspec.machine.lang.errors import Gap
from tokenspec.machine.lang.types import Bool, Enum, Value

Instance = tuple[str, Fields]
"""An event with values for its fields."""

_Node: TypeAlias = tuple[Row, Row]
"""A state with the values of the ghosts."""


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
    if isinstance(kind, Bool):
        return (True, False)
    if isinstance(kind, Enum):
        return kind.members
    raise ValueError(f"the scope gives no values for {name!r} of {event.name!r}, and its type has too many")


class _BrokenError(Exception):
    """An event breaks a claim."""

    def __init__(self, node: _Node, event: Instance, violation: Violation) -> None:
        self.node, self.event, self.violation = node, event, violation


def explore(
    compiled: Compiled,
    events: Sequence[Instance],
    most: Mapping[str, int],
    monitor: Monitor | None = None,
    max_states: int | None = None,
) -> Exploration:
    """Every state reachable by `events` in which no variable exceeds `most`.

    Each transition from such a state is shown to `monitor`; one that leaves the bounds is not counted, and not followed.
    """
    started = time.perf_counter()
    bounds = [(i, most[v.name]) for i, v in enumerate(compiled.machine.variables) if v.name in most]
    steps = [(event, compiled.steps[event[0]]) for event in events]
    found = Exploration(rules=dict.fromkeys(compiled.rules, 0))

    def successors(node: _Node) -> Iterator[tuple[Instance, _Node]]:
        row, ghosts = node
        for event, step in steps:
            try:
                outcome = step(row, event[1])
                later = monitor.observe(*event, row, outcome, ghosts) if monitor else ()
            except (Violation, Gap) as broken:
                violation = broken if isinstance(broken, Violation) else one_outcome(broken)
                raise _BrokenError(node, event, violation) from None
            index, after, _ = outcome
            if index < 0 or any(not 0 <= after[i] <= most_of for i, most_of in bounds):  # type: ignore[operator]
                continue
            found.transitions += 1
            found.rules[compiled.rules[index]] += 1
            yield event, (after, later)

    search = BreadthFirst([(compiled.initial, monitor.initial_ghosts if monitor else ())], successors)
    try:
        for depth, _ in enumerate(search.levels()):
            if max_states is not None and len(search.came_by) > max_states:
                break
            found.depth = depth
        else:
            found.complete = True
    except _BrokenError as broken:
        found.violation, found.trace = broken.violation, [*search.way_to(broken.node), broken.event]
    found.states = len({row for row, _ in search.came_by})
    found.seconds = time.perf_counter() - started
    return found
