"""Words that make a declaration read like an exact FAQ. Each is lowered to the small core; no reader sees any of them.

allowance = define("allowance", allowance_of[plan], "fast tokens a month of the present plan")
by_policy("upgrade_grant", difference=fast + more, full=asked_allowance, next_renewal=fast)
rule("buys_packs", ACTIVE, STAYS, "packs are sold in any number", "F08", buys(topup, pack_size * quantity))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tokenspec.machine.lang import declaration as d
from tokenspec.machine.lang.build import (
    Flows,
    Term,
    Termlike,
    all_of,
    any_of,
    definition,
    eq,
    ite,
    lift,
    lookup,
    maximum,
    minimum,
    negation,
    posting,
    requires,
    var,
)
from tokenspec.machine.lang.expr import Expr, Var, children, with_parts
from tokenspec.machine.lang.types import COUNTABLE_MAX, Type, Value


@dataclass(frozen=True, slots=True)
class _FigureRead(Var):
    """The figure that `key` names; a name until the members of the key's type are known."""

    key: Expr
    absent: Value


@dataclass(frozen=True)
class Figure:
    """A parameter for each member of an enumeration; `figure[key]` is that of the member that `key` names."""

    pattern: str
    """The parameter's name, with `{}` for the member."""
    kind: Type
    says: str
    absent: Value = 0
    """The value where `key` names no member."""

    def __getitem__(self, key: Term) -> Term:
        return Term(_FigureRead(self.pattern, key.expr, self.absent))

    def of(self, member: str) -> Term:
        """Returns the parameter of one member."""
        return var(self.pattern.format(member))

    def parameter(self, member: str) -> d.Parameter:
        """Declares the parameter of one member."""
        return d.Parameter(self.pattern.format(member), self.kind, None, self.says.format(member))


@dataclass
class Definitions:
    """The named expressions of a machine, in the order in which they build on each other."""

    defined: list[tuple[str, Term, str]] = field(default_factory=list)

    def define(self, name: str, value: Term, says: str) -> Term:
        """Names `value`, and returns the name as a term."""
        self.defined.append((name, value, says))
        return var(name)

    def lowered(self, members: Mapping[Figure, Sequence[str]]) -> tuple[d.Definition, ...]:
        """Returns the declared definitions, each figure looked up among its members."""
        rows = {figure.pattern: names for figure, names in members.items()}
        return tuple(definition(name, Term(_lowered(value.expr, rows)), says) for name, value, says in self.defined)


def _lowered(expr: Expr, rows: Mapping[str, Sequence[str]]) -> Expr:
    if isinstance(expr, _FigureRead):
        found = {member: var(expr.name.format(member)) for member in rows[expr.name]}
        return lookup(Term(_lowered(expr.key, rows)), found, expr.absent).expr
    return with_parts(expr, [_lowered(part, rows) for part in children(expr)])


def choosing(policies: Iterable[d.Policy]) -> tuple[Callable[..., Term], Callable[[str, str], Term]]:
    """Returns the words `by_policy` and `chosen` for the declared policies.

    The names are those of policies that are declared already, so that a misspelt one is told at once.
    """
    choices = {policy.name: [choice for choice, _ in policy.answers] for policy in policies}

    def of(name: str) -> list[str]:
        if name not in choices:
            raise ValueError(f"there is no policy {name}; there are {', '.join(choices)}")
        return choices[name]

    def by_policy(name: str, **values: Termlike) -> Term:
        """The value under each answer of a policy; every answer is named, else a `ValueError` says which are not."""
        if sorted(values) != sorted(of(name)):
            wanted, found = (", ".join(names) for names in (of(name), values))
            raise ValueError(f"{name}: a value for each of {wanted}, and for nothing else; found {found}")
        *first, (_, last) = values.items()
        result = last
        for choice, value in reversed(first):
            result = ite(eq(var(name), choice), value, result)
        return result if isinstance(result, Term) else Term(lift(result))

    def chosen(name: str, choice: str) -> Term:
        """True iff the policy is settled so; a `ValueError` where it has no such answer."""
        if choice not in of(name):
            raise ValueError(f"{name}: one of {', '.join(of(name))}; found {choice}")
        return eq(var(name), choice)

    return by_policy, chosen


@dataclass(frozen=True)
class Missing:
    """A condition of several that is named in a refusal where it alone fails."""

    condition: Term
    code: str
    because: str
    clauses: str = ""
    given: Term | None = None
    """A weaker condition that has to hold in its place for the refusal to name it."""


