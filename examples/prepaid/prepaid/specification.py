"""The specification: all that belongs to the account, under one name (`--spec prepaid.specification:PREPAID`)."""

from __future__ import annotations

import tomllib
from functools import partial
from importlib.resources import files
from typing import Any

from prepaid.account import system
from prepaid.claims import claims, lemmas
from prepaid.words import FORM, POOLS
from tokenspec.machine.lang.catalogue import Figures, Listed, LookedUp
from tokenspec.machine.lang.specification import AnswerForm, Scope, Shown, Specification


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath(name).read_text("utf-8"))


_VALUES = {
    "amount": (-1, 0, 1, 2),
    "quantity": (0, 1, 2),
    "ground": ("goodwill",),
    "price_is_listed": (True, False),
    "listed_price": (1,),
    "hold_is_new": (True, False),
    "hold_is_open": (True, False),
    "week_lasts": (True, False),
    "credit_lasts": (True, False),
    "bonus_part": (0, 1),
    "credit_part": (0, 1),
}


def _scope(name: str, weekly_bonus: int, debt_limit: int, credit: int) -> Scope:
    """A small world, every state of which can be visited; packs hold one token and two."""
    catalogue = {"weekly_bonus": weekly_bonus, "debt_limit": debt_limit, "packs": {"one": 1, "two": 2}, "prices": {}}
    return Scope(name, Figures(FORM, catalogue), _VALUES, {"bonus": weekly_bonus, "credit": credit, "debt": debt_limit})


PREPAID = Specification(
    name="prepaid",
    says="A prepaid account: packs of credit, a weekly bonus, holds, and purchases that are charged back.",
    system=lambda catalogue: system(tuple(catalogue.packs)),
    form=FORM,
    catalogue=Figures(FORM, _toml("catalogue.toml")),
    catalogue_of=partial(Figures, FORM),
    facts={"price_is_listed": Listed("prices", "action"), "listed_price": LookedUp("prices", "action", 0)},
    names={"action": "prices"},
    clauses=_toml("clauses.toml"),
    claims=lambda catalogue: claims(catalogue.packs),
    lemmas=lemmas(),
    scopes=(_scope("tiny", 1, 2, 2), _scope("small", 3, 4, 8)),
    answer=AnswerForm(
        state=(Shown("status"), Shown("debt")),
        clocks={"week": "next_bonus_at", "credit": "credit_expires_at"},
        total=POOLS,
        said=("charge", "price"),
    ),
)
