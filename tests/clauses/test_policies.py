"""Where the documents leave a question open: each admissible answer, in figures that no other answer gives."""

from __future__ import annotations

from typing import TypeAlias

import pytest
from msgspec import UNSET

from clauses.wallet import RENEWAL, SECOND_DAY, Done, Drained, Paid, Pools, Refused, Relaxed, Wallet, holding, subscribed, utc
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS, POLICIES

Policy: TypeAlias = dict[str, str]

COMPARED: dict[str, dict[str, object]] = {}
"""What each answer of each policy leads to in the scenario that tells the answers apart."""


def compares(policy: str, **expected: object) -> pytest.MarkDecorator:
    """The test runs once for each answer of `policy`, with what is expected under it."""
    COMPARED[policy] = expected
    cases = [pytest.param({policy: answer}, found, id=answer) for answer, found in expected.items()]
    return pytest.mark.parametrize(("policy", "expected"), cases)


@compares(
    "burn_order",
    fast_rollover_topup=[Paid(fast=8_500, rollover=100), Paid(rollover=8_400, topup=1)],
    rollover_fast_topup=[Paid(rollover=8_500, fast=100), Paid(fast=8_400, topup=1)],
)
def test_burn_order_decides_between_fast_tokens_and_bank(policy: Policy, expected: list[Paid]) -> None:
    wallet = subscribed("essential", policy)
    wallet.buy_topup("small")
    wallet.generate(150)
    wallet.at(RENEWAL).renew()
    assert Pools(fast=8_500, rollover=8_500, topup=1_000) == wallet.holds
    assert expected == [wallet.generate(8_600), wallet.generate(8_401)]


@compares(
    "daily_position",
    first=[Paid(daily=150, fast=50), Paid(fast=24_850), Paid(fast=100, topup=900)],
    last=[Paid(fast=200), Paid(fast=24_800, topup=50), Paid(topup=950, daily=50)],
)
def test_daily_position_decides_when_daily_tokens_pay(policy: Policy, expected: list[Paid]) -> None:
    wallet = subscribed("premium", policy)
    wallet.buy_topup("small")
    assert expected == [wallet.generate(200), wallet.generate(24_850), wallet.generate(1_000)]


@compares(
    "daily_reset_clock",
    utc_time_of_day=["2027-01-02 06:30", "2027-01-03 06:30", "2027-01-06 06:30"],
    every_24h_from_opening=["2027-01-02 08:00", "2027-01-03 08:00", "2027-01-05 08:00"],
)
def test_daily_reset_clock_decides_at_what_time_the_day_begins(policy: Policy, expected: list[str]) -> None:
    wallet = Wallet(policy, daily_reset_time="06:30")
    found = [wallet.next_daily_reset]
    for late in ("2027-01-02 10:45", "2027-01-05 07:15"):
        assert Done() == wallet.at(late).daily_reset()
        found.append(wallet.next_daily_reset)
    assert [utc(instant) for instant in expected] == found


@compares(
    "paid_daily_guard",
    out_of_tokens=[
        Pools(fast=25_000),
        Pools(daily=150),
        Pools(fast=25_000, topup=1_000),
        Pools(daily=150, fast=25_000, topup=1_000),
    ],
    bank_and_topup_empty=[
        Pools(daily=150, fast=25_000),
        Pools(daily=150),
        Pools(fast=25_000, topup=1_000),
        Pools(fast=25_000, topup=1_000),
    ],
    always=[
        Pools(daily=150, fast=25_000),
        Pools(daily=150),
        Pools(daily=150, fast=25_000, topup=1_000),
        Pools(daily=150, fast=25_000, topup=1_000),
    ],
)
def test_paid_daily_guard_decides_which_subscriber_is_topped_up(policy: Policy, expected: list[Pools]) -> None:
    on_day_one = subscribed("premium", policy)
    on_day_one.generate(100)
    on_day_one.at(SECOND_DAY).daily_reset()

    out_of_tokens = holding(0, "premium", policy)
    out_of_tokens.at(SECOND_DAY).daily_reset()

    with_a_pack = subscribed("premium", policy)
    with_a_pack.buy_topup("small")
    with_a_pack.at(SECOND_DAY).daily_reset()

    # Its packs and fast tokens are out of reach until the payment arrives.
    unpaid = subscribed("premium", policy)
    unpaid.buy_topup("small")
    unpaid.at(RENEWAL).payment_failed()
    unpaid.daily_reset()
    assert expected == [wallet.holds for wallet in (on_day_one, out_of_tokens, with_a_pack, unpaid)]


