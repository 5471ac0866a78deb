"""The history behind a balance: one account's ledger, clocks and sessions.

Everything is read from the running oracle: the postings of each rule, due instants, the true balances at each time.
diagnosis.py derives from it the causes that fit a display.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, assert_never
from zoneinfo import ZoneInfo

from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.interpreters.dates import DAY_MS
from tokenspec.machine.lang.declaration import Clock, Kind, Machine, Since
from tokenspec.oracle.base.errors import BadRecord, BadSetting
from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.base.specification import POOLS
from tokenspec.oracle.logs.going_on import GoingOn
from tokenspec.oracle.logs.reading import Bad, RowsRead, is_before_the_log, read
from tokenspec.oracle.runtime.clocks import Dial
from tokenspec.oracle.runtime.journal import CLOCK_AT, Account
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.steps import MachineStep
from tokenspec.oracle.wire.answers import Difference
from tokenspec.oracle.wire.log_files import Line
from tokenspec.oracle.wire.records import Record, Snapshot, at_of, differing, event_of
from tokenspec.oracle.wire.resets import runs_by_itself
from tokenspec.oracle.wire.snapshot_records import SNAPSHOT

WAITING, DUE, OVERDUE = "waiting", "due", "overdue"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Carried(enum.Enum):
    """The kind of a ledger line for tokens that a snapshot brings, which no declared kind covers."""

    OVER = "carried_over"

    @property
    def adds(self) -> bool:
        """True: tokens come into the pool."""
        return True


class LedgerEntry(NamedTuple):
    """Tokens that came into a pool or left it. `line` is None where a job ran automatically."""

    at: int
    event: str
    line: Line | None
    kind: Kind | Carried
    pool: str
    tokens: int
    clauses: tuple[str, ...]
    """The clauses of the rule."""


class Recorded(NamedTuple):
    """A record in which the log's own system observed a wrong value."""

    at: int
    line: Line
    balances: dict[str, Any]
    """The observed balances, by pool."""
    differences: list[Difference]


class Change(NamedTuple):
    """An accepted event of the account machine, with the state before and after it."""

    at: int
    event: str
    line: Line | None
    before: dict[str, Any]
    after: dict[str, Any]


class Due(NamedTuple):
    """A due date: the earliest instant that no job has run for, and how urgent it is."""

    clock: Clock
    at: int
    state: str
    """`waiting`, `due`, `late` or `overdue`; only the daily job can be `late` (A03)."""
    support_after: int
    """The last instant before a due job that has not run becomes a case for support (F21, F23)."""


@dataclass
class Story:
    """The events of one account up to `at`."""

    oracle: Oracle
    account: str
    at: int
    records: list[Record] = field(default_factory=list)
    postings: list[LedgerEntry] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    recorded: list[Recorded] = field(default_factory=list)
    """The records in which the log's own system observed a wrong value."""
    skipped: list[Line] = field(default_factory=list)
    """The bad records that name this account."""
    rows: RowsRead | None = None
    """The count of rows, where the records are those of a table."""

    @property
    def kept(self) -> Account:
        """The oracle's state of the account."""
        return self.oracle.accounts[self.account]

    @property
    def state(self) -> dict[str, Any]:
        """Returns the variables of the account, by name."""
        return self.oracle.compiled.state(self.kept.row)

    @property
    def balances(self) -> dict[str, int]:
        """Returns tokens by pool."""
        return {pool: self.state[pool] for pool in POOLS}

    def gained(self, pool: str) -> dict[str, int]:
        """Returns, by kind, the tokens that came into the pool or left it, in the order of first use."""
        found: dict[str, int] = {}
        for posting in self.postings:
            if posting.pool == pool:
                found[posting.kind.value] = found.get(posting.kind.value, 0) + posting.tokens
        return found

    @property
    def due(self) -> list[Due]:
        """Returns the due dates of the running clocks."""
        found = []
        for clock in self.oracle.machine.clocks:
            if (dial := self.kept.dial(clock.name)) is not None:
                late = support_after(clock, dial, self.kept.ran[CLOCK_AT[clock.name]])
                state = WAITING if self.at < dial.shown else OVERDUE if self.at > late else DUE
                if job_machine(self.oracle, clock) is not None:
                    state = job_state(self.oracle, self.account, clock, self.at)
                found.append(Due(clock, dial.shown, state, late))
        return found


