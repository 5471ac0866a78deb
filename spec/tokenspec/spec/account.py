"""The account, declared: each event with what it requires, how it is accepted, and why.

Read it event by event, like a FAQ that is exact. `requires(code, condition, why, clauses)` refuses with `code`
where the condition fails, in the order written; `rule(name, from, to, why, clauses, ...)` says what changes and
which tokens come and go. Names of conditions are explained in words.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from tokenspec.machine.lang.build import (
    Term,
    Termlike,
    all_of,
    any_of,
    cites,
    eq,
    ite,
    maximum,
    minimum,
    ne,
    negation,
    one_of,
    posting,
    requires,
    rule,
    var,
)
from tokenspec.machine.lang.declaration import (
    Actor,
    Assign,
    Clock,
    ClockAct,
    Event,
    Field,
    Key,
    Kind,
    Machine,
    Origin,
    Posting,
    Requirement,
    Rule,
    Shape,
)
from tokenspec.machine.lang.types import COUNTABLE_MAX, Bool, Enum, Tokens
from tokenspec.spec.catalogue import DEFAULT, FREE_PLAN, MEDIA, Catalogue
from tokenspec.spec.daily_job import HOUR_MS
from tokenspec.spec.policies import POLICIES
from tokenspec.spec.words import *

EXISTS = requires("account_must_exist", ne(status, ABSENT), "nothing happens to an account that was never opened")
TO_BE_ACTIVE = requires(
    "subscription_must_be_active", eq(status, ACTIVE), "only a subscription in good standing changes", "F25"
)
NO_RENEWAL_DUE = requires(
    "renewal_must_not_be_due",
    eq(renewals_due, 0),
    "a month that has ended is settled before anything is changed",
    "F11",
)
PLAN_LISTED = requires("plan_must_exist", ne(plan_asked, UNLISTED), "the catalogue lists the plans")
PLAN_PAID = requires("plan_must_be_paid", ne(plan_asked, FREE_PLAN), "the free plan is not subscribed to", "F05")
COST_COUNTS = requires("cost_must_be_at_least_one", cost >= 1, "every action has a price", "F01")
JOB_NEW = requires("job_must_be_new", var("job_is_new"), "one job is charged once", "F02")

COST = Field("cost", AMOUNT, "the price shown before the action")
JOB = Key("job", "the generation's own id")
JOB_IS_NEW = Field("job_is_new", Bool(), "no accepted generation of the account has this job id", Origin.FACT)


def granted(pool: Term, tokens: Termlike) -> Posting:
    """Tokens that the plan or the day gives."""
    return posting(Kind.GRANTED, pool, tokens)


def expired(pool: Term, tokens: Termlike) -> Posting:
    """Tokens that are lost."""
    return posting(Kind.EXPIRED, pool, tokens)


def event(
    name: str,
    says: str,
    clauses: str = "",
    *,
    needs: Iterable[Requirement] = (),
    rules: Iterable[Rule] = (),
    fields: Iterable[Field] = (),
    keys: Iterable[Key] = (),
    actor: Actor = Actor.USER,
    repeats: bool = False,
) -> Event:
    """An event of an account that exists already."""
    return Event(name, actor, says, tuple(fields), (EXISTS, *needs), tuple(rules), cites(clauses), tuple(keys), repeats)


def subscription_ends(name: str, source: str, why: str, clauses: str) -> Rule:
    """Back to free: fast tokens are lost, the bank too unless it is frozen, packs are kept but cannot be spent."""
    bank_kept = eq(var("lapse_bank"), "frozen")
    return rule(
        name,
        source,
        FREE,
        why,
        clauses,
        effect=(
            plan.becomes(FREE_PLAN),
            scheduled_plan.becomes(NONE),
            fast.becomes(0),
            rollover.becomes(ite(bank_kept, rollover, 0)),
            renewals_due.becomes(0),
        ),
        ledger=(expired(fast, fast), expired(rollover, ite(bank_kept, 0, rollover))),
        clocks={"renewal": ClockAct.STOPS},
    )


def capped_grant(pool: Term, tokens: Term) -> tuple[Assign, Posting, Posting]:
    """A grant that stops at what can be counted: the new balance, and what was granted and lost of it."""
    after = minimum(COUNTABLE_MAX, pool + tokens)
    return pool.becomes(after), granted(pool, tokens), expired(pool, pool + tokens - after)


def opening() -> Event:
    """An account begins free, with the tokens of a day."""
    unknown = requires("account_must_be_new", eq(status, ABSENT), "an account is opened once", "A15")
    opens = rule(
        "opens",
        ABSENT,
        FREE,
        "a new account may spend a day's allowance at once",
        "F03 A12",
        effect=(daily.becomes(daily_allowance),),
        ledger=(granted(daily, daily_allowance),),
        clocks={"daily": ClockAct.STARTS},
    )
    reset_time = Key(
        "daily_reset_time", "the time of day, in UTC, of the account's daily reset", Shape.TIME_OF_DAY, True
    )
    return Event(
        "open_account", Actor.USER, "Somebody opens an account.", (), (unknown,), (opens,), cites("F03"), (reset_time,)
    )


def subscription(words: Words) -> tuple[Event, ...]:
    """Taking out a plan, changing it, giving it up."""
    asked = Field("plan_asked", words.plan_payload, "the plan wanted", wire="plan")
    api_after, api_granted, api_lost = capped_grant(api, asked_api)
    bank_after = minimum(rollover, asked_ceiling)
    upgraded_fast = ite(
        eq(var("upgrade_grant"), "difference"),
        fast + asked_allowance - allowance,
        ite(eq(var("upgrade_grant"), "full"), asked_allowance, fast),
    )
    return (
        event(
            "subscribe",
            "A free account takes out a paid plan.",
            "F05 A04",
            fields=(asked,),
            needs=(
                requires("account_must_be_free", eq(status, FREE), "an account has one subscription", "F05"),
                PLAN_LISTED,
                PLAN_PAID,
            ),
            rules=(
                rule(
                    "subscribes",
                    FREE,
                    ACTIVE,
                    "the first month is granted at once, and the anniversary counts from now; what a frozen bank holds comes back",
                    "F05 A17 F22",
                    effect=(
                        plan.becomes(plan_asked),
                        fast.becomes(asked_allowance),
                        rollover.becomes(bank_after),
                        api_after,
                    ),
                    ledger=(
                        granted(fast, asked_allowance),
                        expired(rollover, rollover - bank_after),
                        api_granted,
                        api_lost,
                    ),
                    clocks={"renewal": ClockAct.STARTS},
                ),
            ),
        ),
        event(
            "upgrade",
            "A subscriber moves to a higher plan at once; the billing date stays.",
            "F25 F26",
            fields=(asked,),
            needs=(
                TO_BE_ACTIVE,
                NO_RENEWAL_DUE,
                PLAN_LISTED,
                requires("plan_must_be_higher", plan < plan_asked, "an upgrade leads to a higher plan", "F25"),
            ),
            rules=(
                rule(
                    "upgrades",
                    ACTIVE,
                    ACTIVE,
                    "the plan changes now, fast tokens by policy, and a scheduled downgrade is dropped",
                    "F25 A09",
                    effect=(plan.becomes(plan_asked), scheduled_plan.becomes(NONE), fast.becomes(upgraded_fast)),
                    ledger=(granted(fast, upgraded_fast - fast),),
                ),
            ),
        ),
        event(
            "downgrade",
            "A subscriber asks for a lower plan, from the next renewal on.",
            fields=(asked,),
            needs=(
                TO_BE_ACTIVE,
                NO_RENEWAL_DUE,
                PLAN_LISTED,
                PLAN_PAID,
                requires("plan_must_be_lower", plan_asked < plan, "a downgrade leads to a lower plan"),
            ),
            rules=(
                rule(
                    "schedules_downgrade",
                    ACTIVE,
                    ACTIVE,
                    "what is paid for is kept until the month ends",
                    "F05",
                    effect=(scheduled_plan.becomes(plan_asked),),
                ),
            ),
        ),
        event(
            "cancel",
            "A subscriber gives the subscription up.",
            needs=(
                requires(
                    "subscription_must_be_active_or_past_due",
                    one_of(status, ACTIVE, PAST_DUE),
                    "there must be something to give up",
                ),
            ),
            rules=(
                rule(
                    "schedules_end",
                    ACTIVE,
                    CANCELLING,
                    "the month that is paid for goes on, and a scheduled downgrade has no more use",
                    "F05",
                    effect=(scheduled_plan.becomes(NONE),),
                ),
                subscription_ends("gives_up_unpaid", PAST_DUE, "nothing is paid for, so it ends at once", "F24"),
            ),
        ),
        event(
            "resume",
            "A subscriber takes back a cancellation or a scheduled downgrade.",
            needs=(
                requires(
                    "change_must_be_scheduled",
                    any_of(eq(status, CANCELLING), all_of(eq(status, ACTIVE), ne(scheduled_plan, NONE))),
                    "there must be something to take back",
                ),
                NO_RENEWAL_DUE,
            ),
            rules=(
                rule(
                    "resumes",
                    (ACTIVE, CANCELLING),
                    ACTIVE,
                    "the subscription goes on as if nothing had been scheduled",
                    "F26",
                    effect=(scheduled_plan.becomes(NONE),),
                ),
            ),
        ),
    )


def billing() -> tuple[Event, ...]:
    """The month: falling due, being paid, failing, being given up."""
    bank_floor = ite(eq(var("downgrade_bank"), "keep"), rollover, 0)
    bank_after = maximum(bank_floor, minimum(next_ceiling, rollover + fast))
    moved = maximum(0, bank_after - rollover)
    api_after, api_granted, api_lost = capped_grant(api, next_api)
    has_subscription = requires(
        "subscription_must_exist", one_of(status, *SUBSCRIBED), "only a subscription renews", "F22"
    )
    is_due = requires(
        "renewal_must_be_due", renewals_due >= 1, "a month is granted once, and not before its day", "A13 F22"
    )
    return (
        event(
            "renewal_falls_due",
            "An anniversary of subscribing comes.",
            "F22 A04",
            actor=Actor.CLOCK,
            needs=(has_subscription,),
            rules=(
                rule(
                    "renewal_waits",
                    SUBSCRIBED,
                    None,
                    "the old balances stand until the billing job has run",
                    "A03 F11",
                    effect=(renewals_due.becomes(renewals_due + 1),),
                ),
            ),
        ),
        event(
            "renew",
            "The billing job runs for an anniversary.",
            "F05 F06 F11",
            actor=Actor.JOB,
            repeats=True,
            needs=(has_subscription, is_due),
            rules=(
                rule(
                    "renews",
                    (ACTIVE, PAST_DUE),
                    ACTIVE,
                    "leftover fast tokens go to the bank as far as it has room, and the month's allowance is granted",
                    "F05 F06 F11 A17",
                    effect=(
                        plan.becomes(next_plan),
                        scheduled_plan.becomes(NONE),
                        rollover.becomes(bank_after),
                        fast.becomes(next_allowance),
                        api_after,
                        renewals_due.becomes(ite(eq(var("missed_renewals"), "once"), 0, renewals_due - 1)),
                    ),
                    ledger=(
                        posting(Kind.MOVED_OUT, fast, moved),
                        posting(Kind.MOVED_IN, rollover, moved),
                        expired(fast, fast - moved),
                        expired(rollover, maximum(0, rollover - bank_after)),
                        granted(fast, next_allowance),
                        api_granted,
                        api_lost,
                    ),
                    clocks={"renewal": ClockAct.SETTLES},
                ),
                subscription_ends("ends_as_cancelled", CANCELLING, "a cancelled subscription is not renewed", "F24"),
            ),
        ),
        event(
            "payment_failed",
            "The payment for a renewal does not arrive.",
            actor=Actor.JOB,
            needs=(TO_BE_ACTIVE, is_due),
            rules=(rule("falls_behind", ACTIVE, PAST_DUE, "balances stand, and the renewal stays due", "F24"),),
        ),
        event(
            "lapse",
            "The billing job gives up on an unpaid subscription.",
            actor=Actor.JOB,
            needs=(
                requires(
                    "subscription_must_be_past_due", eq(status, PAST_DUE), "only an unpaid subscription lapses", "F24"
                ),
            ),
            rules=(subscription_ends("lapses", PAST_DUE, "unpaid, the subscription ends", "F24"),),
        ),
    )


def to_daily_allowance(name: str, source: str | tuple[str, ...], why: str, clauses: str, when: Termlike = True) -> Rule:
    """The day begins with the allowance; what was left of the last one is lost."""
    return rule(
        name,
        source,
        None,
        why,
        clauses,
        when=when,
        effect=(daily.becomes(daily_allowance), daily_reset_due.becomes(False)),
        ledger=(expired(daily, daily), granted(daily, daily_allowance)),
        clocks={"daily": ClockAct.SETTLES},
    )


def day() -> tuple[Event, ...]:
    """The day: falling due and being reset."""
    left = ite(eq(var("paid_daily_leftover"), "kept"), daily, 0)
    return (
        event(
            "daily_reset_falls_due",
            "The account's reset time comes.",
            "F21 A02",
            actor=Actor.CLOCK,
            rules=(
                rule(
                    "daily_reset_waits",
                    OPENED,
                    None,
                    "the old balances stand until the batch job has run",
                    "A03",
                    effect=(daily_reset_due.becomes(True),),
                ),
            ),
        ),
        event(
            "daily_reset",
            "The daily batch job reaches the account.",
            "F10 F21 A03",
            actor=Actor.JOB,
            needs=(
                requires(
                    "daily_reset_must_be_due",
                    daily_reset_due,
                    "a day is granted once, and not before its time",
                    "A18 F14",
                ),
            ),
            rules=(
                to_daily_allowance("resets_free", FREE, "a free account starts the day with its allowance", "F03 F10"),
                to_daily_allowance(
                    "resets_empty_subscriber",
                    SUBSCRIBED,
                    "a subscriber who has run dry is topped up to the daily allowance",
                    "F15 A01",
                    when=qualifies,
                ),
                rule(
                    "resets_nothing",
                    SUBSCRIBED,
                    None,
                    "a subscriber who still has tokens gets no daily ones",
                    "F15 F10",
                    when=negation(qualifies),
                    effect=(daily.becomes(left), daily_reset_due.becomes(False)),
                    ledger=(expired(daily, daily - left),),
                    clocks={"daily": ClockAct.SETTLES},
                ),
            ),
        ),
    )


def buying(words: Words) -> tuple[Event, ...]:
    """Tokens for money, and what they are not for."""
    bought = pack_size * quantity

    def countable(after: Term) -> Requirement:
        return requires("balance_must_stay_countable", after <= COUNTABLE_MAX, "a pool holds at most 2^53 - 1 tokens")

    amount_field = Field("amount", AMOUNT, "how many tokens")
    return (
        event(
            "buy_topup",
            "A subscriber buys packs.",
            "F08 F12 F16 A16",
            fields=(
                Field("pack_asked", words.pack_payload, "the pack wanted", wire="pack"),
                Field("quantity", AMOUNT, "how many of them"),
            ),
            needs=(
                requires(
                    "subscription_must_be_active_or_cancelling",
                    one_of(status, ACTIVE, CANCELLING),
                    "packs are for subscribers",
                    "F12",
                ),
                requires("pack_must_exist", ne(pack_asked, UNLISTED), "the catalogue lists the packs", "F12"),
                requires("quantity_must_be_at_least_one", quantity >= 1, "packs are sold whole", "F12"),
                countable(topup + bought),
            ),
            rules=(
                rule(
                    "buys_packs",
                    (ACTIVE, CANCELLING),
                    None,
                    "packs of any size may be bought in any number",
                    "F08 F16",
                    effect=(topup.becomes(topup + bought),),
                    ledger=(posting(Kind.BOUGHT, topup, bought),),
                ),
            ),
        ),
        event(
            "buy_api",
            "Somebody buys API tokens.",
            "A11",
            fields=(amount_field,),
            needs=(
                requires("amount_must_be_at_least_one", amount >= 1, "there is no purchase of nothing"),
                countable(api + amount),
            ),
            rules=(
                rule(
                    "buys_api",
                    OPENED,
                    None,
                    "API tokens are sold to any account, with or without a plan",
                    "A11",
                    effect=(api.becomes(api + amount),),
                    ledger=(posting(Kind.BOUGHT, api, amount),),
                ),
            ),
        ),
        event(
            "transfer",
            "Somebody tries to give tokens to another account.",
            "F13",
            fields=(amount_field,),
            keys=(Key("to", "the other account"),),
            needs=(
                requires("tokens_cannot_be_transferred", False, "tokens stay where they were granted or bought", "F13"),
            ),
        ),
    )


def spending() -> tuple[Event, ...]:
    """Generating, and getting tokens back."""
    media_field = Field("media", Enum("Media", MEDIA), "what is generated")
    origin_field = Field("origin", Enum("Origin", ("first_party", "third_party")), "whose model generates it")
    serves = any_of(tokens_serve, relaxed_serves)
    pools = {"daily": daily, "fast": fast, "rollover": rollover, "topup": topup}
    return (
        event(
            "generate",
            "Something is generated in the app.",
            "F01 F02 F09",
            fields=(COST, media_field, origin_field, JOB_IS_NEW),
            keys=(JOB,),
            needs=(
                COST_COUNTS,
                JOB_NEW,
                # Where neither tokens nor unlimited generation serve, the refusal names the one condition of
                # unlimited generation that failed alone.
                requires(
                    "tokens_must_be_used_up_before_relaxed",
                    any_of(serves, used_up, negation(all_of(status_relaxes, medium_relaxes, own_model))),
                    "unlimited generation waits until no token is left",
                    "F09 F19",
                ),
                requires(
                    "medium_must_be_relaxed_on_plan",
                    any_of(serves, medium_relaxes, negation(all_of(used_up, status_relaxes, plan_relaxes, own_model))),
                    "the plan's unlimited generation leaves this medium out",
                    "F17",
                ),
                requires(
                    "third_party_model_must_be_paid_with_tokens",
                    any_of(serves, own_model, negation(all_of(used_up, status_relaxes, medium_relaxes))),
                    "models of third parties are never unlimited",
                    "F20",
                ),
                requires("tokens_must_cover_cost", serves, "there are not enough tokens", "F14 F16"),
            ),
            rules=(
                rule(
                    "generates_for_tokens",
                    OPENED,
                    None,
                    "the pools pay in burn order, each only when those before it are empty",
                    "F02 F07 F08",
                    when=tokens_serve,
                    effect=tuple(tokens.becomes(tokens - pays[pool]) for pool, tokens in pools.items()),
                    ledger=tuple(posting(Kind.SPENT, tokens, pays[pool]) for pool, tokens in pools.items()),
                    answer={"mode": "tokens", **{f"charge_{pool}": pays[pool] for pool in pools}},
                ),
                rule(
                    "generates_relaxed",
                    (ACTIVE, CANCELLING),
                    None,
                    "out of tokens, a plan with unlimited generation goes on, slower and free of charge",
                    "F09 F17 F18 F19",
                    when=all_of(negation(tokens_serve), relaxed_serves),
                    answer={"mode": "relaxed"},
                ),
            ),
        ),
        _refund(),
        event(
            "api_generate",
            "Something is generated through the API.",
            "A11",
            fields=(COST, JOB_IS_NEW),
            keys=(JOB,),
            needs=(
                COST_COUNTS,
                JOB_NEW,
                requires("api_tokens_must_cover_cost", cost <= api, "the API has a pool of its own", "A11"),
            ),
            rules=(
                rule(
                    "generates_by_api",
                    OPENED,
                    None,
                    "the API pool alone pays",
                    "A11",
                    effect=(api.becomes(api - cost),),
                    ledger=(posting(Kind.SPENT, api, cost),),
                    answer={"charge_api": cost},
                ),
            ),
        ),
        event(
            "enable_relaxed",
            "Somebody tries to turn unlimited generation on.",
            "F19",
            needs=(requires("relaxed_cannot_be_switched_on", False, "it starts by itself and in no other way", "F19"),),
        ),
        event(
            "quote",
            "Somebody looks at what an action costs.",
            "F01 F02",
            fields=(
                Field("price_is_listed", Bool(), "the price list knows the action", Origin.FACT),
                Field("listed_price", Tokens(), "its price", Origin.FACT),
            ),
            keys=(Key("action", "the action's key in the price list"),),
            needs=(
                requires("price_must_be_listed", var("price_is_listed"), "only a listed action has a price", "F01"),
            ),
            rules=(
                rule(
                    "quotes", OPENED, None, "the price is known beforehand", "F02", answer={"cost": var("listed_price")}
                ),
            ),
        ),
    )


def _refund() -> Event:
    """Each part returns to its pool while the period it was spent in lasts, never above the pool's maximum."""
    part = {pool: var(f"{pool}_part") for pool in APP_POOLS}
    day_lasts, month_lasts, subscription_lasts = var("day_lasts"), var("month_lasts"), var("subscription_lasts")

    def lifted(pool: Term, tokens: Term, most: Termlike) -> Term:
        return maximum(pool, minimum(most, pool + tokens))

    after = {
        "daily": ite(day_lasts, lifted(daily, part["daily"], daily_allowance), daily),
        "fast": ite(month_lasts, lifted(fast, part["fast"], allowance), fast),
        "rollover": ite(subscription_lasts, lifted(rollover, part["rollover"], ceiling), rollover),
        "topup": minimum(COUNTABLE_MAX, topup + part["topup"]),
    }
    pools = {"daily": daily, "fast": fast, "rollover": rollover, "topup": topup}
    fact = Origin.FACT
    return event(
        "refund",
        "A charged generation is given back.",
        "F02",
        keys=(JOB,),
        fields=(
            Field("job_was_charged", Bool(), "the job is an app generation that cost tokens", fact),
            Field("job_is_refunded", Bool(), "it has been refunded before", fact),
            *(Field(f"{pool}_part", Tokens(), f"what the job drew from {pool}", fact) for pool in APP_POOLS),
            Field("day_lasts", Bool(), "no daily reset has run since", fact),
            Field("month_lasts", Bool(), "no renewal has run since, and the subscription has not ended", fact),
            Field("subscription_lasts", Bool(), "the subscription has not ended since", fact),
        ),
        needs=(
            requires("refunds_must_be_offered", eq(var("refund"), "to_source"), "refunds are a matter of policy"),
            requires("job_must_have_been_charged", var("job_was_charged"), "only what was taken is given back", "F02"),
            requires(
                "job_must_not_be_refunded_already", negation(var("job_is_refunded")), "a job is given back once", "F02"
            ),
        ),
        rules=(
            rule(
                "refunds",
                OPENED,
                None,
                "each part returns to the pool it came from, unless that pool's period is over or the pool is full",
                "F02 F24",
                effect=tuple(tokens.becomes(after[pool]) for pool, tokens in pools.items()),
                ledger=tuple(
                    line
                    for pool, tokens in pools.items()
                    for line in (
                        posting(Kind.REFUNDED, tokens, part[pool]),
                        expired(tokens, tokens + part[pool] - after[pool]),
                    )
                ),
            ),
        ),
    )


DAY_MS = 24 * HOUR_MS
CLOCKS = (
    Clock(
        "renewal", "renewal_falls_due", "renew", "monthly, on the anniversary of subscribing", DAY_MS, cites("F22 F23 A04 A05")
    ),
    Clock(
        "daily", "daily_reset_falls_due", "daily_reset", "daily, at the account's reset time", 2 * DAY_MS, cites("F21 A02 A05 A12")
    ),
)


def account(catalogue: Catalogue = DEFAULT) -> Machine:
    """The account for the plans and packs of `catalogue`; its figures stay open, as parameters."""
    return _account(catalogue.ranking, tuple(catalogue.packs))


@cache
def _account(ranking: tuple[str, ...], packs: tuple[str, ...]) -> Machine:
    words = Words(ranking, packs)
    return Machine(
        name="account",
        says="A token account: its subscription and its five pools.",
        control="status",
        variables=words.variables(),
        events=(opening(), *subscription(words), *billing(), *day(), *buying(words), *spending()),
        parameters=words.parameters(),
        policies=POLICIES,
        assumptions=words.assumptions(),
        definitions=words.definitions(),
        clocks=CLOCKS,
        pools=POOLS,
    )
