"""Seeded faults: each is one change to the declaration, most of them a real bug transplanted from another system."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tokenspec.machine.lang.build import Term, Termlike, all_of, eq, ite, minimum, negation, posting, var
from tokenspec.machine.lang.catalogue import NONE
from tokenspec.machine.lang.declaration import ClockAct, Kind, Machine, Posting
from tokenspec.machine.lang.expr import TRUE
from tokenspec.machine.mutation.edits import with_clock, with_definition, with_effect, with_event, with_rule, without_requirement
from tokenspec.spec.words import *

Edit = Callable[[Machine], Machine]


@dataclass(frozen=True)
class Fault:
    """A change, its meaning, and the claim that must fail."""

    id: str
    says: str
    claim: str
    seed: Edit


def both(*edits: Edit) -> Edit:
    """Combines changes, one after the other."""

    def seed(machine: Machine) -> Machine:
        for edit in edits:
            machine = edit(machine)
        return machine

    return seed


def effect(rule: str, **values: Termlike | None) -> Edit:
    """Makes a rule set variables to other values; None leaves one unchanged."""
    return lambda m: with_effect(m, rule, values)


def meaning(name: str, value: Termlike) -> Edit:
    """Replaces a definition."""
    return lambda m: with_definition(m, name, lambda _: value)


def same(name: str, other: str) -> Edit:
    """Replaces a definition by the meaning of another one, which may be declared later."""
    return lambda m: with_definition(m, name, lambda _: next(Term(d.expr) for d in m.definitions if d.name == other))


def late(change: Callable[..., Machine]) -> Callable[..., Edit]:
    """Returns `change` as one that is told first what it changes, and then the machine."""
    return lambda *given: lambda machine: change(machine, *given)


without, clock = late(without_requirement), late(with_clock)


def changed(rule: str, **parts: Any) -> Edit:
    """Replaces parts of a rule."""
    return lambda m: with_rule(m, rule, lambda r: replace(r, **parts))


def posted(rule: str, *lines: Posting) -> Edit:
    """Adds postings to a rule."""
    return lambda m: with_rule(m, rule, lambda r: replace(r, ledger=(*r.ledger, *lines)))


def unposted(rule: str, kind: Kind) -> Edit:
    """Removes postings from a rule."""
    return lambda m: with_rule(m, rule, lambda r: replace(r, ledger=tuple(p for p in r.ledger if p.kind is not kind)))


def _accepts_transfer(machine: Machine) -> Machine:
    gives = replace(machine.event_named["buy_api"].rules[0], name="gives", effect=(api.becomes(api - amount),), ledger=())
    opened = without_requirement(machine, "transfer", "tokens_cannot_be_transferred")
    return with_event(opened, "transfer", lambda e: replace(e, rules=(gives,)))


def _quotes_one_more(machine: Machine) -> Machine:
    answer = replace(machine.event_named["quote"].rules[0].answer[0], value=(var("listed_price") + 1).expr)
    return with_rule(machine, "quotes", lambda r: replace(r, answer=(answer,)))


# fmt: off
FAULTS: tuple[Fault, ...] = (
    Fault("check_dropped", "the balance is not checked before it is drawn on (new-api#6609)",
          "balances_never_negative", without("api_generate", "api_tokens_must_cover_cost")),
    Fault("plan_of_nothing", "an account that has ended is left with a plan that is none",
          "within_types", effect("ends_as_cancelled", plan=NONE)),
    Fault("price_not_checked", "what is charged for an action is not held to its price",
          "named_action_costs_its_price", without("generate", "cost_must_be_the_listed_price")),
    Fault("remainder_hides_the_medium", "whoever has a remainder goes on unlimited in any medium",
          "more_is_never_worse", meaning("medium_relaxes", True)),
    Fault("bank_without_ceiling", "the bank takes all that is left over (autumn#120)",
          "bank_within_three_months", effect("renews", rollover=rollover + fast)),
    Fault("frozen_bank_uncapped", "a bank comes back whole to a smaller plan",
          "bank_within_three_months", effect("subscribes", rollover=rollover)),
    Fault("daily_piles_up", "what a day leaves is added to the next one (usage_credits#23)",
          "pools_within_allowance", effect("resets_free", daily=daily + daily_allowance)),
    Fault("upgrade_adds_whole_allowance", "an upgrade adds the new allowance instead of the difference (gobii#591)",
          "pools_within_allowance", effect("upgrades", fast=fast + asked_allowance)),
    Fault("relaxed_while_tokens_are_left", "a remainder counts as used up (gflow-cli#721)",
          "relaxed_only_when_empty", meaning("used_up", True)),
    Fault("relaxed_for_third_parties", "models of third parties run unlimited",
          "relaxed_only_when_empty", meaning("relaxed_serves", all_of(used_up, status_relaxes, medium_relaxes))),
    Fault("relaxed_video_on_any_plan", "a plan with unlimited images has unlimited video too",
          "relaxed_only_when_empty", same("medium_relaxes", "plan_relaxes")),
    Fault("leftover_to_topup", "leftover fast tokens are shown as moved to the packs",
          "no_gifting", posted("renews", posting(Kind.MOVED_IN, topup, fast), posting(Kind.EXPIRED, topup, fast))),
    Fault("gifts", "a transfer is accepted",
          "no_gifting", _accepts_transfer),
    Fault("packs_die_at_lapse", "packs are lost when the subscription lapses (claude-code#46174)",
          "topup_by_purchase_and_spending_alone", effect("lapses", topup=0)),
    Fault("packs_reset_at_renewal", "a renewal empties the packs (claude-code#23674)",
          "topup_by_purchase_and_spending_alone", effect("renews", topup=0)),
    Fault("frozen_pools_pay", "tokens that cannot be used are spent all the same (vm0#10299)",
          "topup_by_purchase_and_spending_alone", meaning("open_topup", topup)),
    Fault("fast_survives_the_end", "fast tokens outlive the subscription (SAM#2264)",
          "free_has_no_plan_tokens", effect("ends_as_cancelled", fast=None)),
    Fault("free_bank_pays", "a frozen bank pays for a free account",
          "free_has_no_plan_tokens", meaning("open_rollover", rollover)),
    Fault("ended_still_renews", "the renewal clock of an ended subscription runs on (openmeter#1285)",
          "one_grant_per_due_date", clock("ends_as_cancelled", "renewal", None)),
    Fault("expiry_unposted", "what the day takes is not written down",
          "conservation", unposted("resets_nothing", Kind.EXPIRED)),
    Fault("refund_to_the_wrong_pool", "what the bank paid is given back to the packs (hackerai#678)",
          "conservation", effect("refunds", topup=topup + var("topup_part") + var("rollover_part"))),
    Fault("return_restarts_the_day", "subscribing again restarts the free quota (keygen-api#344)",
          "conservation", effect("subscribes", daily=daily_allowance)),
    Fault("day_granted_twice", "a second reset on one day is accepted (openmeter#4511)",
          "one_grant_per_due_date", without("daily_reset", "daily_reset_must_be_due")),
    Fault("day_stays_due", "a daily reset does not settle what was due",
          "one_grant_per_due_date", effect("resets_nothing", daily_reset_due=None)),
    Fault("invoice_replayed", "a renewal that has run stays due (open-saas#688)",
          "one_grant_per_due_date", effect("renews", renewals_due=None)),
    Fault("any_invoice_renews", "a renewal is run that is not due (llmgateway#2479)",
          "one_grant_per_due_date", without("renew", "renewal_must_be_due")),
    Fault("granted_at_creation", "a new subscription is due at once (openmeter#1408)",
          "one_grant_per_due_date", effect("subscribes", renewals_due=1)),
    Fault("packs_pay_early", "packs pay before the bank",
          "charge_equals_price", both(meaning("topup_pays", minimum(open_topup, cost)), meaning("rollover_pays", 0))),
    Fault("refunded_twice", "one job is refunded again (Wan2.1#541)",
          "charge_equals_price", without("refund", "job_must_not_be_refunded_already")),
    Fault("upgrade_restarts_the_month", "an upgrade moves the renewal date (flexprice#1662, autumn#3164)",
          "plan_changes_keep_the_date", clock("upgrades", "renewal", ClockAct.STARTS)),
    Fault("upgrade_wipes_the_bank", "a plan change loses the bank (autumn#2266)",
          "plan_changes_mint_nothing",
          both(posted("upgrades", posting(Kind.EXPIRED, rollover, rollover)), effect("upgrades", rollover=0))),
    Fault("upgrade_refills", "an upgrade fills the month up, whatever was spent",
          "plan_changes_mint_nothing",
          both(effect("upgrades", fast=asked_allowance),
               changed("upgrades", ledger=(posting(Kind.GRANTED, fast, asked_allowance - fast),)))),
    Fault("upgrade_grants_api", "an upgrade grants API tokens as well",
          "app_and_api_apart", both(posted("upgrades", posting(Kind.GRANTED, api, 1)), effect("upgrades", api=api + 1))),
    Fault("daily_job_settles_the_month", "the daily job takes a due renewal for done",
          "resets_commute", effect("resets_nothing", scheduled_plan=NONE)),
    Fault("two_rules_at_once", "a subscriber's daily reset has two outcomes",
          "exactly_one_outcome", changed("resets_nothing", when=TRUE)),
    Fault("no_rule_for_past_due", "nothing says what a renewal does to an unpaid subscription",
          "exactly_one_outcome", changed("renews", source=(ACTIVE,))),
    Fault("free_day_never_comes", "the counter of a free account is never reset (next-ai-draw-io#390)",
          "never_stuck", both(effect("resets_free", daily=daily), changed("resets_free", ledger=()))),
    Fault("latest_renewal_only", "of several missed renewals only the latest counts (as Zuora documents)",
          "late_equals_on_time", effect("renews", renewals_due=0)),
    Fault("bank_filled_from_the_wrong_plan", "the ceiling of the plan before the downgrade is used",
          "bank_within_three_months", effect("renews", rollover=minimum(ceiling, rollover + fast))),
    Fault("generating_settles_the_day", "a generation takes a due daily reset for done",
          "one_allowance_for_each_mark", effect("generates_for_tokens", daily_reset_due=False)),
    Fault("supplement_to_the_rich", "a subscriber with tokens left has the day filled up",
          "conservation", effect("resets_nothing", daily=ite(eq(rollover, 0), daily_allowance, 0))),
    Fault("return_fills_the_bank", "a new subscription begins with a full bank",
          "coming_back_mints_nothing", effect("subscribes", rollover=asked_ceiling)),
    Fault("return_loses_the_packs", "packs of before are gone in a new subscription",
          "coming_back_mints_nothing", effect("subscribes", topup=0)),
    Fault("quote_off_by_one", "the price shown is not the price listed",
          "charge_equals_price", _quotes_one_more),
    Fault("video_refused_everywhere", "unlimited video is offered where images are",
          "relaxed_only_when_empty", lambda m: with_definition(m, "medium_relaxes", negation)),
)
# fmt: on
