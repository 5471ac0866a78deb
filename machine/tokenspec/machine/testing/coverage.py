"""Which rules and refusals a run has met, which it has not, and which fixed settings leave it no way to meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from tokenspec.machine.backends.compiled import Compiled, Outcome
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.expr import Binary, BinaryOp, Expr, Ite, Lit, Not, Var, substitute
from tokenspec.machine.lang.types import Value

Met = tuple[str, str]
"""An event and what became of it: a rule's name, or `refused: ` and a code."""


@dataclass
class Coverage:
    """Hits of each rule, and of each refusal of each event, over `machines`."""

    machines: tuple[Machine, ...]
    rules: Counter[str] = field(default_factory=Counter)
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for machine in self.machines:
            for event in machine.events:
                self.rules.update({r.name: 0 for r in event.rules})
                self.refusals.update({(event.name, n.code): 0 for n in event.requires})

    def note(self, compiled: Compiled, event: str, outcome: Outcome) -> None:
        """Counts the outcome of one event."""
        index = outcome[0]
        if index >= 0:
            self.rules[compiled.rules[index]] += 1
        else:
            self.refusals[event, compiled.codes[-1 - index]] += 1

    def add(self, other: Coverage) -> None:
        """Takes in the hits of another run."""
        self.rules.update(other.rules)
        self.refusals.update(other.refusals)

    def rows(self) -> list[tuple[str, str, int]]:
        """(event, rule or refusal, hits), the coldest first."""
        of = {r.name: e.name for m in self.machines for e in m.events for r in e.rules}
        rows = [(of[rule], rule, hits) for rule, hits in self.rules.items()]
        rows += [(event, f"refused: {code}", hits) for (event, code), hits in self.refusals.items()]
        return sorted(rows, key=lambda row: (row[2], row[0], row[1]))

    def cold(self, closed: Collection[Met] = ()) -> list[Met]:
        """Everything that was never met, less what is `closed` off."""
        return [(event, what) for event, what, hits in self.rows() if hits == 0 and (event, what) not in closed]


def closed_off(machine: Machine, settings: Mapping[str, Value]) -> frozenset[Met]:
    """The rules and refusals of `machine` that cannot be met under fixed `settings` of some parameters.

    Only what follows from constants is found: a requirement that always holds refuses nothing, one that never holds
    leaves nothing to what comes after it, and a rule whose condition never holds accepts nothing.
    """
    known: dict[str, Expr] = {name: Lit(value) for name, value in settings.items()}
    for definition in machine.definitions:
        value = fold(substitute(definition.expr, known))
        if isinstance(value, Lit):
            known[definition.name] = value
    closed: set[Met] = set()
    for event in machine.events:
        never = Lit(False)
        is_closed = False
        for need in event.requires:
            holds = fold(substitute(need.holds, known))
            if is_closed or holds == Lit(True):
                closed.add((event.name, f"refused: {need.code}"))
            is_closed = is_closed or holds == never
        for rule in event.rules:
            if is_closed or fold(substitute(rule.when, known)) == never:
                closed.add((event.name, rule.name))
    return frozenset(closed)


def fold(expr: Expr) -> Expr:
    """`expr` with everything worked out that does not depend on a name."""
    match expr:
        case Lit() | Var():
            return expr
        case Not(arg):
            inner = fold(arg)
            return Lit(not inner.value) if isinstance(inner, Lit) else Not(inner)
        case Ite(cond, then, orelse):
            test, yes, no = fold(cond), fold(then), fold(orelse)
            if isinstance(test, Lit):
                return yes if test.value else no
            return yes if yes == no else Ite(test, yes, no)
        case Binary(op, left, right):
            return _folded(op, fold(left), fold(right))
        case _:
            assert_never(expr)


def _folded(op: BinaryOp, left: Expr, right: Expr) -> Expr:
    if op in (BinaryOp.AND, BinaryOp.OR):
        # The value that decides, whatever the other side is; the other value leaves it to the other side.
        deciding = Lit(op is BinaryOp.OR)
        if deciding in (left, right):
            return deciding
        if isinstance(left, Lit):
            return right
        return left if isinstance(right, Lit) else Binary(op, left, right)
    if isinstance(left, Lit) and isinstance(right, Lit):
        value = _worked_out(op, left.value, right.value)
        if value is not None:
            return Lit(value)
    return Binary(op, left, right)


def _worked_out(op: BinaryOp, a: Value, b: Value) -> Value | None:
    if op is BinaryOp.EQ:
        return a == b
    if not isinstance(a, int) or not isinstance(b, int):
        return None  # the order of an enum's members is not known here
    match op:
        case BinaryOp.ADD:
            return a + b
        case BinaryOp.SUB:
            return a - b
        case BinaryOp.MUL:
            return a * b
        case BinaryOp.MIN:
            return min(a, b)
        case BinaryOp.MAX:
            return max(a, b)
        case BinaryOp.LT:
            return a < b
        case BinaryOp.LE:
            return a <= b
        case _:
            return None
