"""A run as a vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenspec.oracle.fuzz.paths import written
from tokenspec.oracle.vectors.build.executed import ExecutedRun
from tokenspec.oracle.wire.answers import without_delta
from tokenspec.oracle.wire.resets import resets_on_the_wire
from tokenspec.oracle.wire.settings import catalogue_on_the_wire


def vector_of_run(name: str, title: str, clauses: Sequence[str], run: ExecutedRun) -> dict[str, Any]:
    """Returns the vector of a run, in the form of a file of a suite."""
    return {
        "id": name,
        "title": title,
        "clauses": list(clauses),
        "policy": dict(run.world.oracle.policy),
        "catalogue": catalogue_on_the_wire(run.world.catalogue),
        "resets": resets_on_the_wire(run.world.resets),
        "steps": [
            {"request": {"op": "apply", **written(record)}, "expect": without_delta(answer).as_dict()}
            for record, answer in zip(run.records, run.answers, strict=True)
        ],
    }
