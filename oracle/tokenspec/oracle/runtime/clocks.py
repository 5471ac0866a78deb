"""The clocks of an account, as their declaration says: what starts them, and at which instants they fall due.

A clock shows the earliest due instant that no job has run for (`shown`) and knows the next one that is still to fall due
(`upcoming`). Which instants these are is worked out by `machine.interpreters.calendars`, from the declared calendar.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import msgspec

from tokenspec.machine.interpreters.calendars import reader_of
from tokenspec.machine.lang.calendars import EveryDay, calendar_under
from tokenspec.machine.lang.declaration import Clock, ClockAct, Machine
from tokenspec.machine.lang.expr import Lit
from tokenspec.oracle.base.instants import parse_time_of_day


class Dial(msgspec.Struct, gc=False):
    """One clock. While a job is late `shown` lies in the past; when nothing is due both instants are the same."""

    shown: int
    upcoming: int
    anchor: int
    """The instant at which the clock was started."""
    day: int = 0
    """Of a calendar of months: the day of the month that the next instant aims at."""

    def settle(self) -> None:
        """Records that a job has run for everything that has fallen due."""
        self.shown = self.upcoming

    @property
    def is_waiting(self) -> bool:
        """True if something has fallen due that no job has run for."""
        return self.shown < self.upcoming


class ClockReader:
    """A declared clock under one choice of policies: it starts dials and moves them on."""

    def __init__(self, clock: Clock, settings: Mapping[str, object], machine: Machine) -> None:
        falls_due = machine.event_named[clock.falls_due]
        written = {effect.name for rule in falls_due.rules for effect in rule.effect}
        self.due = next((v for v in machine.variables if v.name in written), None)
        """The variable that says how much of it is due; None where nothing does."""
        calendar = calendar_under(clock.calendar, settings)
        self.declared = clock
        self.counts = machine.counts(clock)
        """True if falling due a second time changes more than the first time: then every due instant is an event of its own."""
        self.calendar = reader_of(calendar)
        self._key = calendar.key if isinstance(calendar, EveryDay) else ""

    def start(self, at: int, record: object = None) -> Dial:
        """Returns the dial of a clock that `record` starts at `at`; the first due instant lies strictly after it."""
        written = getattr(record, self._key, None) if self._key else None
        due, aim = self.calendar.first(at, parse_time_of_day(written) if written else 0)
        return Dial(due, due, at, aim)

    def pass_one(self, dial: Dial) -> None:
        """Moves `upcoming` to the due instant after it."""
        dial.upcoming, dial.day = self.calendar.following(dial.upcoming, dial.day)

    def pass_until(self, dial: Dial, at: int) -> int:
        """Moves `upcoming`, which is not after `at`, to the first due instant that is; returns the last one passed."""
        passed, dial.upcoming, dial.day = self.calendar.beyond(dial.upcoming, dial.day, at)
        return passed


@cache
def runs_in(machine: Machine, clock: str, state: str) -> bool | None:
    """Returns whether a clock runs while the account is in this state; None where it depends on the events before.

    It is worked out from the rules that start and stop it, along the states that they lead through.
    """
    initial = machine.control_variable.initial
    begun: set[tuple[str, bool]] = {(str(initial.value), False)} if isinstance(initial, Lit) else set()
    found: set[tuple[str, bool]] = set()
    while begun:
        here, runs = each = begun.pop()
        found.add(each)
        for event in machine.events:
            for rule in event.rules:
                if here in rule.source:
                    act = dict(rule.clocks).get(clock, ClockAct.KEEPS)
                    then = act is ClockAct.STARTS or (runs and act is not ClockAct.STOPS)
                    begun |= {(here if rule.target is None else rule.target, then)} - found
    ways = {runs for there, runs in found if there == state}
    return ways.pop() if len(ways) == 1 else None
