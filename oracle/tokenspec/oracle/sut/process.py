"""An implementation as a process of its own, driven over its standard input and output.

The streams are polled (POSIX): an event loop of asyncio takes several times as long for each exchange, and threads
for reading make a run slower as well.
"""

from __future__ import annotations

import os
import select
import shlex
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from tokenspec.oracle.base.errors import NO_ADDRESS, WrongUsage
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.sut.client import DIED, GARBAGE, HUNG, LAST_WORDS, LONGEST, Failed, Message, last_words, read_answer

_REMEDY = "standard output is for answers alone, one line each; write logs to standard error"

_GRACE = 1.0
"""Seconds that a process has to end by itself after its input has ended, and again after a signal."""

_MARK = "_TOKENSPEC_STARTED_BY"
"""The variable by which all processes are known that a program has started, in whatever session they are."""


def words_of(command_line: str, option: str = "--sut") -> list[str]:
    """Returns the words of a command line, which `option` gives. Raises `WrongUsage`."""
    try:
        words = shlex.split(command_line)
    except ValueError as fault:
        raise WrongUsage(option, f"{one_line(command_line)} is not a command line: {str(fault).lower()}") from None
    if not words:
        raise WrongUsage("--sut", NO_ADDRESS)
    return words


def demand_groups(option: str) -> None:
    """Raises `WrongUsage` where no process can be ended with all that it has started."""
    if sys.platform == "win32":
        raise WrongUsage(option, "command lines are supported on POSIX systems only; use http://HOST:PORT")


class _Fault(Exception):
    def __init__(self, how: str, detail: str) -> None:
        self.how, self.detail = how, detail


class _Running:
    """One run of the program, in a process group of its own, with all three streams read as they come."""

    allowed = 0.0
    """The seconds that it has for the present answer."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            list(words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            env={**os.environ, **environment},
        )
        streams = (self.process.stdin, self.process.stdout, self.process.stderr)
        self._in, self._out, self._err = (stream.fileno() for stream in streams if stream is not None)
        os.set_blocking(self._in, False)
        self._poll = select.poll()
        for stream in (self._out, self._err):
            self._poll.register(stream, select.POLLIN)
        self.unread, self.tail = bytearray(), b""

    def write(self, line: bytes, until: float) -> None:
        """Writes all of `line`. Raises `_Fault`."""
        rest = memoryview(line)
        while rest:
            try:
                rest = rest[os.write(self._in, rest) :]
            except BlockingIOError:
                self._poll.register(self._in, select.POLLOUT)
                self._wait(until)
                self._poll.unregister(self._in)
            except BrokenPipeError:
                raise _Fault(DIED, "it had ended before the request") from None

    def read(self, until: float) -> bytes:
        """Returns one line, without its end. Raises `_Fault`."""
        seen = 0
        while (end := self.unread.find(b"\n", seen)) < 0:
            seen = len(self.unread)
            if seen > LONGEST:
                begun = one_line(self.unread[:60].decode("latin-1"))
                raise _Fault(GARBAGE, f"it wrote {LONGEST:,} bytes and more without the end of a line: {begun}")
            self._wait(until)
        line = bytes(self.unread[:end])
        del self.unread[: end + 1]
        return line

    def _wait(self, until: float) -> None:
        """Waits for activity of the process, and reads its output."""
        left = until - time.monotonic()
        ready = self._poll.poll(left * 1_000) if left > 0 else []
        if not ready:
            # A process that it started may keep its output open.
            if self.process.poll() is not None:
                raise _Fault(DIED, "it ended instead of answering")
            raise _Fault(HUNG, f"it did not answer within {self.allowed:g} s; flush each line, or give it longer by --timeout")
        for stream, _ in ready:
            if stream == self._err:
                self._hear()
            elif stream == self._out:
                written = os.read(self._out, 2**16)
                if not written:
                    raise _Fault(DIED, "it ended instead of answering")
                self.unread += written

    def _hear(self) -> bool:
        written = os.read(self._err, 2**16)
        self.tail = (self.tail + written)[-LAST_WORDS:]
        if not written:
            self._poll.unregister(self._err)
        return bool(written)

    def end(self, patience: float) -> int:
        """Ends the process and its process group; returns its exit status, negative for a signal."""
        process = self.process
        try:
            if process.stdin is not None:
                process.stdin.close()
            for number in (signal.SIGTERM, signal.SIGKILL):
                with suppress(subprocess.TimeoutExpired):
                    process.wait(patience)
                    break
                self.signal(number)
        finally:
            # The processes that it started are ended as well.
            self.signal(signal.SIGKILL)
            process.wait()
            last = select.poll()
            last.register(self._err, select.POLLIN)
            with suppress(OSError, KeyError):
                while last.poll(0) and self._hear():
                    pass
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        return process.returncode

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the process and to all that it started in its group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


class ProcessClient:
    """A client of the program that `words` start: at once, and anew after a failure.

    `environment` is what it finds in its environment beside our own.
    """

    def __init__(self, words: Sequence[str], timeout: float, environment: Mapping[str, str] | None = None) -> None:
        demand_groups("--sut")
        self._words, self._timeout, self._mark = words, timeout, uuid.uuid4().hex
        self._environment = {**(environment or {}), _MARK: self._mark}
        self._running: _Running | None = _Running(words, self._environment)
        self._encode = msgspec.json.Encoder().encode

    def ask(self, request: Message, at_least: float = 0.0) -> Message | Failed:
        """Returns the answer to one request, for which it has so many seconds, if not more."""
        if self._running is None:
            self._running = _Running(self._words, self._environment)
        run = self._running
        run.allowed = max(self._timeout, at_least)
        until = time.monotonic() + run.allowed
        try:
            if run.unread:
                raise _Fault(
                    GARBAGE, f"it wrote what nobody had asked for: {one_line(run.unread[:200].decode(errors='replace'))}"
                )
            run.write(self._encode(request) + b"\n", until)
            answer = read_answer(run.read(until))
        except _Fault as fault:
            answer = Failed(fault.how, fault.detail)
        except BaseException:
            self.end()
            raise
        return self._failed(run, answer) if isinstance(answer, Failed) else answer

    def _failed(self, run: _Running, failed: Failed) -> Failed:
        """Ends the process, and adds its last words to the failure."""
        self._running = None
        code = run.end(_GRACE if failed.how == DIED else 0.0)
        detail = failed.detail
        if failed.how == DIED:
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
            run.signal(signal.SIGKILL)

    def end(self) -> None:
        """Closes the input of the process, and after a grace period ends it, and all that its runs have left behind."""
        run, self._running = self._running, None
        try:
            if run is not None:
                run.end(_GRACE)
        finally:
            for pid in _marked(self._mark):
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)


def _marked(mark: str) -> Iterator[int]:
    """Yields the processes with this mark, where the system shows the variables of its processes (Linux)."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"{_MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)
