"""`tokenspec infer`: the answers that a log leaves open, what ruled out the others, and what nothing explains."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from command.conftest import EXAMPLES, SETTINGS, Record, divergent, generate, opened, record, tokenspec, within, write_log
from command.test_reports import DEFAULTS, SCENES, month, subscriber, told
from tokenspec.oracle.logs.infer import infer
from tokenspec.oracle.wire.log_files import Logs
from tokenspec.spec.catalogue import DEFAULT

LOGS = sorted(EXAMPLES.glob("*.jsonl"))
KEYS = {"digest", "version", "policy", "fixed", "records", "accounts", "bad_records", "policies", "ruled_out", "unexplained"}


def inferred(folder: Path, records: list[Record], *options: str, code: int = 0) -> Any:
    write_log(folder / "log.jsonl", records)
    done = within("infer", "log.jsonl", "--format", "json", *options, cwd=folder)
    assert (done.code, done.err) == (code, "")
    return done.report


@pytest.mark.parametrize(("policy", "answer"), list(SCENES))
def test_what_a_setting_answered_keeps_it_and_rules_the_others_out(policy: str, answer: str, tmp_path: Path) -> None:
    records = told(policy, answer)
    found = infer(Logs([str(write_log(tmp_path / "log.jsonl", records))]), {}, DEFAULT, "explicit")
    assert found.policies[policy] == [answer]
    out = [r for r in found.ruled_out if r.policy == policy]
    assert DEFAULTS[policy] in [r.answer for r in out]
    assert {r.by.number for r in out} == {len(records)}


def test_the_shipped_logs_leave_the_defaults_alone() -> None:
    done = within("infer", *LOGS, "--format", "json")
    assert (done.code, done.err) == (0, "")
    # No plan of the shipped catalogue includes API tokens, and on nothing else does this policy turn.
    alone = {name: [choice] for name, choice in DEFAULTS.items()} | {"api_renewal": ["adds", "refills"]}
    assert done.report["policies"] == alone
    assert (done.report["settings"], done.report["unexplained"], done.report["policy"]) == (2, None, DEFAULTS)


@pytest.mark.parametrize(("answer", "api"), [("adds", 700), ("refills", 500)])
def test_api_renewal_is_found_where_a_plan_includes_api_tokens(answer: str, api: int, tmp_path: Path) -> None:
    plans = {**DEFAULT.plans, "essential": DEFAULT.plans["essential"] | {"api": 500}}
    spent = record("a", month(1), "api_generate", job="j", cost=300)
    renewed = record("a", month(2), "renew", observed={"balances": {"api": api}})
    log = write_log(tmp_path / "log.jsonl", [*subscriber("a"), spent, renewed])
    found = infer(Logs([str(log)]), {}, DEFAULT.but(plans=plans), "explicit")
    assert found.policies["api_renewal"] == [answer]


def test_a_report_has_the_keys_of_the_contract(tmp_path: Path) -> None:
    report = inferred(tmp_path, told("refund", "none"))
    assert report.keys() >= KEYS
    assert {frozenset(r) for r in report["ruled_out"]} == {frozenset({"policy", "answer", "file", "line"})}
    assert list(report["policies"]) == list(DEFAULTS)


def test_what_no_record_turns_on_stays_open_and_is_named(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", told("refund", "none"))
    done = within("infer", "log.jsonl", cwd=tmp_path)
    verdict = done.out.splitlines()[-1]
    assert verdict.startswith("conforms under refund=none; undetermined: ")
    assert "month_end (return_to_day or stay_clamped)" in verdict
    assert " refund (" not in verdict
    assert "to_source (log.jsonl:4)" in done.out


def test_policies_that_hang_together_are_said_to(tmp_path: Path) -> None:
    # A subscriber's daily tokens after a reset: kept, or topped up by the guard to the letter; not what expires alone.
    records = [*subscriber("ada"), record("ada", "2026-01-11T00:00:00Z", "daily_reset", observed={"balances": {"daily": 150}})]
    report = inferred(tmp_path, records, "--policy", "daily_reset_clock=utc_time_of_day")
    assert report["policies"]["paid_daily_guard"] == ["out_of_tokens", "bank_and_topup_empty", "always"]
    assert report["policies"]["paid_daily_leftover"] == ["expires", "kept"]
    assert report["settings"] * 6 == SETTINGS // 2 * 5
    quiet = within("infer", "log.jsonl", "-q", "--policy", "daily_reset_clock=utc_time_of_day", cwd=tmp_path)
    assert quiet.out.endswith(f"; of their {SETTINGS // 2} combinations, {SETTINGS // 12 * 5} are possible\n")


def test_one_implementation_wrote_all_accounts(tmp_path: Path) -> None:
    one, other = told("refund", "none"), [*subscriber("bea"), generate("bea", month(1), "j", 10)]
    other.append(record("bea", month(1), "refund", job="j", observed={"outcome": "accepted"}))
    report = inferred(tmp_path, one + other, code=15)
    assert (report["unexplained"]["line"], report["unexplained"]["account"]) == (len(one + other), "bea")
    assert inferred(tmp_path, other)["policies"]["refund"] == ["to_source"]


def test_what_nothing_explains_is_shown_with_what_each_setting_came_to(tmp_path: Path) -> None:
    *before, last = told("upgrade_grant", "full")
    records = [*before, {**last, "observed": {"balances": {"fast": 1}}}, divergent("bea")]
    report = inferred(tmp_path, records, code=15)
    found = report["unexplained"]
    assert (found["file"], found["line"], found["event"]) == ("log.jsonl", len(before) + 1, "upgrade")
    assert set(report["policies"]) == set(DEFAULTS)
    assert [answers for answers in report["policies"].values() if answers] == []
    ways = {tuple(c["policies"]["upgrade_grant"]): c["fields"][0] for c in found["came_to"]}
    assert set(ways) == {("difference",), ("full",), ("next_renewal",)}
    assert ways["full",] == {"field": "balances.fast", "expected": 25_000, "got": 1}
    text = within("infer", "log.jsonl", cwd=tmp_path)
    assert text.code == 15
    assert f"log.jsonl:{len(before) + 1}: no setting explains account a6 at upgrade" in text.out
    assert text.out.endswith(f"diverges: no setting explains log.jsonl:{len(before) + 1}\n")


def test_a_known_setting_is_given_and_not_inferred(tmp_path: Path) -> None:
    report = inferred(tmp_path, told("refund", "none"), "--policy", "month_end=stay_clamped")
    assert report["fixed"] == {"month_end": "stay_clamped"}
    assert report["policies"]["month_end"] == ["stay_clamped"]
    assert {r["policy"] for r in report["ruled_out"]} == {"refund"}
    assert report["policy"] == {**DEFAULTS, "refund": "none", "month_end": "stay_clamped"}
    assert inferred(tmp_path, told("refund", "none"), "--policy", "refund=to_source", code=15)["unexplained"]["line"] == 4


def test_where_nothing_is_observed_there_is_no_verdict(tmp_path: Path) -> None:
    report = inferred(tmp_path, subscriber("ada"), code=20)
    assert report["settings"] == SETTINGS
    write_log(tmp_path / "other.jsonl", [opened(observed={"balances": {}, "status": None})])
    done = within("infer", "other.jsonl", cwd=tmp_path)
    assert (done.code, done.err) == (20, "")
    assert done.out.endswith("no verdict: no record says what was observed\n")


def test_bad_records_are_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    first = opened(observed={"outcome": "accepted"})
    bad = {"account": "ada", "at": "2026-07-15T08:00:00Z", "event": "cancel"}
    report = inferred(tmp_path, [first, bad, {**bad, "at": "soon"}, divergent("bea"), bad], code=15)
    assert [b["line"] for b in report["bad_records"]] == [2, 3, 5]
    assert inferred(tmp_path, [first, bad], code=65)["compared"] == 1
    assert inferred(tmp_path, [{"account": "ada"}], code=65)["records"] == 1


def test_no_record_is_no_verdict_and_a_missing_file_exits_66(tmp_path: Path) -> None:
    assert within("infer", "nowhere.jsonl", cwd=tmp_path).code == 66
    assert tokenspec("infer", "-", stdin=b"").code == 65
    assert within("infer", "-", "--policy", "refund=maybe").code == 64


def test_standard_input_is_read_as_well(tmp_path: Path) -> None:
    lines = "".join(json.dumps(r) + "\n" for r in told("refund", "none")).encode()
    done = tokenspec("infer", "-", "--format", "json", stdin=lines)
    assert (done.code, done.report["policies"]["refund"]) == (0, ["none"])


def test_implied_jobs_and_a_catalogue_are_those_of_replay(tmp_path: Path) -> None:
    records = [*subscriber("ada", at="2026-01-31T09:00:00Z")]
    records.append(generate("ada", "2026-04-01T09:00:00Z", "j", 1, observed={"next_renewal_at": "2026-04-28T09:00:00Z"}))
    report = inferred(tmp_path, records, "--resets", "implied")
    assert report["policies"]["month_end"] == ["stay_clamped"]
    assert within("infer", "log.jsonl", "--catalogue", "none.toml", cwd=tmp_path).code == 66


@pytest.mark.slow
def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [*told("upgrade_grant", "full"), divergent()])
    runs = [
        tokenspec("infer", "log.jsonl", "--format", form, cwd=tmp_path, settings={"PYTHONHASHSEED": seed})
        for form in ("json", "text")
        for seed in ("1", "2")
    ]
    assert (runs[0], runs[2]) == (runs[1], runs[3])
