"""Programs that are started, and ended with all that they have started, on POSIX systems and on Windows."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import psutil

from tokenspec.oracle.base.errors import NO_ADDRESS, WrongUsage
from tokenspec.oracle.base.text import one_line

_MARK = "_TOKENSPEC_STARTED_BY"
"""The variable by which all processes are known that a program has started, in whatever session they are."""

_ENDING = 2.0
"""The seconds in which what was killed has to end."""


def words_of(command_line: str, option: str = "--sut") -> list[str]:
    """Returns the words of a command line, which `option` gives. Raises `WrongUsage`."""
    reader = shlex.shlex(command_line, posix=True)
    reader.whitespace_split, reader.commenters = True, ""
    if os.sep == "\\":
        # There it parts the folders of a path.
        reader.escape = ""
    try:
        words = list(reader)
    except ValueError as fault:
        raise WrongUsage(option, f"{one_line(command_line)} is not a command line: {str(fault).lower()}") from None
    if not words:
        raise WrongUsage("--sut", NO_ADDRESS)
    return words


class Program(subprocess.Popen[bytes]):
    """A program in a process group of its own. It finds `environment` beside our own; `streams` are those of `Popen`."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str] | None = None, **streams: Any) -> None:
        self._mark = uuid.uuid4().hex
        super().__init__(
            list(words),
            bufsize=0,
            env={**os.environ, **(environment or {}), _MARK: self._mark},
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            **streams,
        )

    def interrupt(self) -> None:
        """Asks the program, and what it has started in its group, to end."""
        with suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                self.send_signal(signal.CTRL_BREAK_EVENT)
            else:
                os.killpg(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Kills the program and all that it has started, its group then whatever carries its mark; waits for their end."""
        known = self._marked()
        with suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                super().kill()
            else:
                os.killpg(self.pid, signal.SIGKILL)
        for process in (left := self._marked()):
            with suppress(psutil.Error):
                process.kill()
        self.wait()
        # What it listens to is free once they have all ended, whoever takes note of it.
        until = time.monotonic() + _ENDING
        while any(map(_runs, (*known, *left))) and time.monotonic() < until:
            time.sleep(0.001)

    def _marked(self) -> list[psutil.Process]:
        """Returns the processes that carry its mark; of those of other users the variables are not shown."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(_MARK) == self._mark:
                    found.append(process)
        return found


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
