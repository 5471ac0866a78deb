"""`tokenspec replay`: logs against the specification."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from click.core import ParameterSource

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.text import shown_json
from tokenspec.oracle.base.whole_files import write_file
from tokenspec.oracle.command.files import lines_to
from tokenspec.oracle.command.logs_read import logs_options, read_logs, rows_of
from tokenspec.oracle.command.options import RESETS_OF_LOGS, Output, output_options, progress, settings_or_infer_options
from tokenspec.oracle.command.verbs.infer import inferred
from tokenspec.oracle.logs.policies_tried import explain, note_ties
from tokenspec.oracle.logs.replay import replay
from tokenspec.oracle.report.config import Settings
from tokenspec.oracle.report.output import noted
from tokenspec.oracle.report.replay import replay_report
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.snapshot import load, save


@click.command()
@logs_options
@RESETS_OF_LOGS
@settings_or_infer_options
@click.option("--answers", metavar="FILE", type=click.Path(), help="Writes the oracle's answer to each record, one a line.")
@click.option("--save-state", metavar="FILE", type=click.Path(), help="Saves the oracle, to continue from it later.")
@click.option("--load-state", metavar="FILE", type=click.Path(), help="Continues from a saved oracle with its settings.")
@output_options("text", "json", "jsonl", "junit", "sarif", "md", reports=True)
def command(
    logs: tuple[str, ...],
    map_file: str | None,
    resets: str,
    settings: Settings,
    answers: str | None,
    save_state: str | None,
    load_state: str | None,
    out: Output,
) -> int:
    """Runs event logs through the oracle, in the order given, as one world; `-` is standard input.

    `observed` in a record is compared; after a divergence the account continues from the observation.
    Where nothing could be compared there is no verdict (20), unless --answers or --save-state is given. With
    --policy infer a log conforms if some setting explains it, and the remaining answers are shown, as by `tokenspec infer`.

    \b
    tokenspec replay examples/*.jsonl
    tokenspec replay wallet.jsonl --policy lapse_bank=frozen --format json
    tokenspec replay wallet.jsonl --policy infer --policy refund=none
    tokenspec replay wallet.jsonl --report junit=replay.xml --report md=replay.md
    zcat *.gz | tokenspec replay - --answers answers.jsonl
    tokenspec replay ledger.csv --map ledger.toml
    tokenspec replay monday.jsonl --save-state s.json && tokenspec replay tuesday.jsonl --load-state s.json
    """
    _check_usage(logs, load_state, save_state)
    written = {"--answers": answers, "--save-state": save_state}
    for option, path in written.items():
        if settings.infers and path is not None:
            raise WrongUsage(option, "the option needs one setting, and --policy infer follows all; leave one of them out")
    out.check([load_state], written)
    read = read_logs(logs, map_file, settings, out, written)
    if settings.infers:
        return out.write(inferred(read, settings, resets, "replay"))
    if load_state is not None:
        oracle = load(Path(load_state).read_bytes(), load_state)
    else:
        oracle = Oracle(settings.policy, settings.catalogue, resets)
    failed: list[WrongUsage] = []
    with lines_to("--answers", answers, failed) as write, progress("replaying", read.size or None) as tick:
        encode = msgspec.json.Encoder().encode
        found = replay(read, oracle, None if write is None else lambda answer: write(shown_json(encode(answer)).encode()), tick)
        found.rows = rows_of(read)
        if load_state is None:
            explain(found, read, oracle.policy, oracle.catalogue, oracle.resets)
            note_ties(found, read, oracle.policy, oracle.catalogue, oracle.resets)
    if save_state is not None:
        with noted(failed):
            write_file("--save-state", save_state, save(oracle))
    asks_for_more = any(path is not None for path in written.values())
    return out.write(replay_report(found, oracle, read.names, asks_for_more=asks_for_more), failed)


def _check_usage(logs: tuple[str, ...], load_state: str | None, save_state: str | None) -> None:
    if logs.count("-") > 1:
        raise WrongUsage("LOG", "standard input can be read only once, and - is given twice")
    if save_state == "-":
        raise WrongUsage("--save-state", "a state is saved to a file, not to standard output")
    context = click.get_current_context()
    for name in ("policy", "catalogue", "resets"):
        if load_state is not None and context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise WrongUsage(f"--{name}", "a saved state brings its own settings; leave it out beside --load-state")
