"""The report of fuzzing an implementation, and what the verbs that test one have in common: ending it, showing differences."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tokenspec.machine.lang.counts import counted
from tokenspec.machine.lang.types import COUNTABLE_MAX
from tokenspec.oracle.base.text import as_text, bounded, one_line
from tokenspec.oracle.fuzz.conformance import Conformance, SutCounterexample
from tokenspec.oracle.fuzz.pairs import RulePairs
from tokenspec.oracle.fuzz.sut_infer import NoSettingLeft
from tokenspec.oracle.logs.as_data import fields_data, settings_data
from tokenspec.oracle.logs.narrative import story
from tokenspec.oracle.races.result import RaceResult
from tokenspec.oracle.report.config import FuzzConfig
from tokenspec.oracle.report.exits import COVERAGE, code_of
from tokenspec.oracle.report.fuzz import RandomRuns, events_of
from tokenspec.oracle.report.infer import conforming, differing_data, differing_lines
from tokenspec.oracle.report.model import Block, CoverageTable, FindingRule, Notes, RunReport, Verbatim
from tokenspec.oracle.report.replay import because_lines, explanations
from tokenspec.oracle.sut.capabilities import BATCH, NO_REPEATS, SAME_REQUEST, SECONDS, Capabilities
from tokenspec.oracle.sut.client import Client, Failed
from tokenspec.oracle.wire.answers import FIELDS, Difference
from tokenspec.oracle.wire.protocol import event_names
from tokenspec.oracle.wire.resets import resets_on_the_wire
from tokenspec.oracle.wire.settings import as_options, catalogue_on_the_wire, changed


@contextmanager
def ended(client: Client) -> Iterator[Client]:
    """Yields the client, and ends it whatever happens."""
    try:
        yield client
    finally:
        client.end()


def title_of(terms: Capabilities) -> str:
    """Returns the implementation's title, resets and fixed settings, as it announced them."""
    fixed = ", ".join(as_options(terms.policy))
    return f"{terms.title}, resets {terms.resets}{f', with fixed settings: {fixed}' if fixed else ''}"


def left_out_lines(left_out: Collection[str]) -> Iterator[str]:
    """Yields a line where policies were not sent."""
    if left_out:
        names = ", ".join(sorted(left_out))
        yield f"left out of open, which was answered with an error otherwise, and taken to be at the default: {names}"


def not_compared(terms: Capabilities, held: Collection[str]) -> list[str]:
    """Returns the fields of an answer that were not compared: neither observed nor `held`."""
    observed = {name.partition(".")[0] for name in (*terms.observes, *held)}
    return [name for name in FIELDS if name not in observed]


def never_held(terms: Capabilities, held: Collection[str]) -> list[str]:
    """Returns the line about observed fields that held no value on either side; none where each did."""
    never = [name for name in terms.observes if name not in held]
    return [f"observed, and never held a value: {', '.join(never)}"] if never else []


def fixed_words(fixed: Mapping[str, str], figures: Mapping[str, Any]) -> str:
    """Returns the fixed settings that are not the defaults, and the fixed figures, as the end of a verdict; empty without any."""
    whole = [*changed(fixed), *(f"its own {key}" for key in figures)]
    return f" (fixed by the implementation: {', '.join(whole)})" if whole else ""


def sentence_of(result: Conformance | RaceResult) -> str:
    """Returns the verdict on an implementation as a sentence, with the settings that it is about."""
    word = result.word.replace("_", " ")
    if result.word == "no_verdict":
        return f"{word}: {one_line(result.why_none, 1_000)}"
    fixed = fixed_words(result.terms.policy if result.terms is not None else {}, result.figures)
    if result.policies is not None:
        return word if result.word == "diverges" else conforming(result.policies, result.settings) + fixed
    named = changed(result.policy)
    return (f"{word} under {', '.join(named)}" if named else word) + fixed


def sut_data(result: Conformance | RaceResult, runs: RandomRuns) -> dict[str, Any]:
    """Returns everything, for programs, that is known of every implementation."""
    terms = result.terms
    return {
        "seed": runs.config.seed,
        "policy": dict(result.policy),
        "fixed": dict(terms.policy) if terms is not None else {},
        "left_out": sorted(result.left_out),
        "policies": result.policies,
        "settings": result.settings,
        "sut": {"name": terms.name, "version": terms.version} if terms is not None else None,
        "verdict": result.word,
        "why": result.why_none or None,
        "compared": result.compared,
        "seconds": round(result.seconds, 2),
        **runs.coverage_data(),
    }


def seen(result: Conformance | RaceResult) -> list[tuple[str, str, int]]:
    """Returns the coverage of the events that can be sent, without automatic ones."""
    return [row for row in result.coverage.rows() if row[0] in event_names()]


