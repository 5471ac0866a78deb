"""Small suites made for a test, and clients that are wrong in one way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenspec.machine.lang.declaration import Machine
from tokenspec.oracle.base.provenance import declaration
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.serve.server import Server
from tokenspec.oracle.sut.client import Client
from tokenspec.oracle.wire.settings import catalogue_on_the_wire, policy_from
from tokenspec.spec.catalogue import DEFAULT

Message = dict[str, Any]
AT = "2026-07-15T09:00:00Z"


def event(name: str, at: str = AT, **fields: Any) -> Message:
    return {"account": "a", "at": at, "event": name, **fields}


OPENED = event("open_account")
SUBSCRIBED = event("subscribe", plan="premium")
GENERATED = event("generate", job="j", cost=24, media="image", origin="first_party")


def write_suite(
    folder: Path, runs: Mapping[str, list[Message]], resets: str = "explicit", policies: Mapping[str, str] | None = None
) -> Path:
    """A suite with the oracle's answers to each run."""
    (folder / "vectors").mkdir(parents=True)
    entries = []
    for name, run in runs.items():
        oracle = Oracle(policies, resets=resets)
        steps = [{"request": {"op": "apply", **record}, "expect": oracle.apply(record).as_dict()} for record in run]
        shared = {"id": name, "title": f"the run {name}", "clauses": ["F03"], "resets": resets}
        world = {"policy": policy_from(policies), "catalogue": catalogue_on_the_wire(DEFAULT)}
        content = json.dumps({**shared, **world, "steps": steps}).encode()
        (folder / "vectors" / f"{name}.json").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        entries.append({**shared, "policies": dict(policies or {}), "edges": [], "sha256": digest})
    index = {"format": 1, "version": "0", "digest": declaration(), "vectors": entries}
    (folder / "index.json").write_text(json.dumps(index))
    return folder


class Mutated(Server, Client):
    """The oracle behind the protocol, with another account in place of the declared one."""

    def __init__(self, machine: Machine, resets: str = "explicit") -> None:
        super().__init__(resets)
        self._machine = machine

    def ask(self, request: Message) -> Message:
        if request["op"] == "open":
            answer = self.handle(request)
            self._world = Oracle(request["policy"], request["catalogue"], self._resets, self._machine)
            return answer
        return self.handle(request)

    def end(self) -> None:
        pass
