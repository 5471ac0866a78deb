"""Large logs as users replay them: the kernel judges what conforms, and the report says what it would say without it."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from command.conftest import EXAMPLES, Record, finished, generate, line_of, opened, record, tokenspec, within
from tokenspec.oracle import Oracle
from tokenspec.oracle.logs.kernel import kept_journal, lines, run
from tokenspec.oracle.logs.kernel.audit_kernel import AuditKernel
from tokenspec.oracle.logs.kernel.kept_journal import KeptJournal
from tokenspec.oracle.logs.kernel.run import SMALLEST, replay_by_kernel
from tokenspec.oracle.logs.replay import replay
from tokenspec.oracle.runtime import snapshot
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.snapshot import SavedState, write_state
from tokenspec.oracle.wire.log_files import Logs

USED = "tokenspec.oracle.command.verbs.replay.replay_by_kernel"


def life(account: str) -> list[Record]:
    """Four records of an account that conform."""
    asked = [
        opened(account, "2026-07-15T09:00:00Z"),
        record(account, "2026-07-15T09:01:00Z", "subscribe", plan="premium", id=f"{account}-1"),
        generate(account, "2026-07-15T09:02:00Z", "j1", 24, action="image/phoenix/quality/1536x1536/images=4/references=0"),
        record(account, "2026-07-16T00:00:00Z", "daily_reset"),
    ]
    oracle = Oracle()
    return [{**each, "observed": oracle.apply(each).as_dict()} for each in asked]


def faulty() -> list[bytes]:
    """Lives with faults in them, and lines that are odd or bad."""
    ada, ben, cleo, dora = (life(name) for name in ("ada", "ben", "cleo", "dora"))
    ben[2]["observed"]["balances"]["fast"] += 1
    cleo.insert(2, record("cleo", "2026-07-15T09:01:30Z", "login", session="s"))
    dora[3]["note"] = "seen"
    lines = [line_of(each) for four in zip(ada, ben, cleo, dora, strict=False) for each in four]
    return [*lines, b'{"account":"ada"', b"", line_of(ada[3]), line_of(ada[3]), line_of({**ada[1], "at": "2026-07-17T00:00:00Z"})]


@pytest.mark.parametrize("form", ["text", "json", "jsonl", "junit", "sarif", "md"])
def test_the_report_is_the_same_to_the_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(faulty()))
    made: list[Any] = []

    def noted(logs: Logs, oracle: Oracle, tick: Any, **rest: Any) -> Any:
        made.append(replay_by_kernel(logs, oracle, tick, smallest=0, **rest))
        return made[-1]

    without = within("replay", "log.jsonl", "--format", form, cwd=tmp_path)
    monkeypatch.setattr(USED, noted)
    assert within("replay", "log.jsonl", "--format", form, cwd=tmp_path) == without
    assert without.code == 15
    assert made[0] is not None, "the kernel was used"


@pytest.mark.parametrize("forms", [(" ", ""), ("", " "), ("  ", ""), ("", "  ")])
def test_blanks_that_were_met_change_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forms: tuple[str, str]) -> None:
    """Lives with one number of blanks, then with another, and a name that nobody knows; a fault makes all be scanned twice."""
    lines = list[str]()
    for number, blanks in enumerate(form for form in forms for _ in range(2)):
        four = life(f"ada-{number}")
        four[3]["note"] = "seen"
        four[2]["observed"]["balances"]["fast"] += number == 3
        lines += [json.dumps(each, separators=("," + blanks, ":" + blanks)) for each in four]
    (tmp_path / "log.jsonl").write_text("\n".join(lines))
    without = within("replay", "log.jsonl", "--format", "json", cwd=tmp_path)
    monkeypatch.setattr(USED, partial(replay_by_kernel, smallest=0))
    assert within("replay", "log.jsonl", "--format", "json", cwd=tmp_path) == without
    assert without.code == 15


def test_the_examples_are_judged_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    logs = sorted(EXAMPLES.glob("*.jsonl"))
    without = within("replay", *logs, "--format", "json")
    monkeypatch.setattr(USED, partial(replay_by_kernel, smallest=0))
    assert within("replay", *logs, "--format", "json") == without


@pytest.mark.parametrize("options", [("--map", "ledger"), ("--map", "records", "--late", "86400"), ("--late", "86400")])
def test_tables_and_late_rows_are_judged_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]) -> None:
    """A table with a wrong balance in it, and logs whose records come in another order."""
    if "ledger" in options:
        pytest.importorskip("duckdb")
        (tmp_path / "log").write_text((EXAMPLES / "maps" / "ledger.csv").read_text().replace(",25150,", ",25151,", 1))
    else:
        lines = [line for path in sorted(EXAMPLES.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]
        (tmp_path / "log").write_text("\n".join(lines[1::2] + lines[::2]), "utf-8")
    made: list[Any] = []

    def noted(logs: Any, oracle: Oracle, tick: Any, **rest: Any) -> Any:
        made.append(replay_by_kernel(logs, oracle, tick, smallest=0, **rest))
        return made[-1]

    without = within("replay", "log", *options, "--format", "json", cwd=tmp_path)
    monkeypatch.setattr(USED, noted)
    assert within("replay", "log", *options, "--format", "json", cwd=tmp_path) == without
    assert made[0] is not None, "the kernel was used"
    assert without.report["compared"] > 5
    assert "ledger" not in options or without.code == 15


def test_a_fault_in_a_large_log_is_found_in_its_line(tmp_path: Path) -> None:
    base = b"".join(line_of(each) + b"\n" for each in life("ada"))
    copies = SMALLEST // len(base) + 1
    lives = [base.replace(b'"ada', b'"ada%d' % n) for n in range(copies)]
    (tmp_path / "right.jsonl").write_bytes(b"".join(lives))
    lives[-1] = lives[-1].replace(b'"fast": 25000', b'"fast": 25001', 1)
    (tmp_path / "wrong.jsonl").write_bytes(b"".join(lives))
    right = tokenspec("replay", "-", "--format", "json", stdin=(tmp_path / "right.jsonl").read_bytes())
    assert (right.code, right.report["compared"], right.report["accounts"]) == (0, 4 * copies, copies)
    wrong = tokenspec("replay", "wrong.jsonl", "--format", "json", cwd=tmp_path)
    assert (wrong.code, wrong.report["divergences"][0]["line"], wrong.report["records"]) == (15, 4 * copies - 2, 4 * copies)


@pytest.mark.parametrize(
    "line",
    [
        b'{"account":"ada","at":"2026-07-15T09:00:00Z","event":"open_account","observed_as":"answer","observed":{"x":1}}',
        b'{"account":"ada","at":"2026-07-15T09:00:00Z","event":"open_account","observed_as":"answer","observed":{"mode":"x"}}',
        b'{"account":"\xff"}',
        b'{"account":"' + b"a" * (2 << 20) + b'","at":"2026-07-15T09:00:00Z","event":"open_account"}',
    ],
)
def test_a_log_that_the_kernel_does_not_cover_is_left_to_the_oracle(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(line + b"\n")
    told: list[int] = []
    assert replay_by_kernel(Logs([str(path)]), Oracle(), told.append, smallest=0) is None
    assert sum(told) == 0, "progress begins anew"


def test_a_log_of_odd_lines_is_given_up_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_ODD_MAX", 10)
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(json.dumps({**each, "note": {}}).encode() + b"\n" for n in range(9) for each in life(f"a{n}")))
    assert replay_by_kernel(Logs([str(path)]), Oracle(), smallest=0) is None


def test_a_state_is_saved_and_loaded_as_without_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two days with a divergence, repeats and an account in mid-life, in which each engine goes on from the other's state."""
    state = {"status": "active", "plan": "premium", "balances": {"fast": 7}, "next_renewal_at": "2026-08-01T00:00:00Z"}
    begun = record("eve", "2026-07-15T09:00:00Z", "snapshot", state=state)
    asked = generate("eve", "2026-07-15T09:30:00Z", 'j\u00e9 "1"', 5, observed={"balances": {"fast": 7}})
    second = [{**each, "at": each["at"].replace("07-1", "07-2")} for each in (life("ada")[1], asked)]
    (tmp_path / "1.jsonl").write_bytes(b"\n".join([*faulty()[:-5], line_of(begun), json.dumps(asked).encode()]))
    (tmp_path / "2.jsonl").write_bytes(b"\n".join(map(line_of, second)))
    reports = []
    for engines in ((False, False), (True, True), (True, False), (False, True)):
        for log, is_kernel in zip(("1.jsonl", "2.jsonl"), engines, strict=True):
            load = ("--load-state", "state.json") if log == "2.jsonl" else ()
            with monkeypatch.context() as patch:
                patch.setattr(USED, partial(replay_by_kernel, smallest=0 if is_kernel else SMALLEST))
                done = within("replay", log, "--save-state", "state.json", *load, "--format", "json", cwd=tmp_path)
            reports.append((done.code, done.report))
    assert reports[0::2] == [reports[0]] * 4
    assert reports[1::2] == [reports[1]] * 4
    assert reports[0][1]["state_digest"] != reports[1][1]["state_digest"]
    assert [reports[0][0], reports[1][1]["repeated"]["not_compared"] + reports[1][1]["repeated"]["compared"]] == [15, 1]


