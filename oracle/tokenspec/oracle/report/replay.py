"""What a replay of logs came to, under one setting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from tokenspec.oracle.base.clauses import clause_texts
from tokenspec.oracle.base.provenance import stamp
from tokenspec.oracle.base.text import as_text, bounded, one_line, path_text
from tokenspec.oracle.logs.infer import Inference
from tokenspec.oracle.logs.replay import Bad, Divergence
from tokenspec.oracle.logs.replay import Report as Replay
from tokenspec.oracle.report.exits import BAD_DATA, DIVERGES, gravest
from tokenspec.oracle.report.model import (
    Block,
    Check,
    CoverageTable,
    FindingPlace,
    FindingRule,
    Notes,
    ReportFinding,
    RunReport,
    Verbatim,
    few,
)
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.answers import Difference
from tokenspec.oracle.wire.log_files import Line

_BAD = FindingRule("well_formed_record", "A record is one JSON object a line, with the fields of its event.")


def log_report(
    found: Replay | Inference,
    logs: Sequence[str],
    verb: str,
    code: int,
    verdict: str,
    body: Callable[[], Iterable[Block]],
    data: Callable[[], dict[str, Any]],
    diverged: Callable[[], Iterable[ReportFinding]],
) -> RunReport:
    """What is said of whole logs: a check for each, with what `diverged` and the bad records."""

    def checks() -> Iterator[Check]:
        every, bad = list(diverged()), list(map(_bad_finding, found.bad))
        for log in dict.fromkeys(logs):
            wrong = _of(log, every)
            findings = [*wrong, *_of(log, bad)]
            if findings:
                yield Check("replay", log, "failure" if wrong else "error", (), findings)
            elif not found.records:
                yield Check("replay", log, "error", [verdict])
            else:
                yield Check("replay", log, "" if found.compared else "skipped", ["no record says what was observed"])

    return RunReport(
        verb=verb,
        code=code,
        verdict=verdict,
        body=body,
        data=data,
        itemised={"bad_records": "bad_record", "divergences": "divergence"},
        checks=checks,
        kinds={"failure": "diverges", "error": "bad data"},
        wrong=[] if found.records else [verdict],
    )


def _of(log: str, findings: Sequence[ReportFinding]) -> list[ReportFinding]:
    return [each for each in findings if each.place is not None and each.place.file == log]


def _bad_finding(bad: Bad) -> ReportFinding:
    line, fault = bad.line, bad.fault
    properties = {"field": fault.field, "rule": fault.rule, "byteOffset": line.offset}
    place = FindingPlace(line.file, line.number)
    return ReportFinding(_BAD, [bad_text(bad)], place, {"lineField/v1": f"{line.number}/{fault.field}"}, properties)


def divergence_finding(d: Divergence, told: str) -> ReportFinding:
    """A divergence, told in lines."""
    field = d.differences[0][0]
    return ReportFinding(
        FindingRule(d.outcome, d.why, d.clauses),
        told.splitlines(),
        FindingPlace(d.line.file, d.line.number),
        {"accountOutcomeField/v1": f"{d.account}/{d.outcome}/{field}"},
        {"account": d.account, "field": field, "byteOffset": d.line.offset},
    )


def replay_report(found: Replay, oracle: Oracle, logs: Sequence[str]) -> RunReport:
    """A replay under the setting of `oracle`."""
    code = gravest([DIVERGES] * bool(found.divergences) + [BAD_DATA] * (bool(found.bad) or not found.records))
    return log_report(
        found,
        logs,
        "replay",
        code,
        _verdict(found),
        lambda: _body(found),
        lambda: _data(found, oracle),
        lambda: [divergence_finding(each, _divergence_text(each)) for each in found.divergences],
    )


def _verdict(found: Replay) -> str:
    skipped = f"{len(found.bad)} bad record{'s were' if len(found.bad) > 1 else ' was'} skipped"
    if not found.records:
        return f"no verdict: there was no {f'good record, and {skipped}' if found.bad else 'record to replay'}"
    if found.divergences:
        return "diverges"
    said = "conforms" if found.compared else "replayed; nothing was compared"
    return f"{said}, but {skipped}" if found.bad else said


def _body(found: Replay) -> Iterator[Block]:
    """What is wrong, how much was read, and what it met."""
    compared = f"{found.compared} compared with" if found.compared else "none of them says"
    diverged = few([_divergence_text(each) for each in found.divergences], "divergences")
    yield Verbatim([*few(list(map(bad_text, found.bad)), "bad records"), *diverged])
    yield Notes(
        [
            f"{found.records} records of {found.accounts} accounts, {compared} what was observed: "
            f"{len(found.divergences)} divergent accounts, {len(found.bad)} bad records"
        ]
    )
    yield CoverageTable(found.coverage.rows())


def _data(found: Replay, oracle: Oracle) -> dict[str, Any]:
    return {
        **stamp(),
        "policy": oracle.policy,
        "fixed": {},
        "resets": oracle.resets,
        "records": found.records,
        "compared": found.compared,
        "accounts": found.accounts,
        "bad_records": [bad_data(bad) for bad in found.bad],
        "coverage": found.coverage.as_data(),
        "divergences": [divergence_data(d) for d in found.divergences],
    }


def place_text(line: Line) -> str:
    """The file and the line."""
    return f"{path_text(line.file)}:{line.number}"


def bad_text(bad: Bad) -> str:
    """A bad record with its place, on one line."""
    line, fault = bad.line, bad.fault
    value = f", found {one_line(fault.value, 100)}" if fault.value is not None else ""
    return f"{place_text(line)}: (byte {line.offset}) bad record, skipped: {fault.field}: {one_line(fault.rule, 300)}{value}"


def _divergence_text(d: Divergence) -> str:
    width = max(len(name) for name, _, _ in d.differences)
    text = [f"{place_text(d.line)}: account {one_line(d.account)} diverges at {d.event}, {d.at}"]
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


def bad_data(bad: Bad) -> dict[str, Any]:
    """The same as JSON."""
    line, fault = bad.line, bad.fault
    place = {"file": line.file, "line": line.number, "offset": line.offset}
    return {**place, "field": fault.field, "rule": fault.rule, "value": fault.value}


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
        "fields": fields_data(d.differences),
        "outcome": d.outcome,
        "clauses": list(d.clauses),
        "explained": d.explained,
        "explained_by": [{"policy": knob, "answer": answer} for knob, answer in d.explained_by],
    }


def fields_data(differences: Sequence[Difference]) -> list[dict[str, Any]]:
    """Fields that differ, as JSON."""
    return [{"field": name, "expected": expected, "got": bounded(got)} for name, expected, got in differences]
