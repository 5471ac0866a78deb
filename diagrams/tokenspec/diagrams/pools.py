"""The pools of a machine: what fills each, what drains it, and in which order they pay."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tokenspec.diagrams.graph import Edge, Graph, LabelLine, Node, NodeShape, Stroke, faint, plain, strong
from tokenspec.diagrams.words import listed, spaced
from tokenspec.machine.interpreters import reference
from tokenspec.machine.lang.declaration import Event, Kind, Machine, Rule
from tokenspec.machine.lang.errors import Gap
from tokenspec.machine.lang.outcome import Accepted, Values
from tokenspec.machine.lang.types import Enum, Tokens, Value


def pools(machine: Machine, parameters: Values) -> Graph:
    """Each pool with the events that fill and drain it and its number among those that pay; an arrow is a flow of tokens.

    The order is that under `parameters`; what another answer to an open question makes of it stands in a note.
    """
    nodes, edges = [], list(_moves(machine))
    numbers: dict[str, list[LabelLine]] = {}
    for event, rule in payers(machine):
        orders = payment_orders(machine, parameters, event, rule)
        usual = orders.pop("", ())
        for number, pool in enumerate(usual, 1):
            numbers.setdefault(pool, []).append(plain(f"no. {number} to pay for {event.name}"))
        joined = {(edge.source, edge.target) for edge in edges}
        edges += [Edge(*ends, stroke=Stroke.NONE) for ends in pairwise(usual) if ends not in joined]
        if orders:
            note = f"{event.name}: the order"
            nodes.append(Node(note, (strong(f"{event.name} is paid by"), *_orders(usual, orders)), NodeShape.NOTE))
    filled = [Node(pool, _pool(machine, pool, numbers.get(pool, [])), NodeShape.POOL) for pool in machine.pools]
    return Graph(
        name="pools",
        title=f"{spaced(machine.name).capitalize()}: its pools",
        says=f"The pools {listed(machine.pools)}: the events that fill and drain each, and the order in which they pay.",
        nodes=(*filled, *nodes),
        edges=tuple(edges),
    )


def _pool(machine: Machine, pool: str, numbers: list[LabelLine]) -> tuple[LabelLine, ...]:
    says = next(v.says for v in machine.variables if v.name == pool)
    lines = [strong(spaced(pool)), *numbers, faint(says)]
    for sign, adds in (("+", True), ("-", False)):
        for kind in Kind:
            if kind.adds is adds and kind not in (Kind.MOVED_IN, Kind.MOVED_OUT):
                events = dict.fromkeys(e.name for e, _ in _posting(machine, pool, kind))
                if events:
                    lines.append(plain(f"{sign} {spaced(kind.value)}: {', '.join(events)}"))
    return tuple(lines)


def _posting(machine: Machine, pool: str, kind: Kind) -> Iterator[tuple[Event, Rule]]:
    for event in machine.events:
        for rule in event.rules:
            if any(line.pool == pool and line.kind is kind for line in rule.ledger):
                yield event, rule


def _moves(machine: Machine) -> Iterator[Edge]:
    """From each pool out of which a rule moves tokens to each into which the same rule moves them."""
    for event in machine.events:
        for rule in event.rules:
            out = [line.pool for line in rule.ledger if line.kind is Kind.MOVED_OUT]
            into = [line.pool for line in rule.ledger if line.kind is Kind.MOVED_IN]
            for source in out:
                for target in into:
                    yield Edge(source, target, (strong(f"moved by {event.name}"), faint(" ".join(rule.clauses))))


def payers(machine: Machine) -> Iterator[tuple[Event, Rule]]:
    """The rules by which several pools pay for one event."""
    for event in machine.events:
        for rule in event.rules:
            if len({line.pool for line in rule.ledger if line.kind is Kind.SPENT}) > 1:
                yield event, rule


def payment_orders(machine: Machine, parameters: Values, event: Event, rule: Rule) -> dict[str, tuple[str, ...]]:
    """The order in which pools pay: under "" with `parameters`, under `policy=answer` where that alone makes it another one.

    Found by taking steps: with one token in each pool, prices 1, 2, 3 ... draw on one pool more each.
    """
    usual = _order(machine, parameters, event, rule)
    found = {"": usual}
    for policy in machine.policies:
        for answer, _ in policy.answers:
            order = _order(machine, {**parameters, policy.name: answer}, event, rule)
            if order != usual:
                found[f"{policy.name}={answer}"] = order
    return found


def _order(machine: Machine, parameters: Values, event: Event, rule: Rule) -> tuple[str, ...]:
    paying = list(dict.fromkeys(line.pool for line in rule.ledger if line.kind is Kind.SPENT))
    orders = []
    for state in rule.source:
        order: list[str] = []
        for price in range(1, len(paying) + 1):
            order += [pool for pool in _drawn(machine, parameters, event, rule, state, price) if pool not in order]
        orders.append(tuple(order))
    return max(orders, key=len)


def _drawn(machine: Machine, parameters: Values, event: Event, rule: Rule, state: str, price: int) -> list[str]:
    """The pools that pay `price` where each holds one token; none where the rule does not apply."""
    before = {**reference.initial_state(machine, parameters), machine.control: state}
    before |= dict.fromkeys((line.pool for line in rule.ledger if line.kind is Kind.SPENT), 1)
    fields = {field.name: _usual(field.type, price) for field in event.fields}
    try:
        step = reference.step(machine, parameters, before, event.name, fields)
    except Gap:
        return []
    if not isinstance(step, Accepted) or step.rule != rule.name:
        return []
    return [pool for kind, pool, amount in step.ledger if kind is Kind.SPENT and amount]


def _usual(kind: object, price: int) -> Value:
    if isinstance(kind, Enum):
        return kind.members[0]
    return min(max(price, kind.lo), kind.hi) if isinstance(kind, Tokens) else True


def _orders(usual: tuple[str, ...], others: dict[str, tuple[str, ...]]) -> list[LabelLine]:
    lines = [plain(", ".join(usual))]
    for under, order in others.items():
        lines += [faint(f"under {under}:"), plain(", ".join(order))]
    return lines
