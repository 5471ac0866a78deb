"""Constructors of a declaration: a handle with infix operators, and one function for each part.

`Term` is the handle; it overloads only what cannot be misread. It has no truth value, so that `a < b < c`,
`and`, `or` and `if` raise instead of quietly meaning something else; write `all_of`, `any_of`, `ite`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import NoReturn, TypeAlias, TypeVar

from tokenspec.machine.lang import declaration as d
from tokenspec.machine.lang.expr import TRUE, Binary, BinaryOp, Expr, Ite, Lit, Not, Var
from tokenspec.machine.lang.types import Enum, Type, Value

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Term:
    """An expression that can be written with operators. Compare with `eq` and `ne`; `==` and `!=` raise."""

    expr: Expr

    def __add__(self, other: Termlike) -> Term:
        return _binary(BinaryOp.ADD, self, other)

    def __sub__(self, other: Termlike) -> Term:
        return _binary(BinaryOp.SUB, self, other)

    def __mul__(self, other: Termlike) -> Term:
        return _binary(BinaryOp.MUL, self, other)

    def __lt__(self, other: Termlike) -> Term:
        return _binary(BinaryOp.LT, self, other)

    def __le__(self, other: Termlike) -> Term:
        return _binary(BinaryOp.LE, self, other)

    def __gt__(self, other: Termlike) -> Term:
        return _binary(BinaryOp.LT, other, self)

    def __ge__(self, other: Termlike) -> Term:
        return _binary(BinaryOp.LE, other, self)

    def __eq__(self, other: object) -> NoReturn:
        # Comparing handles would quietly declare the constant False.
        raise TypeError("terms are not compared by == or !=: write eq or ne")

    __ne__ = __eq__
    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise TypeError("a term has no truth value yet: write all_of, any_of, negation or ite")

    def becomes(self, value: Termlike) -> d.Assign:
        """The effect that gives this variable a new value, read from the state before."""
        if not isinstance(self.expr, Var):
            raise TypeError(f"only a variable can become something, not {self.expr}")
        return d.Assign(self.expr.name, lift(value))


Termlike: TypeAlias = Term | Value


def lift(term: Termlike) -> Expr:
    """The expression that `term` stands for; a plain value becomes a literal."""
    return term.expr if isinstance(term, Term) else Lit(term)


def _binary(op: BinaryOp, left: Termlike, right: Termlike) -> Term:
    return Term(Binary(op, lift(left), lift(right)))


def var(name: str) -> Term:
    """The value of `name`."""
    return Term(Var(name))


def eq(left: Termlike, right: Termlike) -> Term:
    """True iff both are the same value."""
    return _binary(BinaryOp.EQ, left, right)


def ne(left: Termlike, right: Termlike) -> Term:
    """True iff the values differ."""
    return negation(eq(left, right))


def negation(term: Termlike) -> Term:
    """True iff `term` is false."""
    return Term(Not(lift(term)))


def all_of(*terms: Termlike) -> Term:
    """True iff every term is; without terms, true."""
    return _fold(BinaryOp.AND, terms, True)


def any_of(*terms: Termlike) -> Term:
    """True iff some term is; without terms, false."""
    return _fold(BinaryOp.OR, terms, False)


def implies(premise: Termlike, conclusion: Termlike) -> Term:
    """False iff `premise` is true and `conclusion` is not."""
    return any_of(negation(premise), conclusion)


def one_of(term: Term, *members: str) -> Term:
    """True iff `term` is one of `members`."""
    return any_of(*(eq(term, member) for member in members))


def minimum(left: Termlike, right: Termlike) -> Term:
    """The smaller of two numbers."""
    return _binary(BinaryOp.MIN, left, right)


def maximum(left: Termlike, right: Termlike) -> Term:
    """The larger of two numbers."""
    return _binary(BinaryOp.MAX, left, right)


def ite(cond: Termlike, then: Termlike, orelse: Termlike) -> Term:
    """`then` where `cond` holds, `orelse` elsewhere."""
    return Term(Ite(lift(cond), lift(then), lift(orelse)))


def lookup(key: Term, rows: Mapping[str, Termlike], orelse: Termlike) -> Term:
    """The value of the row that `key` names, `orelse` where none does."""
    result: Termlike = orelse
    for member, value in reversed(list(rows.items())):
        result = ite(eq(key, member), value, result)
    return result if isinstance(result, Term) else Term(lift(result))


def total(*terms: Termlike) -> Term:
    """The sum of the terms; 0 without any."""
    return _fold(BinaryOp.ADD, terms, 0)


def exactly_one(conditions: Iterable[Term]) -> Term:
    """One of the conditions holds, and no other."""
    return eq(total(*(ite(condition, 1, 0) for condition in conditions)), 1)


def _fold(op: BinaryOp, terms: Iterable[Termlike], empty: Value) -> Term:
    exprs = [lift(t) for t in terms]
    return Term(reduce(lambda a, b: Binary(op, a, b), exprs)) if exprs else Term(Lit(empty))


def cites(clauses: str) -> tuple[str, ...]:
    """The clause ids in `clauses`, which are written with spaces between them."""
    if not isinstance(clauses, str):
        raise TypeError(f'clauses are one text with blanks between their ids, such as "A1 B2"; found {clauses!r}')
    return tuple(clauses.split())


def variable(name: str, kind: Type, initial: Termlike, says: str) -> d.Variable:
    """A part of the state."""
    return d.Variable(name, kind, lift(initial), says)


def definition(name: str, value: Termlike, says: str) -> d.Definition:
    """A name for `value`."""
    return d.Definition(name, lift(value), says)


def assumption(holds: Termlike, breach: str) -> d.Assumption:
    """Declares a condition that every choice of parameters must satisfy."""
    return d.Assumption(lift(holds), breach)


def policy(name: str, clauses: str, why: str, **answers: str) -> d.Policy:
    """An open question with every admissible answer and what it means, the default first."""
    texts: Mapping[str, object] = {"clauses": clauses, "why": why, **answers}
    for part, text in texts.items():
        if not isinstance(text, str):
            raise ValueError(f"policy {name}: {part} is a text; found {text!r}")
    members = tuple(answers)
    if not members:
        raise ValueError(f"policy {name}: it has no answer; give each that is admissible, the default first")
    return d.Policy(d.Parameter(name, Enum(name, members), members[0], why), tuple(answers.items()), why, cites(clauses))


def requires(code: str, holds: Termlike, because: str, clauses: str = "") -> d.Requirement:
    """A requirement; the event is refused with `code` where it is the first that fails."""
    return d.Requirement(code, lift(holds), cites(clauses), because)


def each_requires(first: d.Requirement, *events: d.Event) -> tuple[d.Event, ...]:
    """The events, each of which requires this before anything else."""
    return tuple(replace(event, requires=(first, *event.requires)) for event in events)


def posting(kind: d.Kind, pool: Term, amount: Termlike) -> d.Posting:
    """A line of the ledger."""
    assert isinstance(pool.expr, Var), "a posting names a pool"
    return d.Posting(kind, pool.expr.name, lift(amount))


STAYS = None
"""In place of a rule's target: the state stays the same."""


