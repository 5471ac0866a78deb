"""Calendars, as data: the instants at which a clock falls due, counted from the instant at which it is started.

The kinds are a closed set. Where the documents leave open which of several a clock follows, the declaration gives one for each
answer of a policy. `interpreters/calendars.py` has the arithmetic.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, assert_never


class ShortMonth(enum.Enum):
    """The rule for a month that has no such day as the one on which the clock was started: it falls due on the last day."""

    RETURNS = "returns_to_day"
    """In longer months the original day counts again."""
    CLAMPS = "stays_clamped"
    """The earlier day counts from then on."""


class Hour(enum.Enum):
    """The time of day at which a calendar that counts dates falls due."""

    SAME_INSTANT = "same_instant"
    """The time of day at which the clock was started."""
    START_OF_DAY = "start_of_day"
    """00:00 UTC."""


@dataclass(frozen=True, slots=True)
class EveryDay:
    """Each day at the time of day that the event which starts the clock brings under `key`; at 00:00 UTC where it brings none.

    The first time is the first such mark strictly after the start.
    """

    key: str


@dataclass(frozen=True, slots=True)
class EveryHours:
    """Each full `hours` hours after the start."""

    hours: int


@dataclass(frozen=True, slots=True)
class EveryWeek:
    """Each week, on the weekday of the start."""

    hour: Hour = Hour.SAME_INSTANT


@dataclass(frozen=True, slots=True)
class EveryMonth:
    """Each month, on the day of the start."""

    short: ShortMonth = ShortMonth.RETURNS
    hour: Hour = Hour.SAME_INSTANT


@dataclass(frozen=True, slots=True)
class EveryYear:
    """Each year, on the date of the start; the 29th of February is subject to the rule for short months."""

    short: ShortMonth = ShortMonth.RETURNS
    hour: Hour = Hour.SAME_INSTANT


@dataclass(frozen=True, slots=True)
class OnceAfter:
    """One time only, `hours` hours after the start."""

    hours: int


Calendar: TypeAlias = EveryDay | EveryHours | EveryWeek | EveryMonth | EveryYear | OnceAfter


@dataclass(frozen=True, slots=True)
class CalendarByPolicy:
    """A calendar for each answer of a policy."""

    policy: str
    answers: tuple[tuple[str, DeclaredCalendar], ...]


DeclaredCalendar: TypeAlias = Calendar | CalendarByPolicy
"""A calendar, or the choice of one by policies."""


def calendar_by(policy: str, **answers: DeclaredCalendar) -> CalendarByPolicy:
    """Declares a calendar for each answer of `policy`; `validate` says which answers are missing or made up."""
    return CalendarByPolicy(policy, tuple(answers.items()))


def calendar_under(declared: DeclaredCalendar, settings: Mapping[str, object]) -> Calendar:
    """Returns the calendar that holds under `settings`, which answer every policy that chooses."""
    while isinstance(declared, CalendarByPolicy):
        declared = dict(declared.answers)[str(settings[declared.policy])]
    return declared


def variants(declared: DeclaredCalendar) -> Iterator[tuple[dict[str, str], Calendar]]:
    """Yields every calendar that a clock may follow, with the answers under which it does."""
    if not isinstance(declared, CalendarByPolicy):
        yield {}, declared
        return
    for answer, each in declared.answers:
        for more, calendar in variants(each):
            yield {declared.policy: answer, **more}, calendar


def shortest_hours(declared: DeclaredCalendar) -> int:
    """Returns the hours between two instants at the least, 0 for what comes once; of a choice by policies, of the slowest."""
    match declared:
        case CalendarByPolicy(_, answers):
            return max((shortest_hours(each) for _, each in answers), default=0)
        case EveryDay():
            return 24
        case EveryWeek():
            return 7 * 24
        case EveryMonth():
            return 28 * 24
        case EveryYear():
            return 365 * 24
        case EveryHours(hours):
            return hours
        case OnceAfter():
            return 0
        case _:
            assert_never(declared)


def described(declared: DeclaredCalendar) -> dict[str, object]:
    """Returns a calendar as plain data, for exports."""
    match declared:
        case CalendarByPolicy(policy, answers):
            return {"policy": policy, "answers": {answer: described(each) for answer, each in answers}}
        case EveryDay(key):
            return {"every": "day", "at": key}
        case EveryHours(hours):
            return {"every": "hours", "hours": hours}
        case EveryWeek(hour):
            return {"every": "week", "hour": hour.value}
        case EveryMonth(short, hour):
            return {"every": "month", "short_month": short.value, "hour": hour.value}
        case EveryYear(short, hour):
            return {"every": "year", "short_month": short.value, "hour": hour.value}
        case OnceAfter(hours):
            return {"once_after_hours": hours}
        case _:
            assert_never(declared)
