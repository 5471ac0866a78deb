"""Faults of the clocks of a machine: of the events that move one, and of its calendar."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tokenspec.machine.lang import declaration as d
from tokenspec.machine.lang.calendars import CalendarByPolicy, DeclaredCalendar, EveryDay, EveryHours, OnceAfter, variants
from tokenspec.machine.lang.errors import DeclarationError
from tokenspec.machine.lang.types import Tokens

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
