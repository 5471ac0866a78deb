"""The account's life, declared: opening it, taking out a plan, changing it, paying for it, giving it up.

Read it event by event, like a FAQ that is exact. An `event` has fields, then what it `requires` (the code of the refusal
first, in the order in which they are checked), then its rules: `rule(name, from, to, why, clauses, effects ...)`.
`STAYS` leaves the state unchanged, `by_policy` is the value under each choice of an open question, and a flow such as
`carries` states balance and ledger in one. The names are explained in words.py.
"""

from __future__ import annotations

# fmt: off
from tokenspec.machine.lang.build import all_of, any_of, eq, event, maximum, minimum, ne, one_of, requires, rule, STAYS
from tokenspec.machine.lang.declaration import Actor, Event, Field, Key, Rule, Shape
from tokenspec.machine.lang.phrases import carries, countable, granted, grants, includes, keeps, loses, settles, starts, stops
from tokenspec.machine.lang.types import Enum
from tokenspec.spec.catalogue import FREE_PLAN
from tokenspec.spec.words import (
    ABSENT, ACTIVE, allowance, api, asked_allowance, asked_api, asked_ceiling, by_policy, CANCELLING, chosen, daily,
    daily_allowance, fast, FREE, next_allowance, next_api, next_ceiling, next_plan, NONE, PAST_DUE, plan, plan_asked,
    renewals_due, rollover, scheduled_plan, status, SUBSCRIBED, UNLISTED,
)


EXISTS = requires("account_must_exist", ne(status, ABSENT), "nothing happens to an account that was never opened")
TO_BE_ACTIVE = requires("subscription_must_be_active", eq(status, ACTIVE), "only a plan in good standing changes", "F25")
NO_RENEWAL_DUE = requires("renewal_must_not_be_due", eq(renewals_due, 0), "a month that is over is settled first", "F11")
PLAN_LISTED = requires("plan_must_exist", ne(plan_asked, UNLISTED), "the catalogue lists the plans")
PLAN_PAID = requires("plan_must_be_paid", ne(plan_asked, FREE_PLAN), "the free plan is not subscribed to", "F05")
TO_BE_SUBSCRIBED = requires("subscription_must_exist", one_of(status, *SUBSCRIBED), "only a subscription renews", "F22")
RENEWAL_DUE = requires("renewal_must_be_due", renewals_due >= 1, "a month is granted once, not before its day", "A13 F22")


def opening() -> Event:
    """An account begins free, with the tokens of a day."""
    return event("open_account", "Somebody opens an account.", "F03",
                 Key("daily_reset_time", "the UTC time of day of the account's daily reset", Shape.TIME_OF_DAY, optional=True),
                 requires("account_must_be_new", eq(status, ABSENT), "an account is opened once", "A15"),
                 rule("opens", ABSENT, FREE, "a new account may spend a day's allowance at once", "F03 A12",
                      grants(daily, daily_allowance), starts("daily")))


