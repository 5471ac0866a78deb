"""The HTTP interface described in the form of OpenAPI 3.1, its names taken from the declaration."""

from __future__ import annotations

from typing import Any

from tokenspec.machine.lang.types import Bool, Tokens
from tokenspec.oracle.base.provenance import own_version
from tokenspec.oracle.base.specification import POLICIES, POOLS
from tokenspec.oracle.wire.answers import BY_POOL, FIELDS, INSTANTS, SUMS, TYPES
from tokenspec.oracle.wire.protocol import PROTOCOL, event_names
from tokenspec.oracle.wire.resets import CLOCKS
from tokenspec.oracle.wire.settings import RESETS

_TEXT = {"type": "string"}
_INSTANT = {"type": ["string", "null"], "format": "date-time"}
_TOKENS = {"type": "object", "properties": {pool: {"type": "integer"} for pool in POOLS}}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties}


def _requests() -> dict[str, Any]:
    policies = {p.name: {"enum": [choice for choice, _ in p.answers]} for p in POLICIES}
    policy, catalogue = {"type": "object", "properties": policies}, {"type": "object"}
    sums = {"type": "array", "items": {"enum": list(SUMS)}}
    at = {"oneOf": [{"type": "string", "format": "date-time"}, {"type": "integer"}]}
    return {
        "Open": _object(
            ["op"], op={"const": "open"}, protocol={"const": PROTOCOL}, catalogue=catalogue, policy=policy, observes=sums
        ),
        "Apply": _object(
            ["op", "account", "at", "event"], op={"const": "apply"}, account=_TEXT, at=at, event={"enum": list(event_names())}
        ),
        "Close": _object(["op"], op={"const": "close"}),
    }


def _answers() -> dict[str, Any]:
    fields: dict[str, Any] = {name: {"type": ["string", "null"]} for name in FIELDS}
    fields["outcome"] = {"enum": ["accepted", "refused"]}
    fields |= {name: {"type": "integer"} for name, kind in TYPES.items() if isinstance(kind, Tokens) and name in fields}
    fields |= {name: {"type": "boolean"} for name, kind in TYPES.items() if isinstance(kind, Bool) and name in fields}
    fields |= dict.fromkeys(BY_POOL, _TOKENS) | dict.fromkeys(INSTANTS, _INSTANT)
    fields["duplicate"] = {"type": "boolean"}
    fields["total"], fields["delta"] = {"type": ["integer", "null"]}, {"type": "integer"}
    names = {"type": "array", "items": _TEXT}
    opened = _object(
        ["name", "version", "resets", "events", "observes"],
        name=_TEXT,
        version=_TEXT,
        resets={"oneOf": [{"enum": list(RESETS)}, _object([], **{clock: {"enum": list(RESETS)} for clock in CLOCKS})]},
        events=names,
        observes=names,
        policy={"type": "object"},
    )
    return {"Opened": opened, "Answer": _object(["outcome"], **fields), "Error": _object(["error"], error=_TEXT)}


def description() -> dict[str, Any]:
    """Returns the whole description, ready to be written as JSON."""
    requests, answers = _requests(), _answers()

    def one_of(names: list[str]) -> dict[str, Any]:
        schema = {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in names]}
        return {"content": {"application/json": {"schema": schema}}}

    header = {"name": "Tokenspec-World", "in": "header", "required": False, "schema": _TEXT}
    speak = {
        "summary": "One request of the wire protocol.",
        "parameters": [header],
        "requestBody": {"required": True, **one_of(list(requests))},
        "responses": {
            "200": {"description": "the answer; {} to close", **one_of(["Opened", "Answer"])},
            "default": {"description": "the request cannot be done; the reason", **one_of(["Error"])},
        },
    }
    health = {"summary": "Whether the server is there.", "responses": {"200": {"description": "it is"}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "tokenspec", "version": own_version()},
        "paths": {"/": {"post": speak}, "/health": {"get": health}},
        "components": {"schemas": requests | answers},
    }
