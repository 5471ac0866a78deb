"""Divergences and bad records as JSON, in the form of the reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tokenspec.oracle.base.text import bounded
from tokenspec.oracle.logs.reading import Bad
from tokenspec.oracle.logs.replay import Divergence
from tokenspec.oracle.wire.answers import Difference
from tokenspec.oracle.wire.log_files import Line


def offset_of(line: Line) -> int | None:
    """Returns the byte at which a line starts; None for a row of a table."""
    return line.offset if line.offset >= 0 else None


def _place(line: Line) -> dict[str, Any]:
    place = {"file": line.file, "line": line.number, "offset": offset_of(line)}
    return place | ({"key": line.key} if line.key else {})


def bad_data(bad: Bad) -> dict[str, Any]:
    """Returns a bad record as JSON."""
    told, *others = [{"field": f.field, "rule": f.rule, "value": f.value} for f in (bad.fault, *bad.fault.others)]
    return {**_place(bad.line), **told, **({"others": others} if others else {})}


def divergence_data(d: Divergence) -> dict[str, Any]:
    """Returns a divergence as JSON."""
    name, expected, got = d.differences[0]
    return {
        **_place(d.line),
        "account": d.account,
        "event": d.event,
        "at": d.at,
        "field": name,
        "expected": expected,
        "got": bounded(got),
        "delta": d.delta,
        "fields": fields_data(d.differences),
        "outcome": d.outcome,
        "clauses": list(d.clauses),
        "explained": d.explained,
        "explained_by": settings_data(d.explained_by),
        "explained_by_field": {name: settings_data(settings) for name, settings in d.by_field.items()},
        "resets": d.resets,
        "known": [] if d.explained_by or d.resets is not None else d.known,
        "skipped": [{"file": line.file, "line": line.number} for line in d.skipped],
        "notes": d.notes,
    }


def settings_data(settings: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Returns policies and their choices as JSON."""
    return [{"policy": name, "answer": choice} for name, choice in settings]


def fields_data(differences: Sequence[Difference]) -> list[dict[str, Any]]:
    """Returns the differing fields as JSON."""
    return [{"field": name, "expected": expected, "got": bounded(got)} for name, expected, got in differences]
