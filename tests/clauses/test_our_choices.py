"""Where the documents are silent and no policy asks: the choices that are ours, as docs/open-questions.md lists them."""

from __future__ import annotations

from pathlib import Path

import pytest

from clauses.wallet import RENEWAL, SECOND_DAY, Done, Paid, Pools, Refused, Wallet, subscribed, utc
from tokenspec.spec.catalogue import DEFAULT

TOLD = Path(__file__).parents[2].joinpath("docs", "open-questions.md").read_text("utf-8").partition("## Choices that are ours")[2]


@pytest.fixture(autouse=True)
def _is_told(request: pytest.FixtureRequest) -> None:
    assert str(request.function.__doc__).rstrip(".") in TOLD


def test_daily_tokens_outlast_a_change() -> None:
    """its daily tokens, and when the next are due, stay as they are."""
    wallet = Wallet()
    wallet.generate(50)
    wallet.subscribe("premium")
    assert (Pools(daily=100, fast=25_000), utc(SECOND_DAY)) == (wallet.holds, wallet.next_daily_reset)
    wallet.cancel()
    wallet.at(RENEWAL).renew()
    assert (Pools(daily=100), "free", utc(SECOND_DAY)) == (wallet.holds, wallet.last.status, wallet.next_daily_reset)


def test_anybody_buys_api_tokens_and_they_outlast_a_plan() -> None:
    """any account may, and they stay and can be spent whatever becomes of the plan."""
    wallet = Wallet()
    assert Done() == wallet.buy_api(500)
    wallet.subscribe("essential")
    wallet.at(RENEWAL).payment_failed()
    assert [Done(), Paid(api=1)] == [wallet.buy_api(1), wallet.api_generate(1)]
    wallet.lapse()
    assert Paid(api=500) == wallet.api_generate(500)


def test_a_change_of_plan_brings_no_api_tokens() -> None:
    """neither brings any before the next renewal."""
    plans = {name: plan | {"api": 0 if name == "free" else 9} for name, plan in DEFAULT.plans.items()}
    for timing in ("at_renewal", "at_once"):
        wallet = Wallet({"downgrade_timing": timing}, catalogue=DEFAULT.but(plans=plans))
        wallet.subscribe("premium")
        for change in (wallet.upgrade, wallet.downgrade):
            assert Done() == change("ultimate" if change == wallet.upgrade else "essential")
            assert wallet.holds.api == 9


def test_packs_are_sold_while_a_payment_is_missing_to_whom_it_makes_no_difference() -> None:
    """only with `past_due_spending=as_active`; `allowed` lets those that are there be spent."""
    for policy, bought in (("allowed", Refused("subscription_must_be_active_or_cancelling")), ("as_active", Done())):
        wallet = subscribed("premium", {"past_due_spending": policy})
        wallet.buy_topup("small")
        wallet.at(RENEWAL).payment_failed()
        assert bought == wallet.buy_topup("small", 2)
        assert Paid(daily=150, fast=25_000, topup=1_000) == wallet.generate(26_150)


def test_an_unpaid_subscription_is_cancelled_at_once() -> None:
    """ends the subscription at once."""
    wallet = subscribed("premium")
    wallet.at(RENEWAL).payment_failed()
    assert Done() == wallet.cancel()
    assert ("free", Pools(daily=150)) == (wallet.last.status, wallet.holds)


@pytest.mark.parametrize("event", ["upgrade", "cancel"])
def test_a_scheduled_downgrade_is_dropped(event: str) -> None:
    """drops the downgrade."""
    wallet = subscribed("premium")
    wallet.downgrade("essential")
    assert Done() == (wallet.upgrade("ultimate") if event == "upgrade" else wallet.cancel())
    assert wallet.last.scheduled_plan is None


def test_what_falls_due_at_one_instant_has_an_order() -> None:
    """the renewal comes first, then the daily reset, then what the user did."""
    wallet = Wallet({"renewal_time": "start_of_day", "paid_daily_guard": "bank_and_topup_empty"}, resets="implied")
    wallet.subscribe("premium")
    wallet.at("2027-01-31 00:00").generate(50)
    # The renewal fills the bank, so that the daily reset brings nothing.
    assert Paid(fast=1) == wallet.at("2027-02-01 00:00").generate(1)
    assert Pools(fast=24_999, rollover=25_000) == wallet.holds
