"""Catalogues with the plans, packs and prices of the default one, and other figures."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from tokenspec.oracle.fuzz.figures import OtherFigures
from tokenspec.spec.catalogue import DEFAULT, Catalogue, Model, Plan

SMALL = replace(
    DEFAULT,
    daily=5,
    bank_months=1,
    plans={name: Plan(10 * rank, rank, plan.relaxed) for rank, (name, plan) in enumerate(DEFAULT.plans.items())},
    packs={"small": 1, "large": 50},
)
"""Pools run dry and fill up within a few events, and every paid plan has API tokens."""

_PAID = [plan.relaxed for plan in list(DEFAULT.plans.values())[1:]]

EXCHANGED = replace(
    DEFAULT,
    daily=1_000,
    bank_months=2,
    plans=dict(DEFAULT.plans)
    | {
        name: Plan(plan.allowance // 10 + 7, 500 * rank, relaxed)
        for rank, ((name, plan), relaxed) in enumerate(zip(list(DEFAULT.plans.items())[1:], reversed(_PAID), strict=True))
    },
    packs={"small": 7_001, "large": 250},
    prices={action: 3 * price + 1 for action, price in DEFAULT.prices.items()},
)
"""The daily tokens last long, the lowest plan has what is unlimited on the highest one, and no figure is round."""

WITHOUT_BANK = replace(SMALL, daily=1, bank_months=0)
"""One daily token, and nothing is banked."""

ZEROS = replace(
    SMALL,
    daily=0,
    bank_months=2,
    plans={name: Plan(max(0, 10 * rank - 20), rank % 2, plan.relaxed) for rank, (name, plan) in enumerate(DEFAULT.plans.items())},
)
"""No daily tokens, paid plans without an allowance, and API tokens on some plans alone."""

OF_WORLDS = (DEFAULT, SMALL, DEFAULT, EXCHANGED, WITHOUT_BANK, ZEROS)
"""The catalogues of successive worlds of an implementation, where neither it nor the user has fixed one."""


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    """Draws the default catalogue, or one of the same plans with other figures."""
    if draw(st.booleans()):
        return DEFAULT
    allowances = sorted(draw(st.lists(st.sampled_from((0, 1, 4, 100, 8_500)), min_size=3, max_size=3)))
    names = DEFAULT.ranking[1:]
    plans = {
        name: Plan(allowance, draw(st.sampled_from((0, 7))), DEFAULT.plans[name].relaxed)
        for name, allowance in zip(names, allowances, strict=True)
    }
    return Catalogue(
        DEFAULT.ranking,
        draw(st.sampled_from((150, 1, 5))),
        draw(st.sampled_from((3, 1, 0))),
        {DEFAULT.ranking[0]: Plan(0), **plans},
        {"small": draw(st.sampled_from((1, 10, 1_000))), "large": 50},
        DEFAULT.prices,
        models={"own": Model("first_party"), "own 2": Model("first_party", paid_only=True), "other": Model("third_party")},
    )


FIGURES = OtherFigures(SMALL, OF_WORLDS, catalogues)
