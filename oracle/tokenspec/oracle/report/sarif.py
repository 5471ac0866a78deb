"""A report as SARIF 2.1.0: a result for each finding."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tokenspec.oracle.base import provenance
from tokenspec.oracle.base.clauses import clause_texts
from tokenspec.oracle.report.model import FindingRule, ReportFinding, RunReport

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(report: RunReport) -> dict[str, Any]:
    """Returns a log of one run; of rules with the same id the last one counts."""
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
