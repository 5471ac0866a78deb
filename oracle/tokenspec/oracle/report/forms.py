"""The forms of a report, and the files that it is written to; logs of what was found."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from tokenspec.oracle.base import provenance
from tokenspec.oracle.base import text as text_of
from tokenspec.oracle.base.specification import AnyCatalogue, clause_texts
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.base.whole_files import with_ending, write_file
from tokenspec.oracle.report.config import Settings, replay_again
from tokenspec.oracle.report.model import LONGEST, Check, FindingRule, Outcome, ReportFinding, RunReport, few
from tokenspec.oracle.wire.settings import as_toml


def as_json(report: Any) -> str:
    """Returns one object, indented, keys in the order given."""
    return text_of.json_text(report, 2) + "\n"


def as_lines(report: RunReport) -> str:
    """Returns a line for each item of the lists that the report itemises, and one for the rest."""
    data = report.whole()
    lines = [{name: item} for key, name in report.itemised.items() for item in data.get(key, ())]
    summary = {key: value for key, value in data.items() if key not in report.itemised}
    return "".join(text_of.json_text(line) + "\n" for line in [*lines, {"summary": summary}])


def _markdown(report: RunReport) -> str:
    # The modules that draw pictures are not imported for a text.
    from tokenspec.oracle.report.markdown import markdown

    return markdown(report)


def as_table(report: RunReport) -> bytes:
    """Returns the divergences as a Parquet file."""
    from tokenspec.oracle.report.replays.parquet import parquet

    return parquet(report)


def saved_log(
    path: str,
    records: Iterable[Any],
    policy: Mapping[str, str],
    resets: str,
    catalogue: AnyCatalogue,
    settings: Settings,
    inferred: Mapping[str, str] | None = None,
) -> str:
    """Writes a log, and a catalogue beside it unless it is that of `settings`; returns the command that replays it.

    Where settings are inferred, `inferred` are the known ones.
    """
    write_file("--save", path, json_lines(records))
    file = settings.catalogue_file
    if catalogue != settings.catalogue:
        file = with_ending(path, ".toml" if file is None else ".own.toml")
        write_file("--save", file, as_toml(catalogue).encode())
    return replay_again(path, policy, resets, file, inferred)


def json_lines(records: Iterable[Any]) -> bytes:
    """Returns a log of records."""
    return "".join(f"{text_of.json_text(record)}\n" for record in records).encode()


def junit(report: RunReport) -> str:
    """Returns the report as JUnit XML: a test case for each check."""
    suites: dict[str, list[Check]] = {}
    for check in report.all_checks():
        suites.setdefault(check.suite, []).append(check)
    every = [check for checks in suites.values() for check in checks]
    root = ElementTree.Element(
        "testsuites", {"name": f"tokenspec {report.verb.split()[0]}", **_counts(every, "failure", "error")}
    )
    for name, checks in suites.items():
        suite = ElementTree.SubElement(root, "testsuite", {"name": name, **_counts(checks, "failure", "error", "skipped")})
        listed = ElementTree.SubElement(suite, "properties")
        for key, value in report.provenance.items():
            ElementTree.SubElement(listed, "property", {"name": key, "value": one_line(str(value), LONGEST)})
        for check in checks:
            _case(suite, check, report)
    ElementTree.indent(root)
    head = f'<?xml version="1.0" encoding="utf-8"?>\n<!-- {provenance.line(report.provenance)} -->\n'
    return head + ElementTree.tostring(root, encoding="unicode") + "\n"


def _case(suite: ElementTree.Element, check: Check, report: RunReport) -> None:
    about = {"classname": f"tokenspec.{check.suite}", "name": one_line(check.name, LONGEST)}
    case = ElementTree.SubElement(suite, "testcase", about)
    if check.outcome:
        told = few(["\n".join(finding.lines) for finding in check.findings]) or check.lines
        lines = [one_line(line, LONGEST) for line in told]
        kind = {"type": report.kinds[check.outcome]} if check.outcome in report.kinds else {}
        ElementTree.SubElement(case, check.outcome, {"message": lines[0], **kind}).text = "\n".join(lines)


_PLURAL: dict[Outcome, str] = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def _counts(checks: Sequence[Check], *outcomes: Outcome) -> dict[str, str]:
    counted = Counter(check.outcome for check in checks)
    return {"tests": str(len(checks))} | {_PLURAL[outcome]: str(counted[outcome]) for outcome in outcomes}


_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(report: RunReport) -> dict[str, Any]:
    """Returns the report as SARIF 2.1.0: a result for each finding; of rules with the same id the last one counts."""
    checks = report.all_checks()
    findings = [finding for check in checks for finding in check.findings]
    failed = [line for check in checks if check.outcome in ("failure", "error") and not check.findings for line in check.lines]
    notes = [{"level": "error", "message": {"text": line}} for line in dict.fromkeys([*report.wrong, *failed])]
    rules = {rule.id: _rule(rule) for rule in [*report.rules, *(finding.rule for finding in findings)]}
    run = {
        "tool": {"driver": {"name": "tokenspec", "version": provenance.own_version(), "rules": list(rules.values())}},
        "invocations": [{"executionSuccessful": not notes, "toolExecutionNotifications": notes}],
        "results": [_result(finding) for finding in findings],
        "properties": {**report.provenance, **report.properties},
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: FindingRule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.says},
        "fullDescription": {"text": rule.says},
        "help": {"text": "\n".join(("It rests on:", *clause_texts(rule.clauses))) if rule.clauses else rule.says},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": list(rule.clauses), **rule.properties},
    }


def _result(found: ReportFinding) -> dict[str, Any]:
    place: dict[str, Any] = {}
    if found.file == "-":
        place = {"logicalLocations": [{"fullyQualifiedName": f"standard input, line {found.line}"}]}
    elif found.file is not None:
        place = {"physicalLocation": {"artifactLocation": {"uri": _uri(found.file)}, "region": {"startLine": found.line}}}
    result = {
        "ruleId": found.rule.id,
        "level": found.level,
        "message": {"text": "\n".join(found.lines)},
        "locations": [place] if place else [],
        "partialFingerprints": dict(found.fingerprint),
        "properties": dict(found.properties),
    }
    steps = [{"location": {**place, "message": {"text": step}}} for step in found.trace]
    return result | ({"codeFlows": [{"threadFlows": [{"locations": steps}]}]} if steps else {})


def _uri(file: str) -> str:
    """Returns the URI of a file, relative where it is below the current directory."""
    path = Path(os.path.abspath(file))
    here = Path.cwd()
    # As bytes, since a name need not be Unicode text.
    return quote(os.fsencode(path.relative_to(here).as_posix())) if path.is_relative_to(here) else path.as_uri()


TABLE = "parquet"
"""The form that is not text, and goes to a file alone."""

RENDERERS: dict[str, Callable[[RunReport], str]] = {
    "json": lambda report: as_json(report.whole()),
    "jsonl": as_lines,
    "junit": junit,
    "sarif": lambda report: as_json(sarif(report)),
    "md": _markdown,
}
"""Every form but the text, which depends on the terminal."""
