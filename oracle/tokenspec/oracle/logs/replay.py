"""Replays logs through the oracle: compares the observations, and gives the reason for each difference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tokenspec.machine.fuzzing.coverage import Coverage
from tokenspec.machine.lang.catalogue import UNLISTED
from tokenspec.machine.lang.expr import names_in
from tokenspec.machine.lang.ids import Repeat
from tokenspec.machine.lang.types import Enum
from tokenspec.oracle.base.errors import BadRecord, WentBack
from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.base.nearest import nearest
from tokenspec.oracle.base.specification import hint
from tokenspec.oracle.base.text import as_text, one_line
from tokenspec.oracle.logs.against import Against
from tokenspec.oracle.logs.going_on import GoingOn, observes_all
from tokenspec.oracle.logs.reading import Bad, RowsRead, is_before_the_log, read_numbered
from tokenspec.oracle.logs.what_decided import because
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.answers import Answer, Difference, can_be_compared, differences
from tokenspec.oracle.wire.log_files import Line
from tokenspec.oracle.wire.observations import instant_of
from tokenspec.oracle.wire.records import RENAMED, Reader, Record, at_of, event_of

LINES_KEPT = 40
"""The largest number of divergences whose source line is kept for the report."""
ACCOUNTS_KEPT = 1_000
"""The largest number of divergences whose account is kept as it continued, to be followed under other policies."""
NOTHING_OBSERVED, AFTER_DIVERGENCE, AFTER_TIME_WENT_BACK, BEFORE_THE_LOG, SNAPSHOT = REASONS = (
    "nothing_observed",
    "after_divergence",
    "after_time_went_back",
    "before_the_log",
    "snapshot",
)
"""The reasons for which a record is not compared."""


@dataclass
class Divergence:
    """A record whose observed answer is not the right one."""

    line: Line
    account: str
    event: str
    at: str
    differences: list[Difference]
    """The differences that no earlier divergence of the account explains."""
    before: dict[str, Any]
    """The state fields of the right answer to the record before."""
    outcome: str
    """The rule that accepts the record, or the code that refuses it."""
    why: str
    clauses: tuple[str, ...]
    position: int
    """The number of the line among all lines, from 0."""
    skipped: list[Line] = field(default_factory=list)
    """The account's lines before it that hold no good record."""
    notes: list[str] = field(default_factory=list)
    """Other possible causes: a fault of the log, a name that is nearly right, an unknown field."""
    first_use: Line | None = None
    """The line at which the id of a repeated record was used first."""
    after: Account | None = None
    """The account as it continues after the divergence."""
    can_be_followed: bool = True
    """False where the account continued from differences that are not divergences of their own."""
    explained: bool = False
    """True if other policies were tried."""
    explained_by: list[tuple[str, str]] = field(default_factory=list)
    """Policy settings, one policy at a time, under which the account agrees up to and with this record."""
    by_field: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """The settings for each differing field, where the fields are right under different settings."""
    resets: str | None = None
    """The other mode of jobs, where the account agrees under it."""
    known: list[str] = field(default_factory=list)
    """The ways of real wallets that it fits and that no setting allows."""

    @property
    def delta(self) -> int | None:
        """The observed minus the right value of the first field; None where it is not a number."""
        _, expected, got = self.differences[0]
        return got - expected if type(expected) is int and type(got) is int else None


class Comparisons:
    """The counts that say whether there is a verdict."""

    compared: int
    repeated: dict[str, int]
    same: int
    another: int

    @property
    def all_compared(self) -> int:
        """The records that were compared, repeats among them."""
        return self.compared + self.repeated["compared"]

    @property
    def is_misuse_of_ids(self) -> bool:
        """True where most repeats are not retries, and outnumber the compared records: the ids are then not ids of events."""
        return self.another > self.same and self.another + self.same > self.compared


