"""Small worlds in which every reachable state of the account can be visited: figures, payloads and bounds, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tokenspec.machine.lang.types import Value
from tokenspec.spec.catalogue import FREE_PLAN, Catalogue, Plan


@dataclass(frozen=True)
class Scope:
    """A catalogue, the values that fields take, and the most that a variable holds before a state is left unvisited."""

    name: str
    catalogue: Catalogue
    values: Mapping[str, tuple[Value, ...]]
    most: Mapping[str, int]


def _catalogue(daily: int, lower: int, higher: int) -> Catalogue:
    plans = {FREE_PLAN: Plan(0), "lower": Plan(lower), "higher": Plan(higher, 1, ("image",))}
    return Catalogue((FREE_PLAN, "lower", "higher"), daily, 2, plans, {"pack": 1})


_FLAGS = (True, False)
_VALUES: Mapping[str, tuple[Value, ...]] = {
    "cost": (0, 1, 2, 3),
    "quantity": (0, 1),
    "amount": (0, 1),
    "listed_price": (1,),
    "price_is_listed": (True,),
    "job_is_new": (True,),
    "job_was_charged": (True,),
    "job_is_refunded": (False,),
    "day_lasts": _FLAGS,
    "month_lasts": _FLAGS,
    "subscription_lasts": (True,),
    "daily_part": (0, 1),
    "fast_part": (0, 1),
    "rollover_part": (0,),
    "topup_part": (0, 1),
}

TINY = Scope("tiny", _catalogue(1, 1, 2), _VALUES, {"topup": 1, "api": 1, "renewals_due": 2})
