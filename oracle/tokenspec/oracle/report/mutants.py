"""The report on seeded faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from tokenspec.machine.lang.counts import counted
from tokenspec.oracle.check.mutants.recorded import ENGINES, EQUIVALENT, KILLED, SURVIVED, Fate, by_operator
from tokenspec.oracle.report.exits import COVERAGE, HOLDS
from tokenspec.oracle.report.model import Block, Check, Notes, ReportTable, RunReport


def mutants_report(found: Sequence[Fate]) -> RunReport:
    """Returns a check for each seeded fault, which fails if it survived; a suite for each operator."""
    survived = [fate for fate in found if fate.verdict == SURVIVED]
    return RunReport(
        verb="mutants",
        code=COVERAGE if survived else HOLDS,
        verdict=f"{len(survived)} of {counted(len(found), 'fault')} survived"
        if survived
        else "every fault is killed or equivalent",
        body=lambda: _body(found),
        data=lambda: _data(found),
        checks=lambda: [
            Check(fate.operator, fate.id, "failure" if fate in survived else "", [f"survived: {fate.fault}"]) for fate in found
        ],
        kinds={"failure": SURVIVED},
    )


def _body(found: Sequence[Fate]) -> Iterator[Block]:
    yield ReportTable(["operator", "faults", *ENGINES, EQUIVALENT, SURVIVED], by_operator(list(found)))
    claims = Counter(fate.claim for fate in found if fate.verdict == KILLED and fate.engine != "validation")
    yield ReportTable(["claim", "faults killed"], [[claim, str(times)] for claim, times in claims.most_common()])
    yield Notes([f"survived: {fate.id}: {fate.fault}" for fate in found if fate.verdict == SURVIVED])


def _data(found: Sequence[Fate]) -> dict[str, Any]:
    return {
        "mutants": [
            {
                "id": fate.id,
                "operator": fate.operator,
                "fault": fate.fault,
                "verdict": fate.verdict,
                "killed_by": {"claim": fate.claim, "engine": fate.engine, "steps": fate.steps}
                if fate.verdict == KILLED
                else None,
            }
            for fate in found
        ]
    }
