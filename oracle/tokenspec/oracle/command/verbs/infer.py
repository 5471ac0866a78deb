"""`tokenspec infer`: the policy settings that explain logs."""

from __future__ import annotations

import click

from tokenspec.oracle.command.logs_read import LinesRead, empty_logs_of, logs_options, read_logs, rows_of
from tokenspec.oracle.command.options import RESETS_OF_LOGS, Output, output_options, progress, settings_options
from tokenspec.oracle.logs.infer import infer
from tokenspec.oracle.logs.replay import replay
from tokenspec.oracle.report.config import Settings
from tokenspec.oracle.report.infer import infer_report
from tokenspec.oracle.report.model import RunReport
from tokenspec.oracle.report.replays.notes import with_empty_logs
from tokenspec.oracle.runtime.oracle import Oracle


@click.command()
@logs_options
@RESETS_OF_LOGS
@settings_options
@output_options("text", "json", "jsonl", "junit", "sarif", "md", reports=True)
def command(logs: tuple[str, ...], map_file: str | None, resets: str, settings: Settings, out: Output) -> int:
    """Finds the policy settings that explain everything the logs observed; `-` is standard input.

    All logs of one call are one world, and one implementation wrote them: a setting has to explain every account. Of
    each answer that is ruled out, the report names the record after which no setting had it. --policy gives known settings.

    \b
    tokenspec infer wallet.jsonl
    tokenspec infer ledger.csv --map ledger.toml
    tokenspec infer *.jsonl --policy refund=none --format json
    """
    read = read_logs(logs, map_file, settings, out)
    return out.write(with_empty_logs(inferred(read, settings, resets, "infer"), empty_logs_of(read)))


def inferred(read: LinesRead, settings: Settings, resets: str, verb: str) -> RunReport:
    """Replays logs under every possible setting."""
    with progress("replaying", read.size or None, True) as tick:
        found = infer(read, settings.named, settings.catalogue, resets, tick)
    found.rows = rows_of(read)
    divergence = None
    if found.unexplained is not None:
        # The setting in the report explains every earlier record, so that its own replay first differs at this one too.
        divergence = replay(read, Oracle(found.example, settings.catalogue, resets)).divergences[0]
    return infer_report(found, resets, read.names, divergence, verb)
