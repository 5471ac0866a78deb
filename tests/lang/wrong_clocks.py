"""Declarations whose clocks cannot run: TS119 to TS121, and TS206."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lang.turnstile import EVENING
from lang.wrong import Wrong, machine
from tokenspec.machine.lang.build import rule
from tokenspec.machine.lang.calendars import DeclaredCalendar, EveryDay, EveryHours, EveryWeek, OnceAfter, calendar_by
from tokenspec.machine.lang.declaration import Actor, ClockAct, Event, Key, Shape, Timer

PLACE = "clock 'evening'"
AT_A_TIME = EveryDay("hour")


def opening(*keys: Key) -> Event:
    """An event that starts the clock."""
    starts = rule("opens", "locked", None, "", clocks={"evening": ClockAct.STARTS})
    return Event("open", Actor.USER, "", (), (), (starts,), keys=keys)


def timed(calendar: DeclaredCalendar, *more: Event) -> Callable[[], None]:
    """Validates the turnstile with another calendar."""
    return machine(clocks=(replace(EVENING, calendar=calendar),), more=more)


HOURLY: dict[str, DeclaredCalendar] = {"kept": EveryWeek(), "refused": EveryHours(1)}
RIGHT_CALENDARS = (
    timed(calendar_by("ahead", **HOURLY)),
    timed(AT_A_TIME, opening(Key("hour", "when", Shape.TIME_OF_DAY))),
    timed(AT_A_TIME),
)
WRONG_CLOCKS: dict[str, Wrong] = {
    # a clock is not moved by the events that it names
    "clock falls due by what people do": Wrong(
        "TS119", PLACE, "'push', which others bring about", machine(clocks=(replace(EVENING, falls_due="push"),))
    ),
    "clock is never settled by its job": Wrong(
        "TS119", PLACE, "'relock' never settles it", machine(clocks=(replace(EVENING, job="relock"),))
    ),
    # a calendar is chosen by what is no policy, or not once for each of its answers
    "calendar chosen by what is no policy": Wrong(
        "TS120", PLACE, "'room', which is no policy", timed(calendar_by("room", one=EveryWeek()))
    ),
    "calendar without one for an answer": Wrong(
        "TS120", PLACE, "of kept, and ahead has kept, refused", timed(calendar_by("ahead", kept=EveryWeek()))
    ),
    "calendar for an answer that there is not": Wrong(
        "TS120", PLACE, "of kept, refused, sold, and", timed(calendar_by("ahead", **HOURLY, sold=EveryWeek()))
    ),
    "calendar chosen wrongly within a choice": Wrong(
        "TS120",
        PLACE,
        "'room', which is no policy",
        timed(calendar_by("ahead", kept=EveryWeek(), refused=calendar_by("room", one=EveryWeek()))),
    ),
    # a calendar takes the time of day from a key that a starting event does not have
    "calendar at a time of day that nobody brings": Wrong("TS121", PLACE, "'open', which starts it", timed(AT_A_TIME, opening())),
    "calendar at a time of day that is a text": Wrong(
        "TS121", PLACE, "'open', which starts it", timed(AT_A_TIME, opening(Key("hour", "when")))
    ),
    # a calendar with a span of no length
    "calendar every no hours": Wrong("TS206", PLACE, "EveryHours(hours=0) has no length", timed(EveryHours(0))),
    "calendar once before the start": Wrong("TS206", PLACE, "OnceAfter(hours=-1) has no length", timed(OnceAfter(-1))),
    "calendar every one and a half hours": Wrong("TS206", PLACE, "EveryHours(hours=1.5)", timed(EveryHours(1.5))),  # type: ignore[arg-type]
    "calendar every hundred million years": Wrong("TS206", PLACE, "longer than three years", timed(EveryHours(10**12))),
    "calendar every true hours": Wrong("TS206", PLACE, "EveryHours(hours=True)", timed(EveryHours(True))),
    "clock overdue before it falls due": Wrong(
        "TS206", PLACE, "-1 milliseconds", machine(clocks=(replace(EVENING, overdue_ms=-1),))
    ),
    "timer of half a millisecond": Wrong(
        "TS206",
        "timer of 'evening_comes'",
        "0.5 milliseconds",
        machine(timers=(Timer("evening_comes", since="push", after_ms=0.5, clauses=()),)),  # type: ignore[arg-type]
    ),
}
