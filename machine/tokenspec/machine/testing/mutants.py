"""Faults seeded into a declaration by rule: every machine that differs from it in one small place.

Each operator of `OPERATORS` is applied wherever it can be, so that what is found does not depend on what somebody
thought of. Left alone are what proofs take for granted (`assumptions`), what only the layers around a machine read (clocks,
timers, where a field comes from), and all that is said in words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import TypeVar

from tokenspec.machine.lang.declaration import Assign, ClockAct, Event, Kind, Machine, Posting, Rule, Variable
from tokenspec.machine.lang.errors import DeclarationErrors
from tokenspec.machine.lang.expr import TRUE, Expr, Ite, Lit, Var
from tokenspec.machine.lang.typecheck import Scope, show
from tokenspec.machine.lang.types import Enum, Type
from tokenspec.machine.lang.validate import machine_scope, validate
from tokenspec.machine.testing.edits import with_event
from tokenspec.machine.testing.rewrites import Rewriter, is_leaf, negated, replaced

OPERATORS: dict[str, str] = {
    "requirement_dropped": "an event is no longer refused with one of its codes",
    "requirement_negated": "an event is refused with a code where it should not be, and only there",
    "requirements_exchanged": "two requirements of an event that follow each other are asked in the other order",
    "rule_dropped": "an event has one rule less",
    "source_dropped": "a rule no longer starts in one of its states",
    "source_added": "a rule starts in a state in which another rule of the event does",
    "target": "a rule leads to another state, or to none",
    "condition_dropped": "a rule applies in every one of its states",
    "effect_dropped": "a rule leaves a variable as it is",
    "posting_dropped": "a rule leaves a line of the ledger out",
    "posting_kind": "a rule puts tokens down as another kind that changes the pool alike",
    "answer_dropped": "a rule leaves out something that it answers",
    "clock": "a rule does something else to a clock, or does something to one that it leaves alone",
    "run_once": "a job that repeats is run once",
    "initial": "a variable begins with another value",
    "boundary": "a comparison is moved by one, or made strict, or not strict any more",
    "negation": "a condition is negated",
    "operand": "one of several conditions joined by and, or by or, is dropped",
    "policy": "a test of a policy always comes out one way",
    "branch": "one side of a choice is always taken",
    "branches": "the two sides of a choice are exchanged",
    "row": "a row of a table has the value of another",
    "side": "one side of a minimum, a maximum or a product is all that counts",
    "sign": "something is added that was subtracted, or the other way round",
    "constant": "a number is one more or one less, a truth value or a member the other or the next",
    "pool": "one pool is read where another should be",
}
"""Every operator, with what its mutants have in common."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Mutant:
    """A machine with one fault: `operator` was applied at `place`, and `fault` says what was changed into what.

    `id` stays the same for as long as the place does. `refused` is why the declaration cannot be read any more; it is
    empty where it can.
    """

    id: str
    operator: str
    place: str
    fault: str
    machine: Machine
    refused: str


@dataclass(frozen=True)
class _Edit:
    """One change at `place`, from what into what; `part` is the event, definition or variable that comes of it."""

    operator: str
    place: str
    before: str
    after: str
    part: Hashable

    def within(self, part: Hashable, place: str) -> _Edit:
        """The same change, of the greater `part` called `place`."""
        return replace(self, part=part, place=f"{place}.{self.place}" if self.place else place)


def mutants(machine: Machine) -> list[Mutant]:
    """Every mutant of `machine`, no two of them alike and none like the original, always in the same order."""
    found: list[Mutant] = []
    numbers: Counter[str] = Counter()
    seen = {_plain(part) for part in (*machine.events, *machine.definitions, *machine.variables)}
    for edit, seeded in _seeded(machine):
        content = _plain(edit.part)
        if content in seen:
            continue
        seen.add(content)
        name = f"{edit.operator}.{edit.place}"
        numbers[name] += 1
        number = f".{numbers[name]}" if numbers[name] > 1 else ""
        fault = f"{edit.place}: {edit.before} becomes {edit.after}"
        found.append(Mutant(name + number, edit.operator, edit.place, fault, seeded, _refusal(seeded)))
    return found


def _plain(part: Hashable) -> Hashable:
    """`part` without what says nothing: requirements that always hold, effects that keep a value."""
    if not isinstance(part, Event):
        return part
    rules = tuple(replace(r, effect=tuple(a for a in r.effect if a.value != Var(a.name))) for r in part.rules)
    return replace(part, rules=rules, requires=tuple(need for need in part.requires if need.holds != TRUE))


