"""`tokenspec replay`: logs against the specification."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

import click
import msgspec
from click.core import ParameterSource

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.command.files import check_files, lines_to, write_file
from tokenspec.oracle.command.options import catalogue_at, output_options, progress, resets_option, settings_or_infer_options
from tokenspec.oracle.logs.infer import infer
from tokenspec.oracle.logs.policies_tried import explain
from tokenspec.oracle.logs.replay import Divergence, replay
from tokenspec.oracle.report.exits import BAD_DATA, DIVERGES, HOLDS, gravest
from tokenspec.oracle.report.infer import data, exit_of, replay_data, replayed, text, unexplained_text
from tokenspec.oracle.report.replay import as_lines, forms
from tokenspec.oracle.report.replay_ci import replay_forms
from tokenspec.oracle.report.text import Reports, as_json, report_files, write_result
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.snapshot import load, save
from tokenspec.oracle.wire.log_files import Logs
from tokenspec.oracle.wire.settings import infers, policy_from_options, settings_named, without_infer
from tokenspec.spec.catalogue import Catalogue


@click.command()
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@resets_option
@settings_or_infer_options
@click.option("--answers", metavar="FILE", type=click.Path(), help="Writes the oracle's answer to each record, one a line.")
@click.option("--save-state", metavar="FILE", type=click.Path(), help="Saves the oracle, to go on from later.")
@click.option("--load-state", metavar="FILE", type=click.Path(), help="Goes on from a saved oracle and its settings.")
@output_options("text", "json", "jsonl", "junit", "sarif", "md", reports=True)
def command(
    logs: tuple[str, ...],
    resets: str,
    policy: tuple[str, ...],
    catalogue: str | None,
    answers: str | None,
    save_state: str | None,
    load_state: str | None,
    form: str,
    output_file: str | None,
    quiet: bool,
    reports: Reports,
) -> int:
    """Runs event logs through the oracle, in the order given, as one world; `-` is standard input.

    Where records say what was `observed`, it is compared, up to each account's first divergence. With --policy infer
    it conforms where some setting explains it all, and the answers that are left are shown, as by `tokenspec infer`.

    \b
    tokenspec replay examples/*.jsonl
    tokenspec replay wallet.jsonl --policy lapse_bank=frozen --format json
    tokenspec replay wallet.jsonl --policy infer --policy refund=none
    tokenspec replay wallet.jsonl --report junit=replay.xml --report md=replay.md
    zcat *.gz | tokenspec replay - --answers answers.jsonl
    tokenspec replay monday.jsonl --save-state s.json && tokenspec replay tuesday.jsonl --load-state s.json
    """
    _check_usage(logs, load_state, save_state)
    _check_infers(policy, {"--answers": answers, "--save-state": save_state})
    check_files(
        [path for path in (*logs, catalogue, load_state) if path is not None],
        {"--answers": answers, "--save-state": save_state} | report_files(reports),
        output_file,
    )
    read = Logs(logs)
    if infers(policy):
        known = settings_named(without_infer(policy))
        return _replay_under_all(read, known, catalogue_at(catalogue), resets, quiet, form, output_file, reports)
    if load_state is not None:
        oracle = load(Path(load_state).read_bytes(), load_state)
    else:
        oracle = Oracle(policy_from_options(policy), catalogue_at(catalogue), resets)
    with lines_to("--answers", answers) as write, progress("replaying", read.size or None) as tick:
        encode = msgspec.json.Encoder().encode
        report = replay(read, oracle, None if write is None else lambda answer: write(encode(answer)), tick)
        if load_state is None:
            explain(report, read, oracle.policy, oracle.catalogue, oracle.resets)
    if save_state is not None:
        write_file("--save-state", save_state, save(oracle))
    codes = [DIVERGES] * bool(report.divergences) + [BAD_DATA] * (bool(report.bad) or not report.records)
    write_result(forms(report, oracle, read.names, quiet), form, output_file, reports)
    return gravest(codes) if codes else HOLDS


def _check_usage(logs: tuple[str, ...], load_state: str | None, save_state: str | None) -> None:
    if logs.count("-") > 1:
        raise WrongUsage("LOG", "standard input can be read only once, and - is given twice")
    if save_state == "-":
        raise WrongUsage("--save-state", "a state is saved to a file, not to standard output")
    context = click.get_current_context()
    for name in ("policy", "catalogue", "resets"):
        if load_state is not None and context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise WrongUsage(f"--{name}", "a saved state brings its own settings; leave it out beside --load-state")


def _check_infers(policy: tuple[str, ...], outputs: dict[str, str | None]) -> None:
    for option, path in outputs.items():
        if infers(policy) and path is not None:
            raise WrongUsage(option, "it is about one setting, and --policy infer follows all that are possible")


def _replay_under_all(
    read: Logs,
    known: Mapping[str, str],
    catalogue: Catalogue,
    resets: str,
    quiet: bool,
    form: str,
    output_file: str | None,
    reports: Reports,
) -> int:
    """Replays the logs under all settings with the answers in `known`, and writes the report; the exit code."""
    with progress("replaying", read.size or None) as tick:
        found = infer(read, known, catalogue, resets, tick)
    inferred, diverged = data(found, catalogue, resets), list[tuple[Divergence, str]]()
    if found.unexplained is not None:
        # The setting in the report explains every record up to there, so that its own replay first differs there too.
        under_example = replay(read, Oracle(found.example, catalogue, resets)).divergences[0]
        diverged = [(under_example, unexplained_text(found.unexplained))]
    report = replay_data(found, inferred, [divergence for divergence, _ in diverged])
    forms: dict[str, Callable[[IO[str]], object]] = {
        "text": lambda to: text(found, to, quiet),
        "json": lambda to: to.write(as_json(report)),
        "jsonl": lambda to: to.write(as_lines(report)),
        **replay_forms(lambda: replayed(found, read.names, diverged)),
    }
    write_result(forms, form, output_file, reports)
    return exit_of(found)
