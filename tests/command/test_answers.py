"""Answers, resets that run by themselves, and states that are saved and loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from command.conftest import EXAMPLES, Record, generate, opened, read_lines, record, tokenspec, within, write_log
from tokenspec.spec.words import POOLS

LOGS = sorted(EXAMPLES.glob("*.jsonl"))
STATE_FIELDS = {"status", "plan", "scheduled_plan", "balances", "relaxed", "next_daily_reset_at", "next_renewal_at"}
OWN_FIELDS = {"outcome", "reason", "mode", "charge", "shown_is", "cost", "duplicate"}
QUOTES = [
    record("quinn", "2026-01-01T00:00:00Z", "quote", action="image/quick/512/4"),
    record("quinn", "2026-01-01T00:00:00Z", "quote", action="image"),
]


def stripped(answer: dict[str, Any]) -> dict[str, Any]:
    """Without what equals its absence."""
    return {k: v for k, v in answer.items() if v is not None and (k, v) not in (("charge", {}), ("duplicate", False))}


def answers_to(folder: Path, records: list[Record], *options: str) -> list[Any]:
    write_log(folder / "log.jsonl", records)
    done = within("replay", "log.jsonl", "--answers", "answers.jsonl", *options, cwd=folder)
    assert (done.code, done.err) == (0, "")
    return read_lines(folder / "answers.jsonl")


@pytest.fixture(scope="module")
def example_answers(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Record, Any]]:
    folder = tmp_path_factory.mktemp("answers")
    records = [r for log in LOGS for r in read_lines(log)]
    return list(zip(records, answers_to(folder, records), strict=True))


def test_the_answers_of_the_contract(tmp_path: Path) -> None:
    answers = answers_to(
        tmp_path,
        [
            opened("a1"),
            record("a1", "2026-07-15T09:01:00Z", "subscribe", plan="premium", id="e-2"),
            generate("a1", "2026-07-15T09:05:00Z", "j1", 24),
            generate("a1", "2026-07-15T09:05:00Z", "j2", 30_000, media="video"),
        ],
    )
    state = {
        "status": "active",
        "plan": "premium",
        "balances": {"daily": 126, "fast": 25_000, "rollover": 0, "topup": 0, "api": 0},
        "relaxed": ["image"],
        "next_daily_reset_at": "2026-07-16T00:00:00Z",
        "next_renewal_at": "2026-08-15T09:01:00Z",
    }
    assert stripped(answers[2]) == {"outcome": "accepted", "mode": "tokens", "charge": {"daily": 24}, **state}
    assert stripped(answers[3]) == {"outcome": "refused", "reason": "tokens_must_cover_cost", **state}


def test_an_answer_without_an_account_has_no_state(tmp_path: Path) -> None:
    (answer,) = answers_to(tmp_path, [generate("nobody", JANUARY, "j", 1)])
    assert stripped(answer) == {"outcome": "refused", "reason": "account_must_exist", "balances": {}}


def test_answers_hold_every_field_of_the_contract_and_no_other(example_answers: list[tuple[Record, Any]]) -> None:
    fields = {field for _, answer in example_answers for field in answer} | {"cost"}
    assert fields == STATE_FIELDS | OWN_FIELDS


def test_each_field_stands_where_it_belongs(example_answers: list[tuple[Record, Any]]) -> None:
    allowed = {
        ("accepted", "generate"): {"mode", "charge"},
        ("accepted", "api_generate"): {"charge"},
        ("accepted", "view"): {"shown_is"},
        ("accepted", "quote"): {"cost"},
    }
    for written, answer in example_answers:
        if answer.get("duplicate"):
            continue
        own = stripped(answer).keys() & OWN_FIELDS - {"outcome"}
        expected = {"reason"} if answer["outcome"] == "refused" else allowed.get(("accepted", written["event"]), set())
        assert own <= expected
        assert own | {"charge"} == expected | {"charge"}
        assert set(answer["balances"]) == set(POOLS)


def test_answers_fed_back_as_observed_conform(example_answers: list[tuple[Record, Any]], tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [{**r, "observed": answer} for r, answer in example_answers])
    done = within("replay", "log.jsonl", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert f"{len(example_answers)} compared" in done.out


def test_a_quote_answers_the_listed_price(tmp_path: Path) -> None:
    records = [opened("quinn", "2026-01-01T00:00:00Z"), *QUOTES]
    answers = answers_to(tmp_path, records, "--catalogue", str(EXAMPLES / "catalogue.toml"))
    assert (answers[1]["outcome"], answers[1]["cost"]) == ("accepted", 10)
    assert answers[2]["reason"] == "price_must_be_listed"


def test_answers_can_go_to_standard_output(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [opened()])
    done = tokenspec("replay", "log.jsonl", "--answers", "-", "-o", "report.txt", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out)["outcome"] == "accepted"


JANUARY, FEBRUARY, MARCH = (f"2026-0{month}-10T09:00:00Z" for month in (1, 2, 3))
SUBSCRIBED = [opened("ada", JANUARY), record("ada", JANUARY, "subscribe", plan="essential")]


def test_implied_resets_run_the_instant_they_fall_due(tmp_path: Path) -> None:
    records = [*SUBSCRIBED, record("ada", FEBRUARY, "enable_relaxed")]
    last = answers_to(tmp_path, records, "--resets", "implied")[-1]
    assert last["balances"] == {"daily": 0, "fast": 8_500, "rollover": 8_500, "topup": 0, "api": 0}
    assert (last["next_daily_reset_at"], last["next_renewal_at"]) == ("2026-02-11T00:00:00Z", MARCH)


def test_explicit_resets_wait_for_their_events(tmp_path: Path) -> None:
    last = answers_to(tmp_path, [*SUBSCRIBED, record("ada", FEBRUARY, "enable_relaxed")])[-1]
    assert last["balances"] == {"daily": 150, "fast": 8_500, "rollover": 0, "topup": 0, "api": 0}
    assert (last["next_daily_reset_at"], last["next_renewal_at"]) == ("2026-01-11T00:00:00Z", FEBRUARY)


def test_a_failed_payment_takes_the_place_of_an_implied_renewal(tmp_path: Path) -> None:
    failed = [*SUBSCRIBED, record("ada", FEBRUARY, "payment_failed"), record("ada", MARCH, "enable_relaxed")]
    answers = answers_to(tmp_path, [*failed, record("ada", MARCH, "renew")], "--resets", "implied")
    assert [(a["status"], a["next_renewal_at"]) for a in answers[2:]] == [
        ("past_due", FEBRUARY),
        ("past_due", FEBRUARY),
        ("active", "2026-04-10T09:00:00Z"),
    ]
    assert answers[-1]["balances"]["rollover"] == 17_000


def test_a_saved_state_goes_on_as_one_run_would_have(example_answers: list[tuple[Record, Any]], tmp_path: Path) -> None:
    halves: tuple[list[Record], list[Record]] = ([], [])
    for log in LOGS:
        records = read_lines(log)
        halves[0].extend(records[: len(records) // 2])
        halves[1].extend(records[len(records) // 2 :])
    whole = {json.dumps(r): a for r, a in example_answers}
    first = answers_to(tmp_path, halves[0], "--save-state", "state.json")
    second = answers_to(tmp_path, halves[1], "--load-state", "state.json")
    assert first + second == [whole[json.dumps(r)] for half in halves for r in half]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a state that was saved under other settings, and a log that goes on from it."""
    folder = tmp_path_factory.mktemp("saved")
    options = ("--policy", "refund=none", "--catalogue", str(EXAMPLES / "catalogue.toml"), "--resets", "implied")
    write_log(folder / "one.jsonl", [opened("ada", JANUARY), record("ada", JANUARY, "subscribe", plan="Doodle")])
    done = within("replay", "one.jsonl", "--save-state", "state.json", *options, cwd=folder)
    assert (done.code, done.err) == (0, "")
    observed = {"plan": "sketch", "balances": {"fast": 1}}
    write_log(folder / "two.jsonl", [record("ada", FEBRUARY, "enable_relaxed", observed=observed)])
    return folder


