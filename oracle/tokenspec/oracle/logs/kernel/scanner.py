"""The scanner of JSON lines, in WebAssembly (scanner.wat), and of the values in them (values.wat).

It is strict where it accepts, and every line that it does not is *odd*.

What it accepts is a part of JSON: one object, its names in any order and none twice, no escapes, no space but one behind a
colon or a comma. The values go to a row, and rows are judged some at a time: `$look_ahead` sees all, then `$judge` each.
"""

from __future__ import annotations

from importlib.resources import files

from tokenspec.machine.interpreters.batch.short import long
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
    signed,
)
from tokenspec.oracle.wire.observations import FIRST_INSTANT, LAST_INSTANT, MILLISECONDS_MIN

NOT_AN_INSTANT = -(2**63)
_EIGHT = 0x0101010101010101
"""One in each of eight bytes."""
_DATE_BITS = 7
DATES = 32 << _DATE_BITS
"""Bytes of a table of dates."""

LISTED = 24
"""Bytes of a listed line: where it starts and ends, its number in the file, its position among all lines."""
ROWS = 64
"""The number of lines that are judged together, so that what they need of memory is fetched at once."""
LINE_MAX = 65_536
"""The longest line that is not odd."""
_TRUE, _FALS, _NULL = (int.from_bytes(word, "little") for word in (b"true", b"fals", b"null"))


def _unlike(met: str) -> str:
    """1 where the bytes at `%at` are not those that were met."""
    parts = [
        f"(v128.and (v128.xor (v128.load offset={n} %at) (v128.load offset={n} {met})) (v128.load offset={MET_MAX + n} {met}))"
        for n in range(0, MET_MAX, 16)
    ]
    return f"(v128.any_true (v128.or {' '.join(parts)}))"


_AS_MET = f"""(local.set $met (i32.load offset={WORDS} %key))
              (if {_unlike("%met")} (then (local.set $met (call $met_before (i32.add %key #{WORDS}) %at))))
              (if %met (then
                (i64.store (i32.add %row (i32.load offset=8 %key)) (i64.load offset=72 %met))
                (local.set $has (i64.or %has (i64.load offset=80 %met)))
                (local.set $at (i32.add %at (i32.load offset=68 %met)))
                (br_if $named (local.tee $key (i32.load offset=64 %met))) (br $closes)))"""
"""A word, a list of words, or null, that stood there before, mostly with the name behind it."""


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


def _met(forms: Forms) -> dict[str, int]:
    """The places of what was met."""
    return {
        "start_place": forms.start,
        "later_place": forms.later,
        "end_key": forms.end,
        "masks": forms.masks,
        "met": forms.met,
        "met_size": MET,
        "met_all": forms.met_end - forms.met,
        "met_max": MET_MAX,
        "behind_key": BEHIND,
        "inside_key": INSIDE,
        "words": WORDS,
        "met_of_words": WORDS + 4,
        "of_word": OF_WORD,
    }


def scanner_text(
    words: tuple[int, int],
    parents: int,
    forms: Forms,
    rows: tuple[int, int],
    account: int,
    kept: int,
    listed: int,
    most: int,
    told: int,
    dates: int,
    leads: str,
) -> str:
    """The functions that scan. `words` is the table of words, `parents` that of contexts.

    `rows` is where the rows are, and the size of one; `account` is the bit of the name that each must have. `kept` has room
    for a line, and `listed` for as many as are listed at once, at `most`; their number stands before them.
    A line that needs facts is at `told`: where it starts and ends. `dates` has room for dates.
    `leads` are the lines behind rows that were judged, from `%from` to `@row`.
    """
    (words_at, last), (rows_at, row_size) = words, rows
    text = files(__package__).joinpath("scanner.wat").read_text("utf-8")
    places = (
        IN_ROWS
        | _met(forms)
        | {
            "rows_at": rows_at,
            "row_size": row_size,
            "rows_end": rows_at + ROWS * row_size,
            "listed": listed,
            "listed_size": LISTED,
            "listed_count": listed - 8,
            "most": most - ROWS,
            "parents": parents,
            "kept": kept,
            "told": told,
        }
    )
    numbers = _digit_masks() | {
        "unlike": _unlike("%met"),
        "leads": leads,
        "digits": _digits("%value", "%bits"),
        "as_met": _AS_MET,
        "k1": signed(HASH[0]),
        "met_shift": 64 - MET_BITS,
        "z_quote": int.from_bytes(b'Z"', "little"),
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
    return _values_text(words_at, last, dates) + long(text.format(**places, **numbers))


def _digit_masks() -> dict[str, int]:
    """The words of eight bytes by which digits are told."""
    return {"zeros": _EIGHT * 0x30, "above_nine": _EIGHT * 0x76, "high_bits": signed(_EIGHT * 0x80)}


def _digits(word: str, bits: str) -> str:
    """The number that digits stand for: as many bits of a word as they take, at most 56. It is no function, to be faster."""
    ones = f"(i64.shl {word} (i64.sub ~64 {bits}))"
    tens = f"(i64.shr_u (i64.mul {ones} ~{(10 << 8) + 1}) ~8)"
    hundreds = f"(i64.shr_u (i64.mul (i64.and {tens} ~{0x00FF00FF00FF00FF}) ~{(100 << 16) + 1}) ~16)"
    return f"(i64.shr_u (i64.mul (i64.and {hundreds} ~{0x0000FFFF0000FFFF}) ~{(10_000 << 32) + 1}) ~32)"


def _values_text(words_at: int, last: int, dates: int) -> str:
    """The functions that read values; `words_at` is where the table of words is, and `last` the number of its last place.

    From `dates` on there are `DATES` bytes for the dates that were read.
    """
    k1, k2, k3 = map(signed, HASH)
    text = files(__package__).joinpath("values.wat").read_text("utf-8")
    return long(
        text.format(
            words_at=words_at,
            last=last,
            k1=k1,
            k2=k2,
            k3=k3,
            **_digit_masks(),
            no_time=int.from_bytes(b"00:00:00", "little"),
            above_time=int.from_bytes(bytes((0x76, 0x76, 0x7F) * 3)[:8], "little"),
            dates=dates,
            date_shift=64 - _DATE_BITS,
            digits=_digits("%word", "%marks"),
            largest=COUNTABLE_MAX,
            day=DAY_MS,
            first=FIRST_INSTANT,
            last_instant=LAST_INSTANT,
            not_an_instant=NOT_AN_INSTANT,
        )
    )
