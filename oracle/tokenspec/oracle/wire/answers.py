"""What the oracle answers to an event, and how an answer is compared with one that somebody else gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from tokenspec.oracle.base.instants import parse_instant
from tokenspec.spec.words import POOLS


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The answer to one event. What does not apply is left out; without an account the state fields are None.

    Balances and charges are tokens by pool; instants are RFC 3339 in UTC; `relaxed` names the media of unlimited generation.
    """

    outcome: str
    reason: str | UnsetType = UNSET
    mode: str | UnsetType = UNSET
    charge: dict[str, int] | UnsetType = UNSET
    shown_is: str | UnsetType = UNSET
    cost: int | UnsetType = UNSET
    status: str | None = None
    plan: str | None = None
    scheduled_plan: str | None = None
    balances: dict[str, int] = {}
    relaxed: list[str] | None = None
    next_daily_reset_at: str | None = None
    next_renewal_at: str | None = None
    duplicate: bool | UnsetType = UNSET

    def as_dict(self) -> dict[str, Any]:
        """The answer as a record holds it."""
        built: dict[str, Any] = msgspec.to_builtins(self)
        return built


FIELDS = Answer.__struct_fields__
"""Every field of an answer, in the order in which differences are reported."""
_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(Answer)}
STATE = tuple(name for name in FIELDS if _DEFAULTS[name] is None)
"""The fields that say how an account stands, balances apart."""
SAID = tuple(name for name in FIELDS if _DEFAULTS[name] is UNSET)
"""The fields that are left out where they do not apply."""
BY_POOL = ("charge", "balances")
_INSTANTS = tuple(name for name in STATE if name.endswith("_at"))

Difference = tuple[str, Any, Any]
"""(field, expected, got)."""


def differences(expected: Answer, got: Mapping[str, Any]) -> list[Difference]:
    """Every field written in `got` that is not what `expected` says, in the order of `FIELDS`.

    Absent and null are the same, and so are `duplicate: false`, an empty charge, and their absence. Of balances
    and charge only the pools written count, but an empty charge says that nothing was charged.
    """
    found: list[Difference] = []
    for field in FIELDS:
        if field not in got:
            continue
        ours, theirs = getattr(expected, field), got[field]
        if ours is UNSET:
            ours = None
        if field in BY_POOL:
            found += _by_pool(field, ours or {}, theirs)
        elif field in _INSTANTS:
            if _instant(ours) != _instant(theirs):
                found.append((field, ours, theirs))
        elif field == "relaxed":
            if _media(ours) != _media(theirs):
                found.append((field, ours, theirs))
        elif not _same(ours, theirs) and not (field == "duplicate" and not ours and theirs is False):
            found.append((field, ours, theirs))
    return found


def can_be_compared(observed: Mapping[str, Any]) -> bool:
    """Returns whether `observed` says anything that is compared: a known field, and in it, where it holds pools, a known pool."""
    for field in FIELDS:
        if field in observed:
            said = observed[field]
            if field not in BY_POOL or not isinstance(said, dict):
                return True
            if (not said and field == "charge") or any(pool in said for pool in POOLS):
                return True
    return False


def _by_pool(field: str, ours: Mapping[str, int], theirs: Any) -> list[Difference]:
    if theirs is None or (theirs == {} and field == "charge"):
        return [(field, dict(ours), theirs)] if any(ours.values()) else []
    if not isinstance(theirs, dict):
        return [(field, dict(ours), theirs)]
    zero = 0 if field == "charge" else None
    return [
        (f"{field}.{pool}", ours.get(pool, zero), theirs[pool])
        for pool in POOLS
        if pool in theirs and not _same(ours.get(pool, zero), zero if theirs[pool] is None else theirs[pool])
    ]


def _media(written: Any) -> Any:
    """A list of media as the set it stands for; a null is none of them."""
    is_list = isinstance(written, list) and all(isinstance(medium, str) for medium in written)
    return frozenset(written) if is_list else frozenset() if written is None else written


def _same(ours: Any, theirs: Any) -> bool:
    # 1, 1.0 and true are equal in Python and three different things in an answer.
    return type(ours) is type(theirs) and bool(ours == theirs)


def _instant(written: Any) -> Any:
    if isinstance(written, str):
        try:
            return parse_instant(written, any_offset=True)
        except ValueError:
            return written
    return written