def test_a_state_is_written_and_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many accounts few are in memory at once, and the file is as without the kernel."""
    names, alive = [f"a{number}" for number in range(40)], list[int]()
    first = [each for one in zip(*map(life, names), strict=True) for each in one]
    later = [generate(name, "2026-07-17T09:00:00Z", job, 1) for name in names[::3] for job in ("j1", "j2")]
    monkeypatch.setattr(lines, "KeptJournal", partial(KeptJournal, span=8))
    for name, value in (("_FINER", 4), ("_IN_MEMORY", 300), ("_PIECE", 0), ("_MOST", 2_000)):
        monkeypatch.setattr(kept_journal, name, value)
    monkeypatch.setattr(snapshot, "_BLOCK", 1 << 10)

    def of_accounts() -> int:
        return sum(isinstance(found, Account) for found in gc.get_objects())

    def counted(accounts: Iterable[tuple[str, Account]]) -> Iterator[tuple[str, Account]]:
        gc.collect()
        alive.append(of_accounts())
        for each in accounts:
            if each[0] == names[-1]:
                alive.append(of_accounts())
            yield each

    for day, records in enumerate((first, [{**each, "id": each["job"]} for each in later])):
        log, before = tmp_path / f"{day}.jsonl", None
        log.write_bytes(b"\n".join(map(line_of, records)))
        load = ("--load-state", "0.oracle") if day else ()
        assert within("replay", log, *load, "--save-state", f"{day}.oracle", cwd=tmp_path).code == 0
        with ExitStack() as opened, (tmp_path / f"{day}.kernel").open("wb") as end:
            if day:
                before = SavedState(opened.enter_context((tmp_path / "0.kernel").open("rb")), "0.kernel").accounts
            keep = partial(lambda end, accounts: write_state(end, Oracle(), counted(accounts)), end)
            logs = Logs([str(log)])
            assert replay_by_kernel(logs, Oracle(), smallest=0, keeps_state=True, before=before, keep=keep) is not None
        assert (tmp_path / f"{day}.kernel").read_bytes() == (tmp_path / f"{day}.oracle").read_bytes()
    first_before, first_after, later_before, later_after = alive
    assert max(first_after - first_before, later_after - later_before) < 10


def test_a_state_at_the_end_is_there_when_all_else_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is stopped while it looks for what explains a divergence leaves the old state, and loses no verdict."""
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(faulty()))
    (tmp_path / "state.json").write_bytes(b"as it was")
    monkeypatch.setattr(USED, partial(replay_by_kernel, smallest=0))
    monkeypatch.setattr("tokenspec.oracle.command.verbs.replay.explain", lambda *_: 1 // 0)
    assert within("replay", "log.jsonl", "--save-state", "state.json", cwd=tmp_path).code == 70
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*state*")} == {"state.json": b"as it was"}


def test_a_few_lines_behind_a_large_state_do_not_need_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "1.jsonl").write_bytes(b"\n".join(map(line_of, life("ada") + life("ben"))))
    (tmp_path / "2.jsonl").write_bytes(
        line_of(generate("ben", "2026-07-17T09:00:00Z", "j2", 24, observed={"outcome": "accepted"}))
    )
    assert within("replay", "1.jsonl", "--save-state", "state.json", cwd=tmp_path).code == 0
    monkeypatch.setattr(run, "_MANY", 2)
    monkeypatch.setattr("tokenspec.oracle.command.verbs.replay.replay", lambda *_: 1 // 0)
    state = (tmp_path / "state.json").read_bytes()
    done = within("replay", "2.jsonl", "--load-state", "state.json", "--format", "json", cwd=tmp_path)
    assert (done.code, done.report["compared"], done.report["accounts"]) == (0, 1, 2)
    monkeypatch.undo()
    piped = tokenspec("replay", "2.jsonl", "--load-state", "/dev/stdin", "--format", "json", cwd=tmp_path, stdin=state)
    assert (piped.code, piped.report) == (0, done.report)


def test_many_accounts_and_jobs_are_kept_apart(tmp_path: Path) -> None:
    """Every table grows several times, and blocks end within lines."""
    count = 6_000
    lives = b"".join(line_of(each) + b"\n" for each in life("ada"))
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(lives.replace(b'"ada', b'"ada%d' % n).replace(b'"j1', b'"j%d' % n) for n in range(count)))
    kernel = AuditKernel(Logs([str(path)]), Oracle())
    kernel.find_dirty(None)
    assert not kernel.has_dirty
    with path.open("ab") as file:
        again = line_of(life("ada7")[1]).replace(b"2026-07-15T09:01", b"2026-07-17T09:01")
        file.write(again.replace(b'"observed": {', b'"observed": {"duplicate": true, ') + b"\n" + again + b"\n")
    kernel = AuditKernel(Logs([str(path)]), Oracle())
    kernel.find_dirty(None)
    assert kernel.dirty == 0, "the first answer was given again"
    with path.open("ab") as file:
        file.write(again.replace(b'"fast": 25000', b'"fast": 24999') + b"\n")
    kernel = AuditKernel(Logs([str(path)]), Oracle())
    kernel.find_dirty(None)
    assert kernel.dirty == 1, "another answer was given"


