"""The wallet on PostgreSQL: right under races and crashes, and each of its bugs is found, in a history of at most four calls."""

from __future__ import annotations

import importlib.util
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from command.conftest import EXAMPLES, tokenspec
from processes import PATIENCE_S, reserved_port
from programs import needed

pytestmark = pytest.mark.slow

FOLDER = EXAMPLES / "postgres-wallet"
FOUND_BY_RACES = ["balance_cached", "check_then_deduct", "id_before_transaction", "job_by_two_workers", "unlocked_snapshot"]


def _loaded(name: str) -> Any:
    found = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with_postgres = _loaded("with_postgres")
    if with_postgres.program("initdb") is None or importlib.util.find_spec("psycopg") is None:
        (pytest.fail if needed else pytest.skip)("PostgreSQL or psycopg is not installed")
    with with_postgres.postgres() as database:
        yield database


@pytest.fixture
def port() -> Iterator[int]:
    with reserved_port() as number:
        yield number


def command(port: int) -> str:
    return shlex.join([sys.executable, str(FOLDER / "service.py"), str(port), "4"])


@contextmanager
def served(database: str, port: int, bug: str = "") -> Iterator[str]:
    """The address of the service, which runs meanwhile."""
    environment = {**os.environ, "WALLET_DATABASE": database, "WALLET_BUGS": bug}
    process = subprocess.Popen(shlex.split(command(port)), env=environment, start_new_session=True)
    try:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1.0).close()
            except OSError:
                time.sleep(0.02)
            else:
                break
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def calls(done: Any) -> int:
    """The calls of the history found, besides the one that opens its account."""
    return sum(record["event"] != "open_account" for record in done.report["counterexample"]["records"])


def test_it_is_right_for_one_client_and_for_several(database: str, port: int) -> None:
    with served(database, port) as sut:
        alone = tokenspec("fuzz", "--sut", sut, "--examples", "10", "--format", "json")
        together = tokenspec("fuzz", "--sut", sut, "--clients", "4", "--examples", "50", "--format", "json")
    assert (alone.code, together.code) == (0, 0), alone.out[-2_000:] + together.out[-2_000:]
    assert len(together.report["overlaps"]) > 50


def test_it_is_right_where_it_is_killed(database: str, port: int) -> None:
    words = ("--restart", command(port), "--clients", "2", "--examples", "10", "--format", "json")
    done = tokenspec("fuzz", "--sut", f"http://127.0.0.1:{port}", *words, settings={"WALLET_DATABASE": database})
    assert done.code == 0, done.out[-2_000:] + done.err
    assert done.report["kills"] > 5


@pytest.mark.parametrize("bug", FOUND_BY_RACES)
def test_each_bug_is_found_by_races(bug: str, database: str, port: int, tmp_path: Path) -> None:
    words = ("--clients", "4", "--save", tmp_path / "race.jsonl", "--format", "json")
    with served(database, port, bug) as sut:
        done = tokenspec("fuzz", "--sut", sut, *words)
        assert done.code == 15, done.out[-2_000:] + done.err
        assert calls(done) <= 4
        assert tokenspec("fuzz", "--sut", sut, "--again", tmp_path / "race.jsonl").code == 15


def test_an_answer_before_the_commit_is_found_by_crashes(database: str, port: int) -> None:
    settings = {"WALLET_DATABASE": database, "WALLET_BUGS": "answer_before_commit"}
    sut, restart = f"http://127.0.0.1:{port}", command(port)
    done = tokenspec("fuzz", "--sut", sut, "--restart", restart, "--format", "json", settings=settings)
    assert done.code == 15, done.out[-2_000:] + done.err
    assert calls(done) <= 4
    assert done.report["counterexample"]["kills"] > 0
