"""A report as JUnit XML: a test case for each check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree

from tokenspec.oracle.base import provenance
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.report.model import LONGEST, Check, Outcome, RunReport, few


def junit(report: RunReport) -> str:
    """Returns the document."""
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
