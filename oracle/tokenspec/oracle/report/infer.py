"""The policy settings that explain logs, as text and as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import IO, Any

from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.base.provenance import stamp
from tokenspec.oracle.base.text import as_text, bounded, one_line
from tokenspec.oracle.logs.branches import CameTo, Unexplained
from tokenspec.oracle.logs.infer import Inference
from tokenspec.oracle.logs.replay import Divergence
from tokenspec.oracle.report.exits import BAD_DATA, DIVERGES, NO_VERDICT, gravest
from tokenspec.oracle.report.replay import bad_data, bad_text, divergence_data
from tokenspec.oracle.report.replay_ci import SHOWN_MAX, Replayed
from tokenspec.oracle.report.text import table
from tokenspec.oracle.wire.answers import Difference
from tokenspec.oracle.wire.log_files import Line
from tokenspec.oracle.wire.records import Record, event_of
from tokenspec.spec.catalogue import Catalogue
from tokenspec.spec.policies import DEFAULTS, POLICIES


def exit_of(found: Inference) -> int:
    """The exit code."""
    codes = [DIVERGES] * (found.unexplained is not None) + [BAD_DATA] * (bool(found.bad) or not found.records)
    return gravest(codes + [NO_VERDICT] * (not found.compared))


def text(found: Inference, to: IO[str], quiet: bool) -> None:
    """The answers that are left, with what ruled out the others, and the verdict."""
    if not quiet:
        for bad in found.bad[:SHOWN_MAX]:
            to.write(bad_text(bad))
        if len(found.bad) > SHOWN_MAX:
            to.write(f"... and {len(found.bad) - SHOWN_MAX} more bad records; --format json shows all of them\n")
        if found.unexplained is not None:
            to.write(unexplained_text(found.unexplained))
        if found.compared:
            _answers_table(found, to)
        to.write(figures(found) + "\n")
    to.write(verdict(found) + "\n")


def figures(found: Inference) -> str:
    """How much was read and compared."""
    return (
        f"{found.records} records of {found.accounts} accounts, {found.compared} compared with what was observed, "
        f"{len(found.bad)} bad records"
    )


def _answers_table(found: Inference, to: IO[str]) -> None:
    last = found.unexplained.by if found.unexplained else None
    possible = found.unexplained.possible if found.unexplained else found.policies
    rows = []
    for knob in POLICIES:
        out = [f"{r.answer} ({_place(r.by)})" for r in found.ruled_out if r.policy == knob.name and r.by is not last]
        if knob.name in found.fixed:
            out = ["fixed by --policy"]
        rows.append([knob.name, "\n".join(possible[knob.name]), "\n".join(out)])
    headings = ["policy", "possible up to there" if found.unexplained else "still possible", "ruled out, and by which record"]
    table("", headings, rows, to)


def _place(line: Line) -> str:
    return f"{one_line(line.file, 200)}:{line.number}"


def _at(record: Record) -> str:
    assert isinstance(record.at, int)
    return format_instant(record.at)


def verdict(found: Inference) -> str:
    """The verdict, in a sentence."""
    skipped = f"; {len(found.bad)} bad records were skipped" if found.bad else ""
    if not found.records:
        return "no verdict: there was no good record"
    if not found.compared:
        return f"no verdict: no record says what was observed{skipped}"
    if found.unexplained is not None:
        return f"diverges: no setting explains {_place(found.unexplained.by)}{skipped}"
    return conforming(found.policies, found.settings) + skipped


def conforming(policies: Mapping[str, list[str]], settings: int) -> str:
    """That `settings` settings with these answers explain all that was seen, and which they are."""
    changed = [f"{knob}={answers[0]}" for knob, answers in policies.items() if answers == [answers[0]] != [DEFAULTS[knob]]]
    under = f"conforms under {', '.join(changed)}" if changed else "conforms"
    open_knobs = {knob: answers for knob, answers in policies.items() if len(answers) > 1}
    if not open_knobs:
        return under if changed else "conforms under the default settings alone"
    told = ", ".join(f"{knob} ({' or '.join(answers)})" for knob, answers in open_knobs.items())
    together = prod(len(answers) for answers in open_knobs.values())
    several = "" if settings == together else f"; of their {together} combinations, {settings} are possible"
    return f"{under}; undetermined: {told}{several}"


def unexplained_text(u: Unexplained[Line]) -> str:
    """The record that no setting explains, and what it came to under each that was left."""
    text = [f"{_place(u.by)}: no setting explains account {one_line(u.record.account)} at {event_of(u.record)}, {_at(u.record)}"]
    text.append(f"  record    {one_line(u.by.content.decode(errors='replace'), 400)}")
    return "\n".join([*text, *came_to_lines(u.came_to)]) + "\n\n"


def came_to_lines(ways: Sequence[CameTo]) -> Iterator[str]:
    """What a record came to under each setting, a line each."""
    for came_to in ways[:SHOWN_MAX]:
        yield f"  under     {_under(came_to)}"
        yield from (f"    {_difference_text(difference)}" for difference in came_to.differences)
    if len(ways) > SHOWN_MAX:
        yield f"  ... and {len(ways) - SHOWN_MAX} more ways; --format json shows all of them"


def _under(came_to: CameTo) -> str:
    return ", ".join(f"{knob}={' or '.join(answers)}" for knob, answers in came_to.policies.items()) or "every setting left"


def _difference_text(difference: Difference) -> str:
    name, expected, got = difference
    return f"{name}  expected {as_text(expected)}, observed {as_text(got)}"


def data(found: Inference, catalogue: Catalogue, resets: str) -> dict[str, Any]:
    """What was found, as JSON."""
    return {
        **stamp(),
        "policy": found.example,
        "fixed": found.fixed,
        "resets": resets,
        "records": found.records,
        "compared": found.compared,
        "accounts": found.accounts,
        "bad_records": [bad_data(bad) for bad in found.bad],
        "policies": found.policies,
        "settings": found.settings,
        "ruled_out": [{"policy": r.policy, "answer": r.answer, "file": r.by.file, "line": r.by.number} for r in found.ruled_out],
        "unexplained": None if found.unexplained is None else _unexplained_data(found.unexplained),
    }


def _unexplained_data(u: Unexplained[Line]) -> dict[str, Any]:
    return {
        "file": u.by.file,
        "line": u.by.number,
        "offset": u.by.offset,
        "account": u.record.account,
        "event": event_of(u.record),
        "at": _at(u.record),
        "policies": u.possible,
        "came_to": came_to_data(u.came_to),
    }


def came_to_data(ways: Sequence[CameTo]) -> list[dict[str, Any]]:
    """The same as JSON."""
    return [
        {"policies": way.policies, "fields": [{"field": n, "expected": e, "got": bounded(g)} for n, e, g in way.differences]}
        for way in ways
    ]


def replayed(found: Inference, logs: Sequence[str], diverged: Sequence[tuple[Divergence, str]]) -> Replayed:
    """Returns a replay under all settings, for the forms of continuous integration."""
    return Replayed(
        verdict=verdict(found),
        figures=figures(found),
        logs=logs,
        records=found.records,
        compared=found.compared,
        bad=[(bad, bad_text(bad)) for bad in found.bad],
        diverged=diverged,
        rows=(),
        stamp=stamp(),
    )


def replay_data(found: Inference, inferred: dict[str, Any], diverged: Sequence[Divergence]) -> dict[str, Any]:
    """Returns the report of a replay as data, with what is inferred beside it."""
    ways = came_to_data(found.unexplained.came_to) if found.unexplained is not None else []
    divergences = [{**divergence_data(each), "explained": True, "came_to": ways} for each in diverged]
    word = "diverges" if divergences else "conforms" if found.compared else "no_verdict"
    return {**inferred, "verdict": word, "divergences": divergences}
