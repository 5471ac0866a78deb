"""The calendar: dates, instants, and the two clocks that count them."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenspec.oracle.base.instants import (
    DAY_MS,
    date_of,
    days_in_month,
    days_of,
    format_instant,
    parse_instant,
    parse_time_of_day,
)
from tokenspec.oracle.runtime.clocks import anniversaries, pass_days, pass_month, period_of, start_daily, start_monthly

EPOCH = date(1970, 1, 1)
instants = st.integers(0, parse_instant("2200-01-01T00:00:00Z"))


def first(anchor: str, count: int, stay_clamped: bool = False) -> list[str]:
    found = anniversaries(parse_instant(anchor), stay_clamped)
    return [format_instant(next(found))[:10] for _ in range(count)]


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


@given(instants, st.integers(0, 40), st.booleans())
def test_periods_follow_each_other_without_gap_or_overlap(anchor: int, count: int, clamped: bool) -> None:
    found = anniversaries(anchor, clamped)
    start = anchor
    for _ in range(count):
        end = next(found)
        assert start < end
        assert (start, end) == period_of(anchor, start, clamped) == period_of(anchor, end - 1, clamped)
        start = end


@given(instants, st.lists(st.integers(0, 400 * DAY_MS), min_size=1, max_size=6), st.booleans())
def test_which_period_an_instant_lies_in_does_not_depend_on_when_one_asks(anchor: int, pauses: list[int], clamped: bool) -> None:
    """A clock that is moved on in several goes shows what it shows when moved on at once."""
    at, asked_often = anchor, start_monthly(anchor, clamped)
    for pause in pauses:
        at += pause
        while asked_often.upcoming <= at:
            pass_month(asked_often, clamped)
    assert asked_often.upcoming == period_of(anchor, at, clamped)[1]


@given(instants, st.integers(0, 1439), st.booleans())
def test_the_first_daily_mark_lies_strictly_after_opening_and_within_a_day(at: int, minute: int, every_24h: bool) -> None:
    dial = start_daily(at, minute * 60_000, every_24h)
    assert 0 < dial.upcoming - at <= DAY_MS
    assert every_24h or dial.upcoming % DAY_MS == minute * 60_000
    assert not every_24h or dial.upcoming == at + DAY_MS


@given(instants, st.integers(0, 10**12))
def test_daily_marks_keep_their_time_of_day_however_late_one_looks(at: int, later: int) -> None:
    dial = start_daily(at, 0, False)
    before = dial.upcoming
    if before <= at + later:
        pass_days(dial, at + later)
        assert at + later < dial.upcoming <= at + later + DAY_MS
        assert (dial.upcoming - before) % DAY_MS == 0
