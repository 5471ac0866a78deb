"""Catalogues of one's own, written in a few words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from tokenspec.machine.lang.catalogue import Figures
from tokenspec.spec.catalogue import FORM


def plan(allowance: int, api: int = 0, relaxed: Collection[str] = ()) -> dict[str, Any]:
    """Returns the figures of a plan."""
    return {"allowance": allowance, "api": api, "relaxed": list(relaxed)}


def catalogue(daily: int, bank_months: int, plans: Mapping[str, Any], packs: Mapping[str, int], **more: Any) -> Figures:
    """Returns a catalogue of these plans, from the lowest to the highest."""
    return Figures(FORM, dict(ranking=list(plans), daily=daily, bank_months=bank_months, plans=plans, packs=packs, **more))
