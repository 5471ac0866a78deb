"""Reads a map from TOML. All its faults are reported, each with its key, the value, the rule, and the remedy."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tokenspec.machine.lang.declaration import Event, Origin
from tokenspec.machine.lang.types import Tokens
from tokenspec.oracle.audit.cells import is_whole
from tokenspec.oracle.audit.map_model import (
    FORMATS,
    RECORDS,
    TABLES,
    UNITS,
    LedgerMap,
    MapCell,
    MapTime,
    Opening,
    RowEvent,
    RowGroup,
    Source,
)
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.base.nearest import did_you_mean, no_such
from tokenspec.oracle.base.specification import POOLS, TOTAL_POOLS
from tokenspec.oracle.base.text import as_text, one_line
from tokenspec.oracle.wire.answers import BY_POOL, LISTS
from tokenspec.oracle.wire.observations import NAMES
from tokenspec.oracle.wire.records import Reader
from tokenspec.oracle.wire.snapshot_records import AccountState

_READY = files("tokenspec.oracle.audit") / "maps"
_TABLES = ("source", "fields", "time", "events", "groups", "defaults", "observed", "opening")
OWN = ("account", "at", "id")
"""The fields that every record has."""
_STATE = tuple(name for name in AccountState.__struct_fields__ if name != "balances")


def ready_maps() -> list[str]:
    """Returns the names of the ready-made maps."""
    return sorted(each.name.removesuffix(".toml") for each in _READY.iterdir() if each.name.endswith(".toml"))


def ready_map(name: str) -> str:
    """Returns the text of a ready-made map. Raises `KeyError` where there is none of that name."""
    if name not in ready_maps():
        raise KeyError(name)
    return (_READY / f"{name}.toml").read_text(encoding="utf-8")


def map_at(path: str, reader: Reader) -> LedgerMap:
    """Returns the map in the file at `path`, or the ready-made one of this name. Raises `BadSetting`, `OSError`."""
    if not Path(path).exists() and path in ready_maps():
        return map_from(ready_map(path), path, reader)
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as fault:
        raise BadSetting(path, f"a map is UTF-8 text, and byte {fault.start} is not") from None
    except FileNotFoundError as fault:
        known = ready_maps()
        fault.strerror = f"there is no such map; the ready-made ones are {', '.join(known)}{did_you_mean(path, known)}"
        raise
    return map_from(text, path, reader)


def map_from(text: str, name: str, reader: Reader) -> LedgerMap:
    """Returns the map written in `text`, for the events of `reader`. Raises `BadSetting` with all its faults."""
    try:
        written = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as fault:
        raise BadSetting(name, f"it is not TOML: {fault}") from None
    if written == {"source": {"format": RECORDS}}:
        return records_map(name)
    parser = _MapParser(written, reader)
    found = parser.whole(name)
    if parser.faults:
        several = f"{len(parser.faults)} faults: " if len(parser.faults) > 1 else ""
        raise BadSetting(one_line(name), several + "; ".join(parser.faults))
    return found


def records_map(name: str) -> LedgerMap:
    """Returns the map of logs of records, which takes each line as it is."""
    account, at, time = MapCell(("account",)), MapCell(("at",)), MapTime(unit="ms")
    return LedgerMap(name, Source(RECORDS), account, at, time, {}, {}, (), frozenset(), {}, (), {}, None)


def fields_of(events: Iterable[Event]) -> dict[str, dict[str, bool]]:
    """Returns by event the fields of its records that a cell can hold; true for those that are numbers."""
    found = {}
    for event in events:
        fields = {f.key: isinstance(f.type, Tokens) for f in event.fields if f.origin is Origin.PAYLOAD}
        fields |= {f.instead: False for f in event.fields if f.instead}
        found[event.name] = fields | {key.name: False for key in event.keys}
    return found


class _MapParser:
    """The parser of a map, which collects every fault."""

    def __init__(self, written: Mapping[str, Any], reader: Reader) -> None:
        self.faults: list[str] = []
        self._events = fields_of(reader.events)
        self._fields = {name for fields in self._events.values() for name in fields}
        self._numbers = {name for fields in self._events.values() for name, is_number in fields.items() if is_number}
        self._numbers.update(name for name in _observable() if is_whole(name))
        self._tables: dict[str, Any] = {}
        self._known("", written, _TABLES)
        for table in _TABLES:
            self._tables[table] = self._typed(table, written.get(table, [] if table == "groups" else {}), table == "groups")

    def _fault(self, key: str, rule: str, value: Any = None) -> None:
        found = "" if value is None else f" (found {as_text(value)})"
        self.faults.append(f"{one_line(key)}: {rule}{found}")

    def _known(self, key: str, written: Mapping[str, Any], known: Collection[str]) -> None:
        for name in written:
            if name not in known:
                where = f"{key}.{name}" if key else name
                self._fault(where, no_such("key", name, known))

    def _typed(self, key: str, value: Any, is_list: bool = False) -> Any:
        if isinstance(value, list if is_list else dict):
            return value
        self._fault(key, "it is a list of tables, [[groups]]" if is_list else f"it is a table, such as [{key}]", value)
        return [] if is_list else {}

    def whole(self, name: str) -> LedgerMap:
        """Returns the map, as far as it is well formed."""
        fields = self._cells("fields", self._tables["fields"], {*OWN, *self._fields}, True)
        for each in ("account", "at"):
            if each not in fields:
                self._fault(f"fields.{each}", "it is required: name the column that holds it")
            elif replace(fields[each], columns=()) != MapCell() or (each == "at" and len(fields[each].columns) != 1):
                self._fault(f"fields.{each}", f"it is a column{' or several' if each == 'account' else ''}, and nothing else")
        events = self._tables["events"]
        self._known("events", events, ("column", "ignore", "kinds", "event"))
        kinds = self._kinds(events)
        ignore = frozenset(self._texts("events.ignore", events.get("ignore", [])))
        for kind in sorted(ignore & kinds.keys()):
            self._fault("events.ignore", "a kind is an event or is ignored, not both; leave it out of one of them", kind)
        groups = self._groups()
        for kind in sorted(ignore & {kind for group in groups for kind in (*group.kinds, *group.optional)}):
            self._fault("events.ignore", "a kind is one of a group or is ignored, not both; leave it out of one of them", kind)
        observed = self._cells("observed", self._tables["observed"], _observable(), True)
        return LedgerMap(
            name,
            self._source(),
            fields.pop("account", MapCell()),
            fields.pop("at", MapCell()),
            self._time(),
            fields,
            self._cells("defaults", self._tables["defaults"], self._fields, False),
            tuple(self._texts("events.column", events.get("column", []))) if "column" in events else (),
            ignore,
            kinds,
            groups,
            observed,
            self._opening(observed),
        )

    def _source(self) -> Source:
        table = self._tables["source"]
        self._known("source", table, ("format", "glob", "query", "table", "delimiter", "columns", "key"))
        form = table.get("format")
        if form == RECORDS:
            self._fault("source.format", f"{RECORDS} are read as they are; leave everything else out of the map")
        if form not in FORMATS:
            self._fault("source.format", f"it is required, one of {', '.join(FORMATS)}", form)
        for key in ("query", "table", "key"):
            if key in table and form not in TABLES:
                self._fault(f"source.{key}", f"only {', '.join(TABLES)} have it; leave it out", table[key])
        if form in TABLES and ("query" in table) == ("table" in table):
            self._fault("source", "a database is read by a query or a table: write one of the two")
        for key in ("delimiter", "columns"):
            if key in table and form != "csv":
                self._fault(f"source.{key}", "only csv has it; leave it out", table[key])
        delimiter = table.get("delimiter", ",")
        if not isinstance(delimiter, str) or len(delimiter) != 1:
            self._fault("source.delimiter", "it is one character", delimiter)
        texts = {key: self._text(f"source.{key}", table[key]) for key in ("glob", "query", "table", "key") if key in table}
        columns = tuple(self._texts("source.columns", table.get("columns", [])))
        return Source(str(form), delimiter=str(delimiter), columns=columns, **texts)

    def _time(self) -> MapTime:
        table = self._tables["time"]
        self._known("time", table, ("zone", "unit", "format", "order"))
        zone, unit, form = table.get("zone", "UTC"), table.get("unit"), table.get("format")
        try:
            ZoneInfo(zone if isinstance(zone, str) else "")
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self._fault("time.zone", "there is no such zone; zones are named like UTC or Europe/Berlin", zone)
        if unit is not None and unit not in tuple(UNITS):
            self._fault("time.unit", f"it is one of {', '.join(UNITS)}", unit)
        if form is not None and not (isinstance(form, str) and _says_a_day(form)):
            rule = 'it is the form of a day and a time in the words of strptime, such as "%d.%m.%Y %H:%M:%S"'
            self._fault("time.format", rule, form)
        if unit is not None and form is not None:
            self._fault("time.format", "numbers have a unit and texts have a format; leave one of the two out", form)
        order = tuple(self._texts("time.order", table.get("order", [])))
        return MapTime(str(zone), unit if unit in tuple(UNITS) else None, form if isinstance(form, str) else None, order)

    def _kinds(self, events: Mapping[str, Any]) -> dict[str, RowEvent]:
        written = self._typed("events.kinds", events.get("kinds", {}))
        if "event" in events:
            if "column" in events or written:
                self._fault("events.event", "it is what every row is, beside a column of kinds; leave one of the two out")
            return {"": self._row_event("events.event", events["event"])}
        if "column" not in events:
            self._fault("events.column", "it is required: name the column that says of which kind a row is, or say `event`")
        if not written:
            self._fault("events.kinds", 'it is required: say which event each kind of row is, such as generation = "generate"')
        return {str(kind): self._row_event(f"events.kinds.{kind}", said) for kind, said in written.items()}

    def _row_event(self, key: str, written: Any) -> RowEvent:
        table = {"event": written} if isinstance(written, str) else self._typed(key, written)
        event = table.get("event")
        if not isinstance(event, str) or event not in self._events:
            self._fault(key, f"it names an event, one of {', '.join(self._events)}{did_you_mean(event, self._events)}", event)
            return RowEvent("")
        own = {name: said for name, said in table.items() if name not in ("event", "observed")}
        observed = self._typed(f"{key}.observed", table.get("observed", {}))
        return RowEvent(
            str(event),
            self._cells(key, own, ("event", "id", *self._events[str(event)], "observed"), False),
            self._cells(f"{key}.observed", observed, _observable(), True),
        )

    def _groups(self) -> tuple[RowGroup, ...]:
        found = []
        for number, table in enumerate(self._tables["groups"], 1):
            key = f"groups[{number}]"
            table = self._typed(key, table)
            kinds, optional = (tuple(self._texts(f"{key}.{of}", table.get(of, []))) for of in ("kinds", "optional"))
            if len({*kinds, *optional}) < max(2, len(kinds) + len(optional)):
                self._fault(f"{key}.kinds", "a group has two or more kinds of rows, each once", [*kinds, *optional])
            if not kinds:
                self._fault(f"{key}.kinds", "it is required: the kinds that are always there")
            becomes = self._row_event(key, {of: said for of, said in table.items() if of not in ("kinds", "optional")})
            found.append(RowGroup(kinds, optional, becomes))
        return tuple(found)

    def _opening(self, observed: Mapping[str, MapCell]) -> Opening | None:
        table = self._tables["opening"]
        if not table:
            return None
        self._known("opening", table, ("from", "pool", *_STATE))
        source, pool = self._text("opening.from", table.get("from")), table.get("pool")
        own = {name: said for name, said in table.items() if name in _STATE}
        if source != "first_balance":
            for name in ("pool", *(own if source != "empty" else ())):
                if name in table:
                    self._fault(f"opening.{name}", 'only from = "first_balance" has it; leave it out', table[name])
            return Opening(source, "", self._cells("opening", own, _STATE, False))
        if pool not in TOTAL_POOLS:
            self._fault("opening.pool", f"it is the pool that the first balance goes to, one of {', '.join(TOTAL_POOLS)}", pool)
        for name in ("total", "delta"):
            if name not in observed:
                self._fault(f"observed.{name}", "a first balance is a row's total less its delta: name both columns")
        state = self._cells("opening", own, _STATE, False)
        return Opening(source, str(pool), state)

    def _cells(self, key: str, written: Mapping[str, Any], known: Collection[str], is_column: bool) -> dict[str, MapCell]:
        self._known(key, written, known)
        return {name: self._cell(f"{key}.{name}", name, said, is_column) for name, said in written.items() if name in known}

    def _cell(self, key: str, name: str, written: Any, is_column: bool) -> MapCell:
        """Parses a cell. A bare text is a column or a constant, by `is_column`; a list of texts is always columns."""
        if isinstance(written, list) or (is_column and isinstance(written, str)):
            return MapCell(tuple(self._texts(key, written)))
        if not isinstance(written, dict):
            if is_column:
                self._fault(key, 'it names a column, or is a table such as { column = "delta", negate = true }', written)
            return MapCell(constant=written)
        self._known(key, written, ("column", "less", "negate", "divide", "values", "value", "row"))
        if sum(part in written for part in ("column", "value", "row")) != 1:
            self._fault(key, "it has one of column, value and row = true")
        for part, kind, rule in _PARTS:
            if part in written and not (isinstance(written[part], kind) and (kind is not int or written[part] is not True)):
                self._fault(f"{key}.{part}", rule, written[part])
        divide = written.get("divide", 1)
        if not isinstance(divide, int) or divide is True or divide < 1:
            self._fault(f"{key}.divide", "it is a whole number above 0", divide)
        for part in ("negate", "divide"):
            if part in written and (name not in self._numbers or "column" not in written or "values" in written):
                self._fault(f"{key}.{part}", "only a column of numbers has it; leave it out", written[part])
        if "values" in written and "column" not in written:
            self._fault(f"{key}.values", "only a column has them; leave them out", written["values"])
        columns = tuple(self._texts(f"{key}.column", written["column"])) if "column" in written else ()
        less = self._text(f"{key}.less", written["less"]) if "less" in written else None
        if less is not None and (len(columns) != 1 or "values" in written or name not in self._numbers):
            self._fault(f"{key}.less", "it is a column whose number is taken from that of one other column; leave it out", less)
            less = None
        values = written.get("values")
        is_negative, is_row = written.get("negate") is True, written.get("row") is True
        return MapCell(columns, written.get("value"), is_row, less, is_negative, divide if isinstance(divide, int) else 1, values)

    def _text(self, key: str, value: Any) -> str:
        if not isinstance(value, str) or not value:
            self._fault(key, "it is required, a text", value)
        return str(value)

    def _texts(self, key: str, value: Any) -> list[str]:
        texts = [value] if isinstance(value, str) else value
        if (
            isinstance(texts, list)
            and all(isinstance(text, str) and text for text in texts)
            and (texts or not key.endswith("column"))
        ):
            return texts
        self._fault(key, "it is a text or a list of texts", value)
        return []


_PARTS: tuple[tuple[str, type, str], ...] = (
    ("negate", bool, "it is true or false"),
    ("row", bool, "it is true: the row's own place"),
    ("values", dict, "it is a table: what each text stands for"),
)


def _says_a_day(form: str) -> bool:
    """Returns whether a form of instants has parts that are known, and says year, month and day."""
    parts = set(re.findall(r"%-?(.)", form))
    return parts <= set("YymbBdHIMSfpzaA%") and bool(parts & {"Y", "y"} and parts & {"m", "b", "B"} and "d" in parts)


def _observable() -> list[str]:
    pools = [f"{name}.{pool}" for name in BY_POOL for pool in POOLS]
    return [name for name in NAMES if name not in (*BY_POOL, *LISTS)] + pools