REPEATS: list[tuple[Any, bool]] = [
    (None, True), ({}, True), ({"outcome": "accepted"}, True), ({"outcome": "refused"}, False), ({"duplicate": True}, True),
    ({"duplicate": False}, False), ({"delta": 0}, True), ({"delta": 1}, False), ({"reason": "of our own"}, False),
    ({"reason": "account_must_be_new"}, False), ({"balances": {"daily": 150}}, True), ({"balances": {"daily": 149}}, False),
    ({"balances": {"fast": 0}}, False), ({"mode": "tokens"}, False), ({"outcome": "accepted", "balances": {"daily": 150}}, False),
]  # fmt: skip
"""Observations of a repeat of an opening of which the daily balance was observed, and whether the kernel vouches for them."""


@pytest.mark.parametrize("event", ["open_account", "subscribe"])
def test_of_a_repeat_the_kernel_knows_what_was_observed_before_and_what_decided(tmp_path: Path, event: str) -> None:
    """Of the rest it says nothing, and the report is the same."""
    path, asked = tmp_path / "log.jsonl", {"plan": "premium"} if event == "subscribe" else {}
    lines, vouched = [], 0
    for number, (observed, is_known) in enumerate(REPEATS):
        name = f"a{number}"
        first = record(name, "2026-07-15T09:00:00Z", event, id="i", **asked, observed={"balances": {"daily": 150}})
        if event == "subscribe":
            lines.append(opened(name, "2026-07-15T09:00:00Z"))
        again = {**first, "observed": observed}
        lines += [first, {name: value for name, value in again.items() if value is not None}]
        vouched += is_known
    path.write_bytes(b"\n".join(map(line_of, lines)))
    kernel = AuditKernel(Logs([str(path)]), Oracle())
    kernel.find_dirty(None)
    assert len(REPEATS) - kernel.dirty == vouched
    fast = replay_by_kernel(Logs([str(path)]), Oracle(), smallest=0)
    assert fast is not None
    alone = replay(Logs([str(path)]), Oracle())
    assert (fast[0].divergences, fast[0].repeated, fast[0].same) == (alone.divergences, alone.repeated, alone.same)


