"""What `replay` reports as JSON, and under which policies a divergent log is right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from command.conftest import Record, divergent, generate, opened, record, tokenspec, write_log

DEFAULTS = {
    "burn_order": "fast_rollover_topup",
    "daily_position": "first",
    "daily_reset_clock": "utc_time_of_day",
    "paid_daily_guard": "out_of_tokens",
    "paid_daily_leftover": "expires",
    "upgrade_grant": "difference",
    "downgrade_bank": "truncate",
    "lapse_bank": "destroyed",
    "month_end": "return_to_day",
    "missed_renewals": "each",
    "refund": "to_source",
    "stranded_remainder": "refuse",
    "past_due_spending": "frozen",
    "renewal_time": "same_instant",
    "downgrade_timing": "at_renewal",
    "api_renewal": "adds",
    "api_refund": "none",
    "repeated_id": "first_answer",
    "refused_id": "kept",
}
REPORT_KEYS = {"digest", "version", "policy", "fixed", "records", "accounts", "bad_records", "divergences"}
DIVERGENCE_KEYS = {"file", "line", "account", "field", "expected", "got", "clauses", "explained_by"}
BAD_RECORD_KEYS = {"file", "line", "offset", "field", "rule"}


NEXT_DAY = "2026-01-11T09:00:00Z"


def month(number: int) -> str:
    return f"2026-{number:02}-10T09:00:00Z"


def subscriber(account: str, plan: str = "essential", at: str = "2026-01-10T09:00:00Z") -> list[Record]:
    return [opened(account, at), record(account, at, "subscribe", plan=plan)]


def renewals(account: str, *months: int) -> list[Record]:
    return [record(account, month(number), "renew") for number in months]


def two_days(account: str) -> list[Record]:
    """The first day's reset finds fast tokens alone, the second's a pack too; between them 200 are spent."""
    first = [*subscriber(account), generate(account, month(1), "j", 150), record(account, NEXT_DAY, "daily_reset")]
    pack = record(account, NEXT_DAY, "buy_topup", pack="small", quantity=1)
    return [*first, generate(account, NEXT_DAY, "k", 350), pack, record(account, "2026-01-12T09:00:00Z", "daily_reset")]


def unpaid(account: str) -> list[Record]:
    """A payment fails; then 200 tokens are spent, and a pack is wanted."""
    at = month(2)
    failed = [*subscriber(account), record(account, at, "payment_failed"), generate(account, at, "j", 200)]
    return [*failed, record(account, at, "buy_topup", pack="small", quantity=1)]


SCENES: dict[tuple[str, str], tuple[list[Record], Record]] = {
    ("burn_order", "rollover_fast_topup"): (
        [*subscriber("a1"), *renewals("a1", 2), generate("a1", month(2), "j", 200)],
        {"balances": {"daily": 0, "fast": 8_500, "rollover": 8_450}},
    ),
    ("daily_position", "last"): ([*subscriber("a2"), generate("a2", month(1), "j", 200)], {"charge": {"daily": 0, "fast": 200}}),
    ("daily_reset_clock", "every_24h_from_opening"): ([opened("a3", month(1))], {"next_daily_reset_at": "2026-01-11T09:00:00Z"}),
    ("paid_daily_guard", "bank_and_topup_empty"): (two_days("a4"), {"balances": {"daily": 0, "fast": 8_300}}),
    ("paid_daily_guard", "always"): (two_days("a15"), {"balances": {"daily": 150, "fast": 8_300}}),
    ("paid_daily_leftover", "kept"): (
        [*subscriber("a5"), generate("a5", month(1), "j", 10), record("a5", NEXT_DAY, "daily_reset")],
        {"balances": {"daily": 140, "fast": 8_500}},
    ),
    ("upgrade_grant", "full"): (
        [*subscriber("a6"), generate("a6", month(1), "j", 1_150), record("a6", month(1), "upgrade", plan="premium")],
        {"balances": {"fast": 25_000}},
    ),
    ("upgrade_grant", "next_renewal"): (
        [*subscriber("a7"), record("a7", month(1), "upgrade", plan="premium")],
        {"balances": {"fast": 8_500}},
    ),
    ("downgrade_bank", "keep"): (
        [
            *subscriber("a8", "premium"),
            *renewals("a8", 2, 3),
            record("a8", month(3), "downgrade", plan="essential"),
            *renewals("a8", 4),
        ],
        {"balances": {"fast": 8_500, "rollover": 50_000}},
    ),
    ("lapse_bank", "frozen"): (
        [*subscriber("a9"), *renewals("a9", 2), record("a9", month(2), "cancel"), *renewals("a9", 3)],
        {"status": "free", "balances": {"fast": 0, "rollover": 8_500}},
    ),
    ("month_end", "stay_clamped"): (
        [*subscriber("a10", at="2026-01-31T09:00:00Z"), record("a10", "2026-02-28T09:00:00Z", "renew")],
        {"next_renewal_at": "2026-03-28T09:00:00Z"},
    ),
    ("missed_renewals", "once"): (
        [*subscriber("a11"), *renewals("a11", 3)],
        {"balances": {"rollover": 8_500}, "next_renewal_at": month(4)},
    ),
    ("refund", "none"): (
        [*subscriber("a12"), generate("a12", month(1), "j", 10), record("a12", month(1), "refund", job="j")],
        {"outcome": "refused", "reason": "refunds_must_be_offered"},
    ),
    ("stranded_remainder", "relax"): (
        [*subscriber("a13", "premium"), generate("a13", month(1), "j", 25_100), generate("a13", month(1), "k", 60)],
        {"outcome": "accepted", "mode": "relaxed", "balances": {"fast": 50}},
    ),
    ("stranded_remainder", "drain"): (
        [*subscriber("a16", "premium"), generate("a16", month(1), "j", 25_100), generate("a16", month(1), "k", 60)],
        {"outcome": "accepted", "mode": "relaxed", "charge": {"fast": 50}, "balances": {"fast": 0}},
    ),
    ("past_due_spending", "allowed"): (unpaid("a14"), {"outcome": "refused", "balances": {"daily": 0, "fast": 8_450}}),
    ("past_due_spending", "as_active"): (unpaid("a17"), {"outcome": "accepted", "balances": {"fast": 8_450, "topup": 1_000}}),
    ("renewal_time", "start_of_day"): (
        [*subscriber("a29"), record("a29", "2026-02-10T00:05:00Z", "renew")],
        {"outcome": "accepted", "balances": {"rollover": 8_500}, "next_renewal_at": "2026-03-10T00:00:00Z"},
    ),
    ("downgrade_timing", "at_once"): (
        [*subscriber("a18", "premium"), record("a18", month(1), "downgrade", plan="essential")],
        {"plan": "essential", "balances": {"fast": 8_500}},
    ),
    ("api_refund", "to_source"): (
        [
            opened("a19", month(1)),
            record("a19", month(1), "buy_api", amount=10),
            record("a19", month(1), "api_generate", job="j", cost=4),
            record("a19", month(1), "refund", job="j"),
        ],
        {"outcome": "accepted", "balances": {"api": 10}},
    ),
}
"""By policy and answer: records, and what an implementation with that setting says to the last of them."""


def told(policy: str, answer: str) -> list[Record]:
    *before, last = SCENES[policy, answer][0]
    return [*before, {**last, "observed": SCENES[policy, answer][1]}]


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The divergences, by account, of a log that holds every scene."""
    log = tmp_path_factory.mktemp("policies") / "log.jsonl"
    write_log(log, [r for policy, answer in SCENES for r in told(policy, answer)])
    done = tokenspec("replay", log, "--format", "json")
    assert (done.code, done.err) == (15, "")
    return {d["account"]: d for d in done.report["divergences"]}


