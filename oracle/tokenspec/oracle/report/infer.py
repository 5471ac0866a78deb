"""The report on the policy settings that explain logs, also for a replay under all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

from tokenspec.machine.lang.counts import counted
from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.base.specification import DEFAULTS, POLICIES
from tokenspec.oracle.base.text import as_text, one_line
from tokenspec.oracle.logs.as_data import divergence_data, fields_data
from tokenspec.oracle.logs.infer import Inference
from tokenspec.oracle.logs.policy_sets import Mismatch, Unexplained
from tokenspec.oracle.logs.replay import Divergence
from tokenspec.oracle.report.exits import BAD_DATA, DIVERGES, NO_VERDICT, gravest
from tokenspec.oracle.report.model import SHOWN_MAX, Block, Notes, ReportFinding, ReportTable, RunReport, Verbatim, few
from tokenspec.oracle.report.replay import (
    bad_record_texts,
    causes_data,
    divergence_finding,
    is_bad,
    log_report,
    records_text,
    skipped_text,
    sum_data,
    sum_texts,
)
from tokenspec.oracle.wire.log_files import Line, place_of
from tokenspec.oracle.wire.records import Record, at_of, event_of


def infer_report(found: Inference, resets: str, logs: Sequence[str], divergence: Divergence | None, verb: str) -> RunReport:
    """Returns the report; where no setting explains the logs, `divergence` is that of the last one that was left."""
    codes = [DIVERGES] * (found.unexplained is not None) + [BAD_DATA] * is_bad(found)
    unexplained = found.unexplained

    def diverged() -> Iterator[ReportFinding]:
        if divergence is not None and unexplained is not None:
            yield divergence_finding(divergence, _unexplained_text(unexplained))

    def data() -> dict[str, Any]:
        return _data(found, resets) | (_judged(found, divergence) if verb == "replay" else {})

    code = gravest(codes + [NO_VERDICT] * (found.is_misuse_of_ids or not found.all_compared))
    return log_report(found, logs, verb, code, _verdict(found), lambda: _body(found), data, diverged)


def _verdict(found: Inference) -> str:
    skipped = f"; {skipped_text(found)}" if is_bad(found) else ""
    if found.records == len(found.bad):
        return "no verdict: there was no good record"
    if not found.all_compared:
        return f"no verdict: no record says what was observed{skipped}"
    if found.unexplained is not None:
        other = "" if found.other_resets is None else f"; under --resets {found.other_resets} some do"
        return f"diverges: no setting explains {place_of(found.unexplained.by)}{other}{skipped}"
    if found.is_misuse_of_ids:
        return f"no verdict: most repeated ids name another event than at their first use{skipped}"
    return conforming(found.policies, found.settings) + skipped


def _body(found: Inference) -> Iterator[Block]:
    """Yields the remaining choices, with the records that ruled out the others."""
    yield Verbatim(few(bad_record_texts(found.bad), "bad record"))
    if found.unexplained is not None:
        yield Verbatim(_unexplained_text(found.unexplained).splitlines())
    if found.all_compared:
        yield _answers_table(found)
    yield Notes(
        [
            f"{records_text(found)}, {found.all_compared} compared with what was observed, "
            f"{counted(len(found.bad), 'bad record')}",
            *sum_texts(found),
        ]
    )


def _data(found: Inference, resets: str) -> dict[str, Any]:
    return {
        "policy": found.example,
        "fixed": found.fixed,
        "resets": resets,
        **sum_data(found),
        "policies": found.policies,
        "settings": found.settings,
        "ruled_out": [{"policy": r.policy, "answer": r.answer, "file": r.by.file, "line": r.by.number} for r in found.ruled_out],
        "other_resets": found.other_resets,
        "unexplained": None if found.unexplained is None else _unexplained_data(found.unexplained),
    }


def _judged(found: Inference, divergence: Divergence | None) -> dict[str, Any]:
    """Returns the keys of a replay's report."""
    unexplained, divergences = found.unexplained, []
    if divergence is not None and unexplained is not None:
        ways = differing_data(unexplained.differing)
        divergences = [{**divergence_data(divergence), "explained": True, "came_to": ways}]
    is_judged = found.all_compared and not found.is_misuse_of_ids
    word = "diverges" if divergences else "conforms" if is_judged else "no_verdict"
    return {"verdict": word, "causes": causes_data([] if divergence is None else [divergence]), "divergences": divergences}


def _answers_table(found: Inference) -> ReportTable:
    last = found.unexplained.by if found.unexplained else None
    possible = found.unexplained.possible if found.unexplained else found.policies
    rows = []
    for policy in POLICIES:
        out = [f"{r.answer} ({place_of(r.by)})" for r in found.ruled_out if r.policy == policy.name and r.by is not last]
        if policy.name in found.fixed:
            out = ["fixed by --policy"]
        rows.append([policy.name, "\n".join(possible[policy.name]), "\n".join(out)])
    headings = ["policy", "possible up to there" if found.unexplained else "still possible", "ruled out, and by which record"]
    return ReportTable(headings, rows)


def conforming(policies: Mapping[str, list[str]], settings: int) -> str:
    """Returns the verdict where `settings` settings with these choices explain all observations."""
    changed = [f"{name}={choices[0]}" for name, choices in policies.items() if choices == [choices[0]] != [DEFAULTS[name]]]
    under = f"conforms under {', '.join(changed)}" if changed else "conforms"
    undecided = {name: choices for name, choices in policies.items() if len(choices) > 1}
    if not undecided:
        return under if changed else "conforms under the default settings alone"
    told = ", ".join(f"{name} ({' or '.join(choices)})" for name, choices in undecided.items())
    together = prod(len(choices) for choices in undecided.values())
    several = "" if settings == together else f"; of their {together} combinations, {settings} are possible"
    return f"{under}; undetermined: {told}{several}"


def _at(record: Record) -> str:
    return format_instant(at_of(record))


def _unexplained_text(u: Unexplained[Line]) -> str:
    """Returns the record that no setting explains, and its differences under each remaining one."""
    text = [
        f"{place_of(u.by)}: no setting explains account {one_line(u.record.account)} at {event_of(u.record)}, {_at(u.record)}"
    ]
    text.append(f"  record    {one_line(u.by.content.decode(errors='replace'), 400)}")
    return "\n".join([*text, *differing_lines(u.differing)]) + "\n\n"


def differing_lines(ways: Sequence[Mismatch]) -> Iterator[str]:
    """Yields a record's differences under each setting, a line each."""
    for differing in ways[:SHOWN_MAX]:
        settings = ", ".join(f"{name}={' or '.join(choices)}" for name, choices in differing.policies.items())
        yield f"  under     {settings or 'every setting left'}"
        for name, expected, got in differing.differences:
            yield f"    {name}  expected {as_text(expected)}, observed {as_text(got)}"
    if len(ways) > SHOWN_MAX:
        yield f"  ... and {counted(len(ways) - SHOWN_MAX, 'more way')}; --format json shows all of them"


def _unexplained_data(u: Unexplained[Line]) -> dict[str, Any]:
    return {
        "file": u.by.file,
        "line": u.by.number,
        "offset": u.by.offset,
        "account": u.record.account,
        "event": event_of(u.record),
        "at": _at(u.record),
        "policies": u.possible,
        "came_to": differing_data(u.differing),
    }


def differing_data(ways: Sequence[Mismatch]) -> list[dict[str, Any]]:
    """Returns a record's differences under each setting as JSON."""
    return [{"policies": way.policies, "fields": fields_data(way.differences)} for way in ways]
