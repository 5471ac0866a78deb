"""Ctrl-C, which a terminal sends to a command and to every process that it has started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from command.conftest import COMMAND

pytestmark = pytest.mark.slow


def has_begun(process: int) -> bool:
    """Whether a process has started others, as far as the system tells."""
    try:
        return bool(Path(f"/proc/{process}/task/{process}/children").read_text().strip())
    except OSError:
        return False


def interrupted(seconds: float, *arguments: str) -> tuple[int, str]:
    """The exit code and all that was written by a command that is interrupted after so long, or once it shares its work."""
    written = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen([*COMMAND, *arguments], start_new_session=True, **written) as process:  # type: ignore[call-overload]
        until = time.monotonic() + seconds
        while time.monotonic() < until and not has_begun(process.pid):
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    return process.returncode, out


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
@pytest.mark.parametrize("arguments", [("mutants",), ("vectors", "build", "--out", "suite")], ids=["mutants", "vectors"])
def test_processes_that_share_work_say_nothing_when_it_is_ended(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert interrupted(20, *arguments) == (130, "\ntokenspec: interrupted\n")


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
def test_a_campaign_that_is_ended_early_has_no_verdict() -> None:
    code, out = interrupted(8, "fuzz", "--examples", "60000")
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
    time.sleep(20)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interruption_that_the_garbage_collector_swallows_comes_again() -> None:
    done = subprocess.run((sys.executable, "-c", SWALLOWED), capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")
