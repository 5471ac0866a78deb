"""What the article on resets that do not arrive says, one test for each of its clauses."""

from __future__ import annotations

from datetime import time
from zoneinfo import ZoneInfo

import pytest

from catalogues import plan
from clauses.wallet import RENEWAL, SECOND_DAY, Done, Looks, Paid, Pools, Refused, Wallet, holding, job_after, subscribed, utc
from tokenspec.oracle import BadRecord
from tokenspec.spec.catalogue import DEFAULT


def test_a01_subscriber_has_daily_tokens_beside_those_of_the_plan() -> None:
    wallet = Wallet()
    wallet.generate(100)
    wallet.subscribe("premium")
    assert Pools(daily=50, fast=25_000) == wallet.holds
    wallet.at(SECOND_DAY).daily_reset()
    assert Pools(fast=25_000) == wallet.holds
    wallet.generate(25_000)
    wallet.at("2027-02-01 00:00").daily_reset()
    assert Pools(daily=150) == wallet.holds
    wallet.at(RENEWAL).renew()
    assert Pools(daily=150, fast=25_000) == wallet.holds


@pytest.mark.parametrize(
    ("opened", "due"),
    [
        ("2027-01-01 00:00", "2027-01-02 00:00"),
        ("2027-01-01 00:00:01", "2027-01-02 00:00"),
        ("2027-01-01 12:00", "2027-01-02 00:00"),
        ("2027-01-01 23:59:59", "2027-01-02 00:00"),
    ],
)
def test_a02_daily_reset_comes_at_a_fixed_time_in_utc(opened: str, due: str) -> None:
    wallet = Wallet(opened=opened)
    assert utc(due) == wallet.next_daily_reset
    wallet.at("2027-01-01 23:59:59").generate(10)
    assert utc(due) == wallet.next_daily_reset


def test_a03_daily_reset_job_may_run_hours_late() -> None:
    wallet = holding(0, "free")
    assert Refused("tokens_must_cover_cost") == wallet.at("2027-01-02 03:59").generate(1)
    assert utc(SECOND_DAY) == wallet.next_daily_reset
    assert Done() == wallet.at("2027-01-02 04:00").daily_reset()
    assert Pools(daily=150) == wallet.holds
    assert utc("2027-01-03 00:00") == wallet.next_daily_reset

    assert job_after() == "waiting"
    assert job_after("falls_due") == "due"
    assert job_after("falls_due", "four_hours_pass") == "late"
    assert job_after("falls_due", "four_hours_pass", "runs") == "waiting"
    assert job_after("runs") == "reset_must_be_due"


@pytest.mark.parametrize("hour", ["00:00", "00:01", "12:00", "23:59:59"])
def test_a04_monthly_reset_follows_the_anniversary_whatever_the_hour(hour: str) -> None:
    wallet = Wallet(opened="2027-01-01 00:00")
    wallet.at(f"2027-01-14 {hour}").subscribe("premium")
    assert utc(f"2027-02-14 {hour}") == wallet.next_renewal
    wallet.at(f"2027-02-14 {hour}").renew()
    assert utc(f"2027-03-14 {hour}") == wallet.next_renewal


@pytest.mark.parametrize("first", ["renew", "daily_reset"])
def test_a05_neither_reset_waits_for_the_other(first: str) -> None:
    wallet = subscribed("premium")
    wallet.generate(100)
    wallet.downgrade("essential")
    assert Done() == wallet.at("2027-02-01 09:00").say(first)
    expected = {
        "renew": (Pools(daily=50, fast=8_500, rollover=25_000), utc("2027-03-01 08:00"), utc(SECOND_DAY)),
        "daily_reset": (Pools(fast=25_000), utc(RENEWAL), utc("2027-02-02 00:00")),
    }
    assert expected[first] == (wallet.holds, wallet.next_renewal, wallet.next_daily_reset)
    assert Done() == wallet.say("daily_reset" if first == "renew" else "renew")
    both = (Pools(fast=8_500, rollover=25_000), utc("2027-03-01 08:00"), utc("2027-02-02 00:00"))
    assert both == (wallet.holds, wallet.next_renewal, wallet.next_daily_reset)


