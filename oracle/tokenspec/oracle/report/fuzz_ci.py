"""What a fuzzing run came to, of an implementation or of the declared machines, for continuous integration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tokenspec.machine.checkers.monitor import Violation
from tokenspec.machine.fuzzing.coverage import Met
from tokenspec.oracle.base.provenance import stamp
from tokenspec.oracle.fuzz.conformance import SutCounterexample
from tokenspec.oracle.fuzz.worlds import Count, Failure
from tokenspec.oracle.logs.narrative import story
from tokenspec.oracle.report.ci import (
    Case,
    coverage,
    escaped,
    fenced,
    folded,
    junit,
    markdown,
    sarif,
    sarif_place,
    sarif_result,
    sarif_rule,
)
from tokenspec.oracle.report.text import as_json


@dataclass(frozen=True)
class FuzzFinding:
    """What was found: its short name with a sentence and clauses, where it shows first, and the whole story."""

    rule: str
    says: str
    clauses: Sequence[str]
    field: str
    lines: Sequence[str]
    trace: Sequence[str]


@dataclass(frozen=True)
class Fuzzed:
    """A run as every form of continuous integration tells it."""

    about: str
    """What was fuzzed."""
    verdict: str
    again: str
    """The command that gives the same run."""
    rows: Sequence[tuple[str, str, int]]
    """Coverage, the coldest first; of it, what cannot be met is `closed`."""
    closed: frozenset[Met]
    stamp: Mapping[str, Any]
    """What the run was made of."""
    finding: FuzzFinding | None = None
    why_none: str = ""
    """Why there is no verdict."""
    limits: Sequence[str] = ()
    """What the run says nothing about."""
    is_gate: bool = False
    """True if a rule or refusal that was never met fails the run."""
    saved: Sequence[str] = ()
    """What was said of the files of --save."""
    files: Sequence[str] = ()
    """The files of --save that were written."""

    @property
    def cold(self) -> list[str]:
        """What fails the run because it was never met."""
        is_whole = self.is_gate and self.finding is None
        return [
            f"{event}: {what}" for event, what, hits in self.rows if is_whole and not hits and (event, what) not in self.closed
        ]


def made_of(seed: int, part: str | None, count: Count) -> dict[str, Any]:
    """What a run was made of."""
    of = {**stamp(), "seed": seed} | ({} if part is None else {"slice": part})
    return of | {"examples": count.examples, "events": count.steps}


def fuzz_forms(run: Fuzzed) -> dict[str, Callable[[IO[str]], object]]:
    """What writes the run in each form."""
    return {
        "junit": lambda to: to.write(as_junit(run)),
        "sarif": lambda to: to.write(as_json(as_sarif(run))),
        "md": lambda to: to.write(as_markdown(run)),
    }


def sut_finding(found: SutCounterexample, told: str) -> FuzzFinding:
    """A counterexample of an implementation; `told` is how the text tells it."""
    because, failed = found.because, found.error.failed
    if because is not None:
        rule, says, clauses = because.outcome, because.why, because.clauses
    else:
        rule, says, clauses = failed.how if failed is not None else "differs", str(found.error), ()
    return FuzzFinding(rule, says, clauses, found.error.field, told.rstrip().splitlines(), _trace(found.records))


def machine_finding(failure: Failure, told: str) -> FuzzFinding:
    """A run of the declared machines that failed."""
    error = failure.error
    lines, trace = told.rstrip().splitlines(), _trace(failure.records)
    if isinstance(error, Violation):
        return FuzzFinding(error.claim, error.sentence, (), error.part, lines, trace)
    return FuzzFinding(type(error).__name__, str(error), (), "", lines, trace)


def _trace(records: Sequence[Mapping[str, Any]]) -> list[str]:
    # The events alone: what an implementation answered need not be an answer.
    events = [{**record, "observed": None} for record in records]
    return [line.strip() for line in story(events) if not line.lstrip().startswith("->")]


def as_junit(run: Fuzzed) -> str:
    """A case for the verdict, and one for each rule and refusal: passed if it was met."""
    verdict: Case = ("conforms", "", ())
    if run.finding is not None:
        verdict = ("conforms", "failure", [run.verdict, *run.finding.lines, *run.saved, f"again: {run.again}"])
    elif run.why_none:
        verdict = ("conforms", "error", [run.verdict, f"again: {run.again}"])
    suites = {"fuzz": [verdict], "coverage": [_coverage_case(run, row) for row in sorted(run.rows)]}
    return junit("tokenspec fuzz", suites, {"failure": "diverges", "error": "no verdict"}, run.stamp)


def _coverage_case(run: Fuzzed, row: tuple[str, str, int]) -> Case:
    name = f"{row[0]}: {row[1]}"
    if row[2]:
        return name, "", ()
    if row[:2] in run.closed:
        return name, "skipped", ["it cannot be met with these settings, or with what the implementation takes"]
    return name, "failure" if name in run.cold else "skipped", ["it was never met"]


def as_sarif(run: Fuzzed) -> dict[str, Any]:
    """A result for the finding, at the end of the log that was saved, with the story as its code flow."""
    wrong = [f"never met: {line}" for line in run.cold] + ([run.verdict] if run.why_none and run.finding is None else [])
    if run.finding is None:
        return sarif([], [], run.stamp, wrong)
    found = run.finding
    about = {"field": found.field, "again": run.again}
    fingerprint = {"outcomeField/v1": f"{found.rule}/{found.field}"}
    result = sarif_result(found.rule, [run.verdict, *found.lines], _place(run, found), fingerprint, about, trace=found.trace)
    return sarif([sarif_rule(found.rule, found.says, found.clauses)], [result], run.stamp, wrong)


def _place(run: Fuzzed, found: FuzzFinding) -> dict[str, Any] | None:
    logs = [file for file in run.files if is_log(file)]
    if logs:
        return sarif_place(logs[0], max(1, len(found.trace)))
    return sarif_place(run.files[0]) if run.files else None


def as_markdown(run: Fuzzed) -> str:
    """The verdict, the counterexample as a story with the command that gives it again, and the coverage."""
    again = fenced([run.again], "sh")
    parts = [escaped(run.about)]
    if run.finding is not None:
        parts += [fenced(run.finding.lines), "\n".join(f"- {escaped(line)}" for line in run.saved), f"Again with\n\n{again}"]
    else:
        parts += [f"**never met** {escaped(line)}" for line in run.cold]
        parts.append("\n".join(f"- {escaped(line)}" for line in run.limits))
    parts += coverage(run.rows, run.closed)
    if run.finding is None:
        parts.append(folded("Again with", again))
    return markdown("tokenspec fuzz", run.verdict, parts, run.stamp)


_VECTOR, _TEST = ".json", ".py"


def is_log(path: str) -> bool:
    """Returns whether what is saved there is a log."""
    return Path(path).suffix not in (_VECTOR, _TEST)
