"""The oracle over HTTP, which needs the extra `serve`.

A page of another site may make a browser send requests to a server on this machine. Such a page can neither omit `Origin`,
nor send `application/json` without asking first, nor choose `Host`: so all three are checked.
"""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from tokenspec.machine.lang.types import Bool, Tokens
from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.provenance import own_version
from tokenspec.oracle.base.specification import POLICIES, POOLS
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.base.unique_names import decode
from tokenspec.oracle.serve import connections
from tokenspec.oracle.serve.worlds import OpenWorlds
from tokenspec.oracle.wire.answers import BY_POOL, FIELDS, INSTANTS, SUMS, TYPES
from tokenspec.oracle.wire.protocol import PROTOCOL, Message, event_names
from tokenspec.oracle.wire.resets import CLOCKS
from tokenspec.oracle.wire.settings import RESETS

WORLD_HEADER = "Tokenspec-World"
_STOP_SECONDS = 5.0
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(worlds: OpenWorlds, longest: int, hosts: frozenset[str] | None) -> web.Application:
    """Returns the web application; a body has at most `longest` bytes.

    `hosts` are the host names accepted beside those of this machine; None: any.
    """

    @web.middleware
    async def guarded(request: web.Request, handler: _Handler) -> web.StreamResponse:
        if isinstance(request.protocol, connections.Connection):
            request.protocol.begins(request)
        return _refused(request, hosts) or await handler(request)

    async def speak(request: web.Request) -> web.Response:
        if request.content_type != "application/json" or (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
            return _response(415, {"error": "Content-Type: a request is application/json, in UTF-8"})
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            return _response(415, {"error": "Content-Encoding: a request is not compressed"})
        try:
            async with asyncio.timeout(connections.BODY_SECONDS):
                body = await request.read()
            message = decode(body)
        except web.HTTPRequestEntityTooLarge:
            return _response(413, {"error": f"a request has at most {longest:,} bytes"})
        except TimeoutError:
            return _response(408, {"error": f"a request has to arrive within {connections.BODY_SECONDS:.0f} s"})
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, web.RequestPayloadError, ConnectionError):
            return _response(400, {"error": "a request is one JSON object"})
        peer = request.transport
        if peer is None:
            raise web.HTTPBadRequest
        return _response(*worlds.handle(request.headers.get(WORLD_HEADER), peer, message, len(body)))

    async def health(request: web.Request) -> web.Response:
        return _response(200, {"status": "ok", "worlds": len(worlds)})

    async def openapi(request: web.Request) -> web.Response:
        return _response(200, description())

    app = web.Application(client_max_size=longest, middlewares=[guarded])
    app.add_routes([web.post("/", speak), web.get("/health", health), web.get("/openapi.json", openapi)])
    return app


def _refused(request: web.Request, hosts: frozenset[str] | None) -> web.Response | None:
    """Returns the refusal of a request that a page of another site made a browser send, or None."""
    if "Origin" in request.headers:
        return _response(403, {"error": "Origin: no page of a browser is served here"})
    named = request.headers.getall("Host", [])
    host = _host_of(named[0]) if len(named) == 1 else ""
    if hosts is None or host in hosts or _is_loopback(host):
        return None
    return _response(
        403, {"error": f"Host: this server listens on this machine alone, found {one_line(', '.join(named), 100)!r}"}
    )


def _host_of(header: str) -> str:
    try:
        return (urlsplit(f"//{header}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve(worlds: OpenWorlds, host: str, port: int, longest: int, say: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT. Raises `WrongUsage` where the address cannot be listened on."""
    try:
        bound = connections.listeners(host, port)
    except (OSError, UnicodeError) as fault:
        why = (getattr(fault, "strerror", None) or str(fault)).lower()
        raise WrongUsage("--http", f"{host}:{port} cannot be listened on: {why}") from None
    try:
        asyncio.run(_serve(worlds, bound, host, longest, say))
    finally:
        for listener in bound:
            listener.close()


async def _serve(worlds: OpenWorlds, bound: list[socket.socket], host: str, longest: int, say: Callable[[str], None]) -> None:
    told_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: say(one_line(f"{context.get('exception') or context['message']}", 500)))
    for number in (signal.SIGTERM, signal.SIGINT):
        # Where the loop does not support signals, Ctrl-C ends it as an exception.
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, told_to_stop.set)
    local = all(_is_loopback(listener.getsockname()[0]) for listener in bound)
    runner = web.AppRunner(
        application(worlds, longest, frozenset({host.lower()} - {""}) if local else None), shutdown_timeout=_STOP_SECONDS
    )
    await runner.setup()
    assert runner.server is not None
    places = connections.Connections(worlds, say)
    accepting = [loop.create_task(places.accept(listener, runner.server)) for listener in bound]
    try:
        shown = f"[{host}]" if ":" in host else host or "localhost"
        say(f"listening on http://{shown}:{bound[0].getsockname()[1]}")
        await told_to_stop.wait()
    finally:
        for task in accepting:
            task.cancel()
        await runner.cleanup()


def _response(status: int, message: Message) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(message), content_type="application/json")


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
