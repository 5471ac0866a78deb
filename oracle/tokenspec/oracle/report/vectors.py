"""The result of a run of vectors: as text, as data, and for continuous integration."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from tokenspec.oracle.base.clauses import clause_texts
from tokenspec.oracle.base.provenance import own_version
from tokenspec.oracle.base.text import as_text as plain
from tokenspec.oracle.base.text import bounded, one_line
from tokenspec.oracle.report.ci import Case as TestCase
from tokenspec.oracle.report.ci import escaped, fenced, junit, markdown, sarif, sarif_place, sarif_result, sarif_rule
from tokenspec.oracle.report.infer import conforming
from tokenspec.oracle.report.sut import show_failure, title_of
from tokenspec.oracle.report.text import table
from tokenspec.oracle.vectors.run import FAILED, PASSED, SKIPPED, VectorResult
from tokenspec.oracle.vectors.run_suite import Run
from tokenspec.oracle.vectors.suite import VECTORS, Case, Suite, record_of

_TOLD = 5
"""The largest number of failures that are told as a story; the others stand in the table alone."""


def as_text(cases: Sequence[Case], found: Run, seconds: float, quiet: bool, to: IO[str]) -> None:
    """A table of what failed, the first failures as stories, and a sentence."""
    failures = [(case, each) for case, each in zip(cases, found.results, strict=True) if each.result == FAILED]
    if not quiet:
        if found.terms is not None:
            to.write(f"{_sut_title(found)}\n")
        for case, each in failures[:_TOLD]:
            tell(case, each, to)
        rows = [[each.id, str(each.step), each.field, *_expected_and_got(each)] for _, each in failures]
        if rows:
            table("", ["vector", "step", "field", "expected", "got"], rows, to)
        for why, times in _skipped(found):
            to.write(f"skipped {times}: {one_line(why, 200)}\n")
        to.write(f"{found.sent:,} events in {seconds:.1f} s\n")
    to.write(_sentence(found) + "\n")


def _sut_title(found: Run) -> str:
    return "" if found.terms is None else title_of(found.terms)


def _skipped(found: Run) -> list[tuple[str, int]]:
    return Counter(each.why for each in found.results if each.result == SKIPPED).most_common()


def _sentence(found: Run) -> str:
    failed, passed, skipped = (found.count(result) for result in (FAILED, PASSED, SKIPPED))
    counts = f"{passed} passed, {failed} failed, {skipped} skipped"
    if found.not_closed:
        return f"diverges: {one_line(found.not_closed, 1_000)}; {counts}"
    if found.policies is not None and passed and not failed:
        return f"{conforming(found.policies, found.settings)}: {counts}"
    return f"{'diverges' if failed else 'conforms' if passed else 'no verdict'}: {counts}"


def tell(case: Case, each: VectorResult, to: IO[str]) -> None:
    """A vector that failed, as a story."""
    steps = case.vector.steps[: each.step]
    told = [{**record_of(step), "observed": step.expect.as_dict()} for step in steps]
    to.write(f"\n{case.id}: {case.vector.title}\n")
    show_failure(told, each.differences, each.failed, to)
    to.writelines(f"     {line}\n" for line in clause_texts(case.vector.clauses))


def _expected_and_got(each: VectorResult) -> tuple[str, str]:
    if each.differences:
        return plain(each.differences[0][1]), plain(each.differences[0][2])
    return "an answer", one_line(str(each.failed), 200)


def as_data(suite: Suite, found: Run, policy: Mapping[str, str], seconds: float) -> dict[str, Any]:
    """The report as one object."""
    return {
        "digest": suite.index.digest,
        "version": own_version(),
        "policy": dict(policy),
        "fixed": dict(found.terms.policy) if found.terms is not None else {},
        **({"policies": found.policies, "settings": found.settings} if found.policies is not None else {}),
        "passed": found.count(PASSED),
        "failed": found.count(FAILED) + bool(found.not_closed),
        "skipped": found.count(SKIPPED),
        "seconds": round(seconds, 2),
        "not_closed": found.not_closed or None,
        "vectors": [_result(each) for each in found.results],
    }


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
    fields = [{"field": n, "expected": e, "got": bounded(g)} for n, e, g in each.differences]
    return told | {"step": each.step, "field": each.field, "expected": expected, "got": bounded(got), "fields": fields}


def as_junit(suite: Suite, found: Run) -> str:
    """A test case for each vector."""
    cases: list[TestCase] = [(each.id, _JUNIT[each.result], _lines(each)) for each in found.results]
    if found.not_closed:
        cases.append(("close", "failure", [found.not_closed]))
    return junit("tokenspec vectors", {"vectors": cases}, {"failure": "diverges"}, _made(suite))


_JUNIT = {PASSED: "", FAILED: "failure", SKIPPED: "skipped"}


def _lines(each: VectorResult) -> list[str]:
    if each.result == SKIPPED:
        return [each.why]
    if each.failed is not None:
        return [f"step {each.step}: {each.failed}", each.title]
    return [f"step {each.step}: {name}: expected {plain(e)}, got {plain(g)}" for name, e, g in each.differences] + [each.title]


def as_sarif(suite: Suite, cases: Sequence[Case], found: Run) -> dict[str, Any]:
    """A rule for each vector that failed, and a result of it, in the vector's file."""
    failures = [(case, each) for case, each in zip(cases, found.results, strict=True) if each.result == FAILED]
    counts = {result: found.count(result) for result in (PASSED, FAILED, SKIPPED)}
    wrong = [found.not_closed] if found.not_closed else []
    if not counts[PASSED] and not counts[FAILED]:
        wrong.append("no vector was left to be run")
    results = [_sarif_result(suite, case, each) for case, each in failures]
    return sarif([_rule(case) for case, _ in failures], results, _made(suite) | counts, wrong)


