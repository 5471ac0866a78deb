"""Every refusal: what leads to it, and which of two comes first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import pytest

from clauses.situations import (
    after_the_reset,
    before_the_reset,
    cancelling,
    cancelling_and_due,
    charged,
    charged_and_empty,
    charged_by_api,
    essential_without_a_token,
    free,
    full_of_api_tokens,
    full_of_packs,
    logged_in,
    logged_out,
    past_due,
    past_due_and_empty,
    premium,
    refunded,
    relaxed,
    renewal_due,
    rich_after_the_reset,
    scheduled_and_due,
    unopened,
    with_a_token,
    with_models,
    without_a_token,
    without_refunds,
)
from clauses.wallet import MOST, RENEWAL, Done, Paid, Pools, Refused, Wallet, job_after, subscribed
from tokenspec.machine.interpreters.reference import Bindings, evaluate
from tokenspec.machine.lang.declaration import Actor
from tokenspec.oracle import Answer
from tokenspec.oracle.base.errors import WentBack
from tokenspec.spec.system import system

PICTURE = "image/phoenix/fast/1024x1024/images=1/references=0"
"""An action of the price list, at 8 tokens."""

PRECEDENCE = {
    "open_account": ["account_must_be_new"],
    "subscribe": ["account_must_exist", "account_must_be_free", "plan_must_exist", "plan_must_be_paid"],
    "upgrade": [
        "account_must_exist",
        "subscription_must_be_active",
        "renewal_must_not_be_due",
        "plan_must_exist",
        "plan_must_be_higher",
    ],
    "downgrade": [
        "account_must_exist",
        "subscription_must_be_active",
        "renewal_must_not_be_due",
        "plan_must_exist",
        "plan_must_be_paid",
        "plan_must_be_lower",
    ],
    "cancel": ["account_must_exist", "subscription_must_be_active_or_past_due"],
    "resume": ["account_must_exist", "change_must_be_scheduled", "renewal_must_not_be_due"],
    "renew": ["account_must_exist", "subscription_must_exist", "renewal_must_be_due"],
    "payment_failed": ["account_must_exist", "subscription_must_be_active", "renewal_must_be_due"],
    "lapse": ["account_must_exist", "subscription_must_be_past_due"],
    "daily_reset": ["account_must_exist", "daily_reset_must_be_due"],
    "buy_topup": [
        "account_must_exist",
        "subscription_must_be_active_or_cancelling",
        "pack_must_exist",
        "quantity_must_be_at_least_one",
        "balance_must_stay_countable",
    ],
    "generate": [
        "account_must_exist",
        "model_must_be_listed",
        "model_must_be_on_plan",
        "cost_must_be_at_least_one",
        "action_must_be_listed",
        "cost_must_be_the_listed_price",
        "job_must_be_new",
        "tokens_must_be_used_up_before_relaxed",
        "medium_must_be_relaxed_on_plan",
        "third_party_model_must_be_paid_with_tokens",
        "tokens_must_cover_cost",
    ],
    "refund": [
        "account_must_exist",
        "api_jobs_cannot_be_refunded",
        "refunds_must_be_offered",
        "job_must_have_been_charged",
        "job_must_not_be_refunded_already",
    ],
    "quote": ["account_must_exist", "price_must_be_listed"],
    "buy_api": ["account_must_exist", "amount_must_be_at_least_one", "balance_must_stay_countable"],
    "api_generate": ["account_must_exist", "cost_must_be_at_least_one", "job_must_be_new", "api_tokens_must_cover_cost"],
    "transfer": ["account_must_exist", "tokens_cannot_be_transferred"],
    "enable_relaxed": ["account_must_exist", "relaxed_cannot_be_switched_on"],
    "login": ["account_must_exist", "session_must_be_logged_out"],
    "refresh": ["account_must_exist", "session_must_be_logged_in"],
    "logout": ["account_must_exist", "session_must_be_logged_in"],
    "view": ["account_must_exist", "session_must_be_logged_in"],
}
"""The codes of each event, the one that goes before the others first."""

DECLARED = {
    event.name: [need.code for need in event.requires]
    for machine in system().machines
    for event in machine.events
    if event.actor is not Actor.CLOCK
}
"""The same, as the machines declare it."""

ACCOUNT = system().machines[0]

JOB_OF_THE_DAY = {("runs", "reset_must_be_due")}
"""What the daily job refuses; it is no record's event."""

