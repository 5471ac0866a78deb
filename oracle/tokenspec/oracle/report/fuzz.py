"""The report of random runs of the declared machines, and its part shared with those of an implementation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenspec.machine.checkers.monitor import Violation
from tokenspec.machine.lang.claims import LeadsToPart, LivenessPart
from tokenspec.machine.lang.counts import counted
from tokenspec.oracle.base.specification import claims
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.fuzz.campaign import CampaignResult
from tokenspec.oracle.fuzz.worlds import Failure
from tokenspec.oracle.logs.narrative import story
from tokenspec.oracle.report.config import FuzzConfig
from tokenspec.oracle.report.exits import BUG, COVERAGE, HOLDS, LIVENESS, NO_VERDICT, SAFETY
from tokenspec.oracle.report.model import (
    Block,
    Check,
    CoverageTable,
    FindingRule,
    Notes,
    Outcome,
    ReportFinding,
    Rerun,
    RunReport,
    Verbatim,
)
from tokenspec.oracle.wire.settings import changed

VECTOR, TEST = ".json", ".py"
"""The endings of --save files that are not logs."""


def is_log(path: str) -> bool:
    """Returns true if the file to be saved is a log."""
    return Path(path).suffix not in (VECTOR, TEST)


@dataclass(frozen=True)
class RandomRuns:
    """The results of random runs, common to everything that is fuzzed."""

    config: FuzzConfig
    verdict: str
    rows: Sequence[tuple[str, str, int]]
    """Coverage, the rarest first."""
    closed: Collection[tuple[str, str]]
    """The rules and refusals that cannot be met."""
    saved: Sequence[str]
    """Lines about the files of --save."""
    why_none: str = ""
    """The reason why there is no verdict."""
    is_gate: bool = False
    """True if a rule or refusal that was never met fails the run."""
    suite: str = "fuzz"

    def report(
        self,
        code: int,
        made: Mapping[str, Any],
        body: Callable[[], Iterable[Block]],
        data: Callable[[], dict[str, Any]],
        found: ReportFinding | None,
    ) -> RunReport:
        """Returns the report: a check for the verdict, and one for each rule and refusal, which passes if it was met."""
        part = self.config.part
        return RunReport(
            verb="fuzz",
            code=code,
            verdict=self.verdict,
            made={"seed": self.config.seed, **({} if part is None else {"slice": str(part)}), **made},
            body=body,
            data=data,
            checks=lambda: self.checks(found),
            kinds={"failure": "diverges", "error": "no verdict"},
        )

    def checks(self, found: ReportFinding | None) -> Iterator[Check]:
        """Yields the checks, with what was found."""
        if found is not None:
            yield Check(self.suite, "conforms", "failure", findings=[found])
        elif self.why_none:
            yield Check(self.suite, "conforms", "error", [self.verdict, f"again: {self.config.again()}"])
        else:
            yield Check(self.suite, "conforms")
        cold: Outcome = "failure" if self.is_gate and found is None and not self.why_none else "skipped"
        for event, what, hits in sorted(self.rows):
            name = f"{event}: {what}"
            if hits:
                yield Check("coverage", name)
            elif (event, what) in self.closed:
                why = "it cannot be met with these settings, or with what the implementation takes"
                yield Check("coverage", name, "skipped", [why])
            else:
                yield Check("coverage", name, cold, [f"never met: {name}"])

    def finding(
        self, rule: FindingRule, field: str, told: Iterable[str], was_sent: bool, trace: Sequence[str] = ()
    ) -> ReportFinding:
        """Returns the finding, at the end of the saved log if one was saved; `trace` are the events that lead to it."""
        again = self.config.again()
        lines = [self.verdict, *"\n".join(told).rstrip().splitlines(), *self.saved, f"again: {again}"]
        files = self.config.save if was_sent else ()
        # A log has a place for what was found: its end.
        file = next(iter(sorted(files, key=is_log, reverse=True)), None)
        line = max(1, len(trace)) if file is not None and is_log(file) else 1
        fingerprint = {"outcomeField/v1": f"{rule.id}/{field}"}
        return ReportFinding(rule, lines, file, line, fingerprint, {"field": field, "again": again}, trace=trace)

    def figures(self, played: str, event: str, number: int, seconds: float, clients: str = "") -> Rerun:
        """Returns the amount of work, and the command that repeats it."""
        rate = f"{counted(number, event, form=',')} in {seconds:.0f} s ({number / max(seconds, 0.001):,.0f}/s)"
        return Rerun(f"{played}, {rate}{clients}, seed {self.config.seed}", self.config.again())

    def files(self) -> Notes:
        """Returns notes on the saved files."""
        return Notes([one_line(line, 600) for line in self.saved])

    def coverage_data(self) -> dict[str, Any]:
        """Returns the coverage as JSON, without the rules that nothing can be seen of."""
        seen = {event for event, _, _ in self.rows}
        return {
            "coverage": [{"event": event, "outcome": what, "hits": hits} for event, what, hits in self.rows],
            "closed_off": [{"event": event, "outcome": what} for event, what in sorted(self.closed) if event in seen],
        }


def events_of(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """Returns the events alone, a line each: an implementation's answer may have any form."""
    told = story([{**record, "observed": None} for record in records])
    return [line.strip() for line in told if not line.lstrip().startswith("->")]


