"""The part of a report on logs that hold no record, beside others that hold some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tokenspec.oracle.report.model import Notes, RunReport


def with_empty_logs(report: RunReport, names: Sequence[str]) -> RunReport:
    """Returns the report with the names of these logs in it: mostly an export that failed, of which nothing was checked."""
    if not names:
        return report
    told = [f"{name}: it holds no record" for name in names]
    return replace(report, body=lambda: [*report.body(), Notes(told)], data=lambda: report.data() | {"empty_logs": list(names)})
