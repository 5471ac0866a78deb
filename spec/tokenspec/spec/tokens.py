"""The account's tokens, declared: the day's allowance, buying, generating, getting back.

It reads like lifecycle.py: `requires(code, condition, because, clauses)`, `rule(name, from, to, why, clauses, ...)`.
"""

from __future__ import annotations

# fmt: off
from tokenspec.machine.lang.build import (
    all_of, any_of, ite, maximum, minimum, ne, negation, one_of, requires, rule, STAYS, Term, Termlike, var,
)
from tokenspec.machine.lang.declaration import Actor, ClockAct, Event, Field, Key, Origin, Requirement, Rule
from tokenspec.machine.lang.phrases import buys, countable, expired, gives_back, granted, Missing, spends, unless
from tokenspec.machine.lang.types import Bool, COUNTABLE_MAX, Enum, Tokens
from tokenspec.spec.catalogue import MEDIA
from tokenspec.spec.lifecycle import event
from tokenspec.spec.words import (
    ACTIVE, allowance, AMOUNT, amount, api, APP_POOLS, by_policy, CANCELLING, ceiling, chosen, cost, daily,
    daily_allowance, daily_reset_due, fast, FREE, medium_relaxes, OPENED, own_model, pack_asked, pack_size, pays,
    plan_relaxes, qualifies, quantity, RELAXED, relaxed_serves, rollover, status, SUBSCRIBED, tokens_serve, topup,
    UNLISTED, used_up,
)


COST_COUNTS = requires("cost_must_be_at_least_one", cost >= 1, "every action has a price", "F01")
JOB_NEW = requires("job_must_be_new", var("job_is_new"), "one job is charged once", "F02")
COST = Field("cost", AMOUNT, "the price shown before the action")
JOB = Key("job", "the generation's own id")
JOB_IS_NEW = Field("job_is_new", Bool(), "no accepted generation of the account has this job id", Origin.FACT)


def starts_full(name: str, source: str | tuple[str, ...], why: str, clauses: str, when: Termlike = True) -> Rule:
    """The day begins with the allowance; what was left of the last one is lost."""
    return rule(name, source, STAYS, why, clauses, when=when,
                effect=[daily.becomes(daily_allowance), daily_reset_due.becomes(False)],
                ledger=[expired(daily, daily), granted(daily, daily_allowance)],
                clocks={"daily": ClockAct.SETTLES})


def day() -> tuple[Event, ...]:
    """The day: falling due and being reset."""
    left = by_policy("paid_daily_leftover", kept=daily, expires=0)
    return (
        event("daily_reset_falls_due", "The account's reset time comes.", "F21 A02", actor=Actor.CLOCK, rules=[
            rule("daily_reset_waits", OPENED, STAYS, "the old balances stand until the batch job has run", "A03",
                 effect=[daily_reset_due.becomes(True)]),
        ]),
        event("daily_reset", "The daily batch job reaches the account.", "F10 F21 A03", actor=Actor.JOB, needs=[
            requires("daily_reset_must_be_due", daily_reset_due, "a day is granted once, not before its time", "A18 F14"),
        ], rules=[
            starts_full("resets_free", FREE, "a free account starts the day with its allowance", "F03 F10"),
            starts_full("resets_empty_subscriber", SUBSCRIBED, "a subscriber who has run dry is topped up to the daily "
                        "allowance", "F15 A01", when=qualifies),
            rule("resets_nothing", SUBSCRIBED, STAYS, "a subscriber who still has tokens gets no daily ones", "F15 F10",
                 when=negation(qualifies),
                 effect=[daily.becomes(left), daily_reset_due.becomes(False)],
                 ledger=[expired(daily, daily - left)],
                 clocks={"daily": ClockAct.SETTLES}),
        ]),
    )


def buying(packs: Enum) -> tuple[Event, ...]:
    """Tokens for money, and what they are not for."""
    how_many = Field("amount", AMOUNT, "how many tokens")
    bought = pack_size * quantity

    def stays_countable(after: Term) -> Requirement:
        return requires("balance_must_stay_countable", after <= COUNTABLE_MAX, "a pool holds at most 2^53 - 1 tokens")

    return (
        event("buy_topup", "A subscriber buys packs.", "F08 F12 F16 A16", fields=[
            Field("pack_asked", packs, "the pack wanted", wire="pack"),
            Field("quantity", AMOUNT, "how many of them"),
        ], needs=[
            requires("subscription_must_be_active_or_cancelling", one_of(status, ACTIVE, CANCELLING),
                     "packs are for subscribers", "F12"),
            requires("pack_must_exist", ne(pack_asked, UNLISTED), "the catalogue lists the packs", "F12"),
            requires("quantity_must_be_at_least_one", quantity >= 1, "packs are sold whole", "F12"),
            stays_countable(topup + bought),
        ], rules=[
            rule("buys_packs", (ACTIVE, CANCELLING), STAYS, "packs of any size may be bought in any number", "F08 F16",
                 flows=buys(topup, bought)),
        ]),
        event("buy_api", "Somebody buys API tokens.", "A11", fields=[how_many], needs=[
            requires("amount_must_be_at_least_one", amount >= 1, "there is no purchase of nothing"),
            stays_countable(api + amount),
        ], rules=[
            rule("buys_api", OPENED, STAYS, "API tokens are sold to any account, with or without a plan", "A11",
                 flows=buys(api, amount)),
        ]),
        event("transfer", "Somebody tries to give tokens to another account.", "F13", fields=[how_many],
              keys=[Key("to", "the other account")], needs=[
            requires("tokens_cannot_be_transferred", False, "tokens stay where they were granted or bought", "F13"),
        ]),
    )