def _refusal(machine: Machine) -> str:
    try:
        validate(machine)
    except DeclarationErrors as errors:
        return str(errors)
    return ""


def _seeded(machine: Machine) -> Iterator[tuple[_Edit, Machine]]:
    everything = machine_scope(machine, {f.name: f for e in machine.events for f in e.fields}.values())
    for event in machine.events:
        for edit in _events(machine, event, everything):
            yield edit, with_event(machine, event.name, lambda _, new=edit.part: new)  # type: ignore[misc]
    for index, definition in enumerate(machine.definitions):
        for edit in _expressions(machine, everything, definition.expr):
            new = replace(definition, expr=edit.part)  # type: ignore[arg-type]
            yield edit.within(new, definition.name), replace(machine, definitions=_with(machine.definitions, index, new))
    for index, variable in enumerate(machine.variables):
        for edit in (*_members(variable.initial, variable.type), *_expressions(machine, everything, variable.initial)):
            started = replace(variable, initial=edit.part)  # type: ignore[arg-type]
            whole = replace(machine, variables=_with(machine.variables, index, started))
            yield replace(edit, operator="initial").within(started, variable.name), whole


def _with(items: tuple[_T, ...], index: int, *new: _T) -> tuple[_T, ...]:
    """`items` with `new` in place of the one at `index`."""
    return (*items[:index], *new, *items[index + 1 :])


def _expressions(machine: Machine, scope: Scope, expr: Expr) -> Iterator[_Edit]:
    for found in Rewriter(machine, scope).rewrites(expr):
        whole = replaced(expr, found.before, found.after)
        yield _Edit(found.operator, "", *map(show, found.shown), whole)


def _members(expr: Expr, kind: Type) -> Iterator[_Edit]:
    """The members that `expr` may give, each with the next one of `kind` in its place."""
    match expr:
        case Lit(str(member)) if isinstance(kind, Enum) and len(kind.members) > 1:
            other = _next(kind.members, member)
            yield _Edit("constant", "", member, other, Lit(other))
        case Ite(cond, then, orelse):
            for edit in _members(then, kind):
                yield replace(edit, part=Ite(cond, edit.part, orelse))  # type: ignore[arg-type]
            for edit in _members(orelse, kind):
                yield replace(edit, part=Ite(cond, then, edit.part))  # type: ignore[arg-type]


def _next(members: Sequence[_T], member: _T) -> _T:
    """The one after `member`, and after the last one the first."""
    return members[(members.index(member) + 1) % len(members)]


def _events(machine: Machine, event: Event, scope: Scope) -> Iterator[_Edit]:
    for index, need in enumerate(event.requires):

        def needs(*new: object, at: int = index) -> Event:
            return replace(event, requires=_with(event.requires, at, *new))  # type: ignore[arg-type]

        where = f"{event.name}.{need.code}"
        yield _Edit("requirement_dropped", where, show(need.holds), "nothing", needs())
        opposite = negated(need.holds)
        yield _Edit("requirement_negated", where, show(need.holds), show(opposite), needs(replace(need, holds=opposite)))
        if index:
            earlier = event.requires[index - 1]
            order = (*event.requires[: index - 1], need, earlier, *event.requires[index + 1 :])
            texts = f"{earlier.code} before {need.code}", f"{need.code} before {earlier.code}"
            yield _Edit("requirements_exchanged", where, *texts, replace(event, requires=order))
        for edit in _expressions(machine, scope, need.holds):
            yield edit.within(needs(replace(need, holds=edit.part)), where)
    for index, rule in enumerate(event.rules):
        others = tuple(r for r in event.rules if r is not rule)
        yield _Edit("rule_dropped", rule.name, rule.name, "nothing", replace(event, rules=others))
        for edit in _rules(machine, rule, others, scope):
            yield edit.within(replace(event, rules=_with(event.rules, index, edit.part)), rule.name)  # type: ignore[arg-type]
    if event.repeats:
        yield _Edit("run_once", event.name, "repeats", "runs once", replace(event, repeats=False))


