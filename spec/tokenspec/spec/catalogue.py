"""The catalogue: plans, packs and prices. Data, replaceable by the user's own; the shipped one is catalogue.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from typing import Any

from tokenspec.machine.lang.catalogue import (
    CatalogueForm,
    Entries,
    Fact,
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
    parameters_of,
)
from tokenspec.machine.lang.types import Value

FREE_PLAN = "free"
MEDIA = ("image", "video")


@dataclass(frozen=True)
class Plan:
    """The contents of a plan: fast tokens and API tokens a month, and the media that remain when tokens run out."""

    allowance: int
    api: int = 0
    relaxed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Model:
    """The origin of a model, and true if it is for paid plans alone."""

    origin: str
    paid_only: bool = False


@dataclass(frozen=True)
class Catalogue:
    """Everything that is on offer. `ranking` lists the plans from lowest to highest, the free one first."""

    ranking: tuple[str, ...]
    daily: int
    bank_months: int
    plans: Mapping[str, Plan]
    packs: Mapping[str, int]
    prices: Mapping[str, int] = field(default_factory=dict)
    """Tokens by action; the price list alone defines the form of an action's key."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Older plan names that a log may use, each with the present name."""
    models: Mapping[str, Model] = field(default_factory=dict)

    def unnamed(self, fields: Collection[str] = ("model", "action")) -> dict[str, Value]:
        """Returns the facts of every generation that names, of its model and its action, `fields` alone."""
        models = self.models.values() if "model" in fields else ()
        known: dict[str, Value] = {} if any(m.paid_only for m in models) else {"model_is_paid_only": False}
        known |= {} if self.prices else {"price_is_listed": False}
        known |= {} if "model" in fields else {"model_is_known": True}
        return known | ({} if "action" in fields else {"action_is_named": False})

    def written(self) -> dict[str, Any]:
        """Returns the catalogue in its declared form."""
        plans = {name: vars(plan) | {"relaxed": list(plan.relaxed)} for name, plan in self.plans.items()}
        models = {name: dict(vars(model)) for name, model in self.models.items()}
        return {key: getattr(self, key) for key in FORM} | {"ranking": list(self.ranking), "plans": plans, "models": models}

    def parameters(self) -> dict[str, Value]:
        """Returns the figures under their names in the account's declaration."""
        return self._parameters.copy()

    @cached_property
    def _parameters(self) -> dict[str, Value]:
        return parameters_of(FORM, self.written())


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


def catalogue_of(read: Mapping[str, Any]) -> Catalogue:
    """Returns the catalogue of values that have been read by the form."""
    plans = {name: Plan(**plan | {"relaxed": tuple(plan.get("relaxed", ()))}) for name, plan in read["plans"].items()}
    models = {name: Model(**model) for name, model in read.get("models", {}).items()}
    return Catalogue(**{**read, "ranking": tuple(read["ranking"]), "plans": plans, "models": models})


DEFAULT = catalogue_of(tomllib.loads(files(__package__).joinpath("catalogue.toml").read_text("utf-8")))
"""The plans of Leonardo.Ai, with placeholders and examples where nothing is published (catalogue.toml)."""
