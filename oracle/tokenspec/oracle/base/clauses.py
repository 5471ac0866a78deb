"""Clauses by id with their sentences, and the reason and clauses behind a decision of an event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tokenspec.machine.lang.declaration import Event
from tokenspec.oracle.base.specification import CLAUSES


class DeclaredReason(NamedTuple):
    """The declared sentence behind a decision, and the clauses it rests on."""

    why: str
    clauses: tuple[str, ...]


def clause_texts(ids: Iterable[str]) -> list[str]:
    """Each clause with its sentence."""
    return [f"{clause}: {CLAUSES[clause]}" for clause in ids]


def clauses_of(event: Event) -> tuple[str, ...]:
    """Returns the clauses of an event, or those of its rules if it cites none itself."""
    return event.clauses or tuple(dict.fromkeys(clause for rule in event.rules for clause in rule.clauses))


def reason(event: Event, decided_by: str) -> DeclaredReason:
    """Returns the reason of the event's own rule or requirement: another event may give the same code for another reason."""
    found = {need.code: (need.because, need.clauses) for need in event.requires}
    why, clauses = (found | {rule.name: (rule.why, rule.clauses) for rule in event.rules})[decided_by]
    return DeclaredReason(why, clauses or clauses_of(event))
