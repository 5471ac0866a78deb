"""Clients of implementations under test, and the ways in which a request can fail.

A client takes a request and returns the answer, or the way in which there was none. Whatever the implementation does,
the client raises nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from tokenspec.oracle.base.text import as_text, one_line
from tokenspec.oracle.base.unique_names import repeated_name

Message = dict[str, Any]

LONGEST = 16 * 2**20
"""The largest size of an answer, in bytes; more is not waited for."""

LAST_WORDS = 2_000
"""The size of the end of what a program wrote to standard error that is kept, in bytes."""

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

    def end(self) -> None:
        """Releases the implementation."""


def read_answer(body: bytes) -> Message | Failed:
    """Returns the object that an answer holds, or the reason why it holds none."""
    try:
        answer = msgspec.json.decode(body)
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
