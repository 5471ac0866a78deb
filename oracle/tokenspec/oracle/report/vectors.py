"""The report of a run of vectors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenspec.machine.lang.counts import counted
from tokenspec.oracle.base.specification import clause_texts
from tokenspec.oracle.base.text import as_text as plain
from tokenspec.oracle.base.text import bounded, one_line
from tokenspec.oracle.logs.as_data import fields_data
from tokenspec.oracle.logs.replay import Divergence
from tokenspec.oracle.report.conformance import difference_lines, fixed_words, left_out_lines, limits_of, not_compared, title_of
from tokenspec.oracle.report.exits import DIVERGES, HOLDS, NO_VERDICT
from tokenspec.oracle.report.infer import conforming
from tokenspec.oracle.report.model import (
    Block,
    Check,
    FindingRule,
    Notes,
    Outcome,
    ReportFinding,
    ReportTable,
    RunReport,
    Verbatim,
)
from tokenspec.oracle.report.replay import because_lines
from tokenspec.oracle.vectors.run import FAILED, PASSED, SKIPPED, VectorResult
from tokenspec.oracle.vectors.run_suite import Run
from tokenspec.oracle.vectors.suite import VECTORS, Case, Suite, record_of

_TOLD = 5
"""The largest number of failures shown as a story; the others are in the table alone."""
_OUTCOMES: Mapping[str, Outcome] = {PASSED: "", FAILED: "failure", SKIPPED: "skipped"}


def vectors_report(suite: Suite, cases: Sequence[Case], found: Run, policy: Mapping[str, str], seconds: float) -> RunReport:
    """Returns the report of a run of `cases` of a suite: a check for each vector, and one for the end."""
    failed, passed, skipped = (found.count(result) for result in (FAILED, PASSED, SKIPPED))
    return RunReport(
        verb="vectors run",
        code=DIVERGES if failed or found.not_closed else HOLDS if passed and not found.no_defaults else NO_VERDICT,
        verdict=_verdict(found, passed, failed, skipped),
        properties={PASSED: passed, FAILED: failed, SKIPPED: skipped},
        body=lambda: _body(suite, cases, found, seconds),
        data=lambda: _data(suite, found, policy, seconds),
        checks=lambda: _checks(suite, cases, found),
        kinds={"failure": "diverges"},
        wrong=[why] if (why := _why_none(found)) else [],
    )


def _why_none(found: Run) -> str:
    """Returns the reason why there is no verdict; empty where there is one."""
    if found.count(FAILED) or found.not_closed:
        return ""
    if found.no_defaults:
        return f"it cannot run the defaults with what it has fixed: {found.no_defaults}"
    return "" if found.count(PASSED) else "no vector was left to be run"


def _verdict(found: Run, passed: int, failed: int, skipped: int) -> str:
    counts = f"{passed} passed, {failed} failed, {skipped} skipped"
    if found.not_closed:
        return f"diverges: {one_line(found.not_closed, 1_000)}; {counts}"
    if failed:
        return f"diverges: {counts}"
    if why := _why_none(found):
        return f"no verdict: {why}; {counts}" if found.no_defaults else f"no verdict: {counts}"
    conforms = "conforms" if found.policies is None else conforming(found.policies, found.settings)
    return f"{conforms}{fixed_words(found.fixed, found.figures)}: {counts}"


def _body(suite: Suite, cases: Sequence[Case], found: Run, seconds: float) -> Iterator[Block]:
    """Yields the first failures as stories, a table of all, and the skipped vectors."""
    if found.terms is not None:
        yield Notes([title_of(found.terms)])
    failures = [(case, each) for case, each in zip(cases, found.results, strict=True) if each.result == FAILED]
    for case, each in failures[:_TOLD]:
        yield Verbatim(told(case, each))
    rows = [[each.id, str(each.step), _wrong(each)[0]] for _, each in failures]
    yield ReportTable(["vector", "step", "wrong"], rows)
    skipped = Counter(each.why for each in found.results if each.result == SKIPPED).most_common()
    notes = [f"skipped {times}: {one_line(why, 200)}" for why, times in skipped]
    if strays := suite.strays():
        notes.append(f"{len(strays)} in the folder and not in the index, so not run: {one_line(', '.join(strays), 400)}")
    limits = list(limits_of(found.terms)) if found.terms is not None else []
    if found.terms is not None and found.held:
        names = not_compared(found.terms, found.held)
        limits += [f"not compared: {', '.join(names)}"] * bool(names)
        without = f"{counted(found.unheard, 'refusal')} without a reason that is observed or answered: it was not compared"
        limits += [without] * bool(found.unheard)
    yield Notes(
        [*left_out_lines(found.left_out), *notes, *limits, f"{counted(found.sent, 'event', form=',')} in {seconds:.1f} s"]
    )


def _checks(suite: Suite, cases: Sequence[Case], found: Run) -> Iterator[Check]:
    for case, each in zip(cases, found.results, strict=True):
        findings = []
        if each.result == FAILED:
            path = suite.path / VECTORS / f"{case.id}.json"
            rule = FindingRule(case.id, case.vector.title, case.vector.clauses)
            lines = [*(f"step {each.step}: {wrong}" for wrong in _wrong(each)), each.title]
            fingerprint, properties = {"vector/v1": case.id}, {"step": each.step, "field": each.field}
            findings.append(ReportFinding(rule, lines, str(path), _line(path, each.step), fingerprint, properties))
        yield Check("vectors", each.id, _OUTCOMES[each.result], [each.why], findings)
    if found.not_closed:
        yield Check("vectors", "close", "failure", [found.not_closed])


def _data(suite: Suite, found: Run, policy: Mapping[str, str], seconds: float) -> dict[str, Any]:
    return {
        "suite": {"digest": suite.index.digest, "version": suite.index.version, "not_in_the_index": suite.strays()},
        "policy": dict(policy),
        "fixed": dict(found.fixed),
        "fixed_catalogue": dict(found.figures),
        "left_out": sorted(found.left_out),
        **({"policies": found.policies, "settings": found.settings} if found.policies is not None else {}),
        "passed": found.count(PASSED),
        "failed": found.count(FAILED) + bool(found.not_closed),
        "skipped": found.count(SKIPPED),
        "reasons_not_compared": found.unheard,
        "seconds": round(seconds, 2),
        "not_closed": found.not_closed or None,
        "why": _why_none(found) or None,
        "vectors": [_result(each) for each in found.results],
    }


def told(case: Case, each: VectorResult) -> list[str]:
    """Returns a failed vector as a story."""
    records = [{**record_of(step), "observed": step.expect.as_dict()} for step in case.vector.steps[: each.step]]
    lines = ["", f"{case.id}: {case.vector.title}", *difference_lines(records, each.differences, each.failed)]
    because = each.because
    if because is None:
        return lines + [f"     {line}" for line in clause_texts(case.vector.clauses)]
    return [*lines, *because_lines(because), *_right_under(each, because)]


def _right_under(each: VectorResult, because: Divergence) -> Iterator[str]:
    """Yields the settings under which the answers are right, with a remedy where the vector's settings were not taken."""
    for name, choice in because.explained_by:
        if name in each.not_taken:
            yield (
                f"  right under  {name}={choice}: this vector was opened under {name}={each.not_taken[name]}, and the "
                f"implementation answered as under {choice}; put that into `policy` of its answer to open"
            )
        else:
            yield f"  right under  {name}={choice}, which is not what the implementation says in its answer to open"


