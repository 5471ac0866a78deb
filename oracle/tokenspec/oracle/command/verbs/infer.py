"""`tokenspec infer`: which policy settings explain logs."""

from __future__ import annotations

import click

from tokenspec.oracle.command.files import check_files
from tokenspec.oracle.command.options import catalogue_at, output_options, progress, resets_option, settings_options
from tokenspec.oracle.logs.infer import infer
from tokenspec.oracle.report.infer import data, exit_of, text
from tokenspec.oracle.report.output import output
from tokenspec.oracle.report.text import as_json
from tokenspec.oracle.wire.log_files import Logs
from tokenspec.oracle.wire.settings import settings_named


@click.command()
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@resets_option
@settings_options
@output_options("text", "json")
def command(
    logs: tuple[str, ...],
    resets: str,
    policy: tuple[str, ...],
    catalogue: str | None,
    form: str,
    output_file: str | None,
    quiet: bool,
) -> int:
    """Finds the policy settings that explain everything the logs observed; `-` is standard input.

    All logs of one call are one world, and one implementation wrote them: a setting has to explain every account. Of
    each answer that is ruled out, the record is named after which no setting with it was left. --policy says what is known.

    \b
    tokenspec infer wallet.jsonl
    tokenspec infer *.jsonl --policy refund=none --format json
    """
    check_files([path for path in (*logs, catalogue) if path is not None], {}, output_file)
    read, chosen = Logs(logs), catalogue_at(catalogue)
    with progress("inferring", read.size or None) as tick:
        found = infer(read, settings_named(policy), chosen, resets, tick)
    with output(output_file) as to:
        if form == "json":
            to.write(as_json(data(found, chosen, resets)))
        else:
            text(found, to, quiet)
    return exit_of(found)
