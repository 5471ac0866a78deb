"""The claims: what must always hold of the account, its clocks and its sessions.

Each is a sentence with the clauses it rests on and the formulas that make it exact; each formula has a twin, the
case that makes it interesting. Where a formula could quote a definition of the declaration it says the thing
again in other words, so that a fault in the definition cannot hide itself.
"""

from __future__ import annotations

from functools import cache

from tokenspec.invariants.accounting import accounting
from tokenspec.invariants.generating import generating
from tokenspec.invariants.jobs import jobs
from tokenspec.invariants.safety import safety
from tokenspec.machine.lang.claims import Claim


@cache
def claims(ranking: tuple[str, ...]) -> tuple[Claim, ...]:
    """All claims, in the order of their numbers, for a catalogue with the plans of `ranking`."""
    return (*safety(ranking), *accounting(ranking), *jobs(ranking), *generating(ranking))