def support_after(clock: Clock, dial: Dial, ran: int) -> int:
    """Returns the last instant (milliseconds) before a due job becomes a case for support, as the clock declares it.

    `ran` is the instant at which a job last ran for it.
    """
    match clock.overdue_since:
        case Since.FALLS_DUE:
            return dial.shown + clock.overdue_ms
        case Since.LAST_RUN:
            return ran + clock.overdue_ms
        case Since.END_OF_DAY:
            return dial.shown + DAY_MS - dial.shown % DAY_MS - 1 + clock.overdue_ms
    assert_never(clock.overdue_since)


_OTHERS_MAX = 10_000
"""The most names of other accounts that are kept, for the case that one of them was meant."""


class NoRecord(KeyError):
    """A log without a record of the account; `others` are accounts that it has, and `has_later` says that its own come later."""

    def __init__(self, account: str, others: Sequence[str], has_later: bool) -> None:
        super().__init__(account)
        self.others, self.has_later = others, has_later


def tell(
    lines: Iterable[Line], oracle: Oracle, account: str, until: int | None = None, on_line: Callable[[int], None] | None = None
) -> Story:
    """Returns the story of `account` up to `until` (milliseconds), or its last record. Its jobs due by then have run if implied.

    Raises `NoRecord` where the log has no record of the account up to then, `BadSetting` where the file is not a log.
    Records of other accounts are only checked for their form: accounts are independent.
    """
    story = Story(oracle, account, 0)
    teller, others, has_later = _Teller(story), dict[str, None](), False
    for line, record, fault, _ in read(lines, oracle.reader, on_line):
        if fault is not None:
            story.bad.append(Bad.of(line, fault))
            if record is None and fault.account == account:
                story.skipped.append(line._replace(content=b""))
        if record is None or record.account != account:
            if record is not None and len(others) < _OTHERS_MAX:
                others[record.account] = None
            continue
        if until is not None and at_of(record) > until:
            has_later = True
            continue
        try:
            teller.happens(record, line)
        except BadRecord as wrong:
            story.bad.append(Bad.of(line, wrong))
            story.skipped.append(line._replace(content=b""))
    if not story.records:
        for bad in story.bad:
            if bad.line.other_form:
                raise BadSetting(bad.line.file, bad.line.other_form)
        raise NoRecord(account, tuple(others), has_later)
    if until is not None:
        teller.passes(until)
    return story


class _Teller:
    """Runs an account's records and collects its story."""

    def __init__(self, story: Story) -> None:
        self._story, self._oracle = story, story.oracle
        self._rules = {r.name: r for e in self._oracle.machine.events for r in e.rules}
        self._clocks = {c.falls_due: c for c in self._oracle.machine.clocks}
        names = [v.name for v in self._oracle.machine.variables]
        self._due_at = {c.declared.falls_due: names.index(c.due.name) for c in self._oracle.clocks.values() if c.due is not None}
        self._going_on = GoingOn(story.oracle)
        self._at = 0
        self._line: Line | None = None
        self._by_itself: dict[str, int] = {}
        """By job, the instant at which it runs automatically."""

    def happens(self, record: Record, line: Line) -> None:
        at = at_of(record)
        self._start(at, line)
        known = self._oracle.accounts.get(record.account)
        if known is not None and is_before_the_log((known,), record):
            self._passes_over(record)
            return
        stepped = self._oracle.step(record)
        if isinstance(record, Snapshot):
            stood = stepped.steps[0].before if stepped.steps else self._story.kept.row
            for pool in POOLS:
                if tokens := int(self._oracle.compiled.state(stood)[pool]):
                    self._story.postings.append(LedgerEntry(at, SNAPSHOT, line, Carried.OVER, pool, tokens, ()))
        for step in stepped.steps:
            self._tell(step)
        found = differing(record, stepped.answer)
        # Behind a record that could not be read nobody knows what is right.
        if found and not self._story.skipped:
            said = (record.observed or {}).get("balances")
            self._story.recorded.append(Recorded(at, line, said if isinstance(said, dict) else {}, found))
        self._story.records.append(record)
        self._story.at = at

    def _passes_over(self, record: Record) -> None:
        """Passes over a record that depends on the time before the log, and posts the change of balances observed."""
        for step in self._oracle.advance(self._story.kept, self._at):
            self._tell(step)
        before = self._story.balances
        self._going_on.pass_over(record)
        for pool, tokens in self._story.balances.items():
            if back := tokens - before[pool]:
                kind = Kind.REFUNDED if back > 0 else Kind.SPENT
                self._story.postings.append(LedgerEntry(self._at, event_of(record), self._line, kind, pool, abs(back), ()))
        self._story.records.append(record)
        self._story.at = self._at

    def passes(self, until: int) -> None:
        self._start(until, None)
        for step in self._oracle.advance(self._story.kept, until):
            self._tell(step)
        self._story.at = until

    def _start(self, at: int, line: Line | None) -> None:
        self._at, self._line, self._by_itself = at, line, {}

    def _tell(self, step: MachineStep) -> None:
        event, before, outcome = step.event, step.before, step.outcome
        clock = self._clocks.get(event)
        if clock is not None and runs_by_itself(self._oracle.resets, clock.name) and not before[self._due_at[event]]:
            # No run was due before, so the clock showed this very instant.
            self._by_itself[clock.job] = step.at
        if outcome[0] < 0 or clock is not None:
            return
        at, line = self._at, self._line
        if event in self._by_itself:
            at, line = self._by_itself[event], None
        rule = self._rules[self._oracle.compiled.rules[outcome[0]]]
        amounts = self._oracle.compiled.ledgers[rule.name](before, step.fields)
        for posting, tokens in zip(rule.ledger, amounts, strict=True):
            if tokens:
                self._story.postings.append(LedgerEntry(at, event, line, posting.kind, posting.pool, tokens, rule.clauses))
        named = self._oracle.compiled.state
        self._story.changes.append(Change(at, event, line, named(before), named(outcome[1])))