def _rules(machine: Machine, rule: Rule, others: tuple[Rule, ...], scope: Scope) -> Iterator[_Edit]:
    yield from _lifecycle(machine, rule, others)
    if rule.when != TRUE:
        yield _Edit("condition_dropped", "when", show(rule.when), "nothing", replace(rule, when=TRUE))
        for edit in _expressions(machine, scope, rule.when):
            yield edit.within(replace(rule, when=edit.part), "when")  # type: ignore[arg-type]
    for index, assign in enumerate(rule.effect):
        kept = replace(rule, effect=_with(rule.effect, index))
        yield _Edit("effect_dropped", assign.name, show(assign.value), assign.name, kept)
    for index, line in enumerate(rule.ledger):
        place = f"{line.kind.value}_{line.pool}"
        yield _Edit("posting_dropped", place, show(line.amount), "nothing", replace(rule, ledger=_with(rule.ledger, index)))
        other = _next([kind for kind in Kind if kind.adds == line.kind.adds], line.kind)
        renamed = replace(rule, ledger=_with(rule.ledger, index, replace(line, kind=other)))
        yield _Edit("posting_kind", place, line.kind.value, other.value, renamed)
    for index, answer in enumerate(rule.answer):
        silent = replace(rule, answer=_with(rule.answer, index))
        yield _Edit("answer_dropped", f"answer_{answer.name}", show(answer.value), "nothing", silent)
    yield from _values(machine, rule, scope)
    yield from _clocks(machine, rule)


def _values(machine: Machine, rule: Rule, scope: Scope) -> Iterator[_Edit]:
    """The changes to what the rule computes. One that several of its values have in common is changed in all of them.

    A balance and the ledger would otherwise part wherever one of them is wrong, which is too easily found.
    """
    kinds = {v.name: v.type for v in machine.variables}
    for index, assign in enumerate(rule.effect):
        for edit in _members(assign.value, kinds[assign.name]):
            other = replace(assign, value=edit.part)  # type: ignore[arg-type]
            yield edit.within(replace(rule, effect=_with(rule.effect, index, other)), assign.name)
    values = [(a.name, a.value) for a in rule.effect]
    values += [(f"{line.kind.value}_{line.pool}", line.amount) for line in rule.ledger]
    values += [(f"answer_{a.name}", a.value) for a in rule.answer]
    for index, (place, value) in enumerate(values):
        for found in Rewriter(machine, scope).rewrites(value):
            alone = index if is_leaf(found.before) else None
            changed = _revalued(rule, found.before, found.after, alone)
            yield _Edit(found.operator, place, *map(show, found.shown), changed)


def _revalued(rule: Rule, before: Expr, after: Expr, alone: int | None) -> Rule:
    """`rule` with `after` for `before` in each of its values, or in the one numbered `alone`."""
    number = count()

    def new(value: Expr) -> Expr:
        return replaced(value, before, after) if alone in (None, next(number)) else value

    effect = tuple(replace(a, value=new(a.value)) for a in rule.effect)
    ledger = tuple(replace(line, amount=new(line.amount)) for line in rule.ledger)
    return replace(rule, effect=effect, ledger=ledger, answer=tuple(replace(a, value=new(a.value)) for a in rule.answer))


def _lifecycle(machine: Machine, rule: Rule, others: tuple[Rule, ...]) -> Iterator[_Edit]:
    for state in rule.source if len(rule.source) > 1 else ():
        left = tuple(s for s in rule.source if s != state)
        yield _Edit("source_dropped", state, ", ".join(rule.source), ", ".join(left), replace(rule, source=left))
    for state in machine.states:
        if state not in rule.source and any(state in other.source for other in others):
            more = (*rule.source, state)
            yield _Edit("source_added", state, ", ".join(rule.source), ", ".join(more), replace(rule, source=more))
    now = rule.target or "the same state"
    if rule.target is not None:
        yield _Edit("target", "target", now, "the same state", replace(rule, target=None))
    elsewhere = _next(machine.states, rule.target or rule.source[0])
    yield _Edit("target", "target", now, elsewhere, replace(rule, target=elsewhere))


def _clocks(machine: Machine, rule: Rule) -> Iterator[_Edit]:
    """Each other act of a clock that the rule names; one that it does not name is started anew."""
    acts = dict(rule.clocks)
    for clock in machine.clocks:
        now = acts.get(clock.name, ClockAct.KEEPS)
        for act in (ClockAct.STARTS,) if now is ClockAct.KEEPS else ClockAct:
            if act is not now:
                given = {name: a for name, a in {**acts, clock.name: act}.items() if a is not ClockAct.KEEPS}
                yield _Edit("clock", clock.name, now.value, act.value, replace(rule, clocks=tuple(given.items())))