def test_a_saved_state_brings_its_settings_along(saved: Path) -> None:
    done = within("replay", "two.jsonl", "--load-state", "state.json", "--format", "json", cwd=saved)
    (found,) = done.report["divergences"]
    assert done.code == 15
    assert done.report["policy"]["refund"] == "none"
    assert (found["field"], found["expected"]) == ("balances.fast", 2_000)


def test_what_was_not_tried_is_not_said_to_be_in_vain(saved: Path) -> None:
    done = within("replay", "two.jsonl", "--load-state", "state.json", cwd=saved)
    assert done.code == 15
    assert "no other answer" not in done.out


@pytest.mark.parametrize(
    "options",
    [("--policy", "refund=none"), ("--resets", "implied"), ("--catalogue", str(EXAMPLES / "catalogue.toml"))],
    ids=lambda options: options[0],
)
def test_settings_beside_a_saved_state_are_wrong_usage(options: tuple[str, str], saved: Path) -> None:
    done = within("replay", "two.jsonl", "--load-state", "state.json", *options, cwd=saved)
    assert (done.code, done.out) == (64, "")


def test_a_missing_state_exits_66(saved: Path) -> None:
    done = within("replay", "two.jsonl", "--load-state", "missing.json", cwd=saved)
    assert (done.code, done.out) == (66, "")
    assert "missing.json" in done.err


def spoilt(state: bytes) -> dict[str, bytes]:
    whole = json.loads(state)
    (account,) = whole["accounts"].values()
    row = account["row"]

    def changed(**parts: Any) -> bytes:
        return json.dumps({**whole, **parts}).encode()

    def with_account(**parts: Any) -> bytes:
        return changed(accounts={"ada": {**account, **parts}})

    return {
        "empty": b"",
        "a_log": json.dumps(opened()).encode(),
        "very_deep": b"[" * 100_000 + b"]" * 100_000,
        "other_version": changed(version=99),
        "other_declaration": changed(digest="0" * 64),
        "unknown_answer": changed(policy={**whole["policy"], "refund": "maybe"}),
        "short_account": with_account(row=row[:2]),
        "negative_balance": with_account(row=[*row[:3], -1, *row[4:]]),
        "no_clock": with_account(dials=[None, *account.get("dials", [None, None])[1:]]),
        "last_record_of_no_instant": with_account(last_at=10**30),
        "unknown_session": with_account(sessions={"s": ["x", 0]}),
    }


@pytest.mark.parametrize("kind", list(spoilt(b'{"accounts":{"a":{"row":[]}},"policy":{},"catalogue":{}}')))
def test_a_state_that_is_not_one_exits_65(kind: str, saved: Path, tmp_path: Path) -> None:
    (tmp_path / "spoilt.json").write_bytes(spoilt((saved / "state.json").read_bytes())[kind])
    done = within("replay", saved / "two.jsonl", "--load-state", tmp_path / "spoilt.json")
    assert (done.code, done.out) == (65, "")
    assert "spoilt.json" in done.err