def subscription(plans: Enum) -> tuple[Event, ...]:
    """Taking out a plan, changing it, giving it up."""
    asked = Field("plan_asked", plans, "the plan wanted", wire="plan")
    upgraded = by_policy("upgrade_grant", difference=fast + asked_allowance - allowance, full=asked_allowance,
                         next_renewal=fast)
    cut_bank = by_policy("downgrade_bank", keep=rollover, truncate=minimum(rollover, asked_ceiling))
    return (
        event("subscribe", "A free account takes out a paid plan.", "F05 A04", asked,
              requires("account_must_be_free", eq(status, FREE), "an account has one subscription", "F05"),
              PLAN_LISTED, PLAN_PAID,
              rule("subscribes", FREE, ACTIVE, "the first month is granted at once, the anniversary counts from now, and "
                   "what a frozen bank holds comes back", "F05 A17 F22",
                   plan.becomes(plan_asked), grants(fast, asked_allowance), keeps(rollover, minimum(rollover, asked_ceiling)),
                   includes(api, asked_api), starts("renewal"))),
        event("upgrade", "A subscriber moves to a higher plan at once; the billing date stays.", "F25 F26",
              asked, TO_BE_ACTIVE, NO_RENEWAL_DUE, PLAN_LISTED,
              requires("plan_must_be_higher", plan < plan_asked, "an upgrade leads to a higher plan", "F25"),
              rule("upgrades", ACTIVE, ACTIVE, "the plan changes now, fast tokens by policy, and a scheduled downgrade is "
                   "dropped", "F25 A09",
                   plan.becomes(plan_asked), scheduled_plan.becomes(NONE),
                   fast.becomes(upgraded), granted(fast, upgraded - fast))),
        event("downgrade", "A subscriber asks for a lower plan.", "",
              asked, TO_BE_ACTIVE, NO_RENEWAL_DUE, PLAN_LISTED, PLAN_PAID,
              requires("plan_must_be_lower", plan_asked < plan, "a downgrade leads to a lower plan"),
              rule("schedules_downgrade", ACTIVE, ACTIVE, "what is paid for is kept until the month ends", "F05",
                   scheduled_plan.becomes(plan_asked), when=chosen("downgrade_timing", "at_renewal")),
              rule("downgrades", ACTIVE, ACTIVE, "the plan changes now, and what the lower one has no place for is lost", "A09",
                   plan.becomes(plan_asked), keeps(fast, maximum(0, fast - (allowance - asked_allowance))),
                   keeps(rollover, cut_bank), when=chosen("downgrade_timing", "at_once"))),
        event("cancel", "A subscriber gives the subscription up.", "",
              requires("subscription_must_be_active_or_past_due", one_of(status, ACTIVE, PAST_DUE),
                       "there must be something to give up"),
              rule("schedules_end", ACTIVE, CANCELLING, "the month that is paid for goes on, and a scheduled downgrade has no "
                   "more use", "F05", scheduled_plan.becomes(NONE)),
              ends("gives_up_unpaid", PAST_DUE, "nothing is paid for, so it ends at once")),
        event("resume", "A subscriber takes back a cancellation or a scheduled downgrade.", "",
              requires("change_must_be_scheduled",
                       any_of(eq(status, CANCELLING), all_of(eq(status, ACTIVE), ne(scheduled_plan, NONE))),
                       "there must be something to take back"), NO_RENEWAL_DUE,
              rule("resumes", (ACTIVE, CANCELLING), ACTIVE, "the subscription goes on as if nothing had been scheduled", "F26",
                   scheduled_plan.becomes(NONE))),
    )


def billing() -> tuple[Event, ...]:
    """The month: falling due, being paid, failing, being given up."""
    # The bank takes leftover fast tokens up to its ceiling. One that a downgrade left above it may be kept, not filled.
    kept = by_policy("downgrade_bank", keep=rollover, truncate=0)
    bank_after = maximum(kept, minimum(next_ceiling, rollover + fast))
    still_due = by_policy("missed_renewals", once=0, each=renewals_due - 1)
    return (
        event("renewal_falls_due", "An anniversary of subscribing comes.", "F22 A04", Actor.CLOCK, TO_BE_SUBSCRIBED,
              rule("renewal_waits", SUBSCRIBED, STAYS, "the old balances stand until the billing job has run", "A03 F11",
                   renewals_due.becomes(countable(renewals_due + 1)))),
        event("renew", "The billing job runs for an anniversary.", "F05 F06 F11", Actor.JOB, TO_BE_SUBSCRIBED, RENEWAL_DUE,
              rule("renews", (ACTIVE, PAST_DUE), ACTIVE, "leftover fast tokens go to the bank as far as it has room, and the "
                   "month's allowance is granted", "F05 F06 F11 A17",
                   plan.becomes(next_plan), scheduled_plan.becomes(NONE), carries(fast, rollover, bank_after),
                   grants(fast, next_allowance), includes(api, next_api), renewals_due.becomes(still_due), settles("renewal")),
              ends("ends_as_cancelled", CANCELLING, "a cancelled subscription is not renewed"), repeats=True),
        event("payment_failed", "The payment for a renewal does not arrive.", "", Actor.JOB, TO_BE_ACTIVE, RENEWAL_DUE,
              rule("falls_behind", ACTIVE, PAST_DUE, "balances stand, and the renewal stays due", "F24")),
        event("lapse", "The billing job gives up on an unpaid subscription.", "", Actor.JOB,
              requires("subscription_must_be_past_due", eq(status, PAST_DUE), "only an unpaid subscription lapses", "F24"),
              ends("lapses", PAST_DUE, "unpaid, the subscription ends")),
    )


def ends(name: str, source: str, why: str) -> Rule:
    """Back to free: fast tokens are lost, the bank too unless it is frozen, packs are kept but cannot be spent."""
    bank_left = by_policy("lapse_bank", frozen=rollover, destroyed=0)
    return rule(name, source, FREE, why, "F24", plan.becomes(FREE_PLAN), scheduled_plan.becomes(NONE),
                loses(fast), keeps(rollover, bank_left), renewals_due.becomes(0), stops("renewal"))
