"""Several machines as one statechart: each a region of its own, states within what they have in common."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from tokenspec.diagrams.graph import Edge, Graph, Group, LabelLine, Node, NodeShape, Style, faint, strong
from tokenspec.diagrams.lifecycle import STROKES, inside, moves, node_id, start
from tokenspec.diagrams.words import called, listed, spaced
from tokenspec.machine.lang.declaration import Machine, System, Variable
from tokenspec.machine.lang.expr import Lit
from tokenspec.machine.lang.types import Bool


def statechart(system: System, name: str) -> Graph:
    """All machines side by side, with a region for every truth value that a machine keeps beside its state.

    States share a box where rules name them together; events that any state of a box may accept without leaving it are named
    there. What in one machine drives another is told at the head of the latter.
    """
    groups, edges = [], []
    for machine in system.machines:
        kept = [v for v in machine.variables if v.name != machine.control and isinstance(v.type, Bool)]
        regions = [_flag(machine, v) for v in kept]
        groups.append(replace(_lifecycle(machine, _driven(system, machine)), groups=_superstates(machine)))
        groups += regions
        edges += [replace(edge, lines=edge.lines[:1] + edge.lines[-1:]) if edge.lines else edge for edge in moves(machine)]
        for variable in kept:
            edges += _flips(machine, variable)
    names = listed([spaced(m.name) for m in system.machines])
    return Graph(
        name=name,
        title=f"{names}: the whole as a statechart".capitalize(),
        says=" ".join(m.says for m in system.machines),
        nodes=(),
        edges=tuple(edges),
        groups=tuple(groups),
    )


def _driven(system: System, machine: Machine) -> list[LabelLine]:
    """Returns what makes events of `machine` happen from without."""
    lines = []
    for link in system.links:
        source, then = link.when.split("."), link.then.split(".")
        if then[0] == machine.name:
            event = "any event" if source[1] == "*" else source[1]
            lines.append(faint(f"{then[1]}: at {event} of the {spaced(source[0])}"))
    return lines


def _lifecycle(machine: Machine, driven: list[LabelLine]) -> Group:
    free = [state for state in machine.states if not any(state in family for family in families(machine))]
    nodes = tuple(_state(machine, state, []) for state in free)
    return Group(machine.name, (strong(spaced(machine.name)), *driven), (*start(machine), *nodes), parallel=True)


def families(machine: Machine) -> list[frozenset[str]]:
    """The sets of states that rules name together, none of which cuts through another: those of most rules, largest first."""
    named: Counter[frozenset[str]] = Counter()
    for event in machine.events:
        named.update(frozenset(rule.source) for rule in event.rules if 1 < len(rule.source) < len(machine.states))
    kept: list[frozenset[str]] = []
    for family, _ in named.most_common():
        if all(family <= other or other <= family or not family & other for other in kept):
            kept.append(family)
    return sorted(kept, key=len, reverse=True)


def _superstates(machine: Machine, within: frozenset[str] | None = None, said: frozenset[str] = frozenset()) -> tuple[Group, ...]:
    found = []
    inner = [f for f in families(machine) if within is None or f < within]
    for family in (f for f in inner if not any(f < other for other in inner)):
        common = [line for line in inside(machine, min(family)) if line.text not in said and _everywhere(machine, line, family)]
        told = said | {line.text for line in common}
        deeper = _superstates(machine, family, told)
        below = {state for f in families(machine) if f < family for state in f}
        alone = [s for s in machine.states if s in family and s not in below]
        nodes = tuple(_state(machine, state, sorted(told)) for state in alone)
        members = [spaced(s) for s in machine.states if s in family]
        lines = (faint(f"in each of {listed(members)}:"), *common) if common else (faint(listed(members)),)
        found.append(Group("_".join((machine.name, *sorted(family))), lines, nodes, deeper))
    return tuple(found)


def _everywhere(machine: Machine, line: LabelLine, family: frozenset[str]) -> bool:
    return all(line.text in {other.text for other in inside(machine, state)} for state in family)


def _state(machine: Machine, state: str, said: list[str]) -> Node:
    lines = [line for line in inside(machine, state) if line.text not in said]
    return Node(node_id(machine, state), (strong(spaced(state)), *lines), NodeShape.STATE)


def _flag(machine: Machine, variable: Variable) -> Group:
    nodes = tuple(
        Node(_flag_id(machine, variable, value), (strong("yes" if value else "no"),), NodeShape.STATE) for value in (False, True)
    )
    name = f"{machine.name}_{variable.name}"
    return Group(name, (strong(f"{spaced(machine.name)}: {spaced(variable.name)}"), faint(variable.says)), nodes, parallel=True)


def _flag_id(machine: Machine, variable: Variable, value: bool) -> str:
    return f"{machine.name}.{variable.name}.{value}"


def _flips(machine: Machine, variable: Variable) -> list[Edge]:
    """An edge for each event with a rule that gives the variable one of its two values."""
    edges = []
    for event in machine.events:
        for value in (False, True):
            rules = [r for r in event.rules for a in r.effect if a.name == variable.name and a.value == Lit(value)]
            if rules:
                clauses = dict.fromkeys(clause for rule in rules for clause in rule.clauses)
                outcomes = tuple((event.name, rule.name) for rule in rules)
                lines = (LabelLine(called(event), Style.STRONG, outcomes), faint(" ".join(clauses)))
                ends = (_flag_id(machine, variable, not value), _flag_id(machine, variable, value))
                edges.append(Edge(*ends, lines, STROKES[event.actor]))
    return edges