USUAL: dict[str, dict[str, Any]] = {
    "subscribe": {"plan": "premium"},
    "upgrade": {"plan": "ultimate"},
    "downgrade": {"plan": "essential"},
    "buy_topup": {"pack": "small", "quantity": 1},
    "generate": {"job": "new", "cost": 24, "media": "image", "origin": "first_party"},
    "refund": {"job": "picture"},
    "quote": {"action": "a picture nobody lists"},
    "buy_api": {"amount": 1},
    "api_generate": {"job": "new", "cost": 1},
    "transfer": {"to": "somebody", "amount": 1},
    "login": {"session": "laptop"},
    "refresh": {"session": "laptop"},
    "logout": {"session": "laptop"},
    "view": {"session": "laptop", "shown": {"daily": 150}},
}
"""The payload of an event where a row says nothing else."""


# -- one row for each event and code ---------------------------------------------------------------------------------

Situation: TypeAlias = Callable[[], Wallet]


class Row(NamedTuple):
    """`event`, with `fields` in place of the usual ones, is refused with `code` where `situation` has led."""

    event: str
    code: str
    situation: Situation
    fields: dict[str, Any] = {}  # noqa: RUF012 - never written to

    def __str__(self) -> str:
        return f"{self.event}-{self.code}-{self.situation.__name__}"


