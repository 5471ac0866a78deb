"""The states that a machine reaches within a scope as a graph, for what only the whole of it shows."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from tokenspec.machine.checkers.breadth_first import BreadthFirst
from tokenspec.machine.checkers.exploration import Instance
from tokenspec.machine.interpreters.compiled import Compiled, Row, Writer, defined
from tokenspec.machine.lang.errors import Gap
from tokenspec.machine.lang.expr import Expr
from tokenspec.machine.lang.outcome import Accepted, Happened, Values

NONE = -1
"""Stands for no edge, and for the state in which an edge ends that leaves the scope."""


class StateGraph:
    """Every state that is reached by `events` while no variable exceeds `most`, and every accepted event as an edge.

    States are numbered breadth first, so that the lowest number of several is nearest to the first state. An event that
    has no outcome has no edge; the native search finds those.
    """

    def __init__(self, compiled: Compiled, events: Sequence[Instance], most: Mapping[str, int]) -> None:
        self.compiled, self.events = compiled, tuple(events)
        self.begins = array("l", [0])
        """The edges of state n are those from `begins[n]` up to `begins[n + 1]`."""
        self.sources, self.labels, self.rules = array("l"), array("l"), array("l")
        """For each edge the number of the state it leaves, of its event, in `events`, and of its rule."""
        ends: list[Row | None] = []
        bounds = [(i, most[v.name]) for i, v in enumerate(compiled.machine.variables) if v.name in most]
        steps = [(label, fields, compiled.steps[name]) for label, (name, fields) in enumerate(events)]

        def successors(row: Row) -> Iterator[tuple[int, Row]]:
            source = len(self.begins) - 1
            for label, fields, step in steps:
                try:
                    rule, after, _ = step(row, fields)
                except Gap:
                    continue
                if rule < 0:
                    continue
                self.sources.append(source)
                self.labels.append(label)
                self.rules.append(rule)
                if all(0 <= after[i] <= most_of for i, most_of in bounds):  # type: ignore[operator]
                    ends.append(after)
                    yield len(ends) - 1, after
                else:
                    ends.append(None)
            self.begins.append(len(ends))

        self._search = BreadthFirst([compiled.initial], successors)
        self.rows = list(self._search)
        numbers = {row: number for number, row in enumerate(self.rows)}
        self.targets = array("l", (NONE if end is None else numbers[end] for end in ends))

    def edges(self, state: int) -> range:
        """The edges that begin in a state."""
        return range(self.begins[state], self.begins[state + 1])

    def event(self, edge: int) -> str:
        """The name of the event that takes an edge."""
        return self.events[self.labels[edge]][0]

    def values(self, state: int) -> Values:
        """A state by the names of its variables."""
        return self.compiled.state(self.rows[state])

    def way_to(self, state: int) -> list[int]:
        """The edges of a shortest way from the first state."""
        return self._search.way_to(self.rows[state])

    def told(self, way: Iterable[int]) -> tuple[Happened, ...]:
        """The events of a way."""
        return tuple(map(self._taken, way))

    def _taken(self, edge: int) -> Happened:
        name, values = self.events[self.labels[edge]]
        fields = {f.name: value for f, value in zip(self.compiled.machine.event_named[name].fields, values, strict=True)}
        accepted = Accepted(self.compiled.rules[self.rules[edge]], self.values(self.targets[edge]), {}, ())
        return Happened(name, fields, accepted, self.values(self.sources[edge]))

    def where(self, expr: Expr) -> list[bool]:
        """For each state whether `expr`, over variables, parameters and definitions, is true in it."""
        writer = Writer.of(self.compiled.machine)
        lines = [*writer.head("holds", self.compiled.machine), *writer.define([expr], set(), "    ")]
        figures = {writer.name(p.name): self.compiled.parameters[p.name] for p in self.compiled.machine.all_parameters}
        holds: Callable[[Row], bool] = defined("\n".join([*lines, f"    return {writer.text(expr)}"]), figures)
        return [holds(row) for row in self.rows]


def deadlocks(graph: StateGraph) -> list[int]:
    """The states in which no event of the scope is accepted, nearest first."""
    return [state for state in range(len(graph.rows)) if not graph.edges(state)]


def components(nodes: Iterable[int], after: Callable[[int], Iterable[int]]) -> Iterator[list[int]]:
    """The strongly connected components of what `nodes` lead to, each before those that lead to it (Tarjan)."""
    order: dict[int, int] = {}
    lowest: dict[int, int] = {}
    stack: list[int] = []
    waiting: set[int] = set()
    for root in nodes:
        path = [] if root in order else [(root, iter(after(root)))]
        while path:
            node, rest = path[-1]
            if node not in order:
                order[node] = lowest[node] = len(order)
                stack.append(node)
                waiting.add(node)
            for target in rest:
                if target not in order:
                    path.append((target, iter(after(target))))
                    break
                if target in waiting:
                    lowest[node] = min(lowest[node], order[target])
            else:
                path.pop()
                if path:
                    lowest[path[-1][0]] = min(lowest[path[-1][0]], lowest[node])
                if lowest[node] == order[node]:
                    component = [stack.pop()]
                    while component[-1] != node:
                        component.append(stack.pop())
                    waiting.difference_update(component)
                    yield component
