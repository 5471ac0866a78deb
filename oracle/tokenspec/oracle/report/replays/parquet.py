"""The divergences of a report as a table in a Parquet file, written by DuckDB."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from tokenspec.oracle.base.text import json_text
from tokenspec.oracle.report.model import RunReport

NEEDS = "Parquet is written by DuckDB, which is not installed: pip install duckdb (extra `audit`)"
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
        with rows.open("w", encoding="utf-8") as lines:
            for each in report.data()["divergences"]:
                explained_by = [f"{setting['policy']}={setting['answer']}" for setting in each["explained_by"]]
                row = {**each, "explained_by": explained_by}
                lines.write(json_text({name: row.get(name) for name in _COLUMNS}) + "\n")
        read, to = (str(path).replace("'", "''") for path in (rows, table))
        columns = ", ".join(f"'{name}': '{kind}'" for name, kind in _COLUMNS.items())
        with duckdb.connect() as database:
            database.execute(
                f"COPY (SELECT * FROM read_json('{read}', format = 'newline_delimited', columns = {{{columns}}}, "
                f"maximum_object_size = 1073741824)) TO '{to}' (FORMAT parquet)"
            )
        return table.read_bytes()
