"""Declarations whose expressions and values are of the wrong type: TS201 to TS205."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lang.turnstile import COIN, PAYING_AHEAD, ROOM, UNLOCKS, VARIABLES, barrier, coin, due, purse, room, worth
from lang.wrong import NAME, RULE, Wrong, defined, machine, need, unlocks
from tokenspec.machine.lang.build import all_of, assumption, eq, ite, maximum, negation, posting, requires, var, variable
from tokenspec.machine.lang.declaration import Actor, Event, Field, Kind, Parameter
from tokenspec.machine.lang.types import Enum, Tokens


def policy(**parts: Any) -> Callable[[], None]:
    """Validates the turnstile with parts of its policy replaced."""
    return machine(policies=(replace(PAYING_AHEAD, **parts),))


WRONG_VALUES: dict[str, Wrong] = {
    # an expression is ill typed
    "sum of a number and a truth value": Wrong(
        "TS201", "event 'pay', requirement 'coin_must_shine'", "due is of type Bool", need(purse + due < 3)
    ),
    "product of a number and a name": Wrong(
        "TS201",
        f"{RULE}, effect on 'purse'",
        "coin is of type Coin(copper, silver, gold)",
        unlocks(effect=(purse.becomes(worth * coin),)),
    ),
    "maximum of a number and a truth value": Wrong(
        "TS201", f"{RULE}, answer 'left'", "true is of type Bool", unlocks(answer=(var("left").becomes(maximum(purse, True)),))
    ),
    "a number equals a name": Wrong(
        "TS201",
        "event 'pay', requirement 'coin_must_shine'",
        "purse is Tokens(0..4), coin is Coin(copper, silver, gold)",
        need(eq(purse, coin)),
    ),
    "members of two enums are compared": Wrong(
        "TS201", "event 'pay', requirement 'coin_must_shine'", "barrier is Barrier(locked, unlocked)", need(barrier < coin)
    ),
    "a name that the enum does not have": Wrong(
        "TS201", "event 'pay', requirement 'coin_must_shine'", "brass is ?(brass)", need(eq(coin, "brass"))
    ),
    "truth values are ordered": Wrong(
        "TS201", "event 'pay', requirement 'coin_must_shine'", "truth values have no order", need(due < True)
    ),
    "branches of two types": Wrong(
        "TS201",
        "definition 'mixed'",
        "the two branches of ite are of different types: purse is Tokens(0..4), gold is ?(gold)",
        defined("mixed", ite(due, purse, "gold")),
    ),
    # a requirement, a condition or a claim is not a truth value
    "requirement that is a number": Wrong(
        "TS202", "event 'pay', requirement 'coin_must_shine'", "purse + 1 is Tokens", need(purse + 1)
    ),
    "requirement that is a name": Wrong(
        "TS202", "event 'pay', requirement 'coin_must_shine'", "coin is Coin(copper, silver, gold)", need(coin)
    ),
    "condition that is a number": Wrong("TS202", f"{RULE}, condition", "purse is Tokens(0..4)", unlocks(when=purse.expr)),
    "assumption that is a number": Wrong(
        "TS202", "assumption 'too small'", "room is Tokens(0..9)", machine(assumptions=(assumption(room, "too small"),))
    ),
    "negation of a number": Wrong(
        "TS202", "event 'pay', requirement 'coin_must_shine'", "purse is of type Tokens(0..4)", need(negation(purse))
    ),
    "conjunction with a name": Wrong(
        "TS202",
        "event 'pay', requirement 'coin_must_shine'",
        "coin is of type Coin(copper, silver, gold)",
        need(all_of(due, coin)),
    ),
    "choice by a number": Wrong(
        "TS202", "definition 'chosen'", "purse is of type Tokens(0..4)", defined("chosen", ite(purse, 1, 2))
    ),
    # a value does not fit the declared type
    "initial value of another type": Wrong(
        "TS203",
        "variable 'till', initial value",
        "true is Bool, not Tokens(0..9)",
        machine(variables=(*VARIABLES, variable("till", Tokens(0, 9), True, ""))),
    ),
    "initial value that the enum does not have": Wrong(
        "TS203",
        "variable 'last', initial value",
        "brass is ?(brass), not Coin(copper, silver, gold)",
        machine(variables=(*VARIABLES, variable("last", COIN, "brass", ""))),
    ),
    "effect of another type": Wrong(
        "TS203",
        f"{RULE}, effect on 'purse'",
        "coin is Coin(copper, silver, gold), not Tokens(0..4)",
        unlocks(effect=(purse.becomes(coin),)),
    ),
    "truth value set to a number": Wrong("TS203", f"{RULE}, effect on 'due'", "1 is Tokens", unlocks(effect=(due.becomes(1),))),
    "ledger amount that is no number": Wrong(
        "TS203", f"{RULE}, bought purse", "due is Bool, not Tokens", unlocks(ledger=(posting(Kind.BOUGHT, purse, due),))
    ),
    "control that is no enum": Wrong(
        "TS203",
        f"machine {NAME!r}",
        "control 'barrier' is Tokens(0..1)",
        machine(
            variables=(variable("barrier", Tokens(0, 1), 0, ""), *VARIABLES[1:]),
            events=(Event("pay", Actor.USER, "", (), (requires("barrier_must_be_low", False, ""),), ()),),
            definitions=(),
            clocks=(),
            timers=(),
        ),
    ),
    "pool that holds no number": Wrong("TS203", f"machine {NAME!r}", "pool 'due' is Bool", machine(pools=("purse", "due"))),
    # a value is given that is not a value of the type
    "default out of range": Wrong(
        "TS204", "parameter 'room'", "10 is not a Tokens(0..9)", machine(parameters=(replace(ROOM, default=10),))
    ),
    "default of another type": Wrong(
        "TS204", "parameter 'room'", "True is not a Tokens(0..9)", machine(parameters=(replace(ROOM, default=True),))
    ),
    "default that is no answer": Wrong(
        "TS204",
        "parameter 'ahead'",
        "'burnt' is not a ahead(kept, refused)",
        machine(policies=(replace(PAYING_AHEAD, parameter=replace(PAYING_AHEAD.parameter, default="burnt")),)),
    ),
    "initial value out of range": Wrong(
        "TS204",
        "variable 'till', initial value",
        "5 is not a Tokens(0..3)",
        machine(variables=(*VARIABLES, variable("till", Tokens(0, 3), 5, ""))),
    ),
    "initial value among the members left out": Wrong(
        "TS204",
        "variable 'last', initial value",
        "copper is not a Coin(silver, gold)",
        machine(variables=(*VARIABLES, variable("last", COIN.only("silver", "gold"), "copper", ""))),
    ),
    "control begins in a state that it does not have": Wrong(
        "TS204",
        "variable 'barrier', initial value",
        "ajar is not a Barrier(locked, unlocked)",
        machine(
            variables=(
                variable("barrier", Enum("Barrier", ("locked", "unlocked", "ajar")).only("locked", "unlocked"), "ajar", ""),
                *VARIABLES[1:],
            )
        ),
    ),
    "effect out of range": Wrong(
        "TS204", f"{RULE}, effect on 'purse'", "99 is not a Tokens(0..4)", unlocks(effect=(purse.becomes(99),))
    ),
    "effect of a member left out": Wrong(
        "TS204",
        f"{RULE}, effect on 'last'",
        "copper is not a Coin(silver, gold)",
        machine(
            variables=(*VARIABLES, variable("last", COIN.only("silver", "gold"), "gold", "")),
            rules=(replace(UNLOCKS, effect=(var("last").becomes("copper"),)),),
        ),
    ),
    "ledger amount below zero": Wrong(
        "TS204", f"{RULE}, bought purse", "-1 is not a Tokens", unlocks(ledger=(posting(Kind.BOUGHT, purse, -1),))
    ),
    "answer of a policy that its parameter does not have": Wrong(
        "TS204",
        "policy 'ahead'",
        "'burnt' is not a ahead(kept, refused)",
        policy(answers=(*PAYING_AHEAD.answers, ("burnt", "it is melted"))),
    ),
    "policy whose default is not its first answer": Wrong(
        "TS204", "policy 'ahead'", "'kept' is not the first answer", policy(answers=PAYING_AHEAD.answers[::-1])
    ),
    "policy without a default": Wrong(
        "TS204", "policy 'ahead'", "None", policy(parameter=replace(PAYING_AHEAD.parameter, default=None))
    ),
    "policy without answers": Wrong("TS204", "policy 'ahead'", "'kept'", policy(answers=())),
    # a type has no values
    "range without numbers": Wrong(
        "TS205",
        "parameter 'spare'",
        "Tokens(3..1) has no values",
        machine(parameters=(ROOM, Parameter("spare", Tokens(3, 1), None, ""))),
    ),
    "enum without members": Wrong(
        "TS205",
        "event 'pay', field 'kind'",
        "Kind() has no values",
        machine(fields=(Field("coin", COIN, ""), Field("kind", Enum("Kind", ()), ""))),
    ),
}
