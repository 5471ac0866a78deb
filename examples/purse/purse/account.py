"""The account, declared as a state machine. Change it as you like: everything else reads it from here.

A name such as `given` is a handle to a variable, a parameter or a field: `given + 1` is an expression, nothing is computed here.
Terms have no truth value: write `eq`, `all_of`, `any_of`, `negation`, `ite` instead of `==`, `and`, `or`, `not`, `if`.
"""

from __future__ import annotations

from functools import cache

from tokenspec.machine.lang.build import (
    STAYS,
    assumption,
    cites,
    eq,
    event,
    maximum,
    minimum,
    policy,
    requires,
    rule,
    var,
    variable,
)
from tokenspec.machine.lang.calendars import EveryHours
from tokenspec.machine.lang.catalogue import CatalogueForm, Number
from tokenspec.machine.lang.declaration import Actor, Clock, Field, Machine, Parameter, System
from tokenspec.machine.lang.phrases import buys, choosing, expired, grants, includes, is_countable, settles, spends, starts
from tokenspec.machine.lang.types import COUNTABLE_MAX, Bool, Enum, Tokens

# 1. The states of an account, and the pools that hold its tokens.
ABSENT, OPEN = "absent", "open"
POOLS = ("given", "bought")
status, given, bought, day_is_over = var("status"), var("given"), var("bought"), var("day_is_over")

# 2. The figures, which users may replace (`--catalogue FILE`). Proofs leave them open.
FORM: CatalogueForm = {"daily": Number()}
daily = var("daily")

# 3. An open question: the terms do not say. Each answer is admissible; the first is the default (`--policy leftover=kept`).
LEFTOVER = policy(
    "leftover",
    "T01",
    "the terms do not say what becomes of the day's unspent tokens",
    expires="it is gone",
    kept="the new day's tokens are added to it",
)
_, chosen = choosing([LEFTOVER])

# 4. The fields of events, and how a price is divided.
amount = var("amount")
AMOUNT = Field("amount", Tokens(-COUNTABLE_MAX, COUNTABLE_MAX), "how many tokens")
pays = {"given": minimum(given, amount), "bought": maximum(0, amount - given)}
IS_OPEN = requires("account_must_exist", eq(status, OPEN), "nothing happens to an account that was never opened")
AT_LEAST_ONE = requires("amount_must_be_at_least_one", amount >= 1, "nothing is no amount")

# 5. The events: what each requires, the code of its refusal first, and the rule by which it is accepted.
EVENTS = (
    event(
        "open_account",
        "Somebody opens an account.",
        "T01",
        requires("account_must_be_new", eq(status, ABSENT), "an account is opened once"),
        rule("opens", ABSENT, OPEN, "the first day begins at once", "T01", grants(given, daily), starts("day")),
    ),
    event(
        "day_ends",
        "A day is over.",
        "T01",
        Actor.CLOCK,  # time itself: never written in a log
        IS_OPEN,
        rule("waits", OPEN, STAYS, "nothing changes until the job has run", "T01", day_is_over.becomes(True)),
    ),
    event(
        "give",
        "The daily job reaches the account.",
        "T01",
        Actor.JOB,
        IS_OPEN,
        requires("day_must_be_over", day_is_over, "a day's tokens come once", "T01"),
        rule(
            "begins_anew",
            OPEN,
            STAYS,
            "each day brings tokens, and what is left of the last one's is gone",
            "T01",
            expired(given, given),
            grants(given, daily),
            day_is_over.becomes(False),
            settles("day"),
            when=chosen("leftover", "expires"),
        ),
        rule(
            "adds_up",
            OPEN,
            STAYS,
            "each day brings tokens",
            "T01",
            includes(given, daily),
            day_is_over.becomes(False),
            settles("day"),
            when=chosen("leftover", "kept"),
        ),
    ),
    event(
        "buy",
        "Somebody buys tokens.",
        "T02",
        AMOUNT,
        IS_OPEN,
        AT_LEAST_ONE,
        requires("balance_must_stay_countable", is_countable(bought + amount), "a pool holds at most 2^53 - 1 tokens"),
        rule("buys", OPEN, STAYS, "bought tokens stay", "T02", buys(bought, amount)),
    ),
    event(
        "spend",
        "Somebody spends tokens.",
        "T03",
        AMOUNT,
        IS_OPEN,
        AT_LEAST_ONE,
        requires("tokens_must_cover_amount", amount <= given + bought, "only what is there is spent", "T03"),
        rule("pays", OPEN, STAYS, "the day's tokens, which expire, pay first", "T03", spends(pays)),
    ),
)


@cache
def system() -> System:
    """The whole: one machine, with its clock."""
    return System(
        machines=(
            Machine(
                "purse",
                "A token account that is filled every day.",
                control="status",
                variables=(
                    variable("status", Enum("Status", (ABSENT, OPEN)), ABSENT, "where the account is in its lifecycle"),
                    variable("given", Tokens(), 0, "tokens of the day"),
                    variable("bought", Tokens(), 0, "tokens that were bought"),
                    variable("day_is_over", Bool(), False, "whether a day is over and its job has not run"),
                ),
                events=EVENTS,
                parameters=(Parameter("daily", Tokens(), None, "tokens a day"),),
                policies=(LEFTOVER,),
                assumptions=(assumption(daily >= 0, "daily: it is not below 0"),),
                clocks=(
                    Clock(
                        "day",
                        falls_due="day_ends",
                        job="give",
                        calendar=EveryHours(24),
                        says="every 24 hours from the opening on",
                        overdue_ms=3_600_000,
                        clauses=cites("T01"),
                    ),
                ),
                pools=POOLS,
            ),
        ),
        links=(),
    )
