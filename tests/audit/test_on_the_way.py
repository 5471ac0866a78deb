"""A replay by the kernel that is killed goes on from its state and the journal beside it, and says what it would have said."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from states import kept_by
from tokenspec.oracle import Oracle
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.logs.kernel import lines
from tokenspec.oracle.logs.kernel.journal_file import JournalFile, journal_of
from tokenspec.oracle.logs.kernel.module import KernelModule, module_of
from tokenspec.oracle.logs.kernel.on_the_way import OnTheWay
from tokenspec.oracle.logs.kernel.run import SizedLines, replay_by_kernel
from tokenspec.oracle.logs.lateness import InOrder
from tokenspec.oracle.logs.progress import SavedOnTheWay
from tokenspec.oracle.logs.replay import Report, replay
from tokenspec.oracle.report.replay import replay_report
from tokenspec.oracle.runtime.snapshot import load_with_progress, save, state_digest
from tokenspec.oracle.wire.log_files import Logs

pytest.importorskip("wasmtime")
AT, LATER, NEXT = "2026-01-10T09:00:00Z", "2026-01-10T10:00:00Z", "2026-01-11T00:00:00Z"
SAMPLE = {"status": "subscribed", "plan": "premium", "balances": {"fast": 25_000}, "renewal_day": 10, "next_renewal_at": NEXT}


def line(account: str, at: str, event: str, **rest: Any) -> str:
    return json.dumps({"account": account, "at": at, "event": event, **rest}, separators=(",", ":"))


def job(account: str, at: str, name: str, cost: int, **rest: Any) -> str:
    return line(account, at, "generate", job=name, cost=cost, media="image", origin="first_party", **rest)


LINES = [
    line("ada", AT, "open_account", observed={"balances": {"daily": 150}}),
    line("bo", AT, "open_account", id="i1", observed={"balances": {"daily": 150}}),
    line("bo", AT, "open_account", id="i1", observed={"balances": {"daily": 150}, "duplicate": True}),
    line("bo", AT, "login", session="s", observed={"outcome": "accepted"}),
    "",
    json.dumps(json.loads(line("cy", AT, "open_account")), indent=None, separators=(" , ", " : ")),
    job("cy", AT, "j\\u00e9", 5, observed={"balances": {"daily": 145}}),
    line("mid", AT, "snapshot", state=SAMPLE),
    line("mid", LATER, "buy_topup", pack="small", observed={"outcome": "accepted"}),
    job("ada", AT, "j1", 24, colour=1, shape="x", observed={"balances": {"daily": 126}}),
    job("bo", LATER, "j1", 10, colour=2, observed={"balances": {"daily": 140}}),
    line("bo", LATER, "login", session="t"),
    line("bo", LATER, "view", session="s", shown={"daily": 150}, observed={"shown_is": "stale"}),
    line("bo", LATER, "view", session="t", shown={"daily": 150}, observed={"shown_is": "impossible"}),
    "{}",
    line("ed", AT, "view", session="s", shown={"fast": 1}, observed={"reason": "account_must_exist"}),
    line("di", LATER, "open_account", observed={"balances": {"daily": 149}}),
    line("ed", LATER, "open_account"),
    line("ed", LATER, "open_account"),
    job("di", LATER, "j1", 9, observed={"balances": {"daily": 140}}),
    line("ada", LATER, "refund", job="j1", size=3, observed={"balances": {"daily": 150}}),
    "not JSON at all",
    line("bo", NEXT, "daily_reset", id="i2", observed={"balances": {"daily": 150}}),
    line("di", NEXT, "daily_reset", observed={"balances": {"daily": 150}}),
    line("ed", NEXT, "daily_reset"),
    line("ed", NEXT, "view", session="s", shown={"daily": 150}, observed={"reason": "session_must_be_logged_in"}),
    line("bo", NEXT, "view", session="s", shown={"daily": 140}, id="v1", observed={"shown_is": "stale"}),
    line("bo", NEXT, "view", session="s", shown={"daily": 140}, id="v1", observed={"shown_is": "stale", "duplicate": True}),
    line("bo", NEXT, "logout", session="s", observed={"outcome": "accepted"}),
    line("bo", NEXT, "view", session="t", shown={"daily": 140}, observed={"shown_is": "stale"}),
    line("di", NEXT, "login", session="s"),
    line("di", NEXT, "view", session="s", shown={"daily": 140}, observed={"shown_is": "current"}),
]


def raised(fault: OSError) -> None:
    raise fault


def said(report: Report, oracle: Oracle, logs: Any) -> Any:
    return replay_report(report, oracle, logs.names).data(), state_digest(oracle.accounts)


def judged(
    logs: Any, state: Path, oracle: Oracle, kept: dict[str, Any] | None, keep: Callable[[bytes], None]
) -> tuple[Any, SavedOnTheWay]:
    """What is said of logs by the kernel, from the start with a state behind each line, or from what was kept."""
    run = SavedOnTheWay(logs.names, None, oracle, True)
    if kept is not None:
        run.go_on_from(kept, str(state))
    run.every, run.keep = 1 if kept is None else 5, kept_by(keep)
    fast = replay_by_kernel(logs, oracle, None, 0, True, OnTheWay.of(run, oracle, JournalFile(str(state), raised)))
    assert fast is not None, "the kernel goes on"
    return said(fast[0], oracle, logs), run


@pytest.fixture
def two(tmp_path: Path) -> list[str]:
    """Two logs: odd lines, unknown names, bad records, a snapshot, repeats, divergences."""
    cut = 18
    (tmp_path / "one.jsonl").write_text("\n".join(LINES[:cut]), encoding="utf-8")
    (tmp_path / "two.jsonl").write_text("\n".join(LINES[cut:]) + "\n", encoding="utf-8")
    return [str(tmp_path / "one.jsonl"), str(tmp_path / "two.jsonl")]


@pytest.fixture(autouse=True)
def one_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module of the default settings is made once, not for each run."""
    monkeypatch.setattr(lines, "module_of", lambda *_: made())


