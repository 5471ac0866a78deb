"""A kernel over whole logs: the pass that finds dirty accounts, the pass that lists their lines, and the counts of all others."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property

import msgspec

from tokenspec.machine.interpreters.batch.handover import ACCOUNT
from tokenspec.machine.interpreters.batch.remembering import DIRTY, MOVED
from tokenspec.machine.interpreters.batch.short import NotCovered
from tokenspec.machine.interpreters.batch.tables import LONG, bits_of
from tokenspec.oracle.logs.against import FurtherTouched, Touched
from tokenspec.oracle.logs.kernel.exchange import drained, redone
from tokenspec.oracle.logs.kernel.journal_file import JournalPart
from tokenspec.oracle.logs.kernel.lines import ScannedLines
from tokenspec.oracle.logs.kernel.on_the_way import KernelStands
from tokenspec.oracle.logs.replay import NOTHING_OBSERVED, SNAPSHOT, Progress, Report
from tokenspec.oracle.runtime.journal import Account, forget
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.log_files import Line


class AuditKernel(ScannedLines):
    """A kernel for the settings of `oracle`, and the logs that it scans."""

    has_dirty = False
    dirty = 0
    """The number of accounts that the oracle has to look at."""
    judged_by_oracle: tuple[Oracle, Progress] | None = None
    """The oracle of the accounts that it has to look at, and its progress; None before the second pass."""
    named: Sequence[Touched] = ()
    further: Sequence[FurtherTouched] = ()
    """The accounts that another setting touches and that nobody looks at again: the most touched ones, the numbers of others."""
    _is_in_second = False
    """True where the second pass has begun already, in the state that this one goes on from."""

    def find_dirty(self, on_bytes: Callable[[int], None] | None) -> None:
        """Scans everything, and marks the accounts that the oracle has to look at."""
        if self._way is not None:
            self._way.starts(self, self._before)
        if self._is_in_second:
            return
        for _, line in self._pass(on_bytes):
            self._has_left = True
            self._mark(line)
        self._count_dirty()

    def _count_dirty(self) -> None:
        self.dirty = self._instance.call("count_dirty")
        self.has_dirty = self._has_left or self.dirty > 0

    def left_to_oracle(self) -> tuple[Oracle, Progress]:
        """Returns the oracle of the accounts that are left, and its progress, which gets the unknown names at their places."""
        if self._way is not None and self._is_in_second:
            rest, progress = self._way.second()
        else:
            # Copies: should the kernel give up after all, the accounts are those before the logs.
            rest = self._oracle.fork({name: each.copy() for name, each in self._dirty_before.items()})
            progress = Progress.of(self._oracle)
            if not self.has_dirty:
                progress.report.unknown_fields = self._report.unknown_fields
        self._report = progress.report
        self.judged_by_oracle = rest, progress
        return self.judged_by_oracle

    def ends(self) -> None:
        """Ends the pass that counts; any further one only looks at lines that are left."""
        if self._way is not None:
            self._way.ends()
            self._way = None

    @cached_property
    def _dirty_before(self) -> dict[str, Account]:
        """Those of the accounts before the logs that the oracle has to look at, known behind the first pass."""
        flags = self._module.judge.exchange.flags(self._instance, self._before.count)
        return {name: account for (name, account), flag in zip(self._before.items(), flags, strict=True) if flag & DIRTY}

    def __iter__(self) -> Iterator[Line]:
        """Yields every line of a dirty account, and every odd one that is no good record. They can be iterated more than once."""
        return (line for _, line in self.numbered())

    def numbered(self) -> Iterator[tuple[int, Line]]:
        """Yields them with their positions among all lines."""
        if not self._is_in_second:
            if self._way is not None:
                self.tell_changed()
                self._way.begins_again()
            self._begins_second()
        self._is_in_second = False
        return self._pass(None)

    def _begins_second(self) -> None:
        self._instance.call("begin_again")
        self._begin_again()
        self._hand_in(self._dirty_before)
        self._instance.set_value("lists_dirty", 1)

    # On the way

    def tell_changed(self) -> None:
        """Tells the journal all that has happened since the state before."""
        assert self._way is not None
        self._drain()
        at = 1
        while at:
            at = self._instance.call("tell_changed", at if at > 1 else 0)
            self._way.add(JournalPart.STANDS, drained(self._instance))

    def redo(self, kind: JournalPart, content: bytes) -> None:
        """Redoes a part of the journal."""
        if kind is JournalPart.BEGUN:
            name, account = msgspec.json.decode(content, type=tuple[str, Account])
            self._hand_in_begun(name, account)
        elif kind is JournalPart.AGAIN:
            self._count_dirty()
            self._begins_second()
            self.has_dirty = self._is_in_second = True
        elif kind is not JournalPart.BEFORE:
            if kind is JournalPart.TOLD and self._keeps:
                self._journal.add(content)
            redone(self._instance, content)

    @property
    def layout(self) -> list[int]:
        """The bytes of an account, those behind a text of the journal by kind, the bits of an id's code and of what decided."""
        exchange = self._module.judge.exchange
        return [exchange.stride, *exchange.sizes.values(), bits_of(LONG), self._module.judge.repeats.bits]

    def stands(self) -> KernelStands:
        """Returns how this kernel stands between two blocks, but for its accounts."""
        instance, judge, kept = self._instance, self._module.judge, self._module.at.kept
        places = [*self._module.cleared, *(judge.unknown + 8 * n for n in range(len(self._unknown)))]
        return KernelStands(
            layout=self.layout,
            seeds=self._seeds,
            position=self.position,
            counts=[self._count(at) for at in places],
            identical=instance.value("identical"),
            before=bytes(self._memory[kept : kept + instance.value("before_size")]),
            unknown=self._unknown,
            unknown_fields=self._report.unknown_fields,
            snapshots=self._snapshots,
            odd=self._odd,
            odd_before=self._odd_before,
            has_left=self._has_left,
        )

    def stand(self, found: KernelStands, number: int) -> None:
        """Stands as `found` behind the line of this number."""
        instance = self._instance
        self._unknown, self._report.unknown_fields = found.unknown, found.unknown_fields
        for name in found.unknown:
            instance.call("know", self._module.at.listed, self._named(name))
        places = [*self._module.cleared, *(self._module.judge.unknown + 8 * n for n in range(len(found.unknown)))]
        for at, count in zip(places, found.counts, strict=True):
            self._write(at, struct.pack("<q", count))
        self._write(self._module.at.kept, found.before)
        instance.call("set_before", len(found.before))
        for name, value in (("identical", found.identical), ("position", found.position), ("number", number)):
            instance.set_value(name, value)
        self._snapshots, self._odd, self._odd_before, self._has_left = (
            found.snapshots,
            found.odd,
            found.odd_before,
            found.has_left,
        )

    def add_to(self, report: Report) -> None:
        """Adds the records of the clean accounts."""
        if self._instance.call("count_dirty") != self.dirty:
            raise NotCovered("the log has changed between the passes")
        clean = self._instance.call("count_accounts") - self.dirty
        compared, unobserved, again, unobserved_again, same = map(self._count, self._module.judge.sums)
        report.records += compared + unobserved + again + unobserved_again + self._snapshots
        report.not_compared[SNAPSHOT] += self._snapshots
        report.compared += compared
        report.repeated["compared"] += again
        report.repeated["not_compared"] += unobserved_again
        report.same += same
        report.not_compared[NOTHING_OBSERVED] += unobserved
        report.identical += self._instance.value("identical")
        report.accounts += clean
        for number, name in enumerate(self._unknown):
            times, first, near = report.unknown_fields[name]
            report.unknown_fields[name] = times + self._count(self._module.judge.unknown + 8 * number), first, near
        # The lines that are left may be read again.
        self._report = Report()
        for at, event, outcome in self._module.counts:
            hits = self._count(at)
            if hits and outcome in report.coverage.rules:
                report.coverage.rules[outcome] += hits
            elif hits:
                report.coverage.refusals[event, outcome] += hits

    def behind(self, rest: Mapping[str, Account]) -> Iterator[tuple[str, Account]]:
        """Yields all accounts as they stand behind the logs, those before them first; `rest` are those of the oracle."""
        exchange, left, before = self._module.judge.exchange, dict(rest), self._before.items()
        for numbers, journal in self._journal.ranges(0, self._instance.call("count_accounts")):
            places = exchange.places(journal)
            for number, record in zip(numbers, exchange.records(self._instance, numbers), strict=True):
                name, earlier = next(before) if number < self._before.count else (self._begun.get(number), None)
                if record[0] & DIRTY:
                    if earlier is not None and name is not None:
                        yield name, left.pop(name, earlier)
                elif earlier is not None and name is not None and not record[0] & MOVED:
                    yield name, earlier
                elif record[0] & MOVED or name is not None:
                    account = exchange.account(record)
                    self._remembers(account, earlier)
                    for at in places.get(number, ()):
                        kind, text, told = exchange.told(journal, at)
                        if kind == ACCOUNT:
                            name = text
                        else:
                            exchange.remember(account, kind, text, told)
                    assert name is not None, "it was told when the first event happened to it"
                    yield name, account
        yield from left.items()

    def _remembers(self, account: Account, earlier: Account | None) -> None:
        """Puts what an account has remembered before the logs into it, unless it has forgotten that since."""
        if earlier is not None:
            earlier = earlier.copy()
            account.entries, account.answers = earlier.entries, earlier.answers
            account.sessions, account.timeline = earlier.sessions, earlier.timeline
            if self._oracle.remember is not None and account.last_at is not None:
                account.noted, account.used = dict(earlier.noted or {}), dict(earlier.used or {})
                forget(account, account.last_at, self._oracle.remember)