def _wrong(each: VectorResult) -> list[str]:
    """Returns what is wrong; the first of it in one cell, since a table of more columns would fit few terminals."""
    if each.failed is not None:
        return [f"{each.field}: {one_line(str(each.failed), 200)}"]
    return [f"{name}: expected {plain(expected)}, got {plain(got)}" for name, expected, got in each.differences]


def _result(each: VectorResult) -> dict[str, Any]:
    told: dict[str, Any] = {"id": each.id, "title": each.title, "result": each.result}
    if each.result == SKIPPED:
        return told | {"why": each.why}
    if each.result == PASSED:
        return told
    if each.differences:
        _, expected, got = each.differences[0]
    else:
        expected, got = each.expected, str(each.failed)
    told |= {"step": each.step, "field": each.field, "expected": expected, "got": bounded(got)}
    by = each.because.explained_by if each.because is not None else []
    told["explained_by"] = [{"policy": policy, "answer": answer} for policy, answer in by]
    return told | {"fields": fields_data(each.differences)}


def _line(path: Path, step: int) -> int:
    """Returns the line of a step where the file has one for each, as built ones have; else the first."""
    lines = path.read_text(encoding="utf-8").splitlines()
    requests = [number for number, line in enumerate(lines, 1) if line.lstrip().startswith('{"request":')]
    return requests[step - 1] if 1 <= step <= len(requests) else 1
