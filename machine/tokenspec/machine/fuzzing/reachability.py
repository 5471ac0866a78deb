"""The rules and refusals that can be met at all where some parameters are fixed, such as by a policy or a catalogue.

A walk through every combination of the enum variables and those that are true or false, with all numbers and fields that
are true or false left unknown. What it does not come to cannot be met; what it comes to mostly can.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import TypeAlias, assert_never

from tokenspec.machine.checkers.breadth_first import BreadthFirst
from tokenspec.machine.lang.declaration import Event, Machine, Rule
from tokenspec.machine.lang.expr import Binary, BinaryOp, Expr, Ite, Lit, Not, Var
from tokenspec.machine.lang.types import Bool, Enum, Value

_State: TypeAlias = tuple[tuple[str, Value], ...]
"""The variables of few values, with their values."""


def outcomes(machine: Machine) -> frozenset[tuple[str, str]]:
    """Every (event, rule or `refused: code`) that is declared."""
    rules = {(e.name, r.name) for e in machine.events for r in e.rules}
    return frozenset(rules | {(e.name, f"refused: {n.code}") for e in machine.events for n in e.requires})


def closed_off(machine: Machine, settings: Mapping[str, Value]) -> frozenset[tuple[str, str]]:
    """The outcomes that cannot be met under fixed `settings` of some parameters."""
    return outcomes(machine) - _Walk(machine, settings).reached


def never_due(machine: Machine, settings: Mapping[str, Value]) -> frozenset[str]:
    """The events of the clocks by which nothing falls due, as the figure that they are about is 0."""
    return frozenset(clock.falls_due for clock in machine.clocks if clock.of and settings.get(clock.of) == 0)


def decided(machine: Machine, expr: Expr, settings: Mapping[str, Value]) -> Value | None:
    """The value of `expr` under fixed `settings` of some parameters; None where it depends on anything else."""
    worker = _Worker(machine)
    worker.begin(settings)
    return worker.value(expr)


_OF_NUMBERS: dict[BinaryOp, Callable[[int, int], Value]] = {
    BinaryOp.ADD: operator.add,
    BinaryOp.SUB: operator.sub,
    BinaryOp.MUL: operator.mul,
    BinaryOp.MIN: min,
    BinaryOp.MAX: max,
    BinaryOp.LT: operator.lt,
    BinaryOp.LE: operator.le,
}
assert _OF_NUMBERS.keys() | {BinaryOp.EQ, BinaryOp.AND, BinaryOp.OR} == set(BinaryOp), "reachability: an operator has no meaning"


class _Walk:
    """Collects in `reached` the outcomes of every event in every combination that can come about."""

    def __init__(self, machine: Machine, settings: Mapping[str, Value]) -> None:
        self._machine = machine
        self._events = [event for event in machine.events if event.name not in never_due(machine, settings)]
        self._few: dict[str, tuple[Value, ...]] = {v.name: v.type.members for v in machine.variables if isinstance(v.type, Enum)}
        self._few |= {v.name: (False, True) for v in machine.variables if isinstance(v.type, Bool)}
        self._worker = _Worker(machine)
        self._settings = dict(settings)
        self.reached: set[tuple[str, str]] = set()
        initial = {v.name: v.initial for v in machine.variables}
        self._worker.begin(self._settings)
        starts = self._combinations({name: self._worker.value(initial[name]) for name in self._few})
        for _ in BreadthFirst(starts, self._successors):
            pass  # Each state that is visited adds to `reached`.

    def _successors(self, state: _State) -> Iterator[tuple[Rule, _State]]:
        for event in self._events:
            for rule in self._accepting(event, state):
                yield from ((rule, after) for after in self._after(rule, state))

    def _combinations(self, values: Mapping[str, Value | None]) -> Iterator[_State]:
        choices = [[value] if (value := values[name]) is not None else members for name, members in self._few.items()]
        for chosen in product(*choices):
            yield tuple(zip(self._few, chosen, strict=True))

    def _accepting(self, event: Event, state: _State) -> Iterator[Rule]:
        """The rules that may accept the event, with every choice of its enum fields; the worker stands at each choice."""
        fields = {f.name: f.type.members for f in event.fields if isinstance(f.type, Enum)}
        for chosen in product(*fields.values()):
            known = {**self._settings, **dict(state), **dict(zip(fields, chosen, strict=True))}
            self._worker.begin(known)
            for need in event.requires:
                holds = self._worker.value(need.holds)
                if holds is not True:
                    self.reached.add((event.name, f"refused: {need.code}"))
                if holds is False:
                    break
                self._worker.assume(need.holds)
            else:
                for rule in event.rules:
                    if known[self._machine.control] in rule.source and self._worker.value(rule.when) is not False:
                        self.reached.add((event.name, rule.name))
                        yield rule

    def _after(self, rule: Rule, state: _State) -> Iterator[_State]:
        values: dict[str, Value | None] = dict(state)
        for change in rule.effect:
            if change.name in values:
                values[change.name] = self._worker.value(change.value)
        if rule.target is not None:
            values[self._machine.control] = rule.target
        return self._combinations(values)


class _Worker:
    """Works expressions out as far as what is known goes; None is unknown."""

    def __init__(self, machine: Machine) -> None:
        self._definitions = {d.name: d.expr for d in machine.definitions}
        kinds = [v.type for v in machine.variables] + [f.type for e in machine.events for f in e.fields]
        self._orders = {kind.order for kind in kinds if isinstance(kind, Enum)}
        self._known: dict[str, Value | None] = {}

    def begin(self, known: Mapping[str, Value]) -> None:
        """From now on `known` is what is known."""
        self._known = dict(known)

    def assume(self, expr: Expr) -> None:
        """From now on `expr` is true, and so are the names that it cannot be true without."""
        match expr:
            case Var(name) if name not in self._definitions:
                self._known[name] = True
            case Not(Var(name)) if name not in self._definitions:
                self._known[name] = False
            case Binary(BinaryOp.AND, left, right):
                self.assume(left)
                self.assume(right)
            case Binary(BinaryOp.OR, left, right):
                for side, other in ((left, right), (right, left)):
                    if self.value(side) is False:
                        self.assume(other)

    def value(self, expr: Expr) -> Value | None:
        """The value of `expr`; None where it depends on something unknown."""
        match expr:
            case Lit(value):
                return value
            case Var(name):
                if name not in self._known:
                    self._known[name] = self.value(self._definitions[name]) if name in self._definitions else None
                return self._known[name]
            case Not(arg):
                inner = self.value(arg)
                return None if inner is None else not inner
            case Ite(cond, then, orelse):
                test = self.value(cond)
                if test is not None:
                    return self.value(then if test else orelse)
                yes = self.value(then)
                return yes if yes is not None and yes == self.value(orelse) else None
            case Binary(BinaryOp.AND | BinaryOp.OR as op, left, right):
                return self._joined(op is BinaryOp.OR, left, right)
            case Binary(op, left, right):
                a, b = self.value(left), self.value(right)
                return None if a is None or b is None else self._worked_out(op, a, b)
            case _:
                assert_never(expr)

    def _joined(self, deciding: bool, left: Expr, right: Expr) -> bool | None:
        """Of `and` and `or`: one side with the deciding value is enough."""
        one = self.value(left)
        if one is deciding:
            return deciding
        other = self.value(right)
        if other is deciding:
            return deciding
        return None if one is None or other is None else not deciding

    def _worked_out(self, op: BinaryOp, a: Value, b: Value) -> Value | None:
        if op is BinaryOp.EQ:
            return a == b
        if isinstance(a, str) or isinstance(b, str):
            places = {(o.index(a), o.index(b)) for o in self._orders if a in o and b in o}
            less = {x < y if op is BinaryOp.LT else x <= y for x, y in places}
            # A name may stand in two enums; where their orders differ nothing is known.
            return less.pop() if len(less) == 1 else None
        return _OF_NUMBERS[op](a, b)
