"""The calendar: dates, instants, and the kinds of calendars that count them."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenspec.machine.interpreters.calendars import NEVER, CalendarReader, reader_of
from tokenspec.machine.interpreters.dates import DAY_MS, date_of, days_in_month, days_of
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
from tokenspec.oracle.base.instants import format_instant, parse_instant, parse_time_of_day

EPOCH = date(1970, 1, 1)
instants = st.integers(0, parse_instant("2200-01-01T00:00:00Z"))


LEAP_DAY = "2028-02-29T10:00:00Z"


def instants_of(reader: CalendarReader, at: int, time_of_day: int = 0) -> Iterator[int]:
    """The due instants of a clock started at `at`, one after the other."""
    due, aim = reader.first(at, time_of_day)
    while due < NEVER:
        yield due
        due, aim = reader.following(due, aim)


def first(anchor: str, count: int, stay_clamped: bool = False) -> list[str]:
    calendar = EveryMonth(ShortMonth.CLAMPS if stay_clamped else ShortMonth.RETURNS)
    return [format_instant(at)[:10] for at in islice(instants_of(reader_of(calendar), parse_instant(anchor)), count)]


def test_dates_are_those_of_the_standard_library_in_every_year_it_knows() -> None:
    for year in range(1, 10_000):
        for month in range(1, 13):
            last = monthrange(year, month)[1]
            assert last == days_in_month(year, month)
            days = (date(year, month, last) - EPOCH).days
            assert days == days_of(year, month, last)
            assert (year, month, last) == date_of(days)


@given(st.integers(-(10**7), 10**7))
def test_a_date_and_its_day_number_lead_to_each_other(days: int) -> None:
    assert days == days_of(*date_of(days))


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_a_written_instant_is_read_back(at: int) -> None:
    assert at == parse_instant(format_instant(at))


@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31), timezones=st.just(UTC)))
def test_an_instant_is_what_the_standard_library_says(moment: datetime) -> None:
    written = moment.strftime(f"{moment.year:04}-%m-%dT%H:%M:%S") + f".{moment.microsecond:06}Z"
    assert (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1) == parse_instant(written)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00Z",
        "2026-W01-1T00:00:00Z",
        "٢٠٢٦-01-01T00:00:00Z",
        "",
    ],
)
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"instant|date|time|offset"):
        parse_instant(text)


def test_digits_finer_than_milliseconds_are_cut() -> None:
    assert parse_instant("2026-01-01T00:00:00.0019999Z") == parse_instant("2026-01-01T00:00:00.001Z")


def test_the_year_after_9999_is_written_with_a_sign() -> None:
    assert format_instant(parse_instant("9999-12-31T23:59:59.999Z") + 1) == "+010000-01-01T00:00:00Z"


@pytest.mark.parametrize("text", ["24:00", "7:30", "07:60", "07:30:00", "", "ab:cd"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="HH:MM"):
        parse_time_of_day(text)


def test_a_month_that_is_too_short_has_its_last_day() -> None:
    expected = ["2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]
    assert expected == first("2027-01-31T10:00:00Z", 4)


def test_a_leap_february_has_its_29th() -> None:
    assert first("2028-01-30T10:00:00Z", 2) == ["2028-02-29", "2028-03-30"]


def test_once_clamped_the_earlier_day_stays() -> None:
    found = first("2028-01-31T10:00:00Z", 26, stay_clamped=True)
    assert found[:3] == ["2028-02-29", "2028-03-29", "2028-04-29"]
    assert found[12:14] == ["2029-02-28", "2029-03-28"]
    assert found[24:] == ["2030-02-28", "2030-03-28"]


def test_the_29th_of_february_comes_back_each_leap_year() -> None:
    found = first("2028-02-29T00:00:00Z", 48)
    assert found[11] == "2029-02-28"
    assert found[47] == "2032-02-29"


def test_a_year_end_is_passed() -> None:
    assert first("2026-11-30T23:59:59.999Z", 3) == ["2026-12-30", "2027-01-30", "2027-02-28"]


anchored = st.builds(EveryMonth, st.sampled_from(ShortMonth), st.sampled_from(Hour))


@given(instants, st.integers(0, 5_000), anchored)
def test_the_instants_around_any_instant_are_neighbours_however_late_one_looks(at: int, days: int, calendar: EveryMonth) -> None:
    reader = reader_of(calendar)
    due, aim = reader.first(at, 0)
    later = due + days * DAY_MS
    passed, upcoming, _ = reader.beyond(due, aim, later)
    found = instants_of(reader, at)
    both = next(pair for pair in pairwise(found) if pair[1] > later)
    assert (passed, upcoming) == both


@given(instants, st.lists(st.integers(0, 400 * DAY_MS), min_size=1, max_size=6), anchored)
def test_a_clock_moved_on_in_several_goes_shows_what_it_shows_when_moved_on_at_once(
    anchor: int, pauses: list[int], calendar: EveryMonth
) -> None:
    reader = reader_of(calendar)
    due, aim = first_due = reader.first(anchor, 0)
    at = anchor
    for pause in pauses:
        at += pause
        if due <= at:
            _, due, aim = reader.beyond(due, aim, at)
    assert due == next(each for each in instants_of(reader, anchor) if each > at)
    assert first_due[0] > anchor


@given(instants, st.integers(0, 1439))
def test_the_first_daily_mark_lies_strictly_after_opening_and_within_a_day(at: int, minute: int) -> None:
    marks, full_days = (reader_of(calendar).first(at, minute * 60_000)[0] for calendar in (EveryDay(""), EveryHours(24)))
    assert 0 < marks - at <= DAY_MS
    assert marks % DAY_MS == minute * 60_000
    assert full_days == at + DAY_MS


@pytest.mark.parametrize(
    ("calendar", "expected"),
    [
        (EveryHours(36), ["2028-02-29T23:00:00Z", "2028-03-02T11:00:00Z", "2028-03-03T23:00:00Z"]),
        (EveryDay("time"), ["2028-02-28T12:00:00Z", "2028-02-29T12:00:00Z", "2028-03-01T12:00:00Z"]),
        (EveryWeek(), ["2028-03-06T11:00:00Z", "2028-03-13T11:00:00Z", "2028-03-20T11:00:00Z"]),
        (EveryWeek(Hour.START_OF_DAY), ["2028-03-06T00:00:00Z", "2028-03-13T00:00:00Z", "2028-03-20T00:00:00Z"]),
        (EveryMonth(), ["2028-03-28T11:00:00Z", "2028-04-28T11:00:00Z", "2028-05-28T11:00:00Z"]),
        (EveryMonth(hour=Hour.START_OF_DAY), ["2028-03-28T00:00:00Z", "2028-04-28T00:00:00Z", "2028-05-28T00:00:00Z"]),
        (EveryYear(), ["2029-02-28T11:00:00Z", "2030-02-28T11:00:00Z", "2031-02-28T11:00:00Z"]),
        (OnceAfter(90 * 24), ["2028-05-28T11:00:00Z"]),
    ],
    ids=str,
)
def test_each_kind_of_calendar_has_its_instants(calendar: Calendar, expected: list[str]) -> None:
    found = instants_of(reader_of(calendar), parse_instant("2028-02-28T11:00:00Z"), 12 * 3_600_000)
    assert expected == [format_instant(at) for at in islice(found, 3)]


@pytest.mark.parametrize(("short", "day"), [(ShortMonth.RETURNS, 29), (ShortMonth.CLAMPS, 28)])
def test_a_year_begun_on_the_29th_of_february_comes_back_to_it_or_does_not(short: ShortMonth, day: int) -> None:
    found = [format_instant(at)[:10] for at in islice(instants_of(reader_of(EveryYear(short)), parse_instant(LEAP_DAY)), 4)]
    assert found == ["2029-02-28", "2030-02-28", "2031-02-28", f"2032-02-{day}"]


def test_a_clock_that_falls_due_once_never_does_so_again() -> None:
    reader = reader_of(OnceAfter(1))
    due, aim = reader.first(0, 0)
    assert (due, *reader.beyond(due, aim, due)) == (3_600_000, 3_600_000, NEVER, 0)
