"""The account's tokens, declared: the day's allowance, buying, generating, getting back. It reads like lifecycle.py."""

from __future__ import annotations

from collections.abc import Mapping

# fmt: off
from tokenspec.machine.lang.build import (
    all_of, any_of, definition, eq, event, ite, ne, negation, one_of, requires, rule, STAYS, Term, Termlike, var, variable, Flows,
)
from tokenspec.machine.lang.declaration import Actor, ClockAct, Event, Field, Key, Memory, Origin, Period, Requirement, Rule
from tokenspec.machine.lang.phrases import (
    buys, expired, gives_back, grants, in_full, is_countable, keeps, Missing, remembers, settles, spends, unless, up_to,
)
from tokenspec.machine.lang.types import Bool, Enum, Tokens
from tokenspec.spec.catalogue import MEDIA
from tokenspec.spec.words import (
    allowance, amount, AMOUNT, api, APP_POOLS, by_policy, ceiling, chosen, cost, daily, daily_allowance, daily_reset_due,
    drained, FREE, in_force, medium_relaxes, OPENED, own_model, pack_asked, pack_size, pays, plan_relaxes, POOLS, qualifies,
    quantity, RELAXED, relaxed_serves, status, SUBSCRIBED, tokens_serve, topup, UNLISTED, used_up,
)


COST_COUNTS = requires("cost_must_be_at_least_one", cost >= 1, "every action has a price", "F01")
JOB_NEW = requires("job_must_be_new", var("job_is_new"), "one job is charged once", "F02")
COST = Field("cost", AMOUNT, "the price shown before the action")
JOB = Key("job", "the generation's own id")
PRICE_IS_LISTED = Field("price_is_listed", Bool(), "the price list knows the action", Origin.FACT)
LISTED_PRICE = Field("listed_price", Tokens(), "its price", Origin.FACT)
JOB_IS_NEW = Field("job_is_new", Bool(), "no accepted generation of the account has this job id", Origin.FACT)
PART = {pool: var(f"{pool}_part") for pool in POOLS}
_SETTLED, _STOPPED = ("renewal", ClockAct.SETTLES), ("renewal", ClockAct.STOPS)
JOBS = Memory(
    "job", "an accepted generation, app or API", is_new="job_is_new",
    holds=(*(variable(f"{pool}_part", Tokens(), 0, f"what the job drew from {pool}") for pool in POOLS),
           variable("job_is_refunded", Bool(), False, "it has been refunded before")),
    periods=(Period("day_lasts", "no daily reset has run since", (("daily", ClockAct.SETTLES),)),
             Period("month_lasts", "no renewal has run since, and the subscription has not ended", (_SETTLED, _STOPPED)),
             Period("subscription_lasts", "the subscription has not ended since", (_STOPPED,))),
    facts=(definition("job_was_charged", any_of(*(part > 0 for part in PART.values())),
                      "the job is a generation that cost tokens"),
           definition("job_was_through", ite(PART["api"] > 0, "api", "app"), "where the job was generated")),
)
"""The memory of a job: the part of each pool, the periods it was drawn in, and whether it was given back."""


def _pays(parts: Mapping[str, Termlike]) -> tuple[Flows, Flows]:
    """The pools pay these parts, and the job remembers them."""
    return spends(parts), remembers({f"{pool}_part": part for pool, part in parts.items()})


