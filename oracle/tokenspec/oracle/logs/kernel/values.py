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


def values_text(words_at: int, last: int) -> str:
    """The functions that read values; `words_at` is where the table of words is, and `last` the number of its last place."""
    k1, k2, k3 = map(signed, HASH)
    text = files(__package__).joinpath("values.wat").read_text("utf-8")
    return long(
        text.format(
            words_at=words_at,
            last=last,
            k1=k1,
            k2=k2,
            k3=k3,
            zeros=_EIGHT * 0x30,
            above_nine=_EIGHT * 0x76,
            high_bits=signed(_EIGHT * 0x80),
            pairs=0x00FF00FF00FF00FF,
            fours=0x0000FFFF0000FFFF,
            by_10=(10 << 8) + 1,
            by_100=(100 << 16) + 1,
            by_10000=(10_000 << 32) + 1,
            largest=COUNTABLE_MAX,
            day=DAY_MS,
            first=FIRST_INSTANT,
            last_instant=LAST_INSTANT,
            not_an_instant=NOT_AN_INSTANT,
        )
    )
