"""The lines of logs through the kernel: blocks of them are scanned and judged, and odd ones read as the oracle reads them.

An odd line that holds a good record is written anew as the scanner takes it; one that begins an account in mid-life is worked out
by the oracle, and the account handed in. Any other is left to the oracle, with its account.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Container, Iterable, Iterator
from itertools import islice
from typing import IO

import msgspec

from tokenspec.machine.interpreters.batch.short import NotCovered
from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.logs.kernel.answers import Role
from tokenspec.oracle.logs.kernel.columns import ColumnRows, described
from tokenspec.oracle.logs.kernel.exchange import drained, redone
from tokenspec.oracle.logs.kernel.journal_file import JournalPart
from tokenspec.oracle.logs.kernel.judge import HAS_NEW_NAMES
from tokenspec.oracle.logs.kernel.kept_journal import KeptJournal
from tokenspec.oracle.logs.kernel.module import BLOCK, bits_for, growth, module_of, size_of
from tokenspec.oracle.logs.kernel.on_the_way import OnTheWay
from tokenspec.oracle.logs.kernel.scanner import LINE_MAX, LISTED, TOLD
from tokenspec.oracle.logs.replay import Report
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.snapshot import AccountsInParts
from tokenspec.oracle.wire.log_files import BOM, Line, Logs, other_form
from tokenspec.oracle.wire.records import Snapshot, event_of

_LOOKED_THROUGH = 1 << 14
"""Bytes that are looked through at once for the end of a line."""
_NO_RECORD = b"!\n"
"""In the place of a line that the scanner must not take."""
_ODD_MAX = 1_000
"""The number of odd lines from which their share counts."""


def _demand_utf_8(content: memoryview) -> bool:
    """Returns True. Raises `NotCovered` where these bytes are not UTF-8."""
    try:
        return str(content, "utf-8") is not None
    except UnicodeDecodeError:
        raise NotCovered("a log is not UTF-8") from None


class ScannedLines:
    """The lines of `logs`, scanned under the settings of `oracle`; the accounts `before` them are else the oracle's own."""

    role = Role.ALONE

    def __init__(
        self,
        logs: Iterable[Line],
        oracle: Oracle,
        keeps_state: bool = False,
        way: OnTheWay | None = None,
        before: AccountsInParts | None = None,
    ) -> None:
        from tokenspec.machine.wasm.engine import Instance

        self.logs, self._reader, self._oracle = logs, oracle.reader, oracle
        self._before = before or AccountsInParts.of(oracle.accounts)
        self._size, self._passed = size_of(logs), 0
        self._module = module = module_of(oracle, bits_for(self._size, oracle, self._before.remembered), self.role)
        self._instance = instance = Instance(module.text)
        # Nobody can make names that meet under seeds that are not known beforehand.
        self._way, seeds = way, way.seeds if way is not None else None
        self._seeds = seeds or struct.unpack("<qq", os.urandom(16))
        for name, seed in zip(("seed_1", "seed_2"), self._seeds, strict=True):
            instance.set_value(name, seed)
        instance.call("init")
        instance.call("keep_initial")
        self._memory = memoryview(instance.view("memory")).cast("B")
        self._scan = instance.function("scan")
        self._keeps, self._journal = keeps_state, KeptJournal(module.judge.exchange.sizes, module.judge.exchange.stride)
        instance.set_value("keeps", int(keeps_state))
        self._begun: dict[int, str] = {}
        """By number, the accounts that began with a snapshot in the present pass."""
        self._has_left, self._snapshots, self._odd, self._odd_before = False, 0, 0, (-1, b"")
        self._hand_in()
        self._unknown, self._report = list[str](), Report()

    def _begin_again(self) -> None:
        self._instance.call("begin_again")
        self._unknown, self._begun, self._snapshots, self._odd, self._odd_before = [], {}, 0, 0, (-1, b"")
        self._journal.clear()

    def _mark(self, line: Line) -> None:
        """Marks the account of an odd line, where it names one."""
        try:
            if line.fault is not None:
                raise line.fault
            record, name = self._reader.read(line.content)[0], None
        except BadRecord as fault:
            record, name = fault.happened, fault.account
        if record is not None:
            if record.observed_as is not None:
                raise NotCovered("a record says how it observes")
            name = record.account
        if name is not None:
            self._mark_account(name)

    def _mark_account(self, name: str) -> None:
        self._instance.call("mark_dirty", self._module.at.listed, self._named(name))

    def _named(self, name: str) -> int:
        """Writes the name of an account where the kernel reads it; returns its size."""
        text = name.encode(errors="surrogatepass")
        if len(text) > LISTED << 10:
            raise NotCovered("an account has a very long name")
        self._write(self._module.at.listed, text)
        return len(text)

    def _hand_in(self, dirty: Container[str] = ()) -> None:
        """Hands in the accounts before the logs but for the `dirty` ones."""
        clean = ((name, account) for name, account in self._before.items() if name not in dirty)
        for block in self._module.judge.exchange.handed_in(clean, BLOCK):
            redone(self._instance, block)

    def _drain(self, line_of: Callable[[int, int, int], Line] | None = None) -> None:
        """Takes over what the kernel has written of what accounts remember."""
        if self._keeps:
            part = drained(self._instance)
            self._journal.add(part)
            if self._way is not None and part:
                self._way.add(JournalPart.TOLD, part)

    @property
    def position(self) -> int:
        """The number of lines so far."""
        return self._instance.value("position")

    def _count(self, at: int) -> int:
        return int(struct.unpack_from("<q", self._memory, at)[0])

    def _write(self, at: int, content: bytes) -> None:
        self._memory[at : at + len(content)] = content

    def _pass(self, on_bytes: Callable[[int], None] | None) -> Iterator[tuple[int, Line]]:
        """Scans all files, and yields the listed lines with their positions."""
        if isinstance(self.logs, ColumnRows) and self._way is None:
            yield from self._rows(self.logs, on_bytes)
            return
        if not isinstance(self.logs, Logs):
            yield from self._made(self.logs, on_bytes)
            return
        for of_logs, (name, file) in enumerate(self.logs.files()):
            if other_form(list(islice(file, 3))):
                raise NotCovered(f"{name} is no log")
            file.seek(0)
            if self._way is None or not self._way.is_behind(of_logs):
                self._instance.call("new_file")
            start = self._way.begins(of_logs, file, on_bytes) if self._way is not None else 0
            yield from self._file(name, file, on_bytes, of_logs, start)

    def _rows(self, rows: ColumnRows, on_bytes: Callable[[int], None] | None) -> Iterator[tuple[int, Line]]:
        """Judges rows in columns, and yields the listed ones as lines."""
        module, before = self._module, None
        for batch in rows.batches():
            if not batch.count:
                continue
            if before is not None and batch.goes_on(before):
                # Only within a batch does the kernel see that a row is the same as the one before it.
                self._mark(batch.line(0))
            before = batch
            descriptions, copied = described(batch, module.judge.names.columns, module.cells)
            self._write(module.columns, descriptions)
            for at, content in copied:
                self._memory[at : at + len(content)] = content
            asks = 1
            while asks:
                asks = self._instance.call("columns", 0, batch.count, module.columns + len(descriptions))
                self._drain(batch.line)
                (count,) = struct.unpack_from("<i", self._memory, module.at.listed - 8)
                if asks:
                    (row,) = struct.unpack_from("<I", self._memory, module.at.told)
                    self._tell(batch.line(row).content)
                listed = bytes(self._memory[module.at.listed : module.at.listed + count * LISTED])
                for row, _, _, position in struct.iter_unpack("<IIqq", listed):
                    yield position, batch.line(row)
            if on_bytes is not None:
                on_bytes(sum(len(content) for _, content in copied))

    def _made(self, lines: Iterable[Line], on_bytes: Callable[[int], None] | None) -> Iterator[tuple[int, Line]]:
        """Scans lines that are in no file as they are, such as those made of the rows of a table."""
        block, parts, size = list[Line](), list[bytes](), 0
        rest, way = iter(lines), self._way
        before = way.last_behind(rest) if way is not None else None
        due = way.lines_until(self.position) if way is not None else None
        for line in rest:
            is_of_another = before is not None and before.content == line.content and before.file != line.file
            content = line.content + b"\n"
            if line.fault is not None or line.other_form or content.count(b"\n") > 1 or len(content) == 1:
                content = _NO_RECORD
            if size + len(content) > BLOCK or is_of_another or len(block) == due:
                yield from self._block(block, parts, on_bytes)
                due = way.lines_until(self.position) if way is not None else None
                block, parts, size = [], [], 0
            if is_of_another:
                self._instance.set_value("before_size", 0)
            if len(content) > BLOCK:
                raise NotCovered("a line is longer than a block")
            block.append(line)
            parts.append(content)
            size, before = size + len(content), line
        yield from self._block(block, parts, on_bytes)

    def _block(self, block: list[Line], parts: list[bytes], on_bytes: Callable[[int], None] | None) -> Iterator[tuple[int, Line]]:
        content, at = b"".join(parts), self._module.buffer
        self._write(at, content)
        self._instance.set_value("number", 0)
        yield from self._listed(at, at + len(content), lambda number, *_: block[number - 1])
        if on_bytes is not None:
            on_bytes(len(content))
        if self._way is not None:
            self._way.passed(b"".join(each.content + b"\n" for each in block), 0, 0, 0)

    def _file(
        self, name: str, file: IO[bytes], on_bytes: Callable[[int], None] | None, of_logs: int, start: int
    ) -> Iterator[tuple[int, Line]]:
        memory, buffer, way = self._memory, self._module.buffer, self._way
        kept = 0
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
            if way is not None:
                content = bytes(memory[buffer : buffer + whole])
                whole = way.bytes_until(self.position, content)
            yield from self._scanned(name, start, whole)
            kept, start, self._passed = size - whole, start + whole, self._passed + whole
            self._instance.set_value("growth", growth(self._passed, self._size))
            if way is not None:
                way.passed(content[:whole], of_logs, start, self._instance.value("number"))
            memory[buffer : buffer + kept] = bytes(memory[buffer + whole : buffer + size])
            if on_bytes is not None:
                on_bytes(read)
            if not read and not kept:
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
        memory, buffer = self._memory, self._module.buffer
        end = buffer + size
        at = buffer + (len(BOM) if start == 0 and memory[buffer : buffer + len(BOM)] == BOM else 0)

        def of_file(number: int, first: int, behind: int) -> Line:
            offset = start + first - buffer if number > 1 else start
            return Line(name, number, offset, bytes(memory[first:behind]).strip(b" \t\r\n"))

        return self._listed(at, end, of_file)

    def _listed(
        self, at: int, end: int, line_of: Callable[[int, int, int], Line], odd: Line | None = None
    ) -> Iterator[tuple[int, Line]]:
        """Scans lines, which `line_of` makes of their numbers and where they start and end, and yields the listed ones.

        Where they are `odd` written anew, it is yielded itself if it is odd again.
        """
        memory, listed, told, first, is_utf_8 = self._memory, self._module.at.listed, self._module.at.told, at, False
        while True:
            TOLD.pack_into(memory, told, 0, 0, at, end, 0)
            self._scan()
            asked, behind, at, is_odd, has_wide = TOLD.unpack_from(memory, told)
            if not is_utf_8 and has_wide:
                is_utf_8 = _demand_utf_8(memory[first:end])
            (count,) = struct.unpack_from("<i", memory, listed - 8)
            self._drain(line_of)
            if asked and not is_odd:
                # Before anybody marks accounts: the one that it is about is still the kernel's present one.
                self._tell(bytes(memory[asked:behind]).strip(b" \t\r\n"))
            for line, end_of_line, number, position in struct.iter_unpack(
                "<IIqq", bytes(memory[listed : listed + count * LISTED])
            ):
                found = line_of(number, line, end_of_line)
                if position & HAS_NEW_NAMES:
                    self._note_unknown(found)
                else:
                    yield position, found
            if is_odd and odd is not None:
                yield self._instance.value("position") - 1, odd
            elif is_odd:
                yield from self._read_odd(line_of(self._instance.value("number"), asked, behind))
            if not asked and at >= end:
                return

    def _read_odd(self, line: Line) -> Iterator[tuple[int, Line]]:
        """Reads an odd line as the oracle does, and hands a good record in; yields the line where that is not possible."""
        self._odd += 1
        position, of_log = self._instance.value("position") - 1, self._instance.value("number")
        if self._odd > _ODD_MAX and self._odd * 4 > position:
            raise NotCovered("most lines take the slow way")
        is_same, self._odd_before = self._odd_before == (position - 1, line.content), (position, line.content)
        try:
            if line.fault is not None:
                raise line.fault
            record, unknown = self._reader.read(line.content)
        except BadRecord:
            yield position, line
            return
        if record.observed_as is not None:
            raise NotCovered("a record says how it observes")
        is_left = is_same or unknown or self._instance.call("is_marked", self._module.at.listed, self._named(record.account))
        if not is_left and isinstance(record, Snapshot):
            is_left = not self._begins(record)
        elif not is_left:
            try:
                anew = msgspec.json.encode(msgspec.json.decode(line.content)) + b"\n"
            except UnicodeEncodeError:
                anew = b""
            if 0 < len(anew) <= LINE_MAX:
                at = self._module.rewritten
                self._write(at, anew)
                self._instance.set_value("number", of_log - 1)
                self._instance.set_value("position", position)
                yield from self._listed(at, at + len(anew), lambda *_: line, line)
                self._instance.set_value("before_size", 0)
                return
            is_left = True
        if is_left:
            yield position, line

    def _begins(self, record: Snapshot) -> bool:
        """Begins an account in mid-life; returns whether it could be handed in."""
        fresh = self._oracle.fork({})
        try:
            fresh.decide(record)
        except BadRecord:
            return False
        if not self._hand_in_begun(record.account, fresh.accounts[record.account]):
            return False
        self._snapshots += 1
        return True

    def _hand_in_begun(self, name: str, account: Account) -> bool:
        """Hands in an account that begins with a snapshot; returns whether that could be done."""
        exchange = self._module.judge.exchange
        place = redone(self._instance, b"".join(exchange.parts_of(name, account)))
        if place < 0:
            return False
        self._begun[place // exchange.stride] = name
        self._drain()
        if self._way is not None:
            self._way.add(JournalPart.BEGUN, msgspec.json.encode((name, account)))
        return True

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
        for at, value in self._module.judge.told.answers(event_of(record), record):
            struct.pack_into("<q", self._memory, at, value)
        self._instance.call("tell")
