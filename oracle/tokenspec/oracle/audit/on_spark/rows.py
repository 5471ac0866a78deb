"""The first step: rows of a frame as a map reads them, by the same expressions of DuckDB as tables in files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pyarrow

from tokenspec.oracle.audit.columns import LINE, Columns, quoted, text_of
from tokenspec.oracle.audit.map_model import RECORDS, TABLES
from tokenspec.oracle.audit.on_spark.steps import WorkerSettings
from tokenspec.oracle.audit.on_spark.tables import ROW, WHOLE
from tokenspec.oracle.audit.tables import connected, in_our_name, key_of, positions_of, selected

FILE, NUMBER, ORDER, OBSERVED = (f"tokenspec_{name}" for name in ("file", "n", "o", "observed"))
"""The names of the columns that the driver adds."""


class RowReader:
    """Reads the batches of one partition."""

    def __init__(self, settings: WorkerSettings, schema: pyarrow.Schema) -> None:
        self._settings, self._schema = settings, schema

    def made_of(self, batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        """Yields the rows. Raises `BadSetting` where the frame is not as the map says."""
        ledger_map = self._settings.ledger_map
        query = ""
        with TemporaryDirectory(prefix="tokenspec-") as folder, in_our_name(ledger_map.name):
            database = connected(Path(folder))
            # Spark keeps the other processors busy.
            database.execute("SET threads = 1")
            for batch in batches:
                table = pyarrow.Table.from_batches([_with_observations(batch) if self._settings.is_spliced else batch])
                database.register("batch", table)
                query = query or self._query({name: kind for name, kind, *_ in database.execute("DESCRIBE batch").fetchall()})
                rows = database.sql(query).to_arrow_table()
                yield from rows.cast(self._schema).combine_chunks().to_batches()
                database.unregister("batch")

    def _query(self, types: dict[str, str]) -> str:
        ledger_map, settings = self._settings.ledger_map, self._settings
        typed = Columns("batch", types, False, NUMBER, ledger_map.name)
        is_json = ledger_map.source.format in ("jsonl", RECORDS)
        columns = Columns("batch", {LINE: "VARCHAR"}, True, NUMBER, ledger_map.name) if is_json else typed
        own = [(name, typed.text(f"{ORDER}{n}")) for n, name in enumerate(settings.order)]
        key = key_of(ledger_map, columns)
        if ledger_map.source.format not in TABLES and not settings.is_numbered:
            named = own or [(name, columns.text(name)) for name in ledger_map.time.order]
            key = ", ".join(f"{text_of(f'{name}=')} || {text}" for name, text in named)
            key = f"concat_ws(', ', {key})"
        parts = [f"'{ROW}' AS kind", "CAST(NULL AS VARCHAR) AS json", f"{FILE} AS file", f"{NUMBER} AS n", f"{key} AS key"]
        parts += selected(ledger_map, columns, positions_of(ledger_map))
        for n, (_, text) in enumerate(own):
            parts += [f"TRY_CAST({text} AS HUGEINT) AS o{2 * n}", f"{text} AS o{2 * n + 1}"]
        made = f"SELECT {', '.join(parts)} FROM batch" + (f" WHERE trim({LINE}) <> ''" if is_json else "")
        # HUGEINT leaves DuckDB as a floating-point number.
        types_made = [(quoted(field.name), field.type) for field in self._schema]
        taken = [f"TRY_CAST({name} AS DECIMAL(38, 0)) AS {name}" if kind == WHOLE else name for name, kind in types_made]
        return f"SELECT {', '.join(taken)} FROM ({made})"


def _with_observations(batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
    """Returns the batch with each observation, which is JSON text, written into its line."""
    position = batch.schema.get_field_index(LINE)
    lines = [_with(*pair) for pair in zip(batch.column(position).to_pylist(), batch.column(OBSERVED).to_pylist(), strict=True)]
    return batch.set_column(position, LINE, pyarrow.array(lines, pyarrow.string()))


def _with(line: str, observed: str | None) -> str:
    if observed is None:
        return line
    try:
        written = msgspec.json.format(observed, indent=-1)
    except msgspec.DecodeError:
        # The record happened all the same: what is wrong with the text is told as of every log.
        written = msgspec.json.encode(observed).decode()
    return f'{line[:-1]}{"," if line != "{}" else ""}"observed":{written}}}'
