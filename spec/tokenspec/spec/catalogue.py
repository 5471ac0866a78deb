"""The catalogue: plans, packs and prices. Data, replaceable by the user's own.

Allowances are the published ones. Pack sizes and prices are not published: those here are placeholders and examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tokenspec.machine.lang.types import Value

FREE_PLAN = "free"
MEDIA = ("image", "video")


@dataclass(frozen=True)
class Plan:
    """What a plan gives: fast tokens and API tokens a month, and the media that go on when tokens run out."""

    allowance: int
    api: int = 0
    relaxed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Catalogue:
    """Everything that is on offer. `ranking` lists the plans from lowest to highest, the free one first."""

    ranking: tuple[str, ...]
    daily: int
    bank_months: int
    plans: Mapping[str, Plan]
    packs: Mapping[str, int]
    prices: Mapping[str, int] = field(default_factory=dict)
    """Tokens by action; how an action's key is put together is the price list's own business."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Older plan names that a log may use, and what the plan is called now."""

    def parameters(self) -> dict[str, Value]:
        """The figures under the names that the account's declaration gives them."""
        figures: dict[str, Value] = {"daily_allowance": self.daily}
        for name in self.ranking:
            plan = self.plans[name]
            figures[f"allowance[{name}]"] = plan.allowance
            figures[f"ceiling[{name}]"] = self.bank_months * plan.allowance
            figures[f"api[{name}]"] = plan.api
            figures |= {f"relaxed[{name},{medium}]": medium in plan.relaxed for medium in MEDIA}
        return figures | {f"pack[{name}]": size for name, size in self.packs.items()}


def action(feature: str, model: str, settings: str, size: str, images: int, references: int) -> str:
    """The key of an action in the shipped example price list (F01)."""
    return f"{feature}/{model}/{settings}/{size}/images={images}/references={references}"


# An example, not Leonardo.Ai's list, which is not published. The price of several images is not a multiple of one.
EXAMPLE_PRICES: dict[str, int] = {
    action("image", "phoenix", "fast", "1024x1024", 1, 0): 8,
    action("image", "phoenix", "fast", "1024x1024", 4, 0): 18,
    action("image", "phoenix", "quality", "1024x1024", 1, 0): 16,
    action("image", "phoenix", "quality", "1024x1024", 4, 0): 26,
    action("image", "phoenix", "quality", "1536x1536", 4, 0): 40,
    action("image", "phoenix", "quality", "1536x1536", 4, 2): 56,
    action("image", "partner-model", "standard", "1024x1024", 1, 0): 40,
    action("video", "motion", "standard", "720p", 1, 1): 250,
}

DEFAULT = Catalogue(
    ranking=(FREE_PLAN, "essential", "premium", "ultimate"),
    daily=150,
    bank_months=3,
    plans={
        FREE_PLAN: Plan(allowance=0),
        "essential": Plan(allowance=8_500),
        "premium": Plan(allowance=25_000, relaxed=("image",)),
        "ultimate": Plan(allowance=60_000, relaxed=("image", "video")),
    },
    packs={"small": 1_000, "large": 10_000},  # placeholders: the sizes are not published
    prices=EXAMPLE_PRICES,
    aliases={"Apprentice": "essential", "Artisan": "premium", "Maestro": "ultimate"}
    | {"apprentice": "essential", "artisan": "premium", "maestro": "ultimate"},
)
