"""Ctrl-C, which a terminal sends to a command and to every process that it has started, and SIGTERM, as CI sends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from command.conftest import COMMAND
from processes import PATIENCE_S, comes, ends, seconds_of_work, tells_of_processes, without_progress

pytestmark = pytest.mark.slow


def started_by(process: int) -> set[int]:
    """The processes that a process has started, and those that they have, as far as the system tells."""
    try:
        children = set(map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split()))
    except OSError:
        return set()
    return children.union(*map(started_by, children))


def watch_their_parent(process: int) -> bool:
    """Whether two workers have begun their work, with the thread that ends them when the process that started them is gone.

    Before that Python itself complains in a worker of what it does not get any more.
    """
    with suppress(FileNotFoundError):
        return sum(len(os.listdir(f"/proc/{each}/task")) > 1 for each in started_by(process)) >= 2
    return False


def ended(ready: Callable[[int], bool], number: signal.Signals, *arguments: str, alone: bool = False) -> tuple[int, str]:
    """The exit code and all that was written by a command that is sent a signal once it is ready.

    A terminal signals all that a command has started as well; with `alone` the command alone hears of it. Nothing that it has
    started is left in either case.
    """
    written = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen([*COMMAND, *arguments], start_new_session=True, **written) as process:  # type: ignore[call-overload]
        try:
            assert comes(lambda: ready(process.pid))
            started = started_by(process.pid)
            os.kill(process.pid, number) if alone else os.killpg(process.pid, number)
            out, _ = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert all(map(ends, started))
    return process.returncode, without_progress(out)


SHARED = [("mutants", "--workers", "2"), ("vectors", "build", "--out", "suite")]


@tells_of_processes
@pytest.mark.parametrize("alone", [False, True], ids=["group", "alone"])
@pytest.mark.parametrize(
    ("number", "answer"),
    [
        (signal.SIGINT, (130, "\ntokenspec: interrupted\n")),
        (signal.SIGTERM, (143, "\ntokenspec: terminated\n")),
        (signal.SIGKILL, (-signal.SIGKILL, None)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
@pytest.mark.parametrize("arguments", SHARED, ids=["mutants", "vectors"])
def test_processes_that_share_work_end_with_it_and_say_nothing(
    arguments: tuple[str, ...],
    number: signal.Signals,
    answer: tuple[int, str | None],
    alone: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    # Two workers and what Python starts beside them.
    ready = watch_their_parent if number is signal.SIGKILL else lambda pid: len(started_by(pid)) >= 3
    code, out = ended(ready, number, *arguments, alone=alone)
    # Of a command that was killed Python itself may have something to say.
    assert (code, "Traceback" in out, out if answer[1] is not None else None) == (answer[0], False, answer[1])


EARLY = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path, target=None):
        if name == sys.argv[2]:
            os.kill(os.getpid(), getattr(signal, sys.argv[1]))
sys.meta_path.insert(0, Finder())
from tokenspec.oracle.command import main
main(["mutants"])
"""


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
@pytest.mark.parametrize(
    ("number", "module", "code", "says"),
    [
        ("SIGINT", "click", -signal.SIGINT, ""),
        ("SIGTERM", "click", -signal.SIGTERM, ""),
        ("SIGINT", "tokenspec.oracle.command.verbs.mutants", 130, "\ntokenspec: interrupted\n"),
        ("SIGTERM", "tokenspec.oracle.command.verbs.mutants", 143, "\ntokenspec: terminated\n"),
        ("SIGTERM", "tokenspec.machine.mutation.operators", 143, "\ntokenspec: terminated\n"),
    ],
)
def test_a_command_that_is_ended_while_it_is_imported_shows_no_traceback(number: str, module: str, code: int, says: str) -> None:
    done = subprocess.run((sys.executable, "-c", EARLY, number, module), capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", says)


HALF_MADE = """
import importlib, os, signal, sys
command = importlib.import_module("tokenspec.oracle.command.main")
class Half:
    def __init__(self):
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
        self.owner = True
    def __del__(self):
        self.owner
command._main = lambda arguments: Half()
command.main([])
"""


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
@pytest.mark.parametrize(("number", "code", "says"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")])
def test_what_an_interruption_left_half_made_is_not_told_of(number: str, code: int, says: str) -> None:
    done = subprocess.run((sys.executable, "-c", HALF_MADE, number), capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"tokenspec: {says}\n")


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
def test_what_is_ignored_stays_ignored() -> None:
    script = "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + EARLY.replace(
        'main(["mutants"])', 'main(["policies"])'
    )
    module = "tokenspec.oracle.command.verbs.policies"
    done = subprocess.run((sys.executable, "-c", script, "SIGINT", module), capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.returncode, done.stderr) == (0, "")


@tells_of_processes
def test_a_campaign_that_is_ended_early_has_no_verdict() -> None:
    # More than it needs to start, and far less than so many examples take.
    code, out = ended(lambda pid: seconds_of_work(pid) > 5, signal.SIGINT, "fuzz", "--examples", "60000")
    assert (code, out.splitlines()[-1]) == (20, "no verdict: it was interrupted")
    assert "never met" not in out


@tells_of_processes
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_check_that_is_ended_early_shows_its_findings(number: signal.Signals, code: int) -> None:
    got, out = ended(lambda pid: seconds_of_work(pid) > 3, number, "check", "--scope", "tiny")
    assert (got, out.splitlines()[-1]) == (code, "interrupted: these are the findings up to then")


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