def day() -> tuple[Event, ...]:
    """The day: falling due and being reset."""
    left = by_policy("paid_daily_leftover", kept=daily, expires=0)
    done = daily_reset_due.becomes(False)

    def starts_full(name: str, source: str | tuple[str, ...], why: str, clauses: str, when: Termlike = True) -> Rule:
        """The day begins with the allowance; what was left of the last one is lost."""
        return rule(name, source, STAYS, why, clauses, expired(daily, daily), grants(daily, daily_allowance), done,
                    settles("daily"), when=when)

    return (
        event("daily_reset_falls_due", "The account's reset time comes.", "F21 A02", Actor.CLOCK,
              rule("daily_reset_waits", OPENED, STAYS, "the old balances stand until the batch job has run", "A03",
                   daily_reset_due.becomes(True))),
        event("daily_reset", "The daily batch job reaches the account.", "F10 F21 A03", Actor.JOB,
              requires("daily_reset_must_be_due", daily_reset_due, "a day is granted once, not before its time", "A18 F14"),
              starts_full("resets_free", FREE, "a free account starts the day with its allowance", "F03 F10"),
              starts_full("resets_empty_subscriber", SUBSCRIBED, "a subscriber who has run dry is topped up to the daily "
                          "allowance", "F15 A01", when=qualifies),
              rule("resets_nothing", SUBSCRIBED, STAYS, "a subscriber who still has tokens gets no daily ones", "F15 F10",
                   keeps(daily, left), done, settles("daily"), when=negation(qualifies))),
    )


def buying(packs: Enum) -> tuple[Event, ...]:
    """Buying packs and API tokens, and the refusal of transfers."""
    how_many = Field("amount", AMOUNT, "how many tokens")
    bought = pack_size * quantity

    def stays_countable(after: Term) -> Requirement:
        return requires("balance_must_stay_countable", is_countable(after), "a pool holds at most 2^53 - 1 tokens")

    return (
        event("buy_topup", "A subscriber buys packs.", "F08 F12 F16 A16",
              Field("pack_asked", packs, "the pack wanted", wire="pack"), Field("quantity", AMOUNT, "how many of them"),
              requires("subscription_must_be_active_or_cancelling", in_force, "packs are for subscribers", "F12"),
              requires("pack_must_exist", ne(pack_asked, UNLISTED), "the catalogue lists the packs", "F12"),
              requires("quantity_must_be_at_least_one", quantity >= 1, "packs are sold whole", "F12"),
              stays_countable(topup + bought),
              rule("buys_packs", SUBSCRIBED, STAYS, "packs of any size may be bought in any number", "F08 F16",
                   buys(topup, bought))),
        event("buy_api", "Somebody buys API tokens.", "A11", how_many,
              requires("amount_must_be_at_least_one", amount >= 1, "there is no purchase of nothing"),
              stays_countable(api + amount),
              rule("buys_api", OPENED, STAYS, "API tokens alone are bought; that any account may buy them is our choice", "A11",
                   buys(api, amount))),
        event("transfer", "Somebody tries to give tokens to another account.", "F13", Key("to", "the other account"), how_many,
              requires("tokens_cannot_be_transferred", False, "tokens stay where they were granted or bought", "F13")),
    )


