"""`tokenspec fuzz`: random runs of the declared machines."""

from __future__ import annotations

import io
import shlex
from collections.abc import Callable, Sequence
from typing import IO, Any

import click

from tokenspec.machine.checkers.monitor import Violation
from tokenspec.oracle.campaign import PROFILES, Result, run
from tokenspec.oracle.command.exits import BUG, COVERAGE, HOLDS, LIVENESS, NO_VERDICT, SAFETY
from tokenspec.oracle.command.files import check_files
from tokenspec.oracle.command.fuzz_forms import Fuzzed, fuzz_forms, machine_finding, made_of
from tokenspec.oracle.command.fuzz_save import outputs, save_failure
from tokenspec.oracle.command.fuzz_sut import SutRun, fuzz_sut
from tokenspec.oracle.command.options import (
    TIMEOUT,
    Reports,
    as_json,
    catalogue_at,
    output_options,
    progress,
    report_files,
    settings_or_infer_options,
    table,
    write_result,
)
from tokenspec.oracle.command.sut_report import DEFAULT_TIMEOUT
from tokenspec.oracle.errors import WrongUsage
from tokenspec.oracle.fuzz import Failure
from tokenspec.oracle.plain import one_line
from tokenspec.oracle.settings import infers, settings_named
from tokenspec.oracle.stamp import stamp
from tokenspec.oracle.story import story
from tokenspec.spec.catalogue import Catalogue
from tokenspec.spec.system import system

LIVENESS_CLAIMS = ("never_stuck",)


@click.command()
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    default="ci",
    show_default=True,
    help="ci: about a minute; nightly: about an hour.",
)
@click.option(
    "--examples",
    type=click.IntRange(min=1),
    metavar="N",
    help="Runs by Hypothesis, and as many random walks; overrides the profile.",
)
@click.option("--steps", type=click.IntRange(min=1), default=50, show_default=True, help="Events in a run.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same runs.")
@click.option(
    "--save",
    metavar="FILE",
    type=click.Path(),
    multiple=True,
    help="Writes a counterexample as a log that `replay` reads; with --sut as a vector if FILE ends in .json, and as a test for "
    "pytest if in .py. May be given again.",
)
@click.option(
    "--sut", metavar="SUT", help="Fuzzes an implementation: a command line, http://HOST:PORT, or python:module:factory."
)
@click.option(
    "--timeout", type=TIMEOUT, metavar="SECONDS", help="How long the implementation may take for an answer; default: 5."
)
@click.option("--reasons", metavar="FILE", type=click.Path(), help="Its own words for refusals (TOML: word = code, or codes).")
@click.option(
    "--slice",
    "part",
    envvar="TOKENSPEC_FUZZ_SLICE",
    metavar="I/N",
    help="The I-th of N runs that share the examples, each with a seed of its own.",
)
@click.option(
    "--database",
    metavar="DIR",
    type=click.Path(),
    help="Keeps what was found about an implementation, and tries what earlier runs found first. Runs may share it.",
)
@settings_or_infer_options
@output_options("text", "json", "junit", "sarif", "md", reports=True)
def command(
    profile: str,
    examples: int | None,
    steps: int,
    seed: int,
    save: tuple[str, ...],
    sut: str | None,
    timeout: float | None,
    reasons: str | None,
    part: str | None,
    database: str | None,
    policy: tuple[str, ...],
    catalogue: str | None,
    form: str,
    output_file: str | None,
    quiet: bool,
    reports: Reports,
) -> int:
    """Fuzzes the declared machines: every event, under random settings, with time of every length.

    Each step is taken by several readers of the declaration, which must agree, and every claim that a run can
    show is checked. Every rule and every refusal has to be met; one that never is fails with exit code 16.

    \b
    tokenspec fuzz
    tokenspec fuzz --examples 50 --seed 7 --policy refund=to_source
    tokenspec fuzz --profile nightly --save counterexample.jsonl

    With --sut an implementation answers the same records as the oracle, under one choice of settings, up to the first
    answer that is not the right one, in N random walks and a fifth as many runs by Hypothesis. With --policy infer every
    setting that explains all answers so far is followed; it diverges where none is left. Exit codes 0, 15, 20.

    \b
    tokenspec fuzz --sut "node wallet.js"
    tokenspec fuzz --sut http://localhost:8080 --policy daily_position=last --save counterexample.jsonl
    tokenspec fuzz --sut "node wallet.js" --policy infer --save test_counterexample.py
    tokenspec fuzz --sut "node wallet.js" --report junit=fuzz.xml --report sarif=fuzz.sarif --report md=fuzz.md
    tokenspec fuzz --sut "node wallet.js" --profile nightly --slice 2/4 --database found --save found.jsonl
    """
    files = outputs(save, sut is not None, sut is None and catalogue is None)
    check_files([path for path in (catalogue, reasons) if path is not None], files | report_files(reports), output_file)
    number = examples or PROFILES[profile]
    if sut is not None:
        run_of = SutRun(sut, timeout or DEFAULT_TIMEOUT, number, steps, seed, policy, catalogue, reasons, save, database, part)
        return fuzz_sut(run_of, form, output_file, quiet, reports)
    for option, value in (("--timeout", timeout), ("--reasons", reasons), ("--slice", part), ("--database", database)):
        if value is not None:
            raise WrongUsage(option, "it is about an implementation, and goes with --sut")
    if infers(policy):
        raise WrongUsage("--policy infer", "only an implementation has settings to infer, so it goes with --sut")
    fixed = settings_named(policy)
    only = None if catalogue is None else catalogue_at(catalogue)
    with progress("fuzzing", 2 * number) as tick:
        result = run(number, steps, seed, progress=tick, policy=fixed, catalogue=only)
    saved = list(save_failure(save, result.failure, catalogue)) if result.failure is not None else []
    again = ["--examples", str(number), "--steps", str(steps), "--seed", str(seed)]
    again += [word for name, answer in fixed.items() for word in ("--policy", f"{name}={answer}")]
    again += ["--catalogue", catalogue] if catalogue is not None else []
    told = _fuzzed(result, shlex.join(["tokenspec", "fuzz", *again]), saved, save, only)
    forms: dict[str, Callable[[IO[str]], object]] = {
        "text": lambda to: _text(result, told, to, quiet),
        "json": lambda to: to.write(as_json(report(result, fixed, only))),
        **fuzz_forms(told),
    }
    write_result(forms, form, output_file, reports)
    if result.failure is not None:
        return exit_of(result.failure)
    if result.interrupted:
        return NO_VERDICT
    return COVERAGE if result.cold else HOLDS


def exit_of(failure: Failure) -> int:
    """What a failing run means: a claim that does not hold, or readers that disagree."""
    error = failure.error
    if isinstance(error, Violation):
        return LIVENESS if error.claim in LIVENESS_CLAIMS else SAFETY
    return BUG


def report(result: Result, fixed: dict[str, str], catalogue: Catalogue | None = None) -> dict[str, Any]:
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


def _fuzzed(result: Result, again: str, saved: Sequence[str], save: Sequence[str], catalogue: Catalogue | None) -> Fuzzed:
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


def _text(result: Result, told: Fuzzed, to: IO[str], quiet: bool) -> None:
    if not quiet:
        _details(result, told, to)
    to.write(f"{told.verdict}\n")


def _details(result: Result, told: Fuzzed, to: IO[str]) -> None:
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
