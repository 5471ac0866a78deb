"""What the official FAQ says, one test for each of its clauses."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest

from clauses.wallet import (
    ALLOWANCE,
    RENEWAL,
    SECOND_DAY,
    Costs,
    Done,
    Paid,
    Pools,
    Refused,
    Relaxed,
    Wallet,
    holding,
    job_after,
    subscribed,
    utc,
)
from tokenspec.machine.lang.declaration import Since, Timer
from tokenspec.oracle.account.daily import daily_job_state
from tokenspec.oracle.logs.history import support_after
from tokenspec.oracle.runtime.journal import CLOCK_AT
from tokenspec.spec.account import CLOCKS
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.system import daily_job

HOUR_MS = 3_600_000
OVERDUE = {clock.name: (clock.overdue_since, clock.overdue_ms) for clock in CLOCKS}


def action(feature: str, model: str, settings: str, size: str, images: int, references: int) -> str:
    """The key of an action in the shipped example price list."""
    return f"{feature}/{model}/{settings}/{size}/images={images}/references={references}"


def test_f01_price_depends_on_every_part_of_an_action() -> None:
    prices = {
        action("image", "phoenix", "fast", "1024x1024", 1, 0): 8,
        action("motion", "phoenix", "fast", "1024x1024", 1, 0): 50,
        action("image", "lucid", "fast", "1024x1024", 1, 0): 9,
        action("image", "phoenix", "quality", "1024x1024", 1, 0): 16,
        action("image", "phoenix", "fast", "1536x1536", 1, 0): 12,
        action("image", "phoenix", "fast", "1024x1024", 4, 0): 18,
        action("image", "phoenix", "fast", "1024x1024", 1, 2): 24,
    }
    wallet = Wallet(catalogue=DEFAULT.but(prices=prices))
    assert [Costs(price) for price in (8, 50, 9, 16, 12, 18, 24)] == [wallet.quote(key) for key in prices]
    assert Refused("price_must_be_listed") == wallet.quote(action("image", "phoenix", "fast", "1024x1024", 2, 0))
    assert Refused("cost_must_be_at_least_one") == wallet.generate(0)


def test_f02_price_shown_is_the_price_charged() -> None:
    wallet = Wallet(catalogue=DEFAULT.but(prices={"a picture": 24}))
    assert Costs(24) == wallet.quote("a picture")
    assert Pools(daily=150) == wallet.holds
    assert Paid(daily=24) == wallet.generate(24, job="picture")
    assert Pools(daily=126) == wallet.holds
    assert Refused("job_must_be_new") == wallet.generate(24, job="picture")
    assert Done() == wallet.refund("picture")
    assert Pools(daily=150) == wallet.holds
    assert Refused("job_must_not_be_refunded_already") == wallet.refund("picture")


def test_f03_free_account_may_spend_150_a_day() -> None:
    wallet = Wallet()
    assert Pools(daily=150) == wallet.holds
    assert Refused("tokens_must_cover_cost") == wallet.generate(151)
    assert Paid(daily=150) == wallet.generate(150)
    assert Refused("tokens_must_cover_cost") == wallet.generate(1)
    assert Done() == wallet.at(SECOND_DAY).daily_reset()
    assert Paid(daily=150) == wallet.generate(150)


def test_f04_balance_is_shown_by_pool_beside_the_plan() -> None:
    wallet = Wallet()
    assert wallet.last.plan == "free"
    assert wallet.last.balances == asdict(Pools(daily=150))
    wallet.subscribe("premium")
    wallet.buy_topup("small")
    wallet.at(RENEWAL).renew()
    wallet.buy_api(70)
    assert wallet.last.plan == "premium"
    assert wallet.last.balances == asdict(Pools(daily=150, fast=25_000, rollover=25_000, topup=1_000, api=70))


@pytest.mark.parametrize(("plan", "allowance"), [("essential", 8_500), ("premium", 25_000), ("ultimate", 60_000)])
def test_f05_paid_plan_grants_its_allowance_each_month(plan: str, allowance: int) -> None:
    wallet = subscribed(plan)
    assert Pools(daily=150, fast=allowance) == wallet.holds
    wallet.generate(150 + allowance)
    assert Pools() == wallet.holds
    assert Refused("renewal_must_be_due") == wallet.renew()
    assert Done() == wallet.at(RENEWAL).renew()
    assert Pools(fast=allowance) == wallet.holds


def test_f06_bank_holds_three_months_at_the_most() -> None:
    wallet = subscribed("essential")
    for month, bank in (("02", 8_500), ("03", 17_000), ("04", 25_500), ("05", 25_500), ("06", 25_500)):
        wallet.at(f"2027-{month}-01 08:00").renew()
        assert Pools(daily=150, fast=8_500, rollover=bank) == wallet.holds


def test_f07_bank_pays_only_when_no_fast_token_is_left() -> None:
    wallet = subscribed("essential")
    wallet.at(RENEWAL).renew()
    assert Paid(daily=150, fast=8_000) == wallet.generate(8_150)
    assert Paid(fast=499) == wallet.generate(499)
    assert Paid(fast=1, rollover=99) == wallet.generate(100)
    assert Paid(rollover=1) == wallet.generate(1)


def test_f08_packs_are_sold_at_any_time_and_pay_last() -> None:
    wallet = subscribed("essential")
    assert Done() == wallet.buy_topup("small")
    assert Pools(daily=150, fast=8_500, topup=1_000) == wallet.holds
    wallet.at(RENEWAL).renew()
    assert Paid(daily=150, fast=8_500, rollover=8_500) == wallet.generate(17_150)
    assert Paid(topup=1_000) == wallet.generate(1_000)
    assert Done() == wallet.buy_topup("large")
    assert Pools(topup=10_000) == wallet.holds
    assert Refused("subscription_must_be_active_or_cancelling") == Wallet().buy_topup("small")


def test_f09_unlimited_plan_goes_on_without_tokens() -> None:
    wallet = subscribed("premium")
    wallet.buy_topup("small")
    wallet.at(RENEWAL).renew()
    assert Paid(daily=150, fast=25_000, rollover=25_000, topup=1_000) == wallet.generate(51_150)
    assert [Relaxed(), Relaxed()] == [wallet.generate(24), wallet.generate(24)]
    assert Pools() == wallet.holds
    assert Refused("tokens_must_cover_cost") == holding(0, "essential").generate(24)


def test_f10_unused_daily_tokens_are_gone_at_the_reset() -> None:
    wallet = Wallet()
    wallet.generate(100)
    wallet.at(SECOND_DAY).daily_reset()
    assert Pools(daily=150) == wallet.holds
    wallet.at("2027-01-05 00:00").daily_reset()
    assert Pools(daily=150) == wallet.holds


def test_f11_leftover_moves_to_the_bank_when_the_cycle_ends() -> None:
    wallet = subscribed("premium")
    wallet.generate(5_150)
    assert Refused("renewal_must_be_due") == wallet.at("2027-02-01 07:59:59").renew()
    assert Pools(fast=20_000) == wallet.holds
    assert Done() == wallet.at(RENEWAL).renew()
    assert Pools(fast=25_000, rollover=20_000) == wallet.holds


def test_f12_packs_are_small_or_large_in_any_number_for_subscribers() -> None:
    wallet = subscribed("essential")
    wallet.buy_topup("small", 3)
    assert Pools(daily=150, fast=8_500, topup=3_000) == wallet.holds
    wallet.buy_topup("large", 2)
    assert Pools(daily=150, fast=8_500, topup=23_000) == wallet.holds
    assert Refused("pack_must_exist") == wallet.buy_topup("medium")
    assert Refused("quantity_must_be_at_least_one") == wallet.buy_topup("small", 0)
    wallet.cancel()
    assert Done() == wallet.buy_topup("small")
    wallet.at(RENEWAL).renew()
    assert Refused("subscription_must_be_active_or_cancelling") == wallet.buy_topup("small")


def test_f13_tokens_cannot_be_given_away() -> None:
    giver = subscribed("premium")
    taker = Wallet(beside=giver)
    assert Refused("tokens_cannot_be_transferred") == giver.say("transfer", to=taker.account, amount=100)
    assert Pools(daily=150, fast=25_000) == giver.holds
    taker.generate(1)
    assert Pools(daily=149) == taker.holds


def test_f14_free_account_out_of_tokens_waits_for_a_reset_it_can_see() -> None:
    wallet = holding(0, "free")
    assert Refused("tokens_must_cover_cost") == wallet.generate(1)
    assert utc(SECOND_DAY) == wallet.next_daily_reset
    assert Refused("daily_reset_must_be_due") == wallet.at("2027-01-01 23:59:59").daily_reset()
    assert Done() == wallet.at(SECOND_DAY).daily_reset()
    assert Paid(daily=1) == wallet.generate(1)


def test_f15_subscriber_without_bank_and_packs_is_topped_up_to_150() -> None:
    wallet = holding(0, "premium")
    wallet.at(SECOND_DAY).daily_reset()
    assert Pools(daily=150) == wallet.holds
    wallet.buy_topup("small")
    wallet.at("2027-01-03 00:00").daily_reset()
    assert Pools(topup=1_000) == wallet.holds

    banker = subscribed("essential")
    banker.at(RENEWAL).renew()
    banker.generate(8_650)
    banker.at("2027-02-02 00:00").daily_reset()
    assert Pools(rollover=8_500) == banker.holds


def test_f16_subscriber_who_runs_out_may_buy_packs() -> None:
    wallet = holding(0, "essential")
    assert Refused("tokens_must_cover_cost") == wallet.generate(24)
    assert Done() == wallet.buy_topup("small")
    assert Paid(topup=24) == wallet.generate(24)
    assert Pools(topup=976) == wallet.holds
    assert Refused("subscription_must_be_active_or_cancelling") == holding(0, "free").buy_topup("small")


@pytest.mark.parametrize(
    ("plan", "image", "video"),
    [
        ("free", Refused("tokens_must_cover_cost"), Refused("tokens_must_cover_cost")),
        ("essential", Refused("tokens_must_cover_cost"), Refused("tokens_must_cover_cost")),
        ("premium", Relaxed(), Refused("medium_must_be_relaxed_on_plan")),
        ("ultimate", Relaxed(), Relaxed()),
    ],
)
def test_f17_unlimited_is_images_on_premium_and_video_too_on_ultimate(
    plan: str, image: Relaxed | Refused, video: Relaxed | Refused
) -> None:
    wallet = holding(0, plan)
    assert [image, video] == [wallet.generate(24, medium) for medium in ("image", "video")]


def test_f18_unlimited_generation_costs_no_token() -> None:
    wallet = holding(0, "ultimate")
    wallet.buy_api(30)
    for cost in (1, 250, 1_000_000):
        assert Relaxed() == wallet.generate(cost, "video")
        assert Pools(api=30) == wallet.holds
    assert Refused("job_must_have_been_charged") == wallet.refund("job-2")


def test_f19_unlimited_generation_starts_by_itself_alone() -> None:
    wallet = holding(1, "premium")
    switch = Refused("relaxed_cannot_be_switched_on")
    assert switch == wallet.say("enable_relaxed")
    assert Refused("tokens_must_be_used_up_before_relaxed") == wallet.generate(24)
    assert Paid(fast=1) == wallet.generate(1)
    assert Relaxed() == wallet.generate(24)
    assert switch == wallet.say("enable_relaxed")
    wallet.buy_topup("small")
    assert Paid(topup=24) == wallet.generate(24)


@pytest.mark.parametrize("medium", ["image", "video"])
def test_f20_third_party_model_always_costs_tokens(medium: str) -> None:
    wallet = holding(0, "ultimate")
    assert Refused("third_party_model_must_be_paid_with_tokens") == wallet.generate(40, medium, "third_party")
    assert Relaxed() == wallet.generate(40, medium, "first_party")
    wallet.buy_topup("small")
    assert Paid(topup=40) == wallet.generate(40, medium, "third_party")


def state_of_job(wallet: Wallet, at: str) -> str:
    return daily_job_state(wallet.oracle, wallet.account, int(utc(at).timestamp() * 1000))


def last_moment(wallet: Wallet, clock: str) -> datetime:
    """The last instant at which a job of the clock that is due is no case for support yet."""
    (declared,) = (c for c in CLOCKS if c.name == clock)
    account = wallet.oracle.accounts[wallet.account]
    dial = account.dial(clock)
    assert dial is not None
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=support_after(declared, dial, account.ran[CLOCK_AT[clock]]))


def test_f21_daily_reset_is_due_every_24_hours_and_overdue_48_after_the_last() -> None:
    wallet = Wallet()
    for day in ("2027-01-02", "2027-01-03", "2027-01-04"):
        assert utc(day) == wallet.next_daily_reset
        wallet.at(f"{day} 00:00").daily_reset()
    assert OVERDUE["daily"] == (Since.LAST_RUN, 48 * HOUR_MS)
    assert state_of_job(wallet, "2027-01-06 00:00") == "late"
    assert state_of_job(wallet, "2027-01-06 00:01") == "overdue"
    assert state_of_job(Wallet(opened="2027-01-01 00:30"), "2027-01-03 00:30") == "late"
    assert state_of_job(Wallet(opened="2027-01-01 00:30"), "2027-01-03 00:31") == "overdue"
    late, overdue = daily_job().timers
    assert Timer("four_hours_pass", "falls_due", 4 * HOUR_MS, late.clauses) == late
    assert Timer("two_days_pass", "runs", 48 * HOUR_MS, overdue.clauses) == overdue
    assert job_after("falls_due", "four_hours_pass", "two_days_pass") == "overdue"
    assert job_after("falls_due", "four_hours_pass", "two_days_pass", "falls_due") == "overdue"
    assert job_after("falls_due", "four_hours_pass", "two_days_pass", "runs") == "waiting"
    assert job_after("falls_due", "two_days_pass") == "reset_must_be_late"


def test_f22_monthly_reset_falls_on_the_day_of_subscribing() -> None:
    wallet = Wallet(opened="2027-07-15 10:30")
    wallet.subscribe("essential")
    for month in ("08", "09", "10", "11", "12"):
        assert utc(f"2027-{month}-15 10:30") == wallet.next_renewal
        assert Refused("renewal_must_be_due") == wallet.at(f"2027-{month}-15 10:29:59").renew()
        assert Done() == wallet.at(f"2027-{month}-15 10:30").renew()
    assert utc("2028-01-15 10:30") == wallet.next_renewal


def test_f23_monthly_reset_that_has_not_come_by_the_end_of_the_day_is_overdue() -> None:
    wallet = holding(0, "essential")
    wallet.at(RENEWAL).payment_failed()
    assert Refused("tokens_must_cover_cost") == wallet.at("2027-02-02 08:00:01").generate(24)
    assert utc(RENEWAL) == wallet.next_renewal
    assert OVERDUE["renewal"] == (Since.END_OF_DAY, 0)
    assert last_moment(wallet, "renewal") == utc("2027-02-02 00:00") - timedelta(milliseconds=1)
    assert Done() == wallet.renew()
    assert Paid(fast=24) == wallet.generate(24)
    assert utc("2027-03-01 08:00") == wallet.next_renewal


@pytest.mark.parametrize("end", [("cancel", "renew"), ("payment_failed", "lapse"), ("payment_failed", "cancel")])
def test_f24_packs_never_expire_but_pay_only_under_a_subscription(end: tuple[str, str]) -> None:
    wallet = subscribed("premium")
    wallet.buy_topup("small")
    wallet.at("2027-01-31 08:00" if end[0] == "cancel" else RENEWAL).say(end[0])
    assert Done() == wallet.at(RENEWAL).say(end[1])
    assert Pools(daily=150, topup=1_000) == wallet.holds
    assert Refused("tokens_must_cover_cost") == wallet.generate(151)
    wallet.at("2037-01-01 08:00").daily_reset()
    assert Pools(daily=150, topup=1_000) == wallet.holds
    wallet.subscribe("essential")
    assert Paid(daily=150, fast=8_500, topup=1_000) == wallet.generate(9_650)


@pytest.mark.parametrize(("lower", "higher"), [("essential", "premium"), ("essential", "ultimate"), ("premium", "ultimate")])
def test_f25_upgrade_gives_more_tokens_each_month(lower: str, higher: str) -> None:
    wallet = subscribed(lower)
    assert Refused("plan_must_be_higher") == wallet.upgrade(lower)
    assert Done() == wallet.upgrade(higher)
    assert Pools(daily=150, fast=ALLOWANCE[higher]) == wallet.holds
    wallet.generate(150 + ALLOWANCE[higher])
    wallet.at(RENEWAL).renew()
    assert Pools(fast=ALLOWANCE[higher]) == wallet.holds
    assert Refused("plan_must_be_higher") == wallet.upgrade(lower)


def test_f26_upgrade_leaves_the_billing_date() -> None:
    wallet = subscribed("essential")
    wallet.at("2027-01-20 17:00").upgrade("premium")
    assert utc(RENEWAL) == wallet.next_renewal
    wallet.at("2027-01-31 23:00").upgrade("ultimate")
    assert utc(RENEWAL) == wallet.next_renewal
    assert Refused("renewal_must_be_due") == wallet.renew()
    assert Done() == wallet.at(RENEWAL).renew()
    assert utc("2027-03-01 08:00") == wallet.next_renewal
