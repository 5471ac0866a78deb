"""Implementations under test: how they are reached, and what can go wrong with one.

A client takes a request and gives the answer, or says in which way there was none. Whatever the implementation does, it
raises nothing.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from tokenspec.oracle.errors import WrongUsage
from tokenspec.oracle.plain import as_text, one_line

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


def connect(sut: str, timeout: float) -> Client:
    """The implementation that `sut` names, started or reached; a request may take `timeout` seconds.

    `http://HOST:PORT`, `python:package.module:factory`, or else a command line. Raises `WrongUsage` where it is none of
    them, `OSError` where there is no such program or nobody listens.
    """
    if sut.startswith(("http://", "https://")):
        from tokenspec.oracle.sut_http import HttpClient

        return HttpClient(sut, timeout)
    from tokenspec.oracle.sut_process import ProcessClient, words_of

    if not sut.startswith("python:"):
        return ProcessClient(words_of(sut), timeout)
    name = sut.removeprefix("python:")
    if [bool(part) for part in name.split(":")] != [True, True]:
        raise WrongUsage("--sut", f"a Python implementation is python:package.module:factory, found {one_line(sut)!r}")
    host = ProcessClient([sys.executable, "-m", "tokenspec.oracle.sut_host", name], timeout)
    ready = host.ask({})
    if isinstance(ready, Failed) or ready.get("error") is not None:
        host.end()
        said = ready if isinstance(ready, Failed) else ready["error"]
        raise WrongUsage("--sut", f"{sut} cannot be loaded: {said}")
    return host


def read_answer(body: bytes) -> Message | Failed:
    """The object that an answer holds, or why it holds none."""
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        shown = one_line(body.decode(errors="replace"))
        return Failed(GARBAGE, f"it answered what is not JSON: {shown}" if shown else "it answered nothing")
    if not isinstance(answer, dict):
        return Failed(GARBAGE, f"it answered what is not a JSON object: {as_text(answer)}")
    return answer