def spending() -> tuple[Event, ...]:
    """Generating, and what it costs."""
    serves = any_of(tokens_serve, relaxed_serves)
    return (
        event("generate", "Something is generated in the app.", "F01 F02 F09", keys=[JOB], fields=[
            COST,
            Field("media", Enum("Media", MEDIA), "what is generated"),
            Field("origin", Enum("Origin", ("first_party", "third_party")), "whose model generates it"),
            JOB_IS_NEW,
        ], needs=[
            COST_COUNTS,
            JOB_NEW,
            *unless(serves, RELAXED,
                    Missing(used_up, "tokens_must_be_used_up_before_relaxed",
                            "unlimited generation waits until no token is left", "F09 F19"),
                    Missing(medium_relaxes, "medium_must_be_relaxed_on_plan",
                            "the plan's unlimited generation leaves this medium out", "F17", given=plan_relaxes),
                    Missing(own_model, "third_party_model_must_be_paid_with_tokens",
                            "models of third parties are never unlimited", "F20")),
            requires("tokens_must_cover_cost", serves, "there are not enough tokens", "F14 F16"),
        ], rules=[
            rule("generates_for_tokens", OPENED, STAYS, "the pools pay in burn order, each only when those before it are "
                 "empty", "F02 F07 F08", when=tokens_serve,
                 answer={"mode": "tokens"}, flows=spends(pays)),
            rule("generates_relaxed", (ACTIVE, CANCELLING), STAYS, "out of tokens, a plan with unlimited generation goes on, "
                 "slower and free of charge", "F09 F17 F18 F19", when=all_of(negation(tokens_serve), relaxed_serves),
                 answer={"mode": "relaxed"}),
        ]),
        refund(),
        event("api_generate", "Something is generated through the API.", "A11", keys=[JOB], fields=[COST, JOB_IS_NEW], needs=[
            COST_COUNTS,
            JOB_NEW,
            requires("api_tokens_must_cover_cost", cost <= api, "the API has a pool of its own", "A11"),
        ], rules=[
            rule("generates_by_api", OPENED, STAYS, "the API pool alone pays", "A11",
                 flows=spends({"api": cost})),
        ]),
        event("enable_relaxed", "Somebody tries to turn unlimited generation on.", "F19", needs=[
            requires("relaxed_cannot_be_switched_on", False, "it starts by itself and in no other way", "F19"),
        ]),
        event("quote", "Somebody looks at what an action costs.", "F01 F02", keys=[
            Key("action", "its key in the price list"),
        ], fields=[
            Field("price_is_listed", Bool(), "the price list knows the action", Origin.FACT),
            Field("listed_price", Tokens(), "its price", Origin.FACT),
        ], needs=[
            requires("price_must_be_listed", var("price_is_listed"), "only a listed action has a price", "F01"),
        ], rules=[
            rule("quotes", OPENED, STAYS, "the price is known beforehand", "F02", answer={"cost": var("listed_price")}),
        ]),
    )


def refund() -> Event:
    """Each part returns to its pool while the period it was spent in lasts, never above the pool's maximum."""
    part = {pool: var(f"{pool}_part") for pool in APP_POOLS}

    def fits(pool: Term, returning: Term, most: Termlike, lasts: str) -> Term:
        """The pool after its part came back, while the period it was spent in lasts, filled up to `most` and no further."""
        return ite(var(lasts), maximum(pool, minimum(most, pool + returning)), pool)

    after = {
        "daily": fits(daily, part["daily"], daily_allowance, "day_lasts"),
        "fast": fits(fast, part["fast"], allowance, "month_lasts"),
        "rollover": fits(rollover, part["rollover"], ceiling, "subscription_lasts"),
        "topup": countable(topup + part["topup"]),
    }
    facts = {
        "job_was_charged": "the job is an app generation that cost tokens",
        "job_is_refunded": "it has been refunded before",
        "day_lasts": "no daily reset has run since",
        "month_lasts": "no renewal has run since, and the subscription has not ended",
        "subscription_lasts": "the subscription has not ended since",
    }
    return event("refund", "A charged generation is given back.", "F02", keys=[JOB], fields=[
        *(Field(name, Bool(), says, Origin.FACT) for name, says in facts.items()),
        *(Field(f"{pool}_part", Tokens(), f"what the job drew from {pool}", Origin.FACT) for pool in APP_POOLS),
    ], needs=[
        requires("refunds_must_be_offered", chosen("refund", "to_source"), "refunds are a matter of policy"),
        requires("job_must_have_been_charged", var("job_was_charged"), "only what was taken is given back", "F02"),
        requires("job_must_not_be_refunded_already", negation(var("job_is_refunded")), "a job is given back once", "F02"),
    ], rules=[
        rule("refunds", OPENED, STAYS, "each part returns to the pool it came from, unless that pool's period is over or the "
             "pool is full", "F02 F24",
             flows=gives_back(part, after)),
    ])
