"""Records that are not well formed are reported and skipped; values out of range are refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from command.conftest import Record, generate, opened, read_lines, record, tokenspec

AT = "2026-07-15T09:00:00Z"
ZERO = "2026-07-15T00:00:00Z"
LARGEST = 2**53 - 1
NEEDED: dict[str, Record] = {
    "open_account": {},
    "subscribe": {"plan": "premium"},
    "upgrade": {"plan": "ultimate"},
    "downgrade": {"plan": "essential"},
    "cancel": {},
    "resume": {},
    "renew": {},
    "payment_failed": {},
    "lapse": {},
    "daily_reset": {},
    "buy_topup": {"pack": "small", "quantity": 1},
    "generate": {"job": "j", "cost": 1, "media": "image", "origin": "first_party"},
    "refund": {"job": "j"},
    "quote": {"action": "portrait"},
    "buy_api": {"amount": 1},
    "api_generate": {"job": "j", "cost": 1},
    "transfer": {"to": "bob", "amount": 1},
    "enable_relaxed": {},
    "login": {"session": "s"},
    "refresh": {"session": "s"},
    "logout": {"session": "s"},
    "view": {"session": "s", "shown": {"daily": 150}},
}
"""What each event needs beside account and instant."""
INTEGERS = {"quantity", "cost", "amount"}
WRONG_TYPES: dict[str, list[Any]] = {
    "account": [5, True, [], {}],
    "at": [True, 1.5, [], {}],
    "event": [5, True, [], {}],
    "id": [5, True, [], {}],
    "observed": [5, True, "x", []],
    "job": [5, True, [], {}],
    "cost": [True, "5", [], {}],
    "media": [5, True, [], {}, "audio", "", "Image"],
    "origin": [5, True, [], {}, "second_party", ""],
}
BAD_INTEGERS = {
    "fraction": "1.5",
    "whole_fraction": "1.0",
    "exponent": "1e3",
    "two_to_53": str(2**53),
    "minus_two_to_53": str(-(2**53)),
    "two_to_63": str(2**63),
    "two_to_64": str(2**64),
    "of_400_digits": "1" * 400,
    "negative_of_400_digits": "-" + "1" * 400,
    "of_5000_digits": "1" * 5000,
}
BAD_INSTANTS = {
    "without_z": "2026-07-15T09:00:00",
    "with_offset": "2026-07-15T09:00:00+02:00",
    "with_zero_offset": "2026-07-15T09:00:00+00:00",
    "february_30": "2026-02-30T09:00:00Z",
    "february_29_of_no_leap_year": "2027-02-29T09:00:00Z",
    "month_13": "2026-13-01T09:00:00Z",
    "day_0": "2026-07-00T09:00:00Z",
    "hour_24": "2026-07-15T24:00:00Z",
    "second_60": "2026-07-15T23:59:60Z",
    "without_seconds": "2026-07-15T09:00Z",
    "date_alone": "2026-07-15",
    "with_space": "2026-07-15 09:00:00Z",
    "with_comma": "2026-07-15T09:00:00,5Z",
    "with_empty_fraction": "2026-07-15T09:00:00.Z",
    "with_line_end": "2026-07-15T09:00:00Z\n",
    "five_digit_year": "10000-01-01T00:00:00Z",
    "other_digits": "٢٠٢٦-07-15T09:00:00Z",
    "empty": "",
    "word": "yesterday",
}
BAD_TIMES = ["25:00", "24:00", "12:60", "9:00", "09:00:00", "", "noon", 5, [], "1２:00"]
BAD_SHOWN: list[Any] = [{}, {"api": 1}, {"daily": 1, "api": 1}, {"gold": 1}, {"": 1}, {"daily": 1.5}, {"daily": "1"}]
BAD_SHOWN += [{"daily": 2**53}, [], 5, "daily", {"daily": None}]
BAD_LINES = {
    "array": b"[]",
    "array_of_a_record": b"[" + json.dumps(opened()).encode() + b"]",
    "number": b"5",
    "text": b'"x"',
    "null": b"null",
    "nothing_json": b"hello",
    "single_quotes": b"{'account':'a'}",
    "half_a_record": b'{"account":"a","at":"2026-07-15T09:00:00Z","ev',
    "two_records": json.dumps(opened()).encode() * 2,
    "trailing_comma": b'{"account":"a",}',
    "not_utf8": b'{"account":"\xff","at":0,"event":"open_account"}',
    "not_utf8_in_an_unknown_field": b'{"account":"a","at":0,"event":"open_account","x":"\xc3\x28"}',
    "overlong_utf8": b'{"account":"\xc0\xaf","at":0,"event":"open_account"}',
    "surrogate_in_utf8": b'{"account":"\xed\xa0\x80","at":0,"event":"open_account"}',
    "lone_high_surrogate_escape": b'{"account":"\\ud800","at":0,"event":"open_account"}',
    "lone_low_surrogate_escape": b'{"account":"a","at":0,"event":"open_account","id":"\\udc00"}',
    "raw_control_character": b'{"account":"a\x01","at":0,"event":"open_account"}',
    "nul": b"\0",
    "mark_of_a_file_start": b"\xef\xbb\xbf" + json.dumps(opened()).encode(),
    "nan": b'{"account":"a","at":NaN,"event":"open_account"}',
    "leading_zero": b'{"account":"a","at":01,"event":"open_account"}',
    "very_deep": b'{"account":"a","at":0,"event":"open_account","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep_and_open": b"[" * 100_000,
}


def line_of(r: Record) -> bytes:
    return json.dumps(r).encode()


def with_raw(field: str, raw: str) -> bytes:
    """A generation in which `field` is written as `raw`."""
    return line_of(generate("ada", AT, "j", 1) | {field: "@@"}).replace(b'"@@"', raw.encode())


def bad() -> dict[str, tuple[bytes, str]]:
    """By name: a line that holds no good record, and the field that is at fault."""
    cases: dict[str, tuple[bytes, str]] = {f"line_{name}": (line, "line") for name, line in BAD_LINES.items()}
    for event, payload in NEEDED.items():
        whole = record("ada", AT, event, **payload)
        for field in whole:
            without = {k: v for k, v in whole.items() if k != field}
            cases[f"{event}_without_{field}"] = (line_of(without), field)
            cases[f"{event}_with_null_{field}"] = (line_of({**whole, field: None}), field)
        for field in payload:
            for value in (1.5, [1]) if field in INTEGERS else (5, [1]):
                cases[f"{event}_{field}_{value}"] = (line_of({**whole, field: value}), field)
        for field in payload.keys() & INTEGERS:
            cases[f"{event}_{field}_text"] = (line_of({**whole, field: "5"}), field)
    for field, values in WRONG_TYPES.items():
        for value in values:
            cases[f"{field}_{value!r}"] = (line_of(generate("ada", AT, "j", 1) | {field: value}), field)
    for name, raw in BAD_INTEGERS.items():
        cases[f"cost_{name}"] = (with_raw("cost", raw), "cost")
        cases[f"at_{name}"] = (with_raw("at", raw), "at")
    for name, at in BAD_INSTANTS.items():
        cases[f"at_{name}"] = (line_of(opened("ada", at)), "at")
    for value in BAD_TIMES:
        cases[f"daily_reset_time_{value!r}"] = (line_of(opened(daily_reset_time=value)), "daily_reset_time")
    for shown in BAD_SHOWN:
        cases[f"shown_{shown!r}"] = (line_of(record("ada", AT, "view", session="s", shown=shown)), "shown")
    for event in ("opens", "", "Open_account", "open_account ", "renewal_falls_due", "daily_reset_falls_due"):
        cases[f"event_{event!r}"] = (line_of(record("ada", AT, event)), "event")
    return cases


BAD = bad()


@dataclass(frozen=True)
class Replayed:
    code: int
    report: Any
    bad: dict[int, Any]
    """By line."""
    answers: dict[int, Any]
    """By line, those of the good records."""


def replayed(folder: Path, lines: list[bytes]) -> Replayed:
    (folder / "log.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    done = tokenspec("replay", "log.jsonl", "--format", "json", "--answers", "answers.jsonl", cwd=folder)
    assert done.err == ""
    found = {b["line"]: b for b in done.report["bad_records"]}
    good = [number for number in range(1, len(lines) + 1) if number not in found]
    answers = dict(zip(good, read_lines(folder / "answers.jsonl"), strict=True))
    return Replayed(done.code, done.report, found, answers)


@pytest.fixture(scope="module")
def all_bad(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    return replayed(tmp_path_factory.mktemp("bad"), [line for line, _ in BAD.values()])


def test_a_file_of_bad_records_alone_exits_65(all_bad: Replayed) -> None:
    assert all_bad.code == 65
    assert (all_bad.report["records"], all_bad.answers) == (0, {})


@pytest.mark.parametrize(("number", "field"), [(n, f) for n, (_, f) in enumerate(BAD.values(), 1)], ids=list(BAD))
def test_a_bad_record_is_reported_with_its_field(number: int, field: str, all_bad: Replayed) -> None:
    assert all_bad.bad[number]["field"] == field


def test_every_bad_record_has_its_place_and_a_rule(all_bad: Replayed) -> None:
    lines = [line for line, _ in BAD.values()]
    offsets = [sum(len(line) + 1 for line in lines[:number]) for number in range(len(lines))]
    assert [b["offset"] for b in all_bad.report["bad_records"]] == offsets
    assert [b for b in all_bad.report["bad_records"] if not b["rule"] or b["file"] != "log.jsonl"] == []


def test_no_rule_is_garbled_or_endless(all_bad: Replayed) -> None:
    rules = {b["rule"] for b in all_bad.report["bad_records"]}
    assert [rule for rule in rules if "integereger" in rule or "jSON" in rule or len(rule) > 300] == []


def test_a_null_breaks_the_same_rule_as_an_absent_field(all_bad: Replayed) -> None:
    rules = {name: all_bad.bad[number]["rule"] for number, name in enumerate(BAD, 1)}
    nulls = {name: rule for name, rule in rules.items() if "_with_null_" in name and not name.endswith("_event")}
    assert nulls == {name: rules[name.replace("_with_null_", "_without_")] for name in nulls}


def test_an_event_that_exists_is_never_called_unknown(tmp_path: Path) -> None:
    twice = line_of(opened())[:-1] + b', "event": "view"}'
    found = replayed(tmp_path, [twice])
    assert "no such event" not in found.bad[1]["rule"]


GOOD: dict[str, tuple[Record, str]] = {
    "cost_0": (generate("ada", AT, "j", 0), "cost_must_be_at_least_one"),
    "cost_negative": (generate("ada", AT, "j", -5), "cost_must_be_at_least_one"),
    "cost_least": (generate("ada", AT, "j", -LARGEST), "cost_must_be_at_least_one"),
    "cost_largest": (generate("ada", AT, "j", LARGEST), "tokens_must_cover_cost"),
    "quantity_0": (record("ada", AT, "buy_topup", pack="small", quantity=0), "quantity_must_be_at_least_one"),
    "pack_unknown": (record("ada", AT, "buy_topup", pack="huge", quantity=1), "pack_must_exist"),
    "pack_empty": (record("ada", AT, "buy_topup", pack="", quantity=1), "pack_must_exist"),
    "quantity_largest": (record("ada", AT, "buy_topup", pack="small", quantity=LARGEST), "balance_must_stay_countable"),
    "amount_0": (record("ada", AT, "buy_api", amount=0), "amount_must_be_at_least_one"),
    "amount_negative": (record("ada", AT, "buy_api", amount=-1), "amount_must_be_at_least_one"),
    "transfer_of_0": (record("ada", AT, "transfer", to="", amount=0), "tokens_cannot_be_transferred"),
    "plan_unknown": (record("ada", AT, "upgrade", plan="platinum"), "plan_must_exist"),
    "plan_empty": (record("ada", AT, "upgrade", plan=""), "plan_must_exist"),
    "plan_stand_in": (record("ada", AT, "upgrade", plan="(not listed)"), "plan_must_exist"),
    "plan_none": (record("ada", AT, "downgrade", plan="(none)"), "plan_must_exist"),
    "price_unknown": (record("ada", AT, "quote", action=""), "price_must_be_listed"),
    "shown_negative": (record("ada", AT, "view", session="", shown={"daily": -1}), "session_must_be_logged_in"),
    "account_unknown": (generate("nobody", AT, "j", 5), "account_must_exist"),
    "account_empty": (generate("", AT, "j", 5), "account_must_exist"),
    "session_empty": (record("ada", AT, "logout", session=""), "session_must_be_logged_in"),
    "job_empty": (record("ada", AT, "refund", job=""), "job_must_have_been_charged"),
}
"""Well formed, and refused with the code."""


@pytest.fixture(scope="module")
def all_refused(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    before = [opened(), record("ada", AT, "subscribe", plan="premium")]
    return replayed(tmp_path_factory.mktemp("refused"), [line_of(r) for r in [*before, *(r for r, _ in GOOD.values())]])


@pytest.mark.parametrize(("number", "code"), [(n, c) for n, (_, c) in enumerate(GOOD.values(), 3)], ids=list(GOOD))
def test_a_value_out_of_range_is_refused_and_not_bad(number: int, code: str, all_refused: Replayed) -> None:
    assert (all_refused.answers[number]["outcome"], all_refused.answers[number]["reason"]) == ("refused", code)


def test_a_log_of_refusals_has_no_bad_record(all_refused: Replayed) -> None:
    assert (all_refused.code, all_refused.bad) == (0, {})


def answers_to(folder: Path, *records: Record) -> dict[int, Any]:
    """The answers to records that must all be good."""
    found = replayed(folder, [line_of(r) for r in records])
    assert (found.code, found.bad) == (0, {})
    return found.answers


def test_fields_that_may_be_absent_may_be_null(tmp_path: Path) -> None:
    answers = answers_to(
        tmp_path,
        opened("a", ZERO),
        opened("b", ZERO, id=None, observed=None, daily_reset_time=None),
        record("b", ZERO, "login", session="s"),
        record("b", ZERO, "view", session="s", shown={"daily": 150, "fast": None}),
    )
    assert answers[2] == answers[1]
    assert answers[4]["shown_is"] == "current"


def test_unknown_fields_are_ignored(tmp_path: Path) -> None:
    extras = {"note": "x", "cost": "not a cost", "plan": 5, "daily_reset": [{"deep": [1e300]}], "": None}
    answers = answers_to(tmp_path, opened("a"), opened("b", **extras))
    assert answers[2] == answers[1]


def test_a_daily_reset_time_elsewhere_than_on_opening_is_an_unknown_field(tmp_path: Path) -> None:
    answers = answers_to(tmp_path, opened(), record("ada", AT, "cancel", daily_reset_time="25:00"))
    assert answers[2]["reason"] == "subscription_must_be_active_or_past_due"


def test_strings_may_be_empty(tmp_path: Path) -> None:
    answers = answers_to(tmp_path, opened("", id=""), generate("", AT, "", 1), record("", AT, "login", session="", id=""))
    assert [answers[n]["outcome"] for n in (1, 2, 3)] == ["accepted"] * 3
    assert answers[3] == {**answers[1], "duplicate": True}


def test_of_a_field_written_twice_the_last_counts(tmp_path: Path) -> None:
    line = line_of(generate("ada", AT, "j", 1))[:-1] + b', "cost": 7}'
    found = replayed(tmp_path, [line_of(opened()), line])
    assert found.answers[2]["charge"] == {"daily": 7}


def test_integer_milliseconds_name_the_same_instant(tmp_path: Path) -> None:
    answers = answers_to(tmp_path, opened("a", AT), opened("b", 1_784_106_000_000))
    assert answers[2] == answers[1]


def test_instants_before_1970_and_at_both_ends_of_the_calendar_are_good(tmp_path: Path) -> None:
    answers = answers_to(
        tmp_path,
        opened("a", -1),
        opened("b", "1969-12-31T23:59:59.999Z"),
        opened("c", "0001-01-01T00:00:00Z"),
        opened("d", "9999-12-30T00:00:00Z"),
    )
    resets = [answers[n]["next_daily_reset_at"] for n in (1, 2, 3, 4)]
    assert resets == ["1970-01-01T00:00:00Z"] * 2 + ["0001-01-02T00:00:00Z", "9999-12-31T00:00:00Z"]


def test_digits_finer_than_a_millisecond_are_cut(tmp_path: Path) -> None:
    answers = answers_to(
        tmp_path,
        opened("ada", "2026-07-15T09:00:00.1239999Z"),
        record("ada", "2026-07-15T09:00:00.123Z", "subscribe", plan="premium"),
    )
    assert answers[2]["next_renewal_at"] == "2026-08-15T09:00:00.123Z"


def test_time_that_goes_back_within_an_account_is_bad(tmp_path: Path) -> None:
    found = replayed(tmp_path, [line_of(opened()), line_of(generate("ada", "2026-07-15T08:59:59.999Z", "j", 1))])
    assert (found.code, found.bad[2]["field"]) == (65, "at")


def test_time_that_goes_back_across_accounts_is_good(tmp_path: Path) -> None:
    answers = answers_to(tmp_path, opened("ada", AT), opened("bea", ZERO), generate("ada", AT, "j", 1))
    assert answers[3]["outcome"] == "accepted"


def test_a_bad_record_changes_nothing_and_uses_no_id_up(tmp_path: Path) -> None:
    lines = [
        opened(),
        generate("ada", AT, "j", 1, id="e-1", media="audio"),
        generate("ada", ZERO, "j", 1, id="e-1"),
        generate("ada", AT, "j", 1, id="e-1"),
    ]
    found = replayed(tmp_path, [line_of(r) for r in lines])
    assert (found.code, list(found.bad)) == (65, [2, 3])
    assert found.answers[4]["charge"] == {"daily": 1}
    assert "duplicate" not in found.answers[4]


def test_a_repeated_id_gets_the_first_answer_whatever_else_the_record_holds(tmp_path: Path) -> None:
    answers = answers_to(
        tmp_path,
        opened("ada", AT, id="e-1"),
        generate("ada", AT, "j", 151, id="e-2"),
        generate("ada", AT, "k", 5),
        generate("ada", ZERO, "l", 5, id="e-1"),
        record("ada", "1970-01-01T00:00:00Z", "view", session="s", shown={"daily": 3}, id="e-2"),
        opened("bea", ZERO, id="e-1"),
        generate("ada", AT, "l", 5),
    )
    assert answers[4] == {**answers[1], "duplicate": True}
    assert answers[5] == {**answers[2], "duplicate": True}
    assert "duplicate" not in answers[6]
    assert answers[7]["balances"]["daily"] == 140


@pytest.mark.parametrize("kind", ["observed", "cost"])
def test_nesting_of_every_depth_is_bad_or_a_divergence_and_never_a_bug(kind: str, tmp_path: Path) -> None:
    deep = ["[" * depth + "]" * depth for depth in range(900, 1010, 2)]
    lines = [with_raw("cost", raw) for raw in deep]
    if kind == "observed":
        lines = [line_of(opened(f"a{n}", observed={"plan": "@@"})) for n in range(len(deep))]
        lines = [line.replace(b'"@@"', raw.encode()) for line, raw in zip(lines, deep, strict=True)]
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(lines))
    done = tokenspec("replay", "log.jsonl", "--format", "json", cwd=tmp_path)
    assert (done.code, done.err) == (15 if kind == "observed" else 65, "")


def test_an_observed_integer_of_400_digits_is_a_divergence(tmp_path: Path) -> None:
    line = line_of(opened(observed={"balances": {"daily": "@@"}})).replace(b'"@@"', b"1" * 400)
    (tmp_path / "log.jsonl").write_bytes(line)
    done = tokenspec("replay", "log.jsonl", "--format", "json", cwd=tmp_path)
    assert done.code == 15
    assert done.report["divergences"][0]["got"] == int("1" * 400)


def test_an_instant_in_the_farthest_future_is_answered_soon(tmp_path: Path) -> None:
    lines = [opened(), record("ada", AT, "subscribe", plan="premium"), record("ada", LARGEST, "daily_reset")]
    (tmp_path / "log.jsonl").write_bytes(b"".join(line_of(r) + b"\n" for r in lines))
    done = tokenspec("replay", "log.jsonl", cwd=tmp_path, timeout=5)
    assert (done.code, done.err) == (0, "")
