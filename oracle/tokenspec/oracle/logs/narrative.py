"""A run as a story: each event, and only its changes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tokenspec.diagrams.sequence import Happening
from tokenspec.oracle.base.text import as_text, one_line
from tokenspec.oracle.wire.answers import BY_POOL, SAID, STATE

_SHOWN = tuple(field for field in SAID if field not in BY_POOL)


def story(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yields a line or two for each record (with its answer under `observed`): the event, its answer, the changes."""
    several = len({record["account"] for record in records}) > 1
    for number, it in enumerate(told(records), 1):
        who = f"{it.by}: " if several else ""
        yield f"{number:>3}. {it.at}  {who}{it.event}{f' ({it.says})' if it.says else ''}"
        yield f"     -> {it.answer or 'here'}{': ' if it.changes else ''}{', '.join(it.changes)}"


def told(records: Sequence[Mapping[str, Any]]) -> Iterator[Happening]:
    """Yields each record (with its answer under `observed`) with its changes; one without an answer has none."""
    last: dict[str, dict[str, Any]] = {}
    alike = _alike(records)
    for record in records:
        payload = {k: v for k, v in record.items() if k not in ("account", "at", "event", "observed")}
        said = ", ".join(f"{one_line(str(key))} {in_words(value, key in alike)}" for key, value in payload.items())
        who, at = in_words(record["account"], "account" in alike), str(record["at"])
        answer = record.get("observed")
        if answer is None:
            yield Happening(who, record["event"], at, said, False, "", ())
            continue
        before = last.get(record["account"], {})
        now = {key: answer.get(key) for key in STATE} | dict(answer.get("balances") or {})
        extra = [f"{key} {in_words(answer[key])}" for key in _SHOWN if answer.get(key)]
        changed = tuple(_change(key, before.get(key), value) for key, value in now.items() if before.get(key) != value)
        accepted = answer["outcome"] == "accepted"
        yield Happening(who, record["event"], at, said, accepted, ", ".join([answer["outcome"], *extra]), changed)
        last[record["account"]] = now


def _change(key: str, before: Any, now: Any) -> str:
    return f"{key} {in_words(now)}" if before is None else f"{key} {in_words(before)} -> {in_words(now)}"


def _alike(records: Sequence[Mapping[str, Any]]) -> set[str]:
    """Returns the fields with several names of which one is not ASCII: two of them may look the same."""
    names: dict[str, set[str]] = {}
    for record in records:
        for key, value in record.items():
            if isinstance(value, str):
                names.setdefault(key, set()).add(value)
    return {key for key, each in names.items() if len(each) > 1 and not "".join(each).isascii()}


def in_words(value: Any, is_alike: bool = False) -> str:
    """Returns names without quotation marks; everything else as a log writes it, also names with blanks that nobody sees.

    A name that `is_alike` is written with escapes.
    """
    if not isinstance(value, str) or " ".join(value.split()) != value or not value:
        return as_text(value)
    return one_line(json.dumps(value)[1:-1] if is_alike else value)
