"""Short fuzzing runs: the same bytes for the same seed, and no exit 0 for a run that met too little."""

from __future__ import annotations

import re

import pytest

from command.conftest import EXAMPLES, Finished, tokenspec

KEYS = {"digest", "version", "seed", "policy", "fixed"}
KEYS |= {"verdict", "examples", "steps", "seconds", "coverage", "counterexample"}


def timeless(done: Finished) -> Finished:
    """Without seconds."""
    return Finished(done.code, re.sub(r'"seconds": [0-9.]+', "", done.out), done.err)


@pytest.fixture(scope="module")
def run() -> Finished:
    return tokenspec("fuzz", "--examples", "5", "--seed", "3", "--format", "json", settings={"PYTHONHASHSEED": "1"})


def test_the_same_seed_gives_the_same_bytes(run: Finished) -> None:
    again = tokenspec("fuzz", "--examples", "5", "--seed", "3", "--format", "json", settings={"PYTHONHASHSEED": "2"})
    assert timeless(again) == timeless(run)


def test_a_fuzz_report_has_the_keys_of_the_contract(run: Finished) -> None:
    assert run.err == ""
    assert run.report.keys() >= KEYS
    assert run.report["seed"] == 3


def test_a_run_that_met_too_little_fails_the_coverage_gate(run: Finished) -> None:
    unmet = [row for row in run.report["coverage"] if row["hits"] == 0]
    expected = (16, "no_verdict") if unmet else (0, "conforms")
    assert (run.code, run.report["verdict"]) == expected


def test_a_fixed_policy_does_not_open_the_coverage_gate() -> None:
    done = tokenspec("fuzz", "--examples", "1", "--steps", "1", "--policy", "refund=none", "--format", "json")
    assert (done.code, done.report["verdict"]) == (16, "no_verdict")


def test_a_catalogue_of_ones_own_can_be_fuzzed() -> None:
    done = tokenspec("fuzz", "--examples", "1", "--steps", "5", "--catalogue", EXAMPLES / "catalogue.toml")
    assert done.err == ""
    assert done.code == 16
