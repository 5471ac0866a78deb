"""Batches of Arrow as rows for the kernel: the columns are given over as the buffers that they are.

A column is called like the field of a record that it holds, such as `account`, `at`, `event` and `cost`, or like
`observed.outcome` and `observed.balances.fast`; an empty cell says nothing. Texts, whole numbers, instants of any unit and truth
values are taken. Texts as a dictionary, such as pyarrow reads with `read_dictionary`, are looked up once for each word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.logs.kernel.columns import ROWS_MAX, Column, ColumnBatch, ColumnKind, ColumnRows

if TYPE_CHECKING:
    import pyarrow

_MILLISECONDS = {"ms": 1, "us": 1_000, "ns": 1_000_000}


def arrow_rows(name: str, batches: Callable[[], Iterable[pyarrow.RecordBatch]], row_count: int) -> ColumnRows:
    """Returns the rows of batches as lines that the kernel takes as columns; `batches` gives them anew at each call.

    Within one account they are in the order of their instants. `name` stands for the file in the places of rows.
    Their iteration raises `ValueError` for a column of a type that no field of a record has, and for two of one name.
    """

    def parts() -> Iterator[ColumnBatch]:
        for batch in batches():
            yield from (column_batch(batch.slice(start, ROWS_MAX)) for start in range(0, batch.num_rows, ROWS_MAX))

    return ColumnRows(name, parts, row_count)


def column_batch(batch: pyarrow.RecordBatch) -> ColumnBatch:
    """Returns one batch as the kernel takes it. A column in which nothing stands is left out."""
    names = batch.schema.names
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"two columns are called {twice}, and which of them counts is not guessed at")
    columns = {name: _column(name, batch.column(name)) for name in names if batch.column(name).null_count < len(batch)}
    return ColumnBatch(columns, batch.num_rows, lambda row: _record(batch, row))


def _column(name: str, array: Any) -> Column:
    import pyarrow as pa

    kind = array.type
    if pa.types.is_dictionary(kind):
        words, codes = tuple(array.dictionary.to_pylist()), array.indices
        if pa.types.is_string(kind.value_type) and pa.types.is_int32(kind.index_type) and len(set(words)) == len(words):
            valid, data = codes.buffers()
            return Column(
                ColumnKind.CODE,
                data,
                None,
                valid,
                codes.offset,
                words=words,
                plain=lambda: _column(name, array.dictionary_decode()),
            )
        array = array.dictionary_decode()
        kind = array.type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        array, kind = array.cast(pa.string()), pa.string()
    elif pa.types.is_integer(kind):
        array = array.cast(pa.int64())
    elif pa.types.is_timestamp(kind) and kind.unit == "s":
        array = array.cast(pa.timestamp("ms", kind.tz))
    valid, *buffers = array.buffers()
    if pa.types.is_string(kind):
        offsets, data = buffers
        return Column(ColumnKind.TEXT, data if data is not None else b"", offsets, valid, array.offset)
    if pa.types.is_integer(kind):
        return Column(ColumnKind.NUMBER, buffers[0], valid=valid, first=array.offset)
    if pa.types.is_timestamp(kind):
        return Column(ColumnKind.INSTANT, buffers[0], valid=valid, first=array.offset, divisor=_MILLISECONDS[array.type.unit])
    if pa.types.is_boolean(kind):
        return Column(ColumnKind.TRUTH, buffers[0], valid=valid, first=array.offset)
    raise ValueError(f"column {name} is {kind}, and holds texts, whole numbers, instants or truth values")


def _record(batch: pyarrow.RecordBatch, row: int) -> dict[str, Any]:
    """The record of a row, with what was observed as the object that it is."""
    record: dict[str, Any] = {}
    for name in batch.schema.names:
        cell = batch.column(name)[row]
        if cell.is_valid:
            *within, last = name.split(".")
            held = record
            for part in within:
                held = held.setdefault(part, {})
            unit = getattr(cell.type, "unit", None)
            held[last] = cell.as_py() if unit is None else format_instant(_in_milliseconds(cell.value, unit))
    return record


def _in_milliseconds(count: int, unit: str) -> int:
    return count * 1000 if unit == "s" else count // _MILLISECONDS[unit]
