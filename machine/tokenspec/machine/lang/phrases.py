"""Words that make a declaration read like an exact FAQ. Each is lowered to the small core; no reader sees any of them.

allowance = define("allowance", allowance_of[plan], "fast tokens a month of the present plan")
by_policy("upgrade_grant", difference=fast + more, full=asked_allowance, next_renewal=fast)
rule("buys_packs", ACTIVE, STAYS, "...", flows=buys(topup, pack_size * quantity))
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

    `by_policy(name, **values)` is the value under each choice, every choice named: a `ValueError` says which are not.
    `chosen(name, choice)` is true iff the policy is settled so.
    """
    choices = {policy.name: [choice for choice, _ in policy.answers] for policy in policies}

    def by_policy(name: str, **values: Termlike) -> Term:
        if sorted(values) != sorted(choices[name]):
            wanted, found = (", ".join(names) for names in (choices[name], values))
            raise ValueError(f"{name}: a value for each of {wanted}, and for nothing else; found {found}")
        *first, (_, last) = values.items()
        result = last
        for choice, value in reversed(first):
            result = ite(eq(var(name), choice), value, result)
        return result if isinstance(result, Term) else Term(lift(result))

    def chosen(name: str, choice: str) -> Term:
        if choice not in choices[name]:
            raise ValueError(f"{name}: one of {', '.join(choices[name])}; found {choice}")
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


def buys(pool: Term, tokens: Term) -> Flows:
    """Tokens that are paid for come into `pool`."""
    return Flows([pool.becomes(pool + tokens)], [posting(d.Kind.BOUGHT, pool, tokens)])


def gives_back(parts: Mapping[str, Term], after: Mapping[str, Term]) -> Flows:
    """Each part returns to its pool, which then holds `after`; what does not fit in expires."""
    return Flows(
        [var(pool).becomes(after[pool]) for pool in parts],
        [posting(d.Kind.REFUNDED, var(pool), part) for pool, part in parts.items()]
        + [expired(var(pool), var(pool) + part - after[pool]) for pool, part in parts.items()],
    )


def includes(pool: Term, tokens: Term) -> Flows:
    """Tokens that come with a plan are added; what is more than can be counted expires."""
    after = countable(pool + tokens)
    return Flows([pool.becomes(after)], [granted(pool, tokens), expired(pool, pool + tokens - after)])


def countable(tokens: Term) -> Term:
    """`tokens`, or the most that can be counted exactly, if that is less."""
    return minimum(COUNTABLE_MAX, tokens)


def granted(pool: Term, tokens: Termlike) -> d.Posting:
    """Tokens that the plan or the day gives."""
    return posting(d.Kind.GRANTED, pool, tokens)


def expired(pool: Term, tokens: Termlike) -> d.Posting:
    """Tokens that are lost."""
    return posting(d.Kind.EXPIRED, pool, tokens)
