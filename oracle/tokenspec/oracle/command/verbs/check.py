"""`tokenspec check`: every claim, and how it was discharged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO

import click

from tokenspec.invariants.claims import claims
from tokenspec.invariants.scopes import SCOPES
from tokenspec.machine.lang.validate import check_clauses, citations, validate_system
from tokenspec.machine.lang.validate_claims import validate_claims
from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.check.evidence import CheckSettings, Evidence, gather
from tokenspec.oracle.check.verdicts import ClaimVerdict, disagreements, verdicts, violations
from tokenspec.oracle.command.files import check_files, write_file
from tokenspec.oracle.command.options import Seconds, catalogue_at, output_options, progress, settings_options
from tokenspec.oracle.command.verbs.check_save import paths, saved
from tokenspec.oracle.report.breaches import BrokenClaim, breaches
from tokenspec.oracle.report.check_ci import as_junit, as_markdown, as_sarif
from tokenspec.oracle.report.check_text import as_data, as_text
from tokenspec.oracle.report.exits import BUG, COVERAGE, INTERRUPTED, LIVENESS, NO_VERDICT, SAFETY, UNKNOWN, gravest
from tokenspec.oracle.report.fuzz import LIVENESS_CLAIMS, exit_of
from tokenspec.oracle.report.output import output
from tokenspec.oracle.report.text import Reports, as_json, report_files, write_result
from tokenspec.oracle.wire.settings import settings_named
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.clauses import CLAUSES
from tokenspec.spec.system import system

EXAMPLES = {"tiny": 120, "small": 200, "standard": 2_000}
"""Fuzz examples of each scope."""


@click.command()
@click.option("--scope", type=click.Choice(list(SCOPES)), default="small", show_default=True, help="The world that is searched.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same random runs.")
@click.option("--max-states", type=click.IntRange(min=1), metavar="N", help="Ends a search after N states, without a verdict.")
@click.option("--time-limit", type=Seconds(min=0), metavar="SECONDS", help="Ends a search after so long, without a verdict.")
@click.option(
    "--save",
    metavar="STEM",
    help="Where something is violated, writes STEM.itf.json (the trace), STEM.jsonl (a log that `replay` reads), STEM.toml.",
)
@click.option("--certificate", metavar="FILE", help="Writes what somebody else needs to re-check a check that held.")
@click.option("--verify", metavar="FILE", help="Re-checks a certificate by other means, and checks nothing else.")
@settings_options
@output_options("text", "json", "junit", "sarif", "md", reports=True)
def command(
    scope: str,
    seed: int,
    max_states: int | None,
    time_limit: float | None,
    save: str | None,
    certificate: str | None,
    verify: str | None,
    policy: tuple[str, ...],
    catalogue: str | None,
    form: str,
    output_file: str | None,
    quiet: bool,
    reports: Reports,
) -> int:
    """Checks every claim about the declared account and prints a table: the claim, its verdict, and how it was reached.

    A prover takes every figure and every policy at once; a search visits every state of a small world, and every state
    of a tiny one under every policy; random runs go through the clocks and the journal as well. A claim counts only if
    its interesting case occurred. --policy narrows searches and runs, never the proofs; --catalogue is for the runs.

    \b
    tokenspec check
    tokenspec check --scope standard --format json -o report.json
    tokenspec check --policy lapse_bank=frozen --max-states 1000000
    tokenspec check --format junit -o check.xml --save broken
    tokenspec check --report junit=check.xml --report md=check.md
    tokenspec check --scope tiny --certificate tiny.cert && tokenspec check --verify tiny.cert
    """
    if save == "-":
        raise WrongUsage("--save", "it is the beginning of file names, and nothing is saved to standard output")
    read = [name for name in (catalogue, verify) if name is not None]
    written = {} if save is None else paths(save)
    written |= {"--certificate": certificate} if certificate is not None else {}
    check_files(read, written | report_files(reports), output_file)
    _validate()
    if verify is not None:
        from tokenspec.oracle.check.verify import read as read_certificate
        from tokenspec.oracle.command.verbs.check_certificate import re_check

        found_in = read_certificate(Path(verify).read_bytes(), verify)
        with output(output_file) as to:
            return re_check(found_in, verify, to, quiet)
    world = SCOPES[scope]
    own = None if catalogue is None else catalogue_at(catalogue)
    settings = CheckSettings(
        world, EXAMPLES[scope], seed, settings_named(policy), own, max_states, time_limit, keeps_states=certificate is not None
    )
    with progress("checking", 2 * settings.examples) as tick:
        evidence = gather(settings, tick)
    found, broken = verdicts(evidence), breaches(evidence, catalogue)
    write_result(_forms(found, evidence, broken, quiet), form, output_file, reports)
    for line in saved(save, evidence, broken) if save is not None and broken else ():
        click.echo(one_line(line, 2_000), err=True)
    codes = exit_codes(found, evidence)
    if certificate is not None:
        _certify(certificate, found, evidence, codes)
    return INTERRUPTED if evidence.interrupted and not {BUG, SAFETY, LIVENESS} & set(codes) else gravest(codes)


def _certify(path: str, found: list[ClaimVerdict], evidence: Evidence, codes: list[int]) -> None:
    if codes or evidence.interrupted:
        click.echo(f"{path}: not written, since not everything holds", err=True)
        return
    from tokenspec.oracle.command.verbs.check_certificate import certified

    write_file("--certificate", path, certified(found, evidence))


def _forms(
    found: list[ClaimVerdict], evidence: Evidence, broken: list[BrokenClaim], quiet: bool
) -> dict[str, Callable[[IO[str]], object]]:
    verdict = _in_a_word(found, evidence)

    def text(to: IO[str]) -> None:
        if not quiet:
            as_text(found, evidence, broken, to)
        to.write(verdict + "\n")

    return {
        "text": text,
        "json": lambda to: to.write(as_json(as_data(found, evidence, broken))),
        "junit": lambda to: to.write(as_junit(found, evidence, broken)),
        "sarif": lambda to: to.write(as_json(as_sarif(found, evidence, broken))),
        "md": lambda to: to.write(as_markdown(found, evidence, broken, verdict)),
    }


def _in_a_word(found: list[ClaimVerdict], evidence: Evidence) -> str:
    codes = exit_codes(found, evidence)
    if evidence.interrupted:
        return "interrupted: what is told here is what was found until then"
    if NO_VERDICT in codes and gravest(codes) == NO_VERDICT:
        return "no verdict: a budget ran out"
    told = {
        0: "holds",
        SAFETY: "violated",
        LIVENESS: "violated",
        BUG: "the engines disagree: a bug of tokenspec, please report it",
    }
    return told.get(gravest(codes), "not everything was checked")


def _validate() -> None:
    """The declaration itself: names, types, links, clauses, claims. A fault here is ours, and raises."""
    whole, all_claims = system(), claims(DEFAULT.ranking)
    validate_system(whole)
    validate_claims(all_claims, whole.machines)
    cited: dict[str, tuple[str, ...]] = {f"claim {c.id}": c.clauses for c in all_claims}
    for machine in whole.machines:
        cited |= citations(machine)
    check_clauses(CLAUSES, cited)


def exit_codes(found: list[ClaimVerdict], evidence: Evidence) -> list[int]:
    """Every exit code that applies."""
    codes = [exit_of(evidence.fuzzed.failure)] if evidence.fuzzed.failure else []
    codes += [LIVENESS if v.claim in LIVENESS_CLAIMS else SAFETY for v in violations(evidence)]
    codes += [BUG] * any(disagreements(evidence))
    if not evidence.is_whole and not codes:
        codes.append(NO_VERDICT)
    if any(v.verdict == "not_checked" for v in found) and evidence.is_whole:
        codes.append(COVERAGE)
    if evidence.fuzzed.cold or evidence.deadlocks:
        codes.append(COVERAGE)
    return codes + [UNKNOWN] * any(v.verdict == "unknown" for v in found)
