"""A declaration in words: its names without underscores, its conditions as half-sentences, and what a state rules out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import assert_never

from tokenspec.machine.lang.counts import counted
from tokenspec.machine.lang.declaration import Actor, Event, Machine, Requirement
from tokenspec.machine.lang.expr import Binary, BinaryOp, Expr, Ite, Lit, Not, Var, substitute
from tokenspec.machine.lang.types import Value
from tokenspec.machine.proofs.contexts import folded

_SPELT = {op: op.value for op in (BinaryOp.ADD, BinaryOp.SUB, BinaryOp.MUL, BinaryOp.AND, BinaryOp.OR)}
_SPELT |= {BinaryOp.EQ: "is", BinaryOp.LT: "is below", BinaryOp.LE: "is at most"}
assert _SPELT.keys() | {BinaryOp.MIN, BinaryOp.MAX} == set(BinaryOp), "words: an operator is not spelt"
_VERB = re.compile("_(is|was)_")
_UNITS = ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1_000, "second"), (1, "millisecond"))


def spaced(name: str) -> str:
    """A declared name as words: `tokens_must_cover_cost` becomes `tokens must cover cost`."""
    return name.replace("_", " ")


def listed(names: Sequence[str]) -> str:
    """Names one after the other: `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def duration(ms: int) -> str:
    """A whole number of the largest unit that measures it: `48 hours`, `3 days`."""
    size, unit = next((size, unit) for size, unit in _UNITS if ms % size == 0 and (unit != "day" or ms > 2 * size))
    return counted(ms // size, unit)


def in_words(expr: Expr) -> str:
    """A condition or amount as a half-sentence."""
    match expr:
        case Lit(value):
            return _value(value)
        case Var(name):
            return spaced(name)
        case Not(Binary(BinaryOp.EQ, left, right)):
            return f"{_inner(left)} is not {_inner(right)}"
        case Not(Binary(BinaryOp.LE, left, right)):
            return f"{_inner(left)} is above {_inner(right)}"
        case Not(Binary(BinaryOp.LT, left, right)) | Binary(BinaryOp.LE, Lit() as right, left):
            return f"{_inner(left)} is at least {_inner(right)}"
        case Not(Var(name)) if (denied := _VERB.sub(r"_\1_not_", name, count=1)) != name:
            return spaced(denied)
        case Not(arg):
            return f"not {_inner(arg)}"
        case Binary(BinaryOp.MIN, left, right):
            return f"the lesser of {in_words(left)} and {in_words(right)}"
        case Binary(BinaryOp.MAX, left, right):
            return f"the greater of {in_words(left)} and {in_words(right)}"
        case Binary(BinaryOp.AND | BinaryOp.OR as op, left, right):
            return f" {op.value} ".join(_inner(part, op) for part in (left, right))
        case Binary(op, left, right):
            return f"{_inner(left)} {_SPELT[op]} {_inner(right)}"
        case Ite(cond, then, orelse):
            return f"{_inner(then)} if {in_words(cond)}, else {_inner(orelse)}"
        case _:
            assert_never(expr)


def opposite(expr: Expr) -> Expr:
    """The condition that holds exactly where `expr` does not, with its negations as far inside as they go."""
    match expr:
        case Not(arg):
            return arg
        case Lit(bool(value)):
            return Lit(not value)
        case Binary(BinaryOp.AND, left, right):
            return Binary(BinaryOp.OR, opposite(left), opposite(right))
        case Binary(BinaryOp.OR, left, right):
            return Binary(BinaryOp.AND, opposite(left), opposite(right))
        case Binary(BinaryOp.LE, left, right):
            return Binary(BinaryOp.LT, right, left)
        case Binary(BinaryOp.LT, left, right):
            return Binary(BinaryOp.LE, right, left)
        case _:
            return Not(expr)


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return spaced(value) if isinstance(value, str) else f"{value:,}"


def _inner(expr: Expr, within: BinaryOp | None = None) -> str:
    joins = isinstance(expr, Ite) or (isinstance(expr, Binary) and expr.op in (BinaryOp.AND, BinaryOp.OR))
    same = isinstance(expr, Binary) and expr.op is within
    return f"({in_words(expr)})" if joins and not same else in_words(expr)


def holds_in(expr: Expr, machine: Machine, state: str) -> bool | None:
    """Returns the truth of a condition in a state of the lifecycle whatever else holds, None where that depends."""
    known = folded(substitute(expr, _known_in(machine, state)))
    return bool(known.value) if isinstance(known, Lit) else None


@lru_cache(maxsize=256)
def _known_in(machine: Machine, state: str) -> dict[str, Expr]:
    """The definitions with what `state` decides of them worked out."""
    known: dict[str, Expr] = {machine.control: Lit(state)}
    for definition in machine.definitions:
        known[definition.name] = folded(substitute(definition.expr, known))
    return known


def refused_in(event: Event, machine: Machine, state: str) -> Requirement | None:
    """The first requirement that `state` alone makes fail, None where the event may be accepted there."""
    return next((need for need in event.requires if holds_in(need.holds, machine, state) is False), None)


def open_requirements(event: Event, machine: Machine, state: str) -> list[Requirement]:
    """The requirements that are still to be met in `state`: those that it does not settle."""
    return [need for need in event.requires if holds_in(need.holds, machine, state) is None]


def called(event: Event) -> str:
    """The event's name, with who brings it about where that is no user."""
    return event.name if event.actor is Actor.USER else f"{event.name} ({event.actor.value})"
