"""The tables that the steps of an audit on Spark hand on: rows of the source, and what was found in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow

STATE, SNAPSHOT, ROW, FAULT = "state", "snapshot", "row", "fault"
"""The kinds of rows that an account's partition holds; in falling order of their names, a state comes first and rows last."""
DIVERGENCE, BAD, LATE, SUM = "divergence", "bad", "late", "sum"
"""The kinds of rows that are found, beside states and faults."""
WHOLE = pyarrow.decimal128(38, 0)
_TEXT, _NUMBER = pyarrow.string(), pyarrow.int64()
_DDL = {_TEXT: "string", _NUMBER: "bigint", WHOLE: "decimal(38, 0)"}
FOUND = pyarrow.schema(
    [
        ("kind", _TEXT),
        ("account", _TEXT),
        ("ordinal", _NUMBER),
        ("file", _TEXT),
        ("line", _NUMBER),
        ("key", _TEXT),
        ("json", _TEXT),
    ]
)
"""The columns of what was found. `ordinal` counts the divergences of an account, from 0."""
READ = ("kind", "json", "file", "n", "key", "account", "at_us", "fault")
"""The first columns of rows that were read; two for each column of the order (o), and the cells (c) follow."""


def read_schema(orders: int, cells: int) -> pyarrow.Schema:
    """Returns the columns of rows that were read."""
    fields = [(name, _NUMBER if name in ("n", "at_us") else _TEXT) for name in READ]
    fields += [(f"o{n}", _TEXT if n % 2 else WHOLE) for n in range(2 * orders)]
    return pyarrow.schema([*fields, *((f"c{n}", _TEXT) for n in range(cells))])


def ddl(schema: pyarrow.Schema) -> str:
    """Returns a schema as Spark writes it."""
    return ", ".join(f"{field.name} {_DDL[field.type]}" for field in schema)


def batch_of(schema: pyarrow.Schema, rows: Sequence[Sequence[Any]]) -> pyarrow.RecordBatch:
    """Returns rows, each with a value for each column."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    arrays = [pyarrow.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pyarrow.record_batch(arrays, schema=schema)


def fault_of(schema: pyarrow.Schema, says: str) -> pyarrow.RecordBatch:
    """Returns the row that says why a step could not be taken."""
    return batch_of(schema, [[{"kind": FAULT, "json": says}.get(name) for name in schema.names]])
