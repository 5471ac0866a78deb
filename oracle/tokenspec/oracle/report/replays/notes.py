"""Notes in the report of a replay: late rows, logs that hold no record, the time for which ids and jobs are remembered."""

from __future__ import annotations

from collections.abc import Sequence

from tokenspec.machine.lang.counts import counted
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.logs.lateness import InOrder
from tokenspec.oracle.report.model import RunReport, few
from tokenspec.oracle.runtime.journal import written
from tokenspec.oracle.wire.log_files import place_of


def with_late_rows(report: RunReport, lines: object) -> RunReport:
    """Returns the report with the late rows in it, if `lines` are put in order."""
    if not isinstance(lines, InOrder):
        return report
    if not lines.late:
        return report.with_notes((), {"late": []})
    number, accounts = len(lines.late), len(lines.whole)
    of = f"{counted(accounts, 'account, which ran from its', 'accounts, which ran from their')} first record"
    told = f"{counted(number, 'late row')} of {of}, in the order of instants"
    texts = [f"{place_of(late.line)}: late by {late.behind / 1000:g} s: account {one_line(late.account)}" for late in lines.late]
    late = [
        {"file": late.line.file, "line": late.line.number, "account": late.account, "behind_ms": late.behind}
        for late in lines.late
    ]
    return report.with_notes([told, *few(texts, "late row")], {"late": late}, {"late": "late_row"})


def with_empty_logs(report: RunReport, names: Sequence[str]) -> RunReport:
    """Returns the report with the names of these logs in it: mostly an export that failed, of which nothing was checked."""
    return report.with_notes([f"{name}: it holds no record" for name in names], {"empty_logs": list(names)}) if names else report


def with_remembered_time(report: RunReport, remember: int) -> RunReport:
    """Returns the report with that time in it, given in milliseconds."""
    told = f"ids and jobs are remembered for {written(remember)} from their first use; what depends on older ones is not compared"
    return report.with_notes([told], {"remember": written(remember)})