def again(story: Story, policy: Mapping[str, str], jobs: Iterable[str] = ()) -> dict[str, int]:
    """Returns the balances after the same records under other settings, or after `jobs` have run as well."""
    oracle = Oracle({**story.oracle.policy, **policy}, story.oracle.catalogue, story.oracle.resets)
    for record in story.records:
        oracle.answer(record)
    oracle.advance(oracle.accounts[story.account], story.at)
    for job in jobs:
        oracle.apply({"account": story.account, "at": story.at, "event": job})
    row = oracle.compiled.state(oracle.accounts[story.account].row)
    return {pool: int(row[pool]) for pool in POOLS}


def instant(at: int, zone: ZoneInfo | None) -> str:
    """Returns the instant in UTC and, with `zone`, in its local time (A08)."""
    local = local_time(at, zone) if zone is not None else None
    return f"{format_instant(at)} ({local[:16].replace('T', ' ')} in {zone})" if local is not None else format_instant(at)


def local_time(at: int, zone: ZoneInfo) -> str | None:
    """Returns RFC 3339 with the offset of the zone; None outside the years that the standard library supports."""
    try:
        return (_EPOCH + timedelta(milliseconds=at)).astimezone(zone).isoformat()
    except (OverflowError, ValueError):
        return None


def _heard(oracle: Oracle, event: str, by: Machine) -> list[str]:
    """Returns the events of `by` that the declared links fire upon `event` of the account."""
    links = [link.then.partition(".") for link in oracle.system.links if link.when == f"{oracle.machine.name}.{event}"]
    return [heard for machine, _, heard in links if machine == by.name]


def job_machine(oracle: Oracle, clock: Clock) -> Machine | None:
    """Returns the machine of the job of a clock, which hears when it falls due; None where none is declared."""
    others = (m for m in oracle.system.machines[1:] if m is not oracle.session_machine)
    return next((m for m in others if _heard(oracle, clock.falls_due, m)), None)


def job_state(oracle: Oracle, account: str, clock: Clock, at: int) -> str:
    """Returns the state that the declared machine of a clock's job is in at `at` (milliseconds).

    It runs the events so far: falling due, and each timer that has run out. Raises `KeyError` for an account whose clock does
    not run.
    """
    dial, machine = oracle.accounts[account].dial(clock.name), job_machine(oracle, clock)
    if dial is None or machine is None:
        raise KeyError(account)
    reader = Compiled(machine, {})
    row = reader.initial
    if at < dial.shown:
        return str(row[0])
    falls_due = _heard(oracle, clock.falls_due, machine)
    fired = dict.fromkeys(falls_due, dial.shown)
    fired |= dict.fromkeys(_heard(oracle, clock.job, machine), oracle.accounts[account].ran[CLOCK_AT[clock.name]])
    happened = [*falls_due, *(timer.event for timer in machine.timers if at - fired[timer.since] > timer.after_ms)]
    for event in happened:
        row = reader.steps[event](row, ())[1]
    return str(row[0])
