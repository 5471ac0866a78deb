"""The scanner of JSON lines, in WebAssembly (scanner.wat): strict where it accepts, and every line that it does not is *odd*.

What it accepts is a part of JSON: one object, its names in any order and none twice, no escapes, no space but one behind a
colon or a comma. The values go to a row, and rows are judged some at a time: `$look_ahead` sees all, then `$judge` each.
"""

from __future__ import annotations

from importlib.resources import files

from tokenspec.machine.interpreters.batch.short import long
from tokenspec.oracle.logs.kernel.forms import (
    END,
    HAS,
    LINE,
    NUMBER,
    ODD,
    POSITION,
    SEEN,
    SIZE,
    START,
    UNKNOWN,
    UNKNOWN_MAX,
    signed,
)
from tokenspec.oracle.logs.kernel.values import NOT_AN_INSTANT, values_text
from tokenspec.oracle.wire.observations import MILLISECONDS_MIN

LISTED = 24
"""Bytes of a listed line: where it starts and ends, its number in the file, its position among all lines."""
ROWS = 16
"""The number of lines that are judged together, so that what they need of memory is fetched at once."""
LINE_MAX = 65_536
"""The longest line that is not odd."""
_TRUE, _FALS, _NULL = (int.from_bytes(word, "little") for word in (b"true", b"fals", b"null"))


def _unlike(start: int) -> str:
    """The difference between eight bytes and those that the expected name has there."""
    right = f"offset={48 + 2 * start}"
    return f"(i64.and (i64.xor (i64.load offset={start} %at) (i64.load {right} %key)) (i64.load offset={56 + 2 * start} %key))"


def scanner_text(
    words: tuple[int, int],
    parents: int,
    nothing: int,
    rows: tuple[int, int],
    account: int,
    kept: int,
    listed: int,
    most: int,
    told: int,
) -> str:
    """The functions that scan. `words` is the table of words, `parents` that of contexts, `nothing` describes no key.

    `rows` is where the rows are, and the size of one; `account` is the bit of the name that each must have. `kept` has room
    for a line, and `listed` for as many as are listed at once, at `most`; their number stands before them.
    A line that needs facts is at `told`: where it starts and ends.
    """
    (words_at, last), (rows_at, row_size) = words, rows
    text = files(__package__).joinpath("scanner.wat").read_text("utf-8")
    places = {
        "seen": SEEN,
        "has": HAS,
        "line": LINE,
        "behind": END,
        "start": START,
        "size": SIZE,
        "number": NUMBER,
        "position": POSITION,
        "unknown": UNKNOWN,
        "unknown_names": UNKNOWN + 4,
        "unknown_sizes": UNKNOWN + 8,
        "rows_at": rows_at,
        "row_size": row_size,
        "rows_end": rows_at + ROWS * row_size,
        "listed": listed,
        "listed_size": LISTED,
        "listed_count": listed - 8,
        "most": most - ROWS,
        "parents": parents,
        "nothing": nothing,
        "kept": kept,
        "told": told,
    }
    numbers = {f"unlike_{start}": _unlike(start) for start in (0, 8, 16)} | {
        "account": signed(account),
        "line_max": LINE_MAX,
        "milliseconds_min": MILLISECONDS_MIN,
        "not_an_instant": NOT_AN_INSTANT,
        "odd": ODD,
        "unknown_max": UNKNOWN_MAX,
        "true": _TRUE,
        "fals": _FALS,
        "null": _NULL,
    }
    return values_text(words_at, last) + long(text.format(**places, **numbers))