def limits_of(terms: Capabilities) -> Iterator[str]:
    """Yields a line for each limit that the implementation announced."""
    for key, values in terms.values.items():
        yield f"sent as {key} was only: {', '.join(as_text(value) for value in values) or 'nothing'}"
    if terms.largest < COUNTABLE_MAX:
        yield f"no amount beyond {terms.largest:,} was sent, and nothing that would lift a balance beyond it"
    if terms.refusals is not None:
        yield f"sent was only what is accepted, or refused with: {', '.join(sorted(terms.refusals)) or 'nothing'}"
    if terms.repeats == SAME_REQUEST:
        yield "repeated ids were sent with their first request alone"
    if terms.repeats == NO_REPEATS and "duplicate" in terms.observes:
        yield "no id was repeated"
    if terms.instants == SECONDS:
        yield "all instants were whole seconds"
    if terms.jobs == BATCH:
        yield "each run of a job was sent for all accounts for which it was due"


def difference_lines(told: Sequence[Mapping[str, Any]], found: Sequence[Difference], failed: Failed | None) -> Iterator[str]:
    """Yields the story with the right answers under `observed`, and the last answer beside the right one."""
    yield from (f"  {line}" for line in story(told))
    if failed is not None:
        yield f"  {one_line(str(failed), 2_000)}"
    rows = [("field", "expected", "got"), *((name, as_text(expected), as_text(got)) for name, expected, got in found)]
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    for name, expected, got in rows if found else []:
        yield f"     {name:<{widths[0]}}  {expected:<{widths[1]}}  {got}"


def conformance_report(result: Conformance, config: FuzzConfig, saved: Sequence[str]) -> RunReport:
    """Returns the report of an implementation's random runs; coverage is of events that can be sent, without automatic ones."""
    why_none, is_gate = result.why_none or result.missed, config.require_coverage is not None
    runs = RandomRuns(config, sentence(result), seen(result), result.closed, saved, why_none, is_gate)
    found = None
    if (example := result.counterexample) is not None:
        because, failed, records = example.because, example.error.failed, example.records
        rule = FindingRule(failed.how if failed is not None else "differs", str(example.error))
        if because is not None:
            rule = FindingRule(because.outcome, because.why, because.clauses)
        told = counterexample_lines(example)
        found = runs.finding(rule, example.error.field, told, bool(records), events_of(records))
    code = COVERAGE if result.missed else code_of(result.word)
    made = {"examples": result.count.examples, "events": result.count.steps}
    return runs.report(code, made, lambda: _body(result, runs), lambda: _data(result, runs), found)


def sentence(result: Conformance) -> str:
    """Returns the verdict as a sentence."""
    if result.missed:
        return f"coverage gate failed: {result.missed}"
    if result.counterexample is not None and isinstance(result.counterexample.error, NoSettingLeft):
        return "diverges: no setting explains it"
    return sentence_of(result)


def _body(result: Conformance, runs: RandomRuns) -> Iterator[Block]:
    """Yields the counterexample, the figures, and the limits of the run."""
    terms, found = result.terms, result.counterexample
    if terms is not None:
        yield Notes([title_of(terms)])
    if found is not None:
        yield Verbatim([*counterexample_lines(found), *_figures_lines(result, runs.config)])
        yield runs.files()
    yield runs.figures(counted(result.count.examples, "world", form=","), "event", result.count.steps, result.seconds)
    notes = list(left_out_lines(result.left_out))
    if result.ended_by_time and not result.why_none:
        notes.append(f"{runs.config.seconds:g} s ended it; the verdict is about what was tried by then")
    if result.not_run:
        notes.append(f"only the catalogue asked for was tried, since it runs no other: {one_line(result.not_run, 300)}")
    if result.tried:
        kept = f"; kept, since it does not take or observe them any more: {result.not_taken}" if result.not_taken else ""
        notes.append(f"{result.tried} found by earlier runs were tried first; of them no longer show: {result.mended}{kept}")
    if result.unread:
        notes.append(f"{result.unread} found by earlier runs cannot be read, and were kept; a new --database is without them")
    if terms is not None and found is None:
        notes += _limits(result, terms, runs.rows)
        if result.cold and not result.why_none:
            cold = ", ".join(f"{event} ({what})" for event, what in result.cold)
            by = "time ended the run first" if result.ended_by_time else "neither chance nor a search in breadth came to them"
            more = counted(len(result.cold), "more was", "more were")
            notes.append(f"{more} not met: {cold}{f' ({by})' if result.pairs is not None else ''}")
        if result.pairs is not None and not result.why_none:
            notes.append(_pairs_line(result.pairs))
    yield Notes(notes)
    if (pairs := result.pairs) is None:
        yield CoverageTable(runs.rows, result.closed)
        return
    met = f"{len(pairs.reached) - len(pairs.not_met):,} of {len(pairs.reached):,}{'' if pairs.is_whole else ' so far'}"
    further = [("pairs of rules, one directly after the other", met)]
    yield CoverageTable(runs.rows, result.closed, further=further, not_met=pairs.not_met)


