"""The symbolic reader: a declaration as z3 terms, with parameters and state left open.

Members of an enum are their positions in its order. A product of two open numbers stands for itself: all that is
said of it is its sign, which keeps everything else linear; whatever is proved holds of the true product too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, assert_never

import z3

from tokenspec.machine.lang.declaration import Event, Machine, Rule
from tokenspec.machine.lang.expr import Binary, BinaryOp, Expr, Ite, Lit, Not, Var
from tokenspec.machine.lang.typecheck import common, type_of
from tokenspec.machine.lang.types import Bool, Enum, Tokens, Type, Value
from tokenspec.machine.lang.validate import machine_scope

Term: TypeAlias = Any
"""A z3 expression; z3 carries no types that a checker could use."""


def constant(name: str, kind: Type) -> Term:
    """An open value of the declared type."""
    return z3.Bool(name) if isinstance(kind, Bool) else z3.Int(name)


def in_range(term: Term, kind: Type) -> Term:
    """That an open value is a value of its type."""
    match kind:
        case Bool():
            return z3.BoolVal(True)
        case Tokens(lo, hi):
            return z3.And(lo <= term, term <= hi)
        case Enum():
            return z3.Or(*(term == kind.order.index(member) for member in kind.members))
        case _:
            assert_never(kind)


class Env:
    """Names with their terms and types; definitions are encoded when first read, and in this environment."""

    def __init__(self, terms: Mapping[str, Term], types: Mapping[str, Type], definitions: Mapping[str, Expr]) -> None:
        self.terms, self.types, self._definitions = dict(terms), types, definitions
        self.side: list[Term] = []
        """What is known of the products that occur."""

    def __getitem__(self, name: str) -> Term:
        if name not in self.terms:
            self.terms[name] = self.encode(self._definitions[name])
        return self.terms[name]

    def encode(self, expr: Expr, kind: Type | None = None) -> Term:
        """`expr` as a term; `kind` tells whose member a name is that stands alone."""
        match expr:
            case Lit(bool(value)):
                return z3.BoolVal(value)
            case Lit(int(value)):
                return z3.IntVal(value)
            case Lit(value):
                assert isinstance(kind, Enum), f"nothing says whose member {value!r} is"
                return z3.IntVal(kind.order.index(str(value)))
            case Var(name):
                return self[name]
            case Not(arg):
                return z3.Not(self.encode(arg))
            case Ite(cond, then, orelse):
                inner = self._type(then, orelse) or kind
                return z3.If(self.encode(cond), self.encode(then, inner), self.encode(orelse, inner))
            case Binary(op, left, right):
                return self._binary(op, left, right)
            case _:
                assert_never(expr)

    def _type(self, left: Expr, right: Expr) -> Type | None:
        found = common(type_of(left, self.types, ""), type_of(right, self.types, ""))
        return None if isinstance(found, Enum) and found.name == "?" else found

    def _binary(self, op: BinaryOp, left: Expr, right: Expr) -> Term:
        kind = self._type(left, right) if op in (BinaryOp.EQ, BinaryOp.LT, BinaryOp.LE) else None
        if kind is None and op is BinaryOp.EQ and isinstance(left, Lit) and isinstance(right, Lit):
            return z3.BoolVal(left.value == right.value)
        a, b = self.encode(left, kind), self.encode(right, kind)
        match op:
            case BinaryOp.ADD:
                return a + b
            case BinaryOp.SUB:
                return a - b
            case BinaryOp.MUL:
                return self._product(a, b)
            case BinaryOp.MIN:
                return z3.If(a <= b, a, b)
            case BinaryOp.MAX:
                return z3.If(a <= b, b, a)
            case BinaryOp.EQ:
                return a == b
            case BinaryOp.LT:
                return a < b
            case BinaryOp.LE:
                return a <= b
            case BinaryOp.AND:
                return z3.And(a, b)
            case BinaryOp.OR:
                return z3.Or(a, b)
            case _:
                assert_never(op)

    def _product(self, a: Term, b: Term) -> Term:
        product = z3.Function("product", z3.IntSort(), z3.IntSort(), z3.IntSort())(a, b)
        self.side.append(z3.Implies(z3.And(a >= 1, b >= 1), product >= 1))
        self.side.append(z3.Implies(z3.Or(a == 0, b == 0), product == 0))
        return product


class Symbolic:
    """A machine with an open state, open parameters and open fields."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.definitions = {d.name: d.expr for d in machine.definitions}
        self._types = {v.name: v.type for v in machine.variables}
        self.parameters = {p.name: constant(p.name, p.type) for p in machine.all_parameters}
        self.given = [in_range(self.parameters[p.name], p.type) for p in machine.all_parameters]
        plain = Env(self.parameters, {p.name: p.type for p in machine.all_parameters}, {})
        self.given += [plain.encode(a.holds) for a in machine.assumptions]

    def state(self, tag: str = "") -> dict[str, Term]:
        """An open state; `tag` tells it from another one."""
        return {v.name: constant(tag + v.name, v.type) for v in self.machine.variables}

    def initial(self) -> dict[str, Term]:
        """The state in which every run begins."""
        env = Env(self.parameters, {p.name: p.type for p in self.machine.all_parameters}, {})
        return {v.name: env.encode(v.initial, v.type) for v in self.machine.variables}

    def fields(self, event: Event, tag: str = "") -> tuple[dict[str, Term], list[Term]]:
        """Open fields for `event`, and that each is of its type."""
        terms = {f.name: constant(f"{tag}{event.name}.{f.name}", f.type) for f in event.fields}
        return terms, [in_range(terms[f.name], f.type) for f in event.fields]

    def env(self, state: Mapping[str, Term], event: Event | None = None, fields: Mapping[str, Term] | None = None) -> Env:
        """What expressions read in `state`, and where `event` happens with `fields`."""
        types = machine_scope(self.machine, event.fields if event else ())
        return Env({**self.parameters, **state, **(fields or {})}, types, self.definitions)

    def accepted(self, event: Event, env: Env) -> Term:
        """That no requirement of `event` fails."""
        return z3.And(*(env.encode(need.holds) for need in event.requires))

    def applies(self, rule: Rule, env: Env) -> Term:
        """That the rule's source and condition fit."""
        order = self._types[self.machine.control]
        assert isinstance(order, Enum)
        sources = [env[self.machine.control] == order.order.index(s) for s in rule.source]
        return z3.And(z3.Or(*sources), env.encode(rule.when))

    def after(self, rule: Rule, env: Env, state: Mapping[str, Term]) -> dict[str, Term]:
        """The state after `rule`."""
        types = self._types
        new = dict(state) | {a.name: env.encode(a.value, types[a.name]) for a in rule.effect}
        if rule.target is not None:
            order = types[self.machine.control]
            assert isinstance(order, Enum)
            new[self.machine.control] = z3.IntVal(order.order.index(rule.target))
        return new

    def run(self, state: Mapping[str, Term], events: Iterable[str], times: int = 1) -> tuple[dict[str, Term], list[Term]]:
        """The state after events without fields, each passed over where it is refused, and what was taken for granted.

        A job that repeats is run `times`, and taken to be refused after that.
        """
        side: list[Term] = []
        now = dict(state)
        for name in events:
            event = self.machine.event_named[name]
            for _ in range(times if event.repeats else 1):
                env = self.env(now, event)
                accepted = self.accepted(event, env)
                after = dict(now)
                for rule in event.rules:
                    taken = z3.And(accepted, self.applies(rule, env))
                    new = self.after(rule, env, now)
                    after = {v: z3.If(taken, new[v], after[v]) if new[v] is not now[v] else after[v] for v in after}
                side += env.side
                now = after
            if event.repeats:
                done = self.env(now, event)
                side += [z3.Not(self.accepted(event, done)), *done.side]
        return now, side

    def decode(self, model: Any, terms: Mapping[str, Term], types: Mapping[str, Type]) -> dict[str, Value]:
        """The values that a model gives to open terms."""
        found: dict[str, Value] = {}
        for name, term in terms.items():
            value = model.eval(term, model_completion=True)
            kind = types[name]
            number = z3.is_true(value) if isinstance(kind, Bool) else value.as_long()
            found[name] = kind.order[number] if isinstance(kind, Enum) and 0 <= number < len(kind.order) else number
        return found
