"""The part of a replay's report on late rows."""

from __future__ import annotations

from dataclasses import replace

from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.logs.lateness import InOrder
from tokenspec.oracle.report.model import Notes, RunReport, few
from tokenspec.oracle.wire.log_files import place_of


def with_late_rows(report: RunReport, lines: object) -> RunReport:
    """Returns the report with the late rows in it, if `lines` are put in order."""
    if not isinstance(lines, InOrder):
        return report
    if not lines.late:
        return replace(report, data=lambda: report.data() | {"late": []})
    number, accounts = len(lines.late), len(lines.whole)
    told = f"{number} late rows of {accounts} accounts, which ran from their first record, in the order of their instants"
    texts = [f"{place_of(late.line)}: late by {late.behind / 1000:g} s: account {one_line(late.account)}" for late in lines.late]
    late = [
        {"file": late.line.file, "line": late.line.number, "account": late.account, "behind_ms": late.behind}
        for late in lines.late
    ]
    return replace(
        report,
        body=lambda: [*report.body(), Notes([told, *few(texts, "late rows")])],
        data=lambda: report.data() | {"late": late},
        itemised={**report.itemised, "late": "late_row"},
    )
