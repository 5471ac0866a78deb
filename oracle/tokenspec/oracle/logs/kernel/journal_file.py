"""The journal of a run by the kernel on disk, beside its state: all that has happened since the run began, in that order.

It only grows, so that a state costs what has happened since the one before. A state says how far it counts, and its checksum.
"""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import IntEnum
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import IO

import msgspec

from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.base.text import path_text
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.snapshot import AccountsInParts

_HEAD = struct.Struct("<qq")
_BLOCK = 1 << 20


class JournalPart(IntEnum):
    """The kinds of parts."""

    BEFORE = 0
    """Accounts before the logs, as JSON."""
    TOLD = 1
    """A journal of the module."""
    BEGUN = 2
    """An account that began with a snapshot, as JSON."""
    STANDS = 3
    """The accounts that have changed since the state before, as the module has them."""
    AGAIN = 4
    """Nothing: here the second pass begins."""


class JournalFile:
    """The journal beside the state at `state`. After a write that fails, which `on_fault` is told, nothing more is written."""

    def __init__(self, state: str, on_fault: Callable[[OSError], None]) -> None:
        self.path = journal_of(state)
        self._on_fault = on_fault
        self._file: IO[bytes] | None = None
        self._read = blake2b(digest_size=16)
        self.size = 0

    def begin(self, before: AccountsInParts) -> None:
        """Begins anew, with the accounts before the logs."""
        self._open(lambda: self.path.open("wb"))
        # Also where there are none: a file that this run has not written is not removed.
        for part in chain([{}], before.parts()):
            self.add(JournalPart.BEFORE, msgspec.json.encode(part))

    def go_on(self, loaded: LoadedJournal) -> None:
        """Goes on behind a loaded one, which may have another name."""

        def behind() -> IO[bytes]:
            if not self.path.exists() or not self.path.samefile(loaded.path):
                shutil.copyfile(loaded.path, self.path)
            file = self.path.open("r+b")
            file.truncate(loaded.size)
            file.seek(loaded.size)
            return file

        self._open(behind)
        self._read, self.size = loaded.read.copy(), loaded.size

    def _open(self, opened: Callable[[], IO[bytes]]) -> None:
        try:
            self._file = opened()
        except OSError as fault:
            self._fail(fault)

    def add(self, kind: JournalPart, content: bytes) -> None:
        """Writes a part."""
        if self._file is None:
            return
        try:
            for piece in (_HEAD.pack(kind, len(content)), content):
                self._file.write(piece)
                self._read.update(piece)
                self.size += len(piece)
        except OSError as fault:
            self._fail(fault)

    def kept(self) -> str | None:
        """Returns the checksum of all of it, which is on the disk then; None where that failed."""
        if self._file is None:
            return None
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as fault:
            self._fail(fault)
            return None
        return self._read.hexdigest()

    def _fail(self, fault: OSError) -> None:
        self.close()
        self._on_fault(fault)

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            # What cannot be written was told already.
            with suppress(OSError):
                self._file.close()
            self._file = None

    def remove(self) -> None:
        """Removes the file, where this run has written it: the state at the end needs none."""
        self.close()
        if self.size:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)


def journal_of(state: str) -> Path:
    """Returns the path of the journal beside a state, whose links are followed."""
    path = Path(os.path.realpath(state))
    return path.with_name(f"{path.name}.journal")


def is_journal(path: Path) -> bool:
    """Returns true if a file begins as a journal does, or is empty. Raises `OSError`."""
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
    return not head or (len(head) == _HEAD.size and _HEAD.unpack(head)[0] == JournalPart.BEFORE)


class LoadedJournal:
    """The first `size` bytes of the journal beside a state. Raises `BadSetting` where they are not as they were written."""

    def __init__(self, state: str, size: int, checksum: str) -> None:
        self.path, self.size, self.read = journal_of(state), size, blake2b(digest_size=16)
        left = size
        try:
            with self.path.open("rb") as file:
                while left and (block := file.read(min(_BLOCK, left))):
                    self.read.update(block)
                    left -= len(block)
        except OSError as fault:
            rule = f"its journal cannot be read: {path_text(str(self.path))}: {(fault.strerror or str(fault)).lower()}"
            raise BadSetting(state, f"{rule}; keep the two files together, or replay from the start") from None
        if left or self.read.hexdigest() != checksum:
            rule = f"its journal {path_text(str(self.path))} is not as it was written; replay from the start"
            raise BadSetting(state, rule)

    def parts(self) -> Iterator[tuple[JournalPart, bytes]]:
        """Yields the parts, in order."""
        with self.path.open("rb") as file:
            while file.tell() < self.size:
                kind, size = _HEAD.unpack(file.read(_HEAD.size))
                yield JournalPart(kind), file.read(size)

    def before(self) -> AccountsInParts:
        """Returns the accounts before the logs."""
        return AccountsInParts(self._before)

    def _before(self) -> Iterator[dict[str, Account]]:
        for kind, content in self.parts():
            if kind is not JournalPart.BEFORE:
                return
            yield msgspec.json.decode(content, type=dict[str, Account])
