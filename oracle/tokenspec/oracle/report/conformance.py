"""The report of fuzzing an implementation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tokenspec.oracle.base.clauses import clause_texts
from tokenspec.oracle.base.provenance import stamp
from tokenspec.oracle.base.specification import DEFAULTS
from tokenspec.oracle.base.text import as_text, bounded, known_lines, one_line
from tokenspec.oracle.fuzz.conformance import Conformance, SutCounterexample
from tokenspec.oracle.fuzz.sut_infer import NoSettingLeft
from tokenspec.oracle.report.config import FuzzConfig
from tokenspec.oracle.report.exits import COVERAGE, code_of
from tokenspec.oracle.report.fuzz import RandomRuns
from tokenspec.oracle.report.infer import conforming, differing_data, differing_lines
from tokenspec.oracle.report.model import Block, CoverageTable, FindingRule, Notes, ReportFinding, RunReport, Verbatim
from tokenspec.oracle.report.replay import fields_data
from tokenspec.oracle.report.sut import (
    difference_lines,
    fixed_words,
    left_out_lines,
    limits_of,
    never_held,
    not_compared,
    title_of,
)
from tokenspec.oracle.sut.capabilities import Capabilities
from tokenspec.oracle.wire.protocol import event_names
from tokenspec.oracle.wire.resets import resets_on_the_wire
from tokenspec.oracle.wire.settings import catalogue_on_the_wire


def conformance_report(result: Conformance, config: FuzzConfig, saved: Sequence[str]) -> RunReport:
    """Returns the report of an implementation's random runs; coverage is of events that can be sent, without automatic ones."""
    rows = [row for row in result.coverage.rows() if row[0] in event_names()]
    gated = config.require_coverage is not None
    runs = RandomRuns(result, config, saved, rows, sentence(result), result.why_none or result.missed, is_gate=gated)
    found = None if result.counterexample is None else _finding(result.counterexample, runs)
    return runs.report(
        COVERAGE if result.missed else code_of(result.word),
        lambda: _body(result, runs),
        lambda: _data(result, config, rows),
        found,
    )


def _finding(found: SutCounterexample, runs: RandomRuns) -> ReportFinding:
    """Returns the counterexample, under the rule or refusal of the right answer."""
    because, failed = found.because, found.error.failed
    rule = FindingRule(failed.how if failed is not None else "differs", str(found.error))
    if because is not None:
        rule = FindingRule(because.outcome, because.why, because.clauses)
    return runs.finding(rule, found.error.field, counterexample_lines(found), found.records)


def _body(result: Conformance, runs: RandomRuns) -> Iterator[Block]:
    """Yields the counterexample, the figures, and the limits of the run."""
    terms, found = result.terms, result.counterexample
    if terms is not None:
        yield Notes([title_of(terms)])
    if found is not None:
        yield Verbatim([*counterexample_lines(found), *_figures_lines(result, runs.config)])
        yield runs.files()
    yield runs.figures("worlds")
    notes = list(left_out_lines(result.left_out))
    if result.ended_by_time and not result.why_none:
        notes.append(f"{runs.config.seconds:g} s ended it; the verdict is about what was tried by then")
    if result.not_run:
        notes.append(f"only the catalogue asked for was tried, since it runs no other: {one_line(result.not_run, 300)}")
    if result.tried:
        kept = f"; kept, since it does not take or observe them any more: {result.not_taken}" if result.not_taken else ""
        notes.append(f"{result.tried} found by earlier runs were tried first; of them no longer show: {result.mended}{kept}")
    if terms is not None and found is None:
        notes += _limits(result, terms, runs.rows)
        if result.cold and not result.why_none:
            cold = ", ".join(f"{event} ({what})" for event, what in result.cold)
            notes.append(f"{len(result.cold)} more were not met: {cold}{_why_not(result)}")
        notes += _pair_lines(result)
    yield Notes(notes)
    yield _coverage(result, runs)


def _coverage(result: Conformance, runs: RandomRuns) -> CoverageTable:
    pairs = result.pairs
    if pairs is None:
        return CoverageTable(runs.rows, result.closed)
    reached, left = len(pairs.reached), pairs.not_met
    so_far = "" if pairs.is_whole else " so far"
    further = [("pairs of rules, one directly after the other", f"{reached - len(left):,} of {reached:,}{so_far}")]
    return CoverageTable(runs.rows, result.closed, further=further, not_met=left)


