"""The two clocks of an account: at which instants its renewal and its daily reset fall due.

Calendar arithmetic and nothing else: this module has no rule about tokens. A clock shows the earliest due instant
that no job has run for (`shown`) and knows the next one that is still to fall due (`upcoming`).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tokenspec.oracle.base.instants import DAY_MS, date_of, days_in_month, days_of


class Dial(msgspec.Struct, gc=False):
    """One clock. While a job is late `shown` lies in the past; when nothing is due both instants are the same."""

    shown: int
    upcoming: int
    anchor: int
    """The instant at which the clock was started."""
    day: int = 0
    """Monthly only: the day of the month that the next instant aims at."""
    months: int = 0
    """Monthly only: months from the anchor to `upcoming`."""

    def settle(self) -> None:
        """Records that a job has run for everything that has fallen due."""
        self.shown = self.upcoming

    @property
    def is_waiting(self) -> bool:
        """True if something has fallen due that no job has run for."""
        return self.shown < self.upcoming


def start_daily(at: int, time_of_day: int, every_24h: bool) -> Dial:
    """Returns the daily clock of an account opened at `at`: the first mark after it (A02; F21 and A12 with `every_24h`)."""
    first = at + DAY_MS if every_24h else at + DAY_MS - (at - time_of_day) % DAY_MS
    return Dial(first, first, at)


def pass_days(dial: Dial, at: int) -> None:
    """Moves the daily clock's `upcoming` to the first mark strictly after `at`."""
    dial.upcoming += ((at - dial.upcoming) // DAY_MS + 1) * DAY_MS


def start_monthly(at: int, stay_clamped: bool) -> Dial:
    """Returns the monthly clock of a subscription begun at `at` (F22, A04)."""
    dial = Dial(at, at, at, date_of(at // DAY_MS)[2])
    pass_month(dial, stay_clamped)
    dial.shown = dial.upcoming
    return dial


def pass_month(dial: Dial, stay_clamped: bool) -> None:
    """Moves the monthly clock's `upcoming` to the next anniversary.

    In a month that is too short it is the last day. After that the original day counts again, unless
    `stay_clamped`: then the earlier day counts from there on.
    """
    year, month, _ = date_of(dial.anchor // DAY_MS)
    dial.months += 1
    later, index = divmod(month - 1 + dial.months, 12)
    day = min(dial.day, days_in_month(year + later, index + 1))
    if stay_clamped:
        dial.day = day
    dial.upcoming = days_of(year + later, index + 1, day) * DAY_MS + dial.anchor % DAY_MS


def anniversaries(anchor: int, stay_clamped: bool = False) -> Iterator[int]:
    """Yields the instants at which a subscription begun at `anchor` renews, without end."""
    dial = start_monthly(anchor, stay_clamped)
    while True:
        yield dial.upcoming
        pass_month(dial, stay_clamped)


def period_of(anchor: int, at: int, stay_clamped: bool = False) -> tuple[int, int]:
    """Returns the billing period that `at` lies in, as [start, end) (claim 21). `at` is not before `anchor`."""
    start = anchor
    for end in anniversaries(anchor, stay_clamped):
        if at < end:
            return start, end
        start = end
    raise AssertionError("anniversaries never end")
