"""Small suites of vectors, written as `vectors build` writes them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tokenspec.oracle import Oracle
from tokenspec.oracle.wire.settings import catalogue_on_the_wire, policy_from
from tokenspec.spec.catalogue import DEFAULT

IMAGE = {"media": "image", "origin": "first_party"}
STORIES: dict[str, tuple[dict[str, str], list[dict[str, Any]]]] = {
    "free-allowance": ({}, [{"event": "open_account"}, {"event": "generate", "job": "j1", "cost": 151, **IMAGE}]),
    "refunded": (
        {"refund": "to_source"},
        [{"event": "open_account"}, {"event": "generate", "job": "j1", "cost": 50, **IMAGE}, {"event": "refund", "job": "j1"}],
    ),
    "refunds-not-offered": (
        {"refund": "none"},
        [{"event": "open_account"}, {"event": "generate", "job": "j1", "cost": 50, **IMAGE}, {"event": "refund", "job": "j1"}],
    ),
    "tokens-stay": ({}, [{"event": "open_account"}, {"event": "transfer", "to": "b", "amount": 5}]),
}


def vector(name: str) -> dict[str, Any]:
    settings, events = STORIES[name]
    oracle, steps = Oracle(settings), []
    for event in events:
        record = {"account": "a", "at": "2027-01-31T09:00:00Z", **event}
        steps.append({"request": {"op": "apply", **record}, "expect": oracle.apply(record).as_dict()})
    catalogue = catalogue_on_the_wire(DEFAULT)
    said = {"id": name, "title": name.replace("-", " "), "clauses": ["F03"], "policy": policy_from(settings)}
    return {**said, "catalogue": catalogue, "resets": "explicit", "steps": steps}


def write_suite(folder: Path) -> Path:
    """A suite of the stories above."""
    entries = []
    (folder / "vectors").mkdir(parents=True)
    for name, (settings, _) in STORIES.items():
        written = vector(name)
        content = json.dumps(written).encode()
        (folder / "vectors" / f"{name}.json").write_bytes(content)
        said = {key: written[key] for key in ("id", "title", "clauses", "resets")}
        entries.append({**said, "policies": settings, "edges": [], "sha256": hashlib.sha256(content).hexdigest()})
    (folder / "index.json").write_text(json.dumps({"format": 1, "version": "0", "digest": "0", "vectors": entries}))
    return folder
