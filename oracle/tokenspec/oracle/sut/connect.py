"""Connects to an implementation under test, by the form of its name."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.sut.client import DIED, Client, Failed
from tokenspec.oracle.sut.world import NotThere

LOADING_SECONDS = 60.0
"""The seconds that a Python implementation has to be imported, which is no request."""


def check_program(sut: str, headers: Mapping[str, str] | None, wait: float | None) -> None:
    """Raises `WrongUsage` where what is started here has the form of an address, or options of one."""
    if re.fullmatch(r"[\w.-]+:\d+(/\S*)?", sut):
        raise WrongUsage("--sut", f"an address is http://HOST:PORT/PATH or https://HOST:PORT/PATH, found {one_line(sut)!r}")
    for option, given in (("--header", headers), ("--wait", wait)):
        if given:
            raise WrongUsage(option, "it is about an implementation behind http:// or https://")


def connect(sut: str, timeout: float, headers: Mapping[str, str] | None = None, wait: float | None = None) -> Client:
    """Returns a client of the implementation that `sut` names; a request may take `timeout` seconds.

    `http://HOST:PORT/PATH`, `https://` likewise, `python:package.module:factory`, or else a command line. An address has `wait`
    seconds to come up, and is sent `headers`. Raises `WrongUsage` where it is none of them, `OSError` where there is no such
    program, module or factory, or nobody listens.
    """
    if sut.startswith(("http://", "https://")):
        from tokenspec.oracle.sut.http import HttpClient

        return HttpClient(sut, timeout, headers, wait or 0.0)
    check_program(sut, headers, wait)
    from tokenspec.oracle.sut.process import ProcessClient
    from tokenspec.oracle.sut.programs import words_of

    if not sut.startswith("python:"):
        return ProcessClient(words_of(sut), timeout)
    name = sut.removeprefix("python:")
    if [bool(part) for part in name.split(":")] != [True, True]:
        raise WrongUsage("--sut", f"a Python implementation is python:package.module:factory, found {one_line(sut)!r}")
    host = ProcessClient([sys.executable, "-m", "tokenspec.oracle.sut.python_host", name], timeout)
    ready = host.ask({}, LOADING_SECONDS)
    if isinstance(ready, Failed) or ready.get("error") is not None:
        host.end()
        said = ready if isinstance(ready, Failed) else ready["error"]
        raise NotThere(Failed(DIED, f"{one_line(sut)} cannot be loaded: {said}"))
    return host
