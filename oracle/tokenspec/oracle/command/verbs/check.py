"""`tokenspec check`: every claim, and how it was discharged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from tokenspec.machine.lang.counts import counted
from tokenspec.machine.lang.derived.validate_specification import validate_specification
from tokenspec.oracle.base.errors import BadSetting, WrongUsage
from tokenspec.oracle.base.specification import SCOPES, SPEC, USUAL_SCOPE
from tokenspec.oracle.base.text import one_line, path_text
from tokenspec.oracle.base.whole_files import write_file
from tokenspec.oracle.check.concretize import Log, UnrealisableError, answered, realised
from tokenspec.oracle.check.counterexample import Counterexample, itf
from tokenspec.oracle.check.evidence import CheckSettings, Evidence, gather
from tokenspec.oracle.check.verdicts import verdicts
from tokenspec.oracle.command.options import Output, RealNumber, output_options, progress, refuse, settings_options
from tokenspec.oracle.fuzz.worlds import Failure
from tokenspec.oracle.report.check import BrokenClaim, breaches, check_report
from tokenspec.oracle.report.config import Settings
from tokenspec.oracle.report.forms import as_json, saved_log
from tokenspec.oracle.report.output import noted, raise_all

EXAMPLES = dict(zip(SCOPES, (120, 200, *[2_000] * len(SCOPES)), strict=False))
"""The number of fuzz examples for each scope, from the smallest on."""


@click.command()
@click.option(
    "--scope",
    type=click.Choice(list(SCOPES)) if SCOPES else str,
    default=USUAL_SCOPE,
    show_default=True,
    help="The world that is searched.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same random runs.")
@click.option("--max-states", type=click.IntRange(min=1), metavar="N", help="Ends a search after N states, without a verdict.")
@click.option("--time-limit", type=RealNumber(min=0), metavar="SECONDS", help="Ends a search after so long, without a verdict.")
@click.option(
    "--save",
    metavar="STEM",
    type=click.Path(),
    help="Where something is violated, writes STEM.itf.json (the trace), STEM.jsonl (a log that `replay` reads), STEM.toml.",
)
@click.option(
    "--certificate",
    metavar="FILE",
    type=click.Path(),
    help="Writes a certificate, with which others can re-check a check that held.",
)
@click.option(
    "--verify", metavar="FILE", type=click.Path(), help="Re-checks a certificate by other means, and checks nothing else."
)
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
    settings: Settings,
    out: Output,
) -> int:
    """Checks every claim about the declared account and prints a table: the claim, its verdict, and the method.

    A prover takes every figure and every policy at once; a search visits every state of a small world, and every state
    of a tiny one under every policy; random runs go through the clocks and the journal as well. A claim counts only if
    its interesting case occurred, or is shown to be impossible under --policy and --catalogue. --policy narrows searches and
    runs, never the proofs; --catalogue is for the runs, and the names in it are for the proofs too.

    \b
    tokenspec check
    tokenspec check --scope standard --format json -o report.json
    tokenspec check --scope tiny --policy lapse_bank=frozen --policy refund=none
    tokenspec check --catalogue catalogue.toml
    tokenspec check --format junit -o check.xml --save broken
    tokenspec check --report junit=check.xml --report md=check.md
    tokenspec check --scope tiny --certificate tiny.cert && tokenspec check --verify tiny.cert
    """
    if save == "-":
        raise WrongUsage("--save", "the value is the beginning of file names; nothing is saved to standard output")
    written = {} if save is None else paths(save)
    out.check([settings.catalogue_file, verify], {**written, "--certificate": certificate})
    # For the shipped one, which nothing else has validated.
    validate_specification(SPEC)
    if not SCOPES:
        raise BadSetting(f"specification {SPEC.name}", "it has no scope to search; give its `scopes` a Scope")
    if verify is not None:
        others = ("scope", "seed", "max_states", "time_limit", "save", "certificate", "policy", "catalogue")
        refuse("a certificate names its own settings, and --verify checks nothing beside it", *others)
        from tokenspec.oracle.check.verify import read as read_certificate
        from tokenspec.oracle.command.verbs.check_certificate import verified

        found_in = read_certificate(Path(verify).read_bytes(), verify)
        return out.write(verified(found_in, verify))
    asked = CheckSettings(
        SCOPES[scope],
        EXAMPLES[scope],
        seed,
        settings.named,
        settings.own_catalogue,
        max_states,
        time_limit,
        keeps_states=certificate is not None,
    )
    with progress("checking", 2 * asked.examples) as tick:
        evidence = gather(asked, tick)
    found, broken = verdicts(evidence), breaches(evidence, settings.catalogue_file)
    code = out.write(check_report(found, evidence, broken))
    failed: list[WrongUsage] = []
    with noted(failed):
        for line in saved(save, evidence, broken) if save is not None and broken else ():
            click.echo(one_line(line, 2_000), err=True)
    if certificate is not None and code:
        click.echo(f"{path_text(certificate)}: not written, since not everything holds", err=True)
    elif certificate is not None:
        from tokenspec.oracle.command.verbs.check_certificate import certified

        with noted(failed):
            write_file("--certificate", certificate, certified(found, evidence))
    raise_all(failed)
    return code


_TRACE, _LOG, _CATALOGUE = ".itf.json", ".jsonl", ".toml"


def paths(stem: str) -> dict[str, str]:
    """Returns every file that may be written, by its description in errors."""
    return {f"--save ({stem}{ending})": stem + ending for ending in (_TRACE, _LOG, _CATALOGUE)}


def saved(stem: str, evidence: Evidence, broken: Sequence[BrokenClaim]) -> Iterator[str]:
    """Writes the first counterexample of the searches, or else the random run that failed; yields a line for each file.

    The log holds the answers of the faulty declaration: it conforms to it, and diverges once the fault is mended.
    """
    example = next((breach.example for breach in broken if breach.example is not None), None)
    if example is not None:
        write_file("--save", stem + _TRACE, as_json(itf(example)).encode())
        length = counted(len(example.trace), "event")
        yield f"saved {stem}{_TRACE}: the trace that breaks {example.claim.id} ({example.part}), {length}"
    log = _log(example, evidence.fuzzed.failure)
    if isinstance(log, str):
        yield log
    else:
        world, note = log.world, f"; {log.note}" if log.note else ""
        again = saved_log(stem + _LOG, log.records, world.policy, world.resets, world.catalogue, Settings())
        yield f"saved {stem}{_LOG}: a log that breaks it, {counted(len(log.records), 'record')}{note}; {again}"


def _log(example: Counterexample | None, failure: Failure | None) -> Log | str:
    """Returns the counterexample as a log, or the random run that failed; where there is none, the reason."""
    why = "no log: none of the violations is a run of an account"
    if example is not None:
        try:
            return realised(example)
        except UnrealisableError as fault:
            why = f"no log: {fault}"
    if failure is not None and failure.records:
        return Log(answered(failure.records, failure.world), failure.world, "it is the random run that failed")
    return why
