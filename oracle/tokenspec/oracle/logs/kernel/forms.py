"""The declared forms of records and observations, as tables that the scanner reads.

A *word* is a text with a meaning in its context: a key of an object, or a value of an enum. A key's meaning is the address of
its description: its bit, the slot of its value, the kind of its value, the context of the words within, and what the
scanner knows of the places behind it, inside it, and of its words.

A *place* is where a name may begin, behind a value or an opening brace, or where a word stands. It knows what it met before,
each as bytes with their mask: from the end of a value to the colon, such as `},"relaxed":`, or a word as it is written, with what
leads to the next name, such as `"image","origin":`. What it met last is most likely what comes next; the others are found by
their first bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from tokenspec.machine.interpreters.batch.short import NotCovered, Space
from tokenspec.machine.interpreters.embedded.memory import SLOT

ROOT = 0
"""The context of the record itself; 0 where there is none around an object."""
ODD = -2
"""For an unknown word: the line takes the slow way."""
MET_MAX = 32
"""The most bytes of what a place knows, between two values or of a word."""
MET = 2 * MET_MAX + 24
"""Bytes of what a place met: its bytes and their mask, the key that they lead to, their number, a word's meaning and bit."""
MET_BITS = 5
"""The number of bits of how many a place knows."""
BEHIND, INSIDE, WORDS = 32, 48, 64
"""In the description of a key: the place behind its value, the one inside it, and that of its words. Each has the address of
what it met last, that of all that it met, its context, and 0 if a value stands before it."""
OF_WORD = 2
"""In place of 1, of the place of a word."""
_MET_PLACES = 192
"""The most places: three of each name that there are bits for."""
_MASK = 2**64 - 1
_K1, _K2, _K3 = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
HASH = (_K1, _K2, _K3)


HEADER = 120
"""Bytes at the beginning of a row."""
SEEN, HAS, LINE, END, START, SIZE, NUMBER, POSITION, ENTRY_1, ENTRY_2, ID_1, ID_2, ACCOUNT, UNKNOWN = (
    0, 8, 16, 20, 24, 28, 32, 40, 48, 56, 64, 72, 80, 84
)  # fmt: skip
"""Of a row: the names seen and those that hold a value, where its line and the record begin and end, and fingerprints;
then the number of its unknown names, and where up to `UNKNOWN_MAX` of them are."""
UNKNOWN_MAX = 4


class ValueKind(IntEnum):
    """The kinds of values, in the order of the scanner's branches."""

    TEXT = 0
    WORD = 1
    NUMBER = 2
    INSTANT = 3
    TIME = 4
    TRUTH = 5
    WORDS = 6
    OBJECT = 7
    END = 8
    """No value: the record ends, and its line does."""


@dataclass(frozen=True)
class RowKey:
    """A key of an object: its bit, the place of its value in a row, its kind, and the bit that says it holds an empty object."""

    bit: int
    slot: int
    kind: ValueKind
    at: int
    """The address of its description."""
    empty: int = 0
    words: Mapping[bytes, int] = field(default_factory=dict)
    """Of a word, what each means."""
    other: int = ODD
    """Of a word that is none of these."""

    def meaning_of(self, word: bytes | None) -> int:
        """Returns the value of a word."""
        return ODD if word is None else self.words.get(word, self.other)