@dataclass
class Sum(Comparisons):
    """Counts of records, each counted once: bad, or else repeated, or else compared, or else not compared."""

    records: int = 0
    accounts: int = 0
    bad: list[Bad] = field(default_factory=list)
    compared: int = 0
    not_compared: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REASONS, 0))
    repeated: dict[str, int] = field(default_factory=lambda: {"compared": 0, "not_compared": 0})
    same: int = 0
    """Repeats that name the event of their id's first use."""
    another: int = 0
    """Repeats that name another event."""
    first_of_another: tuple[Line, str, str, Line] | None = None
    """The first repeat of another event: its line and event, the event of the first use and its line."""
    unknown_fields: dict[str, tuple[int, Line, str | None]] = field(default_factory=dict)
    """By unknown name: the number of uses, the first line, and the known name that it resembles."""
    identical: int = 0
    """The number of lines equal to the line before, byte for byte, and without an id that would make them a repeat."""
    rows: RowsRead | None = None
    """The count of rows, where the records are those of a table."""
    lost: dict[str, str] = field(default_factory=dict)
    """By account that is not compared any more, the reason."""
    uses: dict[str, dict[str, tuple[str, Line]]] = field(default_factory=dict)
    """By account and id, the event of the first use and its line."""

    def note_lost(self, record: Record, wrong: BadRecord) -> None:
        """Notes a record that did not happen. After one that goes back in time, its account is not compared any more."""
        wrong.account = record.account
        if isinstance(wrong, WentBack):
            self.lost[record.account] = AFTER_TIME_WENT_BACK

    def note_unknown(self, reader: Reader, record: Record, unknown: Iterable[str], line: Line) -> None:
        """Counts the unknown names in `record`."""
        for name in unknown:
            times, first, near = self.unknown_fields.get(name) or (0, line._replace(content=b""), reader.resembles(record, name))
            self.unknown_fields[name] = times + 1, first, near

    def first_use(self, record: Record, line: Line, is_repeated: bool, ids: Mapping[str, int] | None = None) -> Line | None:
        """Returns the first use of a repeated record's id, as far as known; notes a new one. Others than `ids` are forgotten."""
        assert record.id is not None
        uses, event = self.uses.setdefault(record.account, {}), event_of(record)
        if not is_repeated:
            uses.pop(record.id, None)
            uses[record.id] = event, line._replace(content=b"")
            while ids is not None and len(uses) > len(ids) and (oldest := next(iter(uses))) not in ids:
                del uses[oldest]
            return None
        if record.id not in uses:
            return None
        first_event, first = uses[record.id]
        if first_event == event:
            self.same += 1
        else:
            self.another += 1
            self.first_of_another = self.first_of_another or (line._replace(content=b""), event, first_event, first)
        return first

    def counts(self, record: Record, is_repeated: bool, answers: Iterable[Answer], why_not: str | None = None) -> bool:
        """Counts a record that happened, with the right `answers` to it; returns true if its observation is to be compared.

        It is not where `why_not` names another reason not to.
        """
        observed, why = record.observed, why_not or (self.lost.get(record.account) if self.lost else None)
        if why == SNAPSHOT:
            pass
        elif observed is None or not can_be_compared(observed, answers, record.observed_as is not None):
            why = NOTHING_OBSERVED
        if is_repeated:
            self.repeated["compared" if why is None else "not_compared"] += 1
        elif why is None:
            self.compared += 1
        else:
            self.not_compared[why] += 1
        return why is None


@dataclass
class Report(Sum):
    """The result of a replay."""

    divergences: list[Divergence] = field(default_factory=list)
    coverage: Coverage = field(default_factory=lambda: Coverage(()))
    """The coverage of the records; a repeated id covers nothing, and a job without a line is not a record."""

    @property
    def divergent_accounts(self) -> int:
        """The number of accounts with a divergence."""
        return len({divergence.account for divergence in self.divergences})


@dataclass
class Progress:
    """A replay up to a line: the number of lines behind it, what was found in them, and what later lines are judged by."""

    report: Report
    lines: int = 0
    line_before: Line | None = None
    skipped: dict[str, list[Line]] = field(default_factory=dict)
    """By account, the lines that hold no good record."""
    known: dict[str, set[tuple[str, Any]]] = field(default_factory=dict)
    """By account, the differences that it had: field and amount."""
    followed_no_more: set[str] = field(default_factory=set)
    """The accounts that continued from differences that are not divergences of their own."""

    @classmethod
    def of(cls, oracle: Oracle) -> Progress:
        """Returns the beginning of a replay through `oracle`."""
        return cls(Report(coverage=Coverage((oracle.machine, oracle.session_machine))))


