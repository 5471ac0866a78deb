"""Draws a history as text: a column for each client, and time from top to bottom, so that overlaps are seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tokenspec.oracle.base.specification import POOLS
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.logs.narrative import in_words
from tokenspec.oracle.races.history import Call
from tokenspec.oracle.races.playing import Played
from tokenspec.oracle.runtime.memory import KEY
from tokenspec.oracle.wire.answers import SAID, STATE

_WIDEST = 64
"""Characters of a column."""

_NAMES = (KEY, "id")
"""The fields that tell requests apart; they come first."""

KILLED = "-- killed with kill -9, and started again --"


def drawn(played: Played) -> Iterator[str]:
    """The lines of the picture."""
    clients = sorted({call.client for calls in played.calls for call in calls})
    if not clients:
        return
    rows = list(_rows(played, clients))
    widths = [max(len(cells[n]) for _, cells in rows if isinstance(cells, list)) for n in range(len(clients))]
    left = max(len(at) for at, _ in rows)
    for at, cells in rows:
        line = cells if isinstance(cells, str) else "  ".join(f"{c:<{w}}" for c, w in zip(cells, widths, strict=True))
        yield f"{at:<{left}}  {line}".rstrip()


def _rows(played: Played, clients: list[int]) -> Iterator[tuple[str, list[str] | str]]:
    """The instant of a row where it is a new one, and a cell for each client, or what goes across all of them."""
    yield "", [f"client {client}" for client in clients]
    told, last_at = dict[str, Mapping[str, Any]](), ""
    for round_, calls in zip(played.rounds, played.calls, strict=False):
        under_way = set[int]()
        moments = [(call.sent, call) for call in calls] + [(call.answered, call) for call in calls if call.answered is not None]
        for number, call in sorted(moments, key=lambda moment: moment[0]):
            at = call.record["at"] if call.record["at"] != last_at else ""
            last_at = call.record["at"]
            if number == call.sent:
                yield at, _cells(clients, under_way, call, f"┌ {_asked(call.record)}")
                under_way.add(call.client)
            else:
                under_way.discard(call.client)
                account = call.record["account"]
                yield at, _cells(clients, under_way, call, f"└ {_answered(call.got or {}, told.get(account, {}))}")
                told[account] = _state(call.got or {})
        if round_.kill is not None:
            yield "", KILLED
        for call in calls:
            if call.answered is None:
                under_way.discard(call.client)
                yield "", _cells(clients, under_way, call, f"└ {one_line(str(call.failed), 300) if call.failed else 'no answer'}")


def _cells(clients: list[int], under_way: set[int], call: Call, text: str) -> list[str]:
    return [_cut(text) if client == call.client else "│" if client in under_way else "" for client in clients]


def _asked(record: Mapping[str, Any]) -> str:
    keys = [*(key for key in _NAMES if key in record), *(key for key in record if key not in (*_NAMES, "account", "at", "event"))]
    said = ", ".join(f"{key} {in_words(record[key])}" for key in keys)
    return f"{record['event']}{f' ({said})' if said else ''}"


def _answered(got: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    said = [f"{key} {in_words(got[key])}" for key in SAID if got.get(key)]
    changed = [f"{key} {in_words(value)}" for key, value in _state(got).items() if before.get(key) != value]
    return f"{got.get('outcome', 'answered')}{': ' if said or changed else ''}{', '.join(changed + said)}"


def _state(got: Mapping[str, Any]) -> dict[str, Any]:
    balances = got.get("balances")
    pools = {pool: balances[pool] for pool in POOLS if balances.get(pool)} if isinstance(balances, Mapping) else {}
    # Instants and lists are long; where one is wrong, it is told below the picture.
    return {key: got[key] for key in STATE if isinstance(got.get(key), str) and not key.endswith("_at")} | pools


def _cut(text: str) -> str:
    shown = one_line(text, 10 * _WIDEST)
    return shown if len(shown) <= _WIDEST else f"{shown[: _WIDEST - 3]}..."
