# ruff: noqa: INP001
"""Instants as the wallet keeps them: whole milliseconds since 1970, UTC."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

DAY = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = _EPOCH.toordinal()
# The calendar repeats after 400 years. `date` ends in 9999, but a renewal can fall due in January 10000.
_CYCLE_YEARS = 400
_CYCLE = 146_097 * DAY


def parse(text: str) -> int:
    """Return the instant of RFC 3339 text in UTC."""
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(milliseconds=1)


def show(instant: int | None) -> str | None:
    """Return RFC 3339 text; a fraction of three digits only where there is one."""
    if instant is None:
        return None
    at = _EPOCH + timedelta(milliseconds=instant - _CYCLE)
    fraction = f".{instant % 1000:03}" if instant % 1000 else ""
    year = at.year + _CYCLE_YEARS
    return f"{year if year < 10_000 else f'+{year:06}'}-{at:%m-%dT%H:%M:%S}{fraction}Z"


def next_mark(time_of_day: str, after: int) -> int:
    """Return the first instant at this time of day (`HH:MM`) strictly after another."""
    hours, minutes = time_of_day.split(":")
    mark = after - after % DAY + (int(hours) * 60 + int(minutes)) * 60_000
    return mark if mark > after else mark + DAY


def months_later(start: int, months: int) -> int:
    """Return the anniversary: the same day and time, or the last day of a month that is too short."""
    first = date.fromordinal(_FIRST_DAY + start // DAY)
    years, month = divmod(first.month - 1 + months, 12)
    year, month = first.year + years, month + 1
    day = min(first.day, monthrange(year, month)[1])
    return (date(year - _CYCLE_YEARS, month, day).toordinal() - _FIRST_DAY) * DAY + _CYCLE + start % DAY