def test_a06_breakdown_lists_daily_and_plan_tokens_apart() -> None:
    wallet = subscribed("premium")
    wallet.login("laptop")
    assert Looks("current") == wallet.view("laptop", daily=150)
    assert Looks("current") == wallet.view("laptop", fast=25_000)
    assert Looks("current") == wallet.view("laptop", daily=150, fast=25_000)
    assert Looks("impossible") == wallet.view("laptop", daily=0, fast=25_150)


@pytest.mark.parametrize("fetches", [("refresh",), ("logout", "login")])
def test_a07_session_shows_the_old_balance_until_it_fetches_the_true_one(fetches: tuple[str, ...]) -> None:
    wallet = holding(0, "free")
    wallet.login("laptop")
    wallet.at(SECOND_DAY).daily_reset()
    assert Looks("stale") == wallet.view("laptop", daily=0)
    for event in fetches:
        assert Done() == wallet.say(event, session="laptop")
    assert Looks("impossible") == wallet.view("laptop", daily=0)
    assert Looks("current") == wallet.view("laptop", daily=150)


@pytest.mark.parametrize(("day", "hour"), [("2027-01-15", 16), ("2027-07-15", 17)])
def test_a08_daily_reset_is_in_the_afternoon_in_los_angeles(day: str, hour: int) -> None:
    wallet = Wallet(opened=f"{day} 12:00")
    local = wallet.next_daily_reset.astimezone(ZoneInfo("America/Los_Angeles"))
    assert time(hour) == local.time()
    assert utc(day).date() == local.date()


def test_a09_plan_change_adds_the_difference_of_the_allowances() -> None:
    wallet = subscribed("premium")
    wallet.at(RENEWAL).renew()
    wallet.generate(15_150)
    assert Pools(fast=10_000, rollover=25_000) == wallet.holds
    wallet.upgrade("ultimate")
    assert Pools(fast=45_000, rollover=25_000) == wallet.holds
    wallet.downgrade("essential")
    assert Pools(fast=45_000, rollover=25_000) == wallet.holds
    wallet.at("2027-03-01 08:00").renew()
    assert Pools(fast=8_500, rollover=25_500) == wallet.holds


def test_a10_two_devices_may_show_two_balances() -> None:
    wallet = holding(0, "free")
    wallet.login("phone")
    wallet.at(SECOND_DAY).daily_reset()
    wallet.login("laptop")
    assert Looks("stale") == wallet.view("phone", daily=0)
    assert Looks("impossible") == wallet.view("laptop", daily=0)
    assert Looks("current") == wallet.view("laptop", daily=150)
    wallet.refresh("phone")
    assert Looks("current") == wallet.view("phone", daily=150)


def test_a11_api_tokens_are_a_pool_apart_that_the_breakdown_leaves_out() -> None:
    wallet = holding(0, "free")
    wallet.buy_api(500)
    assert Refused("tokens_must_cover_cost") == wallet.generate(1)
    assert Paid(api=40) == wallet.api_generate(40)
    wallet.at(SECOND_DAY).daily_reset()
    assert Pools(daily=150, api=460) == wallet.holds
    assert Refused("api_tokens_must_cover_cost") == wallet.api_generate(461)
    assert Paid(daily=150) == wallet.generate(150)
    wallet.login("laptop")
    with pytest.raises(BadRecord) as bad:
        wallet.view("laptop", api=460)
    assert bad.value.field == "shown"


