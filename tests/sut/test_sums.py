"""An implementation with one balance: the sum of the app's pools, and what an event did to it, are observed like any field."""

from __future__ import annotations

from pathlib import Path

import pytest

from sut.calling import HERE, call

SUITE = HERE.parents[1] / "oracle" / "vectors"
INFER = [(), ("--policy", "infer")]


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)


@pytest.mark.slow
@pytest.mark.parametrize("policy", INFER)
def test_one_balance_can_be_observed(policy: tuple[str, ...]) -> None:
    fuzzed = call("fuzz", "--sut", "python:one_balance:Wallet", "--examples", "10", *policy)
    assert (fuzzed.code, "not compared: reason, mode, charge" in fuzzed.out) == (0, True)
    assert "observed, and never held a value" not in fuzzed.out
    assert call("vectors", "run", SUITE, "--sut", "python:one_balance:Wallet", "--slice", "1/12", *policy).code == 0


@pytest.mark.parametrize("policy", INFER)
@pytest.mark.parametrize(("wallet", "field", "events"), [
    ("WrongTotal", "total", ["open_account", "generate", "refund"]),
    ("WrongDelta", "delta", ["open_account", "generate"]),
])  # fmt: skip
def test_a_wrong_sum_is_found_saved_and_found_again(
    wallet: str, field: str, events: list[str], policy: tuple[str, ...], tmp_path: Path
) -> None:
    sut, log, vector = ("--sut", f"python:one_balance:{wallet}"), tmp_path / "found.jsonl", tmp_path / "found.json"
    done = call("fuzz", *sut, "--examples", "60", "--format", "json", "--save", log, "--save", vector, *policy)
    found = done.report["counterexample"]
    assert (done.code, [record["event"] for record in found["records"]]) == (15, events)
    assert field in found["records"][-1]["observed"]
    again = call("replay", log, "--format", "json")
    assert (again.code, again.report["divergences"][0]["field"]) == (15, field)
    assert call("vectors", "add", tmp_path / "own", vector).code == 0
    assert call("vectors", "run", tmp_path / "own", *sut).code == 15
    assert call("vectors", "run", tmp_path / "own", "--sut", "python:one_balance:Wallet").code == 0