def spending() -> tuple[Event, ...]:
    """Generating, and the price of it."""
    serves, named = any_of(tokens_serve, relaxed_serves), var("action_is_named")
    return (
        event("generate", "Something is generated in the app.", "F01 F02 F09", JOB, COST,
              Field("media", Enum("Media", MEDIA), "what is generated"),
              Field("origin", Enum("Origin", ("first_party", "third_party")), "whose model generates it", instead="model"),
              Key("model", "the model's name, which tells its origin", optional=True),
              Key("action", "its key in the price list", optional=True),
              Field("model_is_known", Bool(), "the catalogue lists the model that is named, if one is", Origin.FACT),
              Field("model_is_paid_only", Bool(), "the model that is named is for paid plans", Origin.FACT),
              Field("action_is_named", Bool(), "the record says which action is paid for", Origin.FACT),
              PRICE_IS_LISTED, LISTED_PRICE, JOB_IS_NEW,
              requires("model_must_be_listed", var("model_is_known"), "only a listed model has an origin", "F20"),
              requires("model_must_be_on_plan", any_of(negation(var("model_is_paid_only")), one_of(status, *SUBSCRIBED)),
                       "some models come with a paid plan", "F20"), COST_COUNTS,
              requires("action_must_be_listed", any_of(negation(named), var("price_is_listed")),
                       "only a listed action has a price", "F01"),
              requires("cost_must_be_the_listed_price", any_of(negation(named), eq(cost, var("listed_price"))),
                       "what is charged is what was shown", "F02"), JOB_NEW,
              *unless(serves, RELAXED,
                      Missing(used_up, "tokens_must_be_used_up_before_relaxed",
                              "unlimited generation waits until no token is left", "F09 F19"),
                      Missing(medium_relaxes, "medium_must_be_relaxed_on_plan",
                              "the plan's unlimited generation leaves this medium out", "F17", given=plan_relaxes),
                      Missing(own_model, "third_party_model_must_be_paid_with_tokens",
                              "models of third parties are never unlimited", "F20")),
              requires("tokens_must_cover_cost", serves, "there are not enough tokens", "F14 F16"),
              rule("generates_for_tokens", OPENED, STAYS, "the pools pay in burn order, each only when those before it are "
                   "empty", "F02 F07 F08", *_pays(pays), when=tokens_serve, answer={"mode": "tokens"}),
              rule("generates_relaxed", SUBSCRIBED, STAYS, "out of tokens, a plan with unlimited generation goes on, slower and "
                   "free of charge", "F09 F17 F18 F19", *_pays(drained), when=all_of(negation(tokens_serve), relaxed_serves),
                   answer={"mode": "relaxed"})),
        refund(),
        event("api_generate", "Something is generated through the API.", "A11", JOB, COST, JOB_IS_NEW, COST_COUNTS, JOB_NEW,
              requires("api_tokens_must_cover_cost", cost <= api, "the API has a pool of its own", "A11"),
              rule("generates_by_api", OPENED, STAYS, "the API pool alone pays", "A11", *_pays({"api": cost}))),
        event("enable_relaxed", "Somebody tries to turn unlimited generation on.", "F19",
              requires("relaxed_cannot_be_switched_on", False, "it starts by itself and in no other way", "F19")),
        event("quote", "Somebody looks at what an action costs.", "F01 F02", Key("action", "its key in the price list"),
              PRICE_IS_LISTED, LISTED_PRICE,
              requires("price_must_be_listed", var("price_is_listed"), "only a listed action has a price", "F01"),
              rule("quotes", OPENED, STAYS, "the price is known beforehand", "F02", answer={"cost": var("listed_price")})),
    )


def refund() -> Event:
    """Each part returns to its pool while the period it was spent in lasts, never above the pool's maximum."""
    day_lasts, month_lasts, subscription_lasts = (var(period.lasts) for period in JOBS.periods)
    charged, refunded, by_api = var("job_was_charged"), var("job_is_refunded"), eq(var("job_was_through"), "api")
    app_parts, once = {pool: PART[pool] for pool in APP_POOLS}, remembers({"job_is_refunded": True})
    return event("refund", "A charged generation is given back.", "F02", JOB,
                 Field("job_was_through", Enum("Through", ("app", "api")), JOBS.facts[1].says, Origin.FACT),
                 Field("job_was_charged", Bool(), JOBS.facts[0].says, Origin.FACT),
                 *(Field(period.lasts, Bool(), period.says, Origin.FACT) for period in JOBS.periods),
                 *(Field(each.name, each.type, each.says, Origin.FACT) for each in JOBS.holds),
                 requires("api_jobs_cannot_be_refunded", any_of(negation(by_api), chosen("api_refund", "to_source")),
                          "refunds of API generations are a matter of policy", "A11"),
                 requires("refunds_must_be_offered", any_of(by_api, chosen("refund", "to_source")),
                          "refunds are a matter of policy"),
                 requires("job_must_have_been_charged", charged, "only what was taken is given back", "F02"),
                 requires("job_must_not_be_refunded_already", negation(refunded), "a job is given back once", "F02"),
                 rule("refunds", OPENED, STAYS, "each part returns to the pool it came from, unless that pool's period is over "
                      "or the pool is full", "F02 F24",
                      gives_back(app_parts, daily=up_to(daily_allowance, day_lasts), fast=up_to(allowance, month_lasts),
                                 rollover=up_to(ceiling, subscription_lasts), topup=in_full), once,
                      when=negation(by_api)),
                 rule("refunds_api", OPENED, STAYS, "the whole charge returns to the API pool", "A11",
                      gives_back({"api": PART["api"]}, api=in_full), once, when=by_api))