_NAMED = 5
"""The largest number of pairs that are named in a text."""


def _why_not(result: Conformance) -> str:
    if result.pairs is None:
        return ""
    by = "time ended the run first" if result.ended_by_time else "neither chance nor a search in breadth came to them"
    return f" ({by})"


def _pair_lines(result: Conformance) -> Iterator[str]:
    """Yields a line about the pairs of rules that were met, where a search for them was made."""
    pairs = result.pairs
    if pairs is None or result.why_none:
        return
    reached, left = len(pairs.reached), pairs.not_met
    whole = "" if pairs.is_whole else " so far (time ended it)"
    line = (
        f"{reached - len(left)} of {reached} pairs of rules that a search reaches{whole} were met, one directly after the other"
    )
    names = "; ".join(f"{one}, then {other}" for one, other in left[:_NAMED])
    more = f"; and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
    yield f"{line}; not met: {names}{more}" if left else line


def _figures_lines(result: Conformance, config: FuzzConfig) -> Iterator[str]:
    """Yields the figures of the counterexample, where they are neither those asked for nor those of the implementation."""
    figures = catalogue_on_the_wire(result.catalogue)
    asked_for = catalogue_on_the_wire(config.settings.catalogue) | dict(result.figures)
    other = [f"{key} {one_line(as_text(value), 300)}" for key, value in figures.items() if value != asked_for[key]]
    if other:
        yield f"  under a catalogue with {', '.join(other)}"
        yield ""


def _pairs_data(result: Conformance) -> dict[str, Any] | None:
    pairs = result.pairs
    if pairs is None:
        return None
    left = pairs.not_met
    return {
        "reached": len(pairs.reached),
        "met": len(pairs.reached) - len(left),
        "not_met": [list(pair) for pair in left],
        "is_whole": pairs.is_whole,
    }


def _limits(result: Conformance, terms: Capabilities, rows: Sequence[tuple[str, str, int]]) -> Iterator[str]:
    """Yields the limits of the run: events, fields and values that it did not cover."""
    for says, names in (("never sent", _unsent(terms)), ("not compared", not_compared(terms, result.held))):
        if names:
            yield f"{says}: {', '.join(names)}"
    if result.compared:
        yield from never_held(terms, result.held)
    yield from limits_of(terms)
    if result.closed:
        closed = sum(not hits and (event, what) in result.closed for event, what, hits in rows)
        yield f"{closed} of {len(rows)} rules and refusals cannot be met with what it takes"


def _data(verdict: Conformance, config: FuzzConfig, rows: Sequence[tuple[str, str, int]]) -> dict[str, Any]:
    terms, found = verdict.terms, verdict.counterexample
    sut = {
        "name": terms.name,
        "version": terms.version,
        "resets": resets_on_the_wire(terms.resets),
        "events": [name for name in event_names() if name in terms.events],
        "observes": list(terms.observes),
        "values": dict(terms.values),
        "fields": sorted(terms.fields),
        "largest": terms.largest,
        "refusals": sorted(terms.refusals) if terms.refusals is not None else None,
        "repeats": terms.repeats,
        "instants": terms.instants,
        "jobs": terms.jobs,
    } if terms is not None else None  # fmt: skip
    kept = {"tried": verdict.tried, "mended": verdict.mended, "not_taken": verdict.not_taken}
    return {
        **stamp(),
        "seed": config.seed,
        **({"slice": str(config.part)} if config.part is not None else {}),
        **({"kept": kept} if config.database is not None else {}),
        "policy": dict(verdict.policy),
        "fixed": dict(terms.policy) if terms is not None else {},
        "fixed_catalogue": dict(verdict.figures),
        "catalogue": catalogue_on_the_wire(verdict.catalogue),
        "left_out": sorted(verdict.left_out),
        "policies": verdict.policies,
        "settings": verdict.settings,
        "sut": sut,
        "verdict": "no_verdict" if verdict.missed else verdict.word,
        "why": verdict.why_none or verdict.missed or None,
        "examples": verdict.count.examples,
        "steps": verdict.count.steps,
        "compared": verdict.compared,
        "seconds": round(verdict.seconds, 2),
        "ended_by_time": verdict.ended_by_time,
        "coverage": [{"event": event, "outcome": what, "hits": hits} for event, what, hits in rows],
        "pairs": _pairs_data(verdict),
        "require_coverage": verdict.required,
        "closed_off": [{"event": e, "outcome": what} for e, what in sorted(verdict.closed) if e in event_names()],
        "counterexample": _counterexample(found) if found is not None else None,
    }


