"""Implementations as processes and servers: they die, hang and babble, and are always ended."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from command.conftest import COMMAND, Finished
from processes import PATIENCE_S, comes, ends, tells_of_processes, without_progress
from sut.calling import HERE, call, sut
from tokenspec.oracle.sut.client import Failed, read_answer
from tokenspec.oracle.sut.http import HttpClient
from tokenspec.oracle.sut.process import ProcessClient
from tokenspec.oracle.sut.programs import Program, words_of

pytestmark = pytest.mark.slow

SHORT = ("--examples", "2", "--steps", "20", "--format", "json")

BUSY_S = 3
"""Seconds in which even on a busy machine a process has started, and said what it says before it hangs."""

FAILURES = {
    "dies": ("died", "exit code 3", "the ledger | is on fire"),
    "is_killed": ("died", "SIGKILL", ""),
    "stops_writing": ("died", "it closed its standard output instead of answering, and went on", ""),
    "dies_halfway": ("died", 'half a line: {"outcome":"acc', ""),
    "stops_halfway": ("hung", 'half a line: {"outcome":"acc', ""),
    "garbage": ("garbage", "not JSON", ""),
    "a_million_characters": ("garbage", "1,000,000 characters", ""),
    "an_endless_line": ("garbage", "without the end of a line", ""),
    "not_a_number": ("garbage", "not JSON", ""),
    "too_deep": ("garbage", "not JSON", ""),
    "no_object": ("garbage", 'not a JSON object: ["accepted"]', ""),
    "a_name_twice": ("garbage", '"outcome" occurs twice', ""),
    "an_empty_line": ("garbage", "answered nothing", ""),
    "two_answers": ("garbage", "nobody had asked for", ""),
    "talks_first": ("garbage", "not JSON: ready", ""),
}


def fuzzed(fault: str, timeout: float = 20) -> Finished:
    done = call("fuzz", "--sut", sut("small.py", fault), *SHORT, "--timeout", str(timeout))
    assert done.err == ""
    return done


def test_an_answer_with_a_number_that_cannot_be_read_is_not_called_something_else_than_json() -> None:
    got = read_answer(b'{"outcome":"accepted","note":1e400}')
    assert isinstance(got, Failed)
    assert got.detail.startswith('it answered with a number that is too large to be read: {"outcome"')


@pytest.mark.parametrize("fault", ["nothing", "talkative", "long_but_right"])
def test_what_answers_in_its_own_way_conforms(fault: str) -> None:
    done = fuzzed(fault)
    assert (done.code, done.report["verdict"], done.report["compared"] > 10) == (0, "conforms", True)


@pytest.mark.parametrize("fault", FAILURES)
def test_an_answer_that_does_not_come_is_a_divergence_with_its_last_words(fault: str) -> None:
    kind, detail, words = FAILURES[fault]
    done = fuzzed(fault, BUSY_S if kind == "hung" else 20)
    assert (done.code, done.report["verdict"]) == (15, "diverges")
    found = done.report["counterexample"]
    assert (found["failure"]["kind"], found["failure"]["last_words"]) == (kind, words)
    assert detail in found["failure"]["detail"]
    assert len(found["got"]) < 1_000
    # A second answer is found with the next request, whichever it is.
    events = [record["event"] for record in found["records"]]
    assert events[:1] in ([], ["cancel"], ["open_account"])
    assert len(events) <= (3 if fault == "two_answers" else 1)


def test_an_end_at_the_next_world_is_told_as_one() -> None:
    found = fuzzed("opens_once").report["counterexample"]
    assert found["got"] == "asked to open a world, it ended instead of answering, with exit code 0"


@pytest.mark.parametrize("races", [(), ("--clients", "2")], ids=["fuzz", "races"])
def test_nothing_is_saved_where_no_event_was_sent(races: tuple[str, ...], tmp_path: Path) -> None:
    log = tmp_path / "found.jsonl"
    done = call("fuzz", "--sut", sut("small.py", "talks_first"), *races, "--save", log)
    assert (done.code, log.exists()) == (15, False)
    assert f"not saved as {log}: no event was sent, so that there is nothing to play again" in done.out


def test_a_log_of_what_was_not_answered_says_what_sends_it_again(tmp_path: Path) -> None:
    log = tmp_path / "found.jsonl"
    done = call("fuzz", "--sut", sut("small.py", "dies"), "--examples", "2", "--save", log)
    assert (done.code, f"saved; tokenspec replay {log}\nreplay has no answer to the last event" in done.out) == (15, True)
    assert call("replay", log).code in (0, 20)


@pytest.mark.parametrize("fault", [name for name, (kind, _, _) in FAILURES.items() if kind == "garbage"])
def test_what_is_no_answer_is_told_where_logs_go(fault: str) -> None:
    assert "write logs to standard error" in fuzzed(fault).report["counterexample"]["got"]


@pytest.mark.parametrize("verb", ["fuzz", "vectors run"])
@pytest.mark.parametrize(
    ("fault", "says"), [("dies_at_once", "it ended instead of answering, with exit code 0"), ("hangs_at_once", "within 3 s")]
)
def test_one_that_ends_or_is_silent_before_it_ever_answered_is_missing(verb: str, fault: str, says: str) -> None:
    part = ("--slice", "1/50") if verb == "vectors run" else ()
    done = call(*verb.split(), "--sut", sut("small.py", fault), "--timeout", "3", *part)
    assert (done.code, done.out, done.err.startswith("tokenspec: --sut: "), says in done.err) == (66, "", True, True)


@tells_of_processes
@pytest.mark.parametrize("fault", ["hangs", "leaves_a_child", "leaves_a_daemon"])
def test_what_it_started_is_ended_with_it(fault: str) -> None:
    client = ProcessClient(shlex.split(sut("small.py", fault)), BUSY_S)
    assert not isinstance(client.ask({"op": "open"}), Failed)
    failed = client.ask({"op": "apply", "event": "cancel"})
    client.end()
    assert isinstance(failed, Failed)
    pids = [int(pid) for pid in re.findall(r"\d+", failed.last_words)]
    assert len(pids) == (2 if fault == "hangs" else 1)
    assert all(map(ends, pids))


@tells_of_processes
def test_a_kill_reaches_what_has_left_the_group() -> None:
    script = "import subprocess; print(subprocess.Popen(['sleep', '60'], start_new_session=True).pid, flush=True); input()"
    program = Program([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert program.stdout is not None
    left = int(program.stdout.readline())
    program.kill()
    assert program.wait() == -signal.SIGKILL
    assert ends(left)


def test_an_answer_that_nobody_waited_for_is_not_the_next_one() -> None:
    echo = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"
    client = ProcessClient([sys.executable, "-c", echo], BUSY_S)
    client.send({"op": "given up"})
    assert client.ask({"op": "next"}) == {"op": "next"}
    client.send({"op": "given up"})
    client.end()
    assert client.ask({"op": "anew"}) == {"op": "anew"}
    client.end()


@tells_of_processes
def test_a_program_that_does_not_read_is_waited_for_no_longer_than_one_that_does_not_answer() -> None:
    client = ProcessClient(["sleep", "60"], 1)
    failed = client.ask({"op": "open", "catalogue": "x" * 1_000_000})
    assert isinstance(failed, Failed)
    assert (failed.how, "within 1 s" in failed.detail) == ("hung", True)


def test_a_backslash_parts_folders_where_the_system_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    line = r'"C:\my wallet\python.exe" C:\wallet\adapter.py --name a\ b'
    assert words_of(r"python a\ b.py") == ["python", "a b.py"]
    monkeypatch.setattr(os, "sep", "\\")
    assert words_of(line) == [r"C:\my wallet\python.exe", r"C:\wallet\adapter.py", "--name", "a\\", "b"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing_behind(number: signal.Signals, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    words = [*COMMAND, "fuzz", "--examples", "60000", "--sut", sut("small.py", "nothing", str(note))]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        try:
            assert comes(lambda: note.exists() and note.read_text() != "")
            run.send_signal(number)
            said: Any = run.communicate(timeout=PATIENCE_S)
        finally:
            run.kill()
    assert (run.returncode, without_progress(said[1].decode())) == (20, "")
    assert b"no verdict: it was interrupted" in said[0]
    assert ends(int(note.read_text()))


def test_a_python_object_is_an_implementation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)
    assert call("fuzz", "--sut", "python:implementation:Wallet", *SHORT).report["verdict"] == "conforms"
    broken = call("fuzz", "--sut", "python:implementation:Broken", *SHORT)
    assert (broken.code, broken.out, "ValueError: the wallet is empty" in broken.err) == (66, "", True)


USAGE: dict[str, tuple[tuple[str, ...], int]] = {
    "no_such_program": (("--sut", "no-such-program-at-all"), 66),
    "an_empty_command": (("--sut", " "), 64),
    "an_open_quotation": (("--sut", "node 'wallet.js"), 64),
    "no_port": (("--sut", "http://localhost"), 66),
    "a_host_with_an_empty_part": (("--sut", "http://a..b:80"), 64),
    "a_host_with_a_blank": (("--sut", "http://a b:80"), 64),
    "a_host_that_is_too_long": (("--sut", f"http://{'a' * 80}:80"), 64),
    "a_host_that_is_no_text": (("--sut", "http://\udcff:80"), 64),
    "nobody_listens": (("--sut", "http://127.0.0.1:1"), 66),
    "no_such_module": (("--sut", "python:no_such_module:make"), 66),
    "no_such_factory": (("--sut", "python:json:no_such_factory"), 66),
    "no_factory": (("--sut", "python:json"), 64),
    "not_callable": (("--sut", "python:json:__name__"), 66),
    "no_time_at_all": (("--sut", "true", "--timeout", "0"), 64),
    "a_time_that_is_no_number": (("--sut", "true", "--timeout", "nan"), 64),
    "a_gate_that_is_no_number": (("--sut", "true", "--require-coverage", "nan"), 64),
    "timeout_without_sut": (("--timeout", "3"), 64),
    "reasons_without_sut": (("--reasons", str(HERE / "small.py")), 64),
    "reasons_missing": (("--sut", "true", "--reasons", "no-such-file.toml"), 66),
    "reasons_not_toml": (("--sut", "true", "--reasons", str(HERE / "small.py")), 65),
    "no_such_policy": (("--sut", "true", "--policy", "refund=sometimes"), 64),
}


@pytest.mark.parametrize("name", USAGE)
def test_wrong_usage_is_told_apart_from_a_divergence(name: str) -> None:
    arguments, code = USAGE[name]
    done = call("fuzz", *arguments)
    assert (done.code, done.out, bool(done.err)) == (code, "", True)


@pytest.mark.parametrize("resets", ["explicit", "implied"])
def test_the_oracle_conforms_to_itself(resets: str) -> None:
    served = f"{shlex.join(COMMAND)} serve --stdio --resets {resets}"
    done = call("fuzz", "--sut", served, "--examples", "5", "--format", "json")
    assert (done.code, done.report["sut"]["resets"]) == (0, resets)


def test_a_server_is_an_implementation() -> None:
    with subprocess.Popen([*COMMAND, "serve", "--http", "127.0.0.1:0"], stderr=subprocess.PIPE, env=os.environ) as server:
        assert server.stderr is not None
        found = re.search(rb"http://\S+", server.stderr.readline())
        assert found is not None
        try:
            done = call("fuzz", "--sut", found[0].decode(), *SHORT)
            assert (done.code, done.report["steps"] > 30) == (0, True)
        finally:
            server.terminate()
    assert call("fuzz", "--sut", found[0].decode(), *SHORT).code == 66


@contextmanager
def listening(answer: bytes, pause: float = 0.0, ended: Callable[[], object] = lambda: None) -> Iterator[str]:
    """A server that answers every connection with the bytes `answer`, one after the other with a pause between.

    It calls `ended` when it has ended a connection.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    try:
                        # The whole of it: closing with a part unread would throw away what is sent.
                        while (read := connection.recv(2**16)) and not read.endswith(b"}"):
                            continue
                        for byte in [answer] if not pause else [answer[i : i + 1] for i in range(len(answer))]:
                            connection.sendall(byte)
                            time.sleep(pause)
                    except OSError:
                        continue
                ended()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_server_may_end_a_connection_after_any_answer() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    ended = threading.Semaphore(0)
    with listening(answer, ended=ended.release) as url:
        client = HttpClient(url, PATIENCE_S)
        for _ in range(3):
            assert client.ask({"op": "close"}) == {}
            # Its end has reached the client, which is on the same machine.
            assert ended.acquire(timeout=PATIENCE_S)
        client.end()


