"""Instants and months for the plain wallet: the standard library's calendar, moved by whole 400-year cycles."""

from __future__ import annotations

import calendar
import re
from datetime import date

DAY_MS = 86_400_000
MINUTE_MS = 60_000
UNIX_EPOCH_DAY = date(1970, 1, 1).toordinal()
DAYS_IN_400_YEARS = 146_097

INSTANT = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?[Zz]")


def day_number(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01. `date` stops at 9999, so the year is moved by whole 400-year cycles."""
    cycle, year_in_cycle = divmod(year, 400)
    ordinal = date(400 + year_in_cycle, month, day).toordinal() + (cycle - 1) * DAYS_IN_400_YEARS
    return ordinal - UNIX_EPOCH_DAY


def civil_date(days: int) -> tuple[int, int, int]:
    """Year, month and day of a day number; the inverse of `day_number`."""
    cycle, day_in_cycle = divmod(days + UNIX_EPOCH_DAY - 1, DAYS_IN_400_YEARS)
    found = date.fromordinal(day_in_cycle + 1)
    return found.year + 400 * cycle, found.month, found.day


def parse_instant(at: int | str) -> int:
    """Epoch milliseconds of a record's `at`; digits finer than a millisecond are cut."""
    if isinstance(at, int):
        return at
    match = INSTANT.fullmatch(at)
    if match is None:
        raise ValueError(f"not an RFC 3339 instant with Z: {at!r}")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    millis = int(((match[7] or "") + "000")[:3])
    return day_number(year, month, day) * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000 + millis


def format_instant(instant: int) -> str:
    """RFC 3339 with Z; a fraction only where there are milliseconds, an expanded year after 9999."""
    days, rest = divmod(instant, DAY_MS)
    year, month, day = civil_date(days)
    seconds, millis = divmod(rest, 1000)
    year_text = f"{year:04d}" if 0 <= year <= 9999 else f"{year:+05d}"
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    fraction = f".{millis:03d}" if millis else ""
    return f"{year_text}-{month:02d}-{day:02d}T{clock}{fraction}Z"


def one_month_later(instant: int, wanted_day: int) -> int:
    """The same time of day in the next month, on the wanted day or the month's last one."""
    days, time_of_day = divmod(instant, DAY_MS)
    year, month, _ = civil_date(days)
    year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    last_day = calendar.monthrange(2000 + year % 400, month)[1]  # the calendar repeats every 400 years
    return day_number(year, month, min(wanted_day, last_day)) * DAY_MS + time_of_day