@pytest.mark.parametrize("resets", ["explicit", "implied"])
def test_what_is_remembered_of_a_job_is_what_the_oracle_remembers(tmp_path: Path, resets: str) -> None:
    """Refunds within the day, behind it, behind month and subscription; of one pool, of several, of large numbers."""
    cost = 25_000
    asked = [
        opened("ada", "2026-07-15T09:00:00Z"),
        record("ada", "2026-07-15T09:01:00Z", "subscribe", plan="premium"),
        record("ada", "2026-07-15T09:01:30Z", "buy_topup", pack="large", quantity=10_000),
        *(generate("ada", f"2026-07-15T09:0{n}:00Z", f"j{n}", price) for n, price in ((2, 30), (3, 100), (4, 80), (5, cost))),
        *(generate("ada", f"2026-07-15T09:1{n}:00Z", f"k{n}", 20_000_000) for n in range(3)),
        record("ada", "2026-07-15T10:00:00Z", "refund", job="j2"),
        record("ada", "2026-07-15T10:00:00Z", "refund", job="j2"),
        record("ada", "2026-07-15T10:01:00Z", "refund", job="k0"),
        record("ada", "2026-07-16T00:00:30Z", "daily_reset"),
        *(record("ada", "2026-07-16T00:01:00Z", "refund", job=job) for job in ("j3", "j4", "none")),
        record("ada", "2026-08-16T00:00:00Z", "renew"),
        *(record("ada", "2026-08-16T00:01:00Z", "refund", job=job) for job in ("j5", "k1")),
        generate("ada", "2026-08-16T00:02:00Z", "k3", cost),
        record("ada", "2026-08-17T00:00:00Z", "cancel"),
        record("ada", "2026-09-16T00:00:00Z", "lapse"),
        *(record("ada", "2026-09-16T00:01:00Z", "refund", job=job) for job in ("k2", "k3", "k3")),
    ]
    oracle, path = Oracle({"refund": "to_source"}, resets=resets), tmp_path / "log.jsonl"
    answered = [{**each, "observed": oracle.apply(each).as_dict()} for each in asked]
    accepted = [each["event"] for each in answered if each["observed"]["outcome"] == "accepted"]
    assert accepted.count("refund") == 8
    path.write_bytes(b"\n".join(map(line_of, answered)))
    kernel = AuditKernel(Logs([str(path)]), Oracle({"refund": "to_source"}, resets=resets))
    kernel.find_dirty(None)
    assert not kernel.has_dirty