@compares(
    "paid_daily_leftover", expires=[Pools(fast=25_000), Pools(daily=150)], kept=[Pools(daily=50, fast=25_000), Pools(daily=150)]
)
def test_paid_daily_leftover_decides_what_the_day_leaves_a_subscriber(policy: Policy, expected: list[Pools]) -> None:
    wallet = subscribed("premium", policy)
    wallet.generate(100)
    wallet.at(SECOND_DAY).daily_reset()

    free = Wallet(policy)
    free.generate(100)
    free.at(SECOND_DAY).daily_reset()
    assert expected == [wallet.holds, free.holds]


@compares(
    "upgrade_grant",
    difference=[Pools(fast=22_000), Pools(fast=25_000, rollover=22_000)],
    full=[Pools(fast=25_000), Pools(fast=25_000, rollover=25_000)],
    next_renewal=[Pools(fast=5_500), Pools(fast=25_000, rollover=5_500)],
)
def test_upgrade_grant_decides_the_fast_tokens_after_an_upgrade(policy: Policy, expected: list[Pools]) -> None:
    wallet = subscribed("essential", policy)
    wallet.generate(3_150)
    wallet.upgrade("premium")
    found = [wallet.holds]
    wallet.at(RENEWAL).renew()
    assert expected == [*found, wallet.holds]


@compares("downgrade_bank", truncate=[25_500, 25_500, 25_500], keep=[50_000, 50_000, 25_500])
def test_downgrade_bank_decides_what_is_left_above_the_new_ceiling(policy: Policy, expected: list[int]) -> None:
    wallet = subscribed("premium", policy)
    for month in ("02", "03"):
        wallet.at(f"2027-{month}-01 08:00").renew()
    assert Pools(daily=150, fast=25_000, rollover=50_000) == wallet.holds
    wallet.downgrade("essential")
    found = []
    for month in ("04", "05"):
        wallet.at(f"2027-{month}-01 08:00").renew()
        found.append(wallet.holds.rollover)
    # Once the bank is below the ceiling it fills again, and no further.
    wallet.generate(150 + 8_500 + found[-1] - 20_000)
    wallet.at("2027-06-01 08:00").renew()
    assert Pools(fast=8_500, rollover=20_000) == wallet.holds
    wallet.at("2027-07-01 08:00").renew()
    assert expected == [*found, wallet.holds.rollover]


@compares(
    "lapse_bank",
    destroyed=[Pools(daily=150), Pools(daily=150, fast=8_500)],
    frozen=[Pools(daily=150, rollover=50_000), Pools(daily=150, fast=8_500, rollover=25_500)],
)
@pytest.mark.parametrize("ends", ["renew after cancel", "lapse", "cancel while past due"])
def test_lapse_bank_decides_what_a_new_subscription_finds(policy: Policy, expected: list[Pools], ends: str) -> None:
    wallet = subscribed("premium", policy)
    for month in ("02", "03"):
        wallet.at(f"2027-{month}-01 08:00").renew()
    assert Pools(daily=150, fast=25_000, rollover=50_000) == wallet.holds
    if ends == "renew after cancel":
        wallet.cancel()
    else:
        wallet.at("2027-04-01 08:00").payment_failed()
    wallet.at("2027-04-01 09:00").say(ends.split()[0])
    found = [wallet.holds]
    assert wallet.last.status == "free"
    assert Refused("tokens_must_cover_cost") == wallet.generate(151)
    wallet.subscribe("essential")
    assert expected == [*found, wallet.holds]


@compares(
    "month_end",
    return_to_day=[
        "2028-02-29", "2028-03-31", "2028-04-30", "2028-05-31", "2028-06-30", "2028-07-31", "2028-08-31",
        "2028-09-30", "2028-10-31", "2028-11-30", "2028-12-31", "2029-01-31", "2029-02-28", "2029-03-31",
    ],
    stay_clamped=[
        "2028-02-29", "2028-03-29", "2028-04-29", "2028-05-29", "2028-06-29", "2028-07-29", "2028-08-29",
        "2028-09-29", "2028-10-29", "2028-11-29", "2028-12-29", "2029-01-29", "2029-02-28", "2029-03-28",
    ],
)  # fmt: skip
def test_month_end_decides_on_what_day_a_subscription_of_the_31st_renews(policy: Policy, expected: list[str]) -> None:
    wallet = Wallet(policy, opened="2028-01-31 09:15")
    wallet.subscribe("premium")
    for day in expected:
        assert utc(f"{day} 09:15") == wallet.next_renewal
        assert Refused("renewal_must_be_due") == wallet.at(f"{day} 09:14").renew()
        assert Done() == wallet.at(f"{day} 09:15").renew()