def unless(serves: Term, conditions: Sequence[Term], *named: Missing) -> list[d.Requirement]:
    """Requirements that `serves` holds; where it does not, and one of the `conditions` alone is missing, that one is named."""
    found = []
    for missing in named:
        rest = [missing.given if c is missing.condition else c for c in conditions]
        others = all_of(*(c for c in rest if c is not None))
        is_met = any_of(serves, missing.condition, negation(others))
        found.append(requires(missing.code, is_met, missing.because, missing.clauses))
    return found


def spends(pays: Mapping[str, Termlike]) -> Flows:
    """Each pool pays its part: balance, ledger and answer in one."""
    return Flows(
        [var(pool).becomes(var(pool) - part) for pool, part in pays.items()],
        [posting(d.Kind.SPENT, var(pool), part) for pool, part in pays.items()],
        {f"charge_{pool}": part for pool, part in pays.items()},
    )


def remembers(held: Mapping[str, Termlike]) -> Flows:
    """The entry that the event's key names holds these values from now on."""
    return Flows([], [], notes=[d.Note(name, lift(value)) for name, value in held.items()])


def buys(pool: Term, tokens: Term) -> Flows:
    """Tokens that are paid for come into `pool`."""
    return Flows([pool.becomes(pool + tokens)], [posting(d.Kind.BOUGHT, pool, tokens)])


def gives_back(parts: Mapping[str, Term], **balances: Callable[[Term, Term], Term]) -> Flows:
    """Each part returns to its pool as far as it fits (`up_to`, `in_full`); what does not fit in expires."""
    after = {pool: balances[pool](var(pool), part) for pool, part in parts.items()}
    return Flows(
        [var(pool).becomes(after[pool]) for pool in parts],
        [posting(d.Kind.REFUNDED, var(pool), part) for pool, part in parts.items()]
        + [expired(var(pool), var(pool) + part - after[pool]) for pool, part in parts.items()],
    )


def up_to(most: Termlike, lasts: Term) -> Callable[[Term, Term], Term]:
    """A part fills its pool up to `most` and no further, and only while the period that it was spent in `lasts`."""
    return lambda pool, part: ite(lasts, maximum(pool, minimum(most, pool + part)), pool)


def in_full(pool: Term, part: Term) -> Term:
    """A part returns whatever the pool holds, as far as that can be counted."""
    return countable(pool + part)


def includes(pool: Term, tokens: Term) -> Flows:
    """Tokens that come with a plan are added; what is more than can be counted expires."""
    after = countable(pool + tokens)
    return Flows([pool.becomes(after)], [granted(pool, tokens), expired(pool, pool + tokens - after)])


def grants(pool: Term, tokens: Term) -> Flows:
    """Tokens that the plan or the day gives to a pool that is empty, or emptied by the same rule."""
    return Flows([pool.becomes(tokens)], [granted(pool, tokens)])


def keeps(pool: Term, tokens: Term) -> Flows:
    """`tokens` of `pool` are left; the others expire."""
    return Flows([pool.becomes(tokens)], [expired(pool, pool - tokens)])


def loses(pool: Term) -> Flows:
    """All that is in `pool` expires."""
    return Flows([pool.becomes(0)], [expired(pool, pool)])


def carries(source: Term, target: Term, after: Term) -> Flows:
    """Tokens of `source` move to `target`, which then holds `after`; what does not move expires, and so does what is cut.

    The new balance of `source` is for the rule to say: it begins anew.
    """
    moved = maximum(0, after - target)
    out, into = posting(d.Kind.MOVED_OUT, source, moved), posting(d.Kind.MOVED_IN, target, moved)
    lost = expired(source, source - moved), expired(target, maximum(0, target - after))
    return Flows([target.becomes(after)], [out, into, *lost])


def countable(tokens: Term) -> Term:
    """`tokens`, or the most that can be counted exactly, if that is less."""
    return minimum(COUNTABLE_MAX, tokens)


def is_countable(tokens: Term) -> Term:
    """True iff there are no more `tokens` than can be counted exactly."""
    return tokens <= COUNTABLE_MAX


def granted(pool: Term, tokens: Termlike) -> d.Posting:
    """Tokens that the plan or the day gives."""
    return posting(d.Kind.GRANTED, pool, tokens)


def expired(pool: Term, tokens: Termlike) -> d.Posting:
    """Tokens that are lost."""
    return posting(d.Kind.EXPIRED, pool, tokens)


def starts(clock: str) -> tuple[str, d.ClockAct]:
    """The instants at which `clock` falls due are counted from now."""
    return clock, d.ClockAct.STARTS


def settles(clock: str) -> tuple[str, d.ClockAct]:
    """Everything that is due by `clock` up to now is done."""
    return clock, d.ClockAct.SETTLES


def stops(clock: str) -> tuple[str, d.ClockAct]:
    """Nothing falls due by `clock` any more."""
    return clock, d.ClockAct.STOPS
