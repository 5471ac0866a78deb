"""Claim 27: leaving and coming back. The tokens that an account left with are followed apart from its own balances."""

from __future__ import annotations

from tokenspec.invariants.words import *
from tokenspec.machine.lang.build import all_of, any_of, eq, implies, ite, minimum, one_of, var
from tokenspec.machine.lang.claims import Claim, claim, flow, ghost, new
from tokenspec.machine.lang.declaration import Kind
from tokenspec.machine.lang.types import COUNTABLE_MAX, Tokens
from tokenspec.spec.words import *


def coming_back() -> Claim:
    """Claim 27, for any plans."""
    is_away = one_of(status, ABSENT, FREE)
    leaves = all_of(one_of(status, *SUBSCRIBED), eq(new(status), FREE))
    packs, bank = var("packs_left_with"), var("bank_left_with")
    # A job of before may be refunded while the account is free; what its packs paid is theirs again.
    with_refunds = minimum(COUNTABLE_MAX, packs + flow(Kind.REFUNDED, topup))
    packs_remembered = ghost("packs_left_with", Tokens(), 0, ite(leaves, topup, ite(is_away, with_refunds, packs)))
    bank_remembered = ghost("bank_left_with", Tokens(), 0, ite(leaves, rollover, bank))
    return claim(
        27,
        "coming_back_mints_nothing",
        "Leaving and coming back mints nothing: packs are kept through the end of a subscription and a new one, and the bank "
        "is then empty, or with `lapse_bank = frozen` what it held at the end as far as the new ceiling has room.",
        "F06 F24",
        step(
            "packs",
            all_of(eq(new(topup), packs), eq(flow(Kind.BOUGHT, topup), 0)),
            is_away,
            "subscribe",
            ghosts=(packs_remembered,),
            keeps=implies(is_away, eq(topup, packs)),
        ),
        step(
            "bank",
            eq(new(rollover), ite(bank_frozen, minimum(bank, new(ceiling)), 0)),
            is_away,
            "subscribe",
            ghosts=(bank_remembered,),
            keeps=implies(is_away, eq(rollover, ite(bank_frozen, bank, 0))),
        ),
        step(
            "both_ways",
            implies(
                any_of(leaves, eq(event, "subscribe")),
                all_of(unchanged(topup), new(rollover) <= rollover, eq(flow(Kind.GRANTED, rollover), 0)),
            ),
            all_of(leaves, topup > 0),
            "subscribe",
            "cancel",
            "renew",
            "lapse",
        ),
    )
