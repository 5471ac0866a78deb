"""Rows that come late: sorted within the window, told beyond it, and judged in the order of their instants either way."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command.conftest import EXAMPLES, Record, generate, opened, read_lines, within, write_log
from tokenspec.oracle.base.instants import parse_instant

SPENT = [
    opened("ada", "2026-01-10T09:00:00Z"),
    generate("ada", "2026-01-10T09:00:10Z", "j1", 50, observed={"balances": {"daily": 100}}),
    generate("ada", "2026-01-10T09:00:20Z", "j2", 50, observed={"balances": {"daily": 50}}),
    generate("ada", "2026-01-10T09:00:30Z", "j3", 50, observed={"balances": {"daily": 0}}),
]
SWAPPED = [SPENT[0], SPENT[2], SPENT[3], SPENT[1]]


def report(folder: Path, records: list[Record], *options: str) -> tuple[int, Any]:
    write_log(folder / "log.jsonl", records)
    done = within("replay", "log.jsonl", "--format", "json", *options, cwd=folder)
    assert done.err == ""
    return done.code, done.report


def test_without_a_window_time_goes_back(tmp_path: Path) -> None:
    assert report(tmp_path, SWAPPED)[0] == 15


@pytest.mark.parametrize("seconds", ["20", "20.0", "3600"])
def test_within_the_window_rows_are_sorted(seconds: str, tmp_path: Path) -> None:
    code, found = report(tmp_path, SWAPPED, "--late", seconds)
    assert (code, found["compared"], found["late"]) == (0, 3, [])


@pytest.mark.parametrize("seconds", ["0", "19.999"])
def test_later_rows_are_told_and_their_account_runs_from_its_first_record(seconds: str, tmp_path: Path) -> None:
    code, found = report(tmp_path, SWAPPED, "--late", seconds)
    assert (code, found["compared"], found["bad_records"]) == (0, 3, [])
    assert found["late"] == [{"file": "log.jsonl", "line": 4, "account": "ada", "behind_ms": 20_000}]
    done = within("replay", "log.jsonl", "--late", seconds, cwd=tmp_path)
    assert "1 late row of 1 account" in done.out
    assert "log.jsonl:4: late by 20 s: account ada" in done.out


def test_a_wrong_late_row_is_found_at_its_own_line(tmp_path: Path) -> None:
    wrong = {**SPENT[1], "observed": {"balances": {"daily": 101}}}
    code, found = report(tmp_path, [*SWAPPED[:3], wrong], "--late", "5")
    assert code == 15
    # The account continues from the observation, from which the next in time differs.
    assert [(d["line"], d["expected"], d["got"]) for d in found["divergences"]] == [(4, 100, 101), (2, 51, 50)]
    assert found["divergences"][0]["explained"]


def test_late_rows_are_told_where_settings_are_inferred(tmp_path: Path) -> None:
    code, found = report(tmp_path, SWAPPED, "--late", "0", "--policy", "infer")
    assert (code, len(found["late"])) == (0, 1)


def test_a_log_whose_first_record_speaks_for_all_keeps_its_form_in_any_order(tmp_path: Path) -> None:
    said = [{**SPENT[0], "observed_as": "answer"}, *({**r, "observed": {**r["observed"], "extra": 1}} for r in SPENT[1:])]
    write_log(tmp_path / "x.jsonl", said)
    write_log(tmp_path / "y.jsonl", [opened("bo", "2026-01-09T09:00:00Z")])
    done = within("replay", "x.jsonl", "y.jsonl", "--late", "100", "--format", "json", cwd=tmp_path)
    assert (done.code, done.report["compared"], done.report["bad_records"]) == (0, 3, [])


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "soon"])
def test_what_is_no_length_of_time_is_no_window(seconds: str, tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", SPENT)
    done = within("replay", "log.jsonl", "--late", seconds, cwd=tmp_path)
    assert (done.code, done.out) == (64, "")


def test_answers_have_the_order_of_the_lines_and_so_none_beside_a_window(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", SPENT)
    done = within("replay", "log.jsonl", "--late", "3", "--answers", "a", cwd=tmp_path)
    assert (done.code, done.out) == (64, "")


@pytest.mark.slow
@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), window=st.sampled_from([0, 60, 86_400, 10**9]), shift_s=st.sampled_from([10, 3_600, 10**8]))
def test_whatever_the_order_the_verdict_is_that_of_the_sorted_log(
    seed: int, window: int, shift_s: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, dice = tmp_path_factory.mktemp("late"), random.Random(seed)
    records = [r for log in sorted(EXAMPLES.glob("*.jsonl")) for r in read_lines(log)]
    for r in dice.sample([r for r in records if "balances" in (r.get("observed") or {})], 3):
        r["observed"]["balances"] = {pool: n + 1 for pool, n in r["observed"]["balances"].items()}
    # Records of one instant of an account keep their order, whatever else moves.
    delays = {(r["account"], r["at"]): dice.randint(0, shift_s) * 1000 for r in records}
    mixed = sorted(records, key=lambda r: parse_instant(r["at"]) + delays[r["account"], r["at"]])
    own, found = report(folder, records), report(folder, mixed, "--late", str(window))
    assert found[0] == own[0] == 15

    def told(each: Any) -> list[str]:
        kept = ("account", "field", "expected", "got", "outcome", "explained_by")
        return sorted(json.dumps([d[key] for key in kept]) for d in each["divergences"])

    assert told(found[1]) == told(own[1])
    assert all(found[1][key] == own[1][key] for key in ("records", "compared", "not_compared", "repeated", "bad_records"))
