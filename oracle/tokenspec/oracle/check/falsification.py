"""Reasons why a formula is false: its false parts, with the values of every name they read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from tokenspec.machine.checkers.wording import listed
from tokenspec.machine.interpreters.reference import Bindings, evaluate
from tokenspec.machine.lang.expr import Binary, BinaryOp, Expr, Ite, Lit, Not, Var, names_in, operands
from tokenspec.machine.lang.outcome import Values
from tokenspec.machine.lang.typecheck import show


@dataclass(frozen=True)
class Reason:
    """A false formula `false` under true conditions `where`, with the values of every name in them.

    `sides` is the formula with both of its sides evaluated, where it compares more than names.
    """

    false: str
    where: tuple[str, ...]
    values: Values
    sides: str = ""

    def __str__(self) -> str:
        told = self.false + (f", that is {self.sides}" if self.sides else "")
        told += f", where {' and '.join(self.where)}" if self.where else ""
        others = {name: value for name, value in self.values.items() if f"{name} = {value}" not in self.where}
        return told + (f", with {listed(others)}" if others else "")


_Split: TypeAlias = tuple[tuple[Expr, ...], tuple[Expr, ...]]
"""Alternatives that are all false, and conditions that are all true."""


def reasons(expr: Expr, scope: Bindings) -> tuple[Reason, ...]:
    """Returns the reasons why `expr` is false: one for each false part of a conjunction."""
    return tuple(_reason(alternatives, where, scope) for alternatives, where in _false(expr, scope, True))


def _reason(alternatives: tuple[Expr, ...], where: tuple[Expr, ...], scope: Bindings) -> Reason:
    settled = [_settled(each, scope) for each in alternatives]
    plain = [expr for expr, _ in settled]
    conditions = dict.fromkeys(_exact(c, scope) for c in (*where, *(c for _, met in settled for c in met)))
    names = dict.fromkeys(name for each in (*plain, *conditions) for name in names_in(each))
    sides = _sides(plain[0], scope) if len(plain) == 1 else ""
    values = {name: scope[name] for name in names}
    return Reason(" or ".join(map(show, plain)), tuple(map(show, conditions)), values, sides)


def _sides(expr: Expr, scope: Bindings) -> str:
    match expr:
        case Binary(BinaryOp.EQ | BinaryOp.LE | BinaryOp.LT as op, left, right):
            if not isinstance(left, Var | Lit) or not isinstance(right, Var | Lit):
                return show(Binary(op, Lit(evaluate(left, scope)), Lit(evaluate(right, scope))))
    return ""


def _false(expr: Expr, scope: Bindings, unfold: bool) -> Iterator[_Split]:
    """Yields the ways in which `expr` is false. The name of a formula is replaced by the formula once, if `unfold`."""
    match expr:
        case Var(name) if unfold and (meaning := scope.meaning(name)) is not None:
            yield from _false(meaning, scope, False)
        case Binary(BinaryOp.AND, left, right):
            for side in (left, right):
                if not evaluate(side, scope):
                    yield from _false(side, scope, unfold)
        case Binary(BinaryOp.OR):
            yield from _no_alternative(list(operands(expr, BinaryOp.OR)), scope, unfold)
        case Ite(condition, then, orelse):
            holds = evaluate(condition, scope)
            for alternatives, where in _false(then if holds else orelse, scope, unfold):
                yield alternatives, (*_true(condition if holds else Not(condition), scope), *where)
        case Not(Not(arg)):
            yield from _false(arg, scope, unfold)
        case Not(Binary(BinaryOp.OR, left, right)):
            for side in (left, right):
                if evaluate(side, scope):
                    yield from _false(Not(side), scope, unfold)
        case _:
            yield (expr,), ()


def _no_alternative(alternatives: list[Expr], scope: Bindings, unfold: bool) -> Iterator[_Split]:
    """Treats negated alternatives as conditions of the others: `not a or b` is `b, where a`."""
    conditions = tuple(e for each in alternatives if isinstance(each, Not) for e in _true(each.arg, scope))
    others = [each for each in alternatives if not isinstance(each, Not)]
    if not others:
        yield tuple(alternatives), ()
    elif len(others) == 1:
        for found, where in _false(others[0], scope, unfold):
            yield found, (*conditions, *where)
    else:
        # One false part of each is enough to show that none of them is true.
        firsts = [next(_false(each, scope, unfold)) for each in others]
        yield tuple(e for found, _ in firsts for e in found), (*conditions, *(w for _, where in firsts for w in where))


def _true(expr: Expr, scope: Bindings) -> Iterator[Expr]:
    """Yields the parts that make `expr`, which is true, true."""
    match expr:
        case Binary(BinaryOp.AND, left, right):
            yield from _true(left, scope)
            yield from _true(right, scope)
        case Binary(BinaryOp.OR, left, right):
            yield from _true(left if evaluate(left, scope) else right, scope)
        case Ite(condition, then, orelse):
            holds = evaluate(condition, scope)
            yield from _true(condition if holds else Not(condition), scope)
            yield from _true(then if holds else orelse, scope)
        case Not(Not(arg)):
            yield from _true(arg, scope)
        case Not(Binary(BinaryOp.OR, left, right)):
            yield from _true(Not(left), scope)
            yield from _true(Not(right), scope)
        case Not(Binary(BinaryOp.AND, left, right)):
            yield from _true(Not(right) if evaluate(left, scope) else Not(left), scope)
        case _:
            yield expr


def _settled(expr: Expr, scope: Bindings) -> tuple[Expr, tuple[Expr, ...]]:
    """Returns `expr` with each of its case distinctions decided, and the conditions that decided them."""
    match expr:
        case Ite(condition, then, orelse):
            holds = evaluate(condition, scope)
            taken, met = _settled(then if holds else orelse, scope)
            return taken, (*_true(condition if holds else Not(condition), scope), *met)
        case Binary(op, left, right):
            (first, met), (second, also) = _settled(left, scope), _settled(right, scope)
            return Binary(op, first, second), (*met, *also)
        case Not(arg):
            inner, met = _settled(arg, scope)
            return Not(inner), met
        case Lit() | Var():
            return expr, ()
        case _:
            assert_never(expr)


def _exact(condition: Expr, scope: Bindings) -> Expr:
    """Replaces the inequality of a name by the equality that is true."""
    match condition:
        case Not(Binary(BinaryOp.EQ, Var(name), Lit(str()))):
            return Binary(BinaryOp.EQ, Var(name), Lit(scope[name]))
    return condition
