"""Columns through the kernel: rows of records whose values are in buffers, as in a batch of Arrow, and not in any text.

A column holds the values of one name of a record: `account`, `at`, `event`, a field, or of the observation as `observed.outcome`
and `observed.balances.fast`. A value that no record of a log could hold makes its account one that is left to the oracle.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Any

import msgspec

from tokenspec.machine.interpreters.batch.short import NotCovered
from tokenspec.machine.lang.types import COUNTABLE_MAX
from tokenspec.oracle.logs.kernel.forms import ODD, RowKey, ValueKind
from tokenspec.oracle.logs.kernel.scanner import IN_ROWS, NOT_AN_INSTANT, ROWS, written
from tokenspec.oracle.wire.log_files import Line
from tokenspec.oracle.wire.observations import FIRST_INSTANT, MILLISECONDS_MIN

COLUMN = 32
"""Bytes of the description of a column: its key, the branch, the places of what it holds, of offsets and of the bits of what is
there, the first of these bits, and the divisor of instants, or the place of what words mean, or of names."""
CELLS = 8 << 20
"""Bytes of what the columns of a batch hold, at most."""
_IDENTITIES = 2 * ROWS
"""The last row that was judged, and all that are judged together, are among so many."""
IDENTITIES = 8 * (_IDENTITIES + ROWS)
"""Bytes for what tells rows apart, and for the names that hold a value in each of them."""
ROWS_MAX = 1 << 15
"""The largest number of rows of a batch."""


class ColumnKind(IntEnum):
    """The forms of what a column holds, in the order of the kernel's branches."""

    TEXT = 0
    """UTF-8, and the offsets of texts in it, 32 bits each."""
    NUMBER = 1
    """Whole numbers of 64 bits."""
    INSTANT = 2
    """Counts of `divisor` for each millisecond since 1970, of 64 bits."""
    TRUTH = 3
    """A bit each, the lowest first."""
    CODE = 4
    """Positions among `texts`, of 32 bits."""
    LIST = 5
    """Lists of such positions, and the offsets of lists in them."""


@dataclass(frozen=True)
class Column:
    """The values of one name, from the value `first` on. `valid` has a bit for each, the lowest first; None: all are there."""

    kind: ColumnKind
    data: Any
    offsets: Any = None
    valid: Any = None
    first: int = 0
    divisor: int = 1
    count: int = 0
    """Of texts: the number of them."""
    texts: Column | None = None
    """Of codes: what they stand for."""
    plain: Callable[[], Column] | None = None
    """Of codes: the same values as texts."""

    def words(self) -> list[bytes | None]:
        """Returns texts, None where there is none."""
        offsets, data, valid = _bytes_of(self.offsets), _bytes_of(self.data), _bytes_of(self.valid)
        ends = struct.unpack_from(f"<{self.count + 1}i", offsets, 4 * self.first) if self.count else ()
        found: list[bytes | None] = [bytes(data[start:end]) for start, end in pairwise(ends)]
        for n in range(self.first, self.first + self.count) if valid is not None else ():
            if not valid[n >> 3] >> (n & 7) & 1:
                found[n - self.first] = None
        return found


@dataclass(frozen=True)
class ColumnBatch:
    """Some rows of a file, which so many are `before` in it: their columns by name, and `records`, from one row to another.

    Of these all names are asked for, or only some.
    """

    columns: Mapping[str, Column]
    count: int
    records: Callable[[int, int, Container[str] | None], Iterable[dict[str, Any]]]
    file: str
    before: int

    def lines(self, first: int, end: int) -> Iterator[Line]:
        """Yields rows as lines, whose numbers count from 1."""
        for number, record in enumerate(self.records(first, end, None), self.before + first + 1):
            yield Line(self.file, number, -1, msgspec.json.encode(record))

    def line(self, row: int, *_: int) -> Line:
        """Returns a row as a line."""
        return next(iter(self.lines(row, row + 1)))

    def goes_on(self, before: ColumnBatch) -> bool:
        """Returns true if the first row holds what the last one of the batch before does."""
        last = before.count - 1
        # Nearly all differ in these already.
        ours, theirs = (next(iter(of.records(row, row + 1, ("account", "at")))) for of, row in ((self, 0), (before, last)))
        return ours == theirs and self.line(0).content == before.line(last).content


