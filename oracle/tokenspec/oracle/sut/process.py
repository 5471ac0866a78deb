"""An implementation as a process of its own, driven over its standard input and output.

Its answers are polled for; on Windows, where pipes cannot be polled, a thread reads them. With a thread all of a run takes some
40 % longer, the implementation's own time included; with an event loop of asyncio an exchange takes some ten times as long.
"""

from __future__ import annotations

import select
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from subprocess import PIPE, TimeoutExpired
from threading import Thread

import msgspec

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
from tokenspec.oracle.sut.programs import Program

_REMEDY = "standard output is for answers alone, one line each; write logs to standard error"

_GRACE = 1.0
"""Seconds that a process has to end by itself after its input has ended, and again after a signal."""

_PIPE_HOLDS = 4_096
"""Bytes that a pipe takes, on every system, before anybody has read them."""

_PARTS_AHEAD = 1_000
"""The number of parts of its output, of 64 KiB at most, that are kept before they are asked for."""

_ENDED = Failed(DIED, "it ended instead of answering")


class _Running:
    """One run of the program. A thread keeps the end of its standard error as it comes."""

    _parts: SimpleQueue[bytes]

    def __init__(self, words: Sequence[str], environment: Mapping[str, str]) -> None:
        self.program = Program(words, environment, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        self.unread, self.tail = bytearray(), b""
        reads = [self._hear]
        if sys.platform == "win32":
            self._parts = SimpleQueue()
            reads.append(self._read)
        else:
            assert self.program.stdout is not None
            self._poll = select.poll()
            self._poll.register(self.program.stdout, select.POLLIN)
        self._threads = [Thread(target=each, daemon=True) for each in reads]
        for thread in self._threads:
            thread.start()

    def send(self, request: bytes) -> None:
        """Sends the line `request`."""
        if len(request) <= _PIPE_HOLDS:
            self._write(request)
        else:
            # One that does not read it, or writes before it does, is read meanwhile, and no longer than its answer is waited for.
            Thread(target=self._write, args=[request], daemon=True).start()

    def line(self, timeout: float, until: float) -> bytes | Failed:
        """Returns the next line, without its end, if it comes by an instant, which is `timeout` seconds behind its request."""
        seen = 0
        while (end := self.unread.find(b"\n", seen)) < 0:
            seen = len(self.unread)
            if seen > LONGEST:
                begun = one_line(self.unread[:60].decode("latin-1"))
                return Failed(GARBAGE, f"it wrote {LONGEST:,} bytes and more without the end of a line: {begun}")
            part = self._next(max(0.0, until - time.monotonic()))
            if part is None:
                # A process that it started may keep its output open.
                if self.program.poll() is not None:
                    return _ENDED
                return Failed(HUNG, f"it did not answer within {timeout:g} s; flush each line, or {LONGER}")
            if not part:
                return _ENDED
            self.unread += part
        line = bytes(self.unread[:end])
        del self.unread[: end + 1]
        return line

    def _write(self, rest: bytes) -> None:
        assert self.program.stdin is not None
        # If the process has ended, its output says so.
        with suppress(OSError, ValueError):
            while rest:
                rest = rest[self.program.stdin.write(rest) or 0 :]

    def _next(self, seconds: float) -> bytes | None:
        """Returns the next part of its output, empty at the end; None where none comes within so many seconds."""
        if sys.platform == "win32":
            with suppress(Empty):
                return self._parts.get(timeout=seconds)
            return None
        assert self.program.stdout is not None
        return self.program.stdout.read(2**16) if self._poll.poll(seconds * 1_000) else None

    def _read(self) -> None:
        assert self.program.stdout is not None
        with self.program.stdout as stream:
            while part := stream.read(2**16):
                self._parts.put(part)
                while self._parts.qsize() > _PARTS_AHEAD and self.program.returncode is None:
                    time.sleep(0.01)
        self._parts.put(b"")

    def _hear(self) -> None:
        assert self.program.stderr is not None
        with self.program.stderr as stream:
            while written := stream.read(2**16):
                self.tail = (self.tail + written)[-LAST_WORDS:]

    def end(self, patience: float) -> int | None:
        """Ends the process and all that it has started; returns its own exit status, negative for a signal, if it has one."""
        status = None
        try:
            if self.program.stdin is not None:
                self.program.stdin.close()
            with suppress(TimeoutExpired):
                status = self.program.wait(patience)
            if status is None:
                self.program.interrupt()
                with suppress(TimeoutExpired):
                    self.program.wait(patience)
        finally:
            self.program.kill()
            for thread in self._threads:
                # Without end is only what holds the streams, and can neither be found nor killed.
                thread.join(_GRACE)
            if sys.platform != "win32" and self.program.stdout is not None:
                self.program.stdout.close()
        return status


class ProcessClient(Client):
    """A client of the program that `words` start: at once, and anew after a failure.

    `environment` is what it finds in its environment beside our own.
    """

    def __init__(self, words: Sequence[str], timeout: float, environment: Mapping[str, str] | None = None) -> None:
        self._words, self._timeout, self._environment = words, timeout, environment or {}
        self._running: _Running | None = _Running(words, self._environment)
        self._encode = msgspec.json.Encoder().encode
        self._waiting: Callable[[], Message | Failed] | None = None

    def ask(self, request: Message, at_least: float = 0.0) -> Message | Failed:
        """Returns the answer to one request, for which it has so many seconds, if not more."""
        return self.send(request, at_least)()

    def send(self, request: Message, at_least: float = 0.0) -> Callable[[], Message | Failed]:
        """Sends one request, for whose answer it has so many seconds, if not more."""
        if self._waiting is not None:
            # Whoever sent the request before has given up, and its answer belongs to nobody.
            self._waiting()
        if self._running is None:
            self._running = _Running(self._words, self._environment)
        run = self._running
        if run.unread:
            asked_by_nobody = one_line(run.unread[:200].decode(errors="replace"))
            failed = self._failed(run, Failed(GARBAGE, f"it wrote what nobody had asked for: {asked_by_nobody}"))
            return lambda: failed
        timeout = max(self._timeout, at_least)
        until = time.monotonic() + timeout
        run.send(self._encode(request) + b"\n")
        self._waiting = partial(self._answer, run, timeout, until)
        return self._waiting

    def _answer(self, run: _Running, timeout: float, until: float) -> Message | Failed:
        self._waiting = None
        try:
            line = run.line(timeout, until)
        except BaseException:
            self.end()
            raise
        answer = read_answer(line) if isinstance(line, bytes) else line
        return self._failed(run, answer) if isinstance(answer, Failed) else answer

    def _failed(self, run: _Running, failed: Failed) -> Failed:
        """Ends the process, and adds its last words to the failure."""
        self._running = None
        code = run.end(_GRACE if failed.how == DIED else 0.0)
        detail = failed.detail
        if failed.how == DIED and code is None:
            detail = "it closed its standard output instead of answering, and went on"
        elif failed.how == DIED:
            assert code is not None
            status = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            detail = f"{detail}, with {status}"
        if failed.how == GARBAGE:
            detail = f"{detail}; {_REMEDY}"
        elif run.unread:
            detail += f", after half a line: {one_line(run.unread[:200].decode(errors='replace'))}"
        return Failed(failed.how, detail, last_words(run.tail))

    def kill(self) -> None:
        """Kills the process as a crash does. Whoever waits for its answer, in another thread, gets none."""
        run = self._running
        if run is not None:
            run.program.kill()

    def end(self) -> None:
        """Closes the input of the process, and after a grace period ends it, and all that it has left behind."""
        run, self._running, self._waiting = self._running, None, None
        if run is not None:
            run.end(_GRACE)
