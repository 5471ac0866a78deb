"""Expressions as functions of an environment, for the live object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, assert_never

from tokenspec.machine.lang.expr import Binary, BinaryOp, Expr, Ite, Lit, Not, Var
from tokenspec.machine.lang.typecheck import common, type_of
from tokenspec.machine.lang.types import Enum, Type

Env: TypeAlias = dict[str, Any]
"""Values by name."""
Closure: TypeAlias = Callable[[Env], Any]
"""The value of an expression in an environment."""

_OPERATIONS: dict[BinaryOp, Callable[[Any, Any], Any]] = {
    BinaryOp.ADD: lambda a, b: a + b,
    BinaryOp.SUB: lambda a, b: a - b,
    BinaryOp.MUL: lambda a, b: a * b,
    BinaryOp.MIN: min,
    BinaryOp.MAX: max,
    BinaryOp.EQ: lambda a, b: a == b,
    BinaryOp.LT: lambda a, b: a < b,
    BinaryOp.LE: lambda a, b: a <= b,
    BinaryOp.AND: lambda a, b: a and b,
    BinaryOp.OR: lambda a, b: a or b,
}
assert _OPERATIONS.keys() == set(BinaryOp), "closures: an operator has no operation"


class Closures:
    """Turns expressions into functions of an environment; a definition is worked out once in it."""

    def __init__(self, scope: Mapping[str, Type], definitions: Mapping[str, Expr]) -> None:
        self._scope = scope
        self._definitions: dict[str, Closure] = {}
        for name, expr in definitions.items():
            self._definitions[name] = self.of(expr)

    def of(self, expr: Expr) -> Closure:
        """Returns the function that gives the value of `expr`."""
        match expr:
            case Lit(value):
                return lambda env: value
            case Var(name):
                return self._read(name)
            case Not(arg):
                inner = self.of(arg)
                return lambda env: not inner(env)
            case Ite(cond, then, orelse):
                test, yes, no = self.of(cond), self.of(then), self.of(orelse)
                return lambda env: yes(env) if test(env) else no(env)
            case Binary(op, left, right):
                return self._binary(op, left, right)
            case _:
                assert_never(expr)

    def _read(self, name: str) -> Closure:
        if name not in self._definitions:
            return lambda env: env[name]
        defined = self._definitions[name]

        def read(env: Env) -> Any:
            if name not in env:
                env[name] = defined(env)
            return env[name]

        return read

    def _binary(self, op: BinaryOp, left: Expr, right: Expr) -> Closure:
        a, b, operation = self.of(left), self.of(right), _OPERATIONS[op]
        if op in (BinaryOp.LT, BinaryOp.LE):
            kind = common(type_of(left, self._scope, "<"), type_of(right, self._scope, "<"))
            if isinstance(kind, Enum):
                rank = {member: number for number, member in enumerate(kind.order)}
                return lambda env: operation(rank[a(env)], rank[b(env)])
        return lambda env: operation(a(env), b(env))
