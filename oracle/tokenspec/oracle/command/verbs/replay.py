"""`tokenspec replay`: logs against the specification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
import msgspec
from click.core import ParameterSource

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.text import shown_json
from tokenspec.oracle.base.whole_files import cannot_be_written, write_file
from tokenspec.oracle.command.against import OtherSettings, against_options
from tokenspec.oracle.command.files import lines_to
from tokenspec.oracle.command.logs_read import LinesRead, empty_logs_of, logs_options, read_logs, rows_of
from tokenspec.oracle.command.options import (
    RESETS_OF_LOGS,
    Duration,
    Output,
    Seconds,
    output_options,
    progress,
    settings_or_infer_options,
)
from tokenspec.oracle.command.verbs.infer import inferred
from tokenspec.oracle.logs.against import Against
from tokenspec.oracle.logs.kernel.journal_file import JournalFile, journal_of
from tokenspec.oracle.logs.kernel.on_the_way import OnTheWay
from tokenspec.oracle.logs.kernel.run import SizedLines, replay_by_kernel
from tokenspec.oracle.logs.lateness import InOrder
from tokenspec.oracle.logs.policies_tried import explain, note_ties
from tokenspec.oracle.logs.progress import SavedOnTheWay
from tokenspec.oracle.logs.replay import replay
from tokenspec.oracle.report.config import Settings
from tokenspec.oracle.report.model import RunReport
from tokenspec.oracle.report.output import noted
from tokenspec.oracle.report.replay import replay_report
from tokenspec.oracle.report.replays.against import SettingsComparison
from tokenspec.oracle.report.replays.empty_logs import with_empty_logs
from tokenspec.oracle.report.replays.lateness import with_late_rows
from tokenspec.oracle.report.replays.remembered import with_remembered_time
from tokenspec.oracle.runtime.forgetting import written as as_time
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.snapshot import load_with_progress, save
from tokenspec.oracle.runtime.state_digest import state_digest
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
@click.option("--remember", metavar="TIME", type=Duration(), help="Remembers ids and jobs for a time only, such as 90d.")
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
    remember: int | None,
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
    tokenspec replay years/*.jsonl --remember 90d
    tokenspec replay monday.jsonl --save-state s.json && tokenspec replay tuesday.jsonl --load-state s.json
    """
    _check_usage(logs, load_state, save_state, save_every)
    other.check(settings, {"--save-state": save_state, "--load-state": load_state})
    written = {"--answers": answers, "--save-state": save_state}
    _check_together(settings, {**written, "--remember": remember}, late)
    outputs = written | {"--save-every": str(journal_of(save_state)) if save_state and save_every else None}
    out.check([None if load_state == save_state else load_state, other.catalogue_file], outputs)
    read = read_logs(logs, map_file, settings, out, outputs)
    if settings.infers:
        lines = _in_order(read, late, Oracle(settings.policy, settings.catalogue).reader)
        return out.write(with_empty_logs(with_late_rows(inferred(lines, settings, resets, "replay"), lines), empty_logs_of(read)))
    oracle, run = _begun(read.names, settings, resets, load_state, late, remember)
    if run.expected and answers is not None:
        raise WrongUsage("--answers", "the answers to the lines behind the loaded state are not in it; leave one of them out")
    against = Against(oracle, other.oracle(oracle)) if other.is_given else None
    failed: list[WrongUsage] = []
    run.lines = lines = _in_order(read, late, oracle.reader)
    journal = _saves(run, save_state, save_every, failed)
    way = OnTheWay.of(run, oracle, journal) if journal is not None or run.of_kernel is not None else None
    with lines_to("--answers", answers, failed) as write, progress("replaying", read.size or None, True) as tick:
        on_answer = None if write is None else lambda answer: write(shown_json(msgspec.json.encode(answer)).encode())
        asks_for_more = against is not None or any(path is not None for path in written.values())
        fast = None
        is_for_oracle = answers or run.progress.lines or (save_every is not None and journal is None)
        if isinstance(lines, Logs | SizedLines) and not is_for_oracle:
            judge = replay_by_kernel if way is None else partial(replay_by_kernel, way=way)
            fast = judge(lines, oracle, tick, keeps_state=save_state is not None, against=against)
        found, judged = fast or (replay(run, oracle, on_answer, tick, against, run.progress), lines)
        found.rows = rows_of(read)
        if run.is_from_the_start:
            explain(found, judged, oracle)
            note_ties(found, judged, oracle)
    report = replay_report(found, oracle, read.names, asks_for_more=asks_for_more)
    if save_state is not None:
        report = _saved(report, oracle, save_state, journal, failed)
    if oracle.remember is not None:
        report = with_remembered_time(report, oracle.remember)
    if against is not None:
        report = SettingsComparison(against, found.accounts, other.fail_above, other.catalogue_file).added_to(report)
    return out.write(with_empty_logs(with_late_rows(report, lines), empty_logs_of(read)), failed)


def _check_together(settings: Settings, given: Mapping[str, object], late: float | None) -> None:
    for option, value in given.items():
        if settings.infers and value is not None:
            raise WrongUsage(option, "the option needs one setting, and --policy infer follows all; leave one of them out")
    if given["--answers"] is not None and late is not None:
        raise WrongUsage("--answers", "they are in the order of the lines, which --late changes; leave one of them out")


def _saves(run: SavedOnTheWay, save_state: str | None, every: int | None, failed: list[WrongUsage]) -> JournalFile | None:
    """Sets what is saved on the way; returns the journal beside the state, where there is one."""
    if save_state is None:
        return None
    run.every, run.keep = every, partial(_keep, save_state, failed)
    is_file = not Path(save_state).exists() or Path(save_state).is_file()
    return JournalFile(save_state, partial(_journal_failed, failed)) if every is not None and is_file else None


def _saved(
    report: RunReport, oracle: Oracle, save_state: str, journal: JournalFile | None, failed: list[WrongUsage]
) -> RunReport:
    """Saves the state at the end; returns the report with its digest."""
    _keep(save_state, failed, save(oracle))
    if journal is not None and all(fault.key != "--save-state" for fault in failed):
        journal.remove()
    return replace(report, data=lambda: report.data() | {"state_digest": state_digest(oracle.accounts)})


def _begun(
    names: list[str], settings: Settings, resets: str, load_state: str | None, late: float | None, remember: int | None
) -> tuple[Oracle, SavedOnTheWay]:
    """Returns the oracle and the replay, from the start or from a saved state."""
    oracle, kept = Oracle(settings.policy, settings.catalogue, resets, remember=remember), None
    if load_state is not None:
        oracle, kept = load_with_progress(Path(load_state).read_bytes(), load_state)
        if remember is not None and remember != oracle.remember:
            saved = "for ever" if oracle.remember is None else f"for {as_time(oracle.remember)}"
            raise WrongUsage("--remember", f"{load_state} remembers {saved}; leave it out, or replay from the start")
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


def _journal_failed(failed: list[WrongUsage], fault: OSError) -> None:
    failed.append(cannot_be_written("--save-state", str(fault.filename or "its journal"), fault))


def _in_order(read: LinesRead, late: float | None, reader: Reader) -> LinesRead:
    if late is None:
        return read
    with progress("ordering", read.size or None, True) as tick:
        return InOrder(read, read.names, read.size, reader, round(late * 1000), tick)


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
