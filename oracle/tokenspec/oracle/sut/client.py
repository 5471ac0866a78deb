"""Implementations under test: how they are reached, and what can go wrong with one.

A client takes a request and gives the answer, or says in which way there was none. Whatever the implementation does, it
raises nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from tokenspec.oracle.base.text import as_text, one_line
from tokenspec.oracle.base.unique_names import repeated_name

Message = dict[str, Any]

LONGEST = 16 * 2**20
"""Bytes of an answer; an implementation that writes more is not waited for."""

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
    """A way to an implementation. `end` leaves nothing of it running that was started here."""

    def ask(self, request: Message) -> Message | Failed:
        """The answer to one request. After a failure the next request meets a fresh implementation, if it can."""

    def end(self) -> None:
        """The implementation is not needed any more."""


def read_answer(body: bytes) -> Message | Failed:
    """The object that an answer holds, or why it holds none."""
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
        return Failed(GARBAGE, f"it answered with an object in which {as_text('.'.join(twice))} stands twice")
    return answer