_NAMED = 5


def _pairs_line(pairs: RulePairs) -> str:
    """Returns a line about the pairs of rules that were met."""
    reached, left = len(pairs.reached), pairs.not_met
    whole = "" if pairs.is_whole else " so far (time ended it)"
    names = "; ".join(f"{one}, then {other}" for one, other in left[:_NAMED])
    more = f"; and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
    return (
        f"{reached - len(left)} of {counted(reached, 'pair')} of rules that a search reaches{whole} were met, one directly after "
        f"the other{f'; not met: {names}{more}' if left else ''}"
    )


def _figures_lines(result: Conformance, config: FuzzConfig) -> Iterator[str]:
    """Yields the figures of the counterexample, where they are neither those asked for nor those of the implementation."""
    figures = catalogue_on_the_wire(result.catalogue)
    asked_for = catalogue_on_the_wire(config.settings.catalogue) | dict(result.figures)
    other = [f"{key} {one_line(as_text(value), 300)}" for key, value in figures.items() if value != asked_for[key]]
    if other:
        yield f"  under a catalogue with {', '.join(other)}"
        yield ""


def _limits(result: Conformance, terms: Capabilities, rows: Sequence[tuple[str, str, int]]) -> Iterator[str]:
    """Yields the limits of the run: events, fields and values that it did not cover."""
    unsent = [name for name in event_names() if name not in terms.events | terms.unwritten]
    for says, names in (("never sent", unsent), ("not compared", not_compared(terms, result.held))):
        if names:
            yield f"{says}: {', '.join(names)}"
    if result.compared:
        yield from never_held(terms, result.held)
    yield from limits_of(terms)
    if result.closed:
        closed = sum(not hits and (event, what) in result.closed for event, what, hits in rows)
        yield f"{closed} of {len(rows)} rules and refusals cannot be met with what it takes"


def _data(result: Conformance, runs: RandomRuns) -> dict[str, Any]:
    terms, found, config, pairs = result.terms, result.counterexample, runs.config, result.pairs
    about = {
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
    } if terms is not None else {}  # fmt: skip
    kept = {"tried": result.tried, "mended": result.mended, "not_taken": result.not_taken, "unread": result.unread}
    data = sut_data(result, runs)
    return {
        **data,
        **({"slice": str(config.part)} if config.part is not None else {}),
        **({"kept": kept} if config.database is not None else {}),
        "fixed_catalogue": dict(result.figures),
        "catalogue": catalogue_on_the_wire(result.catalogue),
        "sut": data["sut"] and data["sut"] | about,
        "verdict": "no_verdict" if result.missed else result.word,
        "why": result.why_none or result.missed or None,
        "examples": result.count.examples,
        "steps": result.count.steps,
        "ended_by_time": result.ended_by_time,
        "pairs": {
            "reached": len(pairs.reached),
            "met": len(pairs.reached) - len(pairs.not_met),
            "not_met": [list(pair) for pair in pairs.not_met],
            "is_whole": pairs.is_whole,
        } if pairs is not None else None,
        "require_coverage": result.required,
        "counterexample": _counterexample(found) if found is not None else None,
    }  # fmt: skip


def counterexample_lines(found: SutCounterexample) -> list[str]:
    """Returns the story with the right answers, and the last answer beside the right one."""
    told = [
        {**record, "observed": answer.as_dict()} if answer is not None else record
        for record, answer in zip(found.records, found.expected, strict=True)
    ]
    lines = list(difference_lines(told, found.error.differences, found.error.failed))
    if found.because is not None:
        lines += because_lines(found.because)
    if isinstance(found.error, NoSettingLeft):
        lines += _settings_lines(found, found.error)
    elif found.because is not None:
        lines += explanations(found.because)
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
    data = {
        "records": found.records,
        "field": error.field,
        "expected": right,
        "got": str(failed) if failed is not None else bounded(got),
        "fields": fields_data(error.differences),
        "failure": {"kind": failed.how, "detail": failed.detail, "last_words": failed.last_words} if failed is not None else None,
        "outcome": error.rule,
        "clauses": list(because.clauses) if because is not None else [],
        "explained_by": settings_data(because.explained_by) if because is not None else [],
        "reproduced": found.is_reproduced,
    }
    if isinstance(error, NoSettingLeft):
        out = [{"policy": policy, "answer": answer, "record": record} for policy, answer, record in error.ruled_out]
        data |= {"policies": error.why.possible, "ruled_out": out, "came_to": differing_data(error.why.differing)}
    return data
