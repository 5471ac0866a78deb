"""Small worlds in which every reachable state of the account can be visited: figures, payloads and bounds, as data.

What claims bound by the catalogue is bounded by it in a scope too.
"""

from __future__ import annotations

from collections.abc import Mapping

from tokenspec.machine.lang.catalogue import Figures
from tokenspec.machine.lang.specification import Scope
from tokenspec.machine.lang.types import Value
from tokenspec.spec.catalogue import FORM, FREE_PLAN

_FLAGS = (True, False)
_VALUES: Mapping[str, tuple[Value, ...]] = {
    "cost": (0, 1, 2, 3),
    "quantity": (0, 1),
    "amount": (0, 1),
    "listed_price": (1,),
    "price_is_listed": (True,),
    "model_is_known": (True,),
    "model_is_paid_only": (False,),
    "action_is_named": (False,),
    "job_is_new": (True,),
    "job_was_through": ("app", "api"),
    "job_was_charged": (True,),
    "job_is_refunded": (False,),
    "day_lasts": _FLAGS,
    "month_lasts": _FLAGS,
    "subscription_lasts": (True,),
    "daily_part": (0, 1),
    "fast_part": (0, 1),
    "rollover_part": (0,),
    "topup_part": (0, 1),
    "api_part": (1,),
}

_MEDIA_BY_RANK = ((), ("image",), ("image", "video"))


def _scope(
    name: str, daily: int, allowances: tuple[int, ...], months: int, topup: int, api: int, **values: tuple[Value, ...]
) -> Scope:
    """A world with a paid plan for each of `allowances`; the highest plan includes an API token, and packs hold one token."""
    names = ("lower", "higher") if len(allowances) == 2 else ("lower", "middle", "higher")
    media = _MEDIA_BY_RANK[: len(allowances)]
    plans = {FREE_PLAN: {"allowance": 0}} | {
        n: {"allowance": a, "api": int(n == names[-1]), "relaxed": m} for n, a, m in zip(names, allowances, media, strict=True)
    }
    figures = {"ranking": tuple(plans), "daily": daily, "bank_months": months, "plans": plans, "packs": {"pack": 1}}
    catalogue = Figures(FORM, figures)
    most = {
        "daily": daily,
        "fast": max(allowances),
        "rollover": months * max(allowances),
        "topup": topup,
        "api": api,
        "renewals_due": 2,
    }
    return Scope(name, catalogue, {**_VALUES, **values}, most)


TINY = _scope("tiny", 1, (1, 2), 2, topup=1, api=1)
SMALL = _scope("small", 2, (1, 2, 3), 3, topup=2, api=1)
STANDARD = _scope("standard", 3, (2, 5, 8), 3, topup=8, api=2, cost=(0, 1, 2, 3, 5))

SCOPES = {scope.name: scope for scope in (TINY, SMALL, STANDARD)}
"""The scopes by name, from one that takes seconds in plain Python to one of more than a million states."""
