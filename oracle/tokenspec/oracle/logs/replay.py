"""Replays logs through the oracle: compares what was observed, and says why where it differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tokenspec.machine.fuzzing.coverage import Coverage
from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.logs.what_decided import because
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.answers import Answer, Difference, can_be_compared, differences
from tokenspec.oracle.wire.log_files import Line
from tokenspec.oracle.wire.records import Record, event_of

LINES_KEPT = 40
"""Of how many divergences the line itself is kept, to be shown."""


@dataclass(frozen=True)
class Bad:
    """A line that holds no good record. Its place is kept, not its content, of which a whole file may consist."""

    line: Line
    fault: BadRecord


@dataclass
class Divergence:
    """The first record of an account whose observed answer is not the right one."""

    line: Line
    account: str
    event: str
    at: str
    differences: list[Difference]
    before: dict[str, Any]
    """The state fields of the right answer to the record before."""
    outcome: str
    """The rule that accepts the record, or the code that refuses it."""
    why: str
    clauses: tuple[str, ...]
    position: int
    """Which of all lines it is, from 0."""
    explained: bool = False
    """True if other policies were tried."""
    explained_by: list[tuple[str, str]] = field(default_factory=list)
    """Policy settings, one knob at a time, under which the account agrees up to and with this record."""


@dataclass
class Report:
    """What a replay came to."""

    records: int = 0
    compared: int = 0
    accounts: int = 0
    bad: list[Bad] = field(default_factory=list)
    divergences: list[Divergence] = field(default_factory=list)
    coverage: Coverage = field(default_factory=lambda: Coverage(()))
    """What the records met; a repeated id meets nothing, and a job that nobody wrote down is no record."""


def replay(
    lines: Iterable[Line],
    oracle: Oracle,
    on_answer: Callable[[Answer], None] | None = None,
    on_line: Callable[[int], None] | None = None,
) -> Report:
    """Runs every record through `oracle`, in one pass; `on_answer` is given each answer.

    Of an account that has diverged, later records are still answered and no longer compared.
    """
    report, done = Report(coverage=Coverage((oracle.machine, oracle.session_machine))), set[str]()
    for position, line in enumerate(lines):
        if on_line is not None:
            on_line(len(line.content) + 1)
        try:
            record = oracle.reader.decode(line.content)
            known = oracle.accounts.get(record.account)
            before = known.row if known is not None else None
            answer, decided_by = oracle.decide(record)
        except BadRecord as fault:
            report.bad.append(Bad(line._replace(content=b""), fault))
            continue
        report.records += 1
        if decided_by is not None:
            report.coverage.note_name(event_of(record), decided_by)
        if on_answer is not None:
            on_answer(answer)
        if record.observed is None or record.account in done or not can_be_compared(record.observed):
            continue
        report.compared += 1
        found = differences(answer, record.observed)
        if found:
            done.add(record.account)
            if len(report.divergences) >= LINES_KEPT:
                line = line._replace(content=b"")
            report.divergences.append(_divergence(line, position, record, oracle, found, before, decided_by))
    report.accounts = len(oracle.accounts)
    return report


def _divergence(
    line: Line,
    position: int,
    record: Record,
    oracle: Oracle,
    found: list[Difference],
    before: tuple[Any, ...] | None,
    decided_by: str | None,
) -> Divergence:
    assert isinstance(record.at, int)
    event = event_of(record)
    rule, why, clauses = because(oracle, event, decided_by, found)
    names = [v.name for v in oracle.machine.variables]
    state = dict(zip(names, before, strict=True)) if before is not None else {}
    return Divergence(line, record.account, event, format_instant(record.at), found, state, rule, why, clauses, position)
