"""The report of races and crashes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from tokenspec.machine.lang.counts import counted
from tokenspec.oracle.base.specification import clause_texts, clauses_of, reason, system
from tokenspec.oracle.base.text import as_text, bounded, one_line
from tokenspec.oracle.races.drawing import drawn
from tokenspec.oracle.races.judge import NotLinearizable, Placed, WrongOrder
from tokenspec.oracle.races.result import RaceFinding, RaceResult
from tokenspec.oracle.report.config import FuzzConfig
from tokenspec.oracle.report.conformance import left_out_lines, limits_of, never_held, seen, sentence_of, sut_data, title_of
from tokenspec.oracle.report.exits import code_of
from tokenspec.oracle.report.fuzz import RandomRuns
from tokenspec.oracle.report.model import Block, Check, CoverageTable, FindingRule, Notes, ReportTable, RunReport, Verbatim
from tokenspec.oracle.sut.world import Diverged

_SHOWN_PAIRS = 10


def race_report(result: RaceResult, config: FuzzConfig, saved: Sequence[str]) -> RunReport:
    """Returns the report of races and crashes of one implementation."""
    verdict = sentence_of(result)
    if result.finding is not None:
        why, is_order = result.finding.why, isinstance(result.finding.why, NotLinearizable)
        verdict += f": {why if is_order else one_line(str(why), 300)}"
    runs = RandomRuns(config, verdict, seen(result), result.closed, saved, result.why_none, suite="races")
    found = None
    if result.finding is not None:
        rule = FindingRule("no_order_explains_it" if is_order else "no_answer", str(why))
        was_sent = bool(result.finding.played.calls)
        found = runs.finding(rule, _wrong(result.finding)[0], finding_lines(result.finding), was_sent)
    met = replace(runs, rows=[row for row in runs.rows if row[2]])
    made = {"clients": config.racing.number, "worlds": result.worlds, "requests": result.requests}
    report = met.report(code_of(result.word), made, lambda: _body(result, runs), lambda: _data(result, runs), found)
    pairs = [Check("overlaps", f"{one} | {other}") for one, other in sorted(result.overlaps)]
    return replace(report, checks=lambda: [*met.checks(found), *pairs])


def _body(result: RaceResult, runs: RandomRuns) -> Iterator[Block]:
    racing, further, pairs = runs.config.racing, [], sum(result.overlaps.values())
    if result.terms is not None:
        yield Notes([title_of(result.terms)])
    if result.finding is not None:
        yield Verbatim([*finding_lines(result.finding), ""])
        yield runs.files()
    if racing.number > 1:
        rows = [(one, other, f"{hits:,}") for (one, other), hits in _ordered(result)]
        overlapped = f"{counted(pairs, 'pair', form=',')} of requests about one account overlapped"
        title = f"{overlapped}, of {counted(len(rows), 'pair', form=',')} of rules and refusals"
        more = [("...", f"and {len(rows) - _SHOWN_PAIRS:,} more; --format json shows all of them", "")]
        if rows or not result.finding:
            # What was found is judged, and not counted.
            yield Notes([f"before that, {title}" if result.finding else title], essential=not result.finding)
            shown = rows if len(rows) <= _SHOWN_PAIRS else rows[:_SHOWN_PAIRS] + more
            yield ReportTable(("one", "and at the same time", "pairs"), shown)
        further.append(
            ("pairs of rules and refusals that overlapped", f"{len(result.overlaps):,}, {counted(pairs, 'time', form=',')}")
        )
    if racing.restart is not None:
        yield Notes(
            [f"{counted(result.kills, 'kill', form=',')} after something had been accepted"], essential=not result.finding
        )
        further.append(("kills after something had been accepted", f"{result.kills:,}"))
    took = result.search_seconds or result.seconds
    yield runs.figures(
        counted(result.worlds, "world", form=","), "request", result.requests, took, f", {counted(racing.number, 'client')}"
    )
    notes = list(left_out_lines(result.left_out))
    if result.terms is not None and result.compared and not result.finding:
        notes += never_held(result.terms, result.held)
        notes += limits_of(result.terms)
    if result.ended_by and not result.why_none:
        notes.append(f"the search was ended by {result.ended_by}")
    yield Notes(notes)
    if not runs.config.settings.infers:
        yield CoverageTable(runs.rows, result.closed, further=further)


def _ordered(result: RaceResult) -> list[tuple[tuple[str, str], int]]:
    return sorted(result.overlaps.items(), key=lambda each: (-each[1], each[0]))


def finding_lines(found: RaceFinding) -> Iterator[str]:
    """The history with its overlaps, why it is wrong, and how often it showed."""
    yield from (f"  {line}" for line in drawn(found.played))
    if found.played.calls:
        yield ""
    if isinstance(found.why, NotLinearizable):
        yield from (f"  {line}" for line in _orders(found.why))
    else:
        yield f"  {one_line(str(found.why), 2_000)}"
    if found.played.calls:
        seed = f"; the seed of its schedule is {found.seed}" if found.seed else ""
        yield f"  it showed in {found.shown} of {counted(found.tries, 'try', 'tries')}{seed}"


def _orders(why: NotLinearizable) -> Iterator[str]:
    several = len(why.calls) > 1
    yield "in no order is every answer right:" if several else "no state that the account may be in explains the last answer:"
    told = set[str]()
    for wrong in why.orders:
        order = ", then ".join(f"client {placed.call.client} ({placed.call.record['event']})" for placed in wrong.order)
        field, expected, got = wrong.differences[0]
        last = wrong.order[-1]
        because = f" ({last.decided_by})" if last.decided_by else ""
        line = f"  {order}: {field} is {as_text(expected)}{because}, and the answer says {as_text(got)}"
        if line not in told:
            told.add(line)
            yield line
    if why.orders:
        yield from (f"  {line}" for line in clause_texts(_clauses(why.orders[0].order[-1])))


def _clauses(placed: Placed) -> Sequence[str]:
    """The clauses behind an answer; those of its event where it is no rule's or requirement's, as for a repeated id."""
    declared = system().event_named[placed.call.record["event"]]
    try:
        return reason(declared, placed.decided_by or "").clauses
    except KeyError:
        return clauses_of(declared)


def _wrong(found: RaceFinding) -> tuple[str, Any, Any]:
    """The first field that is wrong, what is right, and what was answered."""
    if isinstance(found.why, Diverged):
        return found.why.field, None, str(found.why)
    if not found.why.orders:
        return "answer", None, None
    return found.why.orders[0].differences[0]


def _data(result: RaceResult, runs: RandomRuns) -> dict[str, Any]:
    return {
        **sut_data(result, runs),
        "clients": runs.config.racing.number,
        "kills": result.kills,
        "examples": result.worlds,
        "steps": result.requests,
        "overlaps": [{"pair": list(pair), "hits": hits} for pair, hits in _ordered(result)],
        "counterexample": None if result.finding is None else _counterexample(result.finding),
    }


def _counterexample(found: RaceFinding) -> dict[str, Any]:
    field, expected, got = _wrong(found)
    orders = found.why.orders if isinstance(found.why, NotLinearizable) else []
    return {
        "records": found.records,
        "field": field,
        "expected": expected,
        "got": bounded(got),
        "orders": [_order(wrong) for wrong in orders],
        "shown": found.shown,
        "tries": found.tries,
        "schedule": found.seed or None,
        "kills": found.played.kills,
    }


def _order(wrong: WrongOrder) -> dict[str, Any]:
    field, expected, got = wrong.differences[0]
    return {
        "clients": [placed.call.client for placed in wrong.order],
        "outcome": wrong.order[-1].decided_by,
        "field": field,
        "expected": expected,
        "got": bounded(got),
    }
