"""The result of fuzzing the declared machines, as text and as data."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import IO, Any

from tokenspec.machine.checkers.monitor import Violation
from tokenspec.oracle.base.provenance import stamp
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.fuzz.campaign import CampaignResult
from tokenspec.oracle.fuzz.worlds import Failure
from tokenspec.oracle.logs.narrative import story
from tokenspec.oracle.report.exits import BUG, LIVENESS, SAFETY
from tokenspec.oracle.report.fuzz_ci import Fuzzed, machine_finding, made_of
from tokenspec.oracle.report.text import table
from tokenspec.spec.catalogue import Catalogue
from tokenspec.spec.system import system

LIVENESS_CLAIMS = ("never_stuck",)


def exit_of(failure: Failure) -> int:
    """What a failing run means: a claim that does not hold, or readers that disagree."""
    error = failure.error
    if isinstance(error, Violation):
        return LIVENESS if error.claim in LIVENESS_CLAIMS else SAFETY
    return BUG


def report(result: CampaignResult, fixed: dict[str, str], catalogue: Catalogue | None = None) -> dict[str, Any]:
    """The result as data."""
    failure = result.failure
    return {
        **stamp(),
        "seed": result.seed,
        "policy": fixed,
        "fixed": {},
        "verdict": "diverges" if failure else "no_verdict" if result.cold or result.interrupted else "conforms",
        "examples": result.count.examples,
        "steps": result.count.steps,
        "seconds": round(result.seconds, 2),
        "coverage": result.coverage.as_data(),
        "closed_off": [{"event": event, "outcome": what} for event, what in sorted(result.closed)],
        "counterexample": _counterexample(failure) if failure else None,
    }


def _counterexample(failure: Failure) -> dict[str, Any]:
    error = failure.error
    claim = error.claim if isinstance(error, Violation) else None
    return {
        "records": failure.records,
        "policy": dict(failure.world.policy),
        "resets": failure.world.resets,
        "field": claim,
        "expected": error.sentence if isinstance(error, Violation) else None,
        "got": error.detail if isinstance(error, Violation) else str(error),
    }


def fuzzed(result: CampaignResult, again: str, saved: Sequence[str], save: Sequence[str], catalogue: Catalogue | None) -> Fuzzed:
    """Returns the forms for continuous integration."""
    failure, story = result.failure, io.StringIO()
    why_none = "it was interrupted" if result.interrupted and failure is None else ""
    held = f"no verdict: {why_none}" if why_none else "coverage gate failed" if result.cold else "holds"
    if failure is not None:
        show_failure(failure, story)
    return Fuzzed(
        about="The declared machines",
        verdict="violated" if failure else held,
        again=again,
        rows=result.coverage.rows(),
        closed=result.closed,
        stamp=made_of(result.seed, None, result.count),
        finding=machine_finding(failure, story.getvalue()) if failure is not None else None,
        why_none=why_none,
        is_gate=not why_none,
        saved=saved,
        files=save if failure is not None else (),
    )


def text(result: CampaignResult, told: Fuzzed, to: IO[str], quiet: bool) -> None:
    """Writes the details, unless `quiet`, and the verdict."""
    if not quiet:
        _details(result, told, to)
    to.write(f"{told.verdict}\n")


def _details(result: CampaignResult, told: Fuzzed, to: IO[str]) -> None:
    if result.failure is not None:
        show_failure(result.failure, to)
        to.writelines(f"{one_line(line, 600)}\n" for line in told.saved)
    else:
        rows = [row for row in result.coverage.rows() if row[:2] not in result.closed]
        shown = [[event, what, f"{hits:,}"] for event, what, hits in rows[:10]]
        table(f"The coldest of {len(rows)} rules and refusals", ["event", "outcome", "hits"], shown, to)
    rate = result.count.steps / max(result.seconds, 0.001)
    to.write(
        f"{result.count.examples:,} examples, {result.count.steps:,} events in {result.seconds:.0f} s ({rate:,.0f}/s), "
        f"seed {result.seed}; again with: {one_line(told.again, 400)}\n"
    )
    if result.closed:
        to.write(f"{len(result.closed)} rules and refusals cannot be met under these settings, and are not counted\n")
    for event, what in [] if result.interrupted else result.cold:
        to.write(f"never met: {event}, {what}\n")


def show_failure(failure: Failure, to: IO[str]) -> None:
    """The counterexample: the claim, the settings, and the shortest story found."""
    error = failure.error
    if isinstance(error, Violation):
        to.write(f"claim {error.claim}, part {error.part}, does not hold: {error.sentence}\n  {error.detail}\n")
    else:
        to.write(f"{type(error).__name__}: {error}\n")
    defaults = {p.name: p.answers[0][0] for p in system().machines[0].policies}
    changed = [f"{k}={v}" for k, v in failure.world.policy.items() if defaults[k] != v]
    to.write(f"  settings: resets {failure.world.resets}, {', '.join(changed) or 'default policies'}\n")
    for line in story(failure.records):
        to.write(f"  {line}\n")
    to.write("\n")
