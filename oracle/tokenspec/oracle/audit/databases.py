"""Rows of SQLite and Postgres, copied into CSV for DuckDB, so that it needs no extension from the network."""

from __future__ import annotations

import csv
import os
import sqlite3
from contextlib import closing
from urllib.parse import parse_qs, unquote, urlsplit

from tokenspec.oracle.audit.columns import asked_of
from tokenspec.oracle.audit.map_model import Source
from tokenspec.oracle.base.errors import BadSetting, WrongUsage
from tokenspec.oracle.base.text import one_line

_READING = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)


def sqlite_to_csv(source: Source, path: str, to: str) -> None:
    """Copies the rows of the map's query. Raises `BadSetting`, `OSError`."""
    os.stat(path)
    asked = asked_of(source)
    try:
        with closing(sqlite3.connect(f"{_uri(path)}?mode=ro", uri=True)) as database, open(to, "w", newline="") as file:
            # A map is data: what it asks reads, and does nothing else.
            database.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY)
            rows = database.execute(asked)
            written = csv.writer(file)
            written.writerow([name for name, *_ in rows.description or ()])
            written.writerows(rows)
    except (sqlite3.Error, UnicodeError) as fault:
        raise BadSetting(one_line(path), f"SQLite cannot answer the map's query: {one_line(str(fault), 200)}") from None


def _uri(path: str) -> str:
    return "file:" + os.path.abspath(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


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
        raise OSError(0, one_line(str(fault), 200), name) from None