def _rule(case: Case) -> dict[str, Any]:
    return sarif_rule(case.id, case.vector.title, case.vector.clauses)


def _sarif_result(suite: Suite, case: Case, each: VectorResult) -> dict[str, Any]:
    path = suite.path / VECTORS / f"{case.id}.json"
    place = sarif_place(str(path), _line(path, each.step))
    return sarif_result(case.id, _lines(each), place, {"vector/v1": case.id}, {"step": each.step, "field": each.field})


def _line(path: Path, step: int) -> int:
    """The line of a step where the file has one for each, as those that are built have; else the first."""
    lines = path.read_text(encoding="utf-8").splitlines()
    requests = [number for number, line in enumerate(lines, 1) if line.lstrip().startswith('{"request":')]
    return requests[step - 1] if 1 <= step <= len(requests) else 1


def as_markdown(suite: Suite, cases: Sequence[Case], found: Run) -> str:
    """The verdict, what failed as a table, the first failures as stories, and what was skipped."""
    from tokenspec.diagrams.markup import markdown_table

    failures = [(case, each) for case, each in zip(cases, found.results, strict=True) if each.result == FAILED]
    rows = [[f"`{each.id}`", str(each.step), escaped(each.field), *map(escaped, _expected_and_got(each))] for _, each in failures]
    parts = [escaped(_sut_title(found))] if found.terms is not None else []
    if rows:
        parts.append(markdown_table(("vector", "step", "field", "expected", "got"), rows))
    for case, each in failures[:_TOLD]:
        story = io.StringIO()
        tell(case, each, story)
        parts.append(fenced(story.getvalue().splitlines()))
    parts.append("\n".join(f"- skipped {times}: {escaped(one_line(why, 200))}" for why, times in _skipped(found)))
    return markdown("tokenspec vectors run", _sentence(found), parts, _made(suite))


def _made(suite: Suite) -> dict[str, Any]:
    return {"version": own_version(), "digest": suite.index.digest}
