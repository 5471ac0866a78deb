"""Two settings over one log by two kernels: one leads through the lines, the other follows, block by block.

Accounts of which either kernel knows nothing, and the most touched ones, go through the oracle as all would without a kernel; of
every other the kernels have the numbers.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from tokenspec.machine.interpreters.batch.accounts import CHANGED, DIRTY
from tokenspec.machine.interpreters.batch.short import NotCovered
from tokenspec.machine.interpreters.embedded.memory import SLOT
from tokenspec.machine.lang.ids import Repeat
from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.specification import POOLS
from tokenspec.oracle.logs.against import SHOWN, FurtherTouched, answered_otherwise
from tokenspec.oracle.logs.kernel.answers import ANSWERS_MAX, DIFFERING, Role
from tokenspec.oracle.logs.kernel.audit_kernel import AuditKernel
from tokenspec.oracle.logs.kernel.lines import ScannedLines
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.log_files import BOM, Line, Logs
from tokenspec.oracle.wire.records import Snapshot

if TYPE_CHECKING:
    from tokenspec.machine.wasm.engine import Instance


def can_be_compared(own: Oracle, other: Oracle) -> bool:
    """Returns whether kernels can compare two settings: both read the same records, and take ids for the same."""
    return (
        own.machine == other.machine
        and own.catalogue.aliases == other.catalogue.aliases
        and own.repeat is other.repeat is Repeat.FIRST_ANSWER
        and own.uses_id_up("refused") == other.uses_id_up("refused")
        and not own.accounts
    )


class FollowingKernel(ScannedLines):
    """The kernel of the `other` setting."""

    role = Role.FOLLOWS

    def __init__(self, leading: LeadingKernel, own: Oracle, other: Oracle) -> None:
        super().__init__(leading.logs, other)
        self._own = own
        self._seeds = leading.seeds
        for name, seed in zip(("seed_1", "seed_2"), self._seeds, strict=True):
            self._instance.set_value(name, seed)

    @property
    def instance(self) -> Instance:
        """The instance of its module."""
        return self._instance

    def follow(self, base: int, answers: bytes, content: bytes, scanned: Callable[[], Iterator[tuple[int, Line]]]) -> None:
        """Goes through a block whose answers under the own setting are known."""
        self._instance.set_value("base", base)
        self._write(self._module.judge.answers.at, answers)
        self._write(self._module.buffer, content + b"\n")
        for _, line in scanned():
            self._mark(line)

    def scanned(self, name: str, start: int, size: int) -> Iterator[tuple[int, Line]]:
        """Scans the block of a file."""
        if start == 0:
            self._instance.call("new_file")
        return self._scanned(name, start, size)

    def block(self, block: list[Line], parts: list[bytes]) -> Iterator[tuple[int, Line]]:
        """Scans the block of other lines."""
        return self._block(block, parts, None)

    def _begins(self, record: Snapshot) -> bool:
        try:
            ours, theirs = self._own.fork({}).answer(record), self._oracle.fork({}).answer(record)
        except BadRecord:
            return False
        return not answered_otherwise(ours, theirs) and super()._begins(record)

    def differing(self, count: int) -> Iterator[tuple[int, int]]:
        """Yields for each of so many accounts how many answers differ, and the position of the first."""
        size = min(count * DIFFERING, self._instance.memory_bytes("differing"))
        yield from struct.iter_unpack("<qq", self._instance.read("differing", 0, size))


class LeadingKernel(AuditKernel):
    """The kernel of this run's setting, with one that follows it in the first pass."""

    role = Role.LEADS
    _follower: FollowingKernel | None = None

    def __init__(self, logs: Iterable[Line], oracle: Oracle) -> None:
        super().__init__(logs, oracle)
        self._blocks: list[tuple[int, str, int, int]] = []
        """The blocks of the first pass: the position of the first line, the file, the byte that it begins at, its size."""

    @property
    def seeds(self) -> tuple[int, int]:
        """The seeds of fingerprints."""
        first, second = self._seeds
        return first, second

    def compared(self, own: Oracle, other: Oracle, on_bytes: Callable[[int], None] | None) -> list[FurtherTouched]:
        """Scans everything under both settings; returns the numbers of the touched accounts that the oracle need not look at."""
        if not can_be_compared(own, other):
            raise NotCovered("the other setting reads records, or takes ids, in another way")
        self._follower = follower = FollowingKernel(self, own, other)
        self.find_dirty(on_bytes)
        self._follower = None
        found = self._touched(follower)
        self._count_dirty()
        return found

    def _scanned(self, name: str, start: int, size: int) -> Iterator[tuple[int, Line]]:
        follower = self._follower
        self._instance.set_value("base", self.position)
        if follower is None:
            yield from super()._scanned(name, start, size)
            return
        content = bytes(self._memory[self._module.buffer : self._module.buffer + size])
        self._blocks.append((self.position, name, start, size))
        yield from self._led(super()._scanned(name, start, size), content, lambda: follower.scanned(name, start, size))

    def _block(self, block: list[Line], parts: list[bytes], on_bytes: Callable[[int], None] | None) -> Iterator[tuple[int, Line]]:
        follower, of_own = self._follower, super()._block(block, parts, on_bytes)
        self._instance.set_value("base", self.position)
        yield from of_own if follower is None else self._led(of_own, b"", lambda: follower.block(block, parts))

    def _led(
        self, of_own: Iterator[tuple[int, Line]], content: bytes, of_other: Callable[[], Iterator[tuple[int, Line]]]
    ) -> Iterator[tuple[int, Line]]:
        assert self._follower is not None
        base, at = self.position, self._module.judge.answers.at
        yield from of_own
        count = min(self.position - base, ANSWERS_MAX)
        answers = bytes(self._memory[at : at + SLOT * count])
        self._write(at, bytes(SLOT * count))
        self._follower.follow(base, answers, content, of_other)

    def _touched(self, follower: FollowingKernel) -> list[FurtherTouched]:
        """Leaves to the oracle what either kernel does not know, and the most touched accounts; returns the numbers of others."""
        exchange, instance = self._module.judge.exchange, self._instance
        count = instance.call("count_accounts")
        if not self._has_same_accounts(follower):
            raise NotCovered("the kernels have met other accounts")
        own, other = exchange.flags(instance, count), exchange.flags(follower.instance, count)
        for number, (ours, theirs) in enumerate(zip(own, other, strict=True)):
            if theirs & DIRTY and not ours & DIRTY:
                self._leave(number, ours)
        clean = {
            number: (records, position)
            for number, (records, position) in enumerate(follower.differing(count))
            if records and not (own[number] | other[number]) & DIRTY
        }
        balances = zip(exchange.balances(instance, clean), exchange.balances(follower.instance, clean), strict=True)
        touched = [
            (number, position, FurtherTouched(records, {p: b - a for p, a, b in zip(POOLS, ours, theirs, strict=True)}))
            for (number, (records, position)), (ours, theirs) in zip(clean.items(), balances, strict=True)
        ]
        most = self._most(touched)
        for number in most:
            self._leave(number, own[number])
        return [each for number, _, each in touched if number not in most]

    def _has_same_accounts(self, follower: FollowingKernel) -> bool:
        ours, theirs = (each.read("names", 0, each.memory_bytes("names")) for each in (self._instance, follower.instance))
        return ours == theirs

    def _leave(self, number: int, flags: int) -> None:
        """Leaves an account to the oracle."""
        at = number * self._module.judge.answers.stride
        self._instance.write("accounts", at, struct.pack("<I", flags | DIRTY | CHANGED))

    def _most(self, touched: list[tuple[int, int, FurtherTouched]]) -> set[int]:
        """Returns the numbers of the most touched accounts, by name among equals."""

        def rank(each: FurtherTouched) -> tuple[int, int]:
            return -sum(map(abs, each.tokens.values())), -each.records

        ranks = sorted(rank(each) for _, _, each in touched)
        if len(ranks) <= SHOWN:
            return {number for number, _, _ in touched}
        last = ranks[SHOWN - 1]
        found = {number for number, _, each in touched if rank(each) < last}
        equal = {position: number for number, position, each in touched if rank(each) == last}
        names = sorted((name, equal[position]) for position, name in self._names_at(equal))
        return found | {number for _, number in names[: SHOWN - len(found)]}

    def _names_at(self, positions: Iterable[int]) -> Iterator[tuple[int, str]]:
        """Yields the accounts of the lines at some positions, in their order."""
        wanted, set_of = sorted(positions), set(positions)
        lines: Iterator[tuple[int, bytes]]
        if not isinstance(self.logs, Logs):
            lines = ((n, line.content) for n, line in enumerate(islice(self.logs, wanted[-1] + 1)) if n in set_of)
        else:
            lines = self._lines_at(self.logs, wanted)
        try:
            yield from [(position, self._reader.read(content)[0].account) for position, content in lines]
        except (BadRecord, IndexError):
            raise NotCovered("the log has changed between the passes") from None

    def _lines_at(self, logs: Logs, wanted: list[int]) -> Iterator[tuple[int, bytes]]:
        """Yields the lines at some positions; only the blocks that hold one are read."""
        blocks = deque([(*each, behind[0]) for each, behind in pairwise([*self._blocks, (self.position, "", 0, 0)])])
        for name, file in logs.files():
            is_first = True
            while blocks and blocks[0][1] == name and (blocks[0][2] == 0) == is_first:
                base, _, start, size, behind = blocks.popleft()
                is_first = False
                here = wanted[bisect_left(wanted, base) : bisect_left(wanted, behind)]
                if here:
                    file.seek(start)
                    lines = [line for line in file.read(size).removeprefix(BOM).split(b"\n") if line.strip(b" \t\r")]
                    yield from ((position, lines[position - base]) for position in here)
