"""The values in JSON lines, in WebAssembly: strings, words, whole numbers, times of day and instants (values.wat)."""

from __future__ import annotations

from importlib.resources import files

from tokenspec.machine.interpreters.batch.short import long
from tokenspec.machine.interpreters.dates import DAY_MS
from tokenspec.machine.lang.types import COUNTABLE_MAX
from tokenspec.oracle.logs.kernel.forms import HASH, signed
from tokenspec.oracle.wire.observations import FIRST_INSTANT, LAST_INSTANT

NOT_AN_INSTANT = -(2**63)
_EIGHT = 0x0101010101010101
"""One in each of eight bytes."""
_DATE_BITS = 7
DATES = 32 << _DATE_BITS
"""Bytes of a table of dates."""


def digit_masks() -> dict[str, int]:
    """The words of eight bytes by which digits are told."""
    return {"zeros": _EIGHT * 0x30, "above_nine": _EIGHT * 0x76, "high_bits": signed(_EIGHT * 0x80)}


def digits(word: str, bits: str) -> str:
    """The number that digits stand for: as many bits of a word as they take, at most 56. It is no function, to be faster."""
    ones = f"(i64.shl {word} (i64.sub ~64 {bits}))"
    tens = f"(i64.shr_u (i64.mul {ones} ~{(10 << 8) + 1}) ~8)"
    hundreds = f"(i64.shr_u (i64.mul (i64.and {tens} ~{0x00FF00FF00FF00FF}) ~{(100 << 16) + 1}) ~16)"
    return f"(i64.shr_u (i64.mul (i64.and {hundreds} ~{0x0000FFFF0000FFFF}) ~{(10_000 << 32) + 1}) ~32)"


def values_text(words_at: int, last: int, dates: int) -> str:
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
            **digit_masks(),
            no_time=int.from_bytes(b"00:00:00", "little"),
            above_time=int.from_bytes(bytes((0x76, 0x76, 0x7F) * 3)[:8], "little"),
            dates=dates,
            date_shift=64 - _DATE_BITS,
            digits=digits("%word", "%marks"),
            largest=COUNTABLE_MAX,
            day=DAY_MS,
            first=FIRST_INSTANT,
            last_instant=LAST_INSTANT,
            not_an_instant=NOT_AN_INSTANT,
        )
    )
