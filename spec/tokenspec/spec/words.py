"""The words the declaration is written in: states, variables, figures, and the expressions that have a name.

The figures are parameters: one for each plan or pack of a catalogue, whatever these are called.
"""

from __future__ import annotations

from tokenspec.machine.lang.build import Term, all_of, any_of, eq, ite, maximum, minimum, negation, one_of, total, var
from tokenspec.machine.lang.catalogue import NONE as NONE
from tokenspec.machine.lang.catalogue import UNLISTED as UNLISTED
from tokenspec.machine.lang.phrases import Definitions, Figure, choosing, countable
from tokenspec.machine.lang.types import COUNTABLE_MAX, Bool, Enum, Tokens
from tokenspec.spec.catalogue import MEDIA
from tokenspec.spec.policies import POLICIES

HOUR_MS = 3_600_000
"""Milliseconds in an hour."""

# fmt: off
by_policy, chosen = choosing(POLICIES)
DEFINED = Definitions()
define = DEFINED.define

ABSENT, FREE, ACTIVE, CANCELLING, PAST_DUE = "absent", "free", "active", "cancelling", "past_due"
OPENED = (FREE, ACTIVE, CANCELLING, PAST_DUE)
SUBSCRIBED = (ACTIVE, CANCELLING, PAST_DUE)
STATUS = Enum("Status", (ABSENT, *OPENED))

_IN_THE_APP = {
    "daily": "tokens of the day", "fast": "monthly tokens of the plan",
    "rollover": "the bank: unused fast tokens of earlier months", "topup": "tokens from packs",
}
HOLDS = {**_IN_THE_APP, "api": "tokens for the API, apart from the app"}
APP_POOLS, POOLS = tuple(_IN_THE_APP), tuple(HOLDS)

AMOUNT = Tokens(-COUNTABLE_MAX, COUNTABLE_MAX)
"""The range of a number of tokens in a record; a number out of place is refused, not misread."""

# The variables of an account, and the fields of an event.
status, plan, scheduled_plan = var("status"), var("plan"), var("scheduled_plan")
daily, fast, rollover, topup, api = (var(pool) for pool in POOLS)
renewals_due, daily_reset_due = var("renewals_due"), var("daily_reset_due")
cost, media, origin, quantity, amount = var("cost"), var("media"), var("origin"), var("quantity"), var("amount")
plan_asked, pack_asked = var("plan_asked"), var("pack_asked")
own_model = eq(origin, "first_party")

# The catalogue's figures.
daily_allowance, bank_months = var("daily_allowance"), var("bank_months")
allowance_of = Figure("allowance[{}]", Tokens(), "fast tokens a month on {}")
api_of = Figure("api[{}]", Tokens(), "API tokens a month on {}")
relaxes = {medium: Figure(f"relaxed[{{}},{medium}]", Bool(), f"whether {{}} has unlimited generation of {medium}", False)
           for medium in MEDIA}
size_of = Figure("pack[{}]", Tokens(), "tokens in a {} pack")
BY_PLAN = (allowance_of, api_of, *relaxes.values())


def _comes_with(included: Term) -> Term:
    return by_policy("api_renewal", adds=included, refills=maximum(0, included - api))


# The present plan, the one after the next renewal, and the one asked for.
allowance = define("allowance", allowance_of[plan], "fast tokens a month of the present plan")
ceiling = define("ceiling", countable(bank_months * allowance), "the most its bank holds")
next_plan = define("next_plan", ite(eq(scheduled_plan, NONE), plan, scheduled_plan), "the plan after the next renewal")
next_allowance = define("next_allowance", allowance_of[next_plan], "allowance after the next renewal")
next_ceiling = define("next_ceiling", countable(bank_months * next_allowance), "ceiling after the next renewal")
next_api = define("next_api", _comes_with(api_of[next_plan]), "API tokens that the next renewal brings")
asked_allowance = define("asked_allowance", allowance_of[plan_asked], "allowance of the plan asked for")
asked_ceiling = define("asked_ceiling", countable(bank_months * asked_allowance), "ceiling of the plan asked for")
asked_api = define("asked_api", _comes_with(api_of[plan_asked]), "API tokens that the plan asked for brings")

# Spendable tokens: a free account's daily tokens; all pools of a plan in force.
in_force = define("in_force", any_of(one_of(status, ACTIVE, CANCELLING),
                                     all_of(eq(status, PAST_DUE), chosen("past_due_spending", "as_active"))),
                  "the subscription counts as active")
_pools_open = any_of(in_force, all_of(eq(status, PAST_DUE), chosen("past_due_spending", "allowed")))
open_fast, open_rollover, open_topup = (
    define(f"open_{pool}", ite(_pools_open, var(pool), 0), f"{pool} tokens that the status lets be spent")
    for pool in ("fast", "rollover", "topup"))
subscriber_pools = define("subscriber_pools", total(open_fast, open_rollover, open_topup), "what can be spent, daily apart")
spendable = define("spendable", daily + subscriber_pools, "what can be spent in all")

# A pool pays what the pools before it in the burn order leave of the cost, as far as it reaches.
_daily_first = by_policy("daily_position", first=daily, last=0)
_before = {
    "daily": (daily, by_policy("daily_position", first=0, last=subscriber_pools)),
    "fast": (open_fast, _daily_first + by_policy("burn_order", fast_rollover_topup=0, rollover_fast_topup=open_rollover)),
    "rollover": (open_rollover, _daily_first + by_policy("burn_order", fast_rollover_topup=open_fast, rollover_fast_topup=0)),
    "topup": (open_topup, _daily_first + open_fast + open_rollover),
}
pays = {pool: define(f"{pool}_pays", minimum(holds, maximum(0, cost - earlier)), f"what {pool} pays of the cost")
        for pool, (holds, earlier) in _before.items()}
tokens_serve = define("tokens_serve", cost <= spendable, "tokens cover the cost")

# Unlimited generation: out of tokens, on a plan in force that has it for this medium, with a model of the house.
used_up = define("used_up", any_of(eq(spendable, 0), negation(chosen("stranded_remainder", "refuse"))),
                 "no token is left to spend, or what is left does not count")
status_relaxes = define("status_relaxes", in_force, "the subscription counts as active")
medium_relaxes = define("medium_relaxes", ite(eq(media, "image"), relaxes["image"][plan], relaxes["video"][plan]),
                        "the plan has unlimited generation for this medium")
plan_relaxes = define("plan_relaxes", any_of(*(relaxes[medium][plan] for medium in MEDIA)), "the plan has unlimited generation")
RELAXED = (used_up, status_relaxes, medium_relaxes, own_model)
relaxed_serves = define("relaxed_serves", all_of(*RELAXED), "generation goes on without tokens")
drained = {pool: by_policy("stranded_remainder", refuse=0, relax=0, drain=holds) for pool, (holds, _) in _before.items()}

pack_size = define("pack_size", size_of[pack_asked], "tokens in one pack")
qualifies = define("qualifies_for_daily",
                   by_policy("paid_daily_guard", bank_and_topup_empty=all_of(eq(rollover, 0), eq(topup, 0)),
                             out_of_tokens=eq(subscriber_pools, 0), always=True),
                   "a subscriber is topped up to the daily allowance")
# fmt: on
