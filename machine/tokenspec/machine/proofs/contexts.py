"""Proofs as data: the context, which is names, their meanings and the facts known of them, and what has to follow from it.

A setting lies inside another one and adds names. Some are open: of them nothing is known but what `known` says.
The others are defined by expressions over names that come before. The state after an event is one more set of names,
such as `new.fast`, each defined over the state before it, so that a formula never grows with the number of events.
Everything is an expression of our own language; what a solver is told is up to the encoders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TypeAlias, assert_never

from tokenspec.machine.lang.build import Term, all_of, eq, ite, one_of, var
from tokenspec.machine.lang.claims import PairPart, RefusalPart, StatePart, StepPart, TwoRunPart, of_type, primed_definitions
from tokenspec.machine.lang.declaration import Event, Machine, Rule
from tokenspec.machine.lang.expr import TRUE, Binary, BinaryOp, Expr, Ite, Lit, Not, Var, names_in, substitute
from tokenspec.machine.lang.typecheck import type_of
from tokenspec.machine.lang.types import Bool, Enum, Type
from tokenspec.machine.lang.validate import machine_scope

NEW, OTHER = "new.", "other."
"""Prefixes of the names of the state after an event, and of those of another copy of the machine."""

COMPARISONS = frozenset((BinaryOp.EQ, BinaryOp.LT, BinaryOp.LE))
"""The operators whose arguments may be names."""
_BARE = "?"
"""The family of names that nothing but their use tells apart."""


@dataclass(frozen=True, eq=False)
class ProofContext:
    """Names with their types; those that `defines` holds stand for an expression, the others are open."""

    says: str
    types: Mapping[str, Type] = field(default_factory=dict)
    defines: Mapping[str, Expr] = field(default_factory=dict)
    known: tuple[Expr, ...] = ()
    outer: ProofContext | None = None

    @cached_property
    def scope(self) -> Mapping[str, Type]:
        """The type of every name that can be read here."""
        return {**self.outer.scope, **self.types} if self.outer else dict(self.types)

    @cached_property
    def chain(self) -> tuple[ProofContext, ...]:
        """The settings that this one lies in, the outermost first, and itself."""
        return (*self.outer.chain, self) if self.outer else (self,)

    @cached_property
    def _definitions(self) -> Mapping[str, Expr]:
        return {**self.outer._definitions, **self.defines} if self.outer else dict(self.defines)

    def definition(self, name: str) -> Expr | None:
        """Returns the value of `name`; None where it is open."""
        return self._definitions.get(name)

    @property
    def opens(self) -> Mapping[str, Type]:
        """The names that this setting adds and does not define."""
        return {name: kind for name, kind in self.types.items() if name not in self.defines}

    def family(self, *exprs: Expr) -> Enum | None:
        """The enum of whose members all of `exprs` are, None where they are no names. It says what a member's position is."""
        members: list[str] = []
        for kind in (kind for expr in exprs for kind in self._kinds(expr)):
            if kind.name != _BARE:
                return kind
            members += kind.members
        return Enum(_BARE, tuple(dict.fromkeys(members))) if members else None

    def _kinds(self, expr: Expr) -> Iterator[Enum]:
        match expr:
            case Lit(str(value)):
                yield Enum(_BARE, (value,))
            case Ite(_, then, orelse):
                yield from (*self._kinds(then), *self._kinds(orelse))
            case Var(name):
                kind, definition = self.scope[name], self.definition(name)
                if isinstance(kind, Enum) and kind.name == _BARE and definition is not None:
                    yield from self._kinds(definition)
                elif isinstance(kind, Enum):
                    yield kind

    def within(self, says: str, *known: Expr) -> ProofContext:
        """The same names, and more is known of them."""
        return ProofContext(says, known=known, outer=self)


