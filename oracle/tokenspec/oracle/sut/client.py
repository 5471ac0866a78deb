"""Clients of implementations under test, and the ways in which a request can fail.

A client takes a request and returns the answer, or the way in which there was none. Whatever the implementation does,
the client raises nothing.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import msgspec

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.text import as_text, one_line
from tokenspec.oracle.base.unique_names import repeated_name

Message = dict[str, Any]

LONGEST = 16 * 2**20
"""The largest size of an answer, in bytes; more is not waited for."""

LAST_WORDS = 2_000
"""The size of the end of what a program wrote to standard error that is kept, in bytes."""

_FRAMES = 3
"""The number of frames, the last ones, that are shown of an exception's traceback."""

_OF_THE_EXCHANGE = ("host", "content-length", "transfer-encoding", "connection")
_NAME, _VALUE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"), re.compile(r"[\t -~\x80-\xff]*")

LONGER = "give it longer by --timeout"
"""The remedy where no answer came in time."""

DIED, HUNG, GARBAGE, ERROR = "died", "hung", "garbage", "error"


@dataclass(frozen=True)
class Failed:
    """A request without an answer: `how` is one of died, hung, garbage, error; then what happened, and the last words."""

    how: str
    detail: str
    last_words: str = ""

    def __str__(self) -> str:
        return self.detail + (f"; its last words: {self.last_words}" if self.last_words else "")


class Client(Protocol):
    """A connection to an implementation. `end` leaves no process running that was started here."""

    def ask(self, request: Message) -> Message | Failed:
        """Returns the answer to one request. After a failure the next request goes to a fresh implementation, if possible."""
        ...

    def send(self, request: Message) -> Callable[[], Message | Failed]:
        """Sends one request, and returns what waits for its answer, before anything else is asked.

        Where sending and waiting cannot be told apart, both are done then.
        """
        return partial(self.ask, request)

    def end(self) -> None:
        """Releases the implementation."""


def read_answer(body: bytes) -> Message | Failed:
    """Returns the object that an answer holds, or the reason why it holds none."""
    try:
        answer = msgspec.json.decode(body)
    except msgspec.ValidationError:
        # JSON has numbers of any size; nothing else is left to be wrong where no type is asked for.
        return Failed(GARBAGE, f"it answered with a number that is too large to be read: {one_line(body.decode())}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        shown = one_line(body.decode(errors="replace"))
        return Failed(GARBAGE, f"it answered what is not JSON: {shown}" if shown else "it answered nothing")
    if not isinstance(answer, dict):
        return Failed(GARBAGE, f"it answered what is not a JSON object: {as_text(answer)}")
    twice = repeated_name(body, answer)
    if twice is not None:
        # Of two values for one name neither is the answer.
        return Failed(GARBAGE, f"it answered with an object in which {as_text('.'.join(twice))} occurs twice")
    return answer


def last_words(tail: bytes) -> str:
    """Returns the last lines of what a program wrote to standard error, in one line."""
    lines = [one_line(line, 300) for line in tail.decode(errors="replace").splitlines() if line.strip()]
    return " | ".join(lines[-5:])


class CallClient(Client):
    """A client of an object in this process that has `handle`. A call that hangs cannot be stopped.

    Requests and answers pass as JSON, so that neither side holds parts of the other.
    """

    def __init__(self, implementation: Any) -> None:
        self._handle = implementation.handle

    def ask(self, request: Message) -> Message | Failed:
        """Returns the answer to one request."""
        asked = msgspec.json.decode(msgspec.json.encode(request))
        try:
            answer = self._handle(asked)
        except KeyboardInterrupt:
            raise
        except BaseException as fault:
            # An exception that ends a program, or a test, is a failure too.
            return Failed(DIED, f"it raised {type(fault).__name__}: {fault}", _places(fault))
        try:
            return read_answer(msgspec.json.encode(answer))
        except (TypeError, ValueError, RecursionError) as fault:
            return Failed(GARBAGE, f"it answered what is not JSON: {fault}")

    def end(self) -> None:
        """Does nothing: there is nothing to end."""


def _places(fault: BaseException) -> str:
    # The first frame is the call above.
    frames = traceback.extract_tb(fault.__traceback__)[1:][-_FRAMES:]
    return "; ".join(f"{Path(f.filename).name}:{f.lineno} in {f.name}: {f.line}" for f in frames)


def headers_from(options: Iterable[str]) -> dict[str, str]:
    """Returns the headers that a user wants in every request over HTTP, of texts NAME=VALUE.

    Raises `WrongUsage`, with the name alone: a value may be a secret.
    """
    headers: dict[str, str] = {}
    for option in options:
        name, equals, value = option.partition("=")
        name = name.strip()
        if not equals or not _NAME.fullmatch(name):
            raise WrongUsage("--header", f"a header is NAME=VALUE, with a name that HTTP takes, found {one_line(name, 60)!r}")
        if not _VALUE.fullmatch(value):
            raise WrongUsage(f"--header {name}", "its value holds a character that no header takes")
        if name.lower() in _OF_THE_EXCHANGE:
            raise WrongUsage(f"--header {name}", "it belongs to each exchange, and is set by tokenspec")
        if name.lower() in map(str.lower, headers):
            raise WrongUsage(f"--header {name}", "it is given twice")
        headers[name] = value
    return headers