@dataclass(frozen=True)
class Flows:
    """Effects, ledger lines, answers and notes in one; the flow words of phrases.py make them."""

    effect: Sequence[d.Assign]
    ledger: Sequence[d.Posting]
    answer: Mapping[str, Termlike] = field(default_factory=dict)
    notes: Sequence[d.Note] = ()


Change: TypeAlias = d.Assign | d.Posting | Flows | tuple[str, d.ClockAct]
"""An effect of a rule: on a variable, in the ledger, both at once, or on a clock."""


def rule(
    name: str,
    source: str | tuple[str, ...],
    target: str | None,
    why: str,
    clauses: str = "",
    *changes: Change,
    when: Termlike = True,
    effect: Iterable[d.Assign] = (),
    ledger: Iterable[d.Posting] = (),
    answer: Mapping[str, Termlike] | None = None,
    clocks: Mapping[str, d.ClockAct] | None = None,
) -> d.Rule:
    """A rule; `source` may be one state or several. `changes` come after what `effect`, `ledger` and the rest say by kind."""
    effects, lines, answers, acts, notes = list(effect), list(ledger), dict(answer or {}), dict(clocks or {}), list[d.Note]()
    for change in changes:
        match change:
            case d.Assign():
                effects.append(change)
            case d.Posting():
                lines.append(change)
            case Flows():
                effects += change.effect
                lines += change.ledger
                answers |= change.answer
                notes += change.notes
            case (clock, act):
                acts[clock] = act
            case _:
                kinds = "an effect, a ledger line, flows, or a clock with its act"
                raise TypeError(f"rule {name}: a change is {kinds}; found {change!r}")
    sources = (source,) if isinstance(source, str) else source
    condition = TRUE if when is True else lift(when)
    answered = tuple(d.Assign(key, lift(value)) for key, value in answers.items())
    about = name, sources, target, why, cites(clauses), condition
    return d.Rule(*about, tuple(effects), tuple(lines), answered, tuple(acts.items()), tuple(notes))


Part: TypeAlias = d.Actor | d.Field | d.Key | d.Requirement | d.Rule


def event(name: str, says: str, clauses: str, *parts: Part, repeats: bool = False) -> d.Event:
    """An event: who brings it about (a user, if nobody is named), what comes with it, what it takes, and what happens then."""

    def those(kind: type[T]) -> tuple[T, ...]:
        return tuple(part for part in parts if isinstance(part, kind))

    for part in parts:
        if not isinstance(part, Part):
            raise TypeError(f"event {name}: a part is an actor, a field, a key, a requirement or a rule; found {part!r}")
    actor, *_ = (*those(d.Actor), d.Actor.USER)
    fields, needs, rules, keys = those(d.Field), those(d.Requirement), those(d.Rule), those(d.Key)
    return d.Event(name, actor, says, fields, needs, rules, cites(clauses), keys, repeats)
