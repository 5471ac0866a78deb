"""Claims about a machine, as data: sentences with the formulas that make them exact.

A claim has parts. A *state* part holds in every reachable state; a *step* part holds of every accepted event; a
*two-run* part compares two ways to go on from one state; a *pair* part holds of two copies of a machine; a *liveness*
part says that something stays possible, a *leads-to* part that something comes to pass; a *refusal* part says when an
event is refused; a *calendar* part is about the instants at which a clock falls due; a *layer* part is about the clock or
the journal around the machine, and names the property that checks it. Every part has a witness: its interesting case, which
has to occur, or the part would hold of nothing.

In a step formula `x` is the value before and `new.x` the value after, for variables and for definitions that read
no field; `granted.fast` and the like are sums of ledger lines; `answer.x` is what was answered; `event` and `rule`
are names; `clock.x` is what the rule does to a clock.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias, TypeVar

from tokenspec.machine.lang.build import Term, Termlike, all_of, cites, lift, one_of, total, var
from tokenspec.machine.lang.calendars import DeclaredCalendar
from tokenspec.machine.lang.declaration import ClockAct, Event, Field, Kind, Machine, Rule
from tokenspec.machine.lang.expr import TRUE, Expr, Lit, Var, names_in, substitute
from tokenspec.machine.lang.typecheck import type_of
from tokenspec.machine.lang.types import Enum, Tokens, Type, Value
from tokenspec.machine.lang.validate import machine_scope

NOTHING = "(nothing)"
"""The value of `answer.x` for a rule that does not answer x, where x is a name."""


@dataclass(frozen=True, slots=True)
class StatePart:
    """`holds` in every reachable state of `machine`; `witness` in some."""

    name: str
    machine: str
    holds: Expr
    witness: Expr


@dataclass(frozen=True, slots=True)
class Ghost:
    """A value that the machine does not have and a claim needs: `after` is its value after each accepted event.

    `most`, over parameters, is the most it holds within a search; a part with a ghost that has none is not searched.
    """

    name: str
    type: Type
    initial: Expr
    after: Expr
    most: Expr | None = None


@dataclass(frozen=True, slots=True)
class StepPart:
    """`holds` of every accepted event of `events` (all of them where empty); `witness` of some.

    `keeps` is what is true of the ghosts in every state; a proof needs it, as a state part needs lemmas.
    """

    name: str
    machine: str
    holds: Expr
    witness: Expr
    events: tuple[str, ...] = ()
    ghosts: tuple[Ghost, ...] = ()
    keeps: Expr = TRUE


@dataclass(frozen=True, slots=True)
class TwoRunPart:
    """From each state in which `assume` holds, the events `left` and the events `right` lead to states that agree.

    Refused events are passed over. `agree` names the variables compared, `unless` the states that are excepted;
    the witness is that `assume` holds and `unless` does not.
    """

    name: str
    machine: str
    assume: Expr
    left: tuple[str, ...]
    right: tuple[str, ...]
    agree: tuple[str, ...]
    unless: Expr


@dataclass(frozen=True, slots=True)
class PairPart:
    """Of two copies of `machine` that share their parameters: `holds` of every accepted event of one; `witness` of some.

    The formulas are those of a step part, of the copy to which the event happens; `other.x` and `new.other.x` are the
    values in the other copy.
    """

    name: str
    machine: str
    holds: Expr
    witness: Expr


@dataclass(frozen=True, slots=True)
class LivenessPart:
    """From every reachable state some sequence of `events`, none accepted by a rule of `without`, makes `goal` acceptable.

    The witness is that the goal is refused in some reachable state, so that there is something to wait for.
    """

    name: str
    machine: str
    goal: str
    fields: tuple[tuple[str, Value], ...]
    events: tuple[str, ...]
    without: tuple[str, ...]

    def given(self, goal: Event) -> tuple[Value, ...]:
        """The values of the goal's fields, in the order in which the event declares them."""
        return tuple(dict(self.fields)[f.name] for f in goal.fields)


@dataclass(frozen=True, slots=True)
class LeadsToPart:
    """From every reachable state in which `premise` holds, every fair run comes to a state in which `goal` holds.

    A run goes on for ever or stops somewhere. It is fair (weakly) if each event of `fair` is taken again and again, or
    again and again not possible; one that stops is fair where none of them is possible. Nothing forces the other events.
    The witness is a reachable state in which `premise` holds and `goal` does not.
    """

    name: str
    machine: str
    premise: Expr
    goal: Expr
    fair: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RefusalPart:
    """`event` is refused with the code of the first condition of `refusals` that is false, and accepted where none is.

    This in every reachable state and for all fields; conditions read the state before, as requirements do. The witness is
    that the event is refused with each of the codes.
    """

    name: str
    machine: str
    event: str
    refusals: tuple[tuple[str, Expr], ...]


