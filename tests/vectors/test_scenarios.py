"""Runs as they are written: what their words say, that every word of the suite is known, and when the records come."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tokenspec.machine.lang.calendars import EveryHours, OnceAfter
from tokenspec.machine.lang.declaration import Clock
from tokenspec.oracle.base.instants import format_instant, parse_instant
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import Schedule, Wait, move, records_of, slowest
from tokenspec.oracle.vectors.build.scenarios import SCENARIOS, STARTING_POINTS, Scenario, StartingPoint, script_of
from tokenspec.oracle.vectors.suite import reader
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.clauses import CLAUSES
from tokenspec.spec.policies import POLICIES


def test_a_run_is_events_with_their_fields_and_waits_between_them() -> None:
    run = """open_account daily_reset_time=09:30; generate job=j1 cost=8_500+150
             until daily -1ms; until renewal; wait 5h; view session=s shown.daily=0 shown.fast=2 account=bob id=e1"""
    assert script_of(run) == (
        {"event": "open_account", "daily_reset_time": "09:30"},
        {"event": "generate", "job": "j1", "cost": 8_650, "media": "image", "origin": "first_party"},
        Wait(("daily",), -1),
        Wait(("renewal",)),
        Wait(ms=18_000_000),
        {"event": "view", "session": "s", "shown": {"daily": 0, "fast": 2}, "id": "e1", "account": "bob"},
    )


@pytest.mark.parametrize("clocks", [account().clocks, account().clocks[::-1]], ids=["as declared", "the other way round"])
def test_the_slowest_clock_is_the_one_with_the_longest_periods(clocks: tuple[Clock, ...]) -> None:
    assert [clock.name for clock in clocks if clock is slowest(clocks)] == ["renewal"]
    once = replace(clocks[0], calendar=OnceAfter(90 * 24))
    assert slowest([once, replace(clocks[0], calendar=EveryHours(1))]) is not once
    assert slowest([]) is None


@pytest.mark.parametrize("words", ["wait 5", "wait 5d", "until daily soon"])
def test_a_length_of_time_that_nobody_knows_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match="a length of time is written as"):
        script_of(words)


@pytest.mark.parametrize("told", [*SCENARIOS, *STARTING_POINTS], ids=lambda told: getattr(told, "id", "") or told.name)
def test_every_event_of_the_suite_is_declared_with_every_field_it_has_and_every_clock(told: Scenario | StartingPoint) -> None:
    for each in told.script:
        if isinstance(each, Wait):
            assert set(each.clocks) <= {clock.name for clock in account(DEFAULT).clocks}
        else:
            record = reader().convert({"account": "ann", "at": "2027-01-01T00:00:00Z", **each})
            assert each.keys() - {"event"} <= set(record.__struct_fields__)


def test_scenarios_cite_clauses_and_every_other_answer_is_searched_from_somewhere() -> None:
    assert {clause for each in SCENARIOS for clause in each.clauses.split()} <= CLAUSES.keys()
    others = {(p.name, answer) for p in POLICIES for answer, _ in p.answers[1:]}
    assert {setting for point in STARTING_POINTS for setting in point.policy.items()} == others


SCRIPT = (move("open_account"), move("subscribe", plan="premium"), Wait(("renewal",)), move("renew"), move("daily_reset"))


def instants(resets: str) -> list[tuple[str, str]]:
    records = records_of(SCRIPT, Oracle(resets=resets), "2027-01-15T09:00:00Z")
    return [(record["event"], format_instant(record["at"])) for record in records]


def test_a_record_is_a_minute_after_the_one_before_and_at_the_instant_that_is_waited_for() -> None:
    assert instants("explicit") == [
        ("open_account", "2027-01-15T09:00:00Z"),
        ("subscribe", "2027-01-15T09:01:00Z"),
        ("renew", "2027-02-15T09:01:00Z"),
        ("daily_reset", "2027-02-15T09:02:00Z"),
    ]


def test_where_resets_are_implied_no_job_is_written() -> None:
    assert [event for event, _ in instants("implied")] == ["open_account", "subscribe"]


def test_nothing_falls_due_between_two_records_unless_it_is_waited_for() -> None:
    oracle, opened = Oracle(), parse_instant("2027-01-15T23:59:30Z")
    schedule = Schedule(oracle, opened)
    oracle.apply({"account": "a", "at": schedule.next("a"), **move("open_account")})
    assert schedule.next("a") == opened


def test_a_wait_for_just_before_a_clock_that_does_not_run_takes_no_time() -> None:
    script = (move("open_account"), Wait(("renewal",), -1), move("cancel"), Wait(("renewal",), 1), move("cancel"))
    at = parse_instant("2027-01-15T09:00:00Z")
    assert [record["at"] - at for record in records_of(script, Oracle(), "2027-01-15T09:00:00Z")] == [0, 0, 1]


def test_a_record_may_come_a_minute_after_what_fell_due() -> None:
    oracle, midnight = Oracle(), parse_instant("2027-01-16T00:00:00Z")
    schedule = Schedule(oracle, parse_instant("2027-01-15T09:00:00Z"), at_once=False)
    oracle.apply({"account": "a", "at": schedule.next("a"), **move("open_account")})
    schedule.wait("a", Wait(("daily", "renewal")))
    assert (schedule.now, schedule.next("a")) == (midnight, midnight + 60_000)