@compares(
    "renewal_time", same_instant=["2027-02-14 18:00", "2027-03-14 18:00"], start_of_day=["2027-02-14 00:00", "2027-03-14 00:00"]
)
def test_renewal_time_decides_at_what_hour_of_the_anniversary_a_renewal_is_due(policy: Policy, expected: list[str]) -> None:
    wallet = Wallet(policy, opened="2027-01-14 18:00")
    wallet.subscribe("essential")
    found = [wallet.next_renewal]
    early = wallet.at("2027-02-14 00:05").renew()
    assert early == (Done() if policy["renewal_time"] == "start_of_day" else Refused("renewal_must_be_due"))
    wallet.at("2027-02-14 18:00").renew()
    found.append(wallet.next_renewal)
    assert [utc(instant) for instant in expected] == found


@compares("missed_renewals", each=Pools(fast=8_500, rollover=15_500), once=Pools(fast=8_500, rollover=7_000))
def test_missed_renewals_decides_how_often_a_late_job_grants(policy: Policy, expected: Pools) -> None:
    wallet = subscribed("essential", policy)
    wallet.generate(1_650)
    assert Done() == wallet.at("2027-03-05 00:00").renew()
    assert expected == wallet.holds
    assert utc("2027-04-01 08:00") == wallet.next_renewal
    assert Refused("renewal_must_be_due") == wallet.renew()


def paid_from_every_pool(policy: Policy) -> Wallet:
    """Its job `picture` took the whole day, the whole month, the whole bank and half a pack."""
    wallet = subscribed("essential", policy)
    wallet.buy_topup("small")
    wallet.at(RENEWAL).renew()
    assert Paid(daily=150, fast=8_500, rollover=8_500, topup=500) == wallet.generate(17_650, job="picture")
    return wallet


@compares(
    "refund",
    to_source=[Done(), Pools(daily=150, fast=8_500, rollover=8_500, topup=1_000)],
    none=[Refused("refunds_must_be_offered"), Pools(topup=500)],
)
def test_refund_decides_whether_a_job_is_given_back(policy: Policy, expected: list[object]) -> None:
    wallet = paid_from_every_pool(policy)
    assert expected == [wallet.refund("picture"), wallet.holds]


def test_refund_loses_the_part_of_a_period_that_is_over() -> None:
    after_the_day = paid_from_every_pool({"refund": "to_source"})
    after_the_day.at("2027-02-02 00:00").daily_reset()
    after_the_day.refund("picture")
    assert Pools(fast=8_500, rollover=8_500, topup=1_000) == after_the_day.holds

    after_the_month = paid_from_every_pool({"refund": "to_source"})
    after_the_month.at("2027-03-01 08:00").renew()
    assert Pools(fast=8_500, topup=500) == after_the_month.holds
    after_the_month.refund("picture")
    assert Pools(daily=150, fast=8_500, rollover=8_500, topup=1_000) == after_the_month.holds

    after_the_subscription = paid_from_every_pool({"refund": "to_source"})
    after_the_subscription.cancel()
    after_the_subscription.at("2027-03-01 08:00").renew()
    after_the_subscription.refund("picture")
    assert Pools(daily=150, topup=1_000) == after_the_subscription.holds


def test_refund_lifts_no_pool_above_its_maximum() -> None:
    wallet = paid_from_every_pool({"refund": "to_source"})
    for month, bank in (("03", 0), ("04", 8_500), ("05", 17_000), ("06", 25_500)):
        wallet.at(f"2027-{month}-01 08:00").renew()
        assert Pools(fast=8_500, rollover=bank, topup=500) == wallet.holds
    wallet.refund("picture")
    assert Pools(daily=150, fast=8_500, rollover=25_500, topup=1_000) == wallet.holds


@compares(
    "stranded_remainder",
    refuse=[Refused("tokens_must_be_used_up_before_relaxed"), Pools(fast=16), Paid(fast=16)],
    relax=[Relaxed(), Pools(fast=16), Paid(fast=16)],
    drain=[Drained(fast=16), Pools(), Relaxed()],
)
def test_stranded_remainder_decides_what_comes_of_a_balance_below_the_cost(policy: Policy, expected: list[object]) -> None:
    wallet = holding(16, "premium", policy)
    assert expected == [wallet.generate(24), wallet.holds, wallet.generate(16)]
    assert Refused("third_party_model_must_be_paid_with_tokens") == wallet.generate(1, origin="third_party")