class Law(enum.Enum):
    """A law of the instants at which a clock falls due, for every instant at which it is started."""

    TILES = "tiles"
    """Each lies after the one before, the first after the start, and which is next depends on no earlier look at the clock."""
    ANNIVERSARIES = "anniversaries"
    """One in each month (or year), on the day of the start or the last day of a month without it, as the rule for short months
    says; at the hour that the calendar says, whatever the hour of the start."""
    EVEN = "even"
    """Each lies one span after the one before, at the time of day or the distance from the start that the calendar says."""
    ONCE = "once"
    """There is one alone, the hours after the start that the calendar says."""


@dataclass(frozen=True, slots=True)
class CalendarPart:
    """`law` of every calendar that the declaration gives the clock `clock`, under each answer of its policies.

    The witness is the case that could go wrong: a month too short for the day, an instant that somebody looks at late.
    """

    name: str
    machine: str
    clock: str
    law: Law
    follows: DeclaredCalendar | None = None
    """The calendar that it is, under each answer; any that keeps the law where None."""


@dataclass(frozen=True, slots=True)
class LayerPart:
    """A property of the layers around the machine, checked by the property test called `name`.

    Its witness needs an event that one of the rules `after` accepts (any event where empty), and settings in which `where`,
    over parameters, is true. No engine looks at this but what tells why a witness cannot arise.
    """

    name: str
    says: str
    after: tuple[str, ...] = ()
    where: Expr = TRUE


Part: TypeAlias = (
    StatePart | StepPart | TwoRunPart | PairPart | LivenessPart | LeadsToPart | RefusalPart | CalendarPart | LayerPart
)


@dataclass(frozen=True, slots=True)
class Claim:
    """One numbered claim. It is about worlds in which `where`, over parameters, is true, and does not arise in any other."""

    number: int
    id: str
    sentence: str
    clauses: tuple[str, ...]
    parts: tuple[Part, ...]
    where: Expr = TRUE


P = TypeVar("P", bound=Part)


def parts_of(claims: Iterable[Claim], machine: Machine, kind: type[P]) -> list[tuple[Claim, P]]:
    """The parts of one kind about `machine`, each with its claim; a layer part is about none."""
    return [(c, p) for c in claims for p in c.parts if isinstance(p, kind) and getattr(p, "machine", None) == machine.name]


ONE_OUTCOME = ("exactly_one_outcome", "one_outcome")
"""The claim, and its part, that every checker looks after for every machine: one rule accepts, or one code refuses."""


def of_type(name: str, kind: Type) -> Expr:
    """The formula that `name` holds a value of `kind`: a number within its range, one of an enum's members."""
    match kind:
        case Tokens(lo, hi):
            return all_of(lo <= var(name), var(name) <= hi).expr
        case Enum():
            return one_of(var(name), *kind.members).expr
        case _:
            return TRUE


def within_types(machine: Machine) -> StatePart:
    """The part that every variable of `machine` holds a value of its type; each proof about `machine` rests on it."""
    return StatePart("within_types", machine.name, all_of(*(Term(of_type(v.name, v.type)) for v in machine.variables)).expr, TRUE)


def claim(number: int, id: str, sentence: str, clauses: str, *parts: Part, where: Termlike = True) -> Claim:
    """A claim; `clauses` are ids with spaces between them. It arises in worlds in which `where`, over parameters, is true."""
    return Claim(number, id, sentence, cites(clauses), parts, lift(where))


def state(name: str, holds: Termlike, witness: Termlike, machine: str) -> StatePart:
    """A part that holds in every state."""
    return StatePart(name, machine, lift(holds), lift(witness))


def step(
    name: str,
    holds: Termlike,
    witness: Termlike,
    *events: str,
    ghosts: Iterable[Ghost] = (),
    keeps: Termlike = True,
    machine: str,
) -> StepPart:
    """A part that holds of every accepted event, or of the named ones. A ghost that is a name stays a member of its enum."""
    kept = tuple(ghosts)
    members = [Term(of_type(g.name, g.type)) for g in kept if isinstance(g.type, Enum)]
    return StepPart(
        name, machine, lift(holds), lift(witness), events, kept, all_of(keeps, *members).expr if members else lift(keeps)
    )


def ghost(name: str, kind: Type, initial: Termlike, after: Termlike, most: Termlike | None = None) -> Ghost:
    """A value kept for the sake of a claim."""
    return Ghost(name, kind, lift(initial), lift(after), None if most is None else lift(most))


def two_runs(
    name: str,
    assume: Termlike,
    left: Iterable[str],
    right: Iterable[str],
    agree: Iterable[str],
    unless: Termlike = False,
    *,
    machine: str,
) -> TwoRunPart:
    """A part that compares two ways to go on."""
    return TwoRunPart(name, machine, lift(assume), tuple(left), tuple(right), tuple(agree), lift(unless))


def pair(name: str, holds: Termlike, witness: Termlike, machine: str) -> PairPart:
    """A part that holds of every accepted event of one of two copies."""
    return PairPart(name, machine, lift(holds), lift(witness))


def leads_to(name: str, premise: Termlike, goal: Termlike, *fair: str, machine: str) -> LeadsToPart:
    """A part by which fair runs come from `premise` to `goal`."""
    return LeadsToPart(name, machine, lift(premise), lift(goal), fair)