class ColumnRows:
    """The rows of batches as the lines of a log; `batches` gives them anew at each call."""

    def __init__(self, batches: Callable[[], Iterable[ColumnBatch]], row_count: int) -> None:
        self.batches, self.row_count = batches, row_count

    def __iter__(self) -> Iterator[Line]:
        for batch in self.batches():
            yield from batch.lines(0, batch.count)


def described(batch: ColumnBatch, keys: Mapping[str, RowKey], cells: int) -> tuple[bytes, list[tuple[int, Any]]]:
    """Returns the descriptions of the columns of a batch, and what is to be copied where, from the address `cells` on.

    Raises `NotCovered` for a column that no record has, and for more than there is room for.
    """
    descriptions, copied, end = [], list[tuple[int, Any]](), cells
    if batch.count > ROWS_MAX:
        raise NotCovered("a batch has too many rows")

    def placed(content: memoryview | None) -> int:
        nonlocal end
        if content is None:
            return 0
        at = -(-end // 8) * 8
        end = at + len(content)
        if end > cells + CELLS:
            raise NotCovered("the columns of a batch are too large")
        copied.append((at, content))
        return at

    def texts(data: memoryview, offsets: memoryview, first: int, behind: int, size: int) -> tuple[int, int]:
        """Places texts, or lists of cells of so many bytes; returns the place of what begins at offset 0, and that of offsets."""
        offsets = offsets[4 * first : 4 * (behind + 1)]
        (before,), (to,) = struct.unpack_from("<i", offsets), struct.unpack_from("<i", offsets, 4 * (behind - first))
        return placed(data[size * before : size * to]) - size * before & 2**32 - 1, placed(offsets)

    # A row is most often told from the one before it by its instant, which is the first thing that is compared then.
    for name, given in sorted(batch.columns.items(), key=lambda each: each[0] != "at"):
        if name not in keys:
            raise NotCovered(f"there is no column {name}")
        key, column, meanings = keys[name], given, None
        if given.texts is not None and key.kind is not ValueKind.TEXT:
            # Each word is looked up once, in place of once a row.
            words = given.texts.words()
            if given.plain is not None and (key.kind is not ValueKind.WORD or len(set(words)) < len(words)):
                column = given.plain()
            else:
                meanings = memoryview(array("i", [key.meaning_of(word) for word in words])).cast("B")
        kind = _branch(name, key.kind, column.kind)
        data, offsets, valid = map(_bytes_of, (column.data, column.offsets, column.valid))
        first, behind, bits = (
            column.first,
            column.first + batch.count,
            slice(column.first >> 3, column.first + batch.count + 7 >> 3),
        )
        if column.kind is ColumnKind.TRUTH:
            at, offsets_at = placed(data[bits]), 0
        elif offsets is not None:
            at, offsets_at = texts(data, offsets, first, behind, 4 if column.kind is ColumnKind.LIST else 1)
        else:
            size = 4 if column.kind is ColumnKind.CODE else 8
            at, offsets_at = placed(data[size * first : size * behind]), 0
        valid_at, further = placed(valid and valid[bits]), column.divisor
        if meanings is not None:
            further = placed(meanings)
        elif column.texts is not None:
            of = column.texts
            further, offsets_at = texts(_bytes_of(of.data), _bytes_of(of.offsets), of.first, of.first + of.count, 1)
        descriptions.append(struct.pack("<IIIIIIq", key.at, kind, at, offsets_at, valid_at, first & 7, further))
    return b"".join(descriptions), copied


def _bytes_of(buffer: Any) -> Any:
    return None if buffer is None else memoryview(buffer).cast("B")


_TEXT, _WORD, _TEXT_INSTANT, _TEXT_TIME, _NUMBER, _MILLISECONDS, _INSTANT, _TRUTH, _CODE, _LIST, _NAME = range(11)
_OF_TEXTS = {ValueKind.TEXT: _TEXT, ValueKind.WORD: _WORD, ValueKind.INSTANT: _TEXT_INSTANT, ValueKind.TIME: _TEXT_TIME}
_OTHERS = {
    (ValueKind.NUMBER, ColumnKind.NUMBER): _NUMBER,
    (ValueKind.INSTANT, ColumnKind.INSTANT): _INSTANT,
    (ValueKind.INSTANT, ColumnKind.NUMBER): _MILLISECONDS,
    (ValueKind.TRUTH, ColumnKind.TRUTH): _TRUTH,
    (ValueKind.WORD, ColumnKind.CODE): _CODE,
    (ValueKind.WORDS, ColumnKind.LIST): _LIST,
    (ValueKind.TEXT, ColumnKind.CODE): _NAME,
}


def _branch(name: str, wanted: ValueKind, given: ColumnKind) -> int:
    found = _OF_TEXTS.get(wanted) if given is ColumnKind.TEXT else _OTHERS.get((wanted, given))
    if found is None:
        raise NotCovered(f"{name} is not held by a column of {given.name.lower()}")
    return found


_EACH = """(loop $next
      (local.set $i (i32.wrap_i64 (i64.ctz %left))) (local.set $left (i64.and %left (i64.sub %left ~1)))"""
"""The lines that begin a loop over rows, each of them `%i` behind `%from`."""


def _each_text(row: str = "(i32.add %from %i)", data: str = "%data", shift: int = 0) -> str:
    """The lines that begin a loop over rows with a text, or with a list of cells of so many bytes as a power of two."""
    return f"""{_EACH}
      (local.set $s (i32.add %offsets (i32.shl {row} #2)))
      (local.set $size (i32.sub (i32.load offset=4 %s) (i32.load %s)))
      (local.set $s (i32.add {data} (i32.shl (i32.load %s) #{shift})))"""


def _to_row(row_size: int, places: Mapping[str, int]) -> str:
    """The lines that end a loop over rows: a value goes to its row unless it is odd."""
    has = f"(i32.add #{places['has_of_rows']} (i32.shl %i #3))"
    return f"""(if %is_odd (then (global.set $odd_cells (i64.or @odd_cells (i64.shl ~1 (i64.extend_i32_u %i))))) (else
      (i64.store (i32.add %rows (i32.mul %i #{row_size})) %value)
      (if (i64.ne %bit ~0) (then (i64.store {has} (i64.or (i64.load {has}) %bit))))))
      (br_if $next (i64.ne %left ~0)))"""


def columns_text(columns: int, account: int, rows: tuple[int, int], listed: int, identities: int) -> str:
    """The function `columns` (columns.wat), which judges a batch: 1 where a row needs facts; called again it goes on.

    `columns` is where descriptions are, `account` the bit of the name that each row must have, and `rows` where rows are made,
    with the size of one. The number of listed rows is written to `listed`, and `identities` is where `IDENTITIES` bytes are.
    """
    rows_at, row_size = rows
    places = {
        "columns": columns,
        "column_size": COLUMN,
        "listed": listed,
        "identities": identities,
        "last_identity": _IDENTITIES - 1,
        "rows_at": rows_at,
        "row_size": row_size,
        "rows": ROWS,
        "has_of_rows": identities + 8 * _IDENTITIES,
        "has_size": 8 * ROWS,
        **IN_ROWS,
    }
    numbers = {
        "account": account,
        "truth": _TRUTH,
        "code": _CODE,
        "list": _LIST,
        "name": _NAME,
        "odd": ODD,
        "not_an_instant": NOT_AN_INSTANT,
        "largest": COUNTABLE_MAX,
        "twice_largest": 2 * COUNTABLE_MAX,
        "milliseconds_min": MILLISECONDS_MIN,
        "first_instant": FIRST_INSTANT,
    }
    code = "(i32.load (i32.add %data (i32.shl (i32.add %from %i) #2)))"
    each_name = _each_text(code, "(i32.wrap_i64 %divisor)")
    loops = {"each_row": _EACH, "each_text": _each_text(), "each_list": _each_text(shift=2), "each_name": each_name}
    loops |= {"code_of_row": code, "to_row": _to_row(row_size, places)}
    return written("columns.wat", {**places, **numbers, **loops})
