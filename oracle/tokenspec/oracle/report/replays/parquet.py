"""The divergences of a report as a table in a Parquet file, written by DuckDB."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tokenspec.oracle.base.text import json_text
from tokenspec.oracle.report.model import RunReport

NEEDS = "Parquet is written by DuckDB, which is not installed: pip install 'tokenspec[audit]'"
_COLUMNS = {
    "file": "VARCHAR",
    "line": "BIGINT",
    "offset": "BIGINT",
    "key": "VARCHAR",
    "account": "VARCHAR",
    "event": "VARCHAR",
    "at": "VARCHAR",
    "outcome": "VARCHAR",
    "field": "VARCHAR",
    "expected": "JSON",
    "got": "JSON",
    "delta": "BIGINT",
    "clauses": "VARCHAR[]",
    "explained": "BOOLEAN",
    "explained_by": "VARCHAR[]",
}


def is_possible() -> bool:
    """Returns true if DuckDB is installed."""
    return find_spec("duckdb") is not None


def parquet(report: RunReport) -> bytes:
    """Returns a row for each divergence, `expected` and `got` as JSON; also where there is none."""
    import duckdb

    with TemporaryDirectory() as folder:
        rows, table = Path(folder) / "rows.json", Path(folder) / "table.parquet"
        rows.write_text("".join(json_text(_row(each)) + "\n" for each in report.data()["divergences"]), encoding="utf-8")
        columns = ", ".join(f"'{name}': '{kind}'" for name, kind in _COLUMNS.items())
        with duckdb.connect() as database:
            database.execute(
                f"COPY (SELECT * FROM read_json('{rows}', format = 'newline_delimited', columns = {{{columns}}}, "
                f"maximum_object_size = 1073741824)) TO '{table}' (FORMAT parquet)"
            )
        return table.read_bytes()


def _row(divergence: dict[str, Any]) -> dict[str, Any]:
    explained_by = [f"{setting['policy']}={setting['answer']}" for setting in divergence["explained_by"]]
    row = {**divergence, "explained_by": explained_by}
    return {name: row.get(name) for name in _COLUMNS}
