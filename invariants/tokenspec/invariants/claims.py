"""The claims: what must always hold of the account, its clocks and its sessions.

Each is a sentence with the clauses it rests on and the formulas that make it exact; each formula has a witness, the
case that makes it interesting. Where a formula could quote a definition of the declaration it says the thing
again in other words, so that a fault in the definition cannot hide itself.
"""

from __future__ import annotations

from functools import cache

from tokenspec.invariants.accounting import accounting
from tokenspec.invariants.generating import generating
from tokenspec.invariants.jobs import jobs, marks
from tokenspec.invariants.remembering import coming_back, remembering
from tokenspec.invariants.safety import safety
from tokenspec.invariants.together import overdue, together
from tokenspec.invariants.words import FALLS_DUE, VARIABLES, pair, payable_at, state
from tokenspec.machine.lang.build import Term, all_of, eq, ne, var
from tokenspec.machine.lang.claims import Claim, LayerPart, claim, new, other, within_types
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.words import ABSENT, status, topup


@cache
def claims(
    ranking: tuple[str, ...], months: int = DEFAULT.bank_months, cheapest: int = 1, has_packs: bool = True
) -> tuple[Claim, ...]:
    """All claims, in the order of their numbers, for a catalogue with the plans of `ranking`.

    `months` is what the second one says of the bank; its formula holds for any. `cheapest` is the lowest listed price, and
    `has_packs` says that some pack is on sale.
    """
    payable = payable_at(cheapest, ranking, has_packs)
    return (
        *safety(ranking, months),
        *accounting(ranking, payable),
        *jobs(ranking, cheapest),
        types(ranking),
        marks(),
        *remembering(),
        answers(),
        together(),
        coming_back(),
        apart(),
        overdue(),
        *generating(ranking, payable),
        saved(),
    )


def types(ranking: tuple[str, ...]) -> Claim:
    """Claim 22. Of the other machines the same is a lemma, on which every proof about them rests."""
    declared = within_types(account(DEFAULT.but(ranking=ranking)))
    # Nothing narrower arises under every setting and every catalogue.
    met = ne(status, ABSENT)
    return claim(
        22,
        "within_types",
        "Every variable stays within its declared type, in every state.",
        "F04 A06",
        state("account", Term(declared.holds), met),
    )


def answers() -> Claim:
    """Claim 25, which is true by construction, as are 28 and 32."""
    return claim(
        25,
        "answer_is_the_state",
        "The answer is the state: what it says of the account is what the account's variables and clocks are after the event. "
        "A record that repeats an id is no event, and is answered as claim 19 says.",
        "F04 F14 A06 A12",
        LayerPart("answer_is_the_state", "what an answer says of the account is read off variables and clocks again", FALLS_DUE),
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