def replay(
    lines: Iterable[Line],
    oracle: Oracle,
    on_answer: Callable[[Answer], None] | None = None,
    on_line: Callable[[int], None] | None = None,
    against: Against | None = None,
    progress: Progress | None = None,
) -> Report:
    """Runs every record through `oracle`, in one pass; `on_answer` is given each answer.

    With `progress` it goes on behind the lines that `oracle` has met already. After a divergence the account continues from the
    observation, which `against` does not.
    """
    progress = progress or Progress.of(oracle)
    report, found, start, time = progress.report, _Finder(oracle, progress), progress.lines, oracle.remember
    expected = start
    for position, (line, record, fault, unknown) in read_numbered(lines, oracle.reader, on_line, start):
        report.records += 1
        line_before, progress.line_before = progress.line_before if position == expected else None, line
        is_same = line_before is not None and line.content == line_before.content and line.file == line_before.file
        expected = position + 1
        if record is not None:
            known = oracle.accounts.get(record.account)
            before = known.row if known is not None else None
            came_before = known is not None and bool(known.is_from_mid_life or time) and is_before_the_log((known,), record, time)
            try:
                answer, decided_by = oracle.decide(record) if not came_before else found.passed_over(record, report, against)
            except BadRecord as wrong:
                report.note_lost(record, wrong)
                if known is None:
                    del oracle.accounts[record.account]
                record, fault = None, fault or wrong
        if fault is not None:
            report.bad.append(Bad.of(line, fault))
        if record is None:
            if fault is not None and fault.account is not None:
                progress.skipped.setdefault(fault.account, []).append(line._replace(content=b""))
            continue
        if unknown:
            report.note_unknown(oracle.reader, record, unknown, line)
        why_not = SNAPSHOT if decided_by == SNAPSHOT else BEFORE_THE_LOG if came_before else None
        if decided_by is not None and why_not is None:
            report.coverage.note_name(event_of(record), decided_by)
        ids, has_use = oracle.accounts[record.account].used, record.id is not None and not came_before
        first_use = report.first_use(record, line, decided_by is None, ids) if has_use else None
        if is_same and record.id is None:
            report.identical += 1
        if on_answer is not None:
            on_answer(answer)
        if against is not None:
            against.happens(record, line, answer)
        if fault is not None or not report.counts(record, decided_by is None, (answer,), why_not):
            continue
        assert record.observed is not None
        differing = differences(answer, record.observed, record.observed_as is not None)
        if not differing:
            continue
        if against is not None:
            against.departs(record.account)
        new = found.new(record.account, differing)
        if new:
            kept = line if len(report.divergences) < LINES_KEPT else line._replace(content=b"")
            divergence = found.divergence(kept, position, record, answer, new, before, decided_by)
            divergence.first_use = first_use
            divergence.notes += _notes(record, unknown, line_before if is_same and record.id is None else None)
            report.divergences.append(divergence)
        # A first answer that is given again says nothing of how the account stands now.
        if decided_by is not None or oracle.repeat is not Repeat.FIRST_ANSWER:
            found.goes_on(record, answer, differing, decided_by is None, divergence if new else None)
    _finish(report, oracle, against)
    return report


def _finish(report: Report, oracle: Oracle, against: Against | None) -> None:
    if against is not None:
        against.finish()
    report.accounts = len(oracle.accounts)
    note = "later in this account time goes back: sort the log by account and instant, or say --late SECONDS"
    for divergence in (each for each in report.divergences if report.lost.get(each.account) == AFTER_TIME_WENT_BACK):
        divergence.notes.append(note)


def _notes(record: Record, unknown: list[str], same: Line | None) -> list[str]:
    notes = [f"this line is the same as line {same.number}, byte for byte: it may have been delivered twice"] if same else []
    unused = f"not used, since {event_of(record)} has no such field: {', '.join(map(one_line, unknown))}"
    return notes + [unused] * bool(unknown)


