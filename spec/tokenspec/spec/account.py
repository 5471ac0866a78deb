"""The account as one machine: its words, its life (lifecycle.py) and its tokens (tokens.py), and its two clocks."""

from __future__ import annotations

from functools import lru_cache

from tokenspec.machine.lang.build import cites
from tokenspec.machine.lang.declaration import Clock, Machine
from tokenspec.machine.lang.types import Enum
from tokenspec.spec.catalogue import DEFAULT, Catalogue
from tokenspec.spec.daily_job import HOUR_MS
from tokenspec.spec.lifecycle import billing, opening, subscription
from tokenspec.spec.policies import POLICIES
from tokenspec.spec.tokens import buying, day, spending
from tokenspec.spec.words import POOLS, UNLISTED, assumptions, definitions, parameters, plan_type, variables

# fmt: off
CLOCKS = (
    Clock("renewal", falls_due="renewal_falls_due", job="renew", says="monthly, on the anniversary of subscribing",
          overdue_ms=24 * HOUR_MS, clauses=cites("F22 F23 A04 A05")),
    Clock("daily", falls_due="daily_reset_falls_due", job="daily_reset", says="daily, at the account's reset time",
          overdue_ms=48 * HOUR_MS, clauses=cites("F21 A02 A05 A12")),
)
# fmt: on


def account(catalogue: Catalogue = DEFAULT) -> Machine:
    """The account for the plans and packs of `catalogue`; its figures stay open, as parameters."""
    return _account(catalogue.ranking, tuple(catalogue.packs))


@lru_cache(maxsize=64)
def _account(ranking: tuple[str, ...], packs: tuple[str, ...]) -> Machine:
    plans_asked = plan_type(ranking).only(*ranking, UNLISTED)
    packs_asked = Enum("Pack", (*packs, UNLISTED))
    return Machine(
        name="account",
        says="A token account: its subscription and its five pools.",
        control="status",
        variables=variables(ranking),
        events=(opening(), *subscription(plans_asked), *billing(), *day(), *buying(packs_asked), *spending()),
        parameters=parameters(ranking, packs),
        policies=POLICIES,
        assumptions=assumptions(ranking, packs),
        definitions=definitions(ranking, packs),
        clocks=CLOCKS,
        pools=POOLS,
    )
