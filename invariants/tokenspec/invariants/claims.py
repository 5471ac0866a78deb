"""The claims: what must always hold of the account, its clocks and its sessions.

Each is a sentence with the clauses it rests on and the formulas that make it exact; each formula has a witness, the
case that makes it interesting. Where a formula could quote a definition of the declaration it says the thing
again in other words, so that a fault in the definition cannot hide itself.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from tokenspec.invariants.accounting import accounting
from tokenspec.invariants.coming_back import coming_back
from tokenspec.invariants.derived import answers, apart, saved
from tokenspec.invariants.generating import generating
from tokenspec.invariants.jobs import jobs, marks
from tokenspec.invariants.remembering import remembering
from tokenspec.invariants.safety import safety
from tokenspec.invariants.together import overdue, together
from tokenspec.invariants.words import state
from tokenspec.machine.lang.build import Term, all_of, ne
from tokenspec.machine.lang.claims import Claim, claim, within_types
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.words import NONE, renewals_due, scheduled_plan


@cache
def claims(ranking: tuple[str, ...], months: int = DEFAULT.bank_months) -> tuple[Claim, ...]:
    """All claims, in the order of their numbers, for a catalogue with the plans of `ranking`.

    `months` is what the second one says of the bank; its formula holds for any.
    """
    return (
        *safety(ranking, months),
        *accounting(ranking),
        *jobs(ranking),
        types(ranking),
        marks(),
        *remembering(),
        answers(),
        together(),
        coming_back(),
        apart(),
        overdue(),
        *generating(ranking),
        saved(),
    )


def types(ranking: tuple[str, ...]) -> Claim:
    """Claim 22. Of the other machines the same is a lemma, on which every proof about them rests."""
    declared = within_types(account(replace(DEFAULT, ranking=ranking)))
    met = all_of(ne(scheduled_plan, NONE), renewals_due > 0)
    return claim(
        22,
        "within_types",
        "Every variable stays within its declared type, in every state.",
        "F04 A06",
        state("account", Term(declared.holds), met),
    )
