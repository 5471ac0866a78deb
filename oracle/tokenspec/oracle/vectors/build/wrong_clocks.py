"""Clocks that an implementation may have in place of the declared ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from typing import TypeAlias

from tokenspec.machine.interpreters.calendars import CalendarReader, Months
from tokenspec.machine.interpreters.dates import DAY_MS, HOUR_MS, date_of
from tokenspec.machine.lang.calendars import EveryMonth, EveryYear, Hour, variants
from tokenspec.machine.lang.declaration import Clock
from tokenspec.machine.mutation.systems import system_mutants
from tokenspec.oracle.base.specification import account, system
from tokenspec.oracle.runtime.clocks import ClockReader
from tokenspec.oracle.runtime.oracle import Oracle

Change: TypeAlias = Callable[[Oracle, ClockReader], ClockReader]
"""Gives the clock that an oracle has in place of one of its own."""
_Step: TypeAlias = Callable[[CalendarReader, int, int], tuple[int, int]]
"""Gives what comes after a due instant, and the day that is aimed at from there."""


@dataclass(frozen=True)
class _Otherwise:
    """A calendar of months that is right but for one thing."""

    right: Months
    step: _Step
    ahead: int = 0

    def first(self, at: int, time_of_day: int) -> tuple[int, int]:
        begun = at - at % DAY_MS if self.right.hour is Hour.START_OF_DAY else at
        return self.step(self.right, begun, date_of((begun + self.ahead) // DAY_MS)[2])

    def following(self, due: int, aim: int) -> tuple[int, int]:
        return self.step(self.right, due, aim)

    def beyond(self, due: int, aim: int, at: int) -> tuple[int, int, int]:
        passed = due
        while due <= at:
            passed = due
            due, aim = self.following(due, aim)
        return passed, due, aim


def _in_zone(ahead: int) -> _Step:
    def step(right: CalendarReader, due: int, aim: int) -> tuple[int, int]:
        after, then = right.following(due + ahead, aim)
        return after - ahead, then

    return step


def _capped(day: int) -> _Step:
    return lambda right, due, aim: right.following(due, min(aim, day))


def _without_leap_days(right: CalendarReader, due: int, aim: int) -> tuple[int, int]:
    after, then = right.following(due, aim)
    return (after - DAY_MS if date_of(after // DAY_MS)[1:] == (2, 29) else after), then


class OtherClock(Oracle):
    """An oracle of which one clock is another one."""

    def replace_clock(self, name: str, change: Change) -> None:
        """Replaces a clock."""
        self.clocks = {**self.clocks, name: change(self, self.clocks[name])}
        self._clocks = list(self.clocks.values())


def _declared(clock: Clock) -> Change:
    return lambda oracle, _: ClockReader(clock, oracle.policy, oracle.machine)


def _stepping(step: _Step, ahead: int = 0) -> Change:
    def other(_: Oracle, reader: ClockReader) -> ClockReader:
        found = copy(reader)
        if isinstance(reader.calendar, Months):
            found.calendar = _Otherwise(reader.calendar, step, ahead)
        return found

    return other


def wrong_clocks() -> Iterator[tuple[str, str, str, Change]]:
    """Yields id and meaning of each fault, the clock that it is of, and the one in its place."""
    for fault in system_mutants(system()):
        if fault.operator == "calendar":
            pairs = zip(account().clocks, fault.system.machines[0].clocks, strict=True)
            yield from ((fault.id, fault.fault, new.name, _declared(new)) for old, new in pairs if old != new)
    for clock in (clock.name for clock in account().clocks if _counts_months(clock)):
        for hours in (-8, 1):
            change = _stepping(_in_zone(hours * HOUR_MS), hours * HOUR_MS)
            yield f"clock.{clock}.zone_{hours}", f"months are counted {hours} hours ahead of UTC", clock, change
        for day in (28, 29, 30):
            yield f"clock.{clock}.to_{day}", f"no day of a month after the {day}th counts", clock, _stepping(_capped(day))
        thirty = _stepping(lambda _, due, aim: (due + 30 * DAY_MS, aim))
        yield f"clock.{clock}.thirty", "a month is thirty days", clock, thirty
        yield f"clock.{clock}.no_leap", "February has 28 days", clock, _stepping(_without_leap_days)


def _counts_months(clock: Clock) -> bool:
    return any(isinstance(calendar, EveryMonth | EveryYear) for _, calendar in variants(clock.calendar))
