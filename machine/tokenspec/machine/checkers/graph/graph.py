"""The states that a machine reaches within a scope as a graph, for what only the whole of it shows."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from tokenspec.machine.checkers.graph.findings import Taken
from tokenspec.machine.checkers.search.reference import Instance
from tokenspec.machine.interpreters.compiled import Compiled, Row, Writer
from tokenspec.machine.lang.errors import Gap
from tokenspec.machine.lang.expr import Expr
from tokenspec.machine.lang.outcome import Values
from tokenspec.machine.lang.validate import machine_scope

NONE = -1
"""Stands for no edge, and for the state in which an edge ends that leaves the scope."""


class StateGraph:
    """Every state that is reached by `events` while no variable exceeds `most`, and every accepted event as an edge.

    States are numbered breadth first, so that the lowest number of several is nearest to the first state. An event that
    has no outcome has no edge; `holes` finds those.
    """

    def __init__(self, compiled: Compiled, events: Sequence[Instance], most: Mapping[str, int]) -> None:
        self.compiled, self.events = compiled, tuple(events)
        self.rows: list[Row] = [compiled.initial]
        self.begins = array("l", [0])
        """The edges of state n are those from `begins[n]` up to `begins[n + 1]`."""
        self.sources, self.targets = array("l"), array("l")
        self.labels, self.rules = array("l"), array("l")
        """For each edge the number of its event, in `events`, and of its rule."""
        self._came_by = array("l", [NONE])
        self._build(most)

    def _build(self, most: Mapping[str, int]) -> None:
        numbers = {self.compiled.initial: 0}
        bounds = [(i, most[v.name]) for i, v in enumerate(self.compiled.machine.variables) if v.name in most]
        steps = [(label, fields, self.compiled.steps[name]) for label, (name, fields) in enumerate(self.events)]
        for source, row in enumerate(self.rows):
            for label, fields, step in steps:
                try:
                    rule, after, _ = step(row, fields)
                except Gap:
                    continue
                if rule < 0:
                    continue
                target = numbers.get(after, NONE)
                if target == NONE and all(0 <= after[i] <= most_of for i, most_of in bounds):  # type: ignore[operator]
                    target = numbers[after] = len(self.rows)
                    self.rows.append(after)
                    self._came_by.append(len(self.targets))
                self.sources.append(source)
                self.targets.append(target)
                self.labels.append(label)
                self.rules.append(rule)
            self.begins.append(len(self.targets))

    def edges(self, state: int) -> range:
        """The edges that begin in a state."""
        return range(self.begins[state], self.begins[state + 1])

    def event(self, edge: int) -> str:
        """The name of the event that takes an edge."""
        return self.events[self.labels[edge]][0]

    def values(self, state: int) -> Values:
        """A state by the names of its variables."""
        return dict(zip((v.name for v in self.compiled.machine.variables), self.rows[state], strict=True))

    def way_to(self, state: int) -> list[int]:
        """The edges of a shortest way from the first state."""
        way: list[int] = []
        while (edge := self._came_by[state]) != NONE:
            way.append(edge)
            state = self.sources[edge]
        return way[::-1]

    def told(self, way: Iterable[int]) -> tuple[Taken, ...]:
        """The events of a way with their fields and what they changed."""
        return tuple(map(self._taken, way))

    def _taken(self, edge: int) -> Taken:
        name, fields = self.events[self.labels[edge]]
        before, after = self.values(self.sources[edge]), self.values(self.targets[edge])
        given = {f.name: value for f, value in zip(self.compiled.machine.event_named[name].fields, fields, strict=True)}
        return Taken(name, given, {n: (value, after[n]) for n, value in before.items() if after[n] != value})

    def where(self, expr: Expr) -> list[bool]:
        """For each state whether `expr`, over variables, parameters and definitions, is true in it."""
        machine = self.compiled.machine
        writer = Writer(machine_scope(machine), {d.name: d.expr for d in machine.definitions})
        unpack = ", ".join(writer.name(v.name) for v in machine.variables)
        lines = ["def holds(row):", f"    {unpack}, = row", *writer.define([expr], set(), "    ")]
        space = {writer.name(p.name): self.compiled.parameters[p.name] for p in machine.all_parameters}
        exec("\n".join([*lines, f"    return {writer.text(expr)}"]), space)
        holds: Callable[[Row], bool] = space["holds"]  # type: ignore[assignment]
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
