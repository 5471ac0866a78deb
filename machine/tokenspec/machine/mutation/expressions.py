"""Small changes to an expression, as mutation testing makes them, at every place where each can be made.

What another change amounts to is left out: a number compared by `<` is not moved, the comparison is; the condition of
a choice is not negated, its branches are exchanged. So is what differs from the original wherever a smaller change
does, such as `or` in place of `and`, which shows wherever one of the two is dropped. A number compared by `=` is moved
one way only, since either way the comparison fails where it should hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.expr import TRUE, Binary, BinaryOp, Expr, Ite, Lit, Not, Var, children, names_in, operands, with_parts
from tokenspec.machine.lang.typecheck import Scope, common, type_of
from tokenspec.machine.lang.types import Bool, Tokens

_JOINS = (BinaryOp.AND, BinaryOp.OR)
_ORDERS = (BinaryOp.LT, BinaryOp.LE)
_OPPOSITE = {BinaryOp.ADD: BinaryOp.SUB, BinaryOp.SUB: BinaryOp.ADD}


@dataclass(frozen=True, slots=True)
class Rewrite:
    """`operator` turns the part `before` of an expression into `after`; `shown` is what tells the two apart."""

    operator: str
    before: Expr
    after: Expr
    shown: tuple[Expr, Expr]


def negated(expr: Expr) -> Expr:
    """True iff `expr` is false."""
    return expr.arg if isinstance(expr, Not) else Not(expr)


def replaced(expr: Expr, before: Expr, after: Expr) -> Expr:
    """`expr` with `after` wherever it holds `before`."""
    return after if expr == before else with_parts(expr, [replaced(part, before, after) for part in children(expr)])


def is_leaf(expr: Expr) -> bool:
    """Returns whether `expr` has no parts."""
    return isinstance(expr, Lit | Var)


class Rewriter:
    """The changes to expressions of `machine` that read the names of `scope`."""

    def __init__(self, machine: Machine, scope: Scope) -> None:
        self._scope = scope
        self._policies = {p.name for p in machine.policies}
        self._next_pool = dict(zip(machine.pools, (*machine.pools[1:], *machine.pools[:1]), strict=True))

    def rewrites(self, expr: Expr) -> Iterator[Rewrite]:
        """Every change to `expr` and to its parts; one of a constant or of a name is told with what it is a direct part of."""
        if is_leaf(expr):
            yield from (_rewrite(operator, expr, after) for operator, after in self._leaf(expr))
        else:
            yield from self._parts(expr, is_condition=False)

    def _parts(self, expr: Expr, is_condition: bool) -> Iterator[Rewrite]:
        rows = self._rows(expr)
        if len(rows) > 1:
            yield from _mistaken_rows(rows)
            return
        yield from (_rewrite(operator, expr, after) for operator, after in self._node(expr))
        if self._is_atom(expr) and not is_condition:
            yield _rewrite("negation", expr, negated(expr))
            if set(names_in(expr)) & self._policies:
                yield from (_rewrite("policy", expr, answer) for answer in (TRUE, Lit(False)))
        # What is negated, or joined by one operator, is one thing.
        op = expr.op if isinstance(expr, Binary) and expr.op in _JOINS else None
        inner = expr.arg if isinstance(expr, Not) and self._is_atom(expr.arg) else expr
        parts = tuple(operands(expr, op)) if op else children(inner)
        for index, part in enumerate(parts):
            decides = isinstance(expr, Ite) and index == 0
            if not is_leaf(part):
                yield from self._parts(part, decides)
            elif not decides:
                for operator, leaf in self._leaf(part, inner.op if isinstance(inner, Binary) else None):
                    changed = (*parts[:index], leaf, *parts[index + 1 :])
                    whole = reduce(lambda a, b: Binary(op, a, b), changed) if op else with_parts(inner, changed)
                    yield _rewrite(operator, expr, whole if inner is expr else Not(whole))

    def _leaf(self, expr: Expr, op: BinaryOp | None = None) -> Iterator[tuple[str, Expr]]:
        """Yields the replacements of a constant or a name to which `op` is applied."""
        match expr:
            case Lit(bool(value)):
                yield "constant", Lit(not value)
            case Lit(int(value)) if op not in _ORDERS:
                yield "constant", Lit(value - 1)
                if op is not BinaryOp.EQ:
                    yield "constant", Lit(value + 1)
            case Var(name) if name in self._next_pool:
                yield "pool", Var(self._next_pool[name])
            case Var(name) if isinstance(self._scope.get(name), Bool):
                yield "negation", Not(expr)

    def _node(self, expr: Expr) -> Iterator[tuple[str, Expr]]:
        """Yields the replacements of `expr` as a whole."""
        match expr:
            case Binary(BinaryOp.MIN | BinaryOp.MAX | BinaryOp.MUL, left, right):
                yield "side", left
                yield "side", right
            case Binary(BinaryOp.ADD | BinaryOp.SUB as op, left, right):
                yield "sign", Binary(_OPPOSITE[op], left, right)
            case Binary(BinaryOp.LT | BinaryOp.LE):
                yield from (("boundary", moved) for moved in self._moved(expr))
            case Binary(BinaryOp.AND | BinaryOp.OR as op):
                joined = list(operands(expr, op))
                for index in range(len(joined)):
                    yield "operand", reduce(lambda a, b: Binary(op, a, b), joined[:index] + joined[index + 1 :])
            case Ite(cond, then, orelse):
                yield from (("branch", branch) for branch in (then, orelse))
                yield "branches", Ite(cond, orelse, then)

    def _moved(self, order: Binary) -> Iterator[Expr]:
        """A comparison with its boundary one further in or out; members of an enum are compared strictly or not."""
        is_number = isinstance(common(type_of(order.left, self._scope, ""), type_of(order.right, self._scope, "")), Tokens)
        if order.op is BinaryOp.LT:
            yield Binary(BinaryOp.LE, order.left, order.right)
            if is_number:
                yield Binary(BinaryOp.LT, Binary(BinaryOp.ADD, order.left, Lit(1)), order.right)
        else:
            yield Binary(BinaryOp.LT, order.left, order.right)
            if is_number:
                yield Binary(BinaryOp.LE, order.left, Binary(BinaryOp.ADD, order.right, Lit(1)))

    def _is_atom(self, expr: Expr) -> bool:
        """Returns whether `expr` is a truth value that is not joined of smaller ones."""
        match expr:
            case Not():
                return True
            case Binary(op):
                return op is BinaryOp.EQ or op in _ORDERS
            case Var(name):
                return isinstance(self._scope.get(name), Bool)
            case _:
                return False

    def _rows(self, expr: Expr) -> list[Ite]:
        """The rows of a table, which looks one name up among constants; policies apart, whose tests are choices."""
        rows: list[Ite] = []
        while isinstance(expr, Ite):
            match expr.cond:
                case Binary(BinaryOp.EQ, Var(name) as key, Lit()) if name not in self._policies:
                    if rows and key not in children(rows[0].cond):
                        break
                    rows.append(expr)
                    expr = expr.orelse
                case _:
                    break
        return rows


def _rewrite(operator: str, before: Expr, after: Expr) -> Rewrite:
    return Rewrite(operator, before, after, (before, after))


def _mistaken_rows(rows: Sequence[Ite]) -> Iterator[Rewrite]:
    """Each row of a table with the value of the next one, and the last with that of the one before."""
    for index, wrong in enumerate(rows):
        other = rows[index + 1 if wrong is not rows[-1] else index - 1]
        table = rows[-1].orelse
        for row in reversed(rows):
            table = Ite(row.cond, other.then if row is wrong else row.then, table)
        yield Rewrite("row", rows[0], table, (wrong.then, other.then))