def test_facts_of_a_bad_record_are_asked_once(tmp_path: Path) -> None:
    """An odd line of another account stands before it, and is marked in the same call."""
    ada = life("ada")
    wrong = generate("ada", "2026-07-15T09:03:00Z", "j2", 24, action="none", observed={"mode": "sideways"})
    (tmp_path / "log.jsonl").write_bytes(b"\n".join([b'{"account":"ben","x":{}}', *map(line_of, [*ada[:3], wrong, ada[3]])]))
    kernel = AuditKernel(Logs([str(tmp_path / "log.jsonl")]), Oracle())
    kernel.find_dirty(None)
    assert [json.loads(line.content)["account"] for _, line in kernel.numbered()] == ["ben", *["ada"] * 5]


def test_without_the_engine_or_its_memory_the_oracle_judges(tmp_path: Path) -> None:
    """As on a machine that limits the address space of a process."""
    log = tmp_path / "log.jsonl"
    log.write_bytes(b"\n".join(faulty()))
    code = "from tokenspec.oracle import Oracle; from tokenspec.oracle.logs.kernel.run import replay_by_kernel; "
    code += (
        f"from tokenspec.oracle.wire.log_files import Logs; print(replay_by_kernel(Logs([{str(log)!r}]), Oracle(), smallest=0))"
    )
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30)); "
    missing = "import sys; sys.modules['wasmtime'] = None; "
    for first in (limit, missing):
        done = finished((sys.executable, "-c", first + code))
        assert (done.code, done.out) == (0, "None\n")