def _amount(expected: Any, got: Any) -> Any:
    """Returns the difference of two numbers, or the pair where the values are not numbers."""
    if type(expected) is int and type(got) is int:
        return got - expected
    try:
        return instant_of(got) - instant_of(expected)
    except (ValueError, TypeError):
        return repr((expected, got))


class _Finder:
    """Makes divergences, with the known facts of the account at that point."""

    def __init__(self, oracle: Oracle, progress: Progress) -> None:
        self._oracle, self._progress = oracle, progress

    @cached_property
    def going_on(self) -> GoingOn:
        """The copier of observations; made when first needed."""
        return GoingOn(self._oracle)

    def passed_over(self, record: Record, report: Sum, against: Against | None) -> tuple[Answer, str]:
        """Passes over a record that depends on the time before the log; returns the oracle's answer and the reason."""
        if against is not None:
            against.departs(record.account)
        answer, is_known = self.going_on.pass_over(record)
        if not is_known:
            report.lost.setdefault(record.account, BEFORE_THE_LOG)
        return answer, BEFORE_THE_LOG

    def goes_on(
        self, record: Record, answer: Answer, differing: list[Difference], is_repeated: bool, divergence: Divergence | None
    ) -> None:
        """Continues the account from the observation, or compares it no more; a new `divergence` gets the account."""
        assert record.observed is not None
        report = self._progress.report
        if any(name == "outcome" for name, _, _ in differing) and not observes_all(record.observed):
            report.lost[record.account] = AFTER_DIVERGENCE
            return
        self.going_on.take_over(record, answer, differing, is_repeated)
        if divergence is not None and len(report.divergences) <= ACCOUNTS_KEPT:
            divergence.after = self._oracle.accounts[record.account].copy()

    def new(self, account: str, found: list[Difference]) -> list[Difference]:
        """Returns the differences that the account did not have before, in that field and by that amount."""
        known = self._progress.known.setdefault(account, set())
        new = [(name, want, got) for name, want, got in found if (name, _amount(want, got)) not in known]
        known.update((name, _amount(want, got)) for name, want, got in new)
        if not new:
            self._progress.followed_no_more.add(account)
        return new

    def divergence(
        self,
        line: Line,
        position: int,
        record: Record,
        answer: Answer,
        found: list[Difference],
        before: tuple[Any, ...] | None,
        decided_by: str | None,
    ) -> Divergence:
        """Returns the divergence at `record`, whose account was `before`."""
        event = event_of(record)
        rule, why, clauses = because(self._oracle, event, decided_by, found)
        state = self._oracle.compiled.state(before) if before is not None else {}
        at = format_instant(at_of(record))
        skipped = list(self._progress.skipped.get(record.account, ()))
        notes = self._nearly(record, decided_by)
        diverges = Divergence(line, record.account, event, at, found, state, rule, why, clauses, position, skipped, notes)
        known_ways = hint("known_ways")
        diverges.known = known_ways(self._oracle, record, state, answer, found) if known_ways is not None else []
        diverges.can_be_followed = record.account not in self._progress.followed_no_more
        return diverges

    def _nearly(self, record: Record, decided_by: str | None) -> list[str]:
        """Returns a note with the catalogue's name, where the record's own is refused and resembles it."""
        event = self._oracle.machine.event_named.get(event_of(record))
        if event is None:
            return []
        read = {name for need in event.requires if need.code == decided_by for name in names_in(need.holds)}
        for said in event.fields:
            if said.name in read and isinstance(said.type, Enum) and UNLISTED in said.type.members:
                asked = getattr(record, said.key)
                near = nearest(asked, said.type.members)
                if near is not None and near != asked:
                    alias = "; an older name is understood once a catalogue lists it in aliases"
                    alias = f"{alias}, as {as_text(asked)} = {as_text(near)}" if said.key in RENAMED else ""
                    return [f"the catalogue has no {said.key} {as_text(asked)}; did you mean {as_text(near)}?{alias}"]
        return []
