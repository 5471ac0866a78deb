"""Where runs are looked for: situations that lie deep, each told once, under the settings that matter there.

From a new account a search in breadth comes to most situations within a few records. A bank, a lapsed subscription or a
refund across a month lie further off, so that the search begins there.
"""

from __future__ import annotations

from dataclasses import replace

from tokenspec.oracle.vectors.build.moves import Move, move
from tokenspec.oracle.vectors.build.script import DAY, MONTH, Place, Told
from tokenspec.spec.catalogue import DEFAULT, Catalogue, Plan
from tokenspec.spec.policies import POLICIES

SMALL = Catalogue(
    DEFAULT.ranking,
    daily=20,
    bank_months=2,
    plans={
        "free": Plan(0),
        "essential": Plan(100, api=5),
        "premium": Plan(300, api=10, relaxed=("image",)),
        "ultimate": Plan(700, api=30, relaxed=("video",)),
    },
    packs={"small": 1, "large": 1_000},
    prices=DEFAULT.prices,
)
"""The same plans with small figures, in which pools run dry and fill up soon, and with API tokens included."""

EXCHANGED = replace(SMALL, plans={**SMALL.plans, "premium": Plan(300, 10, ("video",)), "ultimate": Plan(700, 30, ("image",))})
"""Which plan has unlimited generation of what is a matter of the catalogue, and not of a plan's rank."""

OPEN = move("open_account")
RENEW, RESET, FAILED, LAPSE = move("renew"), move("daily_reset"), move("payment_failed"), move("lapse")
CANCEL, RESUME = move("cancel"), move("resume")
PACK = move("buy_topup", pack="small", quantity=1)


def subscribe(plan: str) -> Move:
    """A plan is taken out."""
    return move("subscribe", plan=plan)


def upgrade(plan: str) -> Move:
    """A higher plan, at once."""
    return move("upgrade", plan=plan)


def downgrade(plan: str) -> Move:
    """A lower plan, from the next renewal on."""
    return move("downgrade", plan=plan)


def generate(job: str, cost: int, media: str = "image", origin: str = "first_party") -> Move:
    """A generation in the app."""
    return move("generate", job=job, cost=cost, media=media, origin=origin)


def refund(job: str) -> Move:
    """A generation is given back."""
    return move("refund", job=job)


_BANK_LEFT: Told = (OPEN, subscribe("premium"), generate("j1", 5_000), MONTH, RENEW, PACK)
"""Every pool holds another number of tokens."""
_UNPAID: Told = (*_BANK_LEFT, MONTH, FAILED)
_LAPSED: Told = (OPEN, subscribe("ultimate"), MONTH, RENEW, PACK, MONTH, FAILED)
_SPENT: Told = (*_BANK_LEFT, generate("j2", 25_100), generate("j3", 20_100))

_UNCOUNTABLE: Told = (OPEN, subscribe("premium"), PACK, generate("j1", 321), move("buy_topup", pack="small", quantity=2**53 - 1))
"""With small figures: a pack of one token is spent, and then packs are bought up to the greatest number."""


def _overfull(plan: str) -> Told:
    """A job draws on a full bank, which then fills up again."""
    most = DEFAULT.plans[plan].allowance + DEFAULT.daily
    months = (MONTH, MONTH, MONTH, RENEW)
    return (OPEN, subscribe(plan), *months, generate("j1", most + 10), MONTH, RENEW, MONTH, RENEW)


PLACES: tuple[Place, ...] = (
    Place("new", (), 700),
    Place("bank", _BANK_LEFT, 120),
    Place("unpaid", _UNPAID, 60),
    Place("spent", _SPENT, 120),
    Place("refund of the bank", (OPEN, subscribe("premium"), MONTH, RENEW, generate("j1", 25_160), generate("j2", 20)), 40),
    Place("empty", (OPEN, subscribe("premium"), generate("j1", 25_150)), 120),
    Place("downgraded", (OPEN, subscribe("ultimate"), MONTH, RENEW, downgrade("essential"), MONTH), 30),
    Place("small figures", (OPEN, subscribe("premium")), 150, {}, SMALL),
    Place("essential", (OPEN, subscribe("essential"), generate("j1", 200)), 30),
    Place("lapsed", (*_UNPAID, LAPSE), 15),
    Place("ended", (*_BANK_LEFT, CANCEL, MONTH, RENEW), 15),
    Place(
        "begun again",
        (OPEN, subscribe("premium"), MONTH, RENEW, generate("j1", 25_160), CANCEL, MONTH, RENEW, subscribe("premium")),
        10,
    ),
    *(Place(f"full bank on {plan}", _overfull(plan), 3) for plan in DEFAULT.ranking[1:]),
    Place("small figures, new", (OPEN,), 10, {}, SMALL),
    Place("small figures, on ultimate", (OPEN, subscribe("ultimate"), generate("j1", 720)), 20, {}, SMALL),
    Place("exchanged, on premium", (OPEN, subscribe("premium"), generate("j1", 320)), 20, {}, EXCHANGED),
    Place("exchanged, on ultimate", (OPEN, subscribe("ultimate"), generate("j1", 720)), 20, {}, EXCHANGED),
    Place("exchanged, on essential", (OPEN, subscribe("essential"), generate("j1", 120)), 20, {}, EXCHANGED),
    Place("packs beyond counting", _UNCOUNTABLE, 5, {}, SMALL),
    Place("months missed", (OPEN, subscribe("essential"), move("buy_api", amount=2**53 - 1 - 12), MONTH, MONTH), 30, {}, SMALL),
)
"""Places under the default policies."""

