"""Validates a declaration. Every fault is reported, not only the first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from tokenspec.machine.lang import declaration as d
from tokenspec.machine.lang.calendars import CalendarByPolicy, DeclaredCalendar, EveryDay, EveryHours, OnceAfter, variants
from tokenspec.machine.lang.errors import DeclarationError, DeclarationErrors
from tokenspec.machine.lang.expr import Expr, Lit, names_in
from tokenspec.machine.lang.ids import OfRefused, Repeat
from tokenspec.machine.lang.typecheck import UNKNOWN, Scope, fits, type_of
from tokenspec.machine.lang.types import Bool, Tokens, Type
from tokenspec.machine.lang.validate_memory import check_memory, check_notes
from tokenspec.machine.lang.validate_names import check_kinds, check_names, twice, types_of_fields, unknown

_SENTENCE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")


def validate(machine: d.Machine) -> None:
    """Raises `DeclarationErrors` with every fault of `machine`; returns where there is none."""
    faults = check_kinds(machine) or list(_faults(machine))
    if faults:
        raise DeclarationErrors(faults)


def validate_system(system: d.System) -> None:
    """Raises `DeclarationErrors` with every fault of the machines and of the links; returns where there is none."""
    if faults := check_kinds(system):
        raise DeclarationErrors(faults)
    faults += twice((m.name for m in system.machines), "the system", "machine")
    for m in system.machines:
        own = f"machine {m.name!r}"
        faults += [f if f.place.startswith(own) else replace(f, place=f"{own}, {f.place}") for f in _faults(m)]
    faults += _ids(system)
    fired = [f"{m.name}.{e.name}" for m in system.machines for e in m.events]
    any_of_one = [f"{m.name}.*" for m in system.machines]
    for link in system.links:
        place = f"link of {link.when!r} to {link.then!r}"
        faults += unknown([link.when], [*any_of_one, *fired], "TS111", place, "an event, or all events, of a machine")
        faults += unknown([link.then], fired, "TS111", place, "an event of a machine")
    if faults:
        raise DeclarationErrors(faults)


def _ids(system: d.System) -> Iterator[DeclarationError]:
    """Every fault of what is declared of event ids."""
    ids = system.ids
    if ids is None:
        return
    place = f"ids of {ids.key!r}"
    if not _SENTENCE.fullmatch(ids.code):
        yield DeclarationError("TS106", place, f"{ids.code!r} is no sentence", "Write it as words_joined_by_underscores")
    policies = {p.name: [answer for answer, _ in p.answers] for m in system.machines for p in m.policies}
    for name, meant in ((ids.repeated, Repeat), (ids.refused, OfRefused)):
        yield from unknown([name], policies, "TS101", place, "a policy")
        yield from unknown(
            policies.get(name, ()), [each.value for each in meant], "TS204", f"{place}, policy {name!r}", "an answer"
        )
    for event in (e for m in system.machines for e in m.events):
        if any(need.code == ids.code for need in event.requires):
            fix = "Give the requirement a code of its own"
            yield DeclarationError("TS113", f"event {event.name!r}", f"{ids.code!r} is the refusal of a used id", fix)
        if any(ids.key in (f.key for f in event.fields) or ids.key == k.name for k in event.keys):
            yield DeclarationError("TS102", f"event {event.name!r}", f"it has a key {ids.key!r} of its own", "Rename it")


def machine_scope(machine: d.Machine, fields: Iterable[d.Field] = ()) -> dict[str, Type]:
    """The type of each name that an expression of `machine` may read beside `fields`: variables, parameters, definitions.

    A definition stands in it only where `fields` has all that it reads.
    """
    return dict(_scope(machine, tuple(fields), frozenset()))


@lru_cache(maxsize=512)
def _scope(machine: d.Machine, fields: tuple[d.Field, ...], at_fault: frozenset[str]) -> dict[str, Type]:
    scope: dict[str, Type] = {v.name: v.type for v in machine.variables}
    scope |= {p.name: p.type for p in machine.all_parameters}
    scope |= {f.name: f.type for f in fields} | dict.fromkeys(at_fault, UNKNOWN)
    for definition in machine.definitions:
        if definition.name in at_fault:
            continue
        try:
            scope[definition.name] = type_of(definition.expr, scope, definition.name)
        except DeclarationError:
            continue
    return scope


def _faults(m: d.Machine) -> Iterator[DeclarationError]:
    yield from check_names(m)
    yield from check_memory(m)
    parameters: Scope = {p.name: p.type for p in m.all_parameters}
    for v in m.variables:
        yield from fits(v.initial, parameters, f"variable {v.name!r}, initial value", v.type)
    at_fault, faults = _definitions(m)
    yield from faults
    for a in m.assumptions:
        place = f"assumption {a.breach!r}"
        for policy in sorted({p.name for p in m.policies} & set(names_in(a.holds))):
            message = f"{policy!r} is a policy, every answer of which is admissible"
            yield DeclarationError("TS101", place, message, "Assume something of the figures alone")
        yield from fits(a.holds, parameters, place, Bool(), "TS202")
    named = [(f"clock {c.name!r}", (c.falls_due, c.job)) for c in m.clocks]
    named += [(f"timer of {t.event!r}", (t.event, t.since)) for t in m.timers]
    for place, events in named:
        yield from unknown(events, m.event_named, "TS111", place, f"an event of {m.name!r}")
    for clock in m.clocks:
        yield from clock_faults(m, clock)
    for timer in m.timers:
        yield from wait_faults(timer.after_ms, f"timer of {timer.event!r}")
    for event in m.events:
        yield from _event(m, event, _scope(m, event.fields, frozenset(at_fault)))


def _definitions(m: d.Machine) -> tuple[set[str], list[DeclarationError]]:
    """The names that cannot be typed because their own declaration is at fault, and the faults of the definitions."""
    fields = types_of_fields(m)
    at_fault = {name for name, kinds in fields.items() if len(kinds) > 1}
    scope: dict[str, Type] = {v.name: v.type for v in m.variables} | {p.name: p.type for p in m.all_parameters}
    scope |= {name: UNKNOWN if name in at_fault else kind for name, kinds in fields.items() for kind in kinds}
    faults: list[DeclarationError] = []
    later = {x.name for x in m.definitions}
    for x in m.definitions:
        place = f"definition {x.name!r}"
        found = [
            DeclarationError("TS110", place, f"{name!r} is not declared yet", "Move the definition behind what it reads")
            for name in dict.fromkeys(names_in(x.expr))
            if name in later
        ] or list(fits(x.expr, scope, place))
        faults += found
        if found:
            at_fault.add(x.name)
        scope[x.name] = UNKNOWN if found else type_of(x.expr, scope, place)
        later.discard(x.name)
    return at_fault, faults


def _event(m: d.Machine, event: d.Event, scope: Scope) -> Iterator[DeclarationError]:
    place = f"event {event.name!r}"
    if not event.rules and all(need.holds != Lit(False) for need in event.requires):
        fix = "Say what it does, or give it a requirement that never holds"
        yield DeclarationError("TS109", place, "it has no rule, yet nothing refuses it", fix)
    seen: dict[str, Expr] = {}
    for need in event.requires:
        where = f"{place}, requirement {need.code!r}"
        if not _SENTENCE.fullmatch(need.code):
            yield DeclarationError("TS106", where, f"{need.code!r} is no sentence", "Write it as words_joined_by_underscores")
        if seen.setdefault(need.code, need.holds) != need.holds:
            yield DeclarationError("TS113", where, "the code stands for two requirements", "Give each its own")
        yield from fits(need.holds, scope, where, Bool(), "TS202")
    for rule in event.rules:
        yield from _rule(m, event, rule, scope, f"{place}, rule {rule.name!r}")


def _rule(m: d.Machine, event: d.Event, rule: d.Rule, scope: Scope, place: str) -> Iterator[DeclarationError]:
    if m.states:
        named = rule.source if rule.target is None else (*rule.source, rule.target)
        yield from unknown(named, m.states, "TS104", place, "a state")
    if not rule.source:
        yield DeclarationError("TS112", place, "it starts in no state", "Name its source states")
    yield from fits(rule.when, scope, f"{place}, condition", Bool(), "TS202")
    types = {v.name: v.type for v in m.variables}
    for name, count in Counter(a.name for a in rule.effect).items():
        if count > 1:
            fix = "Effects are simultaneous, so one variable has one new value: merge them"
            yield DeclarationError("TS103", place, f"{name!r} is given {count} new values", fix)
    for assign in rule.effect:
        if assign.name == m.control:
            yield DeclarationError("TS105", place, f"the effect sets {assign.name!r}", "Name the state as the rule's target")
        elif assign.name in types:
            yield from fits(assign.value, scope, f"{place}, effect on {assign.name!r}", types[assign.name])
        else:
            yield from unknown([assign.name], types, "TS101", place, "a variable")
    yield from unknown((line.pool for line in rule.ledger), m.pools, "TS101", place, "a pool")
    for line in rule.ledger:
        yield from fits(line.amount, scope, f"{place}, {line.kind.value} {line.pool}", Tokens())
    yield from twice((a.name for a in rule.answer), place, "answer")
    for answer in rule.answer:
        yield from fits(answer.value, scope, f"{place}, answer {answer.name!r}")
    yield from unknown((clock for clock, _ in rule.clocks), [c.name for c in m.clocks], "TS111", place, "a clock")
    yield from check_notes(m, event, rule, scope, place)


def check_clauses(register: Mapping[str, str], cited: Mapping[str, Iterable[str]]) -> None:
    """Raises `DeclarationErrors` unless each clause of `register` is cited and each one cited is registered.

    `cited` maps a place to the clauses it cites.
    """
    faults = [f for place, clauses in cited.items() for f in unknown(clauses, register, "TS108", place, "in the register")]
    used = {clause for clauses in cited.values() for clause in clauses}
    faults += [
        DeclarationError("TS107", f"clause {clause}", "nothing cites it", "Cite it where a rule or a claim rests on it")
        for clause in register
        if clause not in used
    ]
    if faults:
        raise DeclarationErrors(faults)


def citations(machine: d.Machine) -> dict[str, tuple[str, ...]]:
    """Each place of `machine` that cites clauses, with the clauses."""
    places: dict[str, tuple[str, ...]] = {f"policy {p.name}": p.clauses for p in machine.policies}
    places |= {f"clock {c.name}": c.clauses for c in machine.clocks}
    places |= {f"timer {t.event}": t.clauses for t in machine.timers}
    for e in machine.events:
        places[f"event {e.name}"] = e.clauses
        places |= {f"event {e.name}, {r.code}": r.clauses for r in e.requires}
        places |= {f"rule {r.name}": r.clauses for r in e.rules}
    return {place: clauses for place, clauses in places.items() if clauses}


_SETTLES = d.ClockAct.SETTLES, d.ClockAct.STOPS
_THREE_YEARS = 3 * 366 * 24
"""In hours: random runs go through many spans, and instants end with the year 9999."""


def clock_faults(m: d.Machine, clock: d.Clock) -> Iterator[DeclarationError]:
    """Yields every fault of `clock`, but for events and clocks that are not there at all."""
    place = f"clock {clock.name!r}"
    yield from _events(m, clock, place)
    yield from wait_faults(clock.overdue_ms, place)
    yield from _choices(m, clock.calendar, place)
    for calendar in dict.fromkeys(calendar for _, calendar in variants(clock.calendar)):
        if isinstance(calendar, EveryHours | OnceAfter) and not Tokens(1).admits(calendar.hours):
            yield DeclarationError("TS206", place, f"{calendar} has no length", "Give it a whole number of hours, 1 or more")
        elif isinstance(calendar, EveryHours | OnceAfter) and calendar.hours > _THREE_YEARS:
            fix = f"Give a whole number of hours, {_THREE_YEARS} or less"
            yield DeclarationError("TS206", place, f"{calendar} is longer than three years", fix)
        if isinstance(calendar, EveryDay):
            yield from _time_of_day(m, clock, calendar.key, place)


def wait_faults(milliseconds: int, place: str) -> Iterator[DeclarationError]:
    """Yields the fault of a wait that is none."""
    if not Tokens().admits(milliseconds):
        fix = "Give a whole number, 0 or more"
        yield DeclarationError("TS206", place, f"{milliseconds!r} milliseconds are no time to wait", fix)


def _events(m: d.Machine, clock: d.Clock, place: str) -> Iterator[DeclarationError]:
    falls_due, job = m.event_named.get(clock.falls_due), m.event_named.get(clock.job)
    if falls_due is not None and (falls_due.actor is not d.Actor.CLOCK or falls_due.fields):
        fix = "Name an event of Actor.CLOCK without fields: time alone brings it about"
        yield DeclarationError("TS119", place, f"it falls due by {clock.falls_due!r}, which others bring about", fix)
    if job is not None and not any((clock.name, act) in r.clocks for r in job.rules for act in _SETTLES):
        fix = f"Let a rule of it settle or stop {clock.name!r}, or what is due stays due"
        yield DeclarationError("TS119", place, f"its job {clock.job!r} never settles it", fix)


def _choices(m: d.Machine, declared: DeclaredCalendar, place: str) -> Iterator[DeclarationError]:
    if not isinstance(declared, CalendarByPolicy):
        return
    policies = {p.name: [answer for answer, _ in p.answers] for p in m.policies}
    known = policies.get(declared.policy)
    given = [answer for answer, _ in declared.answers]
    if known is None:
        fix = f"Known here: {', '.join(policies) or 'nothing'}"
        yield DeclarationError("TS120", place, f"its calendar is chosen by {declared.policy!r}, which is no policy", fix)
    elif Counter(given) != Counter(known):
        message = f"its calendars are those of {', '.join(given) or 'nothing'}, and {declared.policy} has {', '.join(known)}"
        yield DeclarationError("TS120", place, message, "Give one calendar for each answer of the policy, and no other")
    for _, each in declared.answers:
        yield from _choices(m, each, place)


def _time_of_day(m: d.Machine, clock: d.Clock, key: str, place: str) -> Iterator[DeclarationError]:
    for event in m.events:
        starts = any((clock.name, d.ClockAct.STARTS) in rule.clocks for rule in event.rules)
        if starts and not any(k.name == key and k.shape is d.Shape.TIME_OF_DAY for k in event.keys):
            message = f"it falls due at the time of day {key!r}, and {event.name!r}, which starts it, has no such key"
            yield DeclarationError("TS121", place, message, f"Give the event Key({key!r}, ..., Shape.TIME_OF_DAY)")
