"""The account (or any declared machine) as a live object: a `transitions` machine built from the declaration.

    account = live(machine, parameters)
    account.open_account()           # True: accepted
    account.subscribe(plan="premium")
    account.status, account.fast     # 'active', 25000
    account.upgrade(plan="essential")  # False: refused
    account.refusal                  # 'plan_must_be_higher'

States and triggers have the declared names; a trigger takes the event's fields under the names a record gives
them. Expressions are evaluated through closures built here, so that nothing is shared with the other readers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, assert_never

import transitions

from tokenspec.machine.lang.declaration import Event, Machine, Origin, Rule
from tokenspec.machine.lang.errors import Gap
from tokenspec.machine.lang.expr import Binary, BinaryOp, Expr, Ite, Lit, Not, Var
from tokenspec.machine.lang.outcome import Accepted, Refused, Step, Values
from tokenspec.machine.lang.typecheck import common, type_of
from tokenspec.machine.lang.types import Enum, Tokens, Type, Value
from tokenspec.machine.lang.validate import machine_scope

Env: TypeAlias = dict[str, Any]
Closure: TypeAlias = Callable[[Env], Any]

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
assert _OPERATIONS.keys() == set(BinaryOp), "live: an operator has no operation"


class _Closures:
    """Turns expressions of one machine into functions of an environment; a definition is worked out once in it."""

    def __init__(self, machine: Machine) -> None:
        fields = [f for e in machine.events for f in e.fields]
        self._scope: dict[str, Type] = machine_scope(machine, fields)
        self._definitions: dict[str, Closure] = {}
        for definition in machine.definitions:
            self._definitions[definition.name] = self.of(definition.expr)

    def of(self, expr: Expr) -> Closure:
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


class Live:
    """One running instance. Variables are attributes; the control variable is the `transitions` state."""

    refusal: str | None = None
    """The code of the last refusal, None after an accepted event."""
    rule: str | None = None
    """The rule that accepted the last event, None after a refusal."""

    def __init__(self, machine: Machine, parameters: Values, *, graph: bool = False) -> None:
        self._declared = machine
        self._parameters = dict(parameters)
        self._closures = _Closures(machine)
        self._needs = {e.name: [(n.code, self._closures.of(n.holds)) for n in e.requires] for e in machine.events}
        self._env: Env = {}
        self.answer: dict[str, Value] = {}
        self.ledger: list[tuple[Any, str, int]] = []
        for v in machine.variables:
            setattr(self, v.name, self._closures.of(v.initial)(self._parameters))
        self.machine = _kind(graph)(
            model=self,
            states=list(machine.states),
            initial=getattr(self, machine.control),
            transitions=[t for e in machine.events for r in e.rules for t in self._transitions(e, r)],
            model_attribute=machine.control,
            send_event=True,
            auto_transitions=False,
            ignore_invalid_triggers=True,
            **({"title": machine.name, "graph_engine": "graphviz"} if graph else {}),
        )
        for event in machine.events:
            setattr(self, event.name, self._trigger(event))

    @property
    def state_values(self) -> dict[str, Value]:
        """Every variable with its value."""
        return {v.name: getattr(self, v.name) for v in self._declared.variables}

    def _transitions(self, event: Event, rule: Rule) -> list[dict[str, Any]]:
        when = self._closures.of(rule.when)
        effect = [(a.name, self._closures.of(a.value)) for a in rule.effect]
        answer = [(a.name, self._closures.of(a.value)) for a in rule.answer]
        ledger = [(line.kind, line.pool, self._closures.of(line.amount)) for line in rule.ledger]

        def applies(data: transitions.EventData) -> bool:
            return self._first_refusal(event) is None and bool(when(self._env))

        def take_effect(data: transitions.EventData) -> None:
            # Every right side is read before anything is written: effects are simultaneous.
            after = [(name, value(self._env)) for name, value in effect]
            self.answer = {name: value(self._env) for name, value in answer}
            self.ledger = [(kind, pool, n) for kind, pool, amount in ledger if (n := amount(self._env))]
            self.rule = rule.name
            for name, value in after:
                setattr(self, name, value)

        return [
            {
                "trigger": f"fire_{event.name}",
                "source": source,
                # A rule without a target leaves the state alone: an internal transition, or a loop where one is drawn.
                "dest": rule.target,
                "conditions": [applies],
                "before" if rule.target else "after": [take_effect],
            }
            for source in rule.source
        ]

    def _first_refusal(self, event: Event) -> str | None:
        return next((code for code, holds in self._needs[event.name] if not holds(self._env)), None)

    def _trigger(self, event: Event) -> Callable[..., bool]:
        wanted = {f.key: f for f in event.fields}

        def trigger(**fields: Value) -> bool:
            unknown = fields.keys() - wanted.keys() - {f.name for f in event.fields}
            if unknown:
                raise TypeError(f"{event.name}() got an unexpected field {sorted(unknown)[0]!r}; it takes {sorted(wanted)}")
            given: Env = {f.name: fields.get(f.key, fields.get(f.name, self._usual(f.origin, f.type))) for f in event.fields}
            missing = [f.key for f in event.fields if given[f.name] is None]
            if missing:
                raise TypeError(f"{event.name}() misses {', '.join(map(repr, missing))}")
            for f in event.fields:
                if not f.type.admits(given[f.name]):
                    raise TypeError(f"{event.name}() takes as {f.key!r} a {f.type}, not {given[f.name]!r}")
            self._env = {**self._parameters, **self.state_values, **given}
            self.refusal, self.rule = self._first_refusal(event), None
            self.answer, self.ledger = {}, []
            # Fired through the machine and not as an attribute, which an event called fire_... would cover.
            if self.refusal is None and not (event.rules and self.machine.events[f"fire_{event.name}"].trigger(self)):
                raise Gap(f"{event.name} in {self.state_values} with {given}: no rule applies, where exactly one must")
            return self.refusal is None

        trigger.__name__, trigger.__doc__ = event.name, event.says
        return trigger

    @staticmethod
    def _usual(origin: Origin, kind: Type) -> Value | None:
        """Facts come from a journal; without one a truth is taken to hold and a number to be 0, or as near as its type has it.

        Payload has no default.
        """
        if origin is Origin.PAYLOAD:
            return None
        if isinstance(kind, Tokens):
            return min(max(0, kind.lo), kind.hi)
        return kind.members[0] if isinstance(kind, Enum) else True


def _kind(graph: bool) -> Any:
    if not graph:
        return transitions.Machine
    from transitions.extensions import GraphMachine

    return GraphMachine


def live(machine: Machine, parameters: Values, *, graph: bool = False) -> Live:
    """A new instance of `machine` in its initial state. Refuses, by `AssertionError`, names that Python cannot spell.

    `graph`: it has the `get_graph()` of `transitions`, and takes longer to make.
    """
    names = [e.name for e in machine.events] + [v.name for v in machine.variables]
    assert all(name.isidentifier() for name in names), "events and variables must be Python names to become attributes"
    return Live(machine, parameters, graph=graph)


class LiveReader:
    """The live machine behind the interface of the other readers, for differential tests."""

    def __init__(self, machine: Machine, parameters: Values) -> None:
        self._live = live(machine, parameters)
        self._machine = machine

    def bound_to(self, parameters: Values) -> LiveReader:
        """The same reader under other parameters; building a `transitions` machine anew would take milliseconds."""
        self._live._parameters = dict(parameters)
        return self

    def step(self, state: Mapping[str, Value], event_name: str, fields: Values) -> Step:
        """The same as `reference.step`."""
        for name, value in state.items():
            setattr(self._live, name, value)
        if not getattr(self._live, event_name)(**fields):
            assert self._live.refusal is not None
            return Refused(self._live.refusal)
        assert self._live.rule is not None
        return Accepted(self._live.rule, self._live.state_values, self._live.answer, tuple(self._live.ledger))
