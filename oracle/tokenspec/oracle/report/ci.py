"""The forms of a report that continuous integration shows: JUnit XML, SARIF 2.1.0 and Markdown."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from tokenspec.oracle.base import provenance
from tokenspec.oracle.base.clauses import clause_texts
from tokenspec.oracle.base.text import one_line

_LONGEST = 20_000
"""Characters of a line that are shown."""

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_PLURAL = {"failure": "failures", "error": "errors", "skipped": "skipped"}

Case = tuple[str, str, Sequence[str]]
"""The name of a test case, what came of it (failure, error, skipped, or "" where it passed), and the text that says why."""


def junit(name: str, suites: Mapping[str, Sequence[Case]], kinds: Mapping[str, str], made: Mapping[str, Any]) -> str:
    """A document called `name`; `kinds` says of what type a failure and an error are, and each suite what it was `made` of."""
    every = [case for cases in suites.values() for case in cases]
    root = ElementTree.Element("testsuites", {"name": name, **_counts(every, "failure", "error")})
    for suite_name, cases in suites.items():
        counts = _counts(cases, "failure", "error", "skipped")
        suite = ElementTree.SubElement(root, "testsuite", {"name": suite_name, **counts})
        listed = ElementTree.SubElement(suite, "properties")
        for key, value in made.items():
            ElementTree.SubElement(listed, "property", {"name": key, "value": one_line(str(value), _LONGEST)})
        for case, outcome, text in cases:
            told = ElementTree.SubElement(
                suite, "testcase", {"classname": f"tokenspec.{suite_name}", "name": one_line(case, _LONGEST)}
            )
            if outcome:
                lines = [one_line(line, _LONGEST) for line in text]
                kind = {"type": kinds[outcome]} if outcome in kinds else {}
                ElementTree.SubElement(told, outcome, {"message": lines[0], **kind}).text = "\n".join(lines)
    ElementTree.indent(root)
    head = f'<?xml version="1.0" encoding="utf-8"?>\n<!-- {provenance.line(made)} -->\n'
    return head + ElementTree.tostring(root, encoding="unicode") + "\n"


def _counts(cases: Sequence[Case], *outcomes: str) -> dict[str, str]:
    counts = {_PLURAL[outcome]: sum(what == outcome for _, what, _ in cases) for outcome in outcomes}
    return {name: str(count) for name, count in {"tests": len(cases), **counts}.items()}


def sarif(
    rules: Iterable[Mapping[str, Any]],
    results: Sequence[Mapping[str, Any]],
    properties: Mapping[str, Any],
    wrong: Sequence[str] = (),
) -> dict[str, Any]:
    """A log of one run; of the `rules` each id counts once; `wrong` are the reasons for which the run itself does not count."""
    notes = [{"level": "error", "message": {"text": line}} for line in wrong]
    by_id = {rule["id"]: rule for rule in rules}
    run = {
        "tool": {"driver": {"name": "tokenspec", "version": provenance.own_version(), "rules": list(by_id.values())}},
        "invocations": [{"executionSuccessful": not notes, "toolExecutionNotifications": notes}],
        "results": list(results),
        "properties": dict(properties),
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def sarif_rule(name: str, says: str, clauses: Sequence[str], **properties: Any) -> dict[str, Any]:
    """What a result can be about: its sentence, and the clauses that it rests on."""
    return {
        "id": name,
        "shortDescription": {"text": says},
        "fullDescription": {"text": says},
        "help": {"text": "\n".join(("It rests on:", *clause_texts(clauses))) if clauses else says},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": list(clauses), **properties},
    }


def sarif_result(
    rule: str,
    lines: Sequence[str],
    place: Mapping[str, Any] | None,
    fingerprint: Mapping[str, str],
    properties: Mapping[str, Any],
    level: str = "error",
    trace: Iterable[str] = (),
) -> dict[str, Any]:
    """Something wrong at a `place`, or nowhere in particular; `trace` are the steps that led there."""
    result = {
        "ruleId": rule,
        "level": level,
        "message": {"text": "\n".join(lines)},
        "locations": [place] if place is not None else [],
        "partialFingerprints": dict(fingerprint),
        "properties": dict(properties),
    }
    steps = [{"location": {**(place or {}), "message": {"text": step}}} for step in trace]
    return result | ({"codeFlows": [{"threadFlows": [{"locations": steps}]}]} if steps else {})


def sarif_place(file: str, line: int = 1) -> dict[str, Any]:
    """A line of a file, by its path from here where it lies below."""
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(file)}, "region": {"startLine": line}}}


def _uri(file: str) -> str:
    path = Path(os.path.abspath(file))
    here = Path.cwd()
    return quote(path.relative_to(here).as_posix()) if path.is_relative_to(here) else path.as_uri()


def markdown(verb: str, verdict: str, parts: Iterable[str], made: Mapping[str, Any]) -> str:
    """A page: the verdict, the `parts` that have something to say, and what it was made of."""
    head = f"## {verb}: {escaped(verdict)}"
    others = [f"{key} {escaped(str(value))}" for key, value in made.items() if key not in ("version", "digest")]
    return (
        "\n\n".join([head, *(part for part in parts if part), f"<sub>{', '.join([provenance.line(made), *others])}</sub>"]) + "\n"
    )


def escaped(text: str) -> str:
    """`text`, on one line, with what would be markup escaped."""
    return re.sub(r"([\\`*_\[\]<>|#~&$])", r"\\\1", one_line(text, _LONGEST))


def fenced(lines: Iterable[str], language: str = "text") -> str:
    """Lines as they are, whatever is in them; nothing where there are none."""
    inside = "\n".join(lines).strip("\n")
    longest = max((len(run) for run in re.findall("`+", inside)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{inside}\n{fence}" if inside else ""


def folded(title: str, inside: str) -> str:
    """What is shown when somebody asks for it."""
    return f"<details><summary>{escaped(title)}</summary>\n\n{inside}\n\n</details>"


def coverage(rows: Sequence[tuple[str, str, int]], closed: frozenset[tuple[str, str]] = frozenset()) -> Iterator[str]:
    """The coldest rule, and a table of all, but for those that cannot be met (`closed`)."""
    from tokenspec.diagrams.markup import markdown_table

    counted = [row for row in rows if row[:2] not in closed]
    if not counted:
        return
    met = sum(hits > 0 for _, _, hits in counted)
    event, what, hits = counted[0]
    times = "never met" if not hits else "met once" if hits == 1 else f"met {hits:,} times"
    yield f"Coldest of {len(counted)} rules and refusals: `{event}`, `{what}`, {times}."
    table = markdown_table(
        ("event", "rule or refusal", "hits"), [(f"`{event}`", f"`{what}`", f"{hits:,}") for event, what, hits in counted]
    )
    yield folded(f"Coverage: {met} of {len(counted)} rules and refusals met", table)
