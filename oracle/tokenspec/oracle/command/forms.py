"""The forms of a report that continuous integration shows: JUnit XML and SARIF 2.1.0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any
from xml.etree import ElementTree

from tokenspec.oracle.plain import one_line

_LONGEST = 20_000
"""Characters of a line that are shown."""

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_PLURAL = {"failure": "failures", "error": "errors", "skipped": "skipped"}

Case = tuple[str, str, Sequence[str]]
"""The name of a test case, what came of it (failure, error, skipped, or "" where it passed), and the text that says why."""


def junit(name: str, suites: Mapping[str, Sequence[Case]], kinds: Mapping[str, str]) -> str:
    """A document called `name`; `kinds` says of what type a failure and an error are."""
    every = [case for cases in suites.values() for case in cases]
    root = ElementTree.Element("testsuites", {"name": name, **_counts(every, "failure", "error")})
    for suite_name, cases in suites.items():
        counts = _counts(cases, "failure", "error", "skipped")
        suite = ElementTree.SubElement(root, "testsuite", {"name": suite_name, **counts})
        for case, outcome, text in cases:
            told = ElementTree.SubElement(suite, "testcase", {"classname": f"tokenspec.{suite_name}", "name": case})
            if outcome:
                lines = [one_line(line, _LONGEST) for line in text]
                kind = {"type": kinds[outcome]} if outcome in kinds else {}
                ElementTree.SubElement(told, outcome, {"message": lines[0], **kind}).text = "\n".join(lines)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _counts(cases: Sequence[Case], *outcomes: str) -> dict[str, str]:
    counts = {_PLURAL[outcome]: sum(what == outcome for _, what, _ in cases) for outcome in outcomes}
    return {name: str(count) for name, count in {"tests": len(cases), **counts}.items()}


def sarif(
    rules: Sequence[Mapping[str, Any]],
    results: Sequence[Mapping[str, Any]],
    properties: Mapping[str, Any],
    wrong: Sequence[str] = (),
) -> dict[str, Any]:
    """A log of one run; `wrong` are the reasons for which the run itself does not count."""
    notes = [{"level": "error", "message": {"text": line}} for line in wrong]
    run = {
        "tool": {"driver": {"name": "tokenspec", "version": version("tokenspec"), "rules": list(rules)}},
        "invocations": [{"executionSuccessful": not notes, "toolExecutionNotifications": notes}],
        "results": list(results),
        "properties": dict(properties),
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
