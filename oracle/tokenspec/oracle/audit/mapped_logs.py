"""Tables and foreign logs as logs of records: a map says which record each row stands for.

One account after the other, in the order of instants. Rows that are one event together are one record; an account that begins
before its rows do begins with a snapshot.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby, pairwise
from typing import Any, NamedTuple

import msgspec

from tokenspec.machine.interpreters.calendars import reader_of
from tokenspec.machine.lang.calendars import calendar_under
from tokenspec.machine.lang.declaration import Clock
from tokenspec.oracle.audit.cells import GetValue, getter, is_whole, place_in
from tokenspec.oracle.audit.map_files import fields_of
from tokenspec.oracle.audit.map_model import RECORDS, UNITS, LedgerMap, MapCell, MapTime, RowEvent, RowGroup
from tokenspec.oracle.audit.tables import SortedRows, TableRow, names_of
from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.instants import format_instant, parse_instant
from tokenspec.oracle.base.specification import SPEC, account, hint
from tokenspec.oracle.base.text import as_text
from tokenspec.oracle.logs.reading import RowsRead
from tokenspec.oracle.runtime.clocks import runs_in
from tokenspec.oracle.wire.answers import SUMS
from tokenspec.oracle.wire.log_files import Line, Logs
from tokenspec.oracle.wire.observations import is_plausible
from tokenspec.oracle.wire.records import Reader
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


class MappedRow(NamedTuple):
    """A row with its kind and its observation."""

    row: TableRow
    kind: str
    observed: dict[str, Any]


class Payload(NamedTuple):
    """The readers of an event's fields, and those of defaults, each with the field that it does not stand beside."""

    cells: list[tuple[str, GetValue]]
    defaults: list[tuple[str, str | None, GetValue]]


class RecordsOfRows:
    """The records that rows stand for, by a map whose columns are at `positions` among a row's cells."""

    def __init__(self, ledger_map: LedgerMap, positions: Mapping[tuple[str, bool], int], reader: Reader) -> None:
        self._map, self._positions = ledger_map, positions
        self._fields = fields_of(reader.events)
        pairs = [(f.key, f.instead) for event in reader.events for f in event.fields if f.instead]
        self._instead = dict(pairs) | {other: key for key, other in pairs}
        self._kind = self._getter("kind", MapCell(ledger_map.kind), False)
        self._raw_at = self._getter("at", ledger_map.at, False)
        own = (*ledger_map.kinds.values(), *(group.becomes for group in ledger_map.groups))
        self._payloads = {id(becomes): self._payload(becomes) for becomes in own}
        self._observed = self._readers(ledger_map.observed)
        self._own_observed = {id(becomes): self._readers(becomes.observed) for becomes in own}
        self._openings = LogOpenings(ledger_map, self._getter)

    def lines(self, of_account: Iterable[TableRow], rows: RowsRead) -> Iterator[Line]:
        """Yields the lines of one account, whose rows are in order, and counts the rows."""
        return self._openings.opened(self._made(of_account, rows))

    def _getter(self, name: str, cell: MapCell, is_number: bool) -> GetValue:
        return getter(name, cell, self._positions, is_number)

    def _payload(self, becomes: RowEvent) -> Payload:
        """Returns the readers of the event's fields, each from the kind's own cell or else the map's, and of its defaults."""
        cells, defaults = [], []
        for name, is_number in {"id": False, **self._fields[becomes.event]}.items():
            if (cell := becomes.fields.get(name) or self._map.fields.get(name)) is not None:
                cells.append((name, self._getter(name, cell, is_number)))
            if (default := self._map.defaults.get(name)) is not None:
                defaults.append((name, self._instead.get(name), self._getter(name, default, is_number)))
        return Payload(cells, defaults)

    def _made(self, of_account: Iterable[TableRow], rows: RowsRead) -> Iterator[MadeLine]:
        """Yields the lines of one account."""
        if self._map.source.format == RECORDS:
            yield from (_as_it_is(row, rows) for row in of_account)
            return
        for _, at_once in groupby(of_account, key=lambda row: row.at):
            waiting: list[MappedRow | MadeLine] = []
            for row in at_once:
                rows.read += 1
                try:
                    waiting += self._taken(row, rows)
                except BadRecord as fault:
                    waiting.append(_bad(row, fault, rows))
            kinds = {each.kind for each in waiting if isinstance(each, MappedRow)}
            for group in self._map.groups:
                if kinds.issuperset(group.kinds):
                    self._group(waiting, group, rows)
            for each in waiting:
                if isinstance(each, MadeLine):
                    yield each
                elif each.kind in self._map.kinds:
                    yield self._record(self._map.kinds[each.kind], [each], rows)
                else:
                    rows.note_unmapped(each.kind, line_of(each.row))

    def _taken(self, row: TableRow, rows: RowsRead) -> Iterator[MappedRow]:
        """Yields the row unless it is ignored. Raises `BadRecord` for a row without an account or an instant."""
        if row.fault:
            raise BadRecord("row", row.fault)
        kind = str(self._kind(row) or "") if self._map.kind else ""
        if kind in self._map.ignore:
            rows.ignored += 1
            return
        if row.account is None:
            raise BadRecord("account", "it is empty")
        if row.at is None:
            written = self._raw_at(row)
            rule = "it is no instant by the map's [time], or one that the clocks of its zone show twice or never"
            raise BadRecord("at", rule + _meant(str(written), self._map.time), as_text(written))
        yield MappedRow(row, kind, _read(row, self._observed, {}))

    def _readers(self, observed: Mapping[str, MapCell]) -> list[tuple[str, GetValue, GetValue]]:
        """Returns for each observed field its reader, and a second one for the text as written."""
        return [
            (name, self._getter(name, cell, is_whole(name)), self._getter(name, MapCell(cell.read), False))
            for name, cell in observed.items()
        ]

    def _group(self, waiting: list[MappedRow | MadeLine], group: RowGroup, rows: RowsRead) -> None:
        """Replaces each full set of the group's rows by its record."""
        while True:
            found = [
                next((each for each in waiting if isinstance(each, MappedRow) and each.kind == kind), None)
                for kind in (*group.kinds, *group.optional)
            ]
            if None in found[: len(group.kinds)]:
                return
            members = sorted((each for each in found if each is not None), key=waiting.index)
            waiting[waiting.index(members[-1])] = self._record(group.becomes, members, rows)
            for member in members[:-1]:
                waiting.remove(member)

    def _record(self, becomes: RowEvent, members: Sequence[MappedRow], rows: RowsRead) -> MadeLine:
        """Returns the record of some rows. Its observation is that of the last row, with the deltas added up."""
        last = members[-1].row
        assert last.at is not None
        record: dict[str, Any] = {"account": last.account, "at": format_instant(last.at), "event": becomes.event}
        try:
            cells, defaults = self._payloads[id(becomes)]
            record |= {name: value for name, read in cells if (value := read(last)) is not None}
            for name, other, default in defaults:
                # A generation names its model or its origin: a default stands for neither where the other is there.
                if name not in record and other not in record and (value := default(last)) is not None:
                    record[name] = value
            observed = _read(last, self._own_observed[id(becomes)], _together(members))
        except BadRecord as fault:
            fault.account = last.account
            rows.bad += len(members) - 1
            return _bad(last, fault, rows)
        rows.in_records += len(members)
        if observed:
            record["observed"] = observed
        return MadeLine(line_of(last, msgspec.json.encode(record)), record, last)


