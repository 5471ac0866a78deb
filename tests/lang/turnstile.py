"""The right machine from which wrong ones are made: a turnstile, each part of which can be replaced.

One pays to get through; the purse is emptied in the evening.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tokenspec.machine.lang.build import any_of, assumption, definition, eq, lookup, posting, requires, rule, var, variable
from tokenspec.machine.lang.calendars import EveryHours
from tokenspec.machine.lang.declaration import (
    Actor,
    Clock,
    ClockAct,
    Event,
    Field,
    Kind,
    Machine,
    Parameter,
    Policy,
    Requirement,
    Rule,
    Timer,
)
from tokenspec.machine.lang.types import Bool, Enum, Tokens

BARRIER = Enum("Barrier", ("locked", "unlocked"))
COIN = Enum("Coin", ("copper", "silver", "gold"))
AHEAD = Enum("ahead", ("kept", "refused"))

barrier, purse, due = var("barrier"), var("purse"), var("due")
coin, worth, room = var("coin"), var("worth"), var("room")

VARIABLES = (
    variable("barrier", BARRIER, "locked", "whether one gets through"),
    variable("purse", Tokens(0, 4), 0, "what has been paid since the purse was emptied"),
    variable("due", Bool(), False, "whether the purse is to be emptied"),
)
ROOM = Parameter("room", Tokens(0, 9), 4, "what the purse holds")
PAYING_AHEAD = Policy(
    Parameter("ahead", AHEAD, "kept", "what becomes of a coin in an open turnstile"),
    (("kept", "it is kept"), ("refused", "it is given back")),
    "the notice does not say",
    ("T3",),
)
WORTH = definition("worth", lookup(coin, {"silver": 1, "gold": 2}, 0), "what the coin counts for")
FILLED = definition("filled", purse + worth, "the purse with the coin in it")
NOT_COPPER = requires("coin_must_not_be_copper", coin > "copper", "the notice says so", "T1")
NOT_AHEAD = requires("barrier_must_be_locked", any_of(eq(var("ahead"), "kept"), eq(barrier, "locked")), "nobody pays twice", "T3")
FITS = requires("coin_must_fit", var("filled") <= room, "the purse is small", "T1")
UNLOCKS = rule(
    "unlocks",
    "locked",
    "unlocked",
    "whoever pays gets through",
    "T1",
    effect=[purse.becomes(var("filled"))],
    ledger=[posting(Kind.BOUGHT, purse, worth)],
    answer={"counted": worth, "coin": coin},
)
PAYS_AHEAD = rule(
    "pays_ahead",
    "unlocked",
    None,
    "the turnstile counts coins, not people",
    "T3",
    effect=[purse.becomes(var("filled"))],
    ledger=[posting(Kind.BOUGHT, purse, worth)],
)
EVENING = Clock("evening", "evening_comes", "empty", EveryHours(24), "the end of the day", 3_600_000, ("T2",))
IDLE = Timer("relock", "pay", 10_000, ("T2",))

_open = requires("barrier_must_be_unlocked", eq(barrier, "unlocked"), "it is shut", "T1")

PUSH = Event("push", Actor.USER, "Someone walks.", (), (_open,), (rule("passes", "unlocked", "locked", "one at a time", "T1"),))
RELOCK = Event("relock", Actor.CLOCK, "Nobody came.", (), (_open,), (rule("relocks", "unlocked", "locked", "no gifts", "T2"),))
EVENING_COMES = Event(
    "evening_comes",
    Actor.CLOCK,
    "The day ends.",
    (),
    (),
    (rule("falls_due", ("locked", "unlocked"), None, "so it is agreed", "T2", effect=[due.becomes(True)]),),
)
EMPTY = Event(
    "empty",
    Actor.JOB,
    "The porter takes the purse.",
    (),
    (requires("purse_must_be_due", due, "once a day", "T2"),),
    (
        rule(
            "empties",
            ("locked", "unlocked"),
            "locked",
            "the porter shuts the gate",
            "T2",
            effect=[purse.becomes(0), due.becomes(False)],
            ledger=[posting(Kind.SPENT, purse, purse)],
            answer={"taken": purse},
            clocks={"evening": ClockAct.SETTLES},
        ),
    ),
)
TURNSTILE_CLAUSES = {"T1": "Silver and gold are taken.", "T2": "Evenings.", "T3": "Paying ahead."}


def turnstile(
    *,
    fields: tuple[Field, ...] = (Field("coin", COIN, "what is thrown in"),),
    needs: tuple[Requirement, ...] = (NOT_COPPER, NOT_AHEAD, FITS),
    rules: tuple[Rule, ...] = (UNLOCKS, PAYS_AHEAD),
    more: tuple[Event, ...] = (),
    **parts: Any,
) -> Machine:
    """The turnstile; `fields`, `needs` and `rules` are those of `pay`, `more` are further events."""
    pay = Event("pay", Actor.USER, "Someone pays.", fields, needs, rules, ("T1",))
    right = Machine(
        name="turnstile",
        says="A turnstile that counts what is paid.",
        control="barrier",
        variables=VARIABLES,
        events=(pay, PUSH, RELOCK, EVENING_COMES, EMPTY, *more),
        parameters=(ROOM,),
        policies=(PAYING_AHEAD,),
        assumptions=(assumption(room >= 2, "room: the purse holds a gold coin"),),
        definitions=(WORTH, FILLED),
        clocks=(EVENING,),
        timers=(IDLE,),
        pools=("purse",),
    )
    return replace(right, **parts)
