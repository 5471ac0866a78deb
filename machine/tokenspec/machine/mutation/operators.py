"""Faults seeded into a declaration by rule: every machine that differs from it in one small place.

Each operator of `OPERATORS` is applied wherever it can be, so that what is found does not depend on what somebody
thought of. Left alone are what proofs take for granted (`assumptions`), what only the layers around a machine read (clocks,
timers, where a field comes from), and all that is said in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from typing import TypeAlias, TypeVar

from tokenspec.machine.lang.declaration import ClockAct, Definition, Event, Kind, Machine, Memory, Requirement, Rule, Variable
from tokenspec.machine.lang.errors import DeclarationErrors
from tokenspec.machine.lang.expr import TRUE, Expr, Ite, Lit, Var, rewritten
from tokenspec.machine.lang.typecheck import show
from tokenspec.machine.lang.types import Bool, Enum, Type
from tokenspec.machine.lang.validate import machine_scope, validate
from tokenspec.machine.lang.validate_memory import memory_scope
from tokenspec.machine.mutation.edits import Edit, SeededFault, faults, put, with_event
from tokenspec.machine.mutation.expressions import Rewriter, is_leaf, negated, replaced

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
    "note_dropped": "a rule leaves out something that the memory is to hold",
    "answer_dropped": "a rule leaves out something that it answers",
    "clock": "a rule does something else to a clock, or does something to one that it leaves alone",
    "period": "a period of the memory is ended by something else, or no more by one thing",
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
_Part: TypeAlias = Event | Definition | Variable | Memory


@dataclass(frozen=True)
class Mutant(SeededFault):
    """A machine with one fault."""

    machine: Machine

    @cached_property
    def refused(self) -> str:
        """Returns the reason why the declaration is no longer valid; empty where it is."""
        try:
            validate(self.machine)
        except DeclarationErrors as errors:
            return str(errors)
        return ""


def mutants(machine: Machine) -> list[Mutant]:
    """Every mutant of `machine`, no two of them alike and none like the original, always in the same order."""
    return [Mutant(**vars(fault), machine=seeded) for fault, seeded in faults(_different(machine))]


def _different(machine: Machine) -> Iterator[Edit[Machine]]:
    parts: tuple[_Part, ...] = (*machine.events, *machine.definitions, *machine.variables)
    seen = {_plain(part) for part in parts} | {machine.memory}
    for edit, seeded in _seeded(machine):
        if (content := _plain(edit.part)) not in seen:
            seen.add(content)
            yield edit.within(seeded)


def _plain(part: _Part) -> _Part:
    """`part` without what says nothing: requirements that always hold, effects that keep a value."""
    if not isinstance(part, Event):
        return part
    rules = tuple(replace(r, effect=tuple(a for a in r.effect if a.value != Var(a.name))) for r in part.rules)
    return replace(part, rules=rules, requires=tuple(need for need in part.requires if need.holds != TRUE))


def _seeded(machine: Machine) -> Iterator[tuple[Edit[Event] | Edit[Definition] | Edit[Variable] | Edit[Memory], Machine]]:
    fields = {f.name: f for e in machine.events for f in e.fields}
    rewriter = Rewriter(machine, machine_scope(machine, fields.values()))
    for event in machine.events:
        for changed in (*_requirements(rewriter, event), *_rules(machine, rewriter, event)):
            yield changed, with_event(machine, event.name, lambda _, new=changed.part: new)  # type: ignore[misc]
    for index, definition in enumerate(machine.definitions):
        for edit in _expressions(rewriter, definition.expr):
            reworded = replace(definition, expr=edit.part)
            whole = replace(machine, definitions=put(machine.definitions, index, reworded))
            yield edit.within(reworded, definition.name), whole
    for index, variable in enumerate(machine.variables):
        for edit in (*_members(variable.initial, variable.type), *_expressions(rewriter, variable.initial)):
            started = replace(variable, initial=edit.part)
            whole = replace(machine, variables=put(machine.variables, index, started))
            yield replace(edit, operator="initial").within(started, variable.name), whole

    if machine.memory is not None:
        for of_memory in _memory(machine, machine.memory):
            yield of_memory, replace(machine, memory=of_memory.part)


def _memory(machine: Machine, memory: Memory) -> Iterator[Edit[Memory]]:
    """Other periods, other facts, and entries that begin otherwise."""
    rewriter = Rewriter(machine, memory_scope(memory))
    done = {act for event in machine.events for rule in event.rules for act in rule.clocks}
    ends = [(c.name, act) for c in machine.clocks for act in (ClockAct.SETTLES, ClockAct.STOPS) if (c.name, act) in done]
    for index, period in enumerate(memory.periods):
        now = ", ".join(f"{act.value} {clock}" for clock, act in period.ended_by)
        for end in ends:
            left = tuple(e for e in ends if (e in period.ended_by) != (e == end))
            if not left:
                continue
            other = replace(memory, periods=put(memory.periods, index, replace(period, ended_by=left)))
            then = ", ".join(f"{act.value} {clock}" for clock, act in left)
            yield Edit("period", f"{memory.key}.{period.lasts}", now, then, other)
    for index, fact in enumerate(memory.facts):
        for edit in (*_expressions(rewriter, fact.expr), *_members(fact.expr, _kind(machine, fact.name))):
            reworded = replace(memory, facts=put(memory.facts, index, replace(fact, expr=edit.part)))
            yield edit.within(reworded, f"{memory.key}.{fact.name}")
    for index, held in enumerate(memory.holds):
        for edit in (*_members(held.initial, held.type), *_expressions(rewriter, held.initial)):
            begun = replace(memory, holds=put(memory.holds, index, replace(held, initial=edit.part)))
            yield replace(edit, operator="initial").within(begun, f"{memory.key}.{held.name}")


def _kind(machine: Machine, fact: str) -> Type:
    """The type of the field that `fact` is read as."""
    return next((f.type for event in machine.events for f in event.fields if f.name == fact), Bool())


def _next(members: Sequence[_T], member: _T) -> _T:
    """The one after `member`, and after the last one the first."""
    return members[(members.index(member) + 1) % len(members)]


def _expressions(rewriter: Rewriter, expr: Expr) -> Iterator[Edit[Expr]]:
    for found in rewriter.rewrites(expr):
        before, after = map(show, found.shown)
        yield Edit(found.operator, "", before, after, replaced(expr, found.before, found.after))


def _members(expr: Expr, kind: Type) -> Iterator[Edit[Expr]]:
    """The members that `expr` may give, each with the next one of `kind` in its place."""
    match expr:
        case Lit(str(member)) if isinstance(kind, Enum) and len(kind.members) > 1:
            other = _next(kind.members, member)
            yield Edit("constant", "", member, other, Lit(other))
        case Ite(cond, then, orelse):
            for edit in _members(then, kind):
                yield replace(edit, part=Ite(cond, edit.part, orelse))
            for edit in _members(orelse, kind):
                yield replace(edit, part=Ite(cond, then, edit.part))


def _requirements(rewriter: Rewriter, event: Event) -> Iterator[Edit[Event]]:
    for index, need in enumerate(event.requires):

        def asks(*new: Requirement, at: int = index) -> Event:
            return replace(event, requires=put(event.requires, at, *new))

        place, holds, opposite = f"{event.name}.{need.code}", show(need.holds), negated(need.holds)
        yield Edit("requirement_dropped", place, holds, "nothing", asks())
        yield Edit("requirement_negated", place, holds, show(opposite), asks(replace(need, holds=opposite)))
        if index:
            earlier = event.requires[index - 1]
            order = (*event.requires[: index - 1], need, earlier, *event.requires[index + 1 :])
            orders = f"{earlier.code} before {need.code}", f"{need.code} before {earlier.code}"
            yield Edit("requirements_exchanged", place, *orders, replace(event, requires=order))
        for edit in _expressions(rewriter, need.holds):
            yield edit.within(asks(replace(need, holds=edit.part)), place)
    if event.repeats:
        yield Edit("run_once", event.name, "repeated", "run once", replace(event, repeats=False))


def _rules(machine: Machine, rewriter: Rewriter, event: Event) -> Iterator[Edit[Event]]:
    for index, rule in enumerate(event.rules):
        others = tuple(r for r in event.rules if r is not rule)
        yield Edit("rule_dropped", rule.name, "the rule", "nothing", replace(event, rules=others))
        for edit in (
            *_lifecycle(machine, rewriter, rule, others),
            *_left_out(rule),
            *_values(machine, rewriter, rule),
            *_clocks(machine, rule),
        ):
            yield edit.within(replace(event, rules=put(event.rules, index, edit.part)), rule.name)


def _lifecycle(machine: Machine, rewriter: Rewriter, rule: Rule, others: tuple[Rule, ...]) -> Iterator[Edit[Rule]]:
    now = ", ".join(rule.source)
    for state in rule.source if len(rule.source) > 1 else ():
        left = tuple(s for s in rule.source if s != state)
        yield Edit("source_dropped", state, now, ", ".join(left), replace(rule, source=left))
    for state in machine.states:
        if state not in rule.source and any(state in other.source for other in others):
            yield Edit("source_added", state, now, f"{now}, {state}", replace(rule, source=(*rule.source, state)))
    leads_to = rule.target or "the same state"
    if rule.target is not None:
        yield Edit("target", "target", leads_to, "the same state", replace(rule, target=None))
    elsewhere = _next(machine.states, rule.target or rule.source[0])
    yield Edit("target", "target", leads_to, elsewhere, replace(rule, target=elsewhere))
    if rule.when != TRUE:
        yield Edit("condition_dropped", "when", show(rule.when), "nothing", replace(rule, when=TRUE))
        for edit in _expressions(rewriter, rule.when):
            yield edit.within(replace(rule, when=edit.part), "when")


def _left_out(rule: Rule) -> Iterator[Edit[Rule]]:
    """The rule without each thing that it does, and with each line of the ledger put down as another kind."""
    for index, assign in enumerate(rule.effect):
        kept = replace(rule, effect=put(rule.effect, index))
        yield Edit("effect_dropped", assign.name, show(assign.value), assign.name, kept)
    for index, line in enumerate(rule.ledger):
        place = f"{line.kind.value}_{line.pool}"
        yield Edit("posting_dropped", place, show(line.amount), "nothing", replace(rule, ledger=put(rule.ledger, index)))
        other = _next([kind for kind in Kind if kind.adds == line.kind.adds], line.kind)
        renamed = replace(rule, ledger=put(rule.ledger, index, replace(line, kind=other)))
        yield Edit("posting_kind", place, line.kind.value, other.value, renamed)
    for index, note in enumerate(rule.notes):
        forgets = replace(rule, notes=put(rule.notes, index))
        yield Edit("note_dropped", f"note_{note.name}", show(note.value), "nothing", forgets)
    for index, answer in enumerate(rule.answer):
        silent = replace(rule, answer=put(rule.answer, index))
        yield Edit("answer_dropped", f"answer_{answer.name}", show(answer.value), "nothing", silent)


def _values(machine: Machine, rewriter: Rewriter, rule: Rule) -> Iterator[Edit[Rule]]:
    """The changes to what the rule computes. One that several of its values have in common is changed in all of them.

    A balance and the ledger would otherwise part wherever one of them is wrong, which is too easily found.
    """
    kinds = {v.name: v.type for v in machine.variables}
    for index, assign in enumerate(rule.effect):
        for edit in _members(assign.value, kinds[assign.name]):
            other = replace(assign, value=edit.part)
            yield edit.within(replace(rule, effect=put(rule.effect, index, other)), assign.name)
    values = [(a.name, a.value) for a in rule.effect]
    values += [(f"{line.kind.value}_{line.pool}", line.amount) for line in rule.ledger]
    values += [(f"answer_{a.name}", a.value) for a in rule.answer]
    values += [(f"note_{n.name}", n.value) for n in rule.notes]
    for index, (place, value) in enumerate(values):
        for found in rewriter.rewrites(value):
            alone = index if is_leaf(found.before) else None
            before, after = map(show, found.shown)
            yield Edit(found.operator, place, before, after, _revalued(rule, found.before, found.after, alone))


def _revalued(rule: Rule, before: Expr, after: Expr, alone: int | None) -> Rule:
    """`rule` with `after` for `before` in each of its values, or in the one numbered `alone`."""
    number = count()

    def new(value: Expr) -> Expr:
        return replaced(value, before, after) if alone in (None, next(number)) else value

    effect, ledger, answer, notes = rewritten((rule.effect, rule.ledger, rule.answer, rule.notes), new)
    return replace(rule, effect=effect, ledger=ledger, answer=answer, notes=notes)


def _clocks(machine: Machine, rule: Rule) -> Iterator[Edit[Rule]]:
    """Each other act of a clock that the rule names; one that it does not name is started anew."""
    acts = dict(rule.clocks)
    for clock in machine.clocks:
        now = acts.get(clock.name, ClockAct.KEEPS)
        for act in (ClockAct.STARTS,) if now is ClockAct.KEEPS else ClockAct:
            if act is not now:
                given = {name: a for name, a in {**acts, clock.name: act}.items() if a is not ClockAct.KEEPS}
                yield Edit("clock", clock.name, now.value, act.value, replace(rule, clocks=tuple(given.items())))
