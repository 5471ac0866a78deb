"""`tokenspec infer`: which policy settings explain logs."""

from __future__ import annotations

import click

from tokenspec.oracle.command.options import Output, output_options, resets_option, settings_options
from tokenspec.oracle.command.verbs.replay import inferred
from tokenspec.oracle.report.config import Settings
from tokenspec.oracle.wire.log_files import Logs


@click.command()
@click.argument("logs", nargs=-1, required=True, metavar="LOG...", type=click.Path())
@resets_option
@settings_options
@output_options("text", "json", "jsonl", "junit", "sarif", "md", reports=True)
def command(logs: tuple[str, ...], resets: str, settings: Settings, out: Output) -> int:
    """Finds the policy settings that explain everything the logs observed; `-` is standard input.

    All logs of one call are one world, and one implementation wrote them: a setting has to explain every account. Of
    each answer that is ruled out, the record is named after which no setting with it was left. --policy says what is known.

    \b
    tokenspec infer wallet.jsonl
    tokenspec infer *.jsonl --policy refund=none --format json
    """
    out.check([*logs, settings.catalogue_file])
    return out.write(inferred(Logs(logs), settings, resets, "infer"))
