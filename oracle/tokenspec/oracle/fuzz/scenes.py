"""The scene of a run: the instant at which it begins, and the accounts that take part."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tokenspec.machine.interpreters.dates import DAY_MS, HOUR_MS
from tokenspec.oracle.base.instants import parse_instant
from tokenspec.oracle.fuzz.names import BETWEEN, KEYS_OF_OBJECTS, alike, fresh
from tokenspec.oracle.runtime.script import CLOCKS, MINUTE_MS, SLOWEST, Wait

START = parse_instant("2027-01-31T22:30:00Z")
"""Late on the last day of a long month: the next anniversaries and the next midnight are awkward at once."""

_YEARS = (2027, 2027, 2028, 2024, 1970, 1999, 2000, 2037, 2038, 2096, 2099, 2100, 2400, 9900)
"""Years on either side of leap days that come or do not, and of the ends of counters."""
_DAYS = ((1, -1), (1, 1), (1, 29), (2, -1), (3, 1), (3, -1), (8, -1), (12, -1), (6, 15), (1, 30), (10, -1), (2, 28), (11, 1))
"""Months and days; -1 is the last day."""
_HOURS_MS = tuple(
    hour * HOUR_MS + minute * MINUTE_MS
    for hour, minute in ((22, 30), (0, 0), (3, 47), (23, 59), (0, 1), (12, 0), (2, 30), (14, 5))
)
_LATEST = 9_900
"""The last year in which a run begins: it may last decades, and no instant is beyond the year 9999."""


LENGTHS = (
    Wait(),
    Wait(ms=MINUTE_MS),
    Wait(CLOCKS),
    Wait(ms=HOUR_MS),
    Wait(ms=DAY_MS),
    Wait(CLOCKS, -1),
    Wait(CLOCKS, 1),
    SLOWEST,
    Wait(ms=1),
    Wait(ms=5 * HOUR_MS),
    Wait(SLOWEST.clocks, -1),
    Wait(ms=49 * HOUR_MS),
    Wait(ms=31 * DAY_MS),
    Wait(ms=92 * DAY_MS),
)
"""The lengths of time between two records, as dice choose them."""


FAR = 2**48
"""An amount that is near the limit of all that can be counted."""

WHOLE = 6
"""A die for an amount: the whole balance."""

LATE = 30
"""The number of records of a run after which such amounts are as frequent as others."""


@dataclass(frozen=True)
class Scene:
    """The instant at which a run begins, the accounts by name, the one that most happens to first, and a die for names."""

    start: int = START
    accounts: tuple[str, ...] = ("a", "b", "c")
    naming: int = 0


DICE = 8
"""The number of random choices that a scene takes."""


def scene_of(dice: bytes) -> Scene:
    """Returns the scene that the dice stand for; zeros are the plainest. Half of all accounts have names that are alike."""
    year, month, day, hour, odd, named, other, third = dice
    chosen = _YEARS[year % len(_YEARS)] if year < 192 else 1970 + (year * 256 + odd) % (_LATEST - 1970)
    first, accounts = fresh("a", 1, named), ["a", "b", "c"]
    if named % 2:
        near = alike(first, other)
        # The third is what the first and an id of it are when they are joined.
        joined = f"{first}{BETWEEN[third // 4 % len(BETWEEN)]}e1"
        further = (alike(first, third), joined, KEYS_OF_OBJECTS[third % len(KEYS_OF_OBJECTS)], "c")[third % 4]
        accounts = [first, near, further if further not in (first, near) else "c"]
    return Scene(_instant(chosen, month, day, hour, odd), tuple(accounts), named)


def _instant(year: int, month: int, day: int, hour: int, odd: int) -> int:
    """Returns an instant of a year: mostly near the end of a month or a day, else anywhere."""
    if month < 224:
        which, last = _DAYS[month % len(_DAYS)]
        days = monthrange(year, which)[1]
        begins = datetime(year, which, days if last < 0 else min(last, days), tzinfo=UTC)
    else:
        begins = datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=(month - 224) * 11 + day % 11)
    of_day = _HOURS_MS[hour % len(_HOURS_MS)] if hour < 192 else (hour * 256 + day) * 7_919_000 % DAY_MS
    return parse_instant(begins.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")) + of_day + (odd == 255)
