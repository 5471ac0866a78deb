"""The answering side of the wire protocol: one world, one JSON object in, one out.

`tokenspec serve` puts a `Server` behind standard input or a connection. A `Server` never raises: a request that it cannot
serve is answered with `{"error": "..."}`, and leaves the world unchanged.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tokenspec.oracle.base.errors import BadRecord, BadSetting
from tokenspec.oracle.base.provenance import stamp
from tokenspec.oracle.base.specification import DEFAULT, AnyCatalogue
from tokenspec.oracle.base.text import as_text, in_our_words
from tokenspec.oracle.base.unique_names import decode
from tokenspec.oracle.runtime.oracle import Oracle, ReaderOf
from tokenspec.oracle.sut.capabilities import ASKED_FOR
from tokenspec.oracle.wire.answers import DELTA, FIELDS, SUMS, TOTAL, total
from tokenspec.oracle.wire.protocol import PROTOCOL, Message, event_names, given
from tokenspec.oracle.wire.resets import resets_on_the_wire, unwritten
from tokenspec.oracle.wire.settings import catalogue_from


class Server:
    """One world, opened by `open`, driven by `apply`, dropped by `close`.

    It may be called from several threads: requests happen one after the other.

    Answers hold `total` and `delta` where `open` lists them in `observes`, or a record has them in `observed`.

    `resets` is the mode of jobs; `policy` holds settings that a client cannot change; `catalogue` is used where `open`
    sends none; `machine_reader` runs the account, as for `Oracle`.
    """

    def __init__(
        self,
        resets: str = "explicit",
        policy: Mapping[str, str] | None = None,
        catalogue: AnyCatalogue = DEFAULT,
        machine_reader: ReaderOf | None = None,
    ) -> None:
        self._resets, self._fixed, self._catalogue, self._machine_reader = resets, dict(policy or {}), catalogue, machine_reader
        self._world: Oracle | None = None
        self._lock = threading.Lock()
        self._sums = frozenset[str]()
        self._ops: dict[str, Callable[[Message], Message]] = {"open": self._open, "apply": self._apply, "close": self._close}

    def handle(self, request: Any) -> Message:
        """Returns the answer to one request."""
        if not isinstance(request, dict):
            return _error("a request is one JSON object")
        op = request.get("op")
        act = self._ops.get(op) if isinstance(op, str) else None
        if act is None:
            return _error(f"op: it is one of {', '.join(self._ops)}, found {as_text(op)}")
        try:
            with self._lock:
                return act(request)
        except (BadRecord, BadSetting) as fault:
            return _error(str(fault))
        except Exception as fault:  # the last resort: a bug of ours must not end the other worlds
            return _error(f"a bug of tokenspec, please report it ({type(fault).__name__}: {fault})")

    def answer(self, line: bytes) -> bytes:
        """Returns the answer to one request as JSON, in bytes both ways, without the end of the line."""
        try:
            request = decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            return msgspec.json.encode(_error(f"a request is one JSON object: {in_our_words(str(fault))}"))
        return msgspec.json.encode(self.handle(request))

    def _open(self, request: Message) -> Message:
        protocol = request.get("protocol", PROTOCOL)
        if type(protocol) is not int or protocol != PROTOCOL:
            return _error(f"protocol: this is version {PROTOCOL}, found {as_text(protocol)}")
        policy, written = given(request, "policy", {}), request.get("catalogue")
        if not isinstance(policy, dict) or not all(isinstance(answer, str) for answer in policy.values()):
            return _error(f"policy: it holds one choice for each policy, found {as_text(policy)}")
        if written is not None and not isinstance(written, dict):
            return _error(f"catalogue: it is an object, found {as_text(written)}")
        sums = given(request, "observes", [])
        if not isinstance(sums, list) or not all(name in SUMS for name in sums):
            return _error(
                f"observes: it lists what answers are to hold beside the usual fields, {', '.join(SUMS)}, found {as_text(sums)}"
            )
        joins = given(request, "join", False)
        if not isinstance(joins, bool):
            return _error(f"join: it is true or false, found {as_text(joins)}")
        if not joins or self._world is None:
            catalogue = self._catalogue if written is None else catalogue_from(written)
            settings = {**policy, **self._fixed}
            self._world = Oracle(settings, catalogue, self._resets, machine_reader=self._machine_reader)
        self._sums = frozenset(sums)
        by_itself = unwritten(self._resets)
        answer: Message = {
            "name": "tokenspec",
            **stamp(),
            "resets": resets_on_the_wire(self._resets),
            "events": [name for name in event_names() if name not in by_itself],
            "observes": [*FIELDS, *(name for name in SUMS if name in self._sums)],
            "fields": sorted(ASKED_FOR),
        }
        return answer | ({"policy": self._fixed} if self._fixed else {})

    def _apply(self, request: Message) -> Message:
        if self._world is None:
            return _error("no world is open; the first request is an open")
        observed = request.get("observed")
        asked = self._sums | (observed.keys() & SUMS if isinstance(observed, dict) else set())
        if DELTA in self._sums and (observed is None or isinstance(observed, dict)):
            request = {**request, "observed": {DELTA: None, **(observed or {})}}
        answer = self._world.apply(request)
        return answer.as_dict() | ({TOTAL: total(answer)} if TOTAL in asked else {})

    def _close(self, request: Message) -> Message:
        self._world = None
        return {}


def _error(why: str) -> Message:
    return {"error": why}
