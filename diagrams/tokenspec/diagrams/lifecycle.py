"""A machine's states and what leads from one to another."""

from __future__ import annotations

from tokenspec.diagrams.graph import Edge, Graph, LabelLine, Node, NodeShape, Stroke, Style, faint, plain, strong
from tokenspec.diagrams.words import called, duration, in_words, open_requirements, refused_in, spaced
from tokenspec.machine.lang.declaration import Actor, Event, Machine, Rule
from tokenspec.machine.lang.expr import TRUE, Lit, names_in

STROKES = {Actor.USER: Stroke.MOVE, Actor.JOB: Stroke.JOB, Actor.CLOCK: Stroke.CLOCK}


def lifecycle(machine: Machine, *, name: str | None = None, refusals: bool = False) -> Graph:
    """Every state, and every rule that leads from one into another or back into the same, as an edge.

    An event that leaves the state alone is named within it. `refusals` names the events that are always refused there.
    """
    return Graph(
        name=name or machine.name,
        title=f"{spaced(machine.name).capitalize()}: its states",
        says=f"{machine.says} The states {', '.join(machine.states)}, and the events that lead from one to another.",
        nodes=states(machine, refusals=refusals),
        edges=moves(machine),
    )


def start(machine: Machine) -> tuple[Node, ...]:
    """The point from which the first state is entered, where that is known."""
    return () if first_state(machine) is None else (Node(_start(machine), (), NodeShape.START),)


def states(machine: Machine, *, refusals: bool = False) -> tuple[Node, ...]:
    """A start, and a node for each state with the events that leave it alone."""
    nodes = [*start(machine)]
    for state in machine.states:
        lines = [strong(spaced(state)), *inside(machine, state)]
        if refusals:
            lines += refused(machine, state)
        nodes.append(Node(node_id(machine, state), tuple(lines), NodeShape.STATE))
    return tuple(nodes)


def moves(machine: Machine) -> tuple[Edge, ...]:
    """An edge for each rule and state that it leads out of."""
    first = first_state(machine)
    edges = [] if first is None else [Edge(_start(machine), node_id(machine, first))]
    for state in machine.states:
        for event, rule in accepted_in(machine, state):
            if rule.target is not None:
                ends = (node_id(machine, state), node_id(machine, rule.target))
                edges.append(Edge(*ends, label(event, rule, machine, state), STROKES[event.actor]))
    return tuple(edges)


def accepted_in(machine: Machine, state: str) -> list[tuple[Event, Rule]]:
    """Every event with every rule that may accept it in `state`."""
    return [
        (event, rule)
        for event in machine.events
        if refused_in(event, machine, state) is None
        for rule in event.rules
        if state in rule.source
    ]


def inside(machine: Machine, state: str) -> list[LabelLine]:
    """The events that may be accepted in `state` and leave it as it is."""
    found: dict[str, list[tuple[str, str]]] = {}
    for event, rule in accepted_in(machine, state):
        if rule.target is None:
            found.setdefault(event.name, []).append((event.name, rule.name))
    return [LabelLine(event, Style.INSIDE, tuple(outcomes)) for event, outcomes in found.items()]


def refused(machine: Machine, state: str) -> list[LabelLine]:
    """The events that are always refused in `state`, by what they are refused as."""
    found: dict[str, list[str]] = {}
    for event in machine.events:
        need = refused_in(event, machine, state)
        if need is not None and event.actor is not Actor.CLOCK:
            found.setdefault(need.code, []).append(event.name)
    return [faint(f"refused, {spaced(code)}: {', '.join(events)}") for code, events in found.items()]


def label(event: Event, rule: Rule, machine: Machine, state: str) -> tuple[LabelLine, ...]:
    """The event, what is still required of it in `state`, the policies under which the rule is its rule, and the clauses."""
    lines = [strong(called(event), (event.name, rule.name))]
    lines += [plain(f"more than {duration(t.after_ms)} after {t.since}") for t in machine.timers if t.event == event.name]
    lines += [plain(spaced(need.code)) for need in open_requirements(event, machine, state)]
    if rule.when != TRUE and {*names_in(rule.when)} <= {policy.name for policy in machine.policies}:
        lines.append(plain(in_words(rule.when)))
    return (*lines, *([faint(" ".join(rule.clauses))] if rule.clauses else []))


def first_state(machine: Machine) -> str | None:
    """The state in which every run begins; None where that depends on a parameter."""
    initial = machine.control_variable.initial
    return str(initial.value) if isinstance(initial, Lit) else None


def node_id(machine: Machine, state: str) -> str:
    """The id of a state's node: unique among those of several machines."""
    return f"{machine.name}.{state}"


def _start(machine: Machine) -> str:
    return f"{machine.name}."
