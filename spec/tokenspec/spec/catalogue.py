"""The catalogue: plans, packs and prices. Data, replaceable by the user's own; the shipped one is catalogue.toml."""

from __future__ import annotations

import tomllib
from importlib.resources import files

# fmt: off
from tokenspec.machine.lang.catalogue import (
    CatalogueForm,
    Entries,
    Fact,
    Figures,
    Flag,
    Listed,
    LookedUp,
    Named,
    NameIn,
    Number,
    OfVariant,
    OneOf,
    Ranking,
    SomeOf,
)

# fmt: on

FREE_PLAN = "free"
MEDIA = ("image", "video")


_COUNT = Number()
FORM: CatalogueForm = {
    "ranking": Ranking("plans", first=FREE_PLAN),
    "daily": Number(parameter="daily_allowance"),
    "bank_months": _COUNT,
    "plans": Entries({"allowance": _COUNT, "api": Number(0), "relaxed": SomeOf(MEDIA)}, "plan", is_declared=True),
    "packs": Entries(Number(parameter="pack"), "pack", is_declared=True),
    "prices": Entries(Number(least=1), "action", required=False),
    "aliases": Entries(NameIn("plans"), "alias", required=False, renames=("plan", "scheduled_plan")),
    "models": Entries({"origin": OneOf(("first_party", "third_party")), "paid_only": Flag()}, "model", required=False),
}
"""The form in which a catalogue is written and sent."""
FACTS: dict[str, Fact] = {
    "price_is_listed": Listed("prices", "action"),
    "listed_price": LookedUp("prices", "action", 0),
    "action_is_named": Named("action"),
    "model_is_known": OfVariant("models", "model", unnamed=True),
    "model_is_paid_only": OfVariant("models", "model", "paid_only"),
    "origin": OfVariant("models", "model", "origin", default="third_party"),
}
"""The facts that are looked up in the catalogue. A model that nobody lists is refused, whatever its origin would be."""


DEFAULT = Figures(FORM, tomllib.loads(files(__package__).joinpath("catalogue.toml").read_text("utf-8")))
"""The plans of Leonardo.Ai, with placeholders and examples where nothing is published (catalogue.toml)."""
