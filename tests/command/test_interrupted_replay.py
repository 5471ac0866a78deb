"""A replay that is killed goes on from its saved state, and comes to the verdict that it would have come to."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from command.conftest import COMMAND, finished, generate, opened, record, tokenspec, within, write_log
from processes import PATIENCE_S
from states import kept_by
from tokenspec.oracle import Oracle
from tokenspec.oracle.logs.policies_tried import explain, note_ties
from tokenspec.oracle.logs.progress import SavedOnTheWay
from tokenspec.oracle.logs.replay import replay
from tokenspec.oracle.report.replay import replay_report
from tokenspec.oracle.runtime.snapshot import load_with_progress
from tokenspec.oracle.wire.log_files import Logs

AT, LATER, NEXT = "2026-01-10T09:00:00Z", "2026-01-10T10:00:00Z", "2026-01-11T00:00:00Z"
NASTY = [
    opened("ada", AT, observed={"balances": {"daily": 150}}),
    opened("bo", AT, id="i1", observed={"balances": {"daily": 149}}),
    {"account": "bo", "at": "x", "event": "login"},
    record("ada", AT, "generate", cost="24"),
    generate("ada", AT, "j1", 24, collour=1, observed={"balances": {"daily": 126}}),
    generate("ada", AT, "j1", 24, collour=1, observed={"reason": "job_must_be_new"}),
    opened("bo", AT, id="i1", observed={"duplicate": True, "balances": {"daily": 150}}),
    generate("bo", LATER, "j1", 10, observed={"balances": {"daily": 139}}),
    generate("bo", LATER, "j2", 10, observed={"balances": {"daily": 999}}),
    record("ada", LATER, "refund", job="j1", observed={"balances": {"daily": 126}}),
    record("ada", LATER, "refund", job="j1", id="i1", observed={"outcome": "accepted"}),
    record("ada", LATER, "buy_api", amount=5, id="i1"),
    generate("ada", AT, "j9", 24),
    record("bo", NEXT, "daily_reset", observed={"balances": {"daily": 150}, "colour": "red"}),
    record("bo", NEXT, "login", session="s", observed={"outcome": "accepted"}),
    record("bo", NEXT, "login", session="s", observed={"outcome": "accepted"}),
    record("bo", NEXT, "view", session="s", shown={"daily": 3}, observed={"shown_is": "stale"}),
]


def report(run: SavedOnTheWay, oracle: Oracle, logs: Logs) -> Any:
    run.lines = logs
    found = replay(run, oracle, progress=run.progress)
    explain(found, logs, oracle)
    note_ties(found, logs, oracle)
    made = replay_report(found, oracle, logs.names)
    return msgspec.to_builtins([made.code, made.verdict, made.data(), [repr(block) for block in made.body()]])


@pytest.mark.slow
@pytest.mark.parametrize("form", ["observes answers", "does not"])
def test_a_replay_goes_on_behind_any_line_as_if_it_had_never_stopped(form: str, tmp_path: Path) -> None:
    nasty = [{**NASTY[0], "observed_as": "answer"}, *NASTY[1:]] if form == "observes answers" else NASTY
    two = [write_log(tmp_path / "one.jsonl", nasty), write_log(tmp_path / "two.jsonl", [opened("cy", observed={"plan": "x"})])]
    logs, states = Logs([str(log) for log in two]), list[bytes]()
    oracle = Oracle()
    run = SavedOnTheWay(logs.names, None, oracle, True)
    run.every, run.keep = 1, kept_by(states.append)
    whole = report(run, oracle, logs)
    assert whole[0] == 15
    assert len(states) == len(nasty)
    for state in states:
        going_on, kept = load_with_progress(state)
        assert kept is not None
        rest = SavedOnTheWay(logs.names, None, going_on, True)
        rest.go_on_from(kept, "state")
        assert report(rest, going_on, logs) == whole


KEEPING = """
import sys
from tokenspec.oracle import Oracle
from tokenspec.oracle.logs.progress import SavedOnTheWay
from tokenspec.oracle.logs.replay import replay
from tokenspec.oracle.wire.log_files import Logs

oracle = Oracle()
run = SavedOnTheWay(["log.jsonl"], None, oracle, True)
run.lines, run.every, run.keep = Logs(["log.jsonl"]), 16, lambda write: write(sys.stdout.buffer)
replay(run, oracle, progress=run.progress)
"""


def test_a_state_on_the_way_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", NASTY)
    one, two = (finished((COMMAND[0], "-c", KEEPING), tmp_path, settings={"PYTHONHASHSEED": seed}) for seed in "12")
    assert one == two
    assert json.loads(one.out)["progress"]["lines"] == 16


@pytest.mark.slow
def test_a_killed_replay_loses_no_verdict(tmp_path: Path) -> None:
    records = [opened(f"a{n}", AT, observed={"balances": {"daily": 149 if n % 7_000 == 0 else 150}}) for n in range(60_000)]
    write_log(tmp_path / "log.jsonl", [*records, {"account": "a0"}])
    whole = within("replay", "log.jsonl", "--format", "json", "--save-state", tmp_path / "state.json", cwd=tmp_path)
    (tmp_path / "state.json").unlink()
    arguments = ("replay", "log.jsonl", "--format", "json", "--save-state", "state.json", "--save-every", "2000")
    state, lines = tmp_path / "state.json", 0
    for _ in range(3):
        go_on = ("--load-state", "state.json") if lines else ()
        with subprocess.Popen(
            (*COMMAND, *arguments, *go_on), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            until, before = time.monotonic() + PATIENCE_S, lines
            while lines == before and time.monotonic() < until and process.poll() is None:
                time.sleep(0.01)
                lines = json.loads(state.read_bytes())["progress"]["lines"] if state.exists() else 0
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        assert lines > before
        assert lines % 2_000 == 0
    done = tokenspec(*arguments, "--load-state", "state.json", cwd=tmp_path)
    assert (done.code, done.report) == (whole.code, whole.report)
    assert whole.code == 15
    assert json.loads(state.read_bytes())["progress"] is None
    assert {path.name for path in tmp_path.iterdir()} == {"log.jsonl", "state.json"}


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A folder with a log, and the state of its replay on the way."""
    log = write_log(tmp_path / "log.jsonl", NASTY)
    logs, states, oracle = Logs(["log.jsonl"] if Path.cwd() == tmp_path else [str(log)]), list[bytes](), Oracle()
    logs.names = ["log.jsonl"]
    run = SavedOnTheWay(logs.names, None, oracle, True)
    run.every, run.keep = 5, kept_by(states.append)
    report(run, oracle, logs)
    (tmp_path / "state.json").write_bytes(states[1])
    write_log(tmp_path / "other.jsonl", NASTY)
    write_log(tmp_path / "s.journal", NASTY)
    return tmp_path


