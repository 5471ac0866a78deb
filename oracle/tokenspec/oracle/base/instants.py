"""Instants: whole milliseconds UTC since 1970, and how they are written.

A year after 9999 is written with a sign and six digits (ISO 8601-2): the renewal after one in December 9999 is a real instant.
"""

from __future__ import annotations

import re
from functools import lru_cache

from tokenspec.machine.interpreters.dates import DAY_MS, date_of, days_in_month, days_of

_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME_OF_DAY = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]")


def parse_instant(text: str) -> int:
    """Returns the instant that RFC 3339 `text` names, truncated to milliseconds.

    Raises `ValueError` with the rule that is broken.
    """
    if len(text) == 20 and text[10] == "T" and text[19] == "Z":
        # The usual form. A log has many instants of one day, and many of one time of day.
        try:
            return _midnight(text[:10]) + _time_of_day(text[11:19])
        except ValueError:
            pass
    return _of_any_form(text)


@lru_cache(maxsize=4096)
def _of_any_form(text: str) -> int:
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise ValueError("an instant is RFC 3339 with Z or an offset, such as 2026-07-15T09:00:00Z, or integer milliseconds")
    day, hours, minutes, seconds, fraction, offset = found.groups()
    midnight, hour, minute, second = _midnight(day), int(hours), int(minutes), int(seconds)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("there is no such time of day (leap seconds are not counted)")
    shift = 0
    if offset not in "Zz":
        offset_hours, offset_minutes = int(offset[1:3]), int(offset[4:6])
        if offset_hours > 23 or offset_minutes > 59:
            raise ValueError("there is no such offset; it is at most 23:59")
        shift = (offset_hours * 60 + offset_minutes) * 60_000 * (-1 if offset[0] == "-" else 1)
    milliseconds = int(fraction.ljust(3, "0")[:3]) if fraction else 0
    return midnight + ((hour * 60 + minute) * 60 + second) * 1000 + milliseconds - shift


@lru_cache(maxsize=86_400)
def _time_of_day(text: str) -> int:
    if not _TIME_OF_DAY.fullmatch(text):
        raise ValueError("there is no such time of day")
    return (int(text[:2]) * 3600 + int(text[3:5]) * 60 + int(text[6:])) * 1000


@lru_cache(maxsize=4096)
def _midnight(text: str) -> int:
    if not _DATE.fullmatch(text):
        raise ValueError("there is no such date")
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:])
    if not (1 <= month <= 12 and 1 <= day <= days_in_month(year, month)):
        raise ValueError("there is no such date")
    return days_of(year, month, day) * DAY_MS


@lru_cache(maxsize=4096)
def format_instant(at: int) -> str:
    """RFC 3339 with `Z`; a fraction only where the milliseconds are not 0."""
    days, rest = divmod(at, DAY_MS)
    seconds, milliseconds = divmod(rest, 1000)
    fraction = f".{milliseconds:03}" if milliseconds else ""
    return f"{_date_text(days)}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}Z"


@lru_cache(maxsize=4096)
def _date_text(days: int) -> str:
    year, month, day = date_of(days)
    shown = f"{year:04}" if 0 <= year <= 9999 else f"{year:+07}"
    return f"{shown}-{month:02}-{day:02}"


def parse_time_of_day(text: str) -> int:
    """Milliseconds after midnight of `HH:MM`. Raises `ValueError`."""
    if not re.fullmatch(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise ValueError("a time of day is HH:MM, from 00:00 to 23:59")
    return (int(text[:2]) * 60 + int(text[3:])) * 60_000
