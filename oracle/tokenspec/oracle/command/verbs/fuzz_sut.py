"""`tokenspec fuzz --sut`: an implementation against the oracle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO

from tokenspec.oracle.base.shards import slice_of
from tokenspec.oracle.command.options import catalogue_at, progress
from tokenspec.oracle.command.verbs.fuzz_save import save_counterexample
from tokenspec.oracle.fuzz.conformance import HYPOTHESIS_SHARE, conform
from tokenspec.oracle.fuzz.regressions import check_directory
from tokenspec.oracle.report.conformance import SutRun, data, details, fuzzed
from tokenspec.oracle.report.exits import DIVERGES, HOLDS, NO_VERDICT
from tokenspec.oracle.report.fuzz_ci import fuzz_forms
from tokenspec.oracle.report.sut import ended
from tokenspec.oracle.report.text import Reports, as_json, write_result
from tokenspec.oracle.sut.connect import connect
from tokenspec.oracle.sut.observed import reasons_from_file
from tokenspec.oracle.sut.world import SutSettings
from tokenspec.oracle.wire.settings import infers, policy_from_options, settings_named, without_infer

_EXITS = {"conforms": HOLDS, "diverges": DIVERGES, "no_verdict": NO_VERDICT}


def fuzz_sut(run: SutRun, form: str, output_file: str | None, quiet: bool, reports: Reports) -> int:
    """Runs it and writes the report; the exit code."""
    part = slice_of(run.part)
    database = check_directory(run.database) if run.database is not None else None
    catalogue = catalogue_at(run.catalogue)
    reasons = reasons_from_file(Path(run.reasons)) if run.reasons is not None else None
    named = without_infer(run.policy)
    known = settings_named(named) if infers(run.policy) else None
    setting = SutSettings(policy_from_options(named), catalogue, reasons, known)
    examples = part.share(run.examples)
    with ended(connect(run.sut, run.timeout)) as client, progress("fuzzing", examples + -(-examples // HYPOTHESIS_SHARE)) as tick:
        verdict = conform(client, setting, examples, run.steps, part.seed(run.seed), tick, database)
    saved: list[str] = []
    if verdict.counterexample is not None:
        paths = {"catalogue": run.catalogue, "reasons": run.reasons}
        saved += save_counterexample(run.save, verdict.counterexample, verdict, setting, run.sut, paths)
    told = fuzzed(verdict, run, setting, saved)

    def text(to: IO[str]) -> None:
        if not quiet:
            details(verdict, run, saved, to)
        to.write(told.verdict + "\n")

    forms: dict[str, Callable[[IO[str]], object]] = {
        "text": text,
        "json": lambda to: to.write(as_json(data(verdict, run, setting))),
        **fuzz_forms(told),
    }
    write_result(forms, form, output_file, reports)
    return _EXITS[verdict.word]
