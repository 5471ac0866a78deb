"""`tokenspec replay --policy infer`: the report of a replay, under every setting that is still possible."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from command.conftest import Record, divergent, generate, record, write_log
from command.test_reports import DEFAULTS, subscriber, told
from sut.calling import call

KEYS = {"digest", "version", "policy", "fixed", "records", "accounts", "bad_records", "divergences", "policies", "verdict"}


@pytest.mark.parametrize(
    ("policy", "answer"),
    [("refund", "none"), ("upgrade_grant", "full"), ("month_end", "stay_clamped"), ("renewal_time", "start_of_day")],
)
def test_a_log_of_another_setting_conforms_under_it(policy: str, answer: str, tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", told(policy, answer))
    assert call("replay", tmp_path / "log.jsonl").code == 15
    done = call("replay", tmp_path / "log.jsonl", "--policy", "infer", "--format", "json")
    assert (done.code, done.err, done.report["verdict"], done.report["divergences"]) == (0, "", "conforms", [])
    assert done.report.keys() >= KEYS
    assert done.report["policies"][policy] == [answer]
    assert done.report["policy"] == {**DEFAULTS, policy: answer}
    text = call("replay", tmp_path / "log.jsonl", "--policy", "infer", "-q")
    assert text.out.startswith(f"conforms under {policy}={answer}; undetermined: ")


def test_a_wallet_that_renews_at_the_start_of_the_day_conforms_under_that_answer(tmp_path: Path) -> None:
    """The article: on the day of the anniversary, whatever the hour of subscribing (A04)."""
    at, before = "2026-07-14T18:00:00Z", "2026-08-13T23:59:59Z"
    paid = {**generate("a1", "2026-07-14T18:05:00Z", "j1", 250), "observed": {"balances": {"daily": 0, "fast": 8_400}}}
    early = {**record("a1", before, "renew"), "observed": {"outcome": "refused", "reason": "renewal_must_be_due"}}
    renewed = {"outcome": "accepted", "balances": {"fast": 8_500, "rollover": 8_400}, "next_renewal_at": "2026-09-14T00:00:00Z"}
    on_time = {**record("a1", "2026-08-14T00:05:00Z", "renew"), "observed": renewed}
    log = tmp_path / "log.jsonl"
    write_log(log, [record("a1", at, "open_account"), record("a1", at, "subscribe", plan="essential"), paid, early, on_time])
    plain = call("replay", log, "--format", "json")
    assert plain.code == 15
    first = plain.report["divergences"][0]
    assert (first["field"], first["explained_by"]) == ("outcome", [{"policy": "renewal_time", "answer": "start_of_day"}])
    assert call("replay", log, "--policy", "renewal_time=start_of_day").code == 0
    found = call("infer", log, "--format", "json")
    assert (found.code, found.report["policies"]["renewal_time"]) == (0, ["start_of_day"])
    told_why = call("explain", log, "--account", "a1", "--policy", "renewal_time=start_of_day", "--at", "2026-08-14T00:01:00Z")
    assert "2026-08-14T00:00:00Z" in told_why.out


def observed(written: Record, **seen: Any) -> Record:
    return {**written, "observed": seen}


def supplement() -> list[Record]:
    """A subscriber gets the day's tokens at each reset, whatever is left (A01, A17)."""
    return [
        *subscriber("a", "premium", "2026-07-15T09:00:00Z"),
        generate("a", "2026-07-15T09:05:00Z", "j1", 100),
        observed(record("a", "2026-07-16T00:10:00Z", "daily_reset"), balances={"daily": 150, "fast": 25_000}),
        record("a", "2026-07-16T10:00:00Z", "buy_topup", pack="small", quantity=1),
        observed(generate("a", "2026-07-16T10:05:00Z", "j2", 100), balances={"daily": 50, "fast": 25_000}),
        observed(record("a", "2026-07-17T00:10:00Z", "daily_reset"), balances={"daily": 150, "fast": 25_000, "topup": 1_000}),
    ]


