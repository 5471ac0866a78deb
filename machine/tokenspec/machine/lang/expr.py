"""Expressions: five node classes and one enum of operators, closed on purpose (docs/adr/0002).

A reader of expressions is a function with one `match` over the five nodes that ends in `assert_never`; a
new operator is a member of `BinaryOp`, and the type checker then lists every reader that lacks it. All
operations are total: there is no division and no look-up that could fail.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeAlias, TypeVar, assert_never

from tokenspec.machine.lang.types import Value

T = TypeVar("T")


class BinaryOp(enum.Enum):
    """Every operator of two arguments. `<` and `<=` compare numbers, or members of one enum by its order."""

    ADD = "+"
    SUB = "-"
    MUL = "*"
    MIN = "min"
    MAX = "max"
    EQ = "="
    LT = "<"
    LE = "<="
    AND = "and"
    OR = "or"


@dataclass(frozen=True, slots=True)
class Lit:
    """A constant. Text is always the name of an enum's member."""

    value: Value


@dataclass(frozen=True, slots=True)
class Var:
    """The value of a variable, parameter, definition or field, by name."""

    name: str


@dataclass(frozen=True, slots=True)
class Not:
    """True iff `arg` is false."""

    arg: Expr


@dataclass(frozen=True, slots=True)
class Binary:
    """`left op right`."""

    op: BinaryOp
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Ite:
    """`then` where `cond` is true, `orelse` elsewhere."""

    cond: Expr
    then: Expr
    orelse: Expr


Expr: TypeAlias = Lit | Var | Not | Binary | Ite

TRUE = Lit(True)


def children(expr: Expr) -> tuple[Expr, ...]:
    """The direct parts of `expr`, left to right."""
    match expr:
        case Lit() | Var():
            return ()
        case Not(arg):
            return (arg,)
        case Binary(_, left, right):
            return (left, right)
        case Ite(cond, then, orelse):
            return (cond, then, orelse)
        case _:
            assert_never(expr)


def with_parts(expr: Expr, parts: Sequence[Expr]) -> Expr:
    """Returns `expr` with other direct parts, as many as it has, left to right."""
    match expr:
        case Lit() | Var():
            return expr
        case Not():
            return Not(*parts)
        case Binary(op):
            return Binary(op, *parts)
        case Ite():
            return Ite(*parts)
        case _:
            assert_never(expr)


def names_in(expr: Expr) -> Iterator[str]:
    """Every name that `expr` reads, left to right, with repetitions."""
    if isinstance(expr, Var):
        yield expr.name
    for part in children(expr):
        yield from names_in(part)


def reads(part: object) -> Iterator[str]:
    """Every name read by the expressions within `part`, a dataclass or a tuple of them, with repetitions."""
    if isinstance(part, Var):
        yield part.name
    elif isinstance(part, tuple):
        for each in part:
            yield from reads(each)
    elif is_dataclass(part):
        for field in fields(part):
            yield from reads(getattr(part, field.name))


def rewritten(part: T, change: Callable[[Expr], Expr]) -> T:
    """`part`, a dataclass or a tuple of them, with each whole expression in it changed."""
    new: Any = part
    if isinstance(part, Expr):
        new = change(part)
    elif isinstance(part, tuple):
        new = tuple(rewritten(each, change) for each in part)
    elif is_dataclass(part):
        new = replace(new, **{field.name: rewritten(getattr(part, field.name), change) for field in fields(part)})
    changed: T = new
    return changed


def substitute(expr: Expr, by: Mapping[str, Expr]) -> Expr:
    """`expr` with every name that `by` holds replaced."""
    if isinstance(expr, Var):
        return by.get(expr.name, expr)
    return with_parts(expr, [substitute(part, by) for part in children(expr)])


def operands(expr: Expr, op: BinaryOp) -> Iterator[Expr]:
    """The expressions that `op` joins, left to right; `expr` itself where that is another operator's, or none's."""
    if isinstance(expr, Binary) and expr.op is op:
        yield from operands(expr.left, op)
        yield from operands(expr.right, op)
    else:
        yield expr
