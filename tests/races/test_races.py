"""Races and crashes as a user tries them: what is right conforms, each bug is found, and a saved history shows it again."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from command.conftest import read_lines
from processes import reserved_port
from races.served_wallet import served
from races.small_wallet import right
from sut.calling import call
from tokenspec.oracle.races import campaign
from tokenspec.oracle.races.crew import CLIENT_VARIABLE
from tokenspec.oracle.races.playing import Played
from tokenspec.oracle.races.result import RaceFinding
from tokenspec.oracle.serve.server import Server
from tokenspec.oracle.sut.client import Failed
from tokenspec.oracle.sut.world import Diverged

HERE = Path(__file__).parent


def in_threads(name: str) -> str:
    return f"python:races.small_wallet:{name}"


@pytest.fixture(autouse=True)
def _modules_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]))


def in_processes(folder: Path, bug: str = "") -> str:
    return shlex.join([sys.executable, str(HERE / "small_wallet.py"), str(folder / "wallet.json"), *filter(None, [bug])])


def test_a_lock_round_the_wallet_is_right() -> None:
    done = call("fuzz", "--sut", in_threads("right"), "--clients", "4", "--examples", "40", "--format", "json")
    assert done.code == 0
    report = done.report
    assert (report["verdict"], report["clients"], report["counterexample"]) == ("conforms", 4, None)
    assert report["compared"] == report["steps"] > 400
    met = {(each["event"], each["outcome"]) for each in report["coverage"] if each["hits"]}
    assert {("generate", "generates_for_tokens"), ("open_account", "refused: account_must_be_new")} <= met
    pairs = {tuple(each["pair"]) for each in report["overlaps"]}
    assert ("generate: generates_for_tokens", "generate: tokens_must_cover_cost") in pairs
    assert any("a repeated id" in one for one, _ in pairs)


def test_a_module_may_take_longer_to_load_than_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loads_slowly.py").write_text("import time\n\ntime.sleep(1.5)\nfrom races.small_wallet import right\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ['PYTHONPATH']}")
    words = ("--clients", "2", "--examples", "1", "--timeout", "1")
    assert call("fuzz", "--sut", "python:loads_slowly:right", *words).code in (0, 20)


def test_the_report_of_a_finding_does_not_say_that_nothing_overlapped() -> None:
    done = call("fuzz", "--sut", in_threads("no_lock"), "--clients", "3")
    assert (done.code, "\n0 pairs of requests" in done.out) == (15, False)


def test_the_same_where_settings_are_inferred() -> None:
    done = call("fuzz", "--sut", in_threads("right"), "--clients", "3", "--examples", "5", "--policy", "infer")
    assert (done.code, "conforms" in done.out) == (0, True)


def test_what_it_does_not_know_in_any_order_is_not_sent() -> None:
    done = call("fuzz", "--sut", in_threads("knows_little"), "--clients", "3", "--examples", "60", "--format", "json")
    assert (done.code, done.report["verdict"]) == (0, "conforms")
    met = {each["outcome"] for each in done.report["coverage"] if each["hits"]}
    assert {"generates_for_tokens", "refused: tokens_must_cover_cost"} <= met <= {
        "opens", "generates_for_tokens", "refused: tokens_must_cover_cost", "refused: relaxed_cannot_be_switched_on",
    }  # fmt: skip
    assert len(done.report["overlaps"]) > 2


@pytest.mark.slow
def test_time_ends_a_run() -> None:
    done = call("fuzz", "--sut", in_threads("unhurried"), "--clients", "2", "--seconds", "1")
    assert (done.code, "ended by time" in done.out) == (0, True)
    words = ("--clients", "2", "--seconds", "1", "--examples", "1000000")
    assert call("fuzz", "--sut", in_threads("right"), *words).code == 20


@pytest.mark.slow
@pytest.mark.parametrize("bug", ["no_lock", "id_outside"])
def test_a_race_is_found_told_and_played_again(bug: str, tmp_path: Path) -> None:
    log = tmp_path / "race.jsonl"
    words = ("fuzz", "--sut", in_threads(bug), "--clients", "3", "--policy", "refund=none", "--timeout", "9", "--save", log)
    done = call(*words, "--format", "json", "--report", f"md={tmp_path}/race.md", "--report", f"junit={tmp_path}/race.xml")
    assert done.code == 15
    found = done.report["counterexample"]
    assert len(found["records"]) <= 4
    assert 0 < found["shown"] <= found["tries"]
    assert found["schedule"].startswith("0/")
    assert len(found["orders"]) >= 2
    assert found["records"] == read_lines(log)
    one, other = found["records"][-2:]
    assert one["client"] != other["client"]
    assert other["sent"] < one["answered"]
    assert f"--again {log} --policy refund=none --timeout 9" in (tmp_path / "race.md").read_text()
    assert "┌ generate" in (tmp_path / "race.md").read_text() + (tmp_path / "race.xml").read_text()
    again = call("fuzz", "--sut", in_threads(bug), "--again", log)
    assert again.code == 15
    assert "in no order is every answer right" in again.out
    assert call("fuzz", "--sut", in_threads("right"), "--again", log, "--examples", "20").code == 0
    # The same file is a log.
    assert call("replay", log).code == 15


def test_each_process_is_told_its_number_and_the_others_join(tmp_path: Path) -> None:
    done = call("fuzz", "--sut", in_processes(tmp_path), "--clients", "3", "--examples", "6", "--format", "json")
    assert (done.code, done.report["verdict"]) == (0, "conforms")
    assert sorted((tmp_path / "wallet.json.clients").read_text().split()) == ["0", "1", "2"]
    assert CLIENT_VARIABLE == "TOKENSPEC_CLIENT"
    assert call("fuzz", "--sut", in_processes(tmp_path, "no_lock"), "--clients", "2").code == 15


@pytest.mark.slow
def test_what_is_in_the_file_survives_a_crash(tmp_path: Path) -> None:
    sut = in_processes(tmp_path)
    done = call("fuzz", "--sut", sut, "--restart", sut, "--clients", "2", "--examples", "8", "--format", "json")
    assert (done.code, done.report["verdict"]) == (0, "conforms")
    assert done.report["kills"] > 3


@pytest.mark.slow
def test_an_answer_before_it_is_kept_is_found_by_a_crash(tmp_path: Path) -> None:
    sut, log = in_processes(tmp_path, "answers_first"), tmp_path / "crash.jsonl"
    done = call("fuzz", "--sut", sut, "--restart", sut, "--save", log)
    assert done.code == 15
    assert "-- killed with kill -9, and started again --" in done.out
    assert any("kill" in record for record in read_lines(log))
    assert call("fuzz", "--sut", sut, "--again", log).code == 64
    again = call("fuzz", "--sut", sut, "--again", log, "--restart", sut)
    assert (again.code, "killed with kill -9" in again.out) == (15, True)


@pytest.mark.slow
def test_who_forgets_everything_does_not_survive_a_crash() -> None:
    done = call("fuzz", "--sut", FORGETFUL, "--restart", FORGETFUL, "--format", "json")
    assert done.code == 15
    assert done.report["counterexample"]["kills"] > 0


@pytest.fixture
def free_port() -> Iterator[int]:
    with reserved_port() as port:
        yield port


OPENS = {"account": "a", "at": "2027-01-15T00:00:00Z", "event": "open_account", "client": 0, "sent": 1, "answered": 2}
FORGETFUL = shlex.join([sys.executable, str(HERE.parent.parent / "examples/python-wallet/adapter.py")])
AT = "2027-01-15T00:00:00Z"
CHARGE = {"account": "a", "at": AT, "event": "generate", "job": "j", "cost": 1, "media": "image", "origin": "first_party"}
REFUSED = CHARGE | {"id": "e", "client": 0}
KILLED_HISTORIES = {
    # The time for which the kill waits is long enough for an answer, so that it comes after it.
    "after an answer, by the clock": [OPENS | {"kill": 60_000}, CHARGE | {"client": 0, "sent": 3, "answered": 4}],
    "after all answers": [OPENS | {"kill": "answered"}, CHARGE | {"client": 0, "sent": 3, "answered": 4}],
    "after a refusal, which is kept too": [
        REFUSED | {"sent": 1, "answered": 2, "kill": "answered"},
        REFUSED | {"sent": 3, "answered": 4},
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("killed", KILLED_HISTORIES)
def test_every_kill_of_a_history_is_counted(killed: str, tmp_path: Path) -> None:
    log = tmp_path / "killed.jsonl"
    log.write_text("".join(json.dumps(record) + "\n" for record in KILLED_HISTORIES[killed]))
    words = ("--restart", FORGETFUL, "--again", log, "--examples", "1", "--format", "json")
    done = call("fuzz", "--sut", FORGETFUL, *words)
    assert (done.code, done.report["counterexample"]["kills"]) == (15, 1)
    # A verdict rests on kills after something had been accepted.
    assert done.report["kills"] == ("refusal" not in killed)


def test_a_kill_after_which_it_does_not_start_again_is_told_with_what_was_asked(tmp_path: Path, free_port: int) -> None:
    served = shlex.join([sys.executable, str(HERE / "served_wallet.py"), str(free_port), str(tmp_path / "wallet.json")])
    once = shlex.join(["sh", "-c", f"mkdir {shlex.quote(str(tmp_path / 'started'))} && exec {served}"])
    sut, log = f"http://127.0.0.1:{free_port}", tmp_path / "killed.jsonl"
    done = call("fuzz", "--sut", sut, "--restart", once, "--save", log, "--format", "json")
    found = done.report["counterexample"]
    assert (done.code, found["kills"], found["records"]) == (15, 1, read_lines(log))
    assert ["kill" in record for record in found["records"]][-1]
    assert "it could not be started again" in found["got"]


def test_one_client_overlaps_with_nobody() -> None:
    done = call("fuzz", "--sut", in_threads("right"), "--clients", "1", "--examples", "3")
    assert (done.code, "overlapped" in done.out) == (20, True)


def test_without_a_kill_after_something_was_accepted_there_is_no_verdict(tmp_path: Path) -> None:
    sut = in_processes(tmp_path, "only_refuses")
    done = call("fuzz", "--sut", sut, "--restart", sut, "--examples", "6", "--format", "json")
    assert (done.code, done.report["kills"], done.report["compared"] > 0) == (20, 0, True)
    assert "never killed after something had been accepted" in done.report["why"]


def test_what_is_killed_runs_in_the_foreground(tmp_path: Path) -> None:
    done = call("fuzz", "--sut", in_processes(tmp_path), "--restart", shlex.join([sys.executable, "-c", ""]))
    assert (done.code, "it ended with exit code 0, and has to run in the foreground" in done.err) == (66, True)


def test_how_often_a_finding_shows_is_not_measured_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [0.0]

    def played_slowly(rounds: object) -> None:
        seconds[0] += 10.0

    monkeypatch.setattr(campaign, "time", SimpleNamespace(monotonic=lambda: seconds[0]))
    of_chance = RaceFinding(Played(), Diverged(None, None, [], Failed("died", "it ended")))
    campaign.Campaign._measure(SimpleNamespace(_result=None, again=played_slowly), of_chance, [])  # type: ignore[arg-type]
    assert (of_chance.shown, of_chance.tries) == (1, 4)
    assert seconds[0] < 60


@pytest.mark.slow
def test_who_raises_diverges_with_its_last_words() -> None:
    done = call("fuzz", "--sut", in_threads("dies"), "--clients", "2")
    assert done.code == 15
    assert "the ledger is on fire" in done.out


@pytest.mark.slow
def test_workers_that_the_first_connections_did_not_meet_are_met() -> None:
    """Each of two workers keeps accounts of its own, and the first connections are all with one of them."""
    workers, numbers = (right(), right()), itertools.count()
    with served(0, lambda: workers[max(next(numbers) - 2, 0) % 2]) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = call("fuzz", "--sut", f"http://127.0.0.1:{server.server_address[1]}", "--clients", "2", "--examples", "20")
        server.shutdown()
    assert done.code == 15


@pytest.mark.slow
def test_a_server_is_started_killed_and_started_again(tmp_path: Path, free_port: int) -> None:
    start = [sys.executable, str(HERE / "served_wallet.py"), str(free_port)]
    restart, sut = shlex.join([*start, str(tmp_path / "wallet.json")]), f"http://127.0.0.1:{free_port}"
    kept = call("fuzz", "--sut", sut, "--clients", "2", "--restart", restart, "--examples", "4", "--format", "json")
    assert (kept.code, kept.report["kills"] > 0) == (0, True)
    restart = shlex.join(start)
    done = call("fuzz", "--sut", sut, "--clients", "2", "--restart", restart, "--format", "json")
    # It keeps all in memory.
    assert (done.code, done.report["counterexample"]["kills"] > 0) == (15, True)
    with socket.create_server(("127.0.0.1", free_port)):
        taken = call("fuzz", "--sut", sut, "--restart", restart)
    assert (taken.code, "answers before it was started" in taken.err) == (64, True)
    missing = call("fuzz", "--sut", sut, "--restart", f"{sys.executable} -c 1")
    assert (missing.code, "it ended with exit code 0" in missing.err) == (66, True)
    silent = call("fuzz", "--sut", sut, "--restart", "sleep 60", "--wait", "0.3")
    assert (silent.code, "--wait gives it more" in silent.err) == (66, True)
    assert call("fuzz", "--sut", sut, "--restart", "no-such-program").code == 66


WRONG = {
    "no implementation": (("--clients", "2"), 64),
    "a factory that nobody can kill": (("--sut", in_threads("right"), "--restart", "true"), 64),
    "a database": (("--sut", "x", "--clients", "2", "--database", "d"), 64),
    "an empty command": (("--sut", "http://127.0.0.1:1", "--restart", ""), 64),
    "waiting for a process": (("--sut", "x", "--wait", "3"), 64),
    "several clients that wait for a process": (("--sut", "x", "--clients", "2", "--wait", "3"), 64),
    "threads with a header": (("--sut", in_threads("right"), "--clients", "2", "--header", "A=b"), 64),
    "several clients without a scheme": (("--sut", "localhost:80", "--clients", "2"), 64),
    "a part of what is played again": (("--sut", "x", "--again", "no-such.jsonl", "--slice", "1/2"), 64),
    "no such file": (("--sut", "x", "--again", "no-such.jsonl"), 66),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_usage(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words, code = WRONG[name]
    done = call("fuzz", *words)
    assert (done.code, "Traceback" in done.err) == (code, False)


BAD_HISTORIES = {
    "client: ": OPENS | {"client": "x"},
    "client: it is a whole number from 0 to 63": OPENS | {"client": 64},
    "sent: ": OPENS | {"sent": 0},
    "answered: ": OPENS | {"answered": 1},
    "kill: ": OPENS | {"kill": "soon"},
    "event: ": OPENS | {"event": "explode"},
    "at: ": OPENS | {"at": "yesterday"},
}


def test_our_own_server_may_be_called_from_several_threads() -> None:
    server = f"python:{Server.__module__}:{Server.__name__}"
    assert call("fuzz", "--sut", server, "--clients", "4", "--examples", "12").code == 0


@pytest.mark.parametrize("clients", [(0, 0), (0, 1)])
def test_a_history_in_which_nothing_overlaps_is_no_verdict(clients: tuple[int, int], tmp_path: Path) -> None:
    log, looks = tmp_path / "one after the other.jsonl", {"at": OPENS["at"], "account": "a", "event": "enable_relaxed"}
    calls = [OPENS | {"client": clients[0]}, {**looks, "client": clients[1], "sent": 3, "answered": 4}]
    log.write_text("".join(json.dumps(call) + "\n" for call in calls))
    done = call("fuzz", "--sut", in_threads("right"), "--again", log, "--examples", "2")
    assert done.code == 20
    assert "no two requests about one account overlapped" in done.out
    together = [
        OPENS | {"client": 0},
        {**looks, "client": 0, "sent": 3, "answered": 5},
        {**looks, "client": 1, "sent": 4, "answered": 6},
    ]
    log.write_text("".join(json.dumps(call) + "\n" for call in together))
    assert call("fuzz", "--sut", in_threads("right"), "--again", log, "--examples", "20").code == 0


def test_a_history_that_cannot_be_sent_whole_is_no_verdict(tmp_path: Path) -> None:
    """Not even where it would conform up to there, and two requests overlapped."""
    log, looks = tmp_path / "history.jsonl", {"at": OPENS["at"], "account": "a", "event": "enable_relaxed"}
    together = [OPENS, {**looks, "client": 0, "sent": 3, "answered": 5}, {**looks, "client": 1, "sent": 4, "answered": 6}]
    others: list[dict[str, object]] = [{"event": "subscribe", "plan": "premium"}, {**CHARGE, "media": "video"}]
    for other in others:
        last = {**OPENS, **other, "at": "2027-01-15T00:00:01Z", "sent": 7, "answered": 8}
        log.write_text("".join(json.dumps(call) + "\n" for call in (*together, last)))
        done = call("fuzz", "--sut", in_threads("right"), "--again", log, "--examples", "2")
        assert (done.code, "does not take all of the history" in done.out) == (20, True)


@pytest.mark.parametrize("field", BAD_HISTORIES)
def test_a_bad_history_is_told_with_its_line(field: str, tmp_path: Path) -> None:
    log = tmp_path / "bad.jsonl"
    log.write_text(json.dumps(OPENS) + "\n" + json.dumps(BAD_HISTORIES[field]) + "\n")
    done = call("fuzz", "--sut", in_threads("right"), "--again", log)
    assert done.code == 65
    assert f"{log}:2: {field}" in done.err
    log.write_text("")
    assert call("fuzz", "--sut", in_threads("right"), "--again", log).code == 65
