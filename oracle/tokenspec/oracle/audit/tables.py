"""Rows of tables and foreign logs, of several files at once, sorted by account, instant and order through DuckDB.

Those of SQLite and Postgres are copied into CSV for it first, so that it needs no extension from the network.

What does not fit into memory is sorted on disk. Every row keeps its place: the file and the row in it, the line of headings
being the first, or the key of a database. What is no row at all, such as a line of CSV that lacks a column, keeps its place too.
"""

from __future__ import annotations

import csv
import errno
import gzip
import os
import shutil
import sqlite3
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from tokenspec.oracle.audit.columns import LINE, Columns, asked_of, text_of
from tokenspec.oracle.audit.map_model import COPIED, RECORDS, TABLES, LedgerMap, Source
from tokenspec.oracle.base.errors import BadSetting, WrongUsage
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.wire.answers import INSTANTS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_READING = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)


def sqlite_to_csv(source: Source, path: str, to: str) -> None:
    """Copies the rows of the map's query. Raises `BadSetting`, `OSError`."""
    os.stat(path)
    asked, uri = asked_of(source), Path(os.path.abspath(path)).as_uri()
    try:
        with (
            closing(sqlite3.connect(f"{uri}?mode=ro", uri=True)) as database,
            open(to, "w", encoding="utf-8", newline="") as file,
        ):
            # A map is data: what it asks reads, and does nothing else.
            database.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY)
            rows = database.execute(asked)
            written = csv.writer(file)
            written.writerow([name for name, *_ in rows.description or ()])
            # A column of any type may hold bytes; where they are a text, they are the name that other tables have as one.
            kept = ([c.decode(errors="backslashreplace") if type(c) is bytes else c for c in row] for row in rows)
            written.writerows(kept)
    except (sqlite3.Error, UnicodeError) as fault:
        raise BadSetting(one_line(path), f"SQLite cannot answer the map's query: {one_line(str(fault), 200)}") from None


def shown_address(address: str) -> str:
    """Returns the address of a database, without user and password."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}" if parts.scheme else one_line(address)


def postgres_to_csv(source: Source, address: str, to: str) -> None:
    """Copies the rows of the map's query, in a read-only transaction. Raises `BadSetting`, `WrongUsage`, `OSError`."""
    try:
        import pg8000.native
    except ImportError:
        raise WrongUsage(
            "--map", "Postgres is read by pg8000, which is not installed: pip install pg8000 (extra `audit`)"
        ) from None
    parts, name = urlsplit(address), shown_address(address)
    if parts.scheme not in ("postgres", "postgresql"):
        raise WrongUsage("LOG", f"a database is given as postgresql://USER:PASSWORD@HOST:PORT/NAME, found {one_line(name)}")
    folder = parse_qs(parts.query).get("host", [""])[0]
    port = parts.port or 5432
    asked = asked_of(source)
    try:
        with (
            closing(
                pg8000.native.Connection(
                    unquote(parts.username or os.environ.get("PGUSER", "postgres")),
                    host=None if folder else parts.hostname or "localhost",
                    unix_sock=f"{folder}/.s.PGSQL.{port}" if folder else None,
                    port=port,
                    database=unquote(parts.path.lstrip("/")) or None,
                    password=unquote(parts.password) if parts.password else os.environ.get("PGPASSWORD"),
                )
            ) as database,
            open(to, "wb") as file,
        ):
            database.run("BEGIN READ ONLY; SET TimeZone = 'UTC'")
            database.run(f"COPY ({asked}) TO STDOUT (FORMAT csv, HEADER true)", stream=file)
    except pg8000.native.DatabaseError as fault:
        said = fault.args[0] if fault.args else fault
        told = said.get("M", said) if isinstance(said, dict) else said
        raise BadSetting(one_line(name), f"Postgres cannot answer the map's query: {one_line(str(told), 200)}") from None
    except pg8000.native.InterfaceError as fault:
        # Its own message names arguments of the library, that of the cause what is wrong.
        why = getattr(fault.__cause__, "strerror", None) or str(fault)
        raise OSError(0, one_line(why, 200).lower(), name) from None


AN_INSTANT = "\x01"
"""Before UTC milliseconds in a cell, which no text that is not an instant begins with."""
BATCH = 10_000
"""The number of rows that are fetched at once."""
_NOTHING = "CAST(NULL AS VARCHAR)"
_NOT_AN_OBJECT = "a row of jsonl is one JSON object a line"


class TableRow(NamedTuple):
    """One row: its place, its account, its instant (UTC milliseconds), and the texts of its columns."""

    file: str
    number: int
    key: str
    account: str | None
    at: int | None
    cells: tuple[str | None, ...]
    fault: str
    """The fault of the row itself, of which nothing can be read then."""


