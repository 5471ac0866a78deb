"""Waiting for processes: until something is so, never for a time after which it should be."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

PATIENCE_S = 300
"""Seconds after which what was waited for will not come. No test is faster or slower for it; a busy machine takes its time."""


_PROGRESS = re.compile(r"^\w+: (?:\d+%|[\d,]+(?: MB)? so far), \d+ s\n", re.MULTILINE)
tells_of_processes = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system has no /proc")


def comes(condition: Callable[[], bool]) -> bool:
    """Whether something comes to be so."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def without_progress(text: str) -> str:
    """Text without the lines in which a command tells every ten seconds how far it is: a busy machine sees more of them."""
    return _PROGRESS.sub("", text)


def is_running(pid: int) -> bool:
    try:
        return _stat(pid)[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def ends(pid: int) -> bool:
    """Whether a process is gone, or comes to its end by itself: one that was killed takes a moment, one left behind stays."""
    return comes(lambda: not is_running(pid))


def has_begun(pid: int) -> bool:
    """Whether a process has started others."""
    return bool(Path(f"/proc/{pid}/task/{pid}/children").read_text().strip())


def seconds_of_work(pid: int) -> float:
    """Seconds that a process has had of the processors, which say how far it is on a busy machine as on an idle one."""
    user, system = _stat(pid)[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port at which nobody listens, and which is given to nobody else: a server that is told of it can listen there."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        number: int = holder.getsockname()[1]
        yield number


def seconds_of_work_of_session(leader: int) -> float:
    """The same of all processes of a session that are there, and of those that they have waited for."""
    ticks = 0
    for number in filter(str.isdigit, os.listdir("/proc")):
        with suppress(FileNotFoundError, ProcessLookupError):
            state = _stat(int(number))
            ticks += sum(map(int, state[11:15])) if int(state[3]) == leader else 0
    return ticks / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """What the system tells of a process, from its state on; its name, which comes before, may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
