"""The state in which an account of a foreign log begins, completed."""

from __future__ import annotations

from typing import Any

from tokenspec.spec.catalogue import FREE_PLAN
from tokenspec.spec.words import ACTIVE


def complete(state: dict[str, Any]) -> None:
    """Adds the status of an account on a paid plan, where it is not said."""
    if state.get("plan", FREE_PLAN) != FREE_PLAN:
        state.setdefault("status", ACTIVE)
