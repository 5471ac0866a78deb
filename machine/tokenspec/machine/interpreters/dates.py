"""Dates of the Gregorian calendar, by the number of days since 1970-01-01.

The calendar is the standard library's, which repeats every 400 years: dates are moved by whole cycles, because `date` ends
in 9999 and the renewal after one in December 9999 is a real instant.
"""

from __future__ import annotations

from calendar import isleap
from datetime import date

DAY_MS = 86_400_000
"""Milliseconds in a day."""
HOUR_MS = 3_600_000
CYCLE_YEARS, CYCLE_DAYS = 400, 146_097
"""The length of the cycle, after which the calendar repeats."""
_EPOCH = date(1970, 1, 1).toordinal()
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def days_of(year: int, month: int, day: int) -> int:
    """Returns the days from 1970-01-01 to the date."""
    cycle, year_in_cycle = divmod(year, CYCLE_YEARS)
    return date(CYCLE_YEARS + year_in_cycle, month, day).toordinal() + (cycle - 1) * CYCLE_DAYS - _EPOCH


def date_of(days: int) -> tuple[int, int, int]:
    """Returns year, month and day of the date `days` after 1970-01-01."""
    cycle, day_in_cycle = divmod(days + _EPOCH - 1, CYCLE_DAYS)
    found = date.fromordinal(day_in_cycle + 1)
    return found.year + cycle * CYCLE_YEARS, found.month, found.day


def days_in_month(year: int, month: int) -> int:
    """Returns the number of days in the month, 28 to 31."""
    return 29 if month == 2 and isleap(year) else _LENGTHS[month - 1]


def months_on(days: int, months: int, aim: int) -> int:
    """Returns the day in the month `months` after that of the day `days`: its day `aim`, or its last day if it has none."""
    year, month, _ = date_of(days)
    later, index = divmod(month - 1 + months, 12)
    year, month = year + later, index + 1
    return days_of(year, month, min(aim, days_in_month(year, month)))