def test_a12_account_shows_its_own_reset_time() -> None:
    wallet = Wallet(daily_reset_time="17:45")
    assert utc("2027-01-01 17:45") == wallet.next_daily_reset
    wallet.at("2027-01-01 17:45").daily_reset()
    assert utc("2027-01-02 17:45") == wallet.next_daily_reset
    assert utc(SECOND_DAY) == Wallet().next_daily_reset


def test_a13_monthly_tokens_are_not_due_before_the_anniversary() -> None:
    wallet = Wallet(opened="2027-01-14 09:00")
    wallet.subscribe("premium")
    wallet.generate(25_150)
    for now in ("2027-01-20 00:00", "2027-02-08 00:00", "2027-02-14 00:00"):
        wallet.at(now).daily_reset()
        assert Pools(daily=150) == wallet.holds
        assert Refused("renewal_must_be_due") == wallet.renew()
    assert utc("2027-02-14 09:00") == wallet.next_renewal


def test_a14_balance_off_by_a_fifth_after_a_fresh_login_is_a_real_fault() -> None:
    wallet = subscribed("premium")
    wallet.login("laptop")
    wallet.generate(5_151)
    assert Looks("stale") == wallet.view("laptop", daily=150, fast=25_000)
    wallet.logout("laptop")
    wallet.login("laptop")
    assert Looks("current") == wallet.view("laptop", daily=0, fast=19_999)
    assert Looks("impossible") == wallet.view("laptop", daily=0, fast=25_000)
    assert Looks("impossible") == wallet.view("laptop", daily=0, fast=14_998)


def test_a15_shared_account_drains_without_a_missing_reset() -> None:
    shared = Wallet()
    own = Wallet(beside=shared)
    assert [Paid(daily=100), Paid(daily=50)] == [shared.generate(100, job="hers"), shared.generate(50, job="his")]
    assert Refused("tokens_must_cover_cost") == shared.generate(1)
    assert utc(SECOND_DAY) == shared.next_daily_reset
    assert Refused("daily_reset_must_be_due") == shared.daily_reset()
    assert Paid(daily=150) == own.generate(150)
    assert Refused("account_must_be_new") == shared.say("open_account")


def test_a16_tokens_are_sold_beside_the_plan() -> None:
    wallet = subscribed("essential")
    wallet.buy_topup("large")
    wallet.buy_api(300)
    assert Pools(daily=150, fast=8_500, topup=10_000, api=300) == wallet.holds
    assert wallet.last.plan == "essential"
    assert utc(RENEWAL) == wallet.next_renewal


def test_a17_plan_may_come_with_api_tokens() -> None:
    plans = {**DEFAULT.plans, "premium": plan(25_000, 3_500, ("image",)), "ultimate": plan(60_000, 7_000, ("image", "video"))}
    wallet = Wallet(catalogue=DEFAULT.but(plans=plans))
    wallet.subscribe("premium")
    assert Pools(daily=150, fast=25_000, api=3_500) == wallet.holds
    wallet.upgrade("ultimate")
    assert Pools(daily=150, fast=60_000, api=3_500) == wallet.holds
    wallet.at(RENEWAL).renew()
    assert Pools(daily=150, fast=60_000, rollover=60_000, api=10_500) == wallet.holds
    assert Pools(daily=150, fast=25_000) == subscribed("premium").holds


def test_a18_missed_daily_reset_comes_at_the_next_mark() -> None:
    wallet = Wallet(daily_reset_time="06:30")
    wallet.generate(150)
    assert Refused("daily_reset_must_be_due") == wallet.at("2027-01-02 06:29:59").daily_reset()
    assert Refused("tokens_must_cover_cost") == wallet.at("2027-01-03 06:29:59").generate(1)
    assert utc("2027-01-02 06:30") == wallet.next_daily_reset
    assert Done() == wallet.at("2027-01-03 06:30").daily_reset()
    assert Pools(daily=150) == wallet.holds
    assert Refused("daily_reset_must_be_due") == wallet.daily_reset()
    assert utc("2027-01-04 06:30") == wallet.next_daily_reset
