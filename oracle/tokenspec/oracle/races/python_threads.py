"""Runs a Python implementation with several clients: `python -m tokenspec.oracle.races.python_threads module:factory FD...`.

The object that the factory makes is called from a thread for each of the sockets inherited. An exception ends the process, and
is its last words.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import msgspec

from tokenspec.oracle.sut.python_host import factory_named

_SWITCH_SECONDS = 1e-5
"""The seconds that a thread goes on before another one may: the fewer, the more orders are met."""


def main(name: str, *descriptors: str) -> None:
    """Answers requests until every socket is closed by the other side."""
    clients = [socket.socket(fileno=int(each)) for each in descriptors]
    os.dup2(2, 1)
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        handle = factory_named(name)().handle
    except (ImportError, AttributeError, TypeError) as fault:
        clients[0].sendall(msgspec.json.encode({"error": str(fault)}) + b"\n")
        return
    clients[0].sendall(b"{}\n")
    threads = [threading.Thread(target=_serve, args=(client, handle)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _serve(client: socket.socket, handle: Callable[[Any], Any]) -> None:
    try:
        for line in client.makefile("rb"):
            client.sendall(msgspec.json.encode(handle(msgspec.json.decode(line))) + b"\n")
    except OSError:
        return
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
