"""Calendars in WebAssembly against the calendars that define them, at random instants and on the last days of months."""

from __future__ import annotations

import random

import pytest

from tokenspec.machine.interpreters.batch.calendars import DATES, calendar_text
from tokenspec.machine.interpreters.calendars import Spans, reader_of
from tokenspec.machine.interpreters.dates import DAY_MS, days_of
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
from tokenspec.machine.wasm.engine import Instance

CALENDARS: list[Calendar] = [EveryDay("time"), EveryHours(24), EveryHours(7), OnceAfter(48)]
CALENDARS += [EveryWeek(hour) for hour in Hour]
CALENDARS += [kind(short, hour) for kind in (EveryMonth, EveryYear) for short in ShortMonth for hour in Hour]
GIVEN = '(func (export "due") (result i64) (global.get $due)) (func (export "aim") (result i64) (global.get $aim))'
ENDS = [days_of(year, month, day) for year in (0, 1900, 1970, 2024, 2100, 9999) for month, day in ((1, 31), (2, 28), (12, 31))]


def instants(dice: random.Random) -> list[int]:
    days = [*ENDS, days_of(2024, 2, 29), *(dice.randrange(days_of(0, 1, 1), days_of(9999, 12, 31)) for _ in range(40))]
    return [day * DAY_MS + dice.choice((0, 1, DAY_MS - 1, dice.randrange(DAY_MS))) for day in days]


@pytest.mark.parametrize("calendar", CALENDARS, ids=str)
def test_every_calendar_falls_due_when_it_says(calendar: Calendar) -> None:
    reader, dice = reader_of(calendar), random.Random(str(calendar))
    text = calendar_text(0, reader)
    for name in ("first_0", "after_0", "beyond_0"):
        text = text.replace(f"(func ${name} ", f'(func ${name} (export "{name}") ')
    instance = Instance(f"(module {DATES} {text} {GIVEN})")

    def found(name: str, *given: int) -> tuple[int, int]:
        instance.call(name, *given)
        return instance.call("due"), instance.call("aim")

    for at in instants(dice):
        time = dice.randrange(0, DAY_MS, 60_000)
        due, aim = reader.first(at, time)
        assert found("first_0", at, time) == (due, aim)
        for _ in range(14):
            following = reader.following(due, aim)
            assert found("after_0", due, aim) == following
            if isinstance(reader, Spans):
                until = due + dice.randrange(3 * reader.span)
                assert found("beyond_0", due, until)[0] == reader.beyond(due, aim, until)[1]
            due, aim = following
