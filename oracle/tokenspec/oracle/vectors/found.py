"""A counterexample as a vector: what was sent, with the right answers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from tokenspec.oracle.conformance import Counterexample
from tokenspec.oracle.settings import catalogue_on_the_wire
from tokenspec.spec.catalogue import Catalogue


def found_vector(found: Counterexample, policy: Mapping[str, str], catalogue: Catalogue, resets: str) -> dict[str, Any]:
    """The vector, in the form of a file of a suite. Its id is made of its requests; at least one was sent."""
    steps = [
        {"request": {"op": "apply", **_sent(record)}, "expect": answer.as_dict()}
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
        "resets": resets,
        "steps": steps,
    }


def _sent(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != "observed"}
