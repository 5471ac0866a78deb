"""`tokenspec fuzz`: random runs of the declared machines."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import IO

import click

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.command.files import check_files
from tokenspec.oracle.command.options import TIMEOUT, catalogue_at, output_options, progress, settings_or_infer_options
from tokenspec.oracle.command.verbs.fuzz_save import outputs, save_failure
from tokenspec.oracle.command.verbs.fuzz_sut import fuzz_sut
from tokenspec.oracle.fuzz.campaign import PROFILES, run
from tokenspec.oracle.report.conformance import SutRun
from tokenspec.oracle.report.exits import COVERAGE, HOLDS, NO_VERDICT
from tokenspec.oracle.report.fuzz import exit_of, fuzzed, report, text
from tokenspec.oracle.report.fuzz_ci import fuzz_forms
from tokenspec.oracle.report.sut import DEFAULT_TIMEOUT
from tokenspec.oracle.report.text import Reports, as_json, report_files, write_result
from tokenspec.oracle.wire.settings import infers, settings_named


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
    told = fuzzed(result, shlex.join(["tokenspec", "fuzz", *again]), saved, save, only)
    forms: dict[str, Callable[[IO[str]], object]] = {
        "text": lambda to: text(result, told, to, quiet),
        "json": lambda to: to.write(as_json(report(result, fixed, only))),
        **fuzz_forms(told),
    }
    write_result(forms, form, output_file, reports)
    if result.failure is not None:
        return exit_of(result.failure)
    if result.interrupted:
        return NO_VERDICT
    return COVERAGE if result.cold else HOLDS
