"""A replay by the kernel: all lines in one pass, and those of the accounts that it cannot vouch for once more by the oracle.

The kernel's only verdict is that a record conforms. An account of which it cannot say that of every record is *dirty*: its
records do not count, and the oracle judges it from its first line on, as it would without the kernel.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import IO

from tokenspec.machine.interpreters.batch.short import NotCovered
from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.logs.kernel.judge import HAS_NEW_NAMES
from tokenspec.oracle.logs.kernel.module import BLOCK, module_of
from tokenspec.oracle.logs.kernel.scanner import LISTED
from tokenspec.oracle.logs.replay import NOTHING_OBSERVED, Progress, Report, replay
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.log_files import BOM, Line, Logs, other_form
from tokenspec.oracle.wire.records import event_of

SMALLEST = 1 << 22
"""The size in bytes from which a log is worth a module of its own."""
_LOOKED_THROUGH = 1 << 14
"""Bytes that are looked through at once for the end of a line."""
_ODD_MAX = 1_000
"""The number of odd lines from which their share counts."""


def replay_by_kernel(
    logs: Logs, oracle: Oracle, on_bytes: Callable[[int], None] | None = None, smallest: int = SMALLEST
) -> tuple[Report, Iterable[Line]] | None:
    """Replays logs from their start through `oracle`; returns the report, and the lines of all accounts that diverge.

    Returns None where the logs are smaller than `smallest`, or where the kernel does not cover them or the settings.
    """
    if sum(file.seek(0, os.SEEK_END) for _, file in logs.files()) < smallest:
        return None
    try:
        # Not at the top: most logs are small, and an installation may lack the engine.
        from tokenspec.machine.wasm.engine import FAILURES
    except ImportError:
        return None
    told = 0

    def tell(size: int) -> None:
        nonlocal told
        told += size
        if on_bytes is not None:
            on_bytes(size)

    try:
        kernel = AuditKernel(logs, oracle)
        kernel.find_dirty(tell)
        left = LinesLeft(kernel)
        progress = kernel.begun()
        report = replay(left if kernel.has_dirty else (), oracle.fork({}), progress=progress)
        kernel.add_to(report)
    except (NotCovered, *FAILURES):
        tell(-told)
        return None
    return report, left


class AuditKernel:
    """A kernel for the settings of `oracle`, and the logs that it scans."""

    def __init__(self, logs: Logs, oracle: Oracle) -> None:
        from tokenspec.machine.wasm.engine import Instance

        self.logs, self._reader, self._oracle = logs, oracle.reader, oracle
        self._module = module = module_of(oracle)
        self._instance = instance = Instance(module.text)
        # Nobody can make names that meet under seeds that are not known beforehand.
        for name in ("seed_1", "seed_2"):
            instance.set_value(name, int.from_bytes(os.urandom(8), "little", signed=True))
        instance.call("init")
        instance.call("keep_initial")
        self._memory = memoryview(instance.view("memory")).cast("B")
        self._scan, self._is_ascii = instance.function("scan"), instance.function("is_ascii")
        self._unknown: list[str] = []
        self._report = Report()
        self.has_dirty = False
        self.dirty = 0
        """The number of accounts that the oracle has to look at."""

    def find_dirty(self, on_bytes: Callable[[int], None] | None) -> None:
        """Scans everything, and marks the accounts that the oracle has to look at."""
        odd = 0
        for _, line in self._pass(on_bytes):
            odd += 1
            self._mark(line)
            if odd > _ODD_MAX and odd * 4 > self._instance.value("position"):
                raise NotCovered("most lines take the slow way")
        self.dirty = self._instance.call("count_dirty")
        self.has_dirty = odd > 0 or self.dirty > 0

    def begun(self) -> Progress:
        """Returns the progress of a replay of the lines that are left, which gets the unknown names at their places."""
        progress = Progress.of(self._oracle)
        if not self.has_dirty:
            progress.report.unknown_fields = self._report.unknown_fields
        self._report = progress.report
        return progress

    def _mark(self, line: Line) -> None:
        """Marks the account of an odd line, where it names one."""
        try:
            record, name = self._reader.read(line.content)[0], None
        except BadRecord as fault:
            record, name = fault.happened, fault.account
        if record is not None:
            if record.observed_as is not None:
                raise NotCovered("a record says how it observes")
            name = record.account
        if name is not None:
            text = name.encode(errors="surrogatepass")
            if len(text) > LISTED << 10:
                raise NotCovered("an account has a very long name")
            self._write(self._module.listed, text)
            self._instance.call("mark_dirty", self._module.listed, len(text))

    def left(self) -> Iterator[tuple[int, Line]]:
        """Yields every line of a dirty account, and every odd one, with its position."""
        self._instance.call("begin_again")
        self._unknown = []
        self._instance.set_value("lists_dirty", 1)
        return self._pass(None)

    def add_to(self, report: Report) -> None:
        """Adds the records of the clean accounts."""
        if self._instance.call("count_dirty") != self.dirty:
            raise NotCovered("the log has changed between the passes")
        clean = self._instance.call("count_accounts") - self.dirty
        compared, unobserved = self._count(self._module.compared), self._count(self._module.nothing_observed)
        report.records += compared + unobserved
        report.compared += compared
        report.not_compared[NOTHING_OBSERVED] += unobserved
        report.identical += self._instance.value("identical")
        report.accounts += clean
        for number, name in enumerate(self._unknown):
            times, first, near = report.unknown_fields[name]
            report.unknown_fields[name] = times + self._count(self._module.unknown + 8 * number), first, near
        # The lines that are left may be read again.
        self._report = Report()
        for at, event, outcome in self._module.counts:
            hits = self._count(at)
            if hits and outcome in report.coverage.rules:
                report.coverage.rules[outcome] += hits
            elif hits:
                report.coverage.refusals[event, outcome] += hits

    def _count(self, at: int) -> int:
        return int(struct.unpack_from("<q", self._memory, at)[0])

    def _write(self, at: int, content: bytes) -> None:
        self._memory[at : at + len(content)] = content

    def _pass(self, on_bytes: Callable[[int], None] | None) -> Iterator[tuple[int, Line]]:
        """Scans all files, and yields the listed lines with their positions."""
        for name, file in self.logs.files():
            if other_form(list(islice(file, 3))):
                raise NotCovered(f"{name} is no log")
            file.seek(0)
            self._instance.call("new_file")
            yield from self._file(name, file, on_bytes)

    def _file(self, name: str, file: IO[bytes], on_bytes: Callable[[int], None] | None) -> Iterator[tuple[int, Line]]:
        memory, buffer = self._memory, self._module.buffer
        start, kept = 0, 0
        while True:
            read = file.readinto(memory[buffer + kept : buffer + BLOCK - 1])  # type: ignore[attr-defined]
            size = kept + read
            if not size:
                return
            whole = self._behind_last_line(size) if read else size
            if not whole and size == BLOCK - 1:
                raise NotCovered("a line is longer than a block")
            if not read:
                memory[buffer + size] = 10
            yield from self._scanned(name, start, whole)
            kept, start = size - whole, start + whole
            memory[buffer : buffer + kept] = bytes(memory[buffer + whole : buffer + size])
            if on_bytes is not None:
                on_bytes(read)
            if not read:
                return

    def _behind_last_line(self, size: int) -> int:
        """Returns the size of the whole lines among the first bytes of the buffer."""
        buffer, end = self._module.buffer, size
        while end:
            first = max(0, end - _LOOKED_THROUGH)
            found = bytes(self._memory[buffer + first : buffer + end]).rfind(b"\n")
            if found >= 0:
                return first + found + 1
            end = first
        return 0

    def _scanned(self, name: str, start: int, size: int) -> Iterator[tuple[int, Line]]:
        """Scans the whole lines in the buffer, which begin at the byte `start` of their file."""
        memory, buffer, listed = self._memory, self._module.buffer, self._module.listed
        end = buffer + size
        if not self._is_ascii(buffer, end):
            try:
                str(memory[buffer:end], "utf-8")
            except UnicodeDecodeError:
                raise NotCovered(f"{name} is not UTF-8") from None
        at = buffer + (len(BOM) if start == 0 and memory[buffer : buffer + len(BOM)] == BOM else 0)
        while True:
            at = self._scan(at, end)
            (count,) = struct.unpack_from("<i", memory, listed - 8)
            asked, behind = struct.unpack_from("<II", memory, self._module.asked)
            if asked:
                # Before anybody marks accounts: the one that it is about is still the kernel's present one.
                self._tell(bytes(memory[asked:behind]).strip(b" \t\r\n"))
            for line, behind, number, position in struct.iter_unpack("<IIqq", bytes(memory[listed : listed + count * LISTED])):
                offset = start + line - buffer if number > 1 else start
                found = Line(name, number, offset, bytes(memory[line:behind]).strip(b" \t\r\n"))
                if position & HAS_NEW_NAMES:
                    self._note_unknown(found)
                else:
                    yield position, found
            if not asked and at >= end:
                return

    def _note_unknown(self, line: Line) -> None:
        """Notes the names of a record that nobody knows, the first place of each, and the known name that it resembles."""
        record, names = self._reader.read(line.content)
        for name in names:
            if name not in self._unknown:
                self._unknown.append(name)
                self._report.unknown_fields.setdefault(
                    name, (0, line._replace(content=b""), self._reader.resembles(record, name))
                )

    def _tell(self, content: bytes) -> None:
        """Tells the kernel the facts of a line at which it stopped."""
        try:
            record = self._reader.read(content)[0]
        except BadRecord:
            self._instance.call("soil")
            return
        for at, value in self._module.told.answers(event_of(record), record):
            struct.pack_into("<q", self._memory, at, value)
        self._instance.call("tell")


class LinesLeft:
    """The lines that the kernel leaves to the oracle, in order. They can be iterated more than once."""

    def __init__(self, kernel: AuditKernel) -> None:
        self._kernel = kernel

    def __iter__(self) -> Iterator[Line]:
        return (line for _, line in self.numbered())

    def numbered(self) -> Iterator[tuple[int, Line]]:
        """Yields them with their positions among all lines."""
        return self._kernel.left()
