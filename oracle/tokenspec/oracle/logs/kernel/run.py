"""A replay by the kernel: all lines in one pass, and those of the accounts that it cannot vouch for once more by the oracle.

The kernel's only verdict is that a record conforms. An account of which it cannot say that of every record is *dirty*: its
records do not count, and the oracle judges it from its first line on, as it would without the kernel.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from tokenspec.machine.interpreters.batch.accounts import NotCovered
from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.logs.kernel.module import BLOCK, module_of
from tokenspec.oracle.logs.kernel.scanner import LISTED
from tokenspec.oracle.logs.replay import NOTHING_OBSERVED, Report, replay
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.log_files import BOM, Line, Logs, other_form

SMALLEST = 1 << 22
"""The size in bytes from which a log is worth a module of its own."""
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
        from tokenspec.machine.wasm.engine import Trap
    except ImportError:
        return None
    told = 0

    def tell(size: int) -> None:
        nonlocal told
        told += size
        if on_bytes is not None:
            on_bytes(size)

    try:
        kernel = Kernel(logs, oracle)
        kernel.find_dirty(tell)
        left = LinesLeft(kernel)
        report = replay(left if kernel.has_dirty else (), oracle.fork({}))
        kernel.add_to(report)
    except (NotCovered, Trap):
        tell(-told)
        return None
    return report, left


class Kernel:
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
        self._scan = instance.function("scan")
        self.has_dirty, self._dirty = False, 0

    def find_dirty(self, on_bytes: Callable[[int], None] | None) -> None:
        """Scans everything, and marks the accounts that the oracle has to look at."""
        odd = 0
        for _, line in self._pass(on_bytes):
            odd += 1
            self._mark(line)
            if odd > _ODD_MAX and odd * 4 > self._instance.value("position"):
                raise NotCovered("most lines take the slow way")
        self._dirty = self._instance.call("count_dirty")
        self.has_dirty = odd > 0 or self._dirty > 0

    def _mark(self, line: Line) -> None:
        """Marks the account of an odd line, where it names one."""
        try:
            record = self._reader.read(line.content)[0]
        except BadRecord as fault:
            happened = fault.happened
            name = fault.account if happened is None else happened.account
        else:
            if record.observed_as is not None:
                raise NotCovered("a record says how it observes")
            name = record.account
        if name is not None:
            text = name.encode(errors="surrogatepass")
            if len(text) > LISTED << 10:
                raise NotCovered("an account has a very long name")
            self._write(self._module.listed, text)
            self._instance.function("mark_dirty")(self._module.listed, len(text))

    def left(self) -> Iterator[tuple[int, Line]]:
        """Yields every line of a dirty account, and every odd one, with its position."""
        self._instance.call("begin_again")
        self._instance.set_value("lists_dirty", 1)
        return self._pass(None)

    def add_to(self, report: Report) -> None:
        """Adds the records of the clean accounts."""
        assert self._instance.call("count_dirty") == self._dirty, "both passes find the same accounts dirty"
        clean = self._instance.call("count_accounts") - self._dirty
        compared, unobserved = self._count(self._module.compared), self._count(self._module.nothing_observed)
        report.records += compared + unobserved
        report.compared += compared
        report.not_compared[NOTHING_OBSERVED] += unobserved
        report.identical += self._instance.value("identical")
        report.accounts += clean
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
            start, rest = 0, b""
            while True:
                read = file.read(BLOCK - 1 - len(rest))
                block = rest + read
                end = block.rfind(b"\n") + 1 if read else len(block)
                if not read and not block:
                    break
                if not end and len(block) >= BLOCK - 1:
                    raise NotCovered("a line is longer than a block")
                block, rest = block[:end], block[end:]
                if block:
                    yield from self._scanned(name, start, block)
                start += end
                if on_bytes is not None:
                    on_bytes(len(read))
                if not read:
                    break

    def _scanned(self, name: str, start: int, block: bytes) -> Iterator[tuple[int, Line]]:
        """Scans whole lines, which begin at the byte `start` of their file."""
        if not block.isascii():
            try:
                block.decode()
            except UnicodeDecodeError:
                raise NotCovered(f"{name} is not UTF-8") from None
        instance, buffer = self._instance, self._module.buffer
        instance.call("keep_line")
        self._write(buffer, block if block.endswith(b"\n") else block + b"\n")
        first = len(BOM) if start == 0 and block.startswith(BOM) else 0
        at, end = buffer + first, buffer + len(block)
        while at < end:
            at = self._scan(at, end)
            listed = instance.value("listed")
            found = list(struct.iter_unpack("<IIqq", self._memory[self._module.listed :][: listed * LISTED]))
            instance.set_value("listed", 0)
            for line, behind, number, position in found:
                begin, content = line - buffer, block[line - buffer : behind - buffer]
                offset = start + begin if number > 1 else start
                yield position, Line(name, number, offset, content.strip(b" \t\r\n"))


class LinesLeft:
    """The lines that the kernel leaves to the oracle, in order. They can be iterated more than once."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def __iter__(self) -> Iterator[Line]:
        return (line for _, line in self.numbered())

    def numbered(self) -> Iterator[tuple[int, Line]]:
        """Yields them with their positions among all lines."""
        return self._kernel.left()
