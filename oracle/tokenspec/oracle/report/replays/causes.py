"""Divergences grouped by what they have in common: the event, the rule and the field."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tokenspec.oracle.logs.replay import Divergence


@dataclass
class Cause:
    """Divergences of one event under one rule in one field."""

    event: str
    rule: str
    field: str
    first: Divergence
    delta: int | None
    accounts: set[str]
    explained_by: list[tuple[str, str]]
    resets: str | None


def causes_of(divergences: Iterable[Divergence]) -> list[Cause]:
    """Returns divergences grouped by cause, those of most accounts first."""
    found: dict[tuple[str, str, str], Cause] = {}
    for d in divergences:
        key = (d.event, d.outcome, d.differences[0][0])
        cause = found.get(key)
        if cause is None:
            found[key] = Cause(*key, d, d.delta, {d.account}, list(d.explained_by), d.resets)
            continue
        cause.accounts.add(d.account)
        cause.delta = cause.delta if cause.delta == d.delta else None
        if d.explained:
            cause.explained_by = [setting for setting in cause.explained_by if setting in d.explained_by]
        cause.resets = cause.resets if cause.resets == d.resets else None
    return sorted(found.values(), key=lambda cause: -len(cause.accounts))
