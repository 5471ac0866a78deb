"""A counterexample as a vector names the settings that its answers turn on, those that count only together included."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from tokenspec.oracle import Oracle
from tokenspec.oracle.vectors.own_suite import case_of
from tokenspec.oracle.wire.settings import catalogue_on_the_wire
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS, POLICIES

RECORDS = (
    {"at": "2027-01-31T22:30:00Z", "event": "open_account"},
    {"at": "2027-01-31T22:30:00Z", "event": "subscribe", "plan": "premium"},
    {"at": "2027-05-31T22:30:00Z", "event": "daily_reset"},
)
TOGETHER = {"paid_daily_guard": "bank_and_topup_empty", "paid_daily_leftover": "kept"}


def answers(policy: Mapping[str, str]) -> list[dict[str, Any]]:
    oracle = Oracle({**DEFAULTS, **policy})
    return [oracle.apply({"account": "a", **record}).as_dict() for record in RECORDS]


def turned_on(policy: Mapping[str, str], right: list[dict[str, Any]] | None = None) -> dict[str, str]:
    steps = [
        {"request": {"op": "apply", "account": "a", **record}, "expect": answer}
        for record, answer in zip(RECORDS, right or answers(policy), strict=True)
    ]
    vector = {
        "id": "found-1",
        "title": "daily was wrong",
        "clauses": [],
        "policy": {**DEFAULTS, **policy},
        "catalogue": catalogue_on_the_wire(DEFAULT),
        "resets": "explicit",
        "steps": steps,
    }
    return dict(case_of(vector).entry.policies)


def test_policies_that_count_only_together_are_not_left_out() -> None:
    default = {name: DEFAULTS[name] for name in TOGETHER}
    # Neither makes a difference by itself, and both do.
    assert answers(TOGETHER) == answers({**TOGETHER, "paid_daily_guard": default["paid_daily_guard"]})
    assert answers(TOGETHER) == answers({**TOGETHER, "paid_daily_leftover": default["paid_daily_leftover"]})
    assert answers(TOGETHER) != answers(default)
    assert turned_on(TOGETHER) == {
        "daily_reset_clock": "utc_time_of_day",
        "paid_daily_leftover": "kept",
        "renewal_time": "same_instant",
    }


@pytest.mark.parametrize("policy", [{}, TOGETHER, {"daily_reset_clock": "every_24h_from_opening"}], ids=str)
def test_what_is_not_named_makes_no_difference(policy: dict[str, str]) -> None:
    dice, named, right = random.Random(0), turned_on(policy), answers(policy)
    for _ in range(25):
        drawn = {p.name: dice.choice(p.answers)[0] for p in POLICIES}
        assert answers({**drawn, **named}) == right


def test_answers_that_no_setting_gives_turn_on_every_policy() -> None:
    wrong = [answer | {"balances": {"daily": 1}} for answer in answers({})]
    assert turned_on({}, wrong) == dict(DEFAULTS)
