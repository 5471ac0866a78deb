"""Records that are well formed: values out of range are refused, and what may be left out or written otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from command.conftest import LARGEST, Record, Replayed, generate, line_of, opened, record, replayed

BEFORE, AT = "2026-07-15T08:59:59.999Z", "2026-07-15T09:00:00Z"
ZERO = "2026-07-15T00:00:00Z"
GOOD: dict[str, tuple[Record, str]] = {
    "cost_0": (generate("ada", AT, "j", 0), "cost_must_be_at_least_one"),
    "cost_negative": (generate("ada", AT, "j", -5), "cost_must_be_at_least_one"),
    "cost_least": (generate("ada", AT, "j", -LARGEST), "cost_must_be_at_least_one"),
    "cost_largest": (generate("ada", AT, "j", LARGEST), "tokens_must_be_used_up_before_relaxed"),
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


STORIES: dict[str, list[bytes]] = {
    "null": [
        line_of(opened("null a", ZERO)),
        line_of(opened("null b", ZERO, id=None, observed=None, daily_reset_time=None)),
        line_of(record("null b", ZERO, "login", session="s")),
        line_of(record("null b", ZERO, "view", session="s", shown={"daily": 150, "fast": None})),
    ],
    "unknown": [
        line_of(opened("unknown a")),
        line_of(opened("unknown b") | {"note": "x", "cost": "none", "plan": 5, "deep": [{"er": [1e300]}], "": None}),
        line_of(record("unknown b", AT, "cancel", daily_reset_time="25:00")),
    ],
    "empty": [line_of(opened("", id="")), line_of(generate("", AT, "", 1)), line_of(record("", AT, "login", session="", id=""))],
    "milliseconds": [
        line_of(opened("milliseconds a", AT)),
        line_of(opened("milliseconds b", 1_784_106_000_000)),
        line_of(opened("milliseconds c", "2026-07-15T11:00:00+02:00")),
        line_of(opened("milliseconds d", "2026-07-14T09:01:00.000-23:59")),
        line_of(opened("milliseconds e", "2026-07-15t09:00:00-00:00")),
    ],
    "ends": [
        line_of(opened("ends a", "1969-12-31T23:59:59.999Z")),
        line_of(opened("ends b", 10**11)),
        line_of(opened("ends c", "0001-01-01T00:00:00Z")),
        line_of(opened("ends d", "9999-12-30T00:00:00Z")),
    ],
    "fine": [
        line_of(opened("fine", "2026-07-15T09:00:00.1239999Z")),
        line_of(record("fine", "2026-07-15T09:00:00.123Z", "subscribe", plan="premium")),
    ],
    "across": [line_of(opened("across a", AT)), line_of(opened("across b", ZERO)), line_of(generate("across a", AT, "j", 1))],
    "repeated": [
        line_of(opened("repeated a", AT, id="e-1")),
        line_of(generate("repeated a", AT, "j", 151, id="e-2")),
        line_of(generate("repeated a", AT, "k", 5)),
        line_of(generate("repeated a", ZERO, "l", 5, id="e-1")),
        line_of(record("repeated a", "1970-01-01T00:00:00Z", "view", session="s", shown={"daily": 3}, id="e-2")),
        line_of(opened("repeated b", ZERO, id="e-1")),
        line_of(generate("repeated a", AT, "l", 5)),
    ],
    "bad": [
        line_of(opened("bad")),
        line_of(generate("bad", AT, "j", 1, id="e-1", media="audio")),
        line_of(generate("bad", BEFORE, "j", 1, id="e-1")),
        line_of(generate("bad", AT, "j", 1, id="e-1")),
    ],
}
"""Each about accounts of its own, all told in one log."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """By story: the answers to its lines, and where a line is bad what is wrong with it."""
    found = replayed(tmp_path_factory.mktemp("stories"), [line for story in STORIES.values() for line in story])
    every = iter([(found.answers | found.bad)[number] for number in sorted(found.answers | found.bad)])
    return {name: [next(every) for _ in story] for name, story in STORIES.items()}


def test_fields_that_may_be_absent_may_be_null(told: dict[str, list[Any]]) -> None:
    without, with_nulls, _, view = told["null"]
    assert with_nulls == without
    assert view["shown_is"] == "current"


def test_unknown_fields_are_ignored(told: dict[str, list[Any]]) -> None:
    without, with_unknown, _ = told["unknown"]
    assert with_unknown == without


def test_a_daily_reset_time_elsewhere_than_on_opening_is_an_unknown_field(told: dict[str, list[Any]]) -> None:
    assert told["unknown"][2]["reason"] == "subscription_must_be_active_or_past_due"


def test_strings_may_be_empty_and_an_empty_id_is_an_id(told: dict[str, list[Any]]) -> None:
    first, generated, login = told["empty"]
    assert (first["outcome"], generated["outcome"]) == ("accepted", "accepted")
    assert login == {**first, "duplicate": True}


def test_integer_milliseconds_and_every_offset_name_the_same_instant(told: dict[str, list[Any]]) -> None:
    text, *others = told["milliseconds"]
    assert others == [text] * 4


def test_instants_before_1970_and_at_both_ends_of_the_calendar_are_good(told: dict[str, list[Any]]) -> None:
    resets = [answer["next_daily_reset_at"] for answer in told["ends"]]
    assert resets == ["1970-01-01T00:00:00Z", "1973-03-04T00:00:00Z", "0001-01-02T00:00:00Z", "9999-12-31T00:00:00Z"]


def test_digits_finer_than_a_millisecond_are_cut(told: dict[str, list[Any]]) -> None:
    assert told["fine"][1]["next_renewal_at"] == "2026-08-15T09:00:00.123Z"


def test_time_may_go_back_from_one_account_to_another(told: dict[str, list[Any]]) -> None:
    assert [answer["outcome"] for answer in told["across"]] == ["accepted"] * 3


def test_time_that_goes_back_within_an_account_is_bad(told: dict[str, list[Any]]) -> None:
    assert told["bad"][2]["field"] == "at"


def test_a_bad_record_changes_nothing_and_uses_no_id_up(told: dict[str, list[Any]]) -> None:
    last = told["bad"][3]
    assert (last["outcome"], last["charge"]) == ("accepted", {"daily": 1})
    assert "duplicate" not in last


def test_a_repeated_id_gets_the_first_answer_whatever_else_the_record_holds(told: dict[str, list[Any]]) -> None:
    opening, refusal, _, opening_again, refusal_again, other_account, last = told["repeated"]
    assert opening_again == {**opening, "duplicate": True}
    assert refusal_again == {**refusal, "duplicate": True}
    assert "duplicate" not in other_account
    assert last["balances"]["daily"] == 140
