"""The arithmetic of calendars: which instant falls due first, which one after another, which one first after an instant.

An instant is a whole number of milliseconds since 1970, UTC. Beside it stands the *aim* of a calendar of months, the day of the
month that its next instant aims at; of other calendars it is 0. Instants and times of day are only added, subtracted and
divided, so that `checkers/calendars.py` can run the same code on open numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias, assert_never

from tokenspec.machine.interpreters import dates
from tokenspec.machine.interpreters.dates import DAY_MS, HOUR_MS
from tokenspec.machine.lang.calendars import (
    Calendar,
    EveryDay,
    EveryHours,
    EveryMonth,
    EveryWeek,
    EveryYear,
    Hour,
    OnceAfter,
    ShortMonth,
)

NEVER = 2**62
"""Later than any instant that a record can name: the due instant of a clock for which nothing is left to fall due."""

Due: TypeAlias = tuple[int, int]
"""A due instant, and the day of the month that the one after it aims at."""

Passed: TypeAlias = tuple[int, int, int]
"""A due instant, the one after it, and the latter's aim."""


class CalendarReader(Protocol):
    """The instants of one calendar."""

    def first(self, at: int, time_of_day: int) -> Due:
        """Returns the first due instant of a clock started at `at`; `time_of_day` (milliseconds) comes with the start."""

    def following(self, due: int, aim: int) -> Due:
        """Returns the due instant after `due`."""

    def beyond(self, due: int, aim: int, at: int) -> Passed:
        """Returns the due instants around `at`, which is not before `due`: the last one up to it, and the first one after it."""


def reader_of(calendar: Calendar) -> CalendarReader:
    """Returns the reader of `calendar`."""
    match calendar:
        case EveryDay():
            return Spans(DAY_MS, is_at_time_of_day=True)
        case EveryHours(hours):
            return Spans(hours * HOUR_MS)
        case EveryWeek(hour):
            return Spans(7 * DAY_MS, hour)
        case EveryMonth(short, hour):
            return Months(1, short, hour)
        case EveryYear(short, hour):
            return Months(12, short, hour)
        case OnceAfter(hours):
            return Once(hours * HOUR_MS)
        case _:
            assert_never(calendar)


def mark_after(at: int, mark: int, span: int) -> int:
    """Returns the first instant strictly after `at` that is whole spans away from `mark`."""
    return at + span - (at - mark) % span


@dataclass(frozen=True, slots=True)
class Spans:
    """Instants that lie `span` milliseconds apart."""

    span: int
    hour: Hour = Hour.SAME_INSTANT
    is_at_time_of_day: bool = False

    def first(self, at: int, time_of_day: int) -> Due:
        """Returns the first mark strictly after the start."""
        mark = time_of_day if self.is_at_time_of_day else _begun(at, self.hour)
        return mark_after(at, mark, self.span), 0

    def following(self, due: int, aim: int) -> Due:
        """Returns the next mark."""
        return due + self.span, aim

    def beyond(self, due: int, aim: int, at: int) -> Passed:
        """Returns the marks around `at`, in one step however many lie before it."""
        after = mark_after(at, due, self.span)
        return after - self.span, after, aim


@dataclass(frozen=True, slots=True)
class Months:
    """Instants on one day of the month, `months` months apart."""

    months: int
    short: ShortMonth
    hour: Hour

    def first(self, at: int, time_of_day: int) -> Due:
        """Returns the first anniversary."""
        begun = _begun(at, self.hour)
        return self.following(begun, dates.date_of(begun // DAY_MS)[2])

    def following(self, due: int, aim: int) -> Due:
        """Returns the next anniversary, at the same time of day."""
        days, time_of_day = divmod(due, DAY_MS)
        later = dates.months_on(days, self.months, aim)
        if self.short is ShortMonth.CLAMPS:
            aim = dates.date_of(later)[2]
        return later * DAY_MS + time_of_day, aim

    def beyond(self, due: int, aim: int, at: int) -> Passed:
        """Returns the anniversaries around `at`; each one before it is passed, since a short one may move the aim."""
        passed = due
        while due <= at:
            passed = due
            due, aim = self.following(due, aim)
        return passed, due, aim


@dataclass(frozen=True, slots=True)
class Once:
    """One instant, `span` milliseconds after the start."""

    span: int

    def first(self, at: int, time_of_day: int) -> Due:
        """Returns the one instant."""
        return at + self.span, 0

    def following(self, due: int, aim: int) -> Due:
        """Returns `NEVER`."""
        return NEVER, aim

    def beyond(self, due: int, aim: int, at: int) -> Passed:
        """Returns `NEVER` behind the one instant."""
        return due, NEVER, aim


def _begun(at: int, hour: Hour) -> int:
    return at - at % DAY_MS if hour is Hour.START_OF_DAY else at
