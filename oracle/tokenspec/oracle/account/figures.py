"""Catalogues with the plans, packs and prices of the default one, and other figures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from tokenspec.machine.lang.catalogue import Figures
from tokenspec.oracle.fuzz.figures import OtherFigures
from tokenspec.spec.catalogue import DEFAULT

_RELAXED = [plan["relaxed"] for plan in DEFAULT.plans.values()]


def _plans(figures: Iterable[tuple[int, int]], relaxed: Iterable[Any] = _RELAXED) -> dict[str, Any]:
    """Returns the plans with these fast and API tokens a month, from the lowest on."""
    rows = zip(DEFAULT.plans, figures, relaxed, strict=True)
    return {name: {"allowance": allowance, "api": api, "relaxed": media} for name, (allowance, api), media in rows}


SMALL = DEFAULT.but(
    daily=5, bank_months=1, plans=_plans((10 * rank, rank) for rank in range(len(_RELAXED))), packs={"small": 1, "large": 50}
)
"""Pools run dry and fill up within a few events, and every paid plan has API tokens."""

EXCHANGED = DEFAULT.but(
    daily=1_000,
    bank_months=2,
    plans=_plans(
        ((0, 0), *((plan["allowance"] // 10 + 7, 500 * rank) for rank, plan in enumerate(list(DEFAULT.plans.values())[1:]))),
        (_RELAXED[0], *reversed(_RELAXED[1:])),
    ),
    packs={"small": 7_001, "large": 250},
    prices={action: 3 * price + 1 for action, price in DEFAULT.prices.items()},
)
"""The daily tokens last long, the lowest plan has what is unlimited on the highest one, and no figure is round."""

WITHOUT_BANK = SMALL.but(daily=1, bank_months=0)
"""One daily token, and nothing is banked."""

ZEROS = SMALL.but(daily=0, bank_months=2, plans=_plans((max(0, 10 * rank - 20), rank % 2) for rank in range(len(_RELAXED))))
"""No daily tokens, paid plans without an allowance, and API tokens on some plans alone."""

OF_WORLDS = (DEFAULT, SMALL, DEFAULT, EXCHANGED, WITHOUT_BANK, ZEROS)
"""The catalogues of successive worlds of an implementation, where neither it nor the user has fixed one."""


@st.composite
def catalogues(draw: st.DrawFn) -> Figures:
    """Draws the default catalogue, or one of the same plans with other figures."""
    if draw(st.booleans()):
        return DEFAULT
    allowances = sorted(draw(st.lists(st.sampled_from((0, 1, 4, 100, 8_500)), min_size=3, max_size=3)))
    return DEFAULT.but(
        plans=_plans(((0, 0), *((allowance, draw(st.sampled_from((0, 7)))) for allowance in allowances))),
        daily=draw(st.sampled_from((150, 1, 5))),
        bank_months=draw(st.sampled_from((3, 1, 0))),
        packs={"small": draw(st.sampled_from((1, 10, 1_000))), "large": 50},
        aliases={},
        models={
            "own": {"origin": "first_party"},
            "own 2": {"origin": "first_party", "paid_only": True},
            "other": {"origin": "third_party"},
        },
    )


FIGURES = OtherFigures(SMALL, OF_WORLDS, catalogues)
