"""Instants: whole milliseconds UTC since 1970, and how they are written.

The calendar is the proleptic Gregorian one and has no last year: the renewal after one in December 9999 is a
real instant, which `datetime` cannot hold. It is written with a signed year of six digits (ISO 8601-2).
"""

from __future__ import annotations

import re
from functools import lru_cache

DAY_MS = 86_400_000
_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_DAYS_IN_400_YEARS = 146_097
_EPOCH = 719_468
"""Days from 1 March of year 0 to 1 January 1970."""


def days_of(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to the date. The year is counted from March, so that the leap day is its last."""
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * _DAYS_IN_400_YEARS + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - _EPOCH


def date_of(days: int) -> tuple[int, int, int]:
    """Year, month and day of the date `days` after 1970-01-01."""
    era, day_of_era = divmod(days + _EPOCH, _DAYS_IN_400_YEARS)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return era * 400 + year_of_era + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1


def days_in_month(year: int, month: int) -> int:
    """28 to 31."""
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    return days_of(*following, 1) - days_of(year, month, 1)


@lru_cache(maxsize=4096)
def parse_instant(text: str, any_offset: bool = False) -> int:
    """The instant that RFC 3339 `text` names, finer digits than milliseconds cut.

    Raises `ValueError` with the rule that is broken. Only `Z` is taken, unless `any_offset`.
    """
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise ValueError("an instant is RFC 3339 in UTC with Z, such as 2026-07-15T09:00:00Z, or integer milliseconds")
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    fraction, offset = found.group(7), found.group(8)
    if not (1 <= month <= 12 and 1 <= day <= days_in_month(year, month)):
        raise ValueError("there is no such date")
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("there is no such time of day (leap seconds are not counted)")
    shift = 0
    if offset not in "Zz":
        if not any_offset:
            raise ValueError("an instant is given in UTC, with Z")
        shift = (int(offset[1:3]) * 60 + int(offset[4:6])) * 60_000 * (-1 if offset[0] == "-" else 1)
    milliseconds = int((fraction or "").ljust(3, "0")[:3])
    return days_of(year, month, day) * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000 + milliseconds - shift


@lru_cache(maxsize=4096)
def format_instant(at: int) -> str:
    """RFC 3339 with `Z`; a fraction only where the milliseconds are not 0."""
    days, rest = divmod(at, DAY_MS)
    year, month, day = date_of(days)
    seconds, milliseconds = divmod(rest, 1000)
    fraction = f".{milliseconds:03}" if milliseconds else ""
    shown = f"{year:04}" if 0 <= year <= 9999 else f"{year:+07}"
    time = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{shown}-{month:02}-{day:02}T{time}{fraction}Z"


def parse_time_of_day(text: str) -> int:
    """Milliseconds after midnight of `HH:MM`. Raises `ValueError`."""
    if not re.fullmatch(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise ValueError("a time of day is HH:MM, from 00:00 to 23:59")
    return (int(text[:2]) * 60 + int(text[3:])) * 60_000