@cache
def made() -> KernelModule:
    return module_of(Oracle())


def as_logs(paths: list[str]) -> Logs:
    return Logs(paths)


def in_order(paths: list[str]) -> InOrder:
    logs = Logs(paths)
    return InOrder(logs, logs.names, logs.size, Oracle().reader, 5_000)


@pytest.mark.parametrize("read", [as_logs, in_order])
def test_it_goes_on_behind_any_line_of_either_pass(read: Callable[[list[str]], Any], two: list[str], tmp_path: Path) -> None:
    oracle = Oracle()
    before = replay(Logs([two[0]]), oracle)
    assert before.bad
    kept_before = save(oracle)
    for started in (Oracle(), load_with_progress(kept_before)[0]):
        logs = [two[1]] if started.accounts else two
        of_oracle = started.fork({name: account.copy() for name, account in started.accounts.items()})
        right = said(replay(read(logs), of_oracle), of_oracle, read(logs))
        state, states = tmp_path / "state.json", list[bytes]()
        whole, _ = judged(read(logs), state, started, None, states.append)
        assert whole == right
        journal, passes = journal_of(str(state)).read_bytes(), set()
        # Every third one, and all near the end of a pass.
        for each in [*states[:-4:3], *states[-4:]]:
            journal_of(str(state)).write_bytes(journal)
            going_on, kept = load_with_progress(each)
            assert kept is not None
            passes.add(kept["kernel"]["is_second"])
            rest, _ = judged(read(logs), state, going_on, kept, lambda _: None)
            assert rest == right
        assert passes == {False, True}
        how_far = [json.loads(each)["progress"]["lines"] for each in states]
        assert how_far == sorted(how_far)
    assert isinstance(in_order(two), SizedLines)


def test_a_state_goes_on_with_its_own_logs_and_its_own_journal(two: list[str], tmp_path: Path) -> None:
    state, states = tmp_path / "state.json", list[bytes]()
    judged(as_logs(two), state, Oracle(), None, states.append)
    going_on, kept = load_with_progress(states[5])
    assert kept is not None
    journal = journal_of(str(state))
    whole = journal.read_bytes()
    for wrong, says in ((whole[:50], "is not as it was written"), (whole[:40] + b"?" + whole[41:], "is not as it was written")):
        journal.write_bytes(wrong)
        with pytest.raises(BadSetting, match=says):
            judged(as_logs(two), state, going_on, kept, states.append)
    journal.unlink()
    with pytest.raises(BadSetting, match="keep the two files together"):
        judged(as_logs(two), state, going_on, kept, states.append)
    journal.write_bytes(whole)
    other = {**kept, "kernel": {**kept["kernel"], "kernel": {**kept["kernel"]["kernel"], "layout": [8]}}}
    with pytest.raises(BadSetting, match="saved by another version"):
        judged(as_logs(two), state, load_with_progress(states[5])[0], other, states.append)
    first = Path(two[0])
    first.write_bytes(first.read_bytes().replace(b"ada", b"eva"))
    with pytest.raises(BadSetting, match="the first 6 lines of the logs are not those"):
        judged(as_logs(two), state, going_on, kept, states.append)
    first.write_bytes(first.read_bytes()[:100])
    journal.write_bytes(whole)
    with pytest.raises(BadSetting, match="the first 6 lines of the logs are not those"):
        judged(as_logs(two), state, load_with_progress(states[5])[0], kept, states.append)


def test_where_the_journal_cannot_be_written_the_verdict_is_told_all_the_same(two: list[str], tmp_path: Path) -> None:
    state, states, faults = tmp_path / "state.json", list[bytes](), list[OSError]()
    journal_of(str(state)).mkdir()
    oracle, right = Oracle(), Oracle()
    run = SavedOnTheWay(two, None, oracle, True)
    run.every, run.keep = 1, kept_by(states.append)
    fast = replay_by_kernel(as_logs(two), oracle, None, 0, True, OnTheWay.of(run, oracle, JournalFile(str(state), faults.append)))
    assert fast is not None
    assert said(fast[0], oracle, as_logs(two)) == said(replay(as_logs(two), right), right, as_logs(two))
    assert len(faults) == 1
    assert not states
