"""The verdict on each seeded fault, as text and as data."""

from __future__ import annotations

from collections import Counter
from typing import IO, Any

from tokenspec.oracle.base.provenance import stamp
from tokenspec.oracle.check.mutants.recorded import ENGINES, EQUIVALENT, KILLED, SURVIVED, Fate, by_operator
from tokenspec.oracle.report.text import table


def report(found: list[Fate]) -> dict[str, Any]:
    """Returns the verdict on each mutant as data."""
    return {
        **stamp(),
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
        ],
    }


def text(found: list[Fate], to: IO[str]) -> None:
    """Writes the table of seeded faults and their verdicts."""
    table("", ["operator", "faults", *ENGINES, EQUIVALENT, SURVIVED], [list(row) for row in by_operator(found)], to)
    claims = Counter(fate.claim for fate in found if fate.verdict == KILLED and fate.engine != "validation")
    table("", ["claim", "faults killed"], [[claim, str(times)] for claim, times in claims.most_common()], to)
    for fate in found:
        if fate.verdict == SURVIVED:
            to.write(f"survived: {fate.id}: {fate.fault}\n")
