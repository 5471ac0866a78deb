"""The judge agrees with brute force: every order of every part of the unanswered requests, played by a new oracle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain, combinations, permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenspec.oracle.races.history import Call, overlapping
from tokenspec.oracle.races.judge import Judge, Meaning, NotLinearizable, meaning_of
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.sut.capabilities import OBSERVABLE, capabilities_from
from tokenspec.oracle.sut.compared import ComparedParts
from tokenspec.oracle.sut.observed import observed
from tokenspec.oracle.sut.world import SutSettings
from tokenspec.oracle.wire.answers import Answer, differences
from tokenspec.oracle.wire.protocol import event_names
from tokenspec.oracle.wire.settings import policy_from
from tokenspec.spec.catalogue import DEFAULT

Record = dict[str, Any]

AT = "2027-01-15T00:00:00Z"
BEFORE: list[Record] = [{"event": "open_account"}, {"event": "subscribe", "plan": "premium"}, {"event": "login", "session": "s"}]
TERMS = capabilities_from(
    {
        "resets": "explicit",
        "events": list(event_names()),
        "observes": ["outcome", "reason", "balances", "charge", "duplicate", "status", "shown_is"],
    }
)
LEFT_OPEN = {"refund": ("to_source", "none"), "daily_position": ("first", "last")}
"""Policies that are not known of the implementation, in the test of inference."""
ONE = SutSettings(policy_from({}), DEFAULT)
MANY = SutSettings(policy_from({}), DEFAULT, known={k: answer for k, answer in policy_from({}).items() if k not in LEFT_OPEN})

GENERATE = {"media": "image", "origin": "first_party"}
EVENTS: list[Record] = [
    {"event": "generate", "job": "j1", "cost": 100, **GENERATE},
    {"event": "generate", "job": "j2", "cost": 25_100, **GENERATE},
    {"event": "refund", "job": "j1"},
    {"event": "buy_topup", "pack": "small", "quantity": 1},
    {"event": "upgrade", "plan": "ultimate"},
    {"event": "cancel"},
    {"event": "downgrade", "plan": "essential"},
    {"event": "resume"},
    {"event": "refresh", "session": "s"},
    {"event": "view", "session": "s", "shown": {"daily": 150, "fast": 25_000}},
]
LOOK: Record = {"account": "a", "at": AT, "event": "quote", "action": "no such action"}
ODD: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    1.0,
    150,
    "x",
    "",
    [],
    {},
    ["image"],
    ["video", "image"],
    {"daily": 150},
    {"daily": None},
    {"fast": True},
]
ODD += ["2027-01-16T00:00:00.000+00:00", "2027-01-16T01:00:00+01:00", 1_800_057_600_000, 10**30, {"daily": 0}, {"daily": 1.0}]


@st.composite
def histories(draw: st.DrawFn) -> list[Call]:
    """Up to four requests that overlap or not, with the answers of some order of them, now and then one that is wrong."""
    records = draw(st.lists(st.sampled_from(EVENTS), min_size=1, max_size=4))
    ids = draw(st.lists(st.sampled_from([{}, {}, {"id": "e1"}, {"id": "e2"}]), min_size=len(records), max_size=len(records)))
    moments = draw(st.permutations([n for n in range(len(records)) for _ in range(2)]))
    numbers: dict[int, list[int]] = {}
    for number, n in enumerate(moments, 1):
        numbers.setdefault(n, []).append(number)
    order = draw(st.permutations(range(len(records))))
    policy = {knob: draw(st.sampled_from(answers)) for knob, answers in LEFT_OPEN.items()}
    oracle = an_oracle(policy)
    answers = {n: oracle.apply(said({**records[n], **ids[n]})).as_dict() for n in order}
    if draw(st.booleans()):
        answers[draw(st.sampled_from(sorted(answers)))]["balances"]["fast"] += 1
    calls = []
    for n, record in enumerate(records):
        sent, answered = numbers[n]
        is_answered = draw(st.integers(0, 4)) > 0
        asked = said({**record, **ids[n]})
        calls.append(Call(n, asked, sent, answered, answers[n]) if is_answered else Call(n, asked, sent))
    return calls


def said(record: Record) -> Record:
    return {"account": "a", "at": AT, **record}


@cache
def an_oracle_under(*settings: tuple[str, str]) -> Oracle:
    oracle = Oracle(policy_from(dict(settings)), DEFAULT)
    for record in BEFORE:
        oracle.apply(said(record))
    return oracle


def an_oracle(policy: dict[str, str]) -> Oracle:
    oracle = an_oracle_under(*policy.items())
    return oracle.fork({name: account.copy() for name, account in oracle.accounts.items()})


def by_brute_force(calls: Sequence[Call], policy: dict[str, str]) -> bool:
    return any(explains(order, policy) is not None for order in orders(calls))


def orders(calls: Sequence[Call]) -> Iterator[tuple[Call, ...]]:
    answered = [call for call in calls if call.answered is not None]
    others = [call for call in calls if call.answered is None]
    for part in chain.from_iterable(combinations(others, n) for n in range(len(others) + 1)):
        for order in permutations([*answered, *part]):
            late = any(b.answered is not None and b.answered < a.sent for n, a in enumerate(order) for b in order[n + 1 :])
            if not late:
                yield order


def explains(order: Sequence[Call], policy: dict[str, str]) -> Oracle | None:
    oracle = an_oracle(policy)
    for call in order:
        right = oracle.apply(call.record)
        if call.got is not None and differences(right, observed(call.got, right, TERMS, None)):
            return None
    return oracle


@cache
def the_meaning(is_known: bool) -> Meaning:
    return meaning_of(ONE if is_known else MANY, TERMS)


def a_judge(setting: SutSettings) -> Judge:
    judge = Judge(the_meaning(setting is ONE), TERMS, setting)
    oracle = Oracle(setting.policy, DEFAULT)
    for number, record in enumerate(map(said, BEFORE)):
        # Nothing of these tells one setting from another.
        judge.round([Call(0, record, number * 2 - 10, number * 2 - 9, oracle.apply(record).as_dict())])
    return judge


def right_answers() -> list[Answer]:
    oracle = Oracle(policy_from({}), DEFAULT)
    records = [said({"event": "view", "session": "s", "shown": {"daily": 1}}), *map(said, BEFORE), *map(said, EVENTS)]
    return [
        oracle.apply(record | {"observed": {"delta": 0}}) for record in [*records, *(r | {"id": "e"} for r in records[-2:] * 2)]
    ]


@pytest.mark.parametrize("observes", [OBSERVABLE[:16], *((name,) for name in OBSERVABLE), ("balances.fast", "balances")])
def test_rows_are_equal_where_nothing_differs(observes: tuple[str, ...]) -> None:
    terms = replace(TERMS, observes=observes)
    parts, answers = ComparedParts(terms), right_answers()
    given = [answer.as_dict() for answer in answers]
    given += [{name.partition(".")[0]: odd} for name in observes for odd in ODD]
    given += [{**each, name.partition(".")[0]: odd} for name in observes for each in given[2:5] for odd in ODD]
    for answer in answers:
        for got in given:
            is_same = parts.of_ours(answer) == parts.of_theirs(got)
            assert parts.agree(answer, got) is is_same
            assert is_same is not bool(differences(answer, observed(got, answer, terms, None))), (answer, got)


@pytest.mark.slow
@settings(max_examples=250)
@given(histories())
def test_what_is_right_is_what_some_order_explains(calls: list[Call]) -> None:
    judge = a_judge(ONE)
    try:
        order = [placed.call for placed in judge.round(calls)]
    except NotLinearizable:
        assert not by_brute_force(calls, {})
    else:
        assert tuple(order) in set(orders(calls))
        explaining = [oracle for each in orders(calls) if (oracle := explains(each, {})) is not None]
        assert explaining
        assert explains(order, {}) is not None
        # Every state that it may be in by now is known, and no other.
        seen = {str(oracle.apply(LOOK)) for oracle in explaining}
        assert {str(answer) for answer in judge.ahead([LOOK]) if answer.reason == "price_must_be_listed"} == seen


@pytest.mark.slow
@settings(max_examples=100)
@given(histories())
def test_of_unknown_settings_those_are_left_that_some_order_explains(calls: list[Call]) -> None:
    judge = a_judge(MANY)
    every = [{"refund": refund, "daily_position": position} for refund in ("to_source", "none") for position in ("first", "last")]
    explained = [policy for policy in every if by_brute_force(calls, policy)]
    try:
        judge.round(calls)
    except NotLinearizable:
        assert not explained
    else:
        assert judge.left.bit_count() == len(explained)


def test_what_is_asked_again_after_a_crash_happens_once() -> None:
    judge = a_judge(ONE)
    record = said({"event": "buy_topup", "pack": "small", "quantity": 1, "id": "e1"})
    oracle = an_oracle({})
    first, again = oracle.apply(record).as_dict(), oracle.apply(record).as_dict()
    unanswered, answered = Call(0, record, 1), Call(0, record, 2, 3, again)
    judge.round([unanswered])
    judge.round([answered])
    twice = {**first, "balances": {**first["balances"], "topup": 2_000}}
    judge = a_judge(ONE)
    judge.round([unanswered])
    with pytest.raises(NotLinearizable) as error:
        judge.round([replace(answered, got=twice)])
    assert {wrong.differences[0][0] for wrong in error.value.orders} == {"balances.topup"}


def test_what_changes_nothing_at_one_place_may_change_something_at_another() -> None:
    judge, oracle, down = (a_judge(ONE), an_oracle({}), {"event": "downgrade", "plan": "essential"})
    # The second change of plan comes after the first, where it changes nothing, or after it was taken back.
    asked = [(1, down, 11, 12), (2, {"event": "resume"}, 10, 20), (0, down, 13, 21)]
    calls = [Call(who, said(what), sent, end, oracle.apply(said(what)).as_dict()) for who, what, sent, end in asked]
    judge.round(sorted(calls, key=lambda call: call.client))
    assert {answer.scheduled_plan for answer in judge.ahead([said({"event": "refund", "job": "none"})])} == {None, "essential"}


def test_requests_overlap_where_neither_had_ended() -> None:
    record = said({"event": "cancel"})
    one, other, later, lost = Call(0, record, 1, 3), Call(1, record, 2, 4), Call(2, record, 5, 6), Call(3, record, 4)
    assert list(overlapping([one, other, later])) == [(one, other)]
    assert list(overlapping([later, lost])) == [(later, lost)]
