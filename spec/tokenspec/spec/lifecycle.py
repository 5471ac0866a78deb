"""The account's life, declared: opening it, taking out a plan, changing it, paying for it, giving it up.

Read it event by event, like a FAQ that is exact. `requires(code, condition, because, clauses)` refuses with `code`
where the condition fails, in the order written; `rule(name, from, to, why, clauses, ...)` says what changes and
which tokens come and go; `STAYS` as the state after leaves it as it was, and `flows` says balance and ledger in
one. `by_policy(name, ...)` gives the value under each choice of an open question. The names are explained in words.py.
"""

from __future__ import annotations

from collections.abc import Iterable

# fmt: off
from tokenspec.machine.lang.build import (
    all_of, any_of, cites, eq, maximum, minimum, ne, one_of, posting, requires, rule, STAYS,
)
from tokenspec.machine.lang.declaration import Actor, ClockAct, Event, Field, Key, Kind, Requirement, Rule, Shape
from tokenspec.machine.lang.phrases import expired, granted, includes
from tokenspec.machine.lang.types import Enum
from tokenspec.spec.catalogue import FREE_PLAN
from tokenspec.spec.words import (
    ABSENT, ACTIVE, allowance, api, asked_allowance, asked_api, asked_ceiling, by_policy, CANCELLING, daily,
    daily_allowance, fast, FREE, next_allowance, next_api, next_ceiling, next_plan, NONE, PAST_DUE, plan, plan_asked,
    renewals_due, rollover, scheduled_plan, status, SUBSCRIBED, UNLISTED,
)


EXISTS = requires("account_must_exist", ne(status, ABSENT), "nothing happens to an account that was never opened")
TO_BE_ACTIVE = requires("subscription_must_be_active", eq(status, ACTIVE), "only a plan in good standing changes", "F25")
NO_RENEWAL_DUE = requires("renewal_must_not_be_due", eq(renewals_due, 0), "a month that is over is settled first", "F11")
PLAN_LISTED = requires("plan_must_exist", ne(plan_asked, UNLISTED), "the catalogue lists the plans")
PLAN_PAID = requires("plan_must_be_paid", ne(plan_asked, FREE_PLAN), "the free plan is not subscribed to", "F05")


def event(name: str, says: str, clauses: str = "", *, fields: Iterable[Field] = (), keys: Iterable[Key] = (),
          needs: Iterable[Requirement] = (), rules: Iterable[Rule] = (), actor: Actor = Actor.USER,
          repeats: bool = False) -> Event:
    """An event of an account that exists already."""
    return Event(name, actor, says, tuple(fields), (EXISTS, *needs), tuple(rules), cites(clauses), tuple(keys), repeats)


def ends(name: str, source: str, why: str) -> Rule:
    """Back to free: fast tokens are lost, the bank too unless it is frozen, packs are kept but cannot be spent."""
    bank_left = by_policy("lapse_bank", frozen=rollover, destroyed=0)
    return rule(name, source, FREE, why, "F24",
                effect=[plan.becomes(FREE_PLAN), scheduled_plan.becomes(NONE), fast.becomes(0),
                        rollover.becomes(bank_left), renewals_due.becomes(0)],
                ledger=[expired(fast, fast), expired(rollover, rollover - bank_left)],
                clocks={"renewal": ClockAct.STOPS})


def opening() -> Event:
    """An account begins free, with the tokens of a day."""
    is_new = requires("account_must_be_new", eq(status, ABSENT), "an account is opened once", "A15")
    reset_time = Key("daily_reset_time", "the UTC time of day of the account's daily reset", Shape.TIME_OF_DAY, True)
    return Event("open_account", Actor.USER, "Somebody opens an account.", (), (is_new,), (
        rule("opens", ABSENT, FREE, "a new account may spend a day's allowance at once", "F03 A12",
             effect=[daily.becomes(daily_allowance)],
             ledger=[granted(daily, daily_allowance)],
             clocks={"daily": ClockAct.STARTS}),
    ), cites("F03"), (reset_time,))