def sentence(verdict: Conformance) -> str:
    """Returns the verdict as a sentence."""
    word = verdict.word.replace("_", " ")
    if verdict.why_none and verdict.counterexample is None:
        return f"{word}: {one_line(verdict.why_none, 1_000)}"
    if verdict.missed:
        return f"coverage gate failed: {verdict.missed}"
    if verdict.counterexample is not None and isinstance(verdict.counterexample.error, NoSettingLeft):
        return "diverges: no setting explains it"
    terms = verdict.terms
    fixed = "" if terms is None else fixed_words(terms.policy, verdict.figures)
    if verdict.policies is not None:
        return word if verdict.counterexample is not None else conforming(verdict.policies, verdict.settings) + fixed
    changed = [f"{name}={choice}" for name, choice in verdict.policy.items() if DEFAULTS[name] != choice]
    return (f"{word} under {', '.join(changed)}" if changed else word) + fixed


def _unsent(terms: Capabilities) -> list[str]:
    return [name for name in event_names() if name not in terms.events | terms.unwritten]


def counterexample_lines(found: SutCounterexample) -> list[str]:
    """Returns the story with the right answers, and the last answer beside the right one."""
    told = [
        {**record, "observed": answer.as_dict()} if answer is not None else record
        for record, answer in zip(found.records, found.expected, strict=True)
    ]
    lines = list(difference_lines(told, found.error.differences, found.error.failed))
    if found.because is not None:
        lines.append(f"  because   {found.because.outcome}: {found.because.why}")
        lines += [f"            {line}" for line in clause_texts(found.because.clauses)]
    if isinstance(found.error, NoSettingLeft):
        lines += _settings_lines(found, found.error)
    elif found.because is not None:
        settings = ", or ".join(f"{name}={choice}" for name, choice in found.because.explained_by)
        lines.append(f"  right under  --policy {settings}" if settings else "  no other answer of a single policy makes it right")
        if not settings:
            lines += known_lines(found.because.known)
    if not found.is_reproduced:
        why = "an earlier world may not have been forgotten, or it is left to chance"
        lines.append(f"  it did not come again in a new world: {why}")
    return [*lines, ""]


def _settings_lines(found: SutCounterexample, error: NoSettingLeft) -> Iterator[str]:
    """Yields the choices ruled out by each record, and the differences of the last one under each remaining setting."""
    for number in dict.fromkeys(out.by for out in error.ruled_out):
        out = ", ".join(f"{policy}={answer}" for policy, answer, record in error.ruled_out if record == number)
        yield f"  record {number} rules out {out}"
    number = found.because.line.number if found.because is not None else len(found.records)
    yield f"  record {number} is explained by no setting left:"
    yield from (f"  {line}" for line in differing_lines(error.why.differing))


def _counterexample(found: SutCounterexample) -> dict[str, Any]:
    error, because = found.error, found.because
    expected = error.expected.as_dict() if error.expected is not None else None
    failed = error.failed
    _, right, got = (error.field, expected, None) if failed else error.differences[0]
    return {
        "records": found.records,
        "field": error.field,
        "expected": right,
        "got": str(failed) if failed is not None else bounded(got),
        "fields": fields_data(error.differences),
        "failure": {"kind": failed.how, "detail": failed.detail, "last_words": failed.last_words} if failed is not None else None,
        "outcome": error.rule,
        "clauses": list(because.clauses) if because is not None else [],
        "explained_by": [{"policy": k, "answer": a} for k, a in because.explained_by] if because is not None else [],
        "reproduced": found.is_reproduced,
    } | (_unexplained(error) if isinstance(error, NoSettingLeft) else {})


def _unexplained(error: NoSettingLeft) -> dict[str, Any]:
    out = [{"policy": policy, "answer": answer, "record": record} for policy, answer, record in error.ruled_out]
    return {"policies": error.why.possible, "ruled_out": out, "came_to": differing_data(error.why.differing)}