class MappedLogs:
    """The rows at `paths` as the lines of a log. They can be iterated more than once.

    Raises `OSError` where one of them cannot be read, `BadSetting` where it is not as the map says.
    """

    size: int | None = None

    def __init__(self, ledger_map: LedgerMap, paths: Sequence[str], reader: Reader) -> None:
        self._map, self.names = ledger_map, names_of(ledger_map, paths)
        self._table = SortedRows(ledger_map, paths, self.names)
        self.row_count, self.empty = self._table.count(), self._table.empty()
        self._records = RecordsOfRows(ledger_map, self._table.positions, reader)
        self.rows = RowsRead()
        """The count of rows, new in each iteration."""

    def __iter__(self) -> Iterator[Line]:
        self.rows = rows = RowsRead()
        snapshots = given_snapshots(self._map)
        for name, of_account in groupby(self._table, key=lambda row: row.account):
            yield from snapshots.pop(name, ())
            yield from self._records.lines(of_account, rows)
        for rest in snapshots.values():
            yield from rest


def _meant(written: str, time: MapTime) -> str:
    """Returns the unit that a number too small for its own was most likely written in, or what makes a day an instant."""
    unit = time.unit
    if time.format is None and _DAY.fullmatch(written):
        return '; a day is no instant: write format = "%Y-%m-%d" if its midnight is meant'
    if unit is None or not written.isdecimal():
        return ""
    other = next((name for name, us in UNITS.items() if is_plausible(int(written) * us // 1_000)), unit)
    return f'; this looks like {other}: write unit = "{other}"' if other != unit else ""


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _as_it_is(row: TableRow, rows: RowsRead) -> MadeLine:
    """Returns the line of a log of records."""
    rows.read += 1
    if row.fault and not row.cells:
        return _bad(row, BadRecord("row", row.fault), rows)
    rows.in_records += 1
    return MadeLine(line_of(row, (row.cells[0] or "").strip().encode()), None, row)


def _read(row: TableRow, readers: Iterable[tuple[str, GetValue, GetValue]], observed: dict[str, Any]) -> dict[str, Any]:
    """Returns `observed` with the values that the readers find in a row."""
    for name, read, as_written in readers:
        try:
            value = read(row)
        except BadRecord:
            # Its event happened all the same: what is wrong with the value is told as of every log.
            value = as_written(row)
        if value is not None:
            of, dot, pool = name.partition(".")
            if dot:
                observed[of] = {**observed.get(of, {}), pool: value}
            else:
                observed[name] = value
    return observed


def _together(members: Sequence[MappedRow]) -> dict[str, Any]:
    """Returns the observation of rows that are one event. Raises `BadRecord` where their balances do not add up."""
    observed = dict(members[-1].observed)
    if len(members) == 1:
        return observed
    for before, after in pairwise(members):
        held, moved, then = before.observed.get("total"), after.observed.get("delta"), after.observed.get("total")
        if type(held) is type(moved) is type(then) is int and held + moved != then:
            rule = f"the rows of one event add up, and {held} in {place_in(before.row)} and {moved} are not {then}"
            raise BadRecord("observed.total", rule)
    deltas = [member.observed.get("delta") for member in members]
    if "delta" in observed:
        whole = [delta for delta in deltas if type(delta) is int]
        observed["delta"] = sum(whole) if len(whole) == len(deltas) else None
    # What is no number in any of the rows is told as it would be in one alone.
    written = [(name, member.observed.get(name)) for member in members for name in SUMS]
    return observed | {name: value for name, value in written if value is not None and type(value) is not int}


def _bad(row: TableRow, fault: BadRecord, rows: RowsRead) -> MadeLine:
    rows.bad += 1
    fault.account = row.account
    return MadeLine(line_of(row)._replace(fault=fault), None, row)