def subscription(plans: Enum) -> tuple[Event, ...]:
    """Taking out a plan, changing it, giving it up."""
    asked = Field("plan_asked", plans, "the plan wanted", wire="plan")
    bank_back = minimum(rollover, asked_ceiling)
    upgraded = by_policy("upgrade_grant", difference=fast + asked_allowance - allowance, full=asked_allowance,
                         next_renewal=fast)
    return (
        event("subscribe", "A free account takes out a paid plan.", "F05 A04", fields=[asked], needs=[
            requires("account_must_be_free", eq(status, FREE), "an account has one subscription", "F05"),
            PLAN_LISTED,
            PLAN_PAID,
        ], rules=[
            rule("subscribes", FREE, ACTIVE, "the first month is granted at once, the anniversary counts from now, and "
                 "what a frozen bank holds comes back", "F05 A17 F22",
                 effect=[plan.becomes(plan_asked), fast.becomes(asked_allowance), rollover.becomes(bank_back)],
                 ledger=[granted(fast, asked_allowance), expired(rollover, rollover - bank_back)],
                 flows=includes(api, asked_api),
                 clocks={"renewal": ClockAct.STARTS}),
        ]),
        event("upgrade", "A subscriber moves to a higher plan at once; the billing date stays.", "F25 F26",
              fields=[asked], needs=[
            TO_BE_ACTIVE,
            NO_RENEWAL_DUE,
            PLAN_LISTED,
            requires("plan_must_be_higher", plan < plan_asked, "an upgrade leads to a higher plan", "F25"),
        ], rules=[
            rule("upgrades", ACTIVE, ACTIVE, "the plan changes now, fast tokens by policy, and a scheduled downgrade is "
                 "dropped", "F25 A09",
                 effect=[plan.becomes(plan_asked), scheduled_plan.becomes(NONE), fast.becomes(upgraded)],
                 ledger=[granted(fast, upgraded - fast)]),
        ]),
        event("downgrade", "A subscriber asks for a lower plan, from the next renewal on.", fields=[asked], needs=[
            TO_BE_ACTIVE,
            NO_RENEWAL_DUE,
            PLAN_LISTED,
            PLAN_PAID,
            requires("plan_must_be_lower", plan_asked < plan, "a downgrade leads to a lower plan"),
        ], rules=[
            rule("schedules_downgrade", ACTIVE, ACTIVE, "what is paid for is kept until the month ends", "F05",
                 effect=[scheduled_plan.becomes(plan_asked)]),
        ]),
        event("cancel", "A subscriber gives the subscription up.", needs=[
            requires("subscription_must_be_active_or_past_due", one_of(status, ACTIVE, PAST_DUE),
                     "there must be something to give up"),
        ], rules=[
            rule("schedules_end", ACTIVE, CANCELLING, "the month that is paid for goes on, and a scheduled downgrade has no "
                 "more use", "F05",
                 effect=[scheduled_plan.becomes(NONE)]),
            ends("gives_up_unpaid", PAST_DUE, "nothing is paid for, so it ends at once"),
        ]),
        event("resume", "A subscriber takes back a cancellation or a scheduled downgrade.", needs=[
            requires("change_must_be_scheduled",
                     any_of(eq(status, CANCELLING), all_of(eq(status, ACTIVE), ne(scheduled_plan, NONE))),
                     "there must be something to take back"),
            NO_RENEWAL_DUE,
        ], rules=[
            rule("resumes", (ACTIVE, CANCELLING), ACTIVE, "the subscription goes on as if nothing had been scheduled", "F26",
                 effect=[scheduled_plan.becomes(NONE)]),
        ]),
    )


def billing() -> tuple[Event, ...]:
    """The month: falling due, being paid, failing, being given up."""
    # The bank takes leftover fast tokens up to its ceiling. One that a downgrade left above it may be kept, not filled.
    kept = by_policy("downgrade_bank", keep=rollover, truncate=0)
    bank_after = maximum(kept, minimum(next_ceiling, rollover + fast))
    moved = maximum(0, bank_after - rollover)
    still_due = by_policy("missed_renewals", once=0, each=renewals_due - 1)
    api_of_plan = includes(api, next_api)
    subscribed = requires("subscription_must_exist", one_of(status, *SUBSCRIBED), "only a subscription renews", "F22")
    is_due = requires("renewal_must_be_due", renewals_due >= 1, "a month is granted once, not before its day", "A13 F22")
    return (
        event("renewal_falls_due", "An anniversary of subscribing comes.", "F22 A04", actor=Actor.CLOCK, needs=[
            subscribed,
        ], rules=[
            rule("renewal_waits", SUBSCRIBED, STAYS, "the old balances stand until the billing job has run", "A03 F11",
                 effect=[renewals_due.becomes(renewals_due + 1)]),
        ]),
        event("renew", "The billing job runs for an anniversary.", "F05 F06 F11", actor=Actor.JOB, repeats=True, needs=[
            subscribed,
            is_due,
        ], rules=[
            rule("renews", (ACTIVE, PAST_DUE), ACTIVE, "leftover fast tokens go to the bank as far as it has room, and the "
                 "month's allowance is granted", "F05 F06 F11 A17",
                 effect=[plan.becomes(next_plan), scheduled_plan.becomes(NONE), rollover.becomes(bank_after),
                         fast.becomes(next_allowance), *api_of_plan.effect, renewals_due.becomes(still_due)],
                 ledger=[posting(Kind.MOVED_OUT, fast, moved), posting(Kind.MOVED_IN, rollover, moved),
                         expired(fast, fast - moved), expired(rollover, maximum(0, rollover - bank_after)),
                         granted(fast, next_allowance), *api_of_plan.ledger],
                 clocks={"renewal": ClockAct.SETTLES}),
            ends("ends_as_cancelled", CANCELLING, "a cancelled subscription is not renewed"),
        ]),
        event("payment_failed", "The payment for a renewal does not arrive.", actor=Actor.JOB, needs=[
            TO_BE_ACTIVE,
            is_due,
        ], rules=[
            rule("falls_behind", ACTIVE, PAST_DUE, "balances stand, and the renewal stays due", "F24"),
        ]),
        event("lapse", "The billing job gives up on an unpaid subscription.", actor=Actor.JOB, needs=[
            requires("subscription_must_be_past_due", eq(status, PAST_DUE), "only an unpaid subscription lapses", "F24"),
        ], rules=[
            ends("lapses", PAST_DUE, "unpaid, the subscription ends"),
        ]),
    )
