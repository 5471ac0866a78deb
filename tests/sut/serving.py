"""`tokenspec serve --http` as a process, for tests, and connections to it."""

from __future__ import annotations

import http.client
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from command.conftest import COMMAND
from processes import PATIENCE_S

JSON = {"Content-Type": "application/json"}
START = (
    "from tokenspec.oracle.serve import connections, worlds\n"
    "connections.HEAD_SECONDS = connections.BODY_SECONDS = connections.ANSWER_SECONDS = 1.0\n"
    "worlds.UNUSED_SECONDS = 0.5\n"
    "from tokenspec.oracle.command.main import main\n"
    "main({words!r})\n"
)


@contextmanager
def serving(*options: str, descriptors: int | None = None, hasty: bool = False) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A server with few descriptors, if told so, or with limits of about a second instead of ten."""
    words = ["serve", "--http", "127.0.0.1:0", *options]
    command = [sys.executable, "-c", START.format(words=words)] if hasty else [*COMMAND, *words]
    if descriptors is not None:
        command = ["sh", "-c", f"ulimit -n {descriptors}; exec {shlex.join(command)}"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    assert process.stderr is not None
    with process:
        try:
            found = re.search(rb":(\d+)\n", process.stderr.readline())
            assert found is not None
            yield process, int(found[1])
        finally:
            process.kill()


def said(process: subprocess.Popen[bytes]) -> str:
    """What the server wrote on standard error since it listens, once it is ended."""
    process.terminate()
    assert process.wait(PATIENCE_S) == 0
    assert process.stderr is not None
    return process.stderr.read().decode()


class Connection:
    """One connection that stays open."""

    def __init__(self, port: int) -> None:
        self._to = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)

    def ask(self, request: Any, world: str | None = None) -> Any:
        """The answer to a request, an object or bytes."""
        return self.answer(request, {} if world is None else {"Tokenspec-World": world})[1]

    def answer(self, request: Any, headers: dict[str, str]) -> tuple[int, Any]:
        """The status and the answer."""
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        self._to.request("POST", "/", body, JSON | headers)
        answer = self._to.getresponse()
        return answer.status, json.loads(answer.read())

    def health(self) -> Any:
        """The page `/health`."""
        self._to.request("GET", "/health")
        return json.loads(self._to.getresponse().read())

    def end(self) -> None:
        self._to.close()
