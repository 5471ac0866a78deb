"""The connections of a server, limited in number and in the time that each of their steps may take.

A client that sends nothing, half a head, or never reads its answer costs a descriptor for some seconds. When the limit
is reached, the connection that has been idle for longest is closed, so that active clients are served.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aiohttp import web

from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.serve.worlds import IDLE_SECONDS, OpenWorlds

HEAD_SECONDS = 10.0
"""The time limit for a head, from its first byte or from the beginning of the connection."""

BODY_SECONDS = 30.0

ANSWER_SECONDS = 10.0
"""The time limit for a client to read an answer, beyond that of the body."""

CONNECTIONS_MAX = 256
"""Connections beside one for each world; fewer where the system grants fewer descriptors."""

HEADERS_MAX, LINE_MAX = 64, 8_190
_BACKLOG = 1_024
_PAUSE = 0.1


class Connection(web.RequestHandler):
    """One connection."""

    def __init__(self, connections: Connections, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]
            auto_decompress=False,
            keepalive_timeout=IDLE_SECONDS,
            # After an answer to half a body no more than this is waited for the rest of it.
            lingering_time=ANSWER_SECONDS,
            max_headers=HEADERS_MAX,
            max_line_size=LINE_MAX,
            max_field_size=LINE_MAX,
        )
        self._connections = connections
        self._limit: asyncio.TimerHandle | None = None
        self.peer: asyncio.Transport | None = None
        self.request: web.BaseRequest | None = None
        """The request that is being answered."""
        self.more = False
        """True if the next head has begun while this request was answered."""
        self.since = time.monotonic()
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins to wait for the first head."""
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport)
        self.peer = transport
        self._connections.all.add(self)
        self._within(HEAD_SECONDS)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Releases the connection's place and its world."""
        super().connection_lost(exc)
        self._within(None)
        self._connections.all.discard(self)
        if self.peer is not None:
            self._connections.worlds.left(self.peer)
        self.gone.set()

    def data_received(self, data: bytes) -> None:
        """Receives a part of a head or of a body."""
        if data and self.request is None and self._limit is None:
            self._within(HEAD_SECONDS)
        elif data and self.request is not None and self.request.content.is_eof():
            self.more = True
        super().data_received(data)

    def begins(self, request: web.BaseRequest) -> None:
        """Notes that a head has arrived, and that its request will be answered."""
        self.request, self.more, self.since = request, False, time.monotonic()
        self._within(BODY_SECONDS + ANSWER_SECONDS)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Writes an answer, a refusal of the library as JSON too; then the time limit of the next head starts."""
        if isinstance(resp, web.HTTPException):
            allowed = {name: value for name, value in resp.headers.items() if name == "Allow"}
            error = f"{request.method} {one_line(request.path, 100)}: {resp.reason.lower()}"
            resp = web.json_response({"error": error}, status=resp.status, headers=allowed)
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self.request, self.since = None, time.monotonic()
            self._within(HEAD_SECONDS if self.more else None)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answers malformed HTTP, or a request that met a bug of ours; no traceback is logged."""
        if status >= 500:
            self.log_exception(type(exc).__name__, exc_info=exc)
        error = (
            f"no HTTP that this server takes: {one_line(message or 'malformed', 200)}" if status < 500 else "a bug of tokenspec"
        )
        response = web.json_response({"error": error}, status=status)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Reports a bug of ours to the operator, in one line."""
        self._connections.say(one_line(f"a bug of tokenspec, please report it ({kw.get('exc_info') or args})", 500))

    def _within(self, seconds: float | None) -> None:
        if self._limit is not None:
            self._limit.cancel()
        self._limit = None if seconds is None else asyncio.get_running_loop().call_later(seconds, self.abort)

    def abort(self) -> None:
        """Ends the connection at once."""
        if self.peer is not None:
            self.peer.abort()


class Connections:
    """All connections, at most `limit`; `worlds` drops the worlds of each that is gone."""

    def __init__(self, worlds: OpenWorlds, say: Callable[[str], None]) -> None:
        self.worlds, self.say = worlds, say
        self.all: set[Connection] = set()
        self.limit = min(CONNECTIONS_MAX + worlds.limit, _descriptors() // 2)

    async def accept(self, listener: socket.socket, server: web.Server) -> None:
        """Accepts connections until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(listener)
            except OSError:
                # The client is gone already, or no descriptor is left: one is freed for the next try.
                await asyncio.sleep(_PAUSE)
                await self._make_room()
                continue
            if len(self.all) >= self.limit:
                await self._make_room()
            with suppress(OSError):
                await loop.connect_accepted_socket(lambda: Connection(self, server, loop), accepted)

    async def _make_room(self) -> None:
        """Ends the connection that has been idle for longest, those with a world of their own last; waits for one to be idle."""
        while self.all:
            idle = [each for each in self.all if each.request is None and each.peer is not None]
            if idle:
                first = min(idle, key=lambda each: (each.peer is not None and self.worlds.has_one(each.peer), each.since))
                first.abort()
                await first.gone.wait()
                return
            await asyncio.sleep(_PAUSE)


def listeners(host: str, port: int) -> list[socket.socket]:
    """Returns sockets that listen on every address of `host`, all on one port. Raises `OSError` where there is none."""
    found: list[socket.socket] = []
    failed: OSError | None = None
    asked = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for family, _, _, _, address in dict.fromkeys(asked):
        at = (address[0], found[0].getsockname()[1] if found else port, *address[2:])
        try:
            found.append(socket.create_server(at, family=family, backlog=_BACKLOG))
        except OSError as fault:
            failed = fault
    if failed is not None and (not found or failed.errno == errno.EADDRINUSE):
        for listener in found:
            listener.close()
        raise failed
    for listener in found:
        listener.setblocking(False)
    return found


def _descriptors() -> int:
    """The number of descriptors that this process may have."""
    if sys.platform == "win32":
        return 512  # what Windows gives a process to select from
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if 0 < soft < 2**20 else 2**20
