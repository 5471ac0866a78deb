"""Replays logs through the oracle: compares what was observed, and says why where it differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tokenspec.machine.lang.declaration import Requirement, Rule
from tokenspec.oracle.answers import Answer, Difference, differences
from tokenspec.oracle.errors import BadRecord
from tokenspec.oracle.instants import format_instant
from tokenspec.oracle.logs import Line
from tokenspec.oracle.records import Record, event_of
from tokenspec.oracle.world import Oracle
from tokenspec.spec.catalogue import Catalogue
from tokenspec.spec.clauses import CLAUSES
from tokenspec.spec.policies import POLICIES

EXPLAINED_MAX = 40
"""How many divergent accounts are tried under other policies; each costs some twenty replays of its records."""


@dataclass(frozen=True)
class Bad:
    """A line that holds no good record."""

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


def replay(
    lines: Iterable[Line],
    oracle: Oracle,
    on_answer: Callable[[Answer], None] | None = None,
    on_line: Callable[[int], None] | None = None,
) -> Report:
    """Runs every record through `oracle`, in one pass; `on_answer` is given each answer.

    Of an account that has diverged, later records are still answered and no longer compared.
    """
    report, done = Report(), set[str]()
    reasons = _reasons(oracle)
    for line in lines:
        if on_line is not None:
            on_line(len(line.content) + 1)
        try:
            record = oracle.reader.decode(line.content)
            known = oracle.accounts.get(record.account)
            before = known.row if known is not None else None
            answer = oracle.answer(record)
        except BadRecord as fault:
            report.bad.append(Bad(line, fault))
            continue
        report.records += 1
        if on_answer is not None:
            on_answer(answer)
        if record.observed is None or record.account in done:
            continue
        report.compared += 1
        found = differences(answer, record.observed)
        if found:
            done.add(record.account)
            report.divergences.append(_divergence(line, record, oracle, found, before, reasons))
    report.accounts = len(oracle.accounts)
    return report


def explain(report: Report, lines: Iterable[Line], policy: Mapping[str, str], catalogue: Catalogue, resets: str) -> None:
    """Tries, for each divergent account, every other answer of every policy, and notes those that agree."""
    wanted = {d.account: d for d in report.divergences[:EXPLAINED_MAX]}
    if not wanted:
        return
    settings = list(_other_settings(policy))
    worlds = {name: {s: Oracle({**policy, s[0]: s[1]}, catalogue, resets) for s in settings} for name in wanted}
    reader = Oracle(policy, catalogue, resets).reader
    for line in lines:
        try:
            record = reader.decode(line.content)
        except BadRecord:
            continue
        divergence = wanted.get(record.account)
        if divergence is None:
            continue
        _agreeing(worlds[record.account], record)
        if line == divergence.line:
            divergence.explained_by = list(worlds[record.account])
            del wanted[record.account]
        if not wanted:
            return


def _agreeing(worlds: dict[tuple[str, str], Oracle], record: Record) -> None:
    """Drops the worlds in which the record was not observed rightly."""
    for setting, world in list(worlds.items()):
        try:
            answer = world.answer(record)
        except BadRecord:
            continue
        if record.observed is not None and differences(answer, record.observed):
            del worlds[setting]


def _other_settings(policy: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for knob in POLICIES:
        yield from ((knob.name, answer) for answer, _ in knob.answers if answer != policy[knob.name])


def _reasons(oracle: Oracle) -> dict[str, Rule | Requirement]:
    events = [*oracle.machine.events, *oracle.session_machine.events]
    found: dict[str, Rule | Requirement] = {n.code: n for e in events for n in e.requires}
    return found | {r.name: r for e in events for r in e.rules}


def _divergence(
    line: Line,
    record: Record,
    oracle: Oracle,
    found: list[Difference],
    before: tuple[Any, ...] | None,
    reasons: Mapping[str, Rule | Requirement],
) -> Divergence:
    assert isinstance(record.at, int)
    outcome = oracle.last_rule
    reason = reasons.get(outcome or "")
    why = "the id was used before, so the first answer stands" if outcome is None else ""
    if isinstance(reason, Rule):
        why = reason.why
    elif isinstance(reason, Requirement):
        why = reason.because
    event = event_of(record)
    cited = reason.clauses if reason is not None else ()
    clauses = cited or _event_clauses(oracle, event)
    names = [v.name for v in oracle.machine.variables]
    state = dict(zip(names, before, strict=True)) if before is not None else {}
    return Divergence(line, record.account, event, format_instant(record.at), found, state, outcome or "duplicate", why, clauses)


def _event_clauses(oracle: Oracle, name: str) -> tuple[str, ...]:
    event = oracle.machine.event_named.get(name) or oracle.session_machine.event_named[name]
    return event.clauses or tuple(dict.fromkeys(c for r in event.rules for c in r.clauses))


def clause_texts(ids: Iterable[str]) -> list[str]:
    """Each clause with its sentence."""
    return [f"{clause}: {CLAUSES[clause]}" for clause in ids]
