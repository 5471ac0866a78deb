"""Several clients of one implementation: connections, processes told their number, or threads that call one object."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from subprocess import DEVNULL
from typing import IO

import msgspec

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.sut.client import (
    DIED,
    GARBAGE,
    HUNG,
    LAST_WORDS,
    LONGER,
    LONGEST,
    Client,
    Failed,
    Message,
    last_words,
    read_answer,
)
from tokenspec.oracle.sut.connect import LOADING_SECONDS, check_program, connect
from tokenspec.oracle.sut.process import ProcessClient
from tokenspec.oracle.sut.programs import Program, words_of
from tokenspec.oracle.sut.world import NotThere

CLIENT_VARIABLE = "TOKENSPEC_CLIENT"
"""In the environment of a process that is one of several: its number, from 0."""


class Crew:
    """The clients of one implementation."""

    clients: Sequence[Client]
    """The clients, by their numbers."""
    joins_from: int
    """The first client that a world opened by another one has to be told of, with `"join": true`."""
    joins_after_kill = 0
    """The number of clients that have to be told of the world there is, once the implementation was killed."""

    def kill(self) -> None:
        """Kills what the clients started, with what that started; what they wait for does not come."""

    def end(self) -> None:
        """Ends the clients, and what they started. The next request meets what is there by then, or starts it anew."""
        for client in self.clients:
            client.end()


def crew_of(sut: str, timeout: float, count: int, headers: Mapping[str, str] | None = None, wait: float | None = None) -> Crew:
    """`count` clients of the implementation that `sut` names, as `connect` makes them. Raises what it raises."""
    if sut.startswith(("http://", "https://")):
        return HttpCrew(sut, timeout, count, headers, wait)
    check_program(sut, headers, wait)
    if sut.startswith("python:"):
        if sys.platform == "win32":
            remedy = "use http://HOST:PORT, or a command line, which is started for each client"
            raise WrongUsage(
                "--clients", f"threads of a Python object need sockets that a process inherits, and Windows has none; {remedy}"
            )
        connect(sut, timeout).end()
        return ThreadCrew(sut.removeprefix("python:"), timeout, count)
    return ProcessCrew(words_of(sut), timeout, count)


class HttpCrew(Crew):
    """Connections to one server, which is not started here, and is told of a world once."""

    def __init__(self, sut: str, timeout: float, count: int, headers: Mapping[str, str] | None, wait: float | None) -> None:
        # Who waits for a service to come up asks again what was not answered: that is for `open`, and for the first client.
        self.clients = [connect(sut, timeout, headers, wait if number == 0 else None) for number in range(count)]
        self.joins_from = count


class ProcessCrew(Crew):
    """A process for each client, told its number."""

    joins_from = 1

    def __init__(self, words: Sequence[str], timeout: float, count: int) -> None:
        self._processes = [ProcessClient(words, timeout, {CLIENT_VARIABLE: str(number)}) for number in range(count)]
        self.clients, self.joins_after_kill = self._processes, count

    def kill(self) -> None:
        """Kills every process, with what it started."""
        for client in self._processes:
            client.kill()


class ThreadCrew(Crew):
    """A process in which one Python object is called from a thread for each client (sut/python_host.py)."""

    joins_after_kill = 1

    def __init__(self, name: str, timeout: float, count: int) -> None:
        self._name, self._timeout, self.joins_from = name, timeout, count
        self._of_threads = [SocketClient(self, timeout) for _ in range(count)]
        self.clients = self._of_threads
        self._process: Program | None = None
        self._words = tempfile.TemporaryFile()
        self._start()

    def start(self) -> None:
        """Starts the process, unless it runs already."""
        if self._process is None or self._process.poll() is not None:
            self._start()

    def _start(self) -> None:
        self.end()
        pairs = [socket.socketpair() for _ in self._of_threads]
        theirs = [other for _, other in pairs]
        numbers = [str(each.fileno()) for each in theirs]
        self._words.seek(0)
        self._words.truncate()
        self._process = Program(
            [sys.executable, "-m", "tokenspec.oracle.sut.python_host", self._name, *numbers],
            stdin=DEVNULL,
            stdout=self._words,
            stderr=self._words,
            pass_fds=[each.fileno() for each in theirs],
        )
        for client, (ours, other) in zip(self._of_threads, pairs, strict=True):
            client.socket = ours
            other.close()
        ready = self._of_threads[0].read(max(self._timeout, LOADING_SECONDS), time.monotonic())
        if isinstance(ready, Failed) or ready.get("error") is not None:
            said = ready if isinstance(ready, Failed) else ready["error"]
            self.end()
            raise NotThere(Failed(DIED, f"python:{one_line(self._name)} cannot be loaded: {said}"))

    def last_words(self) -> str:
        """The end of what the process wrote to standard error."""
        return last_words_in(self._words)

    def kill(self) -> None:
        """Kills the process, with what it started."""
        if self._process is not None:
            self._process.kill()

    def end(self) -> None:
        """Ends the process."""
        self.kill()
        super().end()


class SocketClient(Client):
    """A client of one thread."""

    def __init__(self, crew: ThreadCrew, timeout: float) -> None:
        self._crew, self._timeout = crew, timeout
        self.socket: socket.socket | None = None
        self._unread = b""

    def ask(self, request: Message) -> Message | Failed:
        """The answer to one request."""
        if self.socket is None:
            self._crew.start()
        assert self.socket is not None
        sent = time.monotonic()
        try:
            self.socket.settimeout(self._timeout)
            self.socket.sendall(msgspec.json.encode(request) + b"\n")
        except OSError:
            return self._died()
        return self.read(self._timeout, sent)

    def read(self, timeout: float, sent: float) -> Message | Failed:
        """The next answer, or why there is none within so many seconds from the instant `sent`."""
        assert self.socket is not None
        while b"\n" not in self._unread:
            try:
                self.socket.settimeout(max(sent + timeout - time.monotonic(), 0.001))
                read = self.socket.recv(2**16)
            except TimeoutError:
                # Its thread is still at it, so that no later answer could be told from this one.
                self._crew.kill()
                return Failed(HUNG, f"it did not answer within {timeout:g} s; {LONGER}")
            except OSError:
                read = b""
            if not read:
                return self._died()
            self._unread += read
            if len(self._unread) > LONGEST:
                return Failed(GARBAGE, f"it answered more than {LONGEST:,} bytes")
        line, _, self._unread = self._unread.partition(b"\n")
        return read_answer(line)

    def _died(self) -> Failed:
        # Without one thread the others are no implementation, and the next request meets a new one.
        self._crew.kill()
        self.end()
        return Failed(DIED, "it ended instead of answering", self._crew.last_words())

    def end(self) -> None:
        """Closes the socket."""
        if self.socket is not None:
            self.socket.close()
        self.socket, self._unread = None, b""


def last_words_in(file: IO[bytes]) -> str:
    """Returns the last lines of a file that a process writes to."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_WORDS))
    return last_words(file.read())
