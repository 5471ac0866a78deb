"""Runs a Python implementation as a process: `python -m tokenspec.oracle.sut.python_host package.module:factory FD...`.

It is asked on standard input, or from a thread for each of the sockets inherited. Once the module is imported the first client
is told `{}` or the error, on standard input in answer to a first request; requests go to the object that the factory makes. Its
prints go to standard error. An exception ends the process, and is its last words.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from typing import IO, Any

import msgspec

_SWITCH_SECONDS = 1e-5
"""The seconds that a thread goes on before another one may: the fewer, the more orders are met."""


def main(name: str, *descriptors: str) -> None:
    """Answers requests until the input ends, or every socket is closed by the other side."""
    clients = [socket.socket(fileno=int(each)) for each in descriptors]
    answer = clients[0].sendall if clients else os.fdopen(os.dup(1), "wb", buffering=0).write
    os.dup2(2, 1)
    if not clients:
        sys.stdin.buffer.readline()
    try:
        factory = factory_named(name)
    except (ImportError, AttributeError, TypeError) as fault:
        answer(msgspec.json.encode({"error": str(fault)}) + b"\n")
        return
    answer(b"{}\n")
    handle = factory().handle
    if not clients:
        _serve(sys.stdin.buffer, answer, handle)
        return
    sys.setswitchinterval(_SWITCH_SECONDS)
    for client in clients:
        threading.Thread(target=_serve_in_thread, args=(client.makefile("rb"), client.sendall, handle)).start()


def _serve(requests: IO[bytes], answer: Callable[[bytes], object], handle: Callable[[Any], Any]) -> None:
    for line in requests:
        answer(msgspec.json.encode(handle(msgspec.json.decode(line))) + b"\n")


def _serve_in_thread(requests: IO[bytes], answer: Callable[[bytes], object], handle: Callable[[Any], Any]) -> None:
    try:
        _serve(requests, answer, handle)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def factory_named(name: str) -> Callable[[], Any]:
    """The factory `package.module:factory`. Raises `ImportError`, `AttributeError`, `TypeError` where there is none."""
    module, _, attribute = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    if not callable(found):
        raise TypeError(f"{attribute} of {module} cannot be called")
    made: Callable[[], Any] = found
    return made


if __name__ == "__main__":
    main(*sys.argv[1:])
