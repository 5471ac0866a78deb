"""The report of random runs of the declared machines, and its part shared with those of an implementation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenspec.machine.checkers.monitor import Violation
from tokenspec.oracle.base.provenance import stamp
from tokenspec.oracle.base.specification import DEFAULTS
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.fuzz.campaign import CampaignResult
from tokenspec.oracle.fuzz.conformance import Conformance
from tokenspec.oracle.fuzz.worlds import Failure
from tokenspec.oracle.logs.narrative import story
from tokenspec.oracle.report.config import FuzzConfig
from tokenspec.oracle.report.exits import BUG, COVERAGE, HOLDS, LIVENESS, NO_VERDICT, SAFETY
from tokenspec.oracle.report.model import (
    Block,
    Check,
    CoverageTable,
    FindingPlace,
    FindingRule,
    Notes,
    Outcome,
    ReportFinding,
    Rerun,
    RunReport,
    Verbatim,
)

LIVENESS_CLAIMS = ("never_stuck",)
VECTOR, TEST = ".json", ".py"
"""The endings of --save files that are not logs."""


def is_log(path: str) -> bool:
    """Returns true if the file to be saved is a log."""
    return Path(path).suffix not in (VECTOR, TEST)


@dataclass(frozen=True)
class RandomRuns:
    """The results of random runs, common to everything that is fuzzed."""

    result: CampaignResult | Conformance
    config: FuzzConfig
    saved: Sequence[str]
    """Lines about the files of --save."""
    rows: Sequence[tuple[str, str, int]]
    """Coverage, the rarest first."""
    verdict: str
    why_none: str
    """The reason why there is no verdict."""
    is_gate: bool = False
    """True if a rule or refusal that was never met fails the run."""

    def report(
        self, code: int, body: Callable[[], Iterable[Block]], data: Callable[[], dict[str, Any]], found: ReportFinding | None
    ) -> RunReport:
        """Returns the report: a check for the verdict, and one for each rule and refusal, which passes if it was met."""
        part, count = self.config.part, self.result.count
        made = {**stamp(), "seed": self.config.seed} | ({} if part is None else {"slice": str(part)})
        return RunReport(
            verb="fuzz",
            code=code,
            verdict=self.verdict,
            made=made | {"examples": count.examples, "events": count.steps},
            body=body,
            data=data,
            checks=lambda: self._checks(found),
            kinds={"failure": "diverges", "error": "no verdict"},
        )

    def _checks(self, found: ReportFinding | None) -> Iterator[Check]:
        if found is not None:
            yield Check("fuzz", "conforms", "failure", findings=[found])
        elif self.why_none:
            yield Check("fuzz", "conforms", "error", [self.verdict, f"again: {self.config.again()}"])
        else:
            yield Check("fuzz", "conforms")
        cold: Outcome = "failure" if self.is_gate and found is None and not self.why_none else "skipped"
        for event, what, hits in sorted(self.rows):
            name = f"{event}: {what}"
            if hits:
                yield Check("coverage", name)
            elif (event, what) in self.result.closed:
                why = "it cannot be met with these settings, or with what the implementation takes"
                yield Check("coverage", name, "skipped", [why])
            else:
                yield Check("coverage", name, cold, [f"never met: {name}"])

    def finding(self, rule: FindingRule, field: str, told: Iterable[str], records: Sequence[Mapping[str, Any]]) -> ReportFinding:
        """Returns the finding that `records` lead to, at the end of the saved log, if there is one."""
        # The events alone: an implementation's answer may have any form.
        events = story([{**record, "observed": None} for record in records])
        trace = [line.strip() for line in events if not line.lstrip().startswith("->")]
        again = self.config.again()
        lines = [self.verdict, *"\n".join(told).rstrip().splitlines(), *self.saved, f"again: {again}"]
        files = self.config.save if records else ()
        logs = [FindingPlace(file, max(1, len(trace))) for file in files if is_log(file)]
        place = next(iter([*logs, *map(FindingPlace, files)]), None)
        fingerprint = {"outcomeField/v1": f"{rule.id}/{field}"}
        return ReportFinding(rule, lines, place, fingerprint, {"field": field, "again": again}, trace=trace)

    def figures(self, runs: str) -> Rerun:
        """Returns the amount of work, and the command that repeats it."""
        count, seconds = self.result.count, self.result.seconds
        rate = count.steps / max(seconds, 0.001)
        figures = f"{count.examples:,} {runs}, {count.steps:,} events in {seconds:.0f} s ({rate:,.0f}/s), seed {self.config.seed}"
        return Rerun(figures, self.config.again())

    def files(self) -> Notes:
        """Returns notes on the saved files."""
        return Notes([one_line(line, 600) for line in self.saved])


def fuzz_report(result: CampaignResult, config: FuzzConfig, saved: Sequence[str] = ()) -> RunReport:
    """Returns the report of random runs of the declared machines."""
    failure, found = result.failure, None
    if failure is not None:
        code, verdict = exit_of(failure), "violated"
    elif result.interrupted:
        code, verdict = NO_VERDICT, "no verdict: it was interrupted"
    else:
        code, verdict = (COVERAGE, "coverage gate failed") if result.cold else (HOLDS, "holds")
    why_none = "it was interrupted" if failure is None and result.interrupted else ""
    runs = RandomRuns(result, config, saved, result.coverage.rows(), verdict, why_none, is_gate=True)
    if failure is not None:
        error = failure.error
        rule, part = FindingRule(type(error).__name__, str(error)), ""
        if isinstance(error, Violation):
            rule, part = FindingRule(error.claim, error.sentence), error.part
        found = runs.finding(rule, part, failure_lines(failure), failure.records)
    return runs.report(code, lambda: _body(result, runs), lambda: _data(result, config), found)


def _body(result: CampaignResult, runs: RandomRuns) -> Iterator[Block]:
    """Yields the run that failed, or else the coverage."""
    if result.failure is not None:
        yield Verbatim(list(failure_lines(result.failure)))
        yield runs.files()
    yield CoverageTable(runs.rows, result.closed, 10 if result.failure is None else 0)
    yield Notes(["the declared machines alone, no implementation (--sut)"])
    yield runs.figures("examples")
    closed = f"{len(result.closed)} rules and refusals cannot be met under these settings, and are not counted"
    cold = [] if result.interrupted else result.cold
    yield Notes([closed] * bool(result.closed) + [f"never met: {event}, {what}" for event, what in cold])


def _data(result: CampaignResult, config: FuzzConfig) -> dict[str, Any]:
    return {
        **stamp(),
        "seed": result.seed,
        "policy": dict(config.settings.named),
        "fixed": {},
        "verdict": "diverges" if result.failure else "no_verdict" if result.cold or result.interrupted else "conforms",
        "examples": result.count.examples,
        "steps": result.count.steps,
        "seconds": round(result.seconds, 2),
        "coverage": result.coverage.as_data(),
        "closed_off": [{"event": event, "outcome": what} for event, what in sorted(result.closed)],
        "counterexample": _counterexample(result.failure) if result.failure else None,
    }


def exit_of(failure: Failure) -> int:
    """Returns the exit code of a failing run: a claim that does not hold, or readers that disagree."""
    error = failure.error
    if isinstance(error, Violation):
        return LIVENESS if error.claim in LIVENESS_CLAIMS else SAFETY
    return BUG


def _counterexample(failure: Failure) -> dict[str, Any]:
    error = failure.error
    broken = error if isinstance(error, Violation) else None
    return {
        "records": failure.records,
        "policy": dict(failure.world.policy),
        "resets": failure.world.resets,
        "field": broken.claim if broken else None,
        "expected": broken.sentence if broken else None,
        "got": broken.detail if broken else str(error),
    }


def failure_lines(failure: Failure) -> Iterator[str]:
    """Yields the counterexample: the claim, the settings, and the shortest story found."""
    error = failure.error
    if isinstance(error, Violation):
        yield f"claim {error.claim}, part {error.part}, does not hold: {error.sentence}"
        yield f"  {error.detail}"
    else:
        yield f"{type(error).__name__}: {error}"
    changed = [f"{k}={v}" for k, v in failure.world.policy.items() if DEFAULTS[k] != v]
    yield f"  settings: resets {failure.world.resets}, {', '.join(changed) or 'default policies'}"
    yield from (f"  {line}" for line in story(failure.records))
    yield ""