def test_drained_remainder_is_charged_from_every_pool_and_given_back() -> None:
    wallet = subscribed("premium", {"stranded_remainder": "drain"})
    wallet.buy_topup("small")
    wallet.at(RENEWAL).renew()
    left = Pools(daily=150, fast=25_000, rollover=25_000, topup=1_000)
    assert Refused("medium_must_be_relaxed_on_plan") == wallet.generate(51_151, media="video")
    assert left == wallet.holds
    assert Drained(**vars(left)) == wallet.generate(51_151, job="picture")
    assert Relaxed() == wallet.generate(1, job="free of charge")
    assert Refused("job_must_have_been_charged") == wallet.refund("free of charge")
    assert Done() == wallet.refund("picture")
    assert left == wallet.holds


@compares(
    "past_due_spending",
    frozen=[
        Refused("tokens_must_cover_cost"),
        Paid(daily=150),
        Pools(daily=150, fast=25_000, topup=1_000),
        Refused("subscription_must_be_active_or_cancelling"),
        Refused("tokens_must_cover_cost"),
        Refused("tokens_must_cover_cost"),
    ],
    allowed=[
        Paid(daily=150, fast=50),
        Paid(fast=150),
        Pools(fast=24_800, topup=1_000),
        Refused("subscription_must_be_active_or_cancelling"),
        Paid(fast=24_800, topup=1_000),
        Refused("tokens_must_cover_cost"),
    ],
    as_active=[
        Paid(daily=150, fast=50),
        Paid(fast=150),
        Pools(fast=24_800, topup=1_000),
        Done(),
        Paid(fast=24_800, topup=1_000),
        Refused("tokens_must_be_used_up_before_relaxed"),
    ],
)
def test_past_due_spending_decides_what_an_unpaid_subscriber_may_spend(policy: Policy, expected: list[object]) -> None:
    wallet = subscribed("premium", policy)
    wallet.buy_topup("small")
    wallet.at(RENEWAL).payment_failed()
    found: list[object] = [wallet.generate(200), wallet.generate(150)]
    wallet.daily_reset()
    found += [wallet.holds, wallet.buy_topup("small"), wallet.generate(25_800), wallet.generate(25_801)]
    assert expected == found


def test_unpaid_subscription_that_counts_as_active_goes_on_unlimited() -> None:
    wallet = holding(0, "premium", {"past_due_spending": "as_active"})
    wallet.at(RENEWAL).payment_failed()
    assert Relaxed() == wallet.generate(5)
    assert Refused("medium_must_be_relaxed_on_plan") == wallet.generate(5, media="video")
    wallet.lapse()
    assert Refused("tokens_must_cover_cost") == wallet.generate(5)
    assert Refused("subscription_must_be_active_or_cancelling") == wallet.buy_topup("small")


@compares(
    "downgrade_timing",
    at_renewal=[("premium", "essential", Pools(fast=24_000)), ("essential", None, Pools(fast=8_500, rollover=24_000))],
    at_once=[("essential", None, Pools(fast=7_500)), ("essential", None, Pools(fast=8_500, rollover=7_500))],
)
def test_downgrade_timing_decides_when_the_lower_plan_begins(policy: Policy, expected: list[object]) -> None:
    wallet = subscribed("premium", policy)
    wallet.generate(1_150)
    assert Done() == wallet.downgrade("essential")
    assert utc(RENEWAL) == wallet.next_renewal
    found = [(wallet.last.plan, wallet.last.scheduled_plan, wallet.holds)]
    wallet.at(RENEWAL).renew()
    assert expected == [*found, (wallet.last.plan, wallet.last.scheduled_plan, wallet.holds)]


@pytest.mark.parametrize(("downgrade_bank", "bank"), [("truncate", 25_500), ("keep", 50_000)])
def test_downgrade_at_once_cuts_the_bank_as_the_policy_says(downgrade_bank: str, bank: int) -> None:
    wallet = subscribed("premium", {"downgrade_timing": "at_once", "downgrade_bank": downgrade_bank})
    for month in ("02", "03"):
        wallet.at(f"2027-{month}-01 08:00").renew()
    assert Done() == wallet.downgrade("essential")
    assert Pools(daily=150, fast=8_500, rollover=bank) == wallet.holds


@pytest.mark.parametrize("upgrade_grant", ["difference", "full", "next_renewal"])
def test_downgrade_at_once_takes_the_difference_and_no_more_than_there_is(upgrade_grant: str) -> None:
    policy = {"downgrade_timing": "at_once", "upgrade_grant": upgrade_grant}
    wallet = holding(1_000, "premium", policy)
    wallet.downgrade("essential")
    assert Pools() == wallet.holds
    assert Refused("change_must_be_scheduled") == wallet.say("resume")