@contextmanager
def in_our_name(name: str) -> Iterator[None]:
    """Turns an error of DuckDB into a `BadSetting` that names the file `name`."""
    import duckdb

    try:
        yield
    except duckdb.Error as fault:
        first = next((line for line in str(fault).splitlines() if line.strip()), "it cannot be read")
        raise BadSetting(one_line(name), one_line(first.strip(), 300)) from None


def connected(folder: Path) -> DuckDBPyConnection:
    """Returns a database in `folder`, which may grow beyond memory. Raises `WrongUsage` where DuckDB is not installed."""
    try:
        import duckdb
    except ImportError:
        raise WrongUsage(
            "--map", "tables are read by DuckDB, which is not installed: pip install duckdb (extra `audit`)"
        ) from None
    database = duckdb.connect(str(folder / "rows.duckdb"))
    database.execute(f"SET temp_directory = {text_of(str(folder / 'spilled'))}; SET TimeZone = 'UTC'")
    return database


def positions_of(ledger_map: LedgerMap) -> dict[tuple[str, bool], int]:
    """Returns the position among a row's cells of each column, as a text or (true) as an instant."""
    positions: dict[tuple[str, bool], int] = {(LINE, False): 0} if ledger_map.source.format == RECORDS else {}
    for key, cell in ledger_map.cells():
        is_instant = key.rpartition(".")[2] in INSTANTS
        for column in cell.read:
            positions.setdefault((column, is_instant), len(positions))
    return positions


def selected(ledger_map: LedgerMap, columns: Columns, positions: Mapping[tuple[str, bool], int]) -> list[str]:
    """Returns the expressions for what is read of a row: account, at_us, fault, two (o) for each column of the order, cells (c).

    Raises `BadSetting` for columns that the map names and the source lacks.
    """
    time = ledger_map.time
    columns.demand(((key, column) for key, cell in ledger_map.cells() for column in cell.read), ledger_map.name)
    columns.demand([("time.order", column) for column in time.order], ledger_map.name)
    account = " || '/' || ".join(columns.text(column) for column in ledger_map.account.columns)
    at = columns.instant(ledger_map.at.columns[0], time, ledger_map.name)
    orders = []
    for column in time.order:
        is_at = (column,) == ledger_map.at.columns
        sortable = at if is_at else columns.sortable(column, time, ledger_map.name)
        orders += [sortable, _NOTHING if is_at else columns.text(column)]
    cells = [
        _instant(ledger_map, columns, column)
        if is_instant
        else LINE
        if ledger_map.source.format == RECORDS
        else columns.text(column)
        for column, is_instant in positions
    ]
    # A log of records is read by their own reader, which finds names that occur twice.
    is_records = ledger_map.source.format == RECORDS
    fault = _NOTHING if is_records else columns.fault(_NOT_AN_OBJECT, [column for column, _ in positions])
    parts = [f"{account} AS account", f"{at} AS at_us", f"{fault} AS fault"]
    parts += [f"{expression} AS o{n}" for n, expression in enumerate(orders)]
    return parts + [f"{expression} AS c{n}" for n, expression in enumerate(cells)]


def _instant(ledger_map: LedgerMap, columns: Columns, column: str) -> str:
    at = f"CAST({columns.instant(column, ledger_map.time, ledger_map.name)} // 1000 AS VARCHAR)"
    return f"coalesce(chr({ord(AN_INSTANT)}) || {at}, {columns.text(column)})"


def key_of(ledger_map: LedgerMap, columns: Columns) -> str:
    """Returns the expression for the key of a row in a database; null for rows that have a number."""
    source = ledger_map.source
    if source.format not in TABLES:
        return _NOTHING
    own = ledger_map.fields.get("id")
    names = [source.key] if source.key is not None else [*(own.columns if own is not None else ()), *ledger_map.time.order]
    names = [name for name in names if (name,) != ledger_map.at.columns][:1]
    columns.demand((("source.key", name) for name in names), ledger_map.name)
    return f"{text_of(names[0] + '=')} || {columns.text(names[0])}" if names else _NOTHING


