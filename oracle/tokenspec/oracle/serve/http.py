"""The oracle over HTTP. It needs the extra `serve`.

Whose world a request is about: the one that the header `Tokenspec-World` names; else the connection's own; else, for a
connection that has opened none, the unnamed world that was opened last, so that clients that connect anew for each
request are served as well.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.serve.openapi import description
from tokenspec.oracle.serve.server import Server
from tokenspec.oracle.wire.protocol import Message

WORLD_HEADER = "Tokenspec-World"
BODY_SECONDS = 30.0
"""How long a body may take to come."""

IDLE_SECONDS = 600.0
"""A named world that nobody spoke to for so long makes room for another."""

RECEIVED_MAX = 128 * 2**20
"""Bytes of the requests that the open worlds were built from: what they remember grows with them."""

_STOP_SECONDS = 5.0


@dataclass(eq=False)
class _World:
    server: Server
    received: int = 0
    used: float = field(default_factory=time.monotonic)


class OpenWorlds:
    """The open worlds, at most `limit`."""

    def __init__(self, make: Callable[[], Server], limit: int) -> None:
        self._make, self._limit = make, limit
        self._named: dict[str, _World] = {}
        self._own: dict[asyncio.BaseTransport, _World] = {}
        self._latest: _World | None = None

    def __len__(self) -> int:
        return len(self._all())

    def handle(self, name: str | None, connection: asyncio.BaseTransport, request: Any, size: int) -> tuple[int, Message]:
        """The HTTP status and the answer to a request of `size` bytes."""
        if isinstance(request, dict) and request.get("op") == "open":
            return self._open(name, connection, request, size)
        world = self._named.get(name) if name is not None else self._own.get(connection, self._latest)
        if world is None:
            world = _World(self._make())
        elif sum(w.received for w in self._all()) + size > RECEIVED_MAX:
            return 503, {"error": "the open worlds hold all that this server remembers; close one, or open it again"}
        world.received, world.used = world.received + size, time.monotonic()
        answer = world.server.handle(request)
        if isinstance(request, dict) and request.get("op") == "close":
            self._forget(world)
        return 400 if "error" in answer else 200, answer

    def _open(self, name: str | None, connection: asyncio.BaseTransport, request: Message, size: int) -> tuple[int, Message]:
        self._own = {known: world for known, world in self._own.items() if not known.is_closing()}
        before = self._named.get(name) if name is not None else self._own.get(connection)
        if before is None and len(self) >= self._limit and not self._make_room():
            return 503, {"error": f"{self._limit} worlds are open, and no more are served at once; close one"}
        world = _World(self._make(), size)
        answer = world.server.handle(request)
        if "error" in answer:
            return 400, answer
        if name is not None:
            self._named[name] = world
        else:
            self._own[connection] = self._latest = world
        return 200, answer

    def _make_room(self) -> bool:
        """Drops what nobody can be missing: the last world of connections that are gone, and names long unused."""
        if self._latest is not None and self._latest not in self._own.values():
            self._latest = None
        oldest = time.monotonic() - IDLE_SECONDS
        self._named = {name: world for name, world in self._named.items() if world.used > oldest}
        return len(self) < self._limit

    def _all(self) -> list[_World]:
        worlds = [*self._named.values(), *self._own.values()]
        return worlds if self._latest is None or self._latest in worlds else [*worlds, self._latest]

    def _forget(self, closed: _World) -> None:
        self._named = {name: world for name, world in self._named.items() if world is not closed}
        self._own = {connection: world for connection, world in self._own.items() if world is not closed}
        if self._latest is closed:
            self._latest = None


def application(worlds: OpenWorlds, longest: int) -> web.Application:
    """The web application; a body has at most `longest` bytes."""

    async def speak(request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await request.read()
            message = msgspec.json.decode(body)
        except web.HTTPRequestEntityTooLarge:
            return _response(413, {"error": f"a request has at most {longest:,} bytes"})
        except TimeoutError:
            return _response(408, {"error": f"a request has to arrive within {BODY_SECONDS:.0f} s"})
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _response(400, {"error": "a request is one JSON object"})
        connection = request.transport
        if connection is None:
            raise web.HTTPBadRequest
        return _response(*worlds.handle(request.headers.get(WORLD_HEADER), connection, message, len(body)))

    async def health(request: web.Request) -> web.Response:
        return _response(200, {"status": "ok", "worlds": len(worlds)})

    async def openapi(request: web.Request) -> web.Response:
        return _response(200, description())

    app = web.Application(client_max_size=longest)
    app.add_routes([web.post("/", speak), web.get("/health", health), web.get("/openapi.json", openapi)])
    return app


def serve(worlds: OpenWorlds, host: str, port: int, longest: int, say: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT. Raises `WrongUsage` where the address cannot be listened on."""
    asyncio.run(_serve(worlds, host, port, longest, say))


async def _serve(worlds: OpenWorlds, host: str, port: int, longest: int, say: Callable[[str], None]) -> None:
    told_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Where the loop takes no signals, Ctrl-C ends it as an exception.
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, told_to_stop.set)
    runner = web.AppRunner(application(worlds, longest), access_log=None, shutdown_timeout=_STOP_SECONDS)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host or None, port).start()
        except OSError as fault:
            raise WrongUsage("--http", f"{host}:{port} cannot be listened on: {(fault.strerror or str(fault)).lower()}") from None
        shown = f"[{host}]" if ":" in host else host or "localhost"
        say(f"listening on http://{shown}:{runner.addresses[0][1]}")
        await told_to_stop.wait()
    finally:
        await runner.cleanup()


def _response(status: int, message: Message) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(message), content_type="application/json")
