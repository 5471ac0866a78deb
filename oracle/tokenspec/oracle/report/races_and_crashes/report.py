"""The report of races and crashes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tokenspec.oracle.base.clauses import clause_texts, clauses_of, reason
from tokenspec.oracle.base.provenance import stamp
from tokenspec.oracle.base.specification import DEFAULTS, system
from tokenspec.oracle.base.text import as_text, bounded, one_line
from tokenspec.oracle.races.drawing import drawn
from tokenspec.oracle.races.judge import NotLinearizable, Placed, WrongOrder
from tokenspec.oracle.races.result import RaceFinding, RaceResult
from tokenspec.oracle.report.exits import code_of
from tokenspec.oracle.report.infer import conforming
from tokenspec.oracle.report.model import (
    Block,
    Check,
    CoverageTable,
    FindingPlace,
    FindingRule,
    Notes,
    ReportFinding,
    ReportTable,
    Rerun,
    RunReport,
    Verbatim,
)
from tokenspec.oracle.report.races_and_crashes.config import RaceConfig
from tokenspec.oracle.report.sut import fixed_words, left_out_lines, limits_of, never_held, title_of
from tokenspec.oracle.sut.world import Diverged
from tokenspec.oracle.wire.protocol import event_names

_SHOWN_PAIRS = 10


def race_report(result: RaceResult, config: RaceConfig, saved: Sequence[str]) -> RunReport:
    """Races and crashes of one implementation."""
    verdict = _sentence(result)
    return RunReport(
        verb="fuzz",
        code=code_of(result.word),
        verdict=verdict,
        made={**stamp(), "seed": config.seed, "clients": config.clients, "worlds": result.worlds, "requests": result.requests},
        body=lambda: _body(result, config, saved),
        data=lambda: _data(result, config),
        checks=lambda: _checks(result, config, verdict, saved),
        kinds={"failure": "diverges", "error": "no verdict"},
    )


def _sentence(result: RaceResult) -> str:
    word = result.word.replace("_", " ")
    if result.finding is not None:
        why = result.finding.why
        return f"{word}: {why if isinstance(why, NotLinearizable) else one_line(str(why), 300)}"
    if result.why_none:
        return f"{word}: {one_line(result.why_none, 1_000)}"
    fixed = fixed_words(result.terms.policy if result.terms is not None else {}, result.figures)
    if result.policies is not None:
        return conforming(result.policies, result.settings) + fixed
    changed = [f"{name}={choice}" for name, choice in result.policy.items() if DEFAULTS[name] != choice]
    return (f"{word} under {', '.join(changed)}" if changed else word) + fixed


def _body(result: RaceResult, config: RaceConfig, saved: Sequence[str]) -> Iterator[Block]:
    if result.terms is not None:
        yield Notes([title_of(result.terms)])
    if result.finding is not None:
        yield Verbatim([*finding_lines(result.finding), ""])
        yield Notes([one_line(line, 600) for line in saved])
    pairs = sum(result.overlaps.values())
    if config.clients > 1:
        rows = [(one, other, f"{hits:,}") for (one, other), hits in _ordered(result)]
        title = f"{pairs:,} pairs of requests about one account overlapped, of {len(rows):,} pairs of rules and refusals"
        more = [("...", f"and {len(rows) - _SHOWN_PAIRS:,} more; --format json shows all of them", "")]
        shown = rows if len(rows) <= _SHOWN_PAIRS else rows[:_SHOWN_PAIRS] + more
        yield Notes([title], essential=not result.finding)
        if shown:
            yield ReportTable(("one", "and at the same time", "pairs"), shown)
    if config.options.restart is not None:
        yield Notes([f"{result.kills:,} kills after something had been accepted"], essential=not result.finding)
    took = result.search_seconds or result.seconds
    figures = (
        f"{result.worlds:,} worlds, {result.requests:,} requests in {took:.0f} s ({result.requests / max(took, 0.001):,.0f}/s)"
    )
    clients = "1 client" if config.clients == 1 else f"{config.clients} clients"
    yield Rerun(f"{figures}, {clients}, seed {config.seed}", config.again())
    notes = list(left_out_lines(result.left_out))
    if result.terms is not None and result.compared and not result.finding:
        notes += never_held(result.terms, result.held)
        notes += limits_of(result.terms)
    if result.ended_by and not result.why_none:
        notes.append(f"the search was ended by {result.ended_by}")
    yield Notes(notes)
    if config.settings.infers:
        return
    further = []
    if config.clients > 1:
        further.append(("pairs of rules and refusals that overlapped", f"{len(result.overlaps):,}, {pairs:,} times"))
    if config.options.restart is not None:
        further.append(("kills after something had been accepted", f"{result.kills:,}"))
    yield CoverageTable(_coverage(result), result.closed, further=further)


def _coverage(result: RaceResult) -> list[tuple[str, str, int]]:
    return [row for row in result.coverage.rows() if row[0] in event_names()]


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
        yield f"  it showed in {found.shown} of {found.tries} tries{seed}"


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


def _checks(result: RaceResult, config: RaceConfig, verdict: str, saved: Sequence[str]) -> Iterator[Check]:
    if result.finding is not None:
        lines = list(finding_lines(result.finding))
        is_order = isinstance(result.finding.why, NotLinearizable)
        rule = FindingRule("no_order_explains_it" if is_order else "no_answer", str(result.finding.why))
        place = next((FindingPlace(path) for path in config.save if result.finding.played.calls), None)
        field = _wrong(result.finding)[0]
        told = [verdict, *lines, *saved, f"again: {config.again()}"]
        properties = {"field": field, "again": config.again()}
        finding = ReportFinding(rule, told, place, {"outcomeField/v1": f"{rule.id}/{field}"}, properties)
        yield Check("races", "conforms", "failure", findings=[finding])
    elif result.why_none:
        yield Check("races", "conforms", "error", [verdict, f"again: {config.again()}"])
    else:
        yield Check("races", "conforms")
    for event, what, hits in sorted(_coverage(result)):
        if hits:
            yield Check("coverage", f"{event}: {what}")
    for (one, other), _ in sorted(result.overlaps.items()):
        yield Check("overlaps", f"{one} | {other}")


def _wrong(found: RaceFinding) -> tuple[str, Any, Any]:
    """The first field that is wrong, what is right, and what was answered."""
    if isinstance(found.why, Diverged):
        return found.why.field, None, str(found.why)
    if not found.why.orders:
        return "answer", None, None
    return found.why.orders[0].differences[0]


def _data(result: RaceResult, config: RaceConfig) -> dict[str, Any]:
    terms = result.terms
    return {
        **stamp(),
        "seed": config.seed,
        "policy": dict(result.policy),
        "fixed": dict(terms.policy) if terms is not None else {},
        "left_out": sorted(result.left_out),
        "policies": result.policies,
        "settings": result.settings,
        "sut": {"name": terms.name, "version": terms.version} if terms is not None else None,
        "verdict": result.word,
        "why": result.why_none or None,
        "clients": config.clients,
        "kills": result.kills,
        "examples": result.worlds,
        "steps": result.requests,
        "compared": result.compared,
        "seconds": round(result.seconds, 2),
        "coverage": [{"event": event, "outcome": what, "hits": hits} for event, what, hits in _coverage(result)],
        "closed_off": [{"event": e, "outcome": what} for e, what in sorted(result.closed) if e in event_names()],
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
