"""The first rows of a table as texts, and the counts from which a first map is guessed."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tokenspec.oracle.audit.columns import Columns, quoted, text_of
from tokenspec.oracle.audit.map_model import UNITS, MapTime, Source
from tokenspec.oracle.audit.tables import connected, in_our_name, readable, shown_address, whatever_ends_lines
from tokenspec.oracle.base.errors import BadSetting, WrongUsage
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.wire.log_files import PARQUET

ROWS_MAX = 100_000
"""The largest number of rows from which a map is guessed."""
_KEYS_FROM = 1_000
_DELIMITERS = (",", ";", "\t", "|")
_DAYS = ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%Y/%m/%d", "%d-%b-%Y")
_TIMES = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
_FORMATS = (*(f"{day} {time}" for day in _DAYS for time in _TIMES), *_DAYS, "%Y%m%d%H%M%S")
"""Usual forms of instants besides those that need no form."""
_LIKE_A_DAY = r"^\d{1,4}[./-](\d{1,2}|[A-Za-z]{3})[./-]\d{2,4}( |$)|^\d{14}$"
_YEARS = (946_684_800_000_000, 4_102_444_800_000_000)
"""The range of plausible instants, the years 2000 to 2099, in microseconds."""


@dataclass(frozen=True)
class SeenColumn:
    """The counts of a column."""

    name: str
    filled: int
    distinct: int
    whole: int
    """The number of rows with a whole number."""
    below_zero: int
    instants: int
    """The number of rows with an instant, read as `time` says."""
    time: MapTime
    alike: str = ""
    """Another form of instants that as many rows have."""


class SeenTable:
    """The rows of the table at `path`. Raises `BadSetting`, `WrongUsage`, `OSError`."""

    def __init__(self, path: str, table: str | None, query: str | None) -> None:
        self._folder = TemporaryDirectory(prefix="tokenspec-")
        folder = Path(self._folder.name)
        self._database = connected(folder)
        self.source = source_of(path, table, query)
        self.name = shown_address(path) if self.source.format == "postgres" else path
        with in_our_name(self.name):
            whatever_ends_lines(self._look, readable(self.source, path, folder, 0), self.source, folder)
            self.rows = int(self._one("SELECT count(*) FROM seen")[0])
            self.columns = {name: self._counted(name) for name in self._columns.types}

    def _look(self, read: str) -> None:
        columns = Columns.of(self._database, self.source, read, self.name)
        names = self._members(columns) if columns.is_json else [*self._flat(columns)]
        if not names:
            raise BadSetting(one_line(self.name), "it has no row that could be looked at")
        texts = ", ".join(f"{columns.text(name)} AS {quoted(name)}" for name in names)
        self._database.execute(
            f"CREATE TABLE seen AS SELECT {columns.number} AS row_n, {texts} FROM {columns.relation} LIMIT {ROWS_MAX}"
        )
        self._columns = Columns("seen", dict.fromkeys(names, "VARCHAR"), False, "row_n", self.name)

    def _one(self, query: str) -> tuple[Any, ...]:
        found = self._database.execute(query).fetchone()
        assert found is not None
        return tuple(found)

    def _flat(self, columns: Columns) -> Iterator[str]:
        """Yields the columns, and in place of an object its members."""
        for name, kind in columns.types.items():
            if not kind.startswith("STRUCT"):
                yield name
                continue
            described = self._database.execute(f"DESCRIBE SELECT unnest({quoted(name)}) FROM {columns.relation}").fetchall()
            yield from (f"{name}.{member}" for member, *_ in described)

    def _members(self, columns: Columns) -> list[str]:
        """Returns the dotted names of all values in the first lines of JSON."""
        found: dict[str, None] = {}

        def walk(value: Any, name: str) -> None:
            if isinstance(value, dict):
                for key, inner in value.items():
                    walk(inner, f"{name}.{key}" if name else key)
            elif name and value is not None and not isinstance(value, list):
                found.setdefault(name)

        for (line,) in self._database.execute(f"SELECT line FROM {columns.relation} LIMIT {_KEYS_FROM}").fetchall():
            try:
                walk(json.loads(line), "")
            except (ValueError, RecursionError):
                continue
        return list(found)

    def _counted(self, name: str) -> SeenColumn:
        column = quoted(name)
        whole = _whole(column)
        filled, distinct, numbers, below = self._one(
            f"SELECT count({column}), count(DISTINCT {column}), count({whole}), count(*) FILTER ({whole} < 0) FROM seen"
        )
        seen = SeenColumn(name, filled, distinct, numbers, below, 0, MapTime())
        for time in (MapTime(unit=unit) for unit in (None, *UNITS)):
            if (instants := self._instants(name, time)) > seen.instants:
                seen = replace(seen, instants=instants, time=time)
        if (
            filled
            and not seen.instants
            and self._one(f"SELECT count(*) FROM seen WHERE regexp_matches({column}, '{_LIKE_A_DAY}')")[0] == filled
        ):
            for form in _FORMATS:
                if (instants := self._instants(name, MapTime(format=form))) > seen.instants:
                    seen = replace(seen, instants=instants, time=MapTime(format=form), alike="")
                elif instants and instants == seen.instants:
                    seen = replace(seen, alike=form)
        return seen

    def _instants(self, name: str, time: MapTime) -> int:
        at = self._columns.instant(name, time, self.name)
        return int(self._one(f"SELECT count(*) FILTER ({at} BETWEEN {_YEARS[0]} AND {_YEARS[1]}) FROM seen")[0])

    def values(self, name: str, most: int) -> list[tuple[str, int]]:
        """Returns the texts of a column with their number of rows, the most frequent first."""
        column = quoted(name)
        asked = f"SELECT {column}, count(*) FROM seen WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {most}"
        return [(str(text), int(times)) for text, times in self._database.execute(asked).fetchall()]

    def adds_up(
        self, account: str, at: SeenColumn, order: str | None, moved: Sequence[str], balance: str
    ) -> tuple[int, int, int]:
        """Returns the number of rows with a predecessor, and of those whose balance is its plus, or minus, what is moved.

        What is moved is a column, or a first one less a second; an empty cell moves nothing.
        """
        instant = self._columns.instant(at.name, at.time, self.name)
        tie = f"TRY_CAST({quoted(order)} AS HUGEINT), {quoted(order)}, " if order is not None else ""
        now, by = _whole(quoted(balance)), " - ".join(f"coalesce({_whole(quoted(column))}, 0)" for column in moved)
        rows, plus, minus = self._one(
            "SELECT count(*), count(*) FILTER (held = before + moved), count(*) FILTER (held = before - moved) FROM "
            f"(SELECT {now} AS held, {by} AS moved, "
            f"lag({now}) OVER (PARTITION BY {quoted(account)} ORDER BY {instant}, {tie}row_n) AS before FROM seen) "
            "WHERE before IS NOT NULL AND held IS NOT NULL"
        )
        return rows, plus, minus

    def all_divisible(self, kind: str, value: str, number: str, by: int) -> bool:
        """Returns true if `number` is a multiple of `by`, with its sign and not 0, in every row of this kind."""
        rest = f"TRY_CAST({quoted(number)} AS HUGEINT) * {1 if by > 0 else -1}"
        [others] = self._one(
            f"SELECT count(*) FROM seen WHERE {quoted(kind)} = {text_of(value)} AND NOT ({rest} > 0 AND ({rest}) % {abs(by)} = 0)"
        )
        return not others


def _whole(column: str) -> str:
    """Returns the expression for a whole number, which may be written with zeros behind a point; null where it is none."""
    return f"TRY_CAST(regexp_replace({column}, '\\.0*$', '') AS HUGEINT)"


def source_of(path: str, table: str | None, query: str | None) -> Source:
    """Returns the source at `path`, recognised by its first bytes. Raises `WrongUsage`, `OSError`."""
    if path.startswith(("postgres://", "postgresql://")):
        return _of_database("postgres", table, query, [])
    with open(path, "rb") as file:
        head = file.read(65_536)
    if head.startswith(b"SQLite format 3\x00"):
        with closing(sqlite3.connect(path)) as database:
            asked = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name"
            return _of_database("sqlite", table, query, [name for (name,) in database.execute(asked)])
    if head[8:12] == b"DUCK":
        import duckdb

        with duckdb.connect(path, read_only=True) as stored:
            names = [name for (name,) in stored.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()]
        return _of_database("duckdb", table, query, names)
    if table is not None or query is not None:
        raise WrongUsage("--table" if table is not None else "--query", "only a database has tables; leave it out")
    if head.startswith(PARQUET):
        return Source("parquet")
    if head.startswith(b"\x1f\x8b"):
        with gzip.open(path) as packed:
            head = packed.read(65_536)
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if first.startswith(b"{"):
        return Source("jsonl")
    heading = first.partition(b"\n")[0].decode(errors="replace")
    return Source("csv", delimiter=max(_DELIMITERS, key=heading.count))


def _of_database(form: str, table: str | None, query: str | None, tables: list[str]) -> Source:
    if table is not None and query is not None:
        raise WrongUsage("--query", "a database is looked at by a table or a query, not both")
    if table is None and query is None and len(tables) == 1:
        table = tables[0]
    if table is None and query is None:
        there = f"; there are {', '.join(map(one_line, tables))}" if tables else ""
        raise WrongUsage("--table", f"say which table of the database is the ledger, or give a --query{there}")
    return Source(form, table=table, query=query)
