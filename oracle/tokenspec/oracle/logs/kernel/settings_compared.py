"""Two settings over one log by two kernels: one leads through the lines, the other follows, row by row.

Accounts of which either kernel knows nothing go through the oracle as all would without a kernel; of every other the kernels have
the numbers, and the answers to its first differing record.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from heapq import nsmallest
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tokenspec.machine.interpreters.batch.remembering import CHANGED, DIRTY
from tokenspec.machine.interpreters.batch.short import NotCovered
from tokenspec.machine.lang.ids import Repeat
from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.specification import POOLS
from tokenspec.oracle.logs.against import SHOWN, FurtherTouched, Touched, answered_otherwise
from tokenspec.oracle.logs.kernel.answers import DIFFERING, Role
from tokenspec.oracle.logs.kernel.audit_kernel import AuditKernel
from tokenspec.oracle.logs.kernel.exchange import drained, redone
from tokenspec.oracle.logs.kernel.module import KernelModule, following
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.answers import Answer
from tokenspec.oracle.wire.log_files import Line
from tokenspec.oracle.wire.records import Snapshot, event_of

if TYPE_CHECKING:
    from tokenspec.machine.wasm.engine import Instance

_IN_MEMORY = 1 << 26
"""Bytes of what is told of first differences from which it is kept on disk."""


def can_be_compared(own: Oracle, other: Oracle) -> bool:
    """Returns whether kernels can compare two settings: both read the same records, and take ids for the same."""
    return (
        own.machine == other.machine
        and own.catalogue.aliases == other.catalogue.aliases
        and own.repeat is other.repeat is Repeat.FIRST_ANSWER
        and own.uses_id_up("refused") == other.uses_id_up("refused")
        and not own.accounts
    )


class _FirstDifference(NamedTuple):
    """An account, by number and by name, with its first record that is answered otherwise: line, instant, event and answers."""

    number: int
    account: str
    line: Line
    at: int
    event: str
    answers: tuple[int, ...]
    """Both as numbers, that under the other setting first."""


class FollowingKernel:
    """The kernel of the `other` setting, in the memory of `leading`."""

    def __init__(self, leading: Instance, of_leading: KernelModule, seeds: tuple[int, int], other: Oracle) -> None:
        self._leading, self._oracle, self._module = leading, other, following(of_leading, other)
        leading.grow("memory", self._module.end)
        self.instance = instance = leading.beside(self._module.text)
        self._exchange = self._module.judge.exchange
        for name, seed in zip(("seed_1", "seed_2"), seeds, strict=True):
            instance.set_value(name, seed)
        instance.call("init")
        instance.call("keep_initial")
        self._firsts: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(max_size=_IN_MEMORY)
        leading.set_function("follower", instance, "follow")

    def tell(self, content: bytes) -> None:
        """Tells the facts of a line for which the leading kernel asks."""
        record = self._oracle.reader.read(content)[0]
        for at, value in self._module.judge.told.answers(event_of(record), record):
            self._leading.write("memory", at, struct.pack("<q", value))
        for name in ("asked_1", "asked_2"):
            self.instance.set_value(name, self._leading.value(name))
        self.instance.call("tell")

    def begins(self, place: int, record: Snapshot) -> None:
        """Begins an account in mid-life that has begun under the own setting."""
        fresh = self._oracle.fork({})
        fresh.decide(record)
        self.instance.call("reach", place)
        redone(self.instance, b"".join(self._exchange.parts_of(record.account, fresh.accounts[record.account], place)))

    def keep(self, line_of: Callable[[int, int, int], Line]) -> None:
        """Keeps what was told of first differences, with the lines of the records."""
        part = drained(self.instance)
        if part:
            lines = [line_of(number, *ends) for number, *ends in self._exchange.lines_differing(part)]
            places = [(line.file, line.number, line.offset, line.key) for line in lines]
            kept = msgspec.msgpack.encode((places, part))
            self._firsts.write(struct.pack("<q", len(kept)) + kept)

    def firsts(self) -> Iterator[_FirstDifference]:
        """Yields the first differing record of each account, in their order."""
        decoder = msgspec.msgpack.Decoder(tuple[list[tuple[str, int, int, str]], bytes])
        self._firsts.seek(0)
        while head := self._firsts.read(8):
            places, part = decoder.decode(self._firsts.read(*struct.unpack("<q", head)))
            for (file, line, offset, key), found in zip(places, self._exchange.differing(part), strict=True):
                number, name, at, event, answers = found
                yield _FirstDifference(number, name, Line(file, line, offset, b"", key=key), at, event, answers)

    def answer(self, event: str, numbers: Sequence[int]) -> Answer:
        """Returns the answer that these numbers are."""
        return self._exchange.answer(event, numbers)

    def counts(self, count: int) -> list[int]:
        """Returns how many answers of each of so many accounts differ."""
        size = min(count * DIFFERING, self.instance.memory_bytes("differing"))
        return [records for (records,) in struct.iter_unpack("<q", self.instance.read("differing", 0, size))]


class LeadingKernel(AuditKernel):
    """The kernel of this run's setting, with one that follows it in the first pass."""

    role = Role.LEADS
    _follower: FollowingKernel | None = None

    def __init__(self, logs: Iterable[Line], own: Oracle, other: Oracle) -> None:
        if not can_be_compared(own, other):
            raise NotCovered("the other setting reads records, or takes ids, in another way")
        super().__init__(logs, own)
        self._other = other

    def find_dirty(self, on_bytes: Callable[[int], None] | None) -> None:
        """Scans everything under both settings. Touched accounts of which both kernels know all are left to nobody."""
        first, second = self._seeds
        self._follower = follower = FollowingKernel(self._instance, self._module, (first, second), self._other)
        self._memory = memoryview(self._instance.view("memory")).cast("B")
        self._instance.set_value("is_followed", 1)
        super().find_dirty(on_bytes)
        self._instance.set_value("is_followed", 0)
        self._follower = None
        self.named, self.further = self._touched(follower)
        self._count_dirty()

    def _drain(self, line_of: Callable[[int, int, int], Line] | None = None) -> None:
        super()._drain()
        if self._follower is not None and line_of is not None:
            self._follower.keep(line_of)

    def _tell(self, content: bytes) -> None:
        if self._follower is not None:
            with suppress(BadRecord):
                self._follower.tell(content)
        super()._tell(content)

    def _begins(self, record: Snapshot) -> bool:
        if self._follower is None:
            return super()._begins(record)
        try:
            ours, theirs = self._oracle.fork({}).answer(record), self._other.fork({}).answer(record)
        except BadRecord:
            return False
        if answered_otherwise(ours, theirs) or not super()._begins(record):
            return False
        number = next(reversed(self._begun))
        self._follower.begins(number * self._module.judge.exchange.stride, record)
        return True

    def _touched(self, follower: FollowingKernel) -> tuple[list[Touched], list[FurtherTouched]]:
        """Leaves to the oracle what the following kernel does not know; returns the numbers of all others."""
        exchange, instance = self._module.judge.exchange, self._instance
        count = instance.call("count_accounts")
        if count:
            follower.instance.call("reach", (count - 1) * exchange.stride)
        own, other = exchange.flags(instance, count), exchange.flags(follower.instance, count)
        for number, (ours, theirs) in enumerate(zip(own, other, strict=True)):
            if theirs & DIRTY and not ours & DIRTY:
                self._leave(number, ours)
        clean = {
            number: records
            for number, records in enumerate(follower.counts(count))
            if records and not (own[number] | other[number]) & DIRTY
        }
        balances = zip(exchange.balances(instance, clean), exchange.balances(follower.instance, clean), strict=True)
        touched = {
            number: FurtherTouched(records, {p: b - a for p, a, b in zip(POOLS, ours, theirs, strict=True)})
            for (number, records), (ours, theirs) in zip(clean.items(), balances, strict=True)
        }
        firsts = {first.number: first for first in self._most(touched, follower)}
        named = [self._named_one(first, touched[number], follower) for number, first in firsts.items()]
        return named, [each for number, each in touched.items() if number not in firsts]

    def _leave(self, number: int, flags: int) -> None:
        """Leaves an account to the oracle."""
        at = number * self._module.judge.answers.stride
        self._instance.write("accounts", at, struct.pack("<I", flags | DIRTY | CHANGED))

    @staticmethod
    def _most(touched: dict[int, FurtherTouched], follower: FollowingKernel) -> list[_FirstDifference]:
        """Returns the first differing records of the most touched accounts, by name among equals."""
        ranks = {number: (-sum(map(abs, each.tokens.values())), -each.records) for number, each in touched.items()}
        least = nsmallest(SHOWN, ranks.values())[-1:]
        candidates = {number for number, rank in ranks.items() if [rank] <= least}
        firsts = (first for first in follower.firsts() if first.number in candidates)
        return nsmallest(SHOWN, firsts, key=lambda first: (ranks[first.number], first.account))

    def _named_one(self, first: _FirstDifference, numbers: FurtherTouched, follower: FollowingKernel) -> Touched:
        """Returns an account with its first differing record."""
        half = len(first.answers) // 2
        theirs = follower.answer(first.event, first.answers[:half])
        ours = self._module.judge.exchange.answer(first.event, first.answers[half:])
        found = answered_otherwise(ours, theirs)
        return Touched(first.account, first.line, first.event, first.at, found, numbers.records, dict(numbers.tokens))
