"""What a replay came to, under one setting or under all, for continuous integration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from tokenspec.oracle.logs.replay import Bad, Divergence
from tokenspec.oracle.report.ci import (
    Case,
    coverage,
    escaped,
    fenced,
    junit,
    markdown,
    sarif,
    sarif_place,
    sarif_result,
    sarif_rule,
)
from tokenspec.oracle.report.text import as_json

SHOWN_MAX = 20
"""The largest number of bad records and divergences that a document or a test case shows; JSON and SARIF hold all."""

_BAD = "well_formed_record"


@dataclass(frozen=True)
class Replayed:
    """A replay as every form of continuous integration tells it."""

    verdict: str
    figures: str
    """How much was read and compared."""
    logs: Sequence[str]
    records: int
    compared: int
    bad: Sequence[tuple[Bad, str]]
    """Each with its text, as everywhere below."""
    diverged: Sequence[tuple[Divergence, str]]
    rows: Sequence[tuple[str, str, int]]
    """Coverage, where one setting was followed."""
    stamp: Mapping[str, Any]
    """What the replay was made of."""


def replay_forms(run: Callable[[], Replayed]) -> dict[str, Callable[[IO[str]], object]]:
    """What writes the replay in each form; `run` is asked for when it is needed, since a log may hold nothing but bad records."""
    return {
        "junit": lambda to: to.write(as_junit(run())),
        "sarif": lambda to: to.write(as_json(as_sarif(run()))),
        "md": lambda to: to.write(as_markdown(run())),
    }


def as_junit(run: Replayed) -> str:
    """A case for each log: a failure where it diverges, an error where a record is bad, skipped where nothing was compared."""
    suite = [_case(run, log) for log in dict.fromkeys(run.logs)]
    return junit("tokenspec replay", {"replay": suite}, {"failure": "diverges", "error": "bad data"}, run.stamp)


def _case(run: Replayed, log: str) -> Case:
    diverged = [text for divergence, text in run.diverged if divergence.line.file == log]
    bad = [text for each, text in run.bad if each.line.file == log]
    if diverged:
        return log, "failure", _bounded(diverged)
    if bad:
        return log, "error", _bounded(bad)
    if not run.records:
        return log, "error", [run.verdict]
    return log, "" if run.compared else "skipped", () if run.compared else ["no record says what was observed"]


def _bounded(texts: Sequence[str]) -> list[str]:
    more = [f"... and {len(texts) - SHOWN_MAX} more"] if len(texts) > SHOWN_MAX else []
    return [line for text in texts[:SHOWN_MAX] for line in text.splitlines()] + more


def as_sarif(run: Replayed) -> dict[str, Any]:
    """A result for each divergent account, under the rule or refusal that it is about, and for each bad record."""
    rules = [sarif_rule(d.outcome, d.why, d.clauses) for d, _ in run.diverged]
    if run.bad:
        rules.append(sarif_rule(_BAD, "A record is one JSON object a line, with the fields of its event.", ()))
    wrong = [] if run.records else [run.verdict]
    return sarif(rules, list(_results(run)), run.stamp, wrong)


def _results(run: Replayed) -> Iterator[dict[str, Any]]:
    for d, text in run.diverged:
        fingerprint = {"accountOutcomeField/v1": f"{d.account}/{d.outcome}/{d.differences[0][0]}"}
        properties = {"account": d.account, "field": d.differences[0][0], "byteOffset": d.line.offset}
        yield sarif_result(d.outcome, text.splitlines(), _place(d.line.file, d.line.number), fingerprint, properties)
    for bad, text in run.bad:
        line, field = bad.line, bad.fault.field
        fingerprint = {"lineField/v1": f"{line.number}/{field}"}
        properties = {"field": field, "rule": bad.fault.rule, "byteOffset": line.offset}
        yield sarif_result(_BAD, text.splitlines(), _place(line.file, line.number), fingerprint, properties)


def _place(file: str, line: int) -> dict[str, Any]:
    if file == "-":
        return {"logicalLocations": [{"fullyQualifiedName": f"standard input, line {line}"}]}
    return sarif_place(file, line)


def as_markdown(run: Replayed) -> str:
    """The verdict, divergences and bad records as the text has them, and the coverage."""
    texts = _bounded([text for _, text in (*run.diverged, *run.bad)])
    return markdown("tokenspec replay", run.verdict, [escaped(run.figures), fenced(texts), *coverage(run.rows)], run.stamp)