@dataclass
class Forms:
    """All words and keys so far."""

    space: Space
    keys: dict[tuple[int, str], RowKey] = field(default_factory=dict)
    words: dict[tuple[int, bytes], int] = field(default_factory=dict)
    parents: list[int] = field(default_factory=lambda: [ROOT])
    row: int = HEADER
    """Bytes of a row: what is known of a line, and the slots of all values."""
    start: int = field(init=False)
    """The place behind the brace that begins a record."""
    later: int = field(init=False)
    """The place behind a value of a record whose name nobody knows."""
    end: int = field(init=False)
    """The description of no key: the end of a record."""
    masks: int = field(init=False)
    """Bytes of ones, then of zeros."""
    met: int = field(init=False)
    """The address of what places met."""
    met_end: int = field(init=False)
    """The end of it."""
    _bits: int = 0
    _means: dict[int, dict[bytes, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.masks = self.space.put(b"\xff" * MET_MAX + bytes(MET_MAX))
        self.end = self.space.put(struct.pack("<12xi32x", ValueKind.END))
        self.met = self.met_end = self.space.take(_MET_PLACES * (MET << MET_BITS), MET_MAX)
        self.start, self.later = self.space.put(self._place(ROOT, True)), self.space.put(self._place(ROOT, False))

    def _place(self, context: int, is_first: int) -> bytes:
        at, self.met_end = self.met_end, self.met_end + (MET << MET_BITS)
        if self.met_end > self.met + _MET_PLACES * (MET << MET_BITS):
            raise NotCovered("records have too many names")
        return struct.pack("<iiii", at, at, context, is_first)

    def context(self, parent: int = ROOT) -> int:
        """Returns a new context, within an object's."""
        self.parents.append(parent)
        return len(self.parents) - 1

    def bit(self) -> int:
        """Returns a bit that nothing else has."""
        if self._bits == 64:
            raise NotCovered("records have more than 64 names")
        self._bits += 1
        return 1 << (self._bits - 1)

    def meanings(self, named: Mapping[str, int] | Iterable[tuple[str, int]]) -> int:
        """Returns a new context of words."""
        context = self.context()
        means = self._means[context] = {name.encode(): number for name, number in dict(named).items()}
        self.words.update({(context, name): number for name, number in means.items()})
        return context

    def key(
        self, within: int, name: str, kind: ValueKind, words: int = ROOT, other: int = ODD, *, may_be_empty: bool = False
    ) -> RowKey:
        """Adds a key to an object. `other` is the value of a word that is not in `words`."""
        bit, slot, empty = self.bit(), self.row, self.bit() if may_be_empty else 0
        self.row += SLOT
        described = struct.pack("<QiiiiQ", bit, slot, kind, words, other, empty) + self._place(within, False)
        is_object, has_words = kind is ValueKind.OBJECT, kind in (ValueKind.WORD, ValueKind.WORDS)
        described += self._place(words, True) if is_object else bytes(16)
        described += self._place(words, OF_WORD) if has_words else bytes(16)
        self.words[within, name.encode()] = at = self.space.put(described)
        self.keys[within, name] = made = RowKey(bit, slot, kind, at, empty, self._means.get(words, {}), other)
        return made

    def dictionary(self) -> tuple[int, int]:
        """Returns the address of the table of words, and the number of its last place."""
        last = 63
        while last < 4 * len(self.words):
            last = 2 * last + 1
        places: list[bytes] = [bytes(32)] * (last + 1)
        for (context, text), meaning in self.words.items():
            first, final = _ends(text)
            place = hash_of(context, text) >> 32 & last
            while any(places[place]):
                place = (place + 1) & last
            at = self.space.put(text + bytes(8))
            # A size is one more than it is, so that a place with an empty text is not an empty place.
            places[place] = struct.pack("<QQIiII", first, final, (len(text) + 1) | context << 16, meaning, at, 0)
        return self.space.put(b"".join(places)), last


def hash_of(context: int, text: bytes) -> int:
    """Returns the hash of a word, as the scanner computes it."""
    first, final = _ends(text)
    mixed = first ^ (final * _K2 & _MASK) ^ ((len(text) << 16 | context) * _K3 & _MASK)
    return mixed * _K1 & _MASK


def _ends(text: bytes) -> tuple[int, int]:
    """The first eight bytes of a text and the last eight, as numbers; the last are 0 where it has no more than eight."""
    return int.from_bytes(text[:8], "little"), int.from_bytes(text[-8:], "little") if len(text) > 8 else 0


def signed(bits: int) -> int:
    """Returns 64 bits as the number that WebAssembly writes for them."""
    return bits - 2**64 if bits >= 2**63 else bits
