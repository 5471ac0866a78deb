"""The result of a replay, as text and as data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import IO, Any

import msgspec

from tokenspec.oracle.base.clauses import clause_texts
from tokenspec.oracle.base.provenance import stamp
from tokenspec.oracle.base.text import as_text, bounded, one_line
from tokenspec.oracle.logs.replay import Bad, Divergence, Report
from tokenspec.oracle.report.replay_ci import SHOWN_MAX, Replayed, replay_forms
from tokenspec.oracle.report.text import as_json
from tokenspec.oracle.runtime.oracle import Oracle


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


def forms(report: Report, oracle: Oracle, logs: Sequence[str], quiet: bool) -> dict[str, Callable[[IO[str]], object]]:
    """Returns a writer for each form."""
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