def refuses(event: str, *refusals: tuple[str, Termlike], machine: str) -> RefusalPart:
    """A part that says when `event` is refused, by codes with their conditions, first things first."""
    return RefusalPart(event, machine, event, tuple((code, lift(holds)) for code, holds in refusals))


def new(term: Term) -> Term:
    """The value after the event."""
    assert isinstance(term.expr, Var), "only a name has a value after"
    return var(f"new.{term.expr.name}")


def other(term: Term) -> Term:
    """The value in the other copy; `new(other(x))` is the one after the event."""
    assert isinstance(term.expr, Var), "only a name has a value in the other copy"
    return var(f"other.{term.expr.name}")


def flow(kind: Kind, pool: Term) -> Term:
    """The tokens that the ledger of the event shows for a pool."""
    assert isinstance(pool.expr, Var), "a flow names a pool"
    return var(f"{kind.value}.{pool.expr.name}")


def answered(name: str) -> Term:
    """Names an answer of the event: 0 or `NOTHING` where it gave none."""
    return var(f"answer.{name}")


@lru_cache(maxsize=256)
def primed_definitions(machine: Machine, prefix: str = "new.") -> dict[str, Expr]:
    """The definitions over the state whose names begin with `prefix`; those that read a field are left out."""
    fields = {f.name for e in machine.events for f in e.fields}
    primes: dict[str, Expr] = {v.name: Var(f"{prefix}{v.name}") for v in machine.variables}
    found: dict[str, Expr] = {}
    for definition in machine.definitions:
        reads = set(names_in(definition.expr))
        if reads & fields or reads & {d.name for d in machine.definitions} - primes.keys():
            continue
        found[f"{prefix}{definition.name}"] = substitute(definition.expr, primes)
        primes[definition.name] = Var(f"{prefix}{definition.name}")
    return found


def rule_constants(machine: Machine, event: Event, rule: Rule) -> dict[str, Expr]:
    """Returns the names of a step formula that are known from the rule alone: names, clocks, and the ledger as expressions."""
    known: dict[str, Expr] = {"event": Lit(event.name), "rule": Lit(rule.name)}
    acts = dict(rule.clocks)
    known |= {f"clock.{c.name}": Lit(acts.get(c.name, ClockAct.KEEPS).value) for c in machine.clocks}
    for kind in Kind:
        for pool in machine.pools:
            amounts = (Term(line.amount) for line in rule.ledger if line.kind is kind and line.pool == pool)
            known[f"{kind.value}.{pool}"] = total(*amounts).expr
    answers = {a.name: a.value for a in rule.answer}
    for name, kind_of_answer in answer_types(machine).items():
        empty = Lit(0) if isinstance(kind_of_answer, Tokens) else Lit(NOTHING)
        known[f"answer.{name}"] = answers.get(name, empty)
    return known


@lru_cache(maxsize=64)
def answer_types(machine: Machine) -> dict[str, Type]:
    """The type of each thing that some event of `machine` answers."""
    found: dict[str, Type] = {}
    for event in machine.events:
        scope = machine_scope(machine, event.fields)
        for rule in event.rules:
            for answer in rule.answer:
                kind = type_of(answer.value, scope, answer.name)
                if isinstance(kind, Enum):
                    before = found.get(answer.name)
                    members = before.members if isinstance(before, Enum) else (NOTHING,)
                    kind = Enum("?", tuple(dict.fromkeys((*members, *kind.members))))
                found[answer.name] = kind
    return found


def step_scope(machine: Machine, events: Iterable[Event]) -> dict[str, Type]:
    """The type of every name that a step formula about `events` may read (fields only where all of them have it)."""
    chosen = list(events)
    shared = tuple(f for f in chosen[0].fields if all(f in e.fields for e in chosen)) if chosen else ()
    return dict(_step_scope(machine, shared))


@lru_cache(maxsize=512)
def _step_scope(machine: Machine, shared: tuple[Field, ...]) -> dict[str, Type]:
    scope = machine_scope(machine, shared)
    scope |= {f"new.{v.name}": v.type for v in machine.variables}
    for name, expr in primed_definitions(machine).items():
        scope[name] = type_of(expr, scope, name)
    scope |= {f"{kind.value}.{pool}": Tokens() for kind in Kind for pool in machine.pools}
    scope |= {f"answer.{name}": kind for name, kind in answer_types(machine).items()}
    scope["event"] = Enum("?", tuple(e.name for e in machine.events))
    scope["rule"] = Enum("?", tuple(r.name for e in machine.events for r in e.rules))
    acts = Enum("?", tuple(act.value for act in ClockAct))
    return scope | {f"clock.{c.name}": acts for c in machine.clocks}


def pair_scope(machine: Machine, events: Iterable[Event]) -> dict[str, Type]:
    """The type of every name that a formula about an event of one of two copies may read."""
    scope = step_scope(machine, events)
    own = [v.name for v in machine.variables] + [name.removeprefix("new.") for name in primed_definitions(machine)]
    return scope | {f"{prefix}{name}": scope[name] for name in own for prefix in ("other.", "new.other.")}
