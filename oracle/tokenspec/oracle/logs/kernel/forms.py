"""The declared forms of records and observations, as tables that the scanner reads.

A *word* is a text with a meaning in its context: a key of an object, or a value of an enum. A key's meaning is the address of
its description: its bit, the slot of its value, the kind of its value, the context of the words within, and what the scanner
expects: the key that came behind it last, and the bytes of its own name, in words of eight with their masks; of a
word, the last one; of an instant, the last day.
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
_NOWHERE = -1
_EXPECTED_MAX = 24
"""The most bytes of a name, with its quotes and the colon, that is expected behind another one."""
_LAST_WORD = 48
"""Bytes for the word that stood there last: its bytes and their masks, its size, its meaning. Or for a day, and its number."""
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


@dataclass(frozen=True)
class RowKey:
    """A key of an object: its bit, the place of its value in a row, and the bit that says it holds an empty object."""

    bit: int
    slot: int
    empty: int = 0


@dataclass
class Forms:
    """All words and keys so far."""

    space: Space
    keys: dict[tuple[int, str], RowKey] = field(default_factory=dict)
    words: dict[tuple[int, bytes], int] = field(default_factory=dict)
    parents: list[int] = field(default_factory=lambda: [ROOT])
    row: int = HEADER
    """Bytes of a row: what is known of a line, and the slots of all values."""
    nothing: int = field(init=False)
    """The description of no key, which is in no object."""
    _bits: int = 0

    def __post_init__(self) -> None:
        at = self.space.end + -self.space.end % SLOT
        self.nothing = self.space.put(struct.pack("<32xii8x48x", _NOWHERE, at))

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
        self.words.update({(context, name.encode()): number for name, number in dict(named).items()})
        return context

    def key(
        self, within: int, name: str, kind: ValueKind, words: int = ROOT, other: int = ODD, *, may_be_empty: bool = False
    ) -> RowKey:
        """Adds a key to an object. `other` is the value of a word that is not in `words`."""
        made = RowKey(self.bit(), self.row, self.bit() if may_be_empty else 0)
        self.row += SLOT
        text = f'"{name}":'.encode()
        is_short = len(text) <= _EXPECTED_MAX
        described = struct.pack("<QiiiiQ", made.bit, made.slot, kind, words, other, made.empty)
        described += struct.pack("<iiQ", within if is_short else _NOWHERE, self.nothing, len(text))
        for start in range(0, _EXPECTED_MAX, 8):
            part = text[start : start + 8]
            described += part.ljust(8, b"\0") + (b"\xff" * len(part)).ljust(8, b"\0")
        self.words[within, name.encode()] = self.space.put(described + bytes(_LAST_WORD))
        self.keys[within, name] = made
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
