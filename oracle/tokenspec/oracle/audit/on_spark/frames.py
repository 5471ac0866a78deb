"""The frame that an audit is given, as rows that are read: the place of each row, and its columns or its line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it

from tokenspec.oracle.audit.columns import LINE
from tokenspec.oracle.audit.map_files import OWN, fields_of
from tokenspec.oracle.audit.map_model import RECORDS, LedgerMap
from tokenspec.oracle.audit.mapped_logs import given_snapshots
from tokenspec.oracle.audit.on_spark.rows import FILE, NUMBER, OBSERVED, ORDER
from tokenspec.oracle.audit.on_spark.steps import WorkerSettings, WorkerStep
from tokenspec.oracle.audit.on_spark.tables import SNAPSHOT, ddl, read_schema
from tokenspec.oracle.audit.tables import positions_of
from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.nearest import did_you_mean
from tokenspec.oracle.base.specification import machines
from tokenspec.oracle.base.text import one_line

TEXT = "value"
"""The column of lines of JSON, as Spark reads text."""
_PLACE = {"file": "file", "line": "line"}
_NEEDED = ("account", "at", "event")
_OWN = {*OWN, "event", "observed", "observed_as", "state"}
_AS_WRITTEN = {"timeZone": "UTC", "ignoreNullFields": "true"}


def rows_in(frame: DataFrame, settings: WorkerSettings, order: Sequence[str], file: str, line: str, is_mapped: bool) -> DataFrame:
    """Returns the rows of a frame as the settings' map reads them. Raises `WrongUsage`."""
    ledger_map, types = settings.ledger_map, dict(frame.dtypes)
    if is_mapped and order:
        raise WrongUsage("order", "a map orders rows itself, by [time] order; leave it out")
    columns = _placed(types, {"file": file, "line": line}, order, is_mapped and bool(ledger_map.time.order))
    columns += [_column(name).alias(f"{ORDER}{n}") for n, name in enumerate(order)]
    is_json = ledger_map.source.format in ("jsonl", RECORDS)
    if is_json and types.get(TEXT) == "string" and (is_mapped or "account" not in types):
        columns.append(_column(TEXT).alias(LINE))
    elif is_mapped and is_json:
        raise WrongUsage("dataframe", f"rows of {ledger_map.source.format} are lines of text in a column {TEXT}")
    elif is_mapped:
        columns += [_column(name) for name in _read_by(ledger_map, types)]
    else:
        names = _of_records(types, {file, line, *order})
        settings = replace(settings, is_spliced=types.get("observed") == "string")
        fields = [_column(name) for name in names if not (name == "observed" and settings.is_spliced)]
        columns.append(F.to_json(F.struct(*fields), _AS_WRITTEN).alias(LINE))
        columns += [_column("observed").alias(OBSERVED)] * settings.is_spliced
    settings = replace(settings, order=tuple(order), is_numbered=line in types)
    schema = read_schema(len(order) + len(ledger_map.time.order), len(positions_of(ledger_map)))
    step = WorkerStep("tokenspec.oracle.audit.on_spark.rows:RowReader", settings, schema)
    return frame.select(*columns).mapInArrow(lambda batches: step(batches), ddl(schema))


def snapshots_in(frame: DataFrame, ledger_map: LedgerMap) -> DataFrame | None:
    """Returns the snapshots of a map's file as rows; None where it has none. Raises `OSError`."""
    if ledger_map.snapshots is None:
        return None
    rows = [
        (SNAPSHOT, line.content.decode(errors="replace"), account, line.file, line.number)
        for account, lines in given_snapshots(ledger_map).items()
        for line in lines
    ]
    return frame.sparkSession.createDataFrame(rows, "kind string, json string, account string, file string, n bigint")


def _column(name: str) -> Column:
    return F.col("`" + name.replace("`", "``") + "`")


def _placed(types: Mapping[str, str], named: Mapping[str, str], order: Sequence[str], map_orders: bool) -> list[Column]:
    """Returns the columns for the place of a row: its file and its number."""
    for key, name in (*named.items(), *(("order", name) for name in order)):
        if name not in types and name != _PLACE.get(key):
            raise WrongUsage(key, f"there is no column {one_line(name)}{did_you_mean(name, types)}")
    file, line = (_column(name) if name in types else None for name in (named["file"], named["line"]))
    if line is not None and types[named["line"]] not in ("tinyint", "smallint", "int", "bigint"):
        raise WrongUsage("line", f"{one_line(named['line'])} is the number of a row, and of type {types[named['line']]}")
    if line is None and not order and not map_orders:
        rule = (
            "name the columns that order the rows of an account at one instant, or give the rows a column of their number, line"
        )
        raise WrongUsage("order", rule)
    return [
        (F.lit("dataframe") if file is None else file.cast("string")).alias(FILE),
        (F.lit(0) if line is None else line).cast("bigint").alias(NUMBER),
    ]


def _read_by(ledger_map: LedgerMap, types: Mapping[str, str]) -> list[str]:
    """Returns the columns that a map reads; it may name members of them."""
    named = [column for _, cell in ledger_map.cells() for column in cell.columns] + [*ledger_map.time.order]
    named += [ledger_map.source.key] if ledger_map.source.key is not None else []
    read = [name for name in types if any(each == name or each.startswith(f"{name}.") for each in named)]
    missing = [each for each in named if not any(each == name or each.startswith(f"{name}.") for name in types)]
    if missing:
        there = ", ".join(map(one_line, types))
        told = "; ".join(f"there is no column {one_line(each)}{did_you_mean(each, types)}" for each in dict.fromkeys(missing))
        raise WrongUsage("map", f"{one_line(ledger_map.name)}: {told}; the frame has {there}")
    return read


def _of_records(types: Mapping[str, str], others: set[str]) -> list[str]:
    """Returns the columns that are fields of records; one of no known name is among them, and is told as of every log."""
    for name in _NEEDED:
        if name not in types:
            rule = f"a frame of records has a column {name}{did_you_mean(name, types)}; for another one give a map"
            raise WrongUsage("dataframe", rule)
    if types["at"] == "timestamp_ntz":
        raise WrongUsage(
            "at", "it is a time without a zone, and none is guessed at; make it a timestamp, or give a map with [time] zone"
        )
    known = _OWN.union(*fields_of(event for machine in machines() for event in machine.events).values())
    return [name for name in types if name in known or name not in others]
