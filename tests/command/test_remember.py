"""`replay --remember`: ids and jobs are remembered for a stated time from their first use, and the report says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command.conftest import generate, opened, record, within, write_log

START, SOON, LAST, AFTER = (f"2026-01-{day}Z" for day in ("01T09:00:00", "05T09:00:00", "11T08:59:59", "11T09:00:00"))
"""The last instant at which what was used at the start is remembered for ten days, and the first at which it is not."""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """An id and a job of the first day, which come again within ten days and behind them."""
    records = [
        opened("ann", START, id="a", observed={"balances": {"daily": 150}}),
        generate("ann", START, "j1", 50, id="b", observed={"balances": {"daily": 100}}),
        generate("ann", SOON, "j2", 10, observed={"balances": {"daily": 90}}),
        generate("ann", LAST, "j1", 50, id="b", observed={"duplicate": True, "balances": {"daily": 100}}),
        record("ann", AFTER, "refund", job="j1", observed={"outcome": "accepted", "balances": {"daily": 140}}),
        generate("ann", AFTER, "j1", 20, id="b", observed={"duplicate": False, "balances": {"daily": 120}}),
        record("ann", AFTER, "refund", job="j2", observed={"balances": {"daily": 130}}),
    ]
    return write_log(tmp_path / "log.jsonl", records)


def test_what_is_older_is_new_or_not_compared(log: Path) -> None:
    done = within("replay", log, "--remember", "10d", cwd=log.parent)
    assert done.code == 0, done.out
    assert "ids and jobs are remembered for 10d from their first use" in done.out
    assert "1 not compared (1 before the log)" in done.out
    forever = within("replay", log, cwd=log.parent)
    assert forever.code == 15
    assert "diverges at generate, 2026-01-11T09:00:00Z" in forever.out
    days = within("replay", log, "--remember", "240h", "--format", "json", cwd=log.parent)
    assert json.loads(days.out)["remember"] == "10d"
    longer = within("replay", log, "--remember", "864001s", "--format", "json", cwd=log.parent)
    assert (longer.code, json.loads(longer.out)["remember"]) == (15, "864001s")


def test_a_wrong_observation_within_the_time_is_found(log: Path) -> None:
    log.write_bytes(log.read_bytes().replace(b'"daily":130', b'"daily":129').replace(b'"daily": 130', b'"daily": 129'))
    done = within("replay", log, "--remember", "10d", cwd=log.parent)
    assert done.code == 15
    assert "log.jsonl:7: account ann diverges at refund" in done.out


def test_a_state_carries_the_time(log: Path) -> None:
    folder, lines = log.parent, log.read_text().splitlines(keepends=True)
    (folder / "one.jsonl").write_text("".join(lines[:4]))
    (folder / "two.jsonl").write_text("".join(lines[4:]))
    whole = within("replay", log, "--remember", "10d", "--save-state", "whole.json", "-q", cwd=folder)
    assert whole.code == 0
    assert within("replay", "one.jsonl", "--remember", "10d", "--save-state", "s.json", "-q", cwd=folder).code == 0
    for again in ((), ("--remember", "10d")):
        done = within("replay", "two.jsonl", "--load-state", "s.json", "--save-state", "t.json", "-q", *again, cwd=folder)
        assert done.code == 0, done.out
        accounts = [json.loads((folder / name).read_bytes())["accounts"] for name in ("t.json", "whole.json")]
        assert accounts[0] == accounts[1]
        assert accounts[0]["ann"]["used"].keys() == {"b"}
        assert accounts[0]["ann"]["noted"].keys() == {"j1", "j2"}
    other = within("replay", "two.jsonl", "--load-state", "s.json", "--remember", "9d", cwd=folder)
    assert (other.code, other.out) == (64, "")
    assert "--remember: s.json remembers for 10d; leave it out, or replay from the start" in other.err
    assert within("replay", "one.jsonl", "--save-state", "s.json", "-q", cwd=folder).code == 0
    ever = within("replay", "two.jsonl", "--load-state", "s.json", "--remember", "9d", cwd=folder)
    assert ever.code == 64
    assert "remembers for ever" in ever.err


@pytest.mark.parametrize("time", ["90", "d", "0d", "-1d", "1.5d", "90 d", "90w", "999999999d"])
def test_a_time_that_is_none_is_wrong_usage(time: str, log: Path) -> None:
    done = within("replay", log, f"--remember={time}", cwd=log.parent)
    assert (done.code, done.out) == (64, "")
    assert "is not a time such as 90d, 36h, 30m or 10s" in done.err


def test_it_needs_one_setting(log: Path) -> None:
    done = within("replay", log, "--remember", "10d", "--policy", "infer", cwd=log.parent)
    assert (done.code, done.out) == (64, "")
    assert "--remember" in done.err