ROWS = [
    *(Row(event, "account_must_exist", unopened) for event in PRECEDENCE if event != "open_account"),
    Row("open_account", "account_must_be_new", free),
    Row("open_account", "account_must_be_new", premium, {"daily_reset_time": "06:30"}),
    Row("subscribe", "account_must_be_free", premium),
    Row("subscribe", "account_must_be_free", cancelling),
    Row("subscribe", "account_must_be_free", past_due),
    Row("subscribe", "plan_must_exist", free, {"plan": "gold"}),
    Row("subscribe", "plan_must_be_paid", free, {"plan": "free"}),
    Row("upgrade", "subscription_must_be_active", free),
    Row("upgrade", "subscription_must_be_active", cancelling),
    Row("upgrade", "renewal_must_not_be_due", renewal_due),
    Row("upgrade", "plan_must_exist", premium, {"plan": "gold"}),
    Row("upgrade", "plan_must_be_higher", premium, {"plan": "premium"}),
    Row("upgrade", "plan_must_be_higher", premium, {"plan": "essential"}),
    Row("upgrade", "plan_must_be_higher", premium, {"plan": "free"}),
    Row("downgrade", "subscription_must_be_active", free),
    Row("downgrade", "subscription_must_be_active", cancelling),
    Row("downgrade", "renewal_must_not_be_due", renewal_due),
    Row("downgrade", "plan_must_exist", premium, {"plan": "gold"}),
    Row("downgrade", "plan_must_be_paid", premium, {"plan": "free"}),
    Row("downgrade", "plan_must_be_lower", premium, {"plan": "premium"}),
    Row("downgrade", "plan_must_be_lower", premium, {"plan": "ultimate"}),
    Row("cancel", "subscription_must_be_active_or_past_due", free),
    Row("cancel", "subscription_must_be_active_or_past_due", cancelling),
    Row("resume", "change_must_be_scheduled", free),
    Row("resume", "change_must_be_scheduled", premium),
    Row("resume", "change_must_be_scheduled", past_due),
    Row("resume", "renewal_must_not_be_due", cancelling_and_due),
    Row("resume", "renewal_must_not_be_due", scheduled_and_due),
    Row("renew", "subscription_must_exist", free),
    Row("renew", "renewal_must_be_due", premium),
    Row("renew", "renewal_must_be_due", cancelling),
    Row("payment_failed", "subscription_must_be_active", past_due),
    Row("payment_failed", "subscription_must_be_active", cancelling_and_due),
    Row("payment_failed", "renewal_must_be_due", premium),
    Row("lapse", "subscription_must_be_past_due", free),
    Row("lapse", "subscription_must_be_past_due", renewal_due),
    Row("lapse", "subscription_must_be_past_due", cancelling_and_due),
    Row("daily_reset", "daily_reset_must_be_due", before_the_reset),
    Row("daily_reset", "daily_reset_must_be_due", after_the_reset),
    Row("daily_reset", "daily_reset_must_be_due", rich_after_the_reset),
    Row("buy_topup", "subscription_must_be_active_or_cancelling", free),
    Row("buy_topup", "subscription_must_be_active_or_cancelling", past_due),
    Row("buy_topup", "pack_must_exist", premium, {"pack": "medium"}),
    Row("buy_topup", "quantity_must_be_at_least_one", premium, {"quantity": 0}),
    Row("buy_topup", "quantity_must_be_at_least_one", cancelling, {"quantity": -1}),
    Row("buy_topup", "balance_must_stay_countable", full_of_packs),
    Row("buy_topup", "balance_must_stay_countable", premium, {"pack": "large", "quantity": MOST}),
    Row("generate", "model_must_be_listed", free, {"origin": None, "model": "a model nobody lists"}),
    Row("generate", "model_must_be_on_plan", with_models, {"origin": None, "model": "Paid"}),
    Row("generate", "action_must_be_listed", free, {"action": "a picture nobody lists"}),
    Row("generate", "cost_must_be_the_listed_price", free, {"action": PICTURE, "cost": 9}),
    Row("generate", "cost_must_be_the_listed_price", without_a_token, {"action": PICTURE, "cost": 7}),
    Row("generate", "cost_must_be_at_least_one", free, {"cost": 0}),
    Row("generate", "cost_must_be_at_least_one", free, {"cost": -24}),
    Row("generate", "job_must_be_new", charged, {"job": "picture"}),
    Row("generate", "job_must_be_new", refunded, {"job": "picture"}),
    Row("generate", "job_must_be_new", relaxed, {"job": "picture"}),
    Row("generate", "job_must_be_new", charged_by_api, {"job": "picture"}),
    Row("generate", "tokens_must_be_used_up_before_relaxed", with_a_token),
    Row("generate", "medium_must_be_relaxed_on_plan", without_a_token, {"media": "video"}),
    Row("generate", "third_party_model_must_be_paid_with_tokens", without_a_token, {"origin": "third_party"}),
    Row("generate", "tokens_must_cover_cost", free, {"cost": 151}),
    Row("generate", "tokens_must_cover_cost", essential_without_a_token),
    Row("generate", "tokens_must_cover_cost", past_due_and_empty),
    Row("refund", "refunds_must_be_offered", without_refunds),
    Row("refund", "refunds_must_be_offered", without_refunds, {"job": "never run"}),
    Row("refund", "job_must_have_been_charged", free),
    Row("refund", "api_jobs_cannot_be_refunded", charged_by_api),
    Row("refund", "job_must_have_been_charged", relaxed),
    Row("refund", "job_must_not_be_refunded_already", refunded),
    Row("quote", "price_must_be_listed", free),
    Row("buy_api", "amount_must_be_at_least_one", free, {"amount": 0}),
    Row("buy_api", "balance_must_stay_countable", full_of_api_tokens),
    Row("api_generate", "cost_must_be_at_least_one", charged_by_api, {"cost": 0}),
    Row("api_generate", "job_must_be_new", charged_by_api, {"job": "picture"}),
    Row("api_generate", "api_tokens_must_cover_cost", charged_by_api, {"cost": 7}),
    Row("transfer", "tokens_cannot_be_transferred", free),
    Row("transfer", "tokens_cannot_be_transferred", premium, {"amount": 0}),
    Row("enable_relaxed", "relaxed_cannot_be_switched_on", free),
    Row("enable_relaxed", "relaxed_cannot_be_switched_on", without_a_token),
    Row("login", "session_must_be_logged_out", logged_in),
    Row("refresh", "session_must_be_logged_in", free),
    Row("refresh", "session_must_be_logged_in", logged_out),
    Row("logout", "session_must_be_logged_in", free),
    Row("logout", "session_must_be_logged_in", logged_out),
    Row("view", "session_must_be_logged_in", free),
    Row("view", "session_must_be_logged_in", logged_out),
]

