"""The open worlds of a server, limited in number and in memory.

The world of a request is the one that the header `Tokenspec-World` names; else the connection's own; else, for a
connection that has opened none, the unnamed world that was opened last, so that clients that connect anew for each request
are served as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from tokenspec.oracle.serve.server import Server
from tokenspec.oracle.wire.protocol import Message

UNUSED_SECONDS = 10.0
"""The idle time after which a world is dropped if another needs its place."""

IDLE_SECONDS = 600.0
"""The idle time after which a world is dropped."""

HELD_MAX = 512 * 2**20
"""The memory limit of all open worlds, in bytes."""

REQUEST_HOLDS, BYTE_HOLDS = 1_500, 2
"""The memory that a request, and each byte of it, may take for good, in bytes. Measured: an account 700, an id 410."""


@dataclass(eq=False)
class _World:
    server: Server
    used: float
    held: int = 0
    open: bool = True
    gave_way: bool = False


class OpenWorlds:
    """The open worlds, at most `limit`. `now` reads a clock, in seconds."""

    def __init__(self, make: Callable[[], Server], limit: int, now: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._make, self._now = make, now
        self._named: dict[str, _World] = {}
        self._own: dict[Hashable, _World] = {}
        self._latest: _World | None = None

    def __len__(self) -> int:
        self._drop(IDLE_SECONDS)
        return len(self._all())

    def handle(self, name: str | None, peer: Hashable, request: Any, size: int) -> tuple[int, Message]:
        """Returns the HTTP status and the answer to a request of `size` bytes."""
        if isinstance(request, dict) and request.get("op") == "open":
            return self._open(name, peer, request, size)
        world = self._named.get(name) if name is not None else self._own.get(peer, self._latest)
        if world is None:
            world = _World(self._make(), self._now())
        elif world.gave_way:
            return 400, {"error": "this world was not used and gave way to another; open it again"}
        elif not self._hold(world, size):
            return 503, {"error": "the open worlds hold all that this server remembers; close one, or open it again"}
        world.used = self._now()
        answer = world.server.handle(request)
        if isinstance(request, dict) and request.get("op") == "close":
            self._end(world)
        return 400 if "error" in answer else 200, answer

    def left(self, peer: Hashable) -> None:
        """Drops the world of a connection that is gone, unless that is the latest unnamed one."""
        world = self._own.pop(peer, None)
        if world is not None and world is not self._latest:
            self._end(world)

    def has_one(self, peer: Hashable) -> bool:
        """Returns true if a connection has an open world of its own."""
        return peer in self._own and self._own[peer].open

    def _open(self, name: str | None, peer: Hashable, request: Message, size: int) -> tuple[int, Message]:
        before = self._named.get(name) if name is not None else self._own.get(peer)
        if (before is None or not before.open) and len(self) >= self.limit and not self._make_room():
            return 503, {"error": f"{self.limit} worlds are open, and no more are served at once; close one"}
        world = _World(self._make(), self._now())
        self._hold(world, size)
        answer = world.server.handle(request)
        if "error" in answer:
            return 400, answer
        if name is not None:
            self._named[name] = world
        else:
            self._own[peer] = self._latest = world
        return 200, answer

    def _hold(self, world: _World, size: int) -> bool:
        """Counts the memory that a request may take. A world within its share is served though others hold too much."""
        more = REQUEST_HOLDS + BYTE_HOLDS * size
        if world.held + more > HELD_MAX // self.limit and sum(w.held for w in self._all()) + more > HELD_MAX:
            self._drop(UNUSED_SECONDS, but=world)
            if sum(w.held for w in self._all()) + more > HELD_MAX:
                return False
        world.held += more
        return True

    def _make_room(self) -> bool:
        """Ends one world: the latest of a closed connection, or the one unused for longest, if that is long enough."""
        all_open = self._all()
        orphans = [w for w in all_open if w is self._latest and w not in self._own.values()]
        oldest = min(all_open, key=lambda w: w.used)
        if not orphans and oldest.used > self._now() - UNUSED_SECONDS:
            return False
        self._end(orphans[0] if orphans else oldest, gave_way=True)
        return True

    def _drop(self, seconds: float, but: _World | None = None) -> None:
        for world in self._all():
            if world is not but and world.used <= self._now() - seconds:
                self._end(world, gave_way=True)

    def _all(self) -> list[_World]:
        worlds = [*self._named.values(), *self._own.values(), *([self._latest] if self._latest is not None else [])]
        return [world for world in dict.fromkeys(worlds) if world.open]

    def _end(self, world: _World, gave_way: bool = False) -> None:
        """Ends a world. Its connection stays marked, so that it is not taken for one that opened none."""
        world.server, world.held, world.open, world.gave_way = self._make(), 0, False, gave_way
        self._named = {name: each for name, each in self._named.items() if each is not world}
        if self._latest is world:
            self._latest = None
