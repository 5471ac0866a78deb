"""Batches of Arrow as rows for the kernel: the columns are given over as the buffers that they are.

A column is called like the field of a record that it holds, such as `account`, `at`, `event` and `cost`, or like
`observed.outcome` and `observed.balances.fast`, or it holds objects, of which each member is such a column; an empty cell says
nothing. Texts, whole numbers, instants of any unit, truth values and lists of texts are taken. Texts as a dictionary, such as
pyarrow reads with `read_dictionary`, stay one: words are looked up once for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import partial
from itertools import accumulate
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
    return ColumnRows(lambda: column_batches(name, batches()), row_count)


def column_batches(name: str, batches: Iterable[pyarrow.RecordBatch]) -> Iterator[ColumnBatch]:
    """Yields all rows of a file as the kernel takes them."""
    before = 0
    for batch in batches:
        arrays: dict[str, Any] = {}
        for field, column in zip(batch.schema, batch.columns, strict=True):
            for leaf, array in _leaves(field.name, column):
                if arrays.setdefault(leaf, array) is not array:
                    raise ValueError(f"two columns are called {leaf}, and which of them counts is not guessed at")
        for leaf in arrays:
            if (of := next((of for of in accumulate(leaf.split(".")[:-1], "{}.{}".format) if of in arrays), None)) is not None:
                raise ValueError(f"column {of} holds no objects, and there is a column {leaf}")
        for start in range(0, batch.num_rows, ROWS_MAX):
            part = {leaf: array.slice(start, ROWS_MAX) for leaf, array in arrays.items()}
            yield _column_batch(part, min(ROWS_MAX, batch.num_rows - start), name, before + start)
        before += batch.num_rows


def _column_batch(arrays: Mapping[str, Any], count: int, file: str, before: int) -> ColumnBatch:
    """Returns some rows as the kernel takes them. A column in which nothing stands is left out."""
    arrays = {name: array for name, array in arrays.items() if array.null_count < count}
    columns = {name: _column(name, array) for name, array in arrays.items()}
    return ColumnBatch(columns, count, partial(_records, arrays), file, before)


def _leaves(name: str, array: Any) -> Iterator[tuple[str, Any]]:
    """Yields a column, or in the place of one of objects those of their members. The members of lists are coded."""
    import pyarrow as pa

    kind = array.type
    if pa.types.is_struct(kind):
        for field, member in zip(kind, array.flatten(), strict=True):
            yield from _leaves(f"{name}.{field.name}", member)
        return
    if pa.types.is_large_list(kind):
        array = array.cast(pa.list_(kind.value_type))
    if pa.types.is_list(array.type) and (coded := _coded(array.values)) is not None:
        # Before it is cut into parts, so that a list's members are coded once.
        valid, offsets, *_ = array.buffers()
        array = pa.ListArray.from_buffers(pa.list_(coded.type), len(array), [valid, offsets], -1, array.offset, [coded])
    yield name, array


def _coded(array: Any) -> Any:
    """Returns texts as a dictionary of different words without an empty cell; None where they are no texts."""
    import pyarrow as pa

    kind = array.type
    if pa.types.is_dictionary(kind):
        if array.null_count == 0 and _has_codes(array):
            return array
        array, kind = array.dictionary_decode(), kind.value_type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        return None
    # A member that is null is a word too, which none may be.
    return array.cast(pa.string()).dictionary_encode(null_encoding="encode")


def _has_codes(array: Any) -> bool:
    """Returns true if the kernel can have the codes of a dictionary."""
    import pyarrow as pa

    return bool(pa.types.is_string(array.type.value_type) and pa.types.is_int32(array.type.index_type))


def _column(name: str, array: Any) -> Column:
    import pyarrow as pa

    kind = array.type
    if pa.types.is_dictionary(kind):
        if _has_codes(array):
            valid, data = array.indices.buffers()
            texts, plain = _column(name, array.dictionary), lambda: _column(name, array.dictionary_decode())
            return Column(ColumnKind.CODE, data, None, valid, array.indices.offset, texts=texts, plain=plain)
        array, kind = array.dictionary_decode(), kind.value_type
    if pa.types.is_list(kind) and pa.types.is_dictionary(kind.value_type):
        codes = array.values.indices
        data = memoryview(codes.buffers()[1] or b"")[4 * codes.offset :]
        valid, offsets, *_ = array.buffers()
        return Column(ColumnKind.LIST, data, offsets, valid, array.offset, texts=_column(name, array.values.dictionary))
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        array, kind = array.cast(pa.string()), pa.string()
    elif pa.types.is_integer(kind):
        array = array.cast(pa.int64())
    elif pa.types.is_timestamp(kind) and kind.unit == "s":
        array = array.cast(pa.timestamp("ms", kind.tz))
    valid, *buffers = array.buffers()
    if pa.types.is_string(kind):
        offsets, data = buffers
        return Column(ColumnKind.TEXT, data if data is not None else b"", offsets, valid, array.offset, count=len(array))
    if pa.types.is_timestamp(kind):
        return Column(ColumnKind.INSTANT, buffers[0], None, valid, array.offset, divisor=_MILLISECONDS[array.type.unit])
    of_type = ((pa.types.is_integer, ColumnKind.NUMBER), (pa.types.is_boolean, ColumnKind.TRUTH))
    for is_of, given in of_type:
        if is_of(kind):
            return Column(given, buffers[0], None, valid, array.offset)
    raise ValueError(f"column {name} is {kind}; it holds texts, whole numbers, instants, truth values or lists of texts")


def _records(arrays: Mapping[str, Any], first: int, end: int, only: Container[str] | None) -> Iterator[dict[str, Any]]:
    """Yields the records of rows, with what was observed as the object that it is; or `only` what some names stand for."""
    wanted = [(name, array.slice(first, end - first)) for name, array in arrays.items() if only is None or name in only]
    columns = [(name.split("."), _values(array)) for name, array in wanted]
    for row in range(end - first):
        record: dict[str, Any] = {}
        for (*within, last), values in columns:
            if values[row] is not None:
                held = record
                for part in within:
                    held = held.setdefault(part, {})
                held[last] = values[row]
        yield record


def _values(array: Any) -> list[Any]:
    """The values of a column, None where there is none; instants as a record has them."""
    import pyarrow as pa

    if not pa.types.is_timestamp(array.type):
        return list(array.to_pylist())
    unit = array.type.unit
    counts = array.cast(pa.int64()).to_pylist()
    return [None if count is None else format_instant(_in_milliseconds(count, unit)) for count in counts]


def _in_milliseconds(count: int, unit: str) -> int:
    return count * 1000 if unit == "s" else count // _MILLISECONDS[unit]