class ProofContexts:
    """The settings of one machine; `invariants` are taken to hold in every state."""

    def __init__(self, machine: Machine, invariants: tuple[Expr, ...]) -> None:
        self.machine, self.invariants = machine, invariants
        self._types = {v.name: v.type for v in machine.variables}
        figures = {p.name: p.type for p in machine.all_parameters}
        types = [of_type(name, kind) for name, kind in figures.items()]
        assumed = [a.holds for a in machine.assumptions]
        self.figures = ProofContext("the figures and policies", figures, known=_told(*types, *assumed))
        initial = {v.name: v.initial for v in machine.variables}
        self.first = self._with_state("the first state", self.figures, "", initial)
        self.state = self._with_state("a state in which every invariant holds", self.figures, "", {}, *invariants)
        self._two: ProofContext | None = None
        self._events: dict[tuple[str, ProofContext | None], ProofContext] = {}
        self._rules: dict[tuple[str, ProofContext | None], ProofContext] = {}
        self._pairs: dict[str, ProofContext] = {}

    def over(self, prefix: str, expr: Expr) -> Expr:
        """`expr` read in the state whose names begin with `prefix`."""
        return substitute(expr, _names(self.machine, prefix)) if prefix else expr

    def copy(self, outer: ProofContext, prefix: str, says: str, *known: Expr) -> ProofContext:
        """An open state more, in which every invariant holds."""
        return self._with_state(says, outer, prefix, {}, *(self.over(prefix, i) for i in self.invariants), *known)

    def asked(self, event: Event, base: ProofContext | None = None) -> ProofContext:
        """The event, with any fields, whether it is accepted or not; in `base`, which is `state` or lies in it."""
        kinds = dict(machine_scope(self.machine, event.fields))
        for d in self.machine.definitions:
            # One that a seeded fault has made read a later one.
            if d.name not in kinds and set(names_in(d.expr)) <= kinds.keys():
                kinds[d.name] = type_of(d.expr, kinds, d.name)
        defines = {d.name: d.expr for d in self.machine.definitions if d.name in kinds and d.name not in self.state.scope}
        types = {name: kinds[name] for name in (*(f.name for f in event.fields), *defines)}
        known = _told(*(of_type(f.name, f.type) for f in event.fields))
        return ProofContext(f"{event.name} happens", types, defines, known, base or self.state)

    def event(self, event: Event, base: ProofContext | None = None) -> ProofContext:
        """The event is accepted."""
        if (event.name, base) not in self._events:
            needs = _told(*(need.holds for need in event.requires))
            self._events[event.name, base] = self.asked(event, base).within(f"{event.name} is accepted", *needs)
        return self._events[event.name, base]

    def rule(self, event: Event, rule: Rule, base: ProofContext | None = None) -> ProofContext:
        """The rule applies to its event, which is accepted; `new.x` is the state after."""
        if (rule.name, base) not in self._rules:
            outer = self.event(event, base).within(f"{rule.name} applies", self.applies(rule).expr)
            self._rules[rule.name, base] = self._with_state(f"after {rule.name}", outer, NEW, self.after(rule), start="")
        return self._rules[rule.name, base]

    def pair(self, event: Event, rule: Rule) -> ProofContext:
        """The rule applies in one of two copies; `other.x` is the other one before it, `new.other.x` after.

        A rule reaches the other copy by an effect on `other.x`, which `validate` refuses.
        """
        if rule.name not in self._pairs:
            self._two = self._two or self.copy(self.state, OTHER, "another copy")
            effect = {a.name: a.value for a in rule.effect}
            after = {name: effect.get(OTHER + name, Var(OTHER + name)) for name in self._types}
            outer = self.rule(event, rule, self._two)
            self._pairs[rule.name] = self._with_state(f"the other copy after {rule.name}", outer, NEW + OTHER, after, start=OTHER)
        return self._pairs[rule.name]

    def step(self, outer: ProofContext, event: Event, start: str, end: str) -> ProofContext:
        """`event`, which has no fields, in the state `start`; `end` is the state after, the same where it is refused."""
        taken = {f"{end}by {r.name}": self.over(start, all_of(self.accepted(event), self.applies(r)).expr) for r in event.rules}
        after: dict[str, Expr] = {name: Var(start + name) for name in self._types}
        for rule in event.rules:
            for name, value in self.after(rule, start).items():
                if value != Var(start + name):
                    after[name] = ite(var(f"{end}by {rule.name}"), Term(value), Term(after[name])).expr
        return self._with_state(f"{event.name} has happened", outer, end, after, start=start, extra=taken)

    def accepted(self, event: Event) -> Term:
        """Returns the formula that no requirement of `event` fails."""
        return all_of(*(Term(need.holds) for need in event.requires))

    def applies(self, rule: Rule) -> Term:
        """Returns the formula that the rule's source and condition fit."""
        return Term(folded(all_of(one_of(var(self.machine.control), *rule.source), Term(rule.when)).expr))

    def same(self, left: str, right: str, names: tuple[str, ...]) -> Expr:
        """Returns the formula that two states agree on `names`."""
        return all_of(*(eq(var(left + name), var(right + name)) for name in names)).expr

    def after(self, rule: Rule, start: str = "") -> dict[str, Expr]:
        """Returns each variable after `rule`, over the state `start`."""
        effect = {a.name: self.over(start, a.value) for a in rule.effect}
        if rule.target is not None:
            effect[self.machine.control] = Lit(rule.target)
        return {name: effect.get(name, Var(start + name)) for name in self._types}

    def _with_state(
        self,
        says: str,
        outer: ProofContext,
        prefix: str,
        values: Mapping[str, Expr],
        *known: Expr,
        start: str | None = None,
        extra: Mapping[str, Expr] | None = None,
    ) -> ProofContext:
        """A state and the definitions over it; variables are open unless `values` holds them, `extra` are truth values.

        Where it comes after the state `start`, a definition of which nothing changes is the one over `start`.
        """
        scope = machine_scope(self.machine)
        definitions = dict(primed_definitions(self.machine, prefix))
        types = {prefix + name: kind for name, kind in self._types.items()}
        types |= {name: scope[name.removeprefix(prefix)] for name in definitions}
        types |= dict.fromkeys(extra or {}, Bool())
        if start is not None:
            same = {prefix + name for name, value in values.items() if value == Var(start + name)}
            for name, reads in _reads(self.machine, prefix).items():
                if reads <= same:
                    definitions[name] = Var(start + name.removeprefix(prefix))
                    same.add(name)
        defines = {**(extra or {}), **{prefix + name: value for name, value in values.items()}, **definitions}
        return ProofContext(says, types, defines, _told(*known), outer)


