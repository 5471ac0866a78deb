"""The report of a replay of logs under one setting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokenspec.machine.lang.counts import counted
from tokenspec.oracle.base.specification import POOLS, account, clause_texts
from tokenspec.oracle.base.text import as_text, known_lines, one_line
from tokenspec.oracle.logs.as_data import bad_data, divergence_data, offset_of, settings_data
from tokenspec.oracle.logs.infer import Inference
from tokenspec.oracle.logs.reading import Bad, RowsRead
from tokenspec.oracle.logs.replay import AFTER_TIME_WENT_BACK, Divergence, Sum
from tokenspec.oracle.logs.replay import Report as Replay
from tokenspec.oracle.report.exits import BAD_DATA, DIVERGES, NO_VERDICT, gravest
from tokenspec.oracle.report.model import (
    SHOWN_MAX,
    Block,
    Check,
    CoverageTable,
    FindingRule,
    Notes,
    ReportFinding,
    ReportTable,
    RunReport,
    Verbatim,
    few,
)
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.answers import NULLS
from tokenspec.oracle.wire.log_files import place_of
from tokenspec.oracle.wire.settings import as_options

if TYPE_CHECKING:
    from tokenspec.oracle.audit.on_spark.sums import AuditSum

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
    """Returns the report on whole logs: a check for each, with its divergences and bad records."""

    def checks() -> Iterator[Check]:
        every, bad = list(diverged()), list(map(_bad_finding, found.bad))
        for log in dict.fromkeys(logs):
            wrong = [each for each in every if each.file == log]
            findings = [*wrong, *(each for each in bad if each.file == log)]
            if findings:
                yield Check("replay", log, "failure" if wrong else "error", (), findings)
            elif not found.records or code == NO_VERDICT:
                yield Check("replay", log, "error", [verdict])
            else:
                yield Check("replay", log, "" if found.all_compared else "skipped", ["no record says what was observed"])

    return RunReport(
        verb=verb,
        code=code,
        verdict=verdict,
        body=body,
        data=data,
        itemised={"bad_records": "bad_record", "divergences": "divergence"},
        checks=checks,
        kinds={"failure": "diverges", "error": "bad data"},
        wrong=[verdict] if not found.records or code == NO_VERDICT else [],
    )


def _bad_finding(bad: Bad) -> ReportFinding:
    line, fault = bad.line, bad.fault
    properties = {"field": fault.field, "rule": fault.rule, "byteOffset": offset_of(line)}
    fingerprint = {"lineField/v1": f"{line.number}/{fault.field}"}
    return ReportFinding(_BAD, [bad_record_text(bad)], line.file, line.number, fingerprint, properties)


def divergence_finding(d: Divergence, told: str) -> ReportFinding:
    """Returns a divergence as a finding."""
    field = d.differences[0][0]
    return ReportFinding(
        FindingRule(d.outcome, d.why, d.clauses),
        told.splitlines(),
        d.line.file,
        d.line.number,
        {"accountOutcomeField/v1": f"{d.account}/{d.outcome}/{field}"},
        {"account": d.account, "field": field, "byteOffset": offset_of(d.line)},
    )


def replay_report(found: Replay, oracle: Oracle, logs: Sequence[str], asks_for_more: bool = False) -> RunReport:
    """Returns the report of a replay under the setting of `oracle`; `asks_for_more` if answers or the state are wanted."""
    codes = [DIVERGES] * bool(found.divergences) + [BAD_DATA] * is_bad(found)
    codes += [NO_VERDICT] * (found.is_misuse_of_ids or not (found.all_compared or asks_for_more))
    code = gravest(codes)
    return log_report(
        found,
        logs,
        "replay",
        code,
        _verdict(found, asks_for_more),
        lambda: _body(found),
        lambda: _data(found, oracle),
        lambda: [divergence_finding(each, _divergence_text(each)) for each in found.divergences],
    )


def is_bad(found: Sum) -> bool:
    """Returns true if the data are bad: bad records, unmapped rows, or no record at all."""
    return bool(found.bad or not found.records or (found.rows is not None and found.rows.all_unmapped))


def skipped_text(found: Sum) -> str:
    """Returns the numbers of skipped records and unmapped rows in words; empty where there are none."""
    bad, unmapped = len(found.bad), found.rows.all_unmapped if found.rows is not None else 0
    told = [f"{counted(bad, 'bad record was', 'bad records were')} skipped"] * bool(bad)
    told += [f"{counted(unmapped, 'row is', 'rows are')} unmapped"] * bool(unmapped)
    return " and ".join(told)


def _verdict(found: Replay, asks_for_more: bool) -> str:
    skipped = skipped_text(found)
    if found.records == len(found.bad):
        return f"no verdict: there was no {f'good record, and {skipped}' if skipped else 'record to replay'}"
    if found.divergences:
        return "diverges"
    if found.is_misuse_of_ids:
        said = "no verdict: most repeated ids name another event than at their first use"
    elif found.all_compared:
        said = "conforms"
    else:
        said = "replayed; nothing was compared" if asks_for_more else "no verdict: nothing was compared"
    return f"{said}, but {skipped}" if skipped else said


def _body(found: Replay) -> Iterator[Block]:
    """Yields the faults, the amount of input, and the coverage."""
    compared = f"{found.all_compared} compared with" if found.all_compared else "none of them says"
    yield Verbatim(few(bad_record_texts(found.bad), "bad record"))
    causes = causes_of(found.divergences)
    if len(found.divergences) > 1:
        rows = [
            [
                c.event,
                c.rule,
                c.field,
                "" if c.delta is None else f"{c.delta:+,}",
                f"{len(c.accounts):,}",
                place_of(c.first.line),
                _right_under(c),
            ]
            for c in causes
        ]
        headings = ["event", "because", "field", "off by", "accounts", "first at", "right under"]
        yield ReportTable(headings, rows[:SHOWN_MAX], "Divergences by cause")
    yield Verbatim(few([_divergence_text(cause.first) for cause in causes], "cause"))
    yield Notes(
        [
            f"{records_text(found)}, {compared} what was observed: "
            f"{counted(found.divergent_accounts, 'divergent account')}, {counted(len(found.bad), 'bad record')}",
            *sum_texts(found),
        ]
    )
    yield CoverageTable(found.coverage.rows())


def sum_texts(found: Sum) -> Iterator[str]:
    """Yields the sum in which every record counts once, and further facts of the log."""
    yield counted_text(found, len(found.bad))
    if found.rows is not None:
        yield from rows_texts(found.rows)
    if found.first_of_another is not None:
        line, event, first_event, first = found.first_of_another
        yield (
            f"{counted(found.another, 'repeated id names', 'repeated ids name')} another event than at the first use; the first "
            f"is {event} at {place_of(line)}, whose id was used by {first_event} at {place_of(first)}"
        )
    if found.identical:
        same = counted(found.identical, "line is the same as the one before it", "lines are each the same as the one before")
        yield f"{same}, without an id: this may be one delivery made twice"
    for name, (times, line, near) in found.unknown_fields.items():
        meant = f" (did you mean {one_line(near)}?)" if near is not None else ""
        yield f"unknown field {one_line(name)}, not compared: {counted(times, 'time')}, first at {place_of(line)}{meant}"
    unsorted = sum(why == AFTER_TIME_WENT_BACK for why in found.lost.values())
    if unsorted:
        remedy = "sort the log by account and instant, or say --late SECONDS"
        yield f"in {counted(unsorted, 'account')} time goes back, and the rest is not checked: {remedy}"


def records_text(found: Sum | AuditSum) -> str:
    """Returns the numbers of records and of accounts."""
    return f"{counted(found.records, 'record')} of {counted(found.accounts, 'account')}"


def counted_text(found: Sum | AuditSum, bad: int) -> str:
    """Returns the sum in which every record counts once."""
    reasons = ", ".join(f"{n} {reason.replace('_', ' ')}" for reason, n in found.not_compared.items() if n)
    repeated, not_compared = sum(found.repeated.values()), sum(found.not_compared.values())
    return (
        f"sum: {bad} bad + {repeated} repeated ({found.repeated['compared']} compared) + {found.compared} compared + "
        f"{not_compared} not compared{f' ({reasons})' if reasons else ''} = {counted(found.records, 'record')}"
    )


def rows_text(in_records: int, ignored: int, unmapped: int, bad: int, read: int) -> str:
    """Returns the sum in which every row counts once."""
    return f"rows: {in_records} in records + {ignored} ignored + {unmapped} unmapped + {bad} bad = {counted(read, 'row')} read"


def rows_texts(rows: RowsRead) -> Iterator[str]:
    """Yields the sum in which every row stands once, and the unmapped kinds."""
    yield rows_text(rows.in_records, rows.ignored, rows.all_unmapped, rows.bad, rows.read)
    for kind, (times, line) in rows.unmapped.items():
        yield (
            f"{counted(times, 'unmapped row')} of kind {one_line(kind) or '(empty)'}, first at {place_of(line)}: "
            "name the event of this kind in [events.kinds] of the map, or name the kind in `ignore`"
        )


def sum_data(found: Sum) -> dict[str, Any]:
    """Returns the sum as JSON."""
    unknown = [
        {"field": name, "times": times, "file": line.file, "line": line.number, "resembles": near}
        for name, (times, line, near) in found.unknown_fields.items()
    ]
    return {
        "records": found.records,
        "compared": found.compared,
        "not_compared": found.not_compared,
        "repeated": {**found.repeated, "another_event": found.another},
        "identical_lines": found.identical,
        "accounts": found.accounts,
        "bad_records": [bad_data(bad) for bad in found.bad],
        "unknown_fields": unknown,
        **({} if found.rows is None else {"rows": found.rows.as_data()}),
    }


@dataclass
class Cause:
    """Divergences of one event under one rule in one field."""

    event: str
    rule: str
    field: str
    first: Divergence
    delta: int | None
    accounts: set[str]
    explained_by: list[tuple[str, str]]
    resets: str | None


def causes_of(divergences: Iterable[Divergence]) -> list[Cause]:
    """Returns divergences grouped by cause, those of most accounts first."""
    found: dict[tuple[str, str, str], Cause] = {}
    for d in divergences:
        key = (d.event, d.outcome, d.differences[0][0])
        cause = found.get(key)
        if cause is None:
            found[key] = Cause(*key, d, d.delta, {d.account}, list(d.explained_by), d.resets)
            continue
        cause.accounts.add(d.account)
        cause.delta = cause.delta if cause.delta == d.delta else None
        if d.explained:
            cause.explained_by = [setting for setting in cause.explained_by if setting in d.explained_by]
        cause.resets = cause.resets if cause.resets == d.resets else None
    return sorted(found.values(), key=lambda cause: -len(cause.accounts))


def _right_under(cause: Cause) -> str:
    return ", or ".join(as_options(cause.explained_by) + [f"--resets {cause.resets}"] * (cause.resets is not None))


def causes_data(divergences: Iterable[Divergence]) -> list[dict[str, Any]]:
    """Returns the causes of divergences as JSON."""
    return [
        {
            "event": c.event,
            "rule": c.rule,
            "field": c.field,
            "delta": c.delta,
            "accounts": len(c.accounts),
            "file": c.first.line.file,
            "line": c.first.line.number,
            "explained_by": settings_data(c.explained_by),
            "resets": c.resets,
        }
        for c in causes_of(divergences)
    ]


def _data(found: Replay, oracle: Oracle) -> dict[str, Any]:
    return {
        "policy": oracle.policy,
        "resets": oracle.resets,
        **sum_data(found),
        "coverage": found.coverage.as_data(),
        "causes": causes_data(found.divergences),
        "stories": [
            {"file": d.line.file, "line": d.line.number, "account": d.account, "text": _divergence_text(d).strip().splitlines()}
            for d in (cause.first for cause in causes_of(found.divergences))
        ],
        "divergences": [divergence_data(d) for d in found.divergences],
    }


def bad_record_text(bad: Bad) -> str:
    """Returns a bad record with its place, on one line."""
    line, fault = bad.line, bad.fault
    told = (
        f"{each.field}: {one_line(each.rule, 300)}" + (f", found {one_line(each.value, 100)}" if each.value is not None else "")
        for each in (fault, *fault.others)
    )
    done = "skipped" if fault.happened is None else "its event happened, and nothing of it is compared"
    byte = f"(byte {line.offset}) " if line.offset >= 0 else ""
    return f"{place_of(line)}: {byte}bad record, {done}: {'; '.join(told)}"


def bad_record_texts(every: Sequence[Bad]) -> list[str]:
    """Returns bad records; of those that break one rule for observations only the first."""
    groups: dict[object, list[Bad]] = {}
    for number, bad in enumerate(every):
        is_form = bad.fault.happened is not None
        broken = tuple((each.field, each.rule) for each in (bad.fault, *bad.fault.others))
        groups.setdefault(broken if is_form else number, []).append(bad)
    return [bad_record_text(first) + (f" (and {len(rest)} more like it)" if rest else "") for first, *rest in groups.values()]


def _divergence_text(d: Divergence) -> str:
    width = max(len(name) for name, _, _ in d.differences)
    text = [f"{place_of(d.line)}: account {one_line(d.account)} diverges at {d.event}, {d.at}"]
    text.append(f"  record    {one_line(d.line.content.decode(errors='replace'), 400)}")
    text.append(f"  before    {_state_text(d.before)}")
    text += [f"  {name:<{width}}  expected {as_text(expected)}, observed {as_text(got)}" for name, expected, got in d.differences]
    text += because_lines(d)
    text += [f"  but       {note}" for note in d.notes]
    if d.skipped:
        lines = ", ".join(place_of(line) for line in d.skipped[:SHOWN_MAX])
        text.append(
            f"  but       of this account {counted(len(d.skipped), 'earlier line was', 'earlier lines were')} skipped: {lines}"
        )
    return "\n".join([*text, *explanations(d)]) + "\n\n"


def because_lines(d: Divergence) -> Iterator[str]:
    """Yields the reason of the right answer, with its clauses."""
    yield f"  because   {d.outcome}: {d.why}{'' if d.first_use is None else f' ({place_of(d.first_use)})'}"
    yield from (f"            {line}" for line in clause_texts(d.clauses))


def explanations(d: Divergence) -> Iterator[str]:
    """Yields the settings under which a divergence would be right."""
    if d.resets is not None:
        yield f"  right under  --resets {d.resets}"
    if not d.explained:
        yield "  other policies were not tried"
    elif d.explained_by:
        yield f"  right under  --policy {', or '.join(as_options(d.explained_by))}"
    elif len(d.differences) > 1 and any(d.by_field.values()):
        told = [f"{name} under {', or '.join(as_options(settings)) or 'none'}" for name, settings in d.by_field.items()]
        yield f"  no other answer of a single policy makes all of it right; {', '.join(told)}"
    elif d.resets is None:
        yield "  no other answer of a single policy makes it right"
    if not d.explained_by and d.resets is None:
        yield from known_lines(d.known)


def _state_text(state: dict[str, Any]) -> str:
    if not state:
        return "no such account"
    pools = ", ".join(f"{pool} {state[pool]}" for pool in POOLS)
    shown = {name: state[name] for name in NEVER_NULL}
    words = " on ".join(one_line(value) for value in shown.values() if isinstance(value, str))
    words += "".join(f", {name} {value}" for name, value in shown.items() if not isinstance(value, str))
    counts = ((name.replace("_", " "), state[name]) for name in _DUES if state[name])
    due = "".join(f", a {what}" if count is True else f", {count} {what}" for what, count in counts)
    return f"{words}: {pools}{due}"


_DUES = dict.fromkeys(
    effect.name for clock in account().clocks for rule in account().event_named[clock.falls_due].rules for effect in rule.effect
)
"""The variables that say what is due."""
NEVER_NULL = [v.name for v in account().variables if v.name in NULLS and not v.type.admits(NULLS[v.name])]
"""The variables that answers show of every account that has been opened."""