# Each record breaks, beside the requirement it is refused for, as many of the later ones as can be broken at once.
LADDERS = [
    Row("subscribe", "account_must_exist", unopened, {"plan": "gold"}),
    Row("subscribe", "account_must_be_free", premium, {"plan": "gold"}),
    Row("subscribe", "account_must_be_free", premium, {"plan": "free"}),
    Row("upgrade", "account_must_exist", unopened, {"plan": "gold"}),
    Row("upgrade", "subscription_must_be_active", past_due, {"plan": "gold"}),
    Row("upgrade", "subscription_must_be_active", past_due, {"plan": "essential"}),
    Row("upgrade", "renewal_must_not_be_due", renewal_due, {"plan": "gold"}),
    Row("upgrade", "renewal_must_not_be_due", renewal_due, {"plan": "essential"}),
    Row("downgrade", "account_must_exist", unopened, {"plan": "gold"}),
    Row("downgrade", "subscription_must_be_active", past_due, {"plan": "gold"}),
    Row("downgrade", "subscription_must_be_active", past_due, {"plan": "free"}),
    Row("downgrade", "subscription_must_be_active", past_due, {"plan": "ultimate"}),
    Row("downgrade", "renewal_must_not_be_due", renewal_due, {"plan": "gold"}),
    Row("downgrade", "renewal_must_not_be_due", renewal_due, {"plan": "free"}),
    Row("downgrade", "renewal_must_not_be_due", renewal_due, {"plan": "ultimate"}),
    Row("cancel", "account_must_exist", unopened),
    Row("resume", "account_must_exist", unopened),
    Row("resume", "change_must_be_scheduled", renewal_due),
    Row("renew", "account_must_exist", unopened),
    Row("renew", "subscription_must_exist", free),
    Row("payment_failed", "account_must_exist", unopened),
    Row("payment_failed", "subscription_must_be_active", free),
    Row("payment_failed", "subscription_must_be_active", cancelling),
    Row("lapse", "account_must_exist", unopened),
    Row("daily_reset", "account_must_exist", unopened),
    Row("buy_topup", "account_must_exist", unopened, {"pack": "medium", "quantity": 0}),
    Row("buy_topup", "subscription_must_be_active_or_cancelling", free, {"pack": "medium", "quantity": 0}),
    Row("buy_topup", "subscription_must_be_active_or_cancelling", free, {"pack": "large", "quantity": MOST}),
    Row("buy_topup", "pack_must_exist", premium, {"pack": "medium", "quantity": 0}),
    Row("generate", "account_must_exist", unopened, {"cost": 0}),
    Row("generate", "account_must_exist", unopened, {"cost": 151}),
    Row("generate", "model_must_be_listed", free, {"origin": None, "model": "Veo", "cost": 0}),
    Row("generate", "model_must_be_on_plan", with_models, {"origin": None, "model": "Paid", "cost": 0}),
    Row("generate", "cost_must_be_at_least_one", free, {"action": PICTURE, "cost": 0}),
    Row("generate", "action_must_be_listed", charged, {"action": "a picture nobody lists", "job": "picture"}),
    Row("generate", "cost_must_be_the_listed_price", charged, {"action": PICTURE, "job": "picture"}),
    Row("generate", "cost_must_be_at_least_one", charged_and_empty, {"job": "picture", "cost": 0}),
    Row("generate", "job_must_be_new", charged_and_empty, {"job": "picture"}),
    Row("generate", "job_must_be_new", charged, {"job": "picture", "cost": 51}),
    Row("generate", "job_must_be_new", relaxed, {"job": "picture", "media": "video"}),
    Row("generate", "job_must_be_new", relaxed, {"job": "picture", "origin": "third_party"}),
    Row("refund", "account_must_exist", unopened),
    Row("refund", "refunds_must_be_offered", without_refunds, {"job": "never run"}),
    Row("quote", "account_must_exist", unopened),
    Row("buy_api", "account_must_exist", unopened, {"amount": 0}),
    Row("api_generate", "account_must_exist", unopened, {"cost": 0}),
    Row("api_generate", "cost_must_be_at_least_one", charged_by_api, {"job": "picture", "cost": 0}),
    Row("api_generate", "job_must_be_new", charged_by_api, {"job": "picture", "cost": 7}),
    Row("transfer", "account_must_exist", unopened),
    Row("enable_relaxed", "account_must_exist", unopened),
    Row("refresh", "account_must_exist", unopened),
    Row("logout", "account_must_exist", unopened),
    Row("view", "account_must_exist", unopened),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_event_is_refused_with_its_code_and_changes_nothing(row: Row) -> None:
    wallet = row.situation()
    before = wallet.state
    assert Refused(row.code) == wallet.say(row.event, **{**USUAL.get(row.event, {}), **row.fields})
    assert before == wallet.state


@pytest.mark.parametrize("row", LADDERS, ids=str)
def test_record_with_two_faults_is_refused_for_the_earlier_one(row: Row) -> None:
    wallet = row.situation()
    assert Refused(row.code) == wallet.say(row.event, **{**USUAL.get(row.event, {}), **row.fields})


@pytest.mark.parametrize("row", [row for row in LADDERS if row.event in ACCOUNT.event_named], ids=str)
def test_record_of_a_ladder_has_two_faults(row: Row) -> None:
    wallet = row.situation()
    broken: list[str] = []

    declared = ACCOUNT.event_named[row.event]
    wallet.say(row.event, **{**USUAL.get(row.event, {}), **row.fields})
    for step in wallet.steps:
        state = {variable.name: value for variable, value in zip(ACCOUNT.variables, step.before, strict=True)}
        given = {field.name: value for field, value in zip(ACCOUNT.event_named[step.event].fields, step.fields, strict=True)}
        scope = Bindings(ACCOUNT, wallet.oracle.parameters, state, given)
        if step.event == row.event:
            broken.extend(need.code for need in declared.requires if not evaluate(need.holds, scope))
    assert len(broken) >= 2
    assert row.code == broken[0]


@pytest.mark.parametrize(
    ("situation", "fields"),
    [
        pytest.param(with_a_token, {"media": "video"}, id="tokens-and-medium"),
        pytest.param(with_a_token, {"origin": "third_party"}, id="tokens-and-model"),
        pytest.param(without_a_token, {"media": "video", "origin": "third_party"}, id="medium-and-model"),
        pytest.param(with_a_token, {"media": "video", "origin": "third_party"}, id="all-three"),
        pytest.param(past_due_and_empty, {}, id="status-alone"),
        pytest.param(past_due_and_empty, {"origin": "third_party"}, id="status-and-model"),
        pytest.param(past_due, {"cost": 151}, id="status-and-tokens"),
        pytest.param(essential_without_a_token, {}, id="plan-alone"),
        pytest.param(essential_without_a_token, {"media": "video"}, id="plan-alone-for-video"),
    ],
)
def test_generation_is_too_dear_where_no_single_condition_of_relaxed_is_to_blame(
    situation: Situation, fields: dict[str, Any]
) -> None:
    assert Refused("tokens_must_cover_cost") == situation().say("generate", **{**USUAL["generate"], **fields})


def test_refused_attempt_leaves_the_job_id_free() -> None:
    wallet = charged()
    assert Refused("tokens_must_cover_cost") == wallet.generate(51, job="second")
    assert Paid(daily=50) == wallet.generate(50, job="second")


def test_refused_purchase_loses_nothing_of_a_full_pool() -> None:
    wallet = full_of_packs()
    assert Refused("balance_must_stay_countable") == wallet.buy_topup("small")
    assert Pools(daily=150, fast=25_000, topup=9_007_199_254_740_000) == wallet.holds


def test_repeated_id_gets_its_first_answer_before_any_other_check() -> None:
    wallet = unopened()
    assert Refused("account_must_exist") == wallet.say("buy_api", amount=1, id="e-1")
    assert Done() == wallet.say("open_account", id="e-2")
    assert Refused("account_must_exist") == wallet.say("buy_api", amount=1, id="e-1")
    first = Answer("refused", reason="account_must_exist", duplicate=True)
    assert first == wallet.last
    assert Done() == wallet.say("open_account", id="e-2")
    assert wallet.last.duplicate is True
    assert Done() == wallet.buy_api(1)
    assert Pools(daily=150, api=1) == wallet.holds


def test_a_used_id_is_refused_before_anything_else_where_repeats_are_refused() -> None:
    wallet = Wallet({"repeated_id": "refused"}, is_open=False)
    assert Refused("account_must_exist") == wallet.say("buy_api", amount=1, id="e-1")
    assert Refused("id_must_be_new") == wallet.say("buy_api", amount=0, id="e-1")
    assert Answer("refused", reason="id_must_be_new", duplicate=True) == wallet.last
    assert Done() == wallet.say("open_account", id="e-2")
    assert Refused("id_must_be_new") == wallet.say("open_account", id="e-2")
    assert Pools(daily=150) == wallet.holds


@pytest.mark.parametrize("answer", ["present_state", "refused"])
def test_a_repeat_that_is_an_event_in_time_may_not_go_back(answer: str) -> None:
    wallet = Wallet({"repeated_id": answer})
    assert Done() == wallet.at("2027-01-03 09:00").say("buy_api", amount=1, id="e-1")
    with pytest.raises(WentBack):
        wallet.at("2027-01-02 09:00").say("buy_api", amount=1, id="e-1")
    assert wallet.last.next_daily_reset_at == "2027-01-02T00:00:00Z"


def test_a_repeated_failed_payment_takes_no_renewals_place() -> None:
    """Only an event takes the place of a renewal that runs by itself, and a repeat is none."""
    wallet = subscribed("premium", {"repeated_id": "present_state"}, resets="implied")
    assert Refused("renewal_must_be_due") == wallet.say("payment_failed", id="e-1")
    assert Refused("renewal_must_be_due") == wallet.at(RENEWAL).say("payment_failed", id="e-1")
    assert (wallet.last.status, wallet.holds.rollover) == ("active", 25_000)


def test_daily_job_does_nothing_before_its_time() -> None:
    assert {("runs", job_after("runs"))} == JOB_OF_THE_DAY


# -- nothing is left out ---------------------------------------------------------------------------------------------


def test_every_declared_refusal_has_a_row() -> None:
    declared = {(event, code) for event, codes in DECLARED.items() for code in codes}
    assert {(row.event, row.code) for row in ROWS} | JOB_OF_THE_DAY == declared


def test_codes_are_declared_in_their_order_of_precedence() -> None:
    assert {event: codes for event, codes in DECLARED.items() if event != "runs"} == PRECEDENCE


def test_every_event_with_two_codes_that_can_meet_has_a_ladder() -> None:
    # A session that is logged in has an account, so that only one of the two can stand in the way of a login.
    assert {event for event, codes in PRECEDENCE.items() if len(codes) > 1} - {"login"} == {row.event for row in LADDERS}