SERVERS: dict[str, tuple[bytes, float, str]] = {
    "not_http": (b"hello\r\n\r\n", 0, "the connection ended instead of an answer: hello"),
    "nothing": (b"", 0, "the connection ended instead of an answer"),
    "half_an_answer": (b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"na', 0, "the connection ended instead of an answer"),
    "no_json": (b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops", 0, "garbage"),
    "too_much": (b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 17_000_000, 0, "garbage"),
    "drop_by_drop": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000, 0.05, "within 0.6 s"),
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_answers_no_json_diverges_and_one_that_does_not_answer_is_missing(name: str) -> None:
    answer, pause, says = SERVERS[name]
    with listening(answer, pause) as url:
        done = call("fuzz", "--sut", url, *SHORT, "--timeout", "0.6" if pause else str(PATIENCE_S))
    if says == "garbage":
        assert (done.code, done.err, done.report["counterexample"]["failure"]["kind"]) == (15, "", says)
    else:
        assert (done.code, done.out, says in done.err) == (66, "", True)


HOLDS_MEMORY = "import os,time;os.fork() or os.fork();held=bytearray(2**28);print(os.getpid(),flush=True);time.sleep(60)"


@pytest.mark.skipif(sys.platform == "win32", reason="it forks")
def test_what_a_killed_program_started_has_ended_by_then() -> None:
    with Program([sys.executable, "-c", HOLDS_MEMORY], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        started = [int(program.stdout.readline()) for _ in range(3)]
        program.kill()
        # Its ports are free only then; that much memory takes a while to give back.
        assert [pid for pid in started if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE] == []