def unpaid_and_active() -> list[Record]:
    """A subscription whose payment failed counts as active for spending, unlimited generation and packs."""
    return [
        *subscriber("a", "premium", "2026-07-15T09:00:00Z"),
        record("a", "2026-08-15T09:00:00Z", "payment_failed"),
        observed(generate("a", "2026-08-15T09:05:00Z", "j1", 25_150), outcome="accepted", balances={"daily": 0, "fast": 0}),
        observed(generate("a", "2026-08-15T09:10:00Z", "j2", 5), outcome="accepted", mode="relaxed"),
        observed(
            record("a", "2026-08-15T09:15:00Z", "buy_topup", pack="small", quantity=1),
            outcome="accepted",
            balances={"topup": 1_000},
        ),
    ]


def downgraded_within_the_cycle() -> list[Record]:
    """A lower plan begins at once (A09)."""
    lower = record("a", "2026-08-01T00:00:00Z", "downgrade", plan="essential")
    return [*subscriber("a", "premium", "2026-07-15T09:00:00Z"), observed(lower, plan="essential", balances={"fast": 8_500})]


@pytest.mark.parametrize(
    ("story", "policy", "answer"),
    [
        (supplement, "paid_daily_guard", "always"),
        (unpaid_and_active, "past_due_spending", "as_active"),
        (downgraded_within_the_cycle, "downgrade_timing", "at_once"),
    ],
)
def test_a_reading_that_the_documents_suggest_conforms_under_one_setting(
    story: Callable[[], list[Record]], policy: str, answer: str, tmp_path: Path
) -> None:
    write_log(tmp_path / "log.jsonl", story())
    assert call("replay", tmp_path / "log.jsonl").code == 15
    done = call("replay", tmp_path / "log.jsonl", "--policy", "infer", "--format", "json")
    assert (done.code, done.report["verdict"]) == (0, "conforms")
    assert (done.report["policies"][policy], done.report["policy"]) == ([answer], {**DEFAULTS, policy: answer})


def test_known_settings_are_not_open(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", told("refund", "none"))
    command = ("replay", tmp_path / "log.jsonl", "--policy", "infer", "--policy", "refund=to_source", "--format", "json")
    report = call(*command).report
    assert (report["verdict"], report["fixed"]) == ("diverges", {"refund": "to_source"})


def test_what_no_setting_explains_is_one_divergence_with_what_each_came_to(tmp_path: Path) -> None:
    *before, last = told("upgrade_grant", "full")
    records = [*before, {**last, "observed": {"balances": {"fast": 1}}}, divergent("bea")]
    write_log(tmp_path / "log.jsonl", records)
    done = call("replay", tmp_path / "log.jsonl", "--policy", "infer", "--format", "json")
    assert (done.code, done.report["verdict"]) == (15, "diverges")
    (divergence,) = done.report["divergences"]
    assert (divergence["line"], divergence["field"], divergence["got"]) == (len(before) + 1, "balances.fast", 1)
    assert (divergence["explained"], divergence["explained_by"]) == (True, [])
    assert {tuple(way["policies"]["upgrade_grant"]) for way in divergence["came_to"]} == {
        ("difference",),
        ("full",),
        ("next_renewal",),
    }
    lines = call("replay", tmp_path / "log.jsonl", "--policy", "infer", "--format", "jsonl").out.splitlines()
    assert [next(iter(json.loads(line))) for line in lines] == ["divergence", "summary"]
    assert json.loads(lines[0])["divergence"] == divergence


@pytest.mark.parametrize("option", ["--answers", "--save-state"])
def test_what_needs_one_setting_is_wrong_usage(option: str, tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", told("refund", "none"))
    done = call("replay", tmp_path / "log.jsonl", "--policy", "infer", option, tmp_path / "out")
    assert (done.code, (tmp_path / "out").exists()) == (64, False)
    assert "--policy infer" in done.err


def test_nothing_observed_is_no_verdict(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [{k: v for k, v in r.items() if k != "observed"} for r in told("refund", "none")])
    done = call("replay", tmp_path / "log.jsonl", "--policy", "infer", "--format", "json")
    assert (done.code, done.report["verdict"]) == (20, "no_verdict")
