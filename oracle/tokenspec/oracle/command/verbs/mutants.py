"""`tokenspec mutants`: seeds faults into the declaration, and shows the claim that kills each."""

from __future__ import annotations

import os

import click

from tokenspec.machine.mutation.operators import OPERATORS
from tokenspec.machine.mutation.systems import SYSTEM_OPERATORS
from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.nearest import did_you_mean
from tokenspec.oracle.base.whole_files import write_file
from tokenspec.oracle.check.mutants.answers import ANSWER_OPERATORS
from tokenspec.oracle.check.mutants.campaign import every_fault, fates
from tokenspec.oracle.check.mutants.recorded import as_record
from tokenspec.oracle.command.options import Output, output_options, progress
from tokenspec.oracle.report.mutants import mutants_report


@click.command()
@click.option("--only", metavar="TEXT", default="", help="Only faults whose id begins with TEXT: an operator, or one fault.")
@click.option("--workers", type=click.IntRange(min=1), default=os.cpu_count() or 1, help="Processes; default: one for each core.")
@click.option(
    "--record", metavar="FILE", type=click.Path(), help="Records the result of every fault, for the table beside the claims."
)
@output_options("text", "json", "junit", "md", reports=True)
def command(only: str, workers: int, record: str | None, out: Output) -> int:
    """Seeds every systematic fault into the declaration, and real bugs of other systems, and shows the claim that kills each.

    Faults are those of rules, memory and figures, of links, timers, calendars, event ids and the machines beside the account,
    and of what an answer shows.

    A fault is killed by a claim that it breaks, in a search, a proof or a random run; or refused as an invalid declaration.
    A fault with the original's answers in every state of the small scope under every policy is equivalent.
    A fault that survives fails the run with exit code 16.

    \b
    tokenspec mutants
    tokenspec mutants --only bug
    tokenspec mutants --only boundary.upgrade --format json
    tokenspec mutants --only timer
    """
    out.check((), {"--record": record})
    chosen = [fault for name, fault in every_fault().items() if name.startswith(only)]
    if not chosen:
        first = {name.partition(".")[0] for name in every_fault()}
        known = tuple(kind for kind in (*OPERATORS, *SYSTEM_OPERATORS, *ANSWER_OPERATORS, "bug") if kind in first)
        near = did_you_mean(only, known) or did_you_mean(only, every_fault())
        raise WrongUsage("--only", f"no fault's id begins with {only!r}; they begin with one of {', '.join(known)}{near}")
    with progress("seeding", len(chosen)) as tick:
        found = list(fates(chosen, tick, workers))
    if record is not None:
        write_file("--record", record, as_record(found))
    return out.write(mutants_report(found))
