"""A node is the expression it was made from: whatever was simplified, the value is the reference reader's."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenspec.machine.interpreters import reference
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.expr import Binary, BinaryOp, Expr, Ite, Lit, Not, Var
from tokenspec.machine.lang.types import Bool, Enum, Tokens, Type
from tokenspec.machine.wasm.lower import Lowering
from tokenspec.machine.wasm.normal_form import Node, Nodes

RANGES = {"a": (0, 3), "b": (0, 1), "c": (0, 7)}
SIDE = Enum("Side", ("left", "middle", "right"))
SCOPE: dict[str, Type] = {**dict.fromkeys(RANGES, Tokens()), "p": Bool(), "q": Bool(), "side": SIDE}
MACHINE = Machine("m", "m", "side", (), ())

LEAVES: list[Expr] = [Var(n) for n in RANGES]
CONDITIONS: list[Expr] = [Var("p"), Var("q"), Lit(True), Lit(False)]


def literal(number: int) -> Expr:
    return Lit(number)


ARITHMETIC = [BinaryOp.ADD, BinaryOp.SUB, BinaryOp.MIN, BinaryOp.MAX, BinaryOp.MUL]
numbers: st.SearchStrategy[Expr] = st.deferred(
    lambda: (
        st.sampled_from(LEAVES)
        | st.integers(-3, 5).map(literal)
        | st.builds(Binary, st.sampled_from(ARITHMETIC), numbers, numbers)
        | st.builds(Ite, truths, numbers, numbers)
    )
)
sides: st.SearchStrategy[Expr] = st.sampled_from([Var("side"), Lit("left"), Lit("middle"), Lit("right")])
truths: st.SearchStrategy[Expr] = st.deferred(
    lambda: (
        st.sampled_from(CONDITIONS)
        | st.builds(Binary, st.sampled_from([BinaryOp.EQ, BinaryOp.LT, BinaryOp.LE]), numbers, numbers)
        | st.builds(Binary, st.sampled_from([BinaryOp.EQ, BinaryOp.LT]), st.just(Var("side")), sides)
        | st.builds(Binary, st.sampled_from([BinaryOp.AND, BinaryOp.OR, BinaryOp.EQ]), truths, truths)
        | st.builds(Not, truths)
        | st.builds(Ite, truths, truths, truths)
    )
)
worlds = st.fixed_dictionaries(
    {n: st.integers(lo, hi) for n, (lo, hi) in RANGES.items()}
    | {"p": st.booleans(), "q": st.booleans(), "side": st.sampled_from(SIDE.members)}
)


def value(nodes: Nodes, node: Node, world: dict[str, int]) -> int:
    op, *args = nodes.parts[node]
    of = {n: value(nodes, n, world) for n in args if isinstance(n, int)} if op not in ("const", "sum") else {}
    match op:
        case "const":
            return nodes.least[node]
        case "local":
            return world[str(args[0])]
        case "sum":
            constant, terms = nodes.sum_of(node)
            return constant + sum(factor * value(nodes, atom, world) for atom, factor in terms)
        case "mul":
            return of[args[0]] * of[args[1]]  # type: ignore[index]
        case "excess":
            return max(0, of[args[0]])  # type: ignore[index]
        case "ite":
            return of[args[1]] if of[args[0]] else of[args[2]]  # type: ignore[index]
        case "eq0":
            return int(of[args[0]] == 0)  # type: ignore[index]
        case "le0":
            return int(of[args[0]] <= 0)  # type: ignore[index]
        case "not":
            return int(not of[args[0]])  # type: ignore[index]
        case "and":
            return int(all(value(nodes, n, world) for n in args[0]))  # type: ignore[attr-defined]
        case "or":
            return int(any(value(nodes, n, world) for n in args[0]))  # type: ignore[attr-defined]
    raise AssertionError(op)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(numbers | truths, st.lists(worlds, min_size=1, max_size=6))
def test_a_node_has_the_value_of_its_expression_and_lies_in_its_range(expr: Expr, several: list[dict[str, object]]) -> None:
    nodes = Nodes()
    lowering = Lowering(nodes, SCOPE, {})
    env = {n: nodes.local(n, lo, hi) for n, (lo, hi) in RANGES.items()}
    env |= {"p": nodes.local("p", 0, 1), "q": nodes.local("q", 0, 1), "side": nodes.local("side", 0, 2)}
    node = lowering.node(expr, env)
    for world in several:
        scope = reference.Bindings(MACHINE, world)  # type: ignore[arg-type]
        scope._types = SCOPE
        expected = int(reference.evaluate(expr, scope))
        plain = {n: SIDE.order.index(v) if isinstance(v, str) else int(v) for n, v in world.items()}  # type: ignore[call-overload]
        assert value(nodes, node, plain) == expected
        assert nodes.least[node] <= expected <= nodes.most[node]
