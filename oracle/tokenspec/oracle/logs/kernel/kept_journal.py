"""The journal of one pass, kept until it is known for which accounts it counts: apart by ranges of accounts, in memory while it
is small, else on disk. So what a run leaves can be put together range by range.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import partial
from tempfile import TemporaryFile

from tokenspec.machine.interpreters.batch.handover import HEAD, NEW
from tokenspec.oracle.logs.kernel.exchange import HEAD_FORM

_SPAN = 1 << 10
"""The number of accounts in a range; a power of two."""
_FINER = 1 << 4
"""The number of ranges into which one is divided of which there is too much."""
_IN_MEMORY, _PIECE = 1 << 23, 1 << 12
"""Bytes of a journal from which it is kept on disk, and those that there are more by range, lest pieces be small."""
_MOST = 1 << 25
"""Bytes of a range from which it is divided."""


class KeptJournal:
    """The journal of a module whose accounts take `stride` bytes; `sizes` are the bytes behind a text, by kind."""

    def __init__(self, sizes: Mapping[int, int], stride: int, span: int = _SPAN) -> None:
        self._sizes, self._stride, self._span = sizes, stride, span
        self._file = TemporaryFile()  # closed with the journal
        self.clear()

    def clear(self) -> None:
        """Forgets all of it."""
        self._held: dict[int, bytearray] = defaultdict(bytearray)
        self._on_disk: dict[int, array[int]] = defaultdict(partial(array, "q"))
        """By range, the place and the size of each piece of it, one behind the other."""
        self._size = 0
        self._file.seek(0)
        self._file.truncate()

    def add(self, part: bytes) -> None:
        """Adds what a module has written. The fingerprints of accounts are not kept."""
        at, held, size_of_range = 0, self._held, self._stride * self._span
        while at < len(part):
            kind, place, size = HEAD_FORM.unpack_from(part, at)
            end = at + HEAD + (size + 7 & -8) + self._sizes[kind]
            if kind != NEW:
                held[place // size_of_range] += part[at:end]
            at = end
        self._size += len(part)
        if self._size > _IN_MEMORY + _PIECE * len(held):
            for number, content in held.items():
                self._on_disk[number].extend((self._file.tell(), self._file.write(content)))
            held.clear()
            self._size = 0

    def ranges(self, first: int, behind: int) -> Iterator[tuple[range, bytes]]:
        """Yields the numbers of accounts, range by range, with what the journal holds of them. Nothing is added meanwhile."""
        for start in range(first, behind, self._span):
            numbers, of_range = range(start, min(start + self._span, behind)), start // self._span
            if sum(self._on_disk.get(of_range, ())[1::2]) <= _MOST or self._span == 1:
                yield numbers, b"".join(self._parts(of_range))
                continue
            finer = KeptJournal(self._sizes, self._stride, max(self._span // _FINER, 1))
            for part in self._parts(of_range):
                finer.add(part)
            yield from finer.ranges(start, numbers.stop)

    def _parts(self, of_range: int) -> Iterator[bytes]:
        pieces = self._on_disk.get(of_range, ())
        for at, size in zip(pieces[::2], pieces[1::2], strict=True):
            self._file.seek(at)
            yield self._file.read(size)
        yield bytes(self._held.get(of_range, b""))