def _told(*known: Expr) -> tuple[Expr, ...]:
    return tuple(k for k in map(folded, known) if k != TRUE)


@lru_cache(maxsize=256)
def _reads(machine: Machine, prefix: str) -> dict[str, frozenset[str]]:
    """Returns the variables that each definition over a state reads."""
    return {
        name: frozenset(n for n in names_in(expr) if n.startswith(prefix))
        for name, expr in primed_definitions(machine, prefix).items()
    }


@lru_cache(maxsize=256)
def _names(machine: Machine, prefix: str) -> dict[str, Expr]:
    names = [v.name for v in machine.variables] + [name.removeprefix(prefix) for name in primed_definitions(machine, prefix)]
    return {name: Var(prefix + name) for name in names}


def conjuncts(expr: Expr) -> tuple[Expr, ...]:
    """The formulas that are all true where `expr` is."""
    match expr:
        case Binary(BinaryOp.AND, left, right):
            return conjuncts(left) + conjuncts(right)
        case Not(Binary(BinaryOp.OR, left, right)):
            return conjuncts(Not(left)) + conjuncts(Not(right))
        case Not(Not(inner)):
            return conjuncts(inner)
        case _:
            return (expr,)


def folded(expr: Expr) -> Expr:
    """`expr` with what its constants decide worked out."""
    match expr:
        case Lit() | Var():
            return expr
        case Not(arg):
            inner = folded(arg)
            return Lit(not inner.value) if isinstance(inner, Lit) else Not(inner)
        case Ite(cond, then, orelse):
            decided, chosen, other = folded(cond), folded(then), folded(orelse)
            if isinstance(decided, Lit):
                return chosen if decided.value else other
            return chosen if chosen == other else Ite(decided, chosen, other)
        case Binary(op, left, right):
            return _folded(op, folded(left), folded(right))
        case _:
            assert_never(expr)


def _folded(op: BinaryOp, left: Expr, right: Expr) -> Expr:
    if op is BinaryOp.EQ and isinstance(left, Lit) and isinstance(right, Lit):
        return Lit(left.value == right.value)
    if op is BinaryOp.SUB and left == right:
        return Lit(0)
    if op in (BinaryOp.AND, BinaryOp.OR):
        # The value that decides, and the one that can be left out.
        for one, another in ((left, right), (right, left)):
            if isinstance(one, Lit):
                return another if one.value is (op is BinaryOp.AND) else one
    return Binary(op, left, right)


LEMMA = "lemma"
"""Stands where a claim's id would, for the lemmas, on which every proof rests."""
FIRST_STATE, WITNESS, TWO_RUNS = "first state", "witness", "two runs"
"""The subject of a condition that is about no event and no rule."""

Proves: TypeAlias = Callable[[ProofContext, Sequence[Expr]], Sequence[Expr]]
"""Those of some formulas that follow from a setting, as far as a solver can tell, in their order."""

Provable: TypeAlias = StatePart | StepPart | TwoRunPart | PairPart | RefusalPart
"""The kinds of parts that can be proved."""


@dataclass(frozen=True)
class Condition:
    """`goal` follows from `setting`. `about` is a rule, an event, or what the goal says of one.

    `bound` is the number of runs after which a job that repeats is taken to be refused, None where nothing is taken for
    granted. `of` and `event` are what values that break it are replayed with; a mere fact of a proof has neither.
    """

    claim: str
    part: str
    about: str
    setting: ProofContext
    goal: Expr
    bound: int | None = None
    of: Provable | None = None
    event: Event | None = None


@dataclass(frozen=True)
class Possibility:
    """In one of the `cases` at least, the formula can be true in its setting; otherwise a proof would be one of nothing."""

    claim: str
    part: str
    about: str
    cases: tuple[tuple[ProofContext, Expr], ...]
    bound: int | None = None
