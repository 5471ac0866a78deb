"""Short fuzzing runs: the same bytes for the same seed, and no exit 0 for a run that met too little."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from catalogues import catalogue as own
from catalogues import plan
from command.conftest import EXAMPLES, Finished, tokenspec
from tokenspec.machine.fuzzing.reachability import closed_off
from tokenspec.machine.lang.catalogue import Figures
from tokenspec.oracle.check.concretize import answered
from tokenspec.oracle.command.verbs.fuzz_save import save_failure
from tokenspec.oracle.fuzz.campaign import run
from tokenspec.oracle.fuzz.worlds import Failure, FuzzWorld
from tokenspec.oracle.report.config import Settings
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS

KEYS = {"digest", "version", "seed", "policy", "fixed"}
KEYS |= {"verdict", "examples", "steps", "seconds", "coverage", "counterexample"}


def timeless(done: Finished) -> Finished:
    """Without seconds."""
    return Finished(done.code, re.sub(r'"seconds": [0-9.]+', "", done.out), done.err)


@pytest.fixture(scope="module")
def short() -> Finished:
    return tokenspec("fuzz", "--examples", "5", "--seed", "3", "--format", "json", settings={"PYTHONHASHSEED": "1"})


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(short: Finished) -> None:
    again = tokenspec("fuzz", "--examples", "5", "--seed", "3", "--format", "json", settings={"PYTHONHASHSEED": "2"})
    assert timeless(again) == timeless(short)


@pytest.mark.slow
def test_a_fuzz_report_has_the_keys_of_the_contract(short: Finished) -> None:
    assert short.err == ""
    assert short.report.keys() >= KEYS
    assert short.report["seed"] == 3


def test_a_run_that_met_too_little_fails_the_coverage_gate(short: Finished) -> None:
    unmet = [row for row in short.report["coverage"] if row["hits"] == 0]
    expected = (16, "no_verdict") if unmet else (0, "conforms")
    assert (short.code, short.report["verdict"]) == expected


@pytest.mark.slow
def test_a_fixed_policy_does_not_open_the_coverage_gate() -> None:
    done = tokenspec("fuzz", "--examples", "1", "--steps", "1", "--policy", "refund=none", "--format", "json")
    assert (done.code, done.report["verdict"]) == (16, "no_verdict")


TWO_PLANS = own(5, 1, {"free": plan(0), "all": plan(10)}, {"box": 3})
WITHOUT_DAYS = TWO_PLANS.but(daily=0)
NO_DAY = {("daily_reset", f"resets_{whom}") for whom in ("free", "empty_subscriber", "nothing")} | {
    ("daily_reset_falls_due", what) for what in ("daily_reset_waits", "refused: account_must_exist")
}
CLOSED = {
    "nothing_fixed": ({}, DEFAULT, set()),
    "no_daily_tokens": ({}, DEFAULT.but(daily=0), NO_DAY),
    "app_refund_alone": ({"refund": "none"}, DEFAULT, {("refund", "refunds")}),
    "refund": ({"refund": "to_source"}, DEFAULT, {("refund", "refused: refunds_must_be_offered")}),
    "no_refund": (
        {"refund": "none", "api_refund": "none"},
        DEFAULT,
        {("refund", "refunds"), ("refund", "refunds_api")}
        | {("refund", f"refused: {code}") for code in ("job_must_have_been_charged", "job_must_not_be_refunded_already")},
    ),
    "two_plans": (
        {},
        TWO_PLANS,
        {
            ("upgrade", "upgrades"),
            ("downgrade", "schedules_downgrade"),
            ("downgrade", "downgrades"),
            ("generate", "generates_relaxed"),
        }
        | {
            ("generate", f"refused: {code}")
            for code in (
                "medium_must_be_relaxed_on_plan",
                "third_party_model_must_be_paid_with_tokens",
                "tokens_must_be_used_up_before_relaxed",
            )
        },
    ),
}


@pytest.mark.parametrize(("policy", "catalogue", "closed"), list(CLOSED.values()), ids=list(CLOSED))
def test_what_fixed_settings_close_off_is_known(policy: Any, catalogue: Figures, closed: Any) -> None:
    assert closed_off(account(catalogue), {**policy, **catalogue.parameters()}) == closed


@pytest.mark.slow
@pytest.mark.parametrize(("policy", "catalogue"), [({"refund": "none"}, None), ({"stranded_remainder": "relax"}, WITHOUT_DAYS)])
def test_what_is_closed_off_is_never_met(policy: Any, catalogue: Figures | None) -> None:
    result = run(8, policy=policy, catalogue=catalogue)
    assert result.failure is None
    assert {(event, what) for event, what, hits in result.coverage.rows() if hits} & result.closed == set()


@pytest.mark.slow
def test_a_quiet_run_prints_its_verdict_alone() -> None:
    done = tokenspec("fuzz", "--examples", "1", "--steps", "1", "-q")
    assert (done.code, done.out, done.err) == (16, "coverage gate failed\n", "")


@pytest.mark.slow
def test_a_catalogue_of_ones_own_can_be_fuzzed() -> None:
    done = tokenspec("fuzz", "--examples", "1", "--steps", "5", "--catalogue", EXAMPLES / "catalogue.toml")
    assert done.err == ""
    assert done.code == 16


def test_a_saved_run_brings_its_catalogue_along(tmp_path: Path) -> None:
    catalogue = own(7, 1, {"free": plan(0), "plus": plan(20)}, {"bag": 3})
    world = FuzzWorld({**DEFAULTS, "refund": "none"}, catalogue, "implied")
    record = {"account": "a", "at": "2027-01-01T09:00:00Z", "event": "open_account"}
    failure = Failure(answered([record], world), world, AssertionError())
    (line,) = save_failure([str(tmp_path / "found.jsonl")], failure, Settings(), [])
    words = shlex.split(line.removeprefix("saved; tokenspec "))
    assert words[2:4] == ["--catalogue", str(tmp_path / "found.toml")]
    done = tokenspec(*words)
    assert (done.code, done.out.splitlines()[-1]) == (0, "conforms")
    assert tokenspec("replay", tmp_path / "found.jsonl", "--resets", "implied").code == 15
    (other,) = save_failure([str(tmp_path / "other.log")], failure, Settings(catalogue_file=str(tmp_path / "found.toml")), [])
    assert f"--catalogue {tmp_path / 'found.toml'}" in other
    assert not (tmp_path / "other.toml").exists()
