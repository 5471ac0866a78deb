"""Liveness over the graph of all states of a scope: what stays possible from everywhere, and what every fair run comes to.

Both are shown of the runs that stay within the scope.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush

from tokenspec.machine.checkers.breadth_first import BreadthFirst
from tokenspec.machine.checkers.graph.findings import Dead, Finding, Lasso
from tokenspec.machine.checkers.graph.graph import NONE, StateGraph, components
from tokenspec.machine.checkers.monitor import Tally
from tokenspec.machine.checkers.wording import given
from tokenspec.machine.lang.claims import Claim, LeadsToPart, LivenessPart
from tokenspec.machine.lang.typecheck import show


def liveness(graph: StateGraph, claims: Iterable[Claim], tally: Tally) -> list[Finding]:
    """Returns a verdict on each liveness and leads-to part about the graph's machine; `tally` counts their states and witnesses.

    The machine is taken to have no hole: raises `Gap` where an event that should stay possible has no outcome.
    """
    found = []
    for claim in claims:
        for part in claim.parts:
            if isinstance(part, LivenessPart | LeadsToPart) and part.machine == graph.compiled.machine.name:
                search = stays_possible(graph, claim, part) if isinstance(part, LivenessPart) else leads_to(graph, claim, part)
                tally.checked[claim.id, part.name] += search.states
                tally.witnesses[claim.id, part.name] += search.witnesses
                found.append(search)
    return found


def stays_possible(graph: StateGraph, claim: Claim, part: LivenessPart) -> Finding:
    """Searched backwards, from the states in which the goal is accepted, over the events that are allowed."""
    compiled = graph.compiled
    goal, fields = compiled.steps[part.goal], part.given(compiled.machine.event_named[part.goal])
    avoided = {compiled.rules.index(rule) for rule in part.without}
    labels = {label for label, (name, _) in enumerate(graph.events) if name in part.events}
    allowed = [e for e in range(len(graph.targets)) if graph.labels[e] in labels and graph.rules[e] not in avoided]
    accepting = [state for state, row in enumerate(graph.rows) if goal(row, fields)[0] >= 0]
    alive = _backwards(graph, allowed, accepting)
    leaving = [graph.sources[e] for e in allowed if graph.targets[e] == NONE]
    undecided = _backwards(graph, allowed, leaving) - alive
    dead = set(range(len(graph.rows))) - alive - undecided
    broken = None
    if dead:
        onward: dict[int, list[int]] = {state: [] for state in dead}
        for e in allowed:
            if graph.sources[e] in dead:
                onward[graph.sources[e]].append(graph.targets[e])
        # The first component that is complete is one that nothing allowed leaves.
        around = next(components([min(dead)], onward.__getitem__))
        end, way = min(around), graph.told(graph.way_to(min(dead)))
        code = compiled.codes[-1 - goal(graph.rows[end], fields)[0]]
        broken = Dead(given(part.goal, dict(part.fields)), len(dead), way, graph.values(end), len(around), code)
    return Finding(claim, part, len(graph.rows), len(graph.rows) - len(accepting), broken, len(undecided))


def _backwards(graph: StateGraph, edges: Iterable[int], from_states: Iterable[int]) -> set[int]:
    """The states from which `edges` lead to one of `from_states`."""
    before: dict[int, list[tuple[int, int]]] = {}
    for edge in edges:
        before.setdefault(graph.targets[edge], []).append((edge, graph.sources[edge]))
    return set(BreadthFirst(from_states, lambda state: before.get(state, ())))


def leads_to(graph: StateGraph, claim: Claim, part: LeadsToPart) -> Finding:
    """Searched for a fair run that meets the premise and stays short of the goal.

    Such a run ends up within one strongly connected component, and then a run all through that component is fair as well.
    """
    short = _ShortOf(graph, graph.where(part.goal), frozenset(part.fair))
    starts = [state for state, holds in enumerate(graph.where(part.premise)) if holds and short.has(state)]
    stems = short.stems(starts)
    traps = [c for c in components(stems, short.after) if short.is_fair_in(set(c))]
    broken = None
    if traps:
        first, trap = min(((min(c, key=lambda s: stems[s][0]), c) for c in traps), key=lambda found: stems[found[0]][0])
        stem, state = [], first
        while (edge := stems[state][1]) != NONE:
            stem.append(edge)
            state = graph.sources[edge]
        to_premise = graph.way_to(state)
        way, loop = graph.told([*to_premise, *stem[::-1]]), graph.told(short.loop(set(trap), first))
        broken = Lasso(show(part.premise), show(part.goal), way, len(to_premise), loop, graph.values(first))
    return Finding(claim, part, len(graph.rows), len(starts), broken)


class _ShortOf:
    """The part of a graph in which a goal does not hold, with the events that a fair run owes."""

    def __init__(self, graph: StateGraph, goal: Sequence[bool], fair: frozenset[str]) -> None:
        self._graph, self._goal, self._fair = graph, goal, fair

    def has(self, state: int) -> bool:
        """Returns whether a state is in this part."""
        return state != NONE and not self._goal[state]

    def onward(self, state: int) -> list[int]:
        """The edges that do not leave this part."""
        return [edge for edge in self._graph.edges(state) if self.has(self._graph.targets[edge])]

    def after(self, state: int) -> list[int]:
        """The states that `onward` leads to."""
        return [self._graph.targets[edge] for edge in self.onward(state)]

    def stems(self, starts: Iterable[int]) -> dict[int, tuple[int, int]]:
        """For each state that `starts` lead to: the events from the first state over a start, and the last edge.

        The edge is `NONE` where the shortest way over a start ends in it.
        """
        # Of two ways of one length the one that met the premise earlier comes first.
        waiting = [(len(self._graph.way_to(start)), True, start, NONE) for start in starts]
        heapify(waiting)
        found: dict[int, tuple[int, int]] = {}
        while waiting:
            length, _, state, edge = heappop(waiting)
            if state not in found:
                found[state] = length, edge
                for next_edge in self.onward(state):
                    heappush(waiting, (length + 1, False, self._graph.targets[next_edge], next_edge))
        return found

    def is_fair_in(self, component: set[int]) -> bool:
        """Returns whether a run that stays in a strongly connected component can be fair."""
        met = set().union(*map(self._idle, component))
        met |= {self._graph.event(edge) for state in component for edge in self._inside(state, component)}
        return self._fair <= met

    def _idle(self, state: int) -> frozenset[str]:
        """The fair events that are not possible in a state."""
        return self._fair - {self._graph.event(edge) for edge in self._graph.edges(state)}

    def _inside(self, state: int, component: set[int]) -> list[int]:
        return [edge for edge in self.onward(state) if self._graph.targets[edge] in component]

    def loop(self, component: set[int], first: int) -> list[int]:
        """A way inside a component from `first` and back to it, on which nothing fair is passed over; empty where it can stop."""
        owed, here = self._fair - self._idle(first), first
        loop: list[int] = []
        while owed or here != first:
            for edge in self._way(component, here, owed, first):
                loop.append(edge)
                here = self._graph.targets[edge]
                owed = owed - {self._graph.event(edge)} - self._idle(here)
        return loop

    def _way(self, component: set[int], here: int, owed: frozenset[str], last: int) -> list[int]:
        """A shortest way inside a component on which something owed is settled; to `last` where nothing is owed."""
        targets = self._graph.targets

        def settles(edge: int) -> bool:
            return bool(owed & (self._idle(targets[edge]) | {self._graph.event(edge)})) if owed else targets[edge] == last

        search = BreadthFirst([here], lambda state: ((edge, targets[edge]) for edge in self._inside(state, component)))
        return next([*search.way_to(state), edge] for state in search for edge in self._inside(state, component) if settles(edge))
