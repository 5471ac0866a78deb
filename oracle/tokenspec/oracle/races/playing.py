"""Plays rounds of requests at an implementation: each client sends what is its own, all of them at once."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.races.crew import Crew, HttpCrew
from tokenspec.oracle.races.history import Call
from tokenspec.oracle.races.service import Service
from tokenspec.oracle.sut.capabilities import Capabilities
from tokenspec.oracle.sut.client import DIED, ERROR, Failed
from tokenspec.oracle.sut.world import Diverged, NotThere, Openings, SutSettings, applied

Record = dict[str, Any]

ANSWERED = math.inf
"""A kill that comes when all requests of its round have been answered."""


@dataclass(frozen=True)
class Round:
    """Requests that are sent at once, all at the instant `at` (UTC milliseconds), each by its client."""

    at: int
    sends: tuple[tuple[int, Record], ...]
    """Client and record, without its instant. Several of one client are sent one after the other."""
    kill: float | None = None
    """Seconds after the requests were sent at which the implementation is killed; None where it is not."""


@dataclass
class Played:
    """The rounds of one world, and their calls."""

    rounds: list[Round] = field(default_factory=list)
    calls: list[list[Call]] = field(default_factory=list)
    """By round."""

    @property
    def kills(self) -> int:
        """The number of times that the implementation was killed."""
        return sum(each.kill is not None for each in self.rounds)


class Players:
    """The clients of an implementation, and what kills it, if anything does."""

    def __init__(self, crew: Crew, setting: SutSettings, service: Service | None = None) -> None:
        self.crew, self.service = crew, service
        self._setting, self.openings = setting, Openings(crew.clients[0], setting.named)
        self._pool = ThreadPoolExecutor(len(crew.clients))
        self._order = itertools.count(1)
        self.pace = 0.005
        """The seconds that a request takes, on the whole."""

    def open(self) -> Capabilities:
        """Opens a world. Raises what `Openings.open` raises."""
        self._order = itertools.count(1)
        terms = self._setting.opened_at(self.openings)
        self._join(range(self.crew.joins_from, len(self.crew.clients)))
        return terms

    def play(self, round_: Round) -> list[Call]:
        """Sends the requests of a round; the calls, by client. What is killed in it is not started again here."""
        by_client: dict[int, list[Record]] = {}
        at = format_instant(round_.at)
        for client, record in round_.sends:
            by_client.setdefault(client, []).append({**record, "at": at})
        if round_.kill is None and len(by_client) == 1:
            ((client, records),) = by_client.items()
            return self._send(client, records, None)
        start = threading.Barrier(len(by_client) + 1)
        sending = [self._pool.submit(self._send, client, records, start) for client, records in by_client.items()]
        try:
            start.wait()
        except BaseException:
            # Whoever interrupts this leaves no thread behind that waits for it.
            start.abort()
            raise
        if round_.kill is not None:
            wait(sending, round_.kill if round_.kill != ANSWERED else None)
            self.kill()
        calls = [call for each in sending for call in each.result()]
        if round_.kill is not None:
            # Whatever came instead of an answer, the request may have happened.
            calls = [replace(call, failed=None) for call in calls]
        return calls

    def _send(self, client: int, records: Sequence[Record], start: threading.Barrier | None) -> list[Call]:
        if start is not None:
            start.wait()
        calls: list[Call] = []
        for record in records:
            sent = next(self._order)
            begun = time.monotonic()
            got = applied(self.crew.clients[client], record)
            if isinstance(got, Failed):
                # What this client was to send after it is not sent.
                return [*calls, Call(client, record, sent, failed=got)]
            calls.append(Call(client, record, sent, next(self._order), got))
            self.pace += (time.monotonic() - begun - self.pace) / 16
        return calls

    def kill(self) -> None:
        """Kills the implementation, with what it started."""
        if self.service is not None:
            self.service.crash()
        self.crew.kill()

    def start_again(self) -> None:
        """Starts what was killed, and goes on with the world there is. Raises `Diverged` where that cannot be."""
        if self.service is not None:
            try:
                self.service.start()
            except NotThere as fault:
                raise Diverged(None, None, [], Failed(DIED, f"it could not be started again: {fault.strerror}")) from None
        self.crew.end()
        self._join(range(self.crew.joins_after_kill))

    def connect_anew(self) -> None:
        """Ends the connections to a server, so that others of its workers may be met; what was started here stays."""
        if isinstance(self.crew, HttpCrew):
            self.crew.end()

    def _join(self, clients: Sequence[int]) -> None:
        """Tells clients of the world that is open. Raises `Diverged`."""
        request = self._setting.request()
        policy = self.openings.sent(request["policy"])
        for number in clients:
            answer = self.crew.clients[number].ask({**request, "policy": policy, "join": True})
            if not isinstance(answer, Failed) and answer.get("error") is not None:
                answer = Failed(ERROR, f"it answered with an error: {one_line(str(answer['error']), 1_000)}")
            if isinstance(answer, Failed):
                asked = 'asked to go on with the world there is (open with "join": true)'
                raise Diverged(None, None, [], replace(answer, detail=f"{asked}, {answer.detail}"))

    def end(self) -> None:
        """Ends the clients and the implementation, as far as they were started here."""
        with suppress(RuntimeError):
            self._pool.shutdown(wait=False, cancel_futures=True)
        self.crew.end()
        if self.service is not None:
            self.service.end()