def test_refund_after_a_downgrade_at_once_is_held_to_the_new_maximum() -> None:
    wallet = subscribed("premium", {"downgrade_timing": "at_once"})
    wallet.generate(20_150, job="picture")
    wallet.downgrade("essential")
    wallet.refund("picture")
    assert Pools(daily=150, fast=8_500) == wallet.holds


@compares("api_renewal", adds=[500, 700, 1_200], refills=[500, 500, 600])
def test_api_renewal_decides_what_a_month_does_to_the_api_pool(policy: Policy, expected: list[int]) -> None:
    plans = {**DEFAULT.plans, "premium": DEFAULT.plans["premium"] | {"api": 500}}
    wallet = Wallet(policy, catalogue=DEFAULT.but(plans=plans))
    wallet.subscribe("premium")
    found = [wallet.holds.api]
    wallet.api_generate(300)
    wallet.at(RENEWAL).renew()
    found.append(wallet.holds.api)
    wallet.buy_api(600 - min(600, wallet.holds.api))
    wallet.at("2027-03-01 08:00").renew()
    assert expected == [*found, wallet.holds.api]


@compares(
    "api_refund",
    none=[Refused("api_jobs_cannot_be_refunded"), Pools(daily=150, api=6), Refused("api_jobs_cannot_be_refunded")],
    to_source=[Done(), Pools(daily=150, api=10), Refused("job_must_not_be_refunded_already")],
)
@pytest.mark.parametrize("refund", ["to_source", "none"])
def test_api_refund_decides_whether_an_api_job_is_given_back(policy: Policy, expected: list[object], refund: str) -> None:
    wallet = Wallet({**policy, "refund": refund})
    wallet.buy_api(10)
    assert Paid(api=4) == wallet.api_generate(4, job="by api")
    assert expected == [wallet.refund("by api"), wallet.holds, wallet.refund("by api")]


@compares(
    "repeated_id",
    first_answer=[Paid(daily=24), 126, "2027-01-02 00:00", 116],
    present_state=[Paid(daily=24), 150, "2027-01-03 00:00", 140],
    refused=[Refused("id_must_be_new"), 150, "2027-01-03 00:00", 140],
)
def test_repeated_id_decides_what_a_retry_gets_and_whether_time_goes_on(policy: Policy, expected: list[object]) -> None:
    wallet = Wallet(policy, resets="implied")
    assert Paid(daily=24) == wallet.say("generate", job="j1", cost=24, media="image", origin="first_party", id="e-1")
    wallet.at("2027-01-02 09:00")
    again = wallet.say("generate", job="j1", cost=24, media="image", origin="first_party", id="e-1")
    assert wallet.last.duplicate is True
    found = [again, wallet.holds.daily, wallet.next_daily_reset]
    if policy["repeated_id"] == "first_answer":
        # Nothing ran, not even the clock: an earlier instant may still come.
        wallet.at("2027-01-01 23:00")
    wallet.generate(10, job="j2")
    assert [*expected[:2], utc(str(expected[2])), expected[3]] == [*found, wallet.holds.daily]


@compares("refused_id", kept=[Refused("tokens_must_cover_cost"), True, 150], free=[Paid(daily=140), UNSET, 10])
def test_refused_id_decides_whether_a_refusal_uses_its_id_up(policy: Policy, expected: list[object]) -> None:
    wallet = Wallet(policy)
    assert Refused("tokens_must_cover_cost") == wallet.say(
        "generate", job="j1", cost=151, media="image", origin="first_party", id="e-1"
    )
    again = wallet.say("generate", job="j1", cost=140, media="image", origin="first_party", id="e-1")
    assert expected == [again, wallet.last.duplicate, wallet.holds.daily]
    # An id that an accepted event has used stays used.
    assert Done() == wallet.say("buy_api", amount=1, id="e-2")
    assert Done() == wallet.say("buy_api", amount=1, id="e-2")
    assert (wallet.last.duplicate, wallet.holds.api) == (True, 1)


def test_every_answer_of_every_policy_is_compared() -> None:
    assert {policy.name: list(dict(policy.answers)) for policy in POLICIES} == {
        policy: list(answers) for policy, answers in COMPARED.items()
    }


def test_default_is_the_first_answer() -> None:
    assert {policy: next(iter(answers)) for policy, answers in COMPARED.items()} == DEFAULTS


@pytest.mark.parametrize("policy", COMPARED)
def test_no_two_answers_lead_to_the_same_figures(policy: str) -> None:
    figures = [repr(found) for found in COMPARED[policy].values()]
    assert len(set(figures)) == len(figures)
