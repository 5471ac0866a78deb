"""States on the way of a run by the kernel: behind every so many lines a small state, beside a journal that only grows.

A run that was killed goes on from both: the journal is redone, the lines behind the state are read again, not judged again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import IO, Protocol

import msgspec

from tokenspec.machine.interpreters.batch.short import NotCovered
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.logs.kernel.journal_file import JournalFile, JournalPart, LoadedJournal
from tokenspec.oracle.logs.progress import SavedOnTheWay
from tokenspec.oracle.logs.replay import Progress
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.snapshot import AccountsInParts
from tokenspec.oracle.wire.log_files import Line

_BLOCK = 1 << 20


class KernelStands(msgspec.Struct):
    """A kernel behind some lines, but for its accounts."""

    layout: list[int]
    """The bytes of an account, and what the journal is like: those of another program may be others."""
    seeds: tuple[int, int]
    position: int
    counts: list[int]
    identical: int
    before: bytes
    """The line before."""
    unknown: list[str]
    unknown_fields: dict[str, tuple[int, Line, str | None]]
    snapshots: int
    odd: int
    odd_before: tuple[int, bytes]
    has_left: bool
    """True where some line was left to the oracle."""


class KernelPoint(msgspec.Struct):
    """A point of a run: how far the logs and the journal count, and the kernel there."""

    is_second: bool
    whole: str
    """Of the second pass: the digest of all lines in the first."""
    first_lines: int
    """Of the second pass: the number of lines in the first, up to a whole number of states, so that progress only grows."""
    file: int
    offset: int
    number: int
    """The number of the last line in its file."""
    journal: int
    checksum: str
    kernel: KernelStands


class KernelToKeep(Protocol):
    """A kernel whose states are kept."""

    judged_by_oracle: tuple[Oracle, Progress] | None

    @property
    def layout(self) -> list[int]:
        """The bytes of an account, and what the journal is like."""

    @property
    def position(self) -> int:
        """The number of lines so far."""

    def tell_changed(self) -> None:
        """Tells the journal all that has happened since the state before."""

    def redo(self, kind: JournalPart, content: bytes) -> None:
        """Redoes a part of the journal."""

    def stands(self) -> KernelStands:
        """Returns how the kernel stands, but for its accounts."""

    def stand(self, found: KernelStands, number: int) -> None:
        """Stands as `found` behind the line of this number."""


class OnTheWay:
    """The states of `run`, with a `journal` beside them where some are kept; it may go on from a point that was loaded."""

    _kernel: KernelToKeep

    def __init__(self, run: SavedOnTheWay, oracle: Oracle, journal: JournalFile | None) -> None:
        self._run, self._oracle, self._journal = run, oracle, journal
        self._every = run.every if journal is not None else None
        self._nothing = oracle.fork({}), Progress.of(oracle)
        """Before the second pass nothing is judged by the oracle."""
        self._read, self._last = blake2b(digest_size=16), 0
        self._is_second, self._whole, self._first_lines = False, "", 0
        self._point: KernelPoint | None = None
        self._loaded: LoadedJournal | None = None
        self.before: AccountsInParts | None = None
        """The accounts before the logs, where the loaded journal has them."""
        self._rest: dict[str, Account] = {}
        """The accounts that the oracle looks at, where the loaded point is of the second pass."""

    @classmethod
    def of(cls, run: SavedOnTheWay, oracle: Oracle, journal: JournalFile | None) -> OnTheWay:
        """Returns the states of `run`. Where it goes on, `oracle` gives up its accounts, and the journal has those before
        the logs. Raises `BadSetting`.
        """
        found = cls(run, oracle, journal)
        if run.of_kernel is not None:
            try:
                found._point = point = msgspec.convert(run.of_kernel, KernelPoint)
            except msgspec.ValidationError as fault:
                raise BadSetting(run.file, f"it is not a saved state: {fault}") from None
            found._loaded = LoadedJournal(run.file, point.journal, point.checksum)
            found.before, found._rest, oracle.accounts = found._loaded.before(), oracle.accounts, {}
        return found

    @property
    def seeds(self) -> tuple[int, int] | None:
        """The seeds of the fingerprints in the loaded journal."""
        return None if self._point is None else self._point.kernel.seeds

    def starts(self, kernel: KernelToKeep, before: AccountsInParts) -> None:
        """Brings the kernel to the loaded point; where there is none, begins the journal, with the accounts before the logs.

        Raises `BadSetting` where the journal is one of another program.
        """
        self._kernel = kernel
        if self._point is None or self._loaded is None:
            if self._journal is not None and self._every is not None:
                self._journal.begin(before)
            return
        if self._point.kernel.layout != kernel.layout:
            raise BadSetting(self._run.file, "it was saved by another version of this program; replay from the start")
        for kind, content in self._loaded.parts():
            kernel.redo(kind, content)
        kernel.stand(self._point.kernel, self._point.number)
        self._is_second, self._whole, self._first_lines = self._point.is_second, self._point.whole, self._point.first_lines
        self._last = self._point.kernel.position
        if self._journal is not None and self._every is not None:
            self._journal.go_on(self._loaded)

    def second(self) -> tuple[Oracle, Progress]:
        """Returns the oracle of the accounts that are left, and its progress, in the loaded point."""
        assert self._point is not None
        rest = self._oracle.fork(self._rest)
        progress = self._run.progress_then(rest)
        progress.lines = self._point.kernel.position
        return rest, progress

    def add(self, kind: JournalPart, content: bytes) -> None:
        """Adds to the journal."""
        if self._every is not None and self._journal is not None:
            self._journal.add(kind, content)

    def begins_again(self) -> None:
        """Notes that the second pass begins."""
        self.add(JournalPart.AGAIN, b"")
        self._whole, self._read = self._read.hexdigest(), blake2b(digest_size=16)
        self._is_second, self._last = True, 0
        every = self._every or 1
        self._first_lines = -(-self._kernel.position // every) * every

    def ends(self) -> None:
        """Ends the states: further passes only explain. Raises `NotCovered` where the logs have changed between two passes."""
        self._every = None
        if self._journal is not None:
            self._journal.close()
        if self._is_second and self._whole != self._read.hexdigest():
            raise NotCovered("the log has changed between the passes")

    # Reading

    def is_behind(self, number: int) -> bool:
        """Returns true for a file that is, at least in part, behind the loaded point."""
        return self._point is not None and number <= self._point.file

    def begins(self, number: int, file: IO[bytes], on_bytes: Callable[[int], None] | None) -> int:
        """Reads what is behind the loaded point in a file; returns where judging begins. Raises `BadSetting` for another log."""
        point = self._point
        if point is None or number > point.file:
            return 0
        left = point.offset if number == point.file else -1
        while left and (block := file.read(_BLOCK if left < 0 else min(_BLOCK, left))):
            self._read.update(block)
            left -= len(block) if left > 0 else 0
            if on_bytes is not None:
                on_bytes(len(block))
        if number == point.file:
            self._reached(left == 0)
        return file.tell()

    def last_behind(self, lines: Iterator[Line]) -> Line | None:
        """Passes over the lines behind the loaded point; returns the last one. Raises as `begins`."""
        point, last, number = self._point, None, 0
        while point is not None and number < point.kernel.position and (last := next(lines, None)) is not None:
            self._read.update(last.content + b"\n")
            number += 1
        if point is not None:
            self._reached(number == point.kernel.position)
        return last

    def _reached(self, is_there: bool) -> None:
        if not is_there or self._read.hexdigest() != self._run.expected:
            assert self._point is not None
            self._run.is_of_another_log(self._point.kernel.position)
        self._point = None

    # Keeping

    def lines_until(self, position: int) -> int | None:
        """Returns the number of lines until a state is due; None where none is."""
        return None if self._every is None else self._every - position % self._every

    def bytes_until(self, position: int, content: bytes) -> int:
        """Returns the size of the lines in `content` until a state is due, or of all of it."""
        wanted = self.lines_until(position)
        if wanted is None or content.count(b"\n") + (not content.endswith(b"\n")) <= wanted:
            return len(content)
        low, high = 0, len(content)
        # Halved until it is short: the lines before `low` are counted, and that which is wanted ends before `high`.
        while high - low > 4096:
            middle = (low + high) // 2
            counted = content.count(b"\n", low, middle)
            if counted < wanted:
                low, wanted = middle, wanted - counted
            else:
                high = middle
        for _ in range(wanted):
            low = content.index(b"\n", low) + 1
        return low

    def passed(self, content: bytes, file: int, offset: int, number: int) -> None:
        """Notes what was judged, and keeps a state where one is due."""
        self._read.update(content)
        kernel = self._kernel
        position = kernel.position
        if self._every is None or position == self._last or position % self._every:
            return
        self._last = position
        kernel.tell_changed()
        checksum = self._journal.kept() if self._journal is not None else None
        if checksum is None or self._journal is None:
            self._every = None
            return
        point = KernelPoint(
            self._is_second, self._whole, self._first_lines, file, offset, number, self._journal.size, checksum, kernel.stands()
        )
        rest, progress = kernel.judged_by_oracle or self._nothing
        progress.lines = self._first_lines + position
        self._run.keep(self._run.state(rest, progress, self._read.hexdigest(), msgspec.to_builtins(point)))