def fuzz_report(result: CampaignResult, config: FuzzConfig, saved: Sequence[str] = ()) -> RunReport:
    """Returns the report of random runs of the declared machines."""
    failure, found, why_none = result.failure, None, ""
    if failure is not None:
        code, verdict = exit_of(failure), "violated"
    elif result.interrupted:
        why_none = "it was interrupted"
        code, verdict = NO_VERDICT, f"no verdict: {why_none}"
    else:
        code, verdict = (COVERAGE, "coverage gate failed") if result.cold else (HOLDS, "holds")
    runs = RandomRuns(config, verdict, result.coverage.rows(), result.closed, saved, why_none, is_gate=True)
    if failure is not None:
        error, records = failure.error, failure.records
        rule, part = FindingRule(type(error).__name__, str(error)), ""
        if isinstance(error, Violation):
            rule, part = FindingRule(error.claim, error.sentence), error.part
        found = runs.finding(rule, part, failure_lines(failure), bool(records), events_of(records))
    made = {"examples": result.count.examples, "events": result.count.steps}
    return runs.report(code, made, lambda: _body(result, runs), lambda: _data(result, runs), found)


def _body(result: CampaignResult, runs: RandomRuns) -> Iterator[Block]:
    """Yields the run that failed, or else the coverage."""
    if result.failure is not None:
        yield Verbatim(list(failure_lines(result.failure)))
        yield runs.files()
    yield CoverageTable(runs.rows, result.closed, 10 if result.failure is None else 0)
    yield Notes(["the declared machines alone, no implementation (--sut)"])
    yield runs.figures(counted(result.count.examples, "example", form=","), "event", result.count.steps, result.seconds)
    closed = counted(len(result.closed), "rule or refusal", "rules and refusals")
    cold = [] if result.interrupted else result.cold
    yield Notes(
        [f"cannot be met under these settings, so not counted: {closed}"] * bool(result.closed)
        + [f"never met: {event}, {what}" for event, what in cold]
    )


def _data(result: CampaignResult, runs: RandomRuns) -> dict[str, Any]:
    return {
        "seed": result.seed,
        "policy": dict(runs.config.settings.named),
        "verdict": "diverges" if result.failure else "no_verdict" if result.cold or result.interrupted else "conforms",
        "examples": result.count.examples,
        "steps": result.count.steps,
        "seconds": round(result.seconds, 2),
        **runs.coverage_data(),
        "counterexample": _counterexample(result.failure) if result.failure else None,
    }


def exit_of(failure: Failure) -> int:
    """Returns the exit code of a failing run: a claim that does not hold, or readers that disagree."""
    error = failure.error
    if isinstance(error, Violation):
        return exit_of_violation(error)
    return BUG


def exit_of_violation(broken: Violation) -> int:
    """Returns the exit code of a part that does not hold: something may no longer come to pass, or something wrong happens."""
    lasting = {(c.id, p.name) for c in claims() for p in c.parts if isinstance(p, LivenessPart | LeadsToPart)}
    return LIVENESS if (broken.claim, broken.part) in lasting else SAFETY


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
    yield f"  settings: resets {failure.world.resets}, {', '.join(changed(failure.world.policy)) or 'default policies'}"
    yield from (f"  {line}" for line in story(failure.records))
    yield ""
