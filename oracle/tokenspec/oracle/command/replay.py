"""`tokenspec replay`: logs against the specification."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import click
import msgspec
from click.core import ParameterSource

from tokenspec.oracle.command.exits import BAD_DATA, DIVERGES, HOLDS, gravest
from tokenspec.oracle.command.files import check_files, lines_to, write_file
from tokenspec.oracle.command.options import (
    Reports,
    as_json,
    catalogue_at,
    output_options,
    progress,
    report_files,
    settings_or_infer_options,
    write_result,
)
from tokenspec.oracle.command.replay_forms import SHOWN_MAX, Replayed, replay_forms
from tokenspec.oracle.errors import WrongUsage
from tokenspec.oracle.logs import Logs
from tokenspec.oracle.plain import as_text, bounded, one_line
from tokenspec.oracle.replay import Bad, Divergence, Report, clause_texts, explain, replay
from tokenspec.oracle.saved import load, save
from tokenspec.oracle.settings import infers, policy_from_options, settings_named, without_infer
from tokenspec.oracle.stamp import stamp
from tokenspec.oracle.world import RESETS, Oracle


@click.command()
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.option(
    "--resets",
    type=click.Choice(RESETS),
    default=RESETS[0],
    show_default=True,
    help="Whether the two jobs are written in the log or run by themselves when due.",
)
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
        # That module and this one share how records are shown.
        from tokenspec.oracle.command.replay_infer import replay_under_all

        known = settings_named(without_infer(policy))
        return replay_under_all(read, known, catalogue_at(catalogue), resets, quiet, form, output_file, reports)
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
    write_result(_forms(report, oracle, read.names, quiet), form, output_file, reports)
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


def _text(report: Report, to: IO[str], quiet: bool) -> None:
    if not quiet:
        _details(report, to)
    to.write(_verdict(report) + "\n")


def _verdict(report: Report) -> str:
    skipped = f"{len(report.bad)} bad record{'s were' if len(report.bad) > 1 else ' was'} skipped"
    if not report.records:
        return (
            f"no verdict: there was no good record, and {skipped}" if report.bad else "no verdict: there was no record to replay"
        )
    if report.divergences:
        return "diverges"
    said = "conforms" if report.compared else "replayed; nothing was compared"
    return f"{said}, but {skipped}" if report.bad else said


def _details(report: Report, to: IO[str]) -> None:
    for bad in report.bad[:SHOWN_MAX]:
        to.write(bad_text(bad))
    for divergence in report.divergences[:SHOWN_MAX]:
        to.write(_divergence_text(divergence))
    hidden = max(0, len(report.bad) - SHOWN_MAX) + max(0, len(report.divergences) - SHOWN_MAX)
    if hidden:
        to.write(f"... and {hidden} more; --format json shows all of them\n")
    to.write(_figures(report) + "\n")


def _figures(report: Report) -> str:
    compared = f"{report.compared} compared with what was observed" if report.compared else "none of them says what was observed"
    return (
        f"{report.records} records of {report.accounts} accounts, {compared}: "
        f"{len(report.divergences)} divergent accounts, {len(report.bad)} bad records"
    )


def bad_text(bad: Bad) -> str:
    """A bad record with its place, on one line."""
    line, fault = bad.line, bad.fault
    value = f", found {one_line(fault.value, 100)}" if fault.value is not None else ""
    place = f"{one_line(line.file, 200)}:{line.number}: (byte {line.offset})"
    return f"{place} bad record, skipped: {fault.field}: {one_line(fault.rule, 300)}{value}\n"


def _divergence_text(d: Divergence) -> str:
    width = max(len(name) for name, _, _ in d.differences)
    text = [f"{one_line(d.line.file, 200)}:{d.line.number}: account {one_line(d.account)} diverges at {d.event}, {d.at}"]
    text.append(f"  record    {one_line(d.line.content.decode(errors='replace'), 400)}")
    text.append(f"  before    {_state_text(d.before)}")
    text += [f"  {name:<{width}}  expected {as_text(expected)}, observed {as_text(got)}" for name, expected, got in d.differences]
    text.append(f"  because   {d.outcome}: {d.why}")
    text += [f"            {line}" for line in clause_texts(d.clauses)]
    if not d.explained:
        text.append("  other policies were not tried")
    elif d.explained_by:
        settings = ", or ".join(f"{knob}={answer}" for knob, answer in d.explained_by)
        text.append(f"  right under  --policy {settings}")
    else:
        text.append("  no other answer of a single policy makes it right")
    return "\n".join(text) + "\n\n"


def _state_text(state: dict[str, Any]) -> str:
    if not state:
        return "no such account"
    pools = ", ".join(f"{pool} {state[pool]}" for pool in ("daily", "fast", "rollover", "topup", "api"))
    due = f", {state['renewals_due']} renewals due" if state["renewals_due"] else ""
    due += ", a daily reset due" if state["daily_reset_due"] else ""
    return f"{state['status']} on {one_line(state['plan'])}: {pools}{due}"


def _data(report: Report, oracle: Oracle) -> dict[str, Any]:
    return {
        **stamp(),
        "policy": oracle.policy,
        "fixed": {},
        "resets": oracle.resets,
        "records": report.records,
        "compared": report.compared,
        "accounts": report.accounts,
        "bad_records": [bad_data(bad) for bad in report.bad],
        "coverage": report.coverage.as_data(),
        "divergences": [divergence_data(d) for d in report.divergences],
    }


def bad_data(bad: Bad) -> dict[str, Any]:
    """The same as JSON."""
    line, fault = bad.line, bad.fault
    return {
        "file": line.file,
        "line": line.number,
        "offset": line.offset,
        "field": fault.field,
        "rule": fault.rule,
        "value": fault.value,
    }


def divergence_data(d: Divergence) -> dict[str, Any]:
    """A divergence as JSON."""
    name, expected, got = d.differences[0]
    return {
        "file": d.line.file,
        "line": d.line.number,
        "offset": d.line.offset,
        "account": d.account,
        "field": name,
        "expected": expected,
        "got": bounded(got),
        "fields": [{"field": n, "expected": e, "got": bounded(g)} for n, e, g in d.differences],
        "outcome": d.outcome,
        "clauses": list(d.clauses),
        "explained": d.explained,
        "explained_by": [{"policy": knob, "answer": answer} for knob, answer in d.explained_by],
    }


def as_lines(report: dict[str, Any]) -> str:
    """A line for each bad record and each divergence, and one for what is left."""
    lines = [{"bad_record": bad} for bad in report["bad_records"]]
    lines += [{"divergence": divergence} for divergence in report["divergences"]]
    summary = {key: value for key, value in report.items() if key not in ("bad_records", "divergences")}
    return "".join(msgspec.json.encode(line).decode() + "\n" for line in [*lines, {"summary": summary}])


def _forms(report: Report, oracle: Oracle, logs: Sequence[str], quiet: bool) -> dict[str, Callable[[IO[str]], object]]:
    return {
        "text": lambda to: _text(report, to, quiet),
        "json": lambda to: to.write(as_json(_data(report, oracle))),
        "jsonl": lambda to: to.write(as_lines(_data(report, oracle))),
        **replay_forms(lambda: _replayed(report, oracle, logs)),
    }


def _replayed(report: Report, oracle: Oracle, logs: Sequence[str]) -> Replayed:
    return Replayed(
        verdict=_verdict(report),
        figures=_figures(report),
        logs=logs,
        records=report.records,
        compared=report.compared,
        bad=[(bad, bad_text(bad)) for bad in report.bad],
        diverged=[(divergence, _divergence_text(divergence)) for divergence in report.divergences],
        rows=report.coverage.rows(),
        stamp=stamp(),
    )
