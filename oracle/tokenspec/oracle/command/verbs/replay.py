"""`tokenspec replay`: logs against the specification."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click
import msgspec
from click.core import ParameterSource

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.text import shown_json
from tokenspec.oracle.base.whole_files import write_file
from tokenspec.oracle.command.against import OtherSettings, against_options
from tokenspec.oracle.command.files import lines_to
from tokenspec.oracle.command.logs_read import LinesRead, logs_options, read_logs, rows_of
from tokenspec.oracle.command.options import RESETS_OF_LOGS, Output, Seconds, output_options, progress, settings_or_infer_options
from tokenspec.oracle.command.verbs.infer import inferred
from tokenspec.oracle.logs.against import Against
from tokenspec.oracle.logs.kernel.run import replay_by_kernel
from tokenspec.oracle.logs.lateness import InOrder
from tokenspec.oracle.logs.policies_tried import explain, note_ties
from tokenspec.oracle.logs.progress import SavedOnTheWay
from tokenspec.oracle.logs.replay import replay
from tokenspec.oracle.report.config import Settings
from tokenspec.oracle.report.model import RunReport
from tokenspec.oracle.report.output import noted
from tokenspec.oracle.report.replay import replay_report
from tokenspec.oracle.report.replays.against import SettingsComparison
from tokenspec.oracle.report.replays.lateness import with_late_rows
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.snapshot import load_with_progress, save
from tokenspec.oracle.wire.log_files import Logs
from tokenspec.oracle.wire.records import Reader


@click.command()
@logs_options
@RESETS_OF_LOGS
@settings_or_infer_options
@click.option("--answers", metavar="FILE", type=click.Path(), help="Writes the oracle's answer to each record, one a line.")
@click.option("--save-state", metavar="FILE", type=click.Path(), help="Saves the oracle, to continue from it later.")
@click.option("--save-every", metavar="N", type=click.IntRange(min=1), help="Saves the state behind every N lines as well.")
@click.option("--load-state", metavar="FILE", type=click.Path(), help="Continues from a saved oracle with its settings.")
@click.option(
    "--late", metavar="SECONDS", type=Seconds(min=0, max=10**10), help="Puts each account's late records in their order."
)
@against_options
@output_options("text", "json", "jsonl", "junit", "sarif", "md", reports=True, table=True)
def command(
    logs: tuple[str, ...],
    map_file: str | None,
    resets: str,
    settings: Settings,
    answers: str | None,
    save_state: str | None,
    save_every: int | None,
    load_state: str | None,
    late: float | None,
    other: OtherSettings,
    out: Output,
) -> int:
    """Runs event logs through the oracle, in the order given, as one world; `-` is standard input.

    `observed` in a record is compared; after a divergence the account continues from the observation.
    Where nothing could be compared there is no verdict (20), unless --answers, --save-state or --against is given. --against
    and --against-catalogue say what would have been different under other settings; all of them together are one. With
    --policy infer a log conforms if some setting explains it, and the remaining answers are shown, as by `tokenspec infer`.

    \b
    tokenspec replay examples/*.jsonl
    tokenspec replay wallet.jsonl --policy lapse_bank=frozen --format json
    tokenspec replay wallet.jsonl --policy infer --policy refund=none
    tokenspec replay wallet.jsonl --report junit=replay.xml --report md=replay.md
    zcat *.gz | tokenspec replay - --answers answers.jsonl
    tokenspec replay ledger.csv --map ledger.toml
    tokenspec replay wallet.jsonl --against lapse_bank=frozen --against-catalogue prices.toml --fail-above 100
    tokenspec replay monday.jsonl --save-state s.json && tokenspec replay tuesday.jsonl --load-state s.json
    """
    _check_usage(logs, load_state, save_state, save_every)
    other.check(settings, {"--save-state": save_state, "--load-state": load_state})
    written = {"--answers": answers, "--save-state": save_state}
    for option, path in written.items():
        if settings.infers and path is not None:
            raise WrongUsage(option, "the option needs one setting, and --policy infer follows all; leave one of them out")
    if answers is not None and late is not None:
        raise WrongUsage("--answers", "they are in the order of the lines, which --late changes; leave one of them out")
    out.check([None if load_state == save_state else load_state, other.catalogue_file], written)
    read = read_logs(logs, map_file, settings, out, written)
    if settings.infers:
        lines = _in_order(read, late, Oracle(settings.policy, settings.catalogue).reader)
        return out.write(_with_late(inferred(lines, settings, resets, "replay"), lines))
    oracle, run = _begun(read.names, settings, resets, load_state, late)
    if run.progress.lines and answers is not None:
        raise WrongUsage("--answers", "the answers to the lines behind the loaded state are not in it; leave one of them out")
    against = Against(oracle, other.oracle(oracle)) if other.is_given else None
    failed: list[WrongUsage] = []
    run.lines = lines = _in_order(read, late, oracle.reader)
    if save_state is not None:
        run.every, run.keep = save_every, partial(_keep, save_state, failed)
    with lines_to("--answers", answers, failed) as write, progress("replaying", read.size or None, True) as tick:
        encode = msgspec.json.Encoder().encode
        on_answer = None if write is None else lambda answer: write(shown_json(encode(answer)).encode())
        asks_for_more = against is not None or any(path is not None for path in written.values())
        fast = None
        if isinstance(lines, Logs) and not asks_for_more and load_state is None:
            fast = replay_by_kernel(lines, oracle, tick)
        found, judged = fast or (replay(run, oracle, on_answer, tick, against, run.progress), lines)
        found.rows = rows_of(read)
        if run.is_from_the_start:
            explain(found, judged, oracle.policy, oracle.catalogue, oracle.resets)
            note_ties(found, judged, oracle.policy, oracle.catalogue, oracle.resets)
    if save_state is not None:
        _keep(save_state, failed, save(oracle))
    report = replay_report(found, oracle, read.names, asks_for_more=asks_for_more)
    if against is not None:
        report = SettingsComparison(against, found.accounts, other.fail_above, other.catalogue_file).added_to(report)
    return out.write(_with_late(report, lines), failed)


def _begun(
    names: list[str], settings: Settings, resets: str, load_state: str | None, late: float | None
) -> tuple[Oracle, SavedOnTheWay]:
    """Returns the oracle and the replay, from the start or from a saved state."""
    oracle, kept = Oracle(settings.policy, settings.catalogue, resets), None
    if load_state is not None:
        oracle, kept = load_with_progress(Path(load_state).read_bytes(), load_state)
    run = SavedOnTheWay(names, late, oracle, load_state is None)
    if kept is not None and load_state is not None:
        run.go_on_from(kept, load_state)
    return oracle, run


def _keep(path: str, failed: list[WrongUsage], state: bytes) -> None:
    """Saves a state. Where that has failed once it is not tried again, and the run goes on for the sake of its verdict."""
    option = "--save-state"
    if all(fault.key != option for fault in failed):
        with noted(failed):
            write_file(option, path, state)


def _in_order(read: LinesRead, late: float | None, reader: Reader) -> LinesRead:
    if late is None:
        return read
    with progress("ordering", read.size or None, True) as tick:
        return InOrder(read, read.names, read.size, reader, round(late * 1000), tick)


def _with_late(report: RunReport, lines: LinesRead) -> RunReport:
    return with_late_rows(report, lines) if isinstance(lines, InOrder) else report


def _check_usage(logs: tuple[str, ...], load_state: str | None, save_state: str | None, save_every: int | None) -> None:
    if logs.count("-") > 1:
        raise WrongUsage("LOG", "standard input can be read only once, and - is given twice")
    if save_state == "-":
        raise WrongUsage("--save-state", "a state is saved to a file, not to standard output")
    if save_every is not None and save_state is None:
        raise WrongUsage("--save-every", "it says how often --save-state saves; give --save-state as well")
    context = click.get_current_context()
    for name in ("policy", "catalogue", "resets"):
        if load_state is not None and context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise WrongUsage(f"--{name}", "a saved state brings its own settings; leave it out beside --load-state")
