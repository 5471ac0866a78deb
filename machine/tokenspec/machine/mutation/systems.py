"""Faults seeded into what is declared beside the rules of a machine: links, timers, calendars, event ids, the small machines.

Each operator of `SYSTEM_OPERATORS` is applied wherever it can be. The machines beside the first one are changed as that one
is (`operators.py`). What an event id does is derived (`lang.derived.used_ids`), so that is where its faults are: an expression
that ids bring into the machine is changed wherever it stands. Left alone is what only advice reads (the time after which
something is a case for support).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

from tokenspec.machine.lang.calendars import (
    Calendar,
    CalendarByPolicy,
    DeclaredCalendar,
    EveryDay,
    EveryHours,
    EveryMonth,
    EveryWeek,
    EveryYear,
    Hour,
    OnceAfter,
    ShortMonth,
)
from tokenspec.machine.lang.declaration import Event, Link, Machine, Rule, System, Timer, Variable
from tokenspec.machine.lang.derived.used_ids import with_id
from tokenspec.machine.lang.errors import DeclarationErrors
from tokenspec.machine.lang.expr import Expr, Lit, Var
from tokenspec.machine.lang.typecheck import show
from tokenspec.machine.lang.types import Enum
from tokenspec.machine.lang.validate import machine_scope, validate_system
from tokenspec.machine.mutation.edits import Edit, SeededFault, faults, put
from tokenspec.machine.mutation.expressions import Rewriter, replaced
from tokenspec.machine.mutation.operators import mutants

SYSTEM_OPERATORS: dict[str, str] = {
    "link_dropped": "an event of one machine no longer drives another one",
    "link_from": "a link begins with another event of its machine",
    "link_to": "a link fires another event of the machine that it drives",
    "timer_dropped": "what is to happen after a time never does",
    "timer_moved": "a timer waits a millisecond less or more",
    "timer_since": "a timer counts from another event",
    "timer_fires": "a timer fires another event",
    "calendar": "a clock follows a calendar that differs in one thing, under one answer of the policies",
    "id": "what becomes of an event id, or of a record under one that is used, is changed in one thing",
    "beside": "a machine beside the first one is changed as that one is",
}
"""Every operator, with what its mutants have in common."""


@dataclass(frozen=True)
class SystemMutant(SeededFault):
    """A system with one fault."""

    system: System
    with_id: Machine | None = None
    """The first machine with one id, where that is what was changed."""

    @cached_property
    def refused(self) -> str:
        """Returns the reason why the declaration is no longer valid; empty where it is."""
        try:
            validate_system(self.system)
        except DeclarationErrors as errors:
            return str(errors)
        return ""


def system_mutants(system: System) -> list[SystemMutant]:
    """Every mutant of `system` that is none of its first machine alone, always in the same order."""
    edits: tuple[Edit[System | Machine], ...] = (
        *_links(system),
        *_timers(system),
        *_calendars(system),
        *_ids(system),
        *_beside(system),
    )
    changed = ((fault, (system, part) if isinstance(part, Machine) else (part, None)) for fault, part in faults(edits))
    return [SystemMutant(**vars(fault), system=whole, with_id=with_id) for fault, (whole, with_id) in changed]


def _links(system: System) -> Iterator[Edit[System]]:
    named = {machine.name: machine for machine in system.machines}
    for index, link in enumerate(system.links):

        def linked(*new: Link, at: int = index) -> System:
            return replace(system, links=put(system.links, at, *new))

        place, shown = f"{link.when}.{link.then}", f"{link.when} fires {link.then}"
        yield Edit("link_dropped", place, shown, "nothing", linked())
        for operator, of in (("link_from", link.when), ("link_to", link.then)):
            machine, _, now = of.partition(".")
            others = [e.name for e in named[machine].events if e.name != now and (operator == "link_from" or not e.fields)]
            for other in (f"{machine}.{name}" for name in others):
                new = replace(link, when=other) if operator == "link_from" else replace(link, then=other)
                if new not in system.links:
                    yield Edit(operator, place, shown, f"{new.when} fires {new.then}", linked(new))


def _with_machine(system: System, old: Machine, new: Machine) -> System:
    return replace(system, machines=tuple(new if machine is old else machine for machine in system.machines))


def _timers(system: System) -> Iterator[Edit[System]]:
    for machine in system.machines:
        for index, timer in enumerate(machine.timers):

            def timed(*new: Timer, at: int = index, machine: Machine = machine) -> System:
                return _with_machine(system, machine, replace(machine, timers=put(machine.timers, at, *new)))

            place = f"{machine.name}.{timer.event}"
            shown = _timer(timer)
            yield Edit("timer_dropped", place, shown, "nothing", timed())
            for ms in (-1, 1):
                moved = replace(timer, after_ms=timer.after_ms + ms)
                yield Edit("timer_moved", place, shown, _timer(moved), timed(moved))
            for event in machine.events:
                if event.name != timer.since:
                    other = replace(timer, since=event.name)
                    yield Edit("timer_since", place, shown, _timer(other), timed(other))
                if event.name != timer.event and not event.fields:
                    other = replace(timer, event=event.name)
                    yield Edit("timer_fires", place, shown, _timer(other), timed(other))


def _timer(timer: Timer) -> str:
    return f"{timer.event} {timer.after_ms} ms after {timer.since}"


def _calendars(system: System) -> Iterator[Edit[System]]:
    for machine in system.machines:
        for index, clock in enumerate(machine.clocks):
            for under, before, after, calendar in _other_calendars(clock.calendar):
                clocks = put(machine.clocks, index, replace(clock, calendar=calendar))
                other = _with_machine(system, machine, replace(machine, clocks=clocks))
                place = ".".join([machine.name, clock.name, *under])
                yield Edit("calendar", place, _told(before), _told(after), other)


def _other_calendars(declared: DeclaredCalendar) -> Iterator[tuple[tuple[str, ...], Calendar, Calendar, DeclaredCalendar]]:
    """Yields each change of one calendar, with the answers under which it is followed, and the whole with that change."""
    if not isinstance(declared, CalendarByPolicy):
        yield from (((), declared, other, other) for other in _alike(declared))
        return
    for index, (answer, each) in enumerate(declared.answers):
        for under, before, after, whole in _other_calendars(each):
            yield (answer, *under), before, after, replace(declared, answers=put(declared.answers, index, (answer, whole)))


def _told(calendar: Calendar) -> str:
    """Returns a calendar in words."""
    said = (getattr(calendar, field.name) for field in fields(calendar))
    how = ", ".join(str(getattr(each, "value", each)).replace("_", " ") for each in said)
    return f"{type(calendar).__name__}({how})"


def _alike(calendar: Calendar) -> Sequence[Calendar]:
    """Returns the calendars that differ from this one in one thing."""
    match calendar:
        case EveryDay():
            return [EveryHours(24)]
        case EveryHours(hours):
            return [EveryHours(n) for n in (hours - 1, hours + 1) if n]
        case OnceAfter(hours):
            return [OnceAfter(n) for n in (hours - 1, hours + 1) if n]
        case EveryWeek(hour):
            return [EveryWeek(_other_hour(hour)), EveryHours(24)]
        case EveryMonth(short, hour) | EveryYear(short, hour):
            kind, longer_or_shorter = type(calendar), EveryYear if isinstance(calendar, EveryMonth) else EveryMonth
            other = ShortMonth.CLAMPS if short is ShortMonth.RETURNS else ShortMonth.RETURNS
            return [kind(other, hour), kind(short, _other_hour(hour)), longer_or_shorter(short, hour)]


def _other_hour(hour: Hour) -> Hour:
    return Hour.START_OF_DAY if hour is Hour.SAME_INSTANT else Hour.SAME_INSTANT


def _ids(system: System) -> Iterator[Edit[Machine]]:
    """Each change of an expression that ids bring into the first machine, wherever it stands."""
    if system.ids is None:
        return
    machine = with_id(system.machines[0], system.ids)
    own = {v.name: v for v in machine.variables if v not in system.machines[0].variables}
    given = {f.name: f for event in machine.events for f in event.fields}
    rewriter = Rewriter(machine, machine_scope(machine, given.values()))
    for place, expr in _brought_by_ids(machine, system.machines[0], own):

        def changed(way: str, before: Expr, shown: Expr, after: Expr, place: str = place, expr: Expr = expr) -> Edit[Machine]:
            whole = _everywhere(machine, place, expr, after)
            return Edit("id", f"{place}.{way}", show(before), show(shown), whole)

        for rewrite in rewriter.rewrites(expr):
            yield changed(rewrite.operator, *rewrite.shown, replaced(expr, rewrite.before, rewrite.after))
        kind = own[name].type if (name := place.removeprefix("initial_")) in own else None
        if isinstance(expr, Lit) and isinstance(kind, Enum):
            for other in (Lit(member) for member in kind.members if member != expr.value):
                yield changed("constant", expr, other, other)
            if name == place:
                yield changed("kept", expr, Var(name), Var(name))


def _brought_by_ids(machine: Machine, original: Machine, own: Mapping[str, Variable]) -> list[tuple[str, Expr]]:
    """Returns, without repetition, each expression that ids bring, with the name of what it is the value of, or its code."""
    found: dict[tuple[str, Expr], None] = {}
    known = {event.name for event in original.events}
    for event in machine.events:
        needs = event.requires[:1] if event.name in known else event.requires
        found |= {(need.code, need.holds): None for need in needs}
        for rule in event.rules:
            found |= {(each.name, each.value): None for each in rule.effect if each.name in own}
            found |= {(f"answer_{each.name}", each.value): None for each in rule.answer if event.name not in known}
    found |= {(f"initial_{name}", variable.initial): None for name, variable in own.items()}
    return list(found)


def _everywhere(machine: Machine, place: str, before: Expr, after: Expr) -> Machine:
    """`machine` with `after` in place of `before` wherever that is the value of `place`."""

    def in_rule(rule: Rule) -> Rule:
        effect = tuple(replace(e, value=after) if (e.name, e.value) == (place, before) else e for e in rule.effect)
        answer = tuple(replace(a, value=after) if (f"answer_{a.name}", a.value) == (place, before) else a for a in rule.answer)
        return replace(rule, effect=effect, answer=answer)

    def in_event(event: Event) -> Event:
        needs = tuple(replace(n, holds=after) if (n.code, n.holds) == (place, before) else n for n in event.requires)
        return replace(event, requires=needs, rules=tuple(map(in_rule, event.rules)))

    variables = tuple(
        replace(v, initial=after) if (f"initial_{v.name}", v.initial) == (place, before) else v for v in machine.variables
    )
    return replace(machine, variables=variables, events=tuple(map(in_event, machine.events)))


def _beside(system: System) -> Iterator[Edit[System]]:
    for machine in system.machines[1:]:
        for each in mutants(machine):
            before, _, after = each.fault.removeprefix(f"{each.place}: ").partition(" becomes ")
            whole = _with_machine(system, machine, each.machine)
            yield Edit("beside", f"{machine.name}.{each.operator}.{each.place}", before, after, whole)
