"""The logs of a command line: JSON lines of ours, or with --map tables and foreign logs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from glob import glob
from pathlib import Path
from typing import Protocol

import click

from tokenspec.oracle.base.errors import BadSetting, WrongUsage
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.command.options import Command, Output
from tokenspec.oracle.logs.reading import RowsRead
from tokenspec.oracle.report.config import Settings
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.log_files import Line, Logs, is_parquet


class LinesRead(Protocol):
    """Lines that can be iterated more than once, with the names of their files."""

    names: list[str]
    size: int | None

    def __iter__(self) -> Iterator[Line]:
        """Yields the lines, in order."""
        ...


def logs_options(command: Command) -> Command:
    """Adds LOG... and --map to a verb that reads logs."""
    log = click.argument("logs", nargs=-1, metavar="LOG...", type=click.Path())
    says = "The map from rows to records, of a table or a foreign log: a TOML file, or a ready-made map (docs/maps.md)."
    return log(click.option("--map", "map_file", metavar="MAP", type=click.Path(), help=says)(command))


def read_logs(
    logs: Sequence[str], map_file: str | None, settings: Settings, out: Output, outputs: dict[str, str | None] | None = None
) -> LinesRead:
    """Returns the logs, after a check that no output overwrites an input.

    Raises `BadSetting`, `OSError`, and `click.UsageError` where no log is named.
    """
    if map_file is None:
        _demand(logs)
        out.check([*logs, settings.catalogue_file], outputs)
        read = Logs(logs)
        if not any(map(is_parquet, logs)):
            return read
        # Not at the top: logs of JSON lines need nothing of it.
        from tokenspec.oracle.audit.parquet_logs import ParquetLogs, is_log

        columns = [is_log(path) for path in logs]
        if not any(columns):
            return read
        if not all(columns):
            one, other = read.names[columns.index(True)], read.names[columns.index(False)]
            raise WrongUsage(
                "LOG", f"{one_line(one)} is a log in Parquet and {one_line(other)} is none; replay each form by itself"
            )
        return ParquetLogs(logs, read.names)
    # Not at the top: a log of records needs neither.
    from tokenspec.oracle.audit.map_files import map_at
    from tokenspec.oracle.audit.mapped_logs import MappedLogs

    reader = Oracle(settings.policy, settings.catalogue).reader
    ledger_map = map_at(map_file, reader)
    if not logs and ledger_map.source.glob is not None:
        logs = sorted(glob(str(Path(map_file).parent / ledger_map.source.glob), recursive=True))
        if not logs:
            raise BadSetting(f"{map_file}: source.glob", f"no file is called like {ledger_map.source.glob}; name the files")
    _demand(logs)
    is_database = ledger_map.source.format == "postgres"
    files = [] if is_database else [*logs]
    for path in files:
        if path != "-":
            os.stat(path)
    out.check([*files, settings.catalogue_file, map_file, ledger_map.snapshots], outputs)
    return MappedLogs(ledger_map, logs, reader)


def rows_of(read: LinesRead) -> RowsRead | None:
    """Returns the count of rows of the last iteration; None for a log of records."""
    rows = getattr(read, "rows", None)
    return rows if isinstance(rows, RowsRead) else None


def empty_logs_of(read: LinesRead) -> list[str]:
    """Returns the names of the logs that hold no record, or no row."""
    empty = getattr(read, "empty", None)
    return empty if isinstance(empty, list) else []


def _demand(logs: Sequence[str]) -> None:
    if not logs:
        raise click.MissingParameter(ctx=click.get_current_context(), param_hint="'LOG...'", param_type="argument")
