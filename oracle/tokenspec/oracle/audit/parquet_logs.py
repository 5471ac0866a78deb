"""Logs in Parquet: the columns are called like the fields of a record, and no map is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tokenspec.oracle.audit.arrow import column_batches
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.logs.kernel.columns import ROWS_MAX, ColumnBatch, ColumnRows
from tokenspec.oracle.wire.log_files import is_parquet

if TYPE_CHECKING:
    import pyarrow.parquet

_NAMES = {"account", "at", "event"}
"""The columns without which a file holds no records."""
_WORDS_MAX = 2 * ROWS_MAX
"""Bytes of a dictionary, packed, up to which a column is read as the dictionary that it is: each batch has all of it anew."""


def is_log(path: str) -> bool:
    """Returns true if `path` is a file of Parquet with the columns of a record, and pyarrow is installed. Raises `OSError`."""
    if not is_parquet(path) or find_spec("pyarrow") is None:
        return False
    try:
        return set(_found(path, path).schema.to_arrow_schema().names) >= _NAMES
    except BadSetting:
        return False


class ParquetLogs(ColumnRows):
    """The rows of the files at `paths` as the lines of logs. They can be iterated more than once.

    Raises `BadSetting` where a file cannot be read, or a column be taken; so does an iteration.
    """

    size: int | None = None

    def __init__(self, paths: Sequence[str], names: list[str]) -> None:
        self.names = names
        self._files = [(path, name, _found(path, name)) for path, name in zip(paths, names, strict=True)]
        counts = [found.num_rows for _, _, found in self._files]
        self.empty = [name for name, count in zip(names, counts, strict=True) if not count]
        """The names of the files that hold no row."""
        super().__init__(self._batches, sum(counts))
        # A column that cannot be taken is told before anything else is done.
        next(self._batches(), None)

    def _batches(self) -> Iterator[ColumnBatch]:
        for path, name, found in self._files:
            with _in_our_name(name):
                yield from column_batches(name, _batches_of(path, found))


def _found(path: str, name: str) -> pyarrow.parquet.FileMetaData:
    from pyarrow.parquet import read_metadata

    with _in_our_name(name):
        return read_metadata(path)


@contextmanager
def _in_our_name(name: str) -> Iterator[None]:
    """Turns an error of pyarrow, or a column that cannot be taken, into a `BadSetting` that names the file `name`."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError) as fault:
        # Those of the system have a number, and name the file themselves.
        if isinstance(fault, OSError) and fault.errno is not None:
            raise
        raise BadSetting(one_line(name), f"it cannot be read as Parquet: {one_line(str(fault), 300)}") from None
    except ValueError as fault:
        raise BadSetting(one_line(name), f"{one_line(str(fault), 300)}; or read it through a map (docs/maps.md)") from None


def _words_in(found: pyarrow.parquet.FileMetaData) -> list[str]:
    """Returns the names of the columns that hold words in the first row group; of others it costs only time to be wrong."""
    if not found.num_row_groups:
        return []
    group = found.row_group(0)
    chunks = [group.column(number) for number in range(group.num_columns)]
    return [
        chunk.path_in_schema
        for chunk in chunks
        if chunk.physical_type == "BYTE_ARRAY"
        and chunk.dictionary_page_offset is not None
        and chunk.data_page_offset - chunk.dictionary_page_offset < _WORDS_MAX
    ]


def _batches_of(path: str, found: pyarrow.parquet.FileMetaData) -> Iterator[pyarrow.RecordBatch]:
    """Yields the rows of a file, one row group after the other: within objects pyarrow puts no two dictionaries into a batch."""
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path, metadata=found, read_dictionary=_words_in(found)) as file:
        for group in range(found.num_row_groups):
            yield from file.iter_batches(ROWS_MAX, row_groups=[group])
