"""Visits every state that a machine can reach within a scope, and checks the claims on the way, in plain Python.

Breadth first, so that the first violation has a shortest trace. The states are those of the machine together with the
ghosts of the claims. The native search, which is compared with this one, shares no search with it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from tokenspec.machine.checkers.breadth_first import BreadthFirst
from tokenspec.machine.checkers.exploration import Exploration, Instance
from tokenspec.machine.checkers.monitor import Monitor, Violation, one_outcome
from tokenspec.machine.interpreters.compiled import Compiled, Row
from tokenspec.machine.lang.errors import Gap

_Node: TypeAlias = tuple[Row, Row]
"""A state with the values of the ghosts."""


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
