"""The types of expressions: which operator takes what, and what comes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import assert_never

from tokenspec.machine.lang.errors import DeclarationError
from tokenspec.machine.lang.expr import Binary, BinaryOp, Expr, Ite, Lit, Not, Var
from tokenspec.machine.lang.types import Bool, Enum, Tokens, Type

Scope = Mapping[str, Type]
"""Every name an expression may read, with its type."""

_LOOSE = "?"
"""The family of a member's name that stands alone: it fits every enum that has such a member."""

UNKNOWN = Enum("unknown", ())
"""The type of a name whose own declaration is at fault. It fits everywhere: the fault is told there, not at each reader."""


def fits(expr: Expr, scope: Scope, place: str, wanted: Type = UNKNOWN, code: str = "TS203") -> Iterator[DeclarationError]:
    """Yields what keeps `expr` from being a value of `wanted`: a fault in it, another type (`code`), a literal out of range."""
    try:
        found = type_of(expr, scope, place)
    except DeclarationError as fault:
        yield fault
        return
    if common(found, wanted) is None:
        yield DeclarationError(code, place, f"{show(expr)} is {found}, not {wanted}", "Give a value of that type")
    elif isinstance(expr, Lit) and wanted is not UNKNOWN and not wanted.admits(expr.value):
        yield DeclarationError("TS204", place, f"{show(expr)} is not a {wanted}", "Give one of its values")


def type_of(expr: Expr, scope: Scope, place: str) -> Type:
    """The type of `expr`; a number's range is not computed. Raises TS101, TS201 or TS202 at `place`."""
    match expr:
        case Lit(value):
            return Bool() if isinstance(value, bool) else Tokens() if isinstance(value, int) else Enum(_LOOSE, (value,))
        case Var(name):
            if name not in scope:
                known = ", ".join(sorted(scope)) or "nothing"
                raise DeclarationError("TS101", place, f"{name!r} is not declared", f"Known here: {known}")
            return scope[name]
        case Not(arg):
            _demand(Bool(), arg, scope, place)
            return Bool()
        case Binary(op, left, right):
            return _binary(op, left, right, scope, place)
        case Ite(cond, then, orelse):
            _demand(Bool(), cond, scope, place)
            return _unify(then, orelse, scope, place, "the two branches of ite")
        case _:
            assert_never(expr)


def _binary(op: BinaryOp, left: Expr, right: Expr, scope: Scope, place: str) -> Type:
    match op:
        case BinaryOp.ADD | BinaryOp.SUB | BinaryOp.MUL | BinaryOp.MIN | BinaryOp.MAX:
            _demand(Tokens(), left, scope, place)
            _demand(Tokens(), right, scope, place)
            return Tokens()
        case BinaryOp.AND | BinaryOp.OR:
            _demand(Bool(), left, scope, place)
            _demand(Bool(), right, scope, place)
            return Bool()
        case BinaryOp.EQ:
            _unify(left, right, scope, place, "the two sides of eq")
            return Bool()
        case BinaryOp.LT | BinaryOp.LE:
            if isinstance(_unify(left, right, scope, place, f"the two sides of {op.value}"), Bool):
                raise DeclarationError("TS201", place, "truth values have no order", "Compare them with eq")
            return Bool()
        case _:
            assert_never(op)


def _demand(wanted: Type, expr: Expr, scope: Scope, place: str) -> None:
    found = type_of(expr, scope, place)
    if found is not UNKNOWN and type(found) is not type(wanted):
        code = "TS202" if isinstance(wanted, Bool) else "TS201"
        fix = "A truth value is needed here" if isinstance(wanted, Bool) else "A number is needed here"
        raise DeclarationError(code, place, f"{show(expr)} is of type {found}", fix)


def _unify(left: Expr, right: Expr, scope: Scope, place: str, what: str) -> Type:
    a, b = type_of(left, scope, place), type_of(right, scope, place)
    both = common(a, b)
    if both is None:
        message = f"{what} are of different types: {show(left)} is {a}, {show(right)} is {b}"
        raise DeclarationError("TS201", place, message, "Bring both to one type")
    return both


def common(a: Type, b: Type) -> Type | None:
    """The type that holds the values of both, None where there is none."""
    if a is UNKNOWN or b is UNKNOWN:
        return b if a is UNKNOWN else a
    match a, b:
        case Bool(), Bool():
            return a
        case Tokens(), Tokens():
            return a
        case Enum(), Enum():
            if a.name == b.name:
                return a
            if a.name == _LOOSE and set(a.members) <= set(b.order):
                return b
            if b.name == _LOOSE and set(b.members) <= set(a.order):
                return a
            return Enum(_LOOSE, a.members + b.members) if a.name == b.name == _LOOSE else None
    return None


def show(expr: Expr) -> str:
    """`expr` as one line of text, for messages and documents."""
    match expr:
        case Lit(value):
            return str(value).lower() if isinstance(value, bool) else str(value)
        case Var(name):
            return name
        case Not(Binary(BinaryOp.EQ, left, right)):
            return f"{_inner(left)} != {_inner(right)}"
        case Not(arg):
            return f"not {_inner(arg)}"
        case Binary(BinaryOp.MIN | BinaryOp.MAX as op, left, right):
            return f"{op.value}({show(left)}, {show(right)})"
        case Binary(op, left, right):
            return f"{_inner(left)} {op.value} {_inner(right)}"
        case Ite(cond, then, orelse):
            return f"({show(then)} if {show(cond)} else {show(orelse)})"
        case _:
            assert_never(expr)


def _inner(expr: Expr) -> str:
    nested = (isinstance(expr, Binary) and expr.op not in (BinaryOp.MIN, BinaryOp.MAX)) or isinstance(expr, Not)
    return f"({show(expr)})" if nested else show(expr)
