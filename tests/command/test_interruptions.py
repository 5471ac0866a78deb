"""Ctrl-C, which a terminal sends to a command and to every process that it has started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from command.conftest import COMMAND
from processes import PATIENCE_S, comes, has_begun, seconds_of_work, tells_of_processes

pytestmark = pytest.mark.slow


def interrupted(ready: Callable[[int], bool], *arguments: str) -> tuple[int, str]:
    """The exit code and all that was written by a command that is interrupted once it is ready."""
    written = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen([*COMMAND, *arguments], start_new_session=True, **written) as process:  # type: ignore[call-overload]
        assert comes(lambda: ready(process.pid))
        os.killpg(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out


@tells_of_processes
@pytest.mark.parametrize("arguments", [("mutants",), ("vectors", "build", "--out", "suite")], ids=["mutants", "vectors"])
def test_processes_that_share_work_say_nothing_when_it_is_ended(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert interrupted(has_begun, *arguments) == (130, "\ntokenspec: interrupted\n")


@tells_of_processes
def test_a_campaign_that_is_ended_early_has_no_verdict() -> None:
    # More than it needs to start, and far less than so many examples take.
    code, out = interrupted(lambda pid: seconds_of_work(pid) > 5, "fuzz", "--examples", "60000")
    assert (code, out.splitlines()[-1]) == (20, "no verdict: it was interrupted")
    assert "never met" not in out


SWALLOWED = """
import gc, signal, time
from tokenspec.oracle.command.main import keep_interruptions

def swallow(phase, info):
    gc.callbacks.remove(swallow)
    raise KeyboardInterrupt

signal.signal(signal.SIGINT, signal.default_int_handler)
keep_interruptions()
gc.callbacks.append(swallow)
gc.collect()
try:
    while True:
        time.sleep(0.1)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interruption_that_the_garbage_collector_swallows_comes_again() -> None:
    done = subprocess.run((sys.executable, "-c", SWALLOWED), capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")
