"""Processes of the command that need not import it: each is a copy of one process that has, and runs as if it had been started.

It has its own streams, folder, environment and exit code, as a process has that a user starts, and ends with what asked for it.
What is settled when Python starts (its own variables, the locale) or the command is imported (the specification) is compared:
where it is not that of the process that is copied, and where a stream is closed, the command is started as usual.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import marshal
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from tokenspec.oracle.base.chosen import OPTION, chosen
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.command import main as begin
from tokenspec.oracle.command.main import VERBS

# Python starts in a hundredth of a second where it looks for no packages.
_PROGRAM = """\
#!/bin/sh
exec "{python}" -I -S -c '
import _socket, marshal, os, sys
words = [os.fsencode(word) for word in sys.argv[1:]]
try:
    streams = b"".join(os.fstat(n) and n.to_bytes(4, sys.byteorder) for n in range(3))
except OSError:
    os.execv("{python}", ["{python}", "-m", "tokenspec.oracle.command", *words])
asked = marshal.dumps((words, os.getcwdb(), dict(os.environb)))
to = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
to.connect("{place}")
to.sendmsg([len(asked).to_bytes(8, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
to.sendall(asked)
code = int.from_bytes(to.recv(4), "big", signed=True)
os.kill(os.getpid(), -code) if code < 0 else os._exit(code)
' "$@"
"""
_Asked = tuple[list[bytes], bytes, dict[bytes, bytes]]
"""Words, folder and environment of a command."""


@cache
def copied(folder: Path) -> Path:
    """The path of a program `tokenspec` whose processes are copies of one that was started in `folder`."""
    place = Path(tempfile.mkdtemp(prefix="tokenspec-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    (program := place / "tokenspec").write_text(_PROGRAM.format(python=sys.executable, place=place / "socket"))
    program.chmod(0o755)
    words = (sys.executable, __file__, place / "socket")
    # It ends when its standard input does: with this process, which alone holds the other end.
    started = subprocess.Popen(words, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert started.stdout is not None
    assert started.stdout.readline() == b"ready\n"
    _started.append(started)
    return program


_started: list[subprocess.Popen[bytes]] = []


def _settled(environment: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """What Python reads of an environment when it starts."""
    return {name: value for name, value in environment.items() if name.startswith((b"PYTHON", b"LC_", b"LANG"))}


def _serve(place: str) -> None:
    """Answers at a socket until standard input ends; in a copy it ends with the command."""
    for verb in VERBS:
        importlib.import_module(f"tokenspec.oracle.command.verbs.{verb.replace('-', '_')}")
    ours = (chosen().name, _settled(dict(os.environb)))
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place)
        listener.listen(64)
        os.write(1, b"ready\n")
        while 0 not in select.select([0, listener.fileno()], [], [])[0]:
            with listener.accept()[0] as to:
                if os.fork() == 0:
                    listener.close()
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    _answer(to, *ours)


def _answer(to: socket.socket, specification: str, settled: dict[bytes, bytes]) -> None:
    """Runs what is asked for in a copy; it is killed where whoever asked is gone."""
    length, streams, _, _ = socket.recv_fds(to, 8, 3)
    whole = b""
    while len(whole) < int.from_bytes(length, "big"):
        whole += to.recv(2**20)
    if (copy := os.fork()) == 0:
        to.close()
        _run(marshal.loads(whole), streams, specification, settled)
    with to:
        ended = os.pidfd_open(copy)
        if ended not in select.select([to.fileno(), ended], [], [])[0]:
            os.kill(copy, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1])
        to.sendall(code.to_bytes(4, "big", signed=True))
    os._exit(0)


def _run(asked: _Asked, streams: list[int], specification: str, settled: dict[bytes, bytes]) -> None:
    """Becomes the command."""
    words, folder, environment = asked
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = (open(number, "w" if number else "r", closefd=False) for number in range(3))
    os.chdir(folder)
    os.environb.clear()
    os.environb.update(environment)
    sys.path[0] = os.fsdecode(folder)
    arguments = list(map(os.fsdecode, words))
    try:
        is_same = chosen().name == specification and not any(word.startswith(OPTION) for word in arguments)
    except BadSetting:
        is_same = False
    if not is_same or _settled(environment) != settled:
        os.execv(sys.executable, (sys.executable, "-m", "tokenspec.oracle.command", *arguments))
    begin(arguments)


if __name__ == "__main__":
    _serve(sys.argv[1])