class SortedRows:
    """The rows of `paths`, as a map reads them, sorted. They can be iterated more than once.

    Raises `BadSetting` where a file is not of the map's format, or lacks a column that the map names.
    """

    def __init__(self, ledger_map: LedgerMap, paths: Sequence[str], names: Sequence[str]) -> None:
        self._map, self._names = ledger_map, tuple(names)
        self.positions = positions_of(ledger_map)
        self._folder = TemporaryDirectory(prefix="tokenspec-")
        folder = Path(self._folder.name)
        self._database = connected(folder)
        self._rejected: list[list[tuple[int, str]]] = []
        self._thresholds: list[list[int]] = []
        for number, path in enumerate(paths):
            self._load(number, path, folder)

    def __iter__(self) -> Iterator[TableRow]:
        for name, rejected in zip(self._names, self._rejected, strict=True):
            for number, why in rejected:
                yield TableRow(name, number, "", None, None, (), why)
        order = ", ".join(f"o{n}" for n in range(2 * len(self._map.time.order)))
        cells = ", ".join(f"c{n}" for n in range(len(self.positions)))
        database = self._database.cursor()
        with in_our_name(self._map.name):
            database.execute(
                f"SELECT file, n, key, account, at_us, fault{', ' if cells else ''}{cells} FROM rows "
                f"ORDER BY account, at_us{', ' if order else ''}{order}, file, n"
            )
            while rows := database.fetchmany(BATCH):
                for file, n, key, account, at, fault, *texts in rows:
                    # The rejected rows are counted too.
                    place = n + bisect_right(self._thresholds[file], n)
                    at_ms = None if at is None else at // 1000
                    yield TableRow(self._names[file], place, key or "", account, at_ms, tuple(texts), fault or "")

    def count(self) -> int:
        """Returns the number of rows that are no rejected ones."""
        found = self._database.execute("SELECT count(*) FROM rows").fetchone() if self._names else None
        return int(found[0]) if found else 0

    def empty(self) -> list[str]:
        """Returns the names of the files that hold no row, rejected ones included."""
        found = self._database.execute("SELECT DISTINCT file FROM rows").fetchall() if self._names else []
        filled = {number for (number,) in found} | {number for number, rejected in enumerate(self._rejected) if rejected}
        return [name for number, name in enumerate(self._names) if number not in filled]

    def _load(self, number: int, path: str, folder: Path) -> None:
        name, source = self._names[number], self._map.source

        def insert(read: str) -> None:
            columns = Columns.of(self._database, source, read, name)
            key = key_of(self._map, columns)
            parts = [
                f"{number} AS file",
                f"{columns.number} AS n",
                f"{key} AS key",
                *selected(self._map, columns, self.positions),
            ]
            made = "CREATE TABLE rows AS" if number == 0 else "INSERT INTO rows"
            self._database.execute(f"{made} SELECT {', '.join(parts)} FROM {columns.relation}")
            self._note_rejected(read)

        with in_our_name(name):
            whatever_ends_lines(insert, readable(source, path, folder, number), source, folder)

    def _note_rejected(self, read: str) -> None:
        rejected: list[tuple[int, str]] = []
        tables = {name for (name,) in self._database.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        if "reject_errors" in tables:
            rejected = self._database.execute(
                "SELECT line, min(error_message) FROM reject_errors JOIN reject_scans USING (scan_id, file_id) "
                "WHERE file_path = ? GROUP BY line ORDER BY line",
                [read],
            ).fetchall()
        self._rejected.append([(line, one_line((why or "it cannot be read").splitlines()[0], 200)) for line, why in rejected])
        # A row that was taken has n as its number among those taken; the i-th rejected line stands before it from here on.
        self._thresholds.append([line - i for i, (line, _) in enumerate(rejected)])


def readable(source: Source, path: str, folder: Path, number: int) -> str:
    """Returns what DuckDB reads: `path`, or a copy in `folder` of standard input or of what a database answers."""
    if os.path.isdir(path):
        # DuckDB would take all files in it for one.
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if path == "-":
        path = str(folder / "standard input")
        with open(path, "wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
    elif any(character in path for character in "*?[") and os.path.exists(path):
        # It would take a name such as `a[1].csv` for a pattern.
        plain = folder / f"{number}{''.join(part for part in Path(path).suffixes[-2:] if part[1:].isalnum())}"
        try:
            plain.symlink_to(os.path.abspath(path))
        except OSError:
            # On Windows links are not for every user.
            shutil.copyfile(path, plain)
        path = str(plain)
    if source.format not in COPIED:
        return path
    copy = str(folder / f"{number}.csv")
    (sqlite_to_csv if source.format == "sqlite" else postgres_to_csv)(source, path, copy)
    return copy


def whatever_ends_lines(read: Callable[[str], None], path: str, source: Source, folder: Path) -> None:
    """Calls `read` with `path`; where its lines end now in one way, now in another, with a copy in which all end in one."""
    import duckdb

    try:
        read(path)
    except duckdb.InvalidInputException:
        if source.format in ("parquet", "duckdb") or path.endswith(".zst"):
            raise
        alike = str(folder / "lines")
        with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file, open(alike, "wb") as copy:
            # The file is its lines, at any of their ends.
            copy.writelines(line.rstrip(b"\r\n").replace(b"\r", b"\n") + b"\n" for line in file)
        read(alike)


def names_of(ledger_map: LedgerMap, paths: Sequence[str]) -> list[str]:
    """Returns the names of the sources at `paths` for messages: addresses of databases without their passwords."""
    names = [shown_address(path) if ledger_map.source.format == "postgres" else path for path in paths]
    return [name.encode(errors="backslashreplace").decode() for name in names]
