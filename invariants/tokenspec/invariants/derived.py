"""Claims 25, 28 and 32, which are true by construction: answers, accounts beside each other, and saved states."""

from __future__ import annotations

from tokenspec.invariants.words import VARIABLES, pair
from tokenspec.machine.lang.build import all_of, eq, ne, var
from tokenspec.machine.lang.claims import Claim, LayerPart, claim, new, other
from tokenspec.spec.words import *


def answers() -> Claim:
    """Claim 25."""
    return claim(
        25,
        "answer_is_the_state",
        "The answer is the state: what it says of the account is what the account's variables and clocks are after the event.",
        "F04 F14 A06 A12",
        LayerPart("answer_is_the_state", "what an answer says of the account is read off variables and clocks again"),
    )


def apart() -> Claim:
    """Claim 28."""
    return claim(
        28,
        "accounts_stand_alone",
        "One account's answers do not depend on the others: alone, its records get the same answers.",
        "A15",
        pair(
            "others_stay",
            all_of(*(eq(new(other(var(name))), other(var(name))) for name in VARIABLES)),
            all_of(ne(status, other(status)), ne(topup, new(topup))),
        ),
        LayerPart("answered_alone", "a world that holds one account alone answers its records alike"),
    )


def saved() -> Claim:
    """Claim 32."""
    return claim(
        32,
        "going_on_is_going_on",
        "Going on from a saved state is going on: answers and states are as if nothing had been saved.",
        "F02",
        LayerPart("going_on", "an account that was written and read answers the next record alike, and is the same after it"),
    )