_FROZEN = {"lapse_bank": "frozen"}
_LETTER = {"paid_daily_guard": "bank_and_topup_empty"}

_TOLD: tuple[Place, ...] = (
    Place("bank, other burn order", _BANK_LEFT, 30, {"burn_order": "rollover_fast_topup"}),
    Place("bank, daily last", _BANK_LEFT, 60, {"daily_position": "last"}),
    Place("both burn otherwise", _BANK_LEFT, 30, {"burn_order": "rollover_fast_topup", "daily_position": "last"}),
    Place("clock from opening", (), 30, {"daily_reset_clock": "every_24h_from_opening"}),
    Place("guard to the letter", (OPEN, subscribe("premium"), DAY), 60, _LETTER),
    Place("guard to the letter, packs", (OPEN, subscribe("premium"), PACK, DAY), 10, _LETTER),
    Place("guard to the letter, bank", (OPEN, subscribe("premium"), MONTH, RENEW, DAY), 30, _LETTER),
    Place("daily kept", (OPEN, subscribe("premium"), generate("j1", 50), DAY), 40, {"paid_daily_leftover": "kept"}),
    Place("upgrade in full", (OPEN, subscribe("essential"), generate("j1", 200)), 20, {"upgrade_grant": "full"}),
    Place("upgrade later", (OPEN, subscribe("essential"), generate("j1", 200)), 20, {"upgrade_grant": "next_renewal"}),
    Place(
        "downgrade keeps",
        (OPEN, subscribe("ultimate"), MONTH, RENEW, generate("j1", 5_000), downgrade("essential"), MONTH),
        40,
        {"downgrade_bank": "keep"},
    ),
    Place("bank frozen", _LAPSED, 60, _FROZEN),
    Place("two months frozen", (OPEN, subscribe("ultimate"), MONTH, MONTH, RENEW, CANCEL, MONTH, RENEW), 5, _FROZEN),
    Place("frozen and spending", (*_LAPSED, LAPSE), 15, {"lapse_bank": "frozen", "past_due_spending": "allowed"}),
    Place("bank frozen by cancelling", (OPEN, subscribe("ultimate"), MONTH, RENEW, CANCEL, MONTH), 40, _FROZEN),
    Place("day of the month", (OPEN, subscribe("premium")), 20, {"month_end": "stay_clamped"}),
    Place("once for all", (OPEN, subscribe("premium"), MONTH, MONTH), 30, {"missed_renewals": "once"}),
    Place("once, and again", (OPEN, subscribe("premium"), MONTH, RENEW, MONTH), 5, {"missed_renewals": "once"}),
    Place("no refunds", (), 15, {"refund": "none"}),
    Place("remainder relaxes", (OPEN, subscribe("premium"), generate("j1", 25_100)), 40, {"stranded_remainder": "relax"}),
    Place("unpaid and spending", _UNPAID, 60, {"past_due_spending": "allowed"}),
    Place("unpaid, remainder relaxes", _UNPAID, 30, {"stranded_remainder": "relax", "past_due_spending": "allowed"}),
)

_COVERED = {item for place in _TOLD for item in place.policy.items()}
OTHERWISE: tuple[Place, ...] = (
    *_TOLD,
    *(
        Place(f"{policy.name}: {choice}", (OPEN, subscribe("premium")), 30, {policy.name: choice})
        for policy in POLICIES
        for choice, _ in policy.answers[1:]
        if (policy.name, choice) not in _COVERED
    ),
)
"""Places where another choice of a policy shows; one that is told nowhere gets a plain place of its own."""
