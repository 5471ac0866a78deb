"""Conversion of a counterexample into a vector, its requests with the right answers; and back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from tokenspec.oracle.base.specification import AnyCatalogue
from tokenspec.oracle.fuzz.conformance import SutCounterexample
from tokenspec.oracle.logs.branches import Worlds
from tokenspec.oracle.logs.policies_tried import needed
from tokenspec.oracle.vectors.suite import Case, Entry, record_of, vector_of
from tokenspec.oracle.wire.answers import DELTA
from tokenspec.oracle.wire.records import asked
from tokenspec.oracle.wire.resets import resets_from, resets_on_the_wire
from tokenspec.oracle.wire.settings import catalogue_from, catalogue_on_the_wire


def found_vector(found: SutCounterexample, policy: Mapping[str, str], catalogue: AnyCatalogue, resets: str) -> dict[str, Any]:
    """Returns the vector, in the form of a file of a suite. Its id is derived from its requests; at least one was sent."""
    steps = [
        {"request": {"op": "apply", **asked(record)}, "expect": {k: v for k, v in answer.as_dict().items() if k != DELTA}}
        for record, answer in zip(found.records, found.expected, strict=True)
        if answer is not None
    ]
    digest = hashlib.sha256(msgspec.json.encode([step["request"] for step in steps])).hexdigest()
    return {
        "id": f"found-{digest[:12]}",
        "title": f"{found.records[-1]['event']}: {found.error.field} was wrong",
        "clauses": list(found.because.clauses) if found.because is not None else [],
        "policy": dict(policy),
        "catalogue": catalogue_on_the_wire(catalogue),
        "resets": resets_on_the_wire(resets),
        "steps": steps,
    }


def case_of(vector: Mapping[str, Any]) -> Case:
    """Returns a vector outside any suite, with the settings that its answers depend on. Raises `BadSuite`."""
    found = vector_of(vector)
    worlds = Worlds(catalogue_from(found.catalogue), resets_from(found.resets))
    turned_on = needed(worlds, [record_of(step) for step in found.steps], [step.expect for step in found.steps], found.policy)
    return Case(Entry(found.id, found.title, found.clauses, found.resets, turned_on, [], ""), found)
