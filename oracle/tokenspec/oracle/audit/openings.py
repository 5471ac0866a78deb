"""Snapshots for accounts that begin before the log does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from tokenspec.machine.interpreters.calendars import reader_of
from tokenspec.machine.lang.calendars import calendar_under
from tokenspec.machine.lang.declaration import Clock
from tokenspec.oracle.audit.cells import GetValue
from tokenspec.oracle.audit.map_model import LedgerMap, MapCell
from tokenspec.oracle.audit.tables import TableRow
from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.instants import format_instant, parse_instant
from tokenspec.oracle.base.specification import SPEC, account, hint
from tokenspec.oracle.runtime.clocks import runs_in
from tokenspec.oracle.wire.log_files import Line, Logs
from tokenspec.oracle.wire.snapshot_records import SNAPSHOT

_BEGIN = (SPEC.opening.name, SNAPSHOT)
"""The events that an account begins with."""


class MadeLine(NamedTuple):
    """The line made of a row, and its record; None where the row is bad."""

    line: Line
    record: dict[str, Any] | None
    row: TableRow


def line_of(row: TableRow, content: bytes = b"") -> Line:
    """Returns the row as a line of a log."""
    return Line(row.file, row.number, -1, content, key=row.key)


def given_snapshots(ledger_map: LedgerMap) -> dict[str | None, list[Line]]:
    """Returns the lines of the map's file of snapshots by account, under None those without one. Raises `OSError`."""
    found: dict[str | None, list[Line]] = {}
    for line in Logs([ledger_map.snapshots]) if ledger_map.snapshots is not None else ():
        try:
            written = msgspec.json.decode(line.content)
            account = written.get("account") if isinstance(written, dict) else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            account = None
        found.setdefault(account if isinstance(account, str) else None, []).append(line)
    return found


class LogOpenings:
    """The openings that a map declares."""

    def __init__(self, ledger_map: LedgerMap, getter: Callable[[str, MapCell, bool], GetValue]) -> None:
        self._opening = ledger_map.opening
        state = self._opening.state if self._opening is not None else {}
        self._state = {name: getter(name, cell, name == "renewal_day") for name, cell in state.items()}

    def opened(self, made: Iterator[MadeLine]) -> Iterator[Line]:
        """Yields the lines of one account, after its opening snapshot where the map asks for one."""
        opening = self._opening
        if opening is None or opening.is_in_a_file:
            yield from (each.line for each in made)
            return
        for each in made:
            if each.record is None:
                yield each.line
                continue
            rest: Iterable[MadeLine] = chain([each], made)
            if each.record["event"] not in _BEGIN:
                snapshot, rest = self._snapshot(each, rest)
                yield snapshot
            yield from (later.line for later in rest)

    def _snapshot(self, first: MadeLine, rest: Iterable[MadeLine]) -> tuple[Line, Iterable[MadeLine]]:
        """Returns the snapshot of an account before its first row, and its lines, which are read ahead only if need be."""
        assert self._opening is not None
        assert first.record is not None
        try:
            balances = {self._opening.pool: _before(first.record)} if self._opening.source == "first_balance" else {}
            state = {name: value for name, read in self._state.items() if (value := read(first.row)) is not None}
        except BadRecord as fault:
            fault.account = first.row.account
            return first.line._replace(content=b"", fault=fault), rest
        state["balances"] = balances
        if (complete := hint("opening_state")) is not None:
            complete(state)
        machine = account()
        opened = next(rule.target for rule in SPEC.opening.rules if rule.target is not None)
        for clock in machine.clocks:
            field, state_of = SPEC.answer.clocks.get(clock.name, ""), str(state.get(machine.control, opened))
            # A clock that every account has is started by the opening.
            if field not in state and runs_in(machine, clock.name, state_of) and not runs_in(machine, clock.name, opened):
                rest = list(rest)
                state[field] = _next_due(rest, clock, first.record["at"])
        record = {"account": first.record["account"], "at": first.record["at"], "event": SNAPSHOT, "state": state}
        return first.line._replace(content=msgspec.json.encode(record)), rest


def _before(record: dict[str, Any]) -> int:
    """Returns the tokens held before an account's first record. Raises `BadRecord`."""
    observed = record.get("observed", {})
    total, delta = observed.get("total"), observed.get("delta")
    if type(total) is not int or type(delta) is not int:
        raise BadRecord("opening", "an account's first row says what it then held and what it did, and this one does not")
    return total - delta


def _next_due(made: Iterable[MadeLine], clock: Clock, at: str) -> str:
    """Returns the instant of the first run of a clock's job in the log; at the latest when it falls due if it starts at `at`."""
    latest, _ = reader_of(calendar_under(clock.calendar, SPEC.defaults)).first(parse_instant(at), 0)
    runs = (parse_instant(each.record["at"]) for each in made if each.record is not None and each.record["event"] == clock.job)
    return format_instant(min(next(runs, latest), latest))
