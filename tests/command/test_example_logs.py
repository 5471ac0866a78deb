"""The shipped logs hold, and one changed digit is found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command.conftest import EXAMPLES, Record, read_lines, tokenspec, write_log
from tokenspec.spec.words import POOLS

LOGS = sorted(EXAMPLES.glob("*.jsonl"))
CLAUSE = re.compile(r"\b[FA]\d\d: \S")


def changed_digit(number: int, position: int) -> int:
    """`number` with one digit changed; it never becomes a leading zero."""
    digits = list(str(number))
    at = position % len(digits)
    digits[at] = str(int(digits[at]) % 9 + 1)
    return int("".join(digits))


def changed(records: list[Record], line: int, pool: str) -> list[Record]:
    """A copy in which the balance of `pool` that was observed on `line` has one digit changed."""
    copy: list[Record] = json.loads(json.dumps(records))
    balances = copy[line - 1]["observed"]["balances"]
    balances[pool] = changed_digit(balances[pool], line)
    return copy


def test_there_are_shipped_logs() -> None:
    assert len(LOGS) >= 10


def test_every_shipped_log_holds() -> None:
    done = tokenspec("replay", *LOGS)
    number = sum(len(read_lines(log)) for log in LOGS)
    assert (done.code, done.err) == (0, "")
    assert f"{number} records" in done.out
    assert f"{number} compared" in done.out
    assert done.out.endswith("conforms\n")


def log_of(pool: str, number: int) -> Path:
    """The log of that number among those in which a balance of `pool` was observed."""
    found = [log for log in LOGS if any(pool in r["observed"].get("balances", {}) for r in read_lines(log))]
    return found[number % len(found)]


@pytest.mark.parametrize(
    ("log", "pool"), [(log_of(pool, 3 * n + 1), pool) for n, pool in enumerate(POOLS)], ids=lambda v: getattr(v, "stem", v)
)
def test_a_changed_digit_of_a_balance_exits_15_and_names_the_place_and_the_clause(log: Path, pool: str, tmp_path: Path) -> None:
    records = read_lines(log)
    line = max(number for number, r in enumerate(records, 1) if pool in r["observed"].get("balances", {}))
    write_log(tmp_path / log.name, changed(records, line, pool))
    done = tokenspec("replay", log.name, cwd=tmp_path)
    assert (done.code, done.err) == (15, "")
    assert f"{log.name}:{line}: account {records[line - 1]['account']} diverges" in done.out
    assert f"balances.{pool}  expected {records[line - 1]['observed']['balances'][pool]}, observed" in done.out
    assert CLAUSE.search(done.out)
    assert "1 divergent account" in done.out
    assert done.out.endswith("diverges\n")


def every_change(log: Path) -> Iterator[tuple[list[Record], str, Any, Any]]:
    """The records of an account up to one balance with a changed digit; the pool; the right balance; the changed one."""
    records = read_lines(log)
    for line, target in enumerate(records, 1):
        for pool, right in target["observed"].get("balances", {}).items():
            upto = [r for r in changed(records, line, pool)[:line] if r["account"] == target["account"]]
            yield upto, pool, right, upto[-1]["observed"]["balances"][pool]


@pytest.mark.slow
def test_every_changed_digit_of_every_balance_of_every_log_is_found(tmp_path: Path) -> None:
    wrong: list[Record] = []
    expected: list[Any] = []
    line = 0
    for log in LOGS:
        for records, pool, right, got in every_change(log):
            account = f"account {len(expected)}"
            wrong += [{**r, "account": account} for r in records]
            line += len(records)
            expected.append((line, account, f"balances.{pool}", right, got))
    write_log(tmp_path / "wrong.jsonl", wrong)
    done = tokenspec("replay", "wrong.jsonl", "--format", "json", cwd=tmp_path)
    found = done.report["divergences"]
    keys = ("line", "account", "field", "expected", "got")
    assert done.code == 15
    assert [tuple(d[k] for k in keys) for d in found] == expected
    assert [d["account"] for d in found if not d["clauses"]] == []


def test_a_divergence_does_not_hide_the_next_one(tmp_path: Path) -> None:
    records = changed(changed(read_lines(LOGS[0]), 3, "daily"), 9, "daily")
    write_log(tmp_path / "two.jsonl", records)
    found = tokenspec("replay", "two.jsonl", "--format", "json", cwd=tmp_path).report["divergences"]
    assert [d["line"] for d in found][:2] == [3, 9]


def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", changed(read_lines(LOGS[3]), 9, "fast"))
    runs = [
        tokenspec("replay", "log.jsonl", LOGS[0], "--format", "json", cwd=tmp_path, settings={"PYTHONHASHSEED": seed})
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert runs[0].code == 15
