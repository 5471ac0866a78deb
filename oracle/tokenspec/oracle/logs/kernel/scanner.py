"""The scanner of JSON lines, in WebAssembly (scanner.wat), and of the values in them (values.wat).

It is strict where it accepts, and every line that it does not is *odd*.

What it accepts is a part of JSON: one object, its names in any order and none twice, no escapes, no space but one behind a
colon or a comma. The values go to a row, and rows are judged some at a time: `$look_ahead` sees all, then `$judge` each.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from importlib.resources import files
from typing import NamedTuple

from tokenspec.machine.interpreters.batch.short import Space, long
from tokenspec.machine.interpreters.dates import DAY_MS
from tokenspec.machine.lang.types import COUNTABLE_MAX
from tokenspec.oracle.logs.kernel.forms import (
    BEHIND,
    END,
    HAS,
    HASH,
    INSIDE,
    LINE,
    MET,
    MET_BITS,
    MET_MAX,
    NUMBER,
    ODD,
    OF_WORD,
    POSITION,
    SEEN,
    SIZE,
    START,
    UNKNOWN,
    UNKNOWN_MAX,
    WORDS,
    Forms,
    ValueKind,
    signed,
)
from tokenspec.oracle.wire.observations import FIRST_INSTANT, LAST_INSTANT, MILLISECONDS_MIN

NOT_AN_INSTANT = -(2**63)
_EIGHT = 0x0101010101010101
"""One in each of eight bytes."""
_DATE_BITS = 9
_DATES = 32 << _DATE_BITS
"""Bytes of a table of dates."""

TOLD = struct.Struct("<5I")
"""The numbers that a scan tells: where the line starts and ends that is odd or needs facts, where it stopped, 1 where that
line is odd, 1 where bytes are not ASCII. Before it the third and the fourth say where the lines start and end."""
LISTED = 24
"""Bytes of a listed line: where it starts and ends, its number in the file, its position among all lines."""
ROWS = 64
"""The number of lines that are judged together, so that what they need of memory is fetched at once."""
LINE_MAX = 65_536
"""The longest line that is not odd."""
SLACK = 64
"""Bytes that the scanner may read behind what it was given."""
LISTED_MAX = 1 << 16
"""The largest number of lines that are listed at once."""
_TRUE, _FALS, _NULL = (int.from_bytes(word, "little") for word in (b"true", b"fals", b"null"))


def _unless_met() -> str:
    """Goes on unless the bytes at `%at` are those that `%met` says, then to `$is_met`; most of these are sixteen at the most."""

    def differ(n: int) -> str:
        differs = f"(v128.xor (v128.load offset={n} %at) (v128.load offset={n} %met))"
        return f"(v128.any_true (v128.and {differs} (v128.load offset={MET_MAX + n} %met)))"

    is_short = "(i32.le_u (i32.load offset=68 %met) #16)"
    return f"(block $other (br_if $other {differ(0)}) (br_if $is_met {is_short}) (br_if $is_met (i32.eqz {differ(16)})))"


def _met_at(all_met: str, first_bytes: str) -> str:
    """The address at which a place keeps that it met what begins with these bytes; `all_met` is that of all that it met."""
    place = f"(i64.shr_u (i64.mul {first_bytes} ~{signed(HASH[0])}) ~{64 - MET_BITS})"
    return f"(i32.add {all_met} (i32.mul #{MET} (i32.wrap_i64 {place})))"


def _first_bytes(is_word: str) -> str:
    """The bytes by which it is found; of a word those behind the first eight too: most that begin alike go on to another name."""
    return f"(i64.xor (i64.load %at) (i64.mul (i64.load offset=8 %at) {is_word}))"


def _date_at(date: str, dates: int) -> str:
    """The address of a date among `dates`, if it was read before; its bytes are these, from the fourth on."""
    return f"(i32.add #{dates} (i32.shl (i32.wrap_i64 (i64.shr_u (i64.mul {date} ~{signed(HASH[0])}) ~{64 - _DATE_BITS})) #5))"


_ENDS_TEXT = """(i8x16.bitmask (v128.or
      (v128.or (i8x16.eq %here (i8x16.splat #34)) (i8x16.eq %here (i8x16.splat #92))) (i8x16.lt_s %here (i8x16.splat #32))))"""
"""The bytes among sixteen that end a text, or that no text here may hold."""


IN_ROWS = {
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
}
"""The places in a row."""


def _digits(word: str, bits: str) -> str:
    """The number that digits stand for: as many bits of a word as they take, at most 56. It is no function, to be faster."""
    ones = f"(i64.shl {word} (i64.sub ~64 {bits}))"
    tens = f"(i64.shr_u (i64.mul {ones} ~{(10 << 8) + 1}) ~8)"
    hundreds = f"(i64.shr_u (i64.mul (i64.and {tens} ~{0x00FF00FF00FF00FF}) ~{(100 << 16) + 1}) ~16)"
    return f"(i64.shr_u (i64.mul (i64.and {hundreds} ~{0x0000FFFF0000FFFF}) ~{(10_000 << 32) + 1}) ~32)"


class ScannerPlaces(NamedTuple):
    """The places that a scanner uses: the rows that it makes, a line that it keeps, the lines that it lists, and `TOLD`."""

    rows: int
    kept: int
    listed: int
    """The lines, at most `LISTED_MAX`; their number stands before them."""
    told: int

    @classmethod
    def of(cls, space: Space, forms: Forms) -> ScannerPlaces:
        """Returns new places for rows of these forms, of which all keys are there."""
        rows, kept = space.take(ROWS * forms.row, 64), space.take(LINE_MAX + SLACK)
        return cls(rows, kept, space.take(8 + LISTED * LISTED_MAX) + 8, space.take(TOLD.size))


_KIND = "(i32.load offset=12 %place)"
_OF_VALUES = {
    **dict(zip(("k1", "k2", "k3"), map(signed, HASH), strict=True)),
    "zeros": _EIGHT * 0x30,
    "above_nine": _EIGHT * 0x76,
    "high_bits": signed(_EIGHT * 0x80),
    "ends_text": _ENDS_TEXT,
    "digits": _digits("%word", "%marks"),
    "largest": COUNTABLE_MAX,
    "day": DAY_MS,
    "first": FIRST_INSTANT,
    "last_instant": LAST_INSTANT,
    "not_an_instant": NOT_AN_INSTANT,
}
_OF_LINES = {
    **_OF_VALUES,
    **IN_ROWS,
    **{f"{kind.name.lower()}_kind": int(kind) for kind in ValueKind},
    "met_max": MET_MAX,
    "behind_key": BEHIND,
    "inside_key": INSIDE,
    "words": WORDS,
    "met_of_words": WORDS + 4,
    "listed_size": LISTED,
    "most": LISTED_MAX - ROWS,
    "unless_met": _unless_met(),
    "met_at_last": _met_at("(i32.load offset=4 %last)", "(i64.load %at)"),
    "met_at_word": _met_at(f"(i32.load offset={WORDS + 4} %key)", _first_bytes(f"~{OF_WORD}")),
    "met_at_place": _met_at("(i32.load offset=4 %place)", _first_bytes(f"(i64.extend_i32_u (i32.and {_KIND} #{OF_WORD}))")),
    "digits": _digits("%value", "%bits"),
    "no_time": int.from_bytes(b"00:00:00", "little"),
    "above_time": int.from_bytes(bytes((0x76, 0x76, 0x7F) * 3)[:8], "little"),
    "of_time": 0x00FF_0000_FF00_00FF,
    "above_clock": 128 - 24 | 128 - 60 << 24 | 128 - 60 << 48,
    "z_quote": int.from_bytes(b'Z"', "little"),
    "line_max": LINE_MAX,
    "milliseconds_min": MILLISECONDS_MIN,
    "odd": ODD,
    "unknown_max": UNKNOWN_MAX,
    "true": _TRUE,
    "fals": _FALS,
    "null": _NULL,
}
"""The numbers and texts in the place of names in values.wat, and in scanner.wat, beside the addresses."""


def scanner_text(space: Space, forms: Forms, at: ScannerPlaces, account: int, leads: str) -> str:
    """The functions that scan, with those that read values; `account` is the bit of the name that each line must have.

    `leads` are the lines behind rows that were judged, from `%from` to `@row`.
    """
    words_at, last = forms.dictionary()
    # No text has the bytes of the first one, so that none is taken for a date before it was read.
    dates = space.put(b"\xff" * 8)
    space.take(_DATES - 8)
    of_values = {"words_at": words_at, "last_word": last, "date_at": _date_at("(i64.load offset=3 %at)", dates)}
    of_lines = {
        "date_at": _date_at("(i64.load offset=4 %at)", dates),
        "start_place": forms.start,
        "later_place": forms.later,
        "end_key": forms.end,
        "masks": forms.masks,
        "met": forms.met,
        "met_all": forms.met_end - forms.met,
        "rows_at": at.rows,
        "row_size": forms.row,
        "rows_end": at.rows + ROWS * forms.row,
        "listed": at.listed,
        "listed_count": at.listed - 8,
        "parents": space.put(bytes(forms.parents)),
        "kept": at.kept,
        "told": at.told,
        "leads": leads,
        "account": signed(account),
    }
    return written("values.wat", _OF_VALUES | of_values) + written("scanner.wat", _OF_LINES | of_values | of_lines)


def written(file: str, places: Mapping[str, object]) -> str:
    """Returns the functions in a file, with these in the places of their names."""
    return long(files(__package__).joinpath(file).read_text("utf-8").format(**places))
