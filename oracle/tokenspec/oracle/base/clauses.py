"""Clauses by id, with their sentences."""

from __future__ import annotations

from collections.abc import Iterable

from tokenspec.spec.clauses import CLAUSES


def clause_texts(ids: Iterable[str]) -> list[str]:
    """Each clause with its sentence."""
    return [f"{clause}: {CLAUSES[clause]}" for clause in ids]
