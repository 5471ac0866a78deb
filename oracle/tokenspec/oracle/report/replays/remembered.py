"""The part of a replay's report on the time for which ids and jobs are remembered."""

from __future__ import annotations

from dataclasses import replace

from tokenspec.oracle.report.model import Notes, RunReport
from tokenspec.oracle.runtime.forgetting import written


def with_remembered_time(report: RunReport, remember: int) -> RunReport:
    """Returns the report with that time in it, given in milliseconds."""
    told = f"ids and jobs are remembered for {written(remember)} from their first use; what depends on older ones is not compared"
    return replace(
        report, body=lambda: [*report.body(), Notes([told])], data=lambda: report.data() | {"remember": written(remember)}
    )