def test_a_replay_on_its_way_is_not_taken_for_one_at_its_end(stopped: Path) -> None:
    done = within("replay", "other.jsonl", "--load-state", "state.json", cwd=stopped)
    assert (done.code, done.out) == (64, "")
    assert "has not come to its end; give it the same logs again: log.jsonl" in done.err
    done = within("replay", "log.jsonl", "--load-state", "state.json", "--late", "3", cwd=stopped)
    assert done.code == 64


def test_a_replay_begun_anew_leaves_the_journal_of_another_one_as_it_is(stopped: Path) -> None:
    journal = stopped / "state.json.journal"
    journal.write_bytes(b"what a state counts on")
    for go_on in ((), ("--load-state", "copy.json")):
        (stopped / "copy.json").write_bytes((stopped / "state.json").read_bytes())
        done = within("replay", "log.jsonl", "--save-state", "state.json", "--save-every", "5", *go_on, cwd=stopped)
        assert (done.code, done.out, journal.read_bytes()) == (64, "", b"what a state counts on")
        assert "state.json.journal is of a replay that has not come to its end" in done.err
        assert "go on with --load-state state.json" in done.err
    done = within(
        *("replay", "log.jsonl", "--load-state", "state.json", "--save-state", "state.json", "--save-every", "5"), cwd=stopped
    )
    assert done.code == 15  # That of the log.


def test_a_file_that_is_no_journal_is_not_written_over(stopped: Path) -> None:
    (stopped / "new.json.journal").write_text("what I wrote today\n")
    asked = ("replay", "log.jsonl", "--save-state", "new.json", "--save-every", "5")
    done = within(*asked, cwd=stopped)
    assert (done.code, done.out, (stopped / "new.json.journal").read_text()) == (64, "", "what I wrote today\n")
    assert "new.json.journal is no journal of a replay, and would be written over" in done.err
    # One that a replay left which was killed before it saved a state is begun anew.
    for left in (b"", bytes(8) + (2).to_bytes(8, "little") + b"{}"):
        (stopped / "new.json.journal").write_bytes(left)
        assert within(*asked, cwd=stopped).code == 15
        (stopped / "new.json").unlink()


@pytest.mark.parametrize("wrong", ["changed", "cut"])
def test_another_log_of_the_same_name_is_found_out(wrong: str, stopped: Path) -> None:
    records = [*NASTY[:2], NASTY[0], *NASTY[3:]] if wrong == "changed" else NASTY[:7]
    write_log(stopped / "log.jsonl", records)
    done = within("replay", "log.jsonl", "--load-state", "state.json", cwd=stopped)
    assert (done.code, done.out) == (65, "")
    assert "the first 10 lines of the logs are not those" in done.err


def test_a_state_on_the_way_that_was_changed_by_hand_is_refused(stopped: Path) -> None:
    saved = json.loads((stopped / "state.json").read_bytes())
    saved["progress"]["divergences"] = []
    (stopped / "state.json").write_text(json.dumps(saved))
    done = within("replay", "log.jsonl", "--load-state", "state.json", cwd=stopped)
    assert done.code == 65
    assert "checksum" in done.err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--save-every", "5"), "give --save-state as well"),
        (("--save-state", "s", "--save-every", "0"), "0"),
        (("s.journal", "--save-state", "s", "--save-every", "5"), "s.journal"),
        (("--load-state", "state.json", "--answers", "a"), "not in it"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(options: tuple[str, ...], told: str, stopped: Path) -> None:
    done = within("replay", "log.jsonl", *options, cwd=stopped)
    assert (done.code, done.out) == (64, "")
    assert told in done.err


def test_where_the_state_cannot_be_written_the_verdict_is_told_all_the_same(stopped: Path) -> None:
    done = tokenspec("replay", "other.jsonl", "--save-state", "/dev/full", "--save-every", "1", "-q", cwd=stopped)
    assert done.code == 64
    assert done.out.startswith("diverges")
    assert done.err.count("/dev/full") == 1


def test_where_the_answers_cannot_be_written_the_state_is(stopped: Path) -> None:
    done = tokenspec("replay", "other.jsonl", "--answers", "/dev/full", "--save-state", "new.json", cwd=stopped)
    assert done.code == 64
    assert json.loads((stopped / "new.json").read_bytes())["progress"] is None
