"""Records that are not well formed are reported with their place, field and rule, and skipped."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from command.conftest import (
    LARGEST,
    Record,
    Replayed,
    divergent,
    generate,
    line_of,
    opened,
    record,
    replayed,
    tokenspec,
    within,
    write_log,
)
from tokenspec.oracle.base.errors import BadRecord, BadSetting, WentBack, WrongUsage
from tokenspec.oracle.wire.record_faults import account_of

AT = "2026-07-15T09:00:00Z"
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
UNREADABLE = ["1e400", "-1E+999", '"\\ud800"', '"x\\udc00y"', '["\\ud800"]', '{"x":1e400}']
"""Values of JSON that cannot be held: numbers out of range, and halves of characters."""
BAD_INSTANTS: dict[str, str | int] = {
    "without_z": "2026-07-15T09:00:00",
    "with_offset_of_a_day": "2026-07-15T09:00:00+24:00",
    "with_offset_of_99_minutes": "2026-07-15T09:00:00-01:99",
    "with_short_offset": "2026-07-15T09:00:00+02",
    "with_offset_without_colon": "2026-07-15T09:00:00+0200",
    "before_the_year_0": "0000-01-01T00:00:00+00:01",
    "after_the_year_9999": "9999-12-31T23:59:59-00:01",
    "seconds": 1_784_106_000,
    "zero": 0,
    "least_that_is_too_small": 10**11 - 1,
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
BAD_TIMES = ["25:00", "24:00", "12:60", "9:00", "09:00:00", "", "noon", 5, [], "1\N{FULLWIDTH DIGIT TWO}:00"]
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
    "not_utf8": b'{"account":"\xff","at":"2026-07-15T09:00:00Z","event":"open_account"}',
    "not_utf8_in_an_unknown_field": b'{"account":"a","at":"2026-07-15T09:00:00Z","event":"open_account","x":"\xc3\x28"}',
    "overlong_utf8": b'{"account":"\xc0\xaf","at":"2026-07-15T09:00:00Z","event":"open_account"}',
    "surrogate_in_utf8": b'{"account":"\xed\xa0\x80","at":"2026-07-15T09:00:00Z","event":"open_account"}',
    "raw_control_character": b'{"account":"a\x01","at":"2026-07-15T09:00:00Z","event":"open_account"}',
    "nul": b"\0",
    "mark_of_a_file_start": b"\xef\xbb\xbf" + json.dumps(opened()).encode(),
    "nan": b'{"account":"a","at":NaN,"event":"open_account"}',
    "leading_zero": b'{"account":"a","at":01,"event":"open_account"}',
    "very_deep": b'{"account":"a","at":"2026-07-15T09:00:00Z","event":"open_account","x":'
    + b"[" * 100_000
    + b"]" * 100_000
    + b"}",
    "deep_and_open": b"[" * 100_000,
}


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
            # A generation names its model or its origin.
            named = "model" if field == "origin" else field
            cases[f"{event}_without_{field}"] = (line_of(without), named)
            cases[f"{event}_with_null_{field}"] = (line_of({**whole, field: None}), named)
        for field in payload:
            wrong: tuple[Any, Any] = (1.5, [1]) if field in INTEGERS else (5, [1])
            for value in wrong:
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
        cases[f"at_{name}"] = (line_of(opened() | {"at": at}), "at")
    for value in BAD_TIMES:
        cases[f"daily_reset_time_{value!r}"] = (line_of(opened(daily_reset_time=value)), "daily_reset_time")
    for shown in BAD_SHOWN:
        cases[f"shown_{shown!r}"] = (line_of(record("ada", AT, "view", session="s", shown=shown)), "shown")
    for raw in UNREADABLE:
        cases |= {f"{field}_{raw}": (with_raw(field, raw), field) for field in ("account", "at", "job", "cost", "id")}
    unfinished = line_of(opened(observed={"balances": {"other": 1}}))
    cases["comma_behind_a_wrong_form"] = (unfinished.replace(b"1}", b"1,}"), "line")
    for event in ("opens", "", "Open_account", "open_account ", "renewal_falls_due", "daily_reset_falls_due"):
        cases[f"event_{event!r}"] = (line_of(record("ada", AT, event)), "event")
    return cases


BAD = bad()


BAD_FIELDS = [field for _, field in BAD.values()]


@pytest.fixture(scope="module")
def all_bad(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    return replayed(tmp_path_factory.mktemp("bad"), [line for line, _ in BAD.values()])


def test_a_file_of_bad_records_alone_exits_65(all_bad: Replayed) -> None:
    assert all_bad.code == 65
    assert all_bad.report["records"] == len(BAD)
    assert {BAD_FIELDS[number - 1] for number in all_bad.answers} == {"observed"}


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
    assert (found.bad[1]["field"], "twice" in found.bad[1]["rule"]) == ("event", True)


@pytest.mark.parametrize("kind", ["observed", "cost"])
def test_nesting_of_every_depth_is_bad_and_never_a_bug(kind: str, tmp_path: Path) -> None:
    deep = ["[" * depth + "]" * depth for depth in range(960, 1000, 2)]
    lines = [with_raw("cost", raw) for raw in deep]
    if kind == "observed":
        lines = [line_of(opened(f"a{n}", observed={"plan": "@@"})) for n in range(len(deep))]
        lines = [line.replace(b'"@@"', raw.encode()) for line, raw in zip(lines, deep, strict=True)]
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(lines))
    done = tokenspec("replay", "log.jsonl", "--format", "json", cwd=tmp_path)
    assert (done.code, done.err) == (65, "")


UNREAD = {
    "no number": b'"amount":NaN}',
    "nested too deeply": b'"amount":1,"note":' + b"[" * 2_000 + b"]" * 2_000 + b"}",
    "cut off": b'"amount":1',
    "not text": b'"amount":1,"note":"\xff"}',
    "a name in quotes within a text": b'"note":"\\"account\\":\\"bob\\"","inner":{"account":"bob"},"amount":NaN}',
}


@pytest.mark.parametrize("kind", list(UNREAD))
def test_the_account_of_a_line_that_is_no_json_is_known(kind: str, tmp_path: Path) -> None:
    begun = b'{"account" : "ada","at":"2026-07-15T09:00:00Z","event":"buy_api",'
    then = line_of(record("ada", AT, "buy_api", amount=1, observed={"total": 151}))
    (tmp_path / "log.jsonl").write_bytes(b"\n".join([line_of(opened()), begun + UNREAD[kind], then]))
    done = within("replay", tmp_path / "log.jsonl")
    assert (done.code, "of this account 1 earlier line was skipped: " in done.out) == (15, True)


@pytest.mark.parametrize(
    "begun", [b'{"event":"cancel"', b'{"account":"ada","account":"bob"', b'{"x":{"account":"ada"}', b'{"account":5']
)
def test_a_line_that_names_no_account_or_two_is_of_none(begun: bytes) -> None:
    assert account_of(begun + b',"amount":NaN}') is None


MANY: dict[str, tuple[Record, list[str]]] = {
    "of several fields": ({"event": "generate", "job": 5, "cost": "1", "media": "imag"}, ["job", "cost", "media", "model"]),
    "an instant and a time of day": (
        {"event": "open_account", "at": "now", "daily_reset_time": "25:00"},
        ["at", "daily_reset_time"],
    ),
    "without its fields": ({"event": "transfer", "at": 5}, ["to", "at", "amount"]),
    "of an unknown event": ({"event": "open", "at": True, "id": 1}, ["event", "at", "id"]),
    "within and without": (
        {"event": "buy_api", "amount": "1", "observed": {"x": 1, "plan": 2}},
        ["amount", "observed.plan", "observed.x"],
    ),
    "of an observation": (
        {"event": "cancel", "observed": {"x": 1, "total": "1", "charge": {"y": 1}}},
        ["observed.total", "observed.x", "observed.charge.y"],
    ),
    "that cannot be read": (
        {"event": "login", "account": "\ud800", "id": "\ud800", "session": 5, "observed": "\ud800"},
        ["account", "id", "observed", "session"],
    ),
    "of a snapshot": ({"event": "snapshot", "state": 5, "id": 5}, ["state", "id"]),
}


@pytest.mark.parametrize("kind", list(MANY))
def test_all_that_is_wrong_in_a_record_is_told_at_once(kind: str, tmp_path: Path) -> None:
    fields, names = MANY[kind]
    log = write_log(tmp_path / "log.jsonl", [{"account": "ada", "at": AT, **fields}])
    (bad,) = within("replay", log, "--format", "json").report["bad_records"]
    assert sorted([bad["field"], *(other["field"] for other in bad["others"])]) == sorted(names)
    told = within("replay", log).out.splitlines()[0]
    assert all(f"{name}: " in told for name in names)


def test_what_cannot_be_held_is_told_apart_in_an_observation_and_passed_over_elsewhere(tmp_path: Path) -> None:
    seen = [line_of(opened(f"a{n}", observed="@@")).replace(b'"@@"', raw.encode()) for n, raw in enumerate(UNREADABLE)]
    unknown = [line_of(opened(f"b{n}", note="@@")).replace(b'"@@"', raw.encode()) for n, raw in enumerate(UNREADABLE)]
    charged = [line_of(generate(f"{a}{n}", AT, "j", 24, observed={"balances": {"daily": 126}})) for a in "ab" for n in range(6)]
    done = replayed(tmp_path, [*seen, *unknown, *charged])
    assert (done.code, {b["field"] for b in done.report["bad_records"]}) == (65, {"observed"})
    assert (done.report["compared"], done.report["unknown_fields"][0]["times"]) == (12, 6)


@pytest.mark.parametrize("end", ["", ',"id":5'])
def test_a_name_with_half_of_a_character_is_one_that_nobody_knows(end: str, tmp_path: Path) -> None:
    begun = line_of(opened(observed={"balances": {"daily": 150}}))[:-1]
    (tmp_path / "log.jsonl").write_bytes(begun + b',"\\ud800":1' + end.encode() + b"}\n" + line_of(divergent("bo")))
    done = within("replay", tmp_path / "log.jsonl", "--format", "json")
    bad, unknown = ([each["field"] for each in done.report[name]] for name in ("bad_records", "unknown_fields"))
    assert (done.code, bad, unknown) == (15, *((["id"], []) if end else ([], ["\\ud800"])))


@pytest.mark.parametrize("verb", [("diagram", "sequence", "--format", "mermaid", "--log"), ("explore", "-o", "-")])
@pytest.mark.parametrize("field", ['"note":1e400', '"note":"\\ud800"', '"\\ud800":1'])
def test_a_record_with_what_cannot_be_held_is_shown(verb: tuple[str, ...], field: str, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(line_of(opened())[:-1] + f",{field}}}".encode())
    assert within(*verb, tmp_path / "log.jsonl").code == 0


def test_an_observed_integer_of_400_digits_is_bad(tmp_path: Path) -> None:
    line = line_of(opened(observed={"balances": {"daily": "@@"}})).replace(b'"@@"', b"1" * 400)
    (tmp_path / "log.jsonl").write_bytes(line)
    done = tokenspec("replay", "log.jsonl", "--format", "json", cwd=tmp_path)
    assert (done.code, [b["field"] for b in done.report["bad_records"]]) == (65, ["observed.balances.daily"])


MICROSECONDS = 1_784_106_000_000_000
OUTSIDE = {"farthest": LARGEST, "earliest": -LARGEST, "year_10000": 253_402_300_800_000, "microseconds": MICROSECONDS}


@pytest.mark.parametrize("at", list(OUTSIDE.values()), ids=list(OUTSIDE))
def test_an_instant_outside_the_years_0000_to_9999_is_bad_and_found_soon(at: int, tmp_path: Path) -> None:
    lines = [opened(at="0000-01-01T00:00:00Z"), record("ada", AT, "subscribe", plan="premium"), record("ada", at, "daily_reset")]
    (tmp_path / "log.jsonl").write_bytes(b"".join(line_of(r) + b"\n" for r in lines))
    done = tokenspec("replay", "log.jsonl", "--format", "json", cwd=tmp_path)
    (bad,) = done.report["bad_records"]
    assert (done.code, done.err, done.report["records"]) == (65, "", 3)
    assert (bad["line"], bad["field"]) == (3, "at")
    assert "0000 to 9999" in bad["rule"]
    assert ("microseconds" in bad["rule"]) == (at == MICROSECONDS)


@pytest.mark.parametrize(
    "fault",
    [
        BadRecord("cost", "it is an integer", '"x"'),
        WentBack.of("ann", "2026-07-15T09:00:00Z", "2026-07-16T09:00:00Z"),
        BadSetting("refund", "it has two faults", ["one", "two"]),
        WrongUsage("--steps", "it is a number"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_an_error_in_input_comes_out_of_a_worker_process_as_it_was(fault: BadRecord | BadSetting) -> None:
    if isinstance(fault, BadRecord):
        fault.account = "ann"
    again = pickle.loads(pickle.dumps(fault))
    assert (type(again), str(again), vars(again)) == (type(fault), str(fault), vars(fault))