@pytest.mark.parametrize(("policy", "answer"), list(SCENES))
def test_a_log_made_under_another_policy_is_explained_by_it(policy: str, answer: str, explained: Any) -> None:
    account = SCENES[policy, answer][0][0]["account"]
    assert explained[account]["explained_by"] == [{"policy": policy, "answer": answer}]


@pytest.mark.parametrize(("policy", "answer"), [("upgrade_grant", "full"), ("refund", "none")])
def test_a_log_conforms_under_the_policy_it_was_made_with(policy: str, answer: str, tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.jsonl", told(policy, answer))
    done = tokenspec("replay", log, "--policy", f"{policy}={answer}")
    assert (done.code, done.err) == (0, "")
    assert "conforms" in done.out


def test_a_default_that_was_set_aside_is_found_as_the_explanation(tmp_path: Path) -> None:
    *before, refund = SCENES["refund", "none"][0]
    log = write_log(tmp_path / "log.jsonl", [*before, {**refund, "observed": {"outcome": "accepted"}}])
    report = tokenspec("replay", log, "--policy", "refund=none", "--format", "json").report
    assert report["policy"] == {**DEFAULTS, "refund": "none"}
    assert report["divergences"][0]["explained_by"] == [{"policy": "refund", "answer": "to_source"}]


def test_settings_of_several_policies_add_up_and_none_alone_explains(tmp_path: Path) -> None:
    options = ("--policy", "refund=none", "--policy", "month_end=stay_clamped", "--format", "json")
    report = tokenspec("replay", write_log(tmp_path / "log.jsonl", [divergent()]), *options).report
    assert report["policy"] == {**DEFAULTS, "refund": "none", "month_end": "stay_clamped"}
    assert report["divergences"][0]["explained_by"] == []


def test_every_divergent_account_of_many_is_explained(tmp_path: Path) -> None:
    records = [{**r, "account": f"account {number}"} for number in range(41) for r in told("upgrade_grant", "next_renewal")]
    done = tokenspec("replay", write_log(tmp_path / "log.jsonl", records), "--format", "json")
    explanations = [d["explained_by"] for d in done.report["divergences"]]
    assert explanations == [[{"policy": "upgrade_grant", "answer": "next_renewal"}]] * 41


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two logs of one world: good records, a bad one, a divergence."""
    folder = tmp_path_factory.mktemp("mixed")
    good = [opened("ada"), record("ada", "2026-07-15T09:01:00Z", "subscribe", plan="premium"), {"account": "ada"}]
    write_log(folder / "one.jsonl", good)
    later = generate("ada", "2026-07-15T09:05:00Z", "j1", 24, observed={"balances": {"daily": 125, "fast": 25_000}})
    write_log(folder / "two.jsonl", [opened("bea"), later])
    return folder


@pytest.fixture(scope="module")
def mixed_report(mixed: Path) -> Any:
    done = tokenspec("replay", "one.jsonl", "two.jsonl", "--format", "json", cwd=mixed)
    assert (done.code, done.err) == (15, "")
    return done.report


def test_a_json_report_has_the_keys_of_the_contract(mixed_report: Any) -> None:
    assert mixed_report.keys() >= REPORT_KEYS
    assert mixed_report["divergences"][0].keys() >= DIVERGENCE_KEYS
    assert mixed_report["bad_records"][0].keys() >= BAD_RECORD_KEYS


def test_a_json_report_counts_records_and_accounts(mixed_report: Any) -> None:
    assert (mixed_report["records"], mixed_report["accounts"]) == (5, 2)


def test_a_json_report_holds_the_policy_and_the_declaration(mixed_report: Any) -> None:
    assert mixed_report["policy"] == DEFAULTS
    assert mixed_report["fixed"] == {}
    assert len(mixed_report["digest"]) == 64


def test_a_divergence_says_where_what_and_which_clauses(mixed_report: Any) -> None:
    (found,) = mixed_report["divergences"]
    assert (found["file"], found["line"], found["account"]) == ("two.jsonl", 2, "ada")
    assert (found["field"], found["expected"], found["got"]) == ("balances.daily", 126, 125)
    assert found["clauses"] != []


def test_a_bad_record_says_where_and_which_rule(mixed_report: Any, mixed: Path) -> None:
    (found,) = mixed_report["bad_records"]
    assert (found["file"], found["line"]) == ("one.jsonl", 3)
    assert (mixed / "one.jsonl").read_bytes()[found["offset"] :] == b'{"account": "ada"}\n'
    assert found["rule"] != ""


def test_several_files_are_one_world_and_the_order_counts(mixed: Path) -> None:
    done = tokenspec("replay", "two.jsonl", "one.jsonl", "--format", "json", cwd=mixed)
    fields = [d["field"] for d in done.report["divergences"]]
    assert fields == ["balances.daily"]
    assert done.report["divergences"][0]["expected"] is None


def test_jsonl_says_the_same_as_json(mixed: Path, mixed_report: Any) -> None:
    done = tokenspec("replay", "one.jsonl", "two.jsonl", "--format", "jsonl", cwd=mixed)
    lines = [json.loads(line) for line in done.out.splitlines()]
    bad = [line["bad_record"] for line in lines if "bad_record" in line]
    divergences = [line["divergence"] for line in lines if "divergence" in line]
    assert done.code == 15
    assert {**lines[-1]["summary"], "bad_records": bad, "divergences": divergences} == mixed_report


@pytest.fixture(scope="module")
def mixed_text(mixed: Path) -> str:
    return tokenspec("replay", "one.jsonl", "two.jsonl", cwd=mixed).out


def test_text_names_file_line_byte_field_and_rule_of_a_bad_record(mixed_text: str, mixed_report: Any) -> None:
    bad = mixed_report["bad_records"][0]
    (line,) = [line for line in mixed_text.splitlines() if line.startswith("one.jsonl:3:")]
    assert f"byte {bad['offset']}" in line
    assert f"{bad['field']}: {bad['rule']}" in line


def test_a_result_goes_to_the_file_that_is_named(mixed: Path, mixed_report: Any, tmp_path: Path) -> None:
    to = tmp_path / "report.json"
    done = tokenspec("replay", "one.jsonl", "two.jsonl", "--format", "json", "-o", to, cwd=mixed)
    assert (done.code, done.out, done.err) == (15, "", "")
    assert json.loads(to.read_bytes()) == mixed_report


def test_quiet_still_exits_15(mixed: Path, mixed_text: str) -> None:
    quiet = tokenspec("replay", "one.jsonl", "two.jsonl", "-q", cwd=mixed)
    assert (quiet.code, quiet.err) == (15, "")
    assert len(quiet.out) < len(mixed_text)


def test_observed_fields_that_nobody_knows_are_no_comparison(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [opened(observed={"balance": 5, "balances": {"dayly": 1}})])
    done = tokenspec("replay", "log.jsonl", cwd=tmp_path)
    assert "conforms" not in done.out
