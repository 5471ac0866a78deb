"""The reference reader: what a declaration means, by walking it.

It is short and slow on purpose, and shares no table of operators with any other reader: every other reader
is tested against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from tokenspec.machine.lang.declaration import Machine, Rule
from tokenspec.machine.lang.errors import Gap
from tokenspec.machine.lang.expr import Binary, BinaryOp, Expr, Ite, Lit, Not, Var
from tokenspec.machine.lang.outcome import Accepted, Refused, Step, Values
from tokenspec.machine.lang.typecheck import common, type_of
from tokenspec.machine.lang.types import Enum, Type, Value
from tokenspec.machine.lang.validate import machine_scope


class Bindings:
    """The values that an expression may read; definitions are worked out when first read.

    Names that the machine itself does not have, such as those of the state after an event, come with `types` and `definitions`.
    """

    def __init__(
        self,
        machine: Machine,
        *known: Values,
        types: Mapping[str, Type] | None = None,
        definitions: Mapping[str, Expr] | None = None,
    ) -> None:
        self._machine, self._types = machine, types
        self._definitions = {d.name: d.expr for d in machine.definitions} if definitions is None else definitions
        self._values: dict[str, Value] = {}
        for values in known:
            self._values.update(values)

    def __getitem__(self, name: str) -> Value:
        if name not in self._values:
            self._values[name] = evaluate(self._definitions[name], self)
        return self._values[name]

    def meaning(self, name: str) -> Expr | None:
        """Returns the expression that defines `name`, None where it has a value of its own."""
        return self._definitions.get(name)

    def position(self, expr: Expr, other: Expr) -> tuple[int, int]:
        """Returns the positions of the values of two expressions in the order of their enum."""
        if self._types is None:
            fields = [f for e in self._machine.events for f in e.fields]
            self._types = machine_scope(self._machine, fields)
        kind = common(type_of(expr, self._types, "<"), type_of(other, self._types, "<"))
        assert isinstance(kind, Enum)
        return kind.order.index(str(evaluate(expr, self))), kind.order.index(str(evaluate(other, self)))


def evaluate(expr: Expr, scope: Bindings) -> Value:
    """The value of `expr`. Types are taken to have been checked (`validate`)."""
    match expr:
        case Lit(value):
            return value
        case Var(name):
            return scope[name]
        case Not(arg):
            return not evaluate(arg, scope)
        case Ite(cond, then, orelse):
            return evaluate(then if evaluate(cond, scope) else orelse, scope)
        case Binary(op, left, right):
            return _apply(op, left, right, scope)
        case _:
            assert_never(expr)


def _apply(op: BinaryOp, left: Expr, right: Expr, scope: Bindings) -> Value:
    if op is BinaryOp.AND:
        return bool(evaluate(left, scope)) and bool(evaluate(right, scope))
    if op is BinaryOp.OR:
        return bool(evaluate(left, scope)) or bool(evaluate(right, scope))
    a, b = evaluate(left, scope), evaluate(right, scope)
    if op is BinaryOp.EQ:
        return a == b
    if isinstance(a, str) or isinstance(b, str):
        a, b = scope.position(left, right)
    match op:
        case BinaryOp.ADD:
            return a + b
        case BinaryOp.SUB:
            return a - b
        case BinaryOp.MUL:
            return a * b
        case BinaryOp.MIN:
            return a if a <= b else b
        case BinaryOp.MAX:
            return b if a <= b else a
        case BinaryOp.LT:
            return a < b
        case BinaryOp.LE:
            return a <= b
        case _:
            assert_never(op)


def initial_state(machine: Machine, parameters: Values) -> dict[str, Value]:
    """The state in which every run of `machine` begins."""
    scope = Bindings(machine, parameters)
    return {v.name: evaluate(v.initial, scope) for v in machine.variables}


def step(machine: Machine, parameters: Values, state: Values, event_name: str, fields: Values) -> Step:
    """Returns the outcome of `event_name` with `fields` in `state`.

    Refused by the first requirement that fails; otherwise accepted by the one rule whose source and condition
    fit. Raises `Gap` where no rule fits, or more than one.
    """
    event = machine.event_named[event_name]
    scope = Bindings(machine, parameters, state, fields)
    for need in event.requires:
        if not evaluate(need.holds, scope):
            return Refused(need.code)
    fitting = [r for r in event.rules if state[machine.control] in r.source and evaluate(r.when, scope)]
    if len(fitting) != 1:
        found = ", ".join(r.name for r in fitting) or "no rule"
        raise Gap(f"{event_name} in {dict(state)} with {dict(fields)}: {found} applies, where exactly one must")
    return _accept(machine, state, fitting[0], scope)


def _accept(machine: Machine, state: Values, rule: Rule, scope: Bindings) -> Accepted:
    after = dict(state)
    if rule.target is not None:
        after[machine.control] = rule.target
    after.update({assign.name: evaluate(assign.value, scope) for assign in rule.effect})
    answer = {assign.name: evaluate(assign.value, scope) for assign in rule.answer}
    amounts = [(line.kind, line.pool, evaluate(line.amount, scope)) for line in rule.ledger]
    return Accepted(rule.name, after, answer, tuple((kind, pool, int(n)) for kind, pool, n in amounts if n))
