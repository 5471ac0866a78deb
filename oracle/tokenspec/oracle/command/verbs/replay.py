"""`tokenspec replay`: logs against the specification."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import msgspec
from click.core import ParameterSource

from tokenspec.oracle.base.errors import BadSetting, WrongUsage
from tokenspec.oracle.base.text import path_text, shown_json
from tokenspec.oracle.command.files import lines_to
from tokenspec.oracle.command.logs_read import LinesRead, empty_logs_of, logs_options, read_logs, rows_of
from tokenspec.oracle.command.options import (
    RESETS_OF_LOGS,
    Duration,
    Output,
    RealNumber,
    output_options,
    policy_settings,
    progress,
    settings_or_infer_options,
    together,
)
from tokenspec.oracle.command.saved_states import Begun, StateToSave
from tokenspec.oracle.command.verbs.infer import inferred
from tokenspec.oracle.logs.against import Against
from tokenspec.oracle.logs.kernel.journal_file import is_journal, journal_of
from tokenspec.oracle.logs.kernel.on_the_way import OnTheWay
from tokenspec.oracle.logs.kernel.run import SizedLines, replay_by_kernel
from tokenspec.oracle.logs.lateness import InOrder
from tokenspec.oracle.logs.policies_tried import explain, note_ties
from tokenspec.oracle.logs.progress import SavedOnTheWay
from tokenspec.oracle.logs.replay import Report, replay
from tokenspec.oracle.report.config import Settings
from tokenspec.oracle.report.replay import replay_report
from tokenspec.oracle.report.replays.against import SettingsComparison
from tokenspec.oracle.report.replays.notes import with_empty_logs, with_late_rows, with_remembered_time
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.log_files import Line, Logs
from tokenspec.oracle.wire.records import Reader
from tokenspec.oracle.wire.settings import catalogue_from_file, settings_named


@dataclass(frozen=True)
class OtherSettings:
    """The other setting: the choices `named`, and the file of a catalogue; what they leave out is as in the run."""

    named: Mapping[str, str]
    catalogue_file: str | None
    fail_above: int | None

    @property
    def is_given(self) -> bool:
        """True where a comparison is asked for."""
        return bool(self.named) or self.catalogue_file is not None

    def check(self, settings: Settings, states: Mapping[str, str | None]) -> None:
        """Raises `WrongUsage` for options that do not go together with a comparison."""
        if not self.is_given:
            if self.fail_above is not None:
                raise WrongUsage("--fail-above", "it counts the accounts that --against touches; give --against as well")
            return
        if settings.infers:
            raise WrongUsage("--against", "the option needs one setting, and --policy infer follows all; leave one of them out")
        for option, path in states.items():
            if path is not None:
                raise WrongUsage(option, "a state holds accounts under one setting, and --against has two; leave one of them out")

    def oracle(self, own: Oracle) -> Oracle:
        """Returns a new world under the other setting. Raises `BadSetting`, `OSError`."""
        catalogue = own.catalogue if self.catalogue_file is None else catalogue_from_file(Path(self.catalogue_file))
        return Oracle({**own.policy, **self.named}, catalogue, own.resets, remember=own.remember)


def _other_settings(against: Sequence[str], against_catalogue: Sequence[str], fail_above: int | None) -> OtherSettings:
    try:
        named = settings_named(against)
    except BadSetting as fault:
        raise WrongUsage(f"--against {fault.key.removeprefix('policy ')}", fault.rule) from None
    if len(set(against_catalogue)) > 1:
        told = " and ".join(against_catalogue)
        raise WrongUsage("--against-catalogue", f"a catalogue is whole, and {told} are given; make one file of them")
    return OtherSettings(named, next(iter(against_catalogue), None), fail_above)


against_options = together(
    "other",
    _other_settings,
    click.option(
        "--against",
        metavar="NAME=ANSWER",
        multiple=True,
        shell_complete=policy_settings,
        help="Compares this run with another setting, over the same records; may be given again.",
    ),
    click.option(
        "--against-catalogue",
        metavar="FILE",
        multiple=True,
        type=click.Path(),
        help="Compares this run with another catalogue, together with what --against says.",
    ),
    click.option(
        "--fail-above",
        metavar="N",
        type=click.IntRange(min=0),
        help="With --against: exits with 16 where more than N accounts are touched.",
    ),
)


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
    "--late", metavar="SECONDS", type=RealNumber(min=0, max=10**10), help="Puts each account's late records in their order."
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
    begun = Begun(settings, resets, load_state, remember)
    oracle, run = begun.oracle, SavedOnTheWay(read.names, late, begun.oracle, load_state is None)
    begun.goes_on(run)
    if run.expected and answers is not None:
        raise WrongUsage("--answers", "the answers to the lines behind the loaded state are not in it; leave one of them out")
    against = Against(oracle, other.oracle(oracle)) if other.is_given else None
    failed: list[WrongUsage] = []
    run.lines = lines = _in_order(read, late, oracle.reader)
    state = None if save_state is None else StateToSave(save_state, save_every, run, failed)
    with lines_to("--answers", answers, failed) as write, progress("replaying", read.size or None, True) as tick:
        on_answer = None if write is None else lambda answer: write(shown_json(msgspec.json.encode(answer)).encode())
        asks_for_more = against is not None or any(path is not None for path in written.values())
        fast = None if answers else _by_kernel(run, begun, lines, tick, against, state)
        if fast is None:
            begun.takes_in()
        found, judged = fast or (replay(run, oracle, on_answer, tick, against, run.progress), lines)
        found.rows = rows_of(read)
        if run.is_from_the_start:
            explain(found, judged, oracle)
            note_ties(found, judged, oracle)
    report = replay_report(found, oracle, read.names, asks_for_more=asks_for_more)
    if state is not None:
        report = state.saved(report, oracle)
    if oracle.remember is not None:
        report = with_remembered_time(report, oracle.remember)
    if against is not None:
        report = SettingsComparison(against, found.accounts, other.fail_above, other.catalogue_file).added_to(report)
    return out.write(with_empty_logs(with_late_rows(report, lines), empty_logs_of(read)), failed)


def _by_kernel(
    run: SavedOnTheWay,
    begun: Begun,
    lines: LinesRead,
    tick: Callable[[int], None],
    against: Against | None,
    state: StateToSave | None,
) -> tuple[Report, Iterable[Line]] | None:
    """Replays logs by the kernel, from their start or from a state of one; returns None where the oracle has to do it."""
    oracle, journal = begun.oracle, None if state is None else state.journal
    way = OnTheWay.of(run, oracle, journal) if journal is not None or run.of_kernel is not None else None
    begun.before = begun.before if way is None or way.before is None else way.before
    if run.progress.lines or (run.every is not None and journal is None) or not isinstance(lines, Logs | SizedLines):
        return None
    judge = partial(replay_by_kernel, lines, oracle, tick, way=way, against=against, before=begun.before)
    return judge() if state is None else judge(keeps_state=True, keep=partial(state.ends, oracle))


def _check_together(settings: Settings, given: Mapping[str, object], late: float | None) -> None:
    for option, value in given.items():
        if settings.infers and value is not None:
            raise WrongUsage(option, "the option needs one setting, and --policy infer follows all; leave one of them out")
    if given["--answers"] is not None and late is not None:
        raise WrongUsage("--answers", "they are in the order of the lines, which --late changes; leave one of them out")


def _in_order(read: LinesRead, late: float | None, reader: Reader) -> LinesRead:
    if late is None:
        return read
    with progress("ordering", read.size or None, True) as tick:
        return InOrder(read, read.names, read.size, reader, round(late * 1000), tick)


def _check_journal(save_state: str, load_state: str | None) -> None:
    """Raises `WrongUsage` where the journal of another replay would be written over, which its state cannot do without.

    So it does where a file of another kind would; one that a replay left which was killed before it saved a state is of no use.
    """
    journal = journal_of(save_state)
    is_loaded = load_state is not None and os.path.realpath(load_state) == os.path.realpath(save_state)
    if is_loaded or not journal.exists():
        return
    if not os.path.exists(save_state) and not (journal.is_file() and is_journal(journal)):
        rule = f"{path_text(str(journal))} is no journal of a replay, and would be written over; name another file"
        raise WrongUsage("--save-every", rule)
    if os.path.exists(save_state):
        state = path_text(save_state)
        rule = f"{path_text(str(journal))} is of a replay that has not come to its end, and would be written over"
        raise WrongUsage("--save-every", f"{rule}; go on with --load-state {state}, name another file, or remove the two")


def _check_usage(logs: tuple[str, ...], load_state: str | None, save_state: str | None, save_every: int | None) -> None:
    if logs.count("-") > 1:
        raise WrongUsage("LOG", "standard input can be read only once, and - is given twice")
    if save_state == "-":
        raise WrongUsage("--save-state", "a state is saved to a file, not to standard output")
    if save_every is not None:
        if save_state is None:
            raise WrongUsage("--save-every", "it says how often --save-state saves; give --save-state as well")
        _check_journal(save_state, load_state)
    context = click.get_current_context()
    for name in ("policy", "catalogue", "resets"):
        if load_state is not None and context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise WrongUsage(f"--{name}", "a saved state brings its own settings; leave it out beside --load-state")
