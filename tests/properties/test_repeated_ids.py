"""Logs with repeated ids: each pair of answers to `repeated_id` and `refused_id` explains its own log, and is found from it.

The logs are written by the plain wallet, which shares no code with the oracle.
"""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest

from oracle.plain_wallet import PlainWallet
from tokenspec.oracle import Oracle
from tokenspec.oracle.logs.infer import infer
from tokenspec.oracle.logs.policies_tried import explain
from tokenspec.oracle.logs.replay import AFTER_DIVERGENCE, Report, replay
from tokenspec.oracle.wire.log_files import Line
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS

PAIRS = list(product(("first_answer", "present_state", "refused"), ("kept", "free")))
IMAGE = {"event": "generate", "media": "image", "origin": "first_party"}
RUN: list[tuple[str, dict[str, Any]]] = [
    ("2027-01-01T08:00:00Z", {"event": "open_account", "id": "e1"}),
    ("2027-01-01T08:01:00Z", {**IMAGE, "job": "j1", "cost": 160, "id": "e2"}),
    ("2027-01-01T08:02:00Z", {**IMAGE, "job": "j1", "cost": 100, "id": "e2"}),
    ("2027-01-01T08:03:00Z", {**IMAGE, "job": "j2", "cost": 30, "id": "e3"}),
    ("2027-01-01T08:04:00Z", {**IMAGE, "job": "j3", "cost": 5}),
    ("2027-01-02T09:00:00Z", {**IMAGE, "job": "j2", "cost": 30, "id": "e3"}),
    ("2027-01-02T09:01:00Z", {"event": "refund", "job": "j2", "id": "e4"}),
    ("2027-01-02T09:02:00Z", {"event": "buy_api", "amount": 3, "id": "e4"}),
]


def settings(pair: tuple[str, str]) -> dict[str, str]:
    return dict(zip(("repeated_id", "refused_id"), pair, strict=True))


def lines_of(records: list[dict[str, Any]]) -> list[Line]:
    return [Line("log", number, 0, json.dumps(record).encode()) for number, record in enumerate(records, 1)]


def log(pair: tuple[str, str], resets: str = "implied") -> list[dict[str, Any]]:
    wallet = PlainWallet(settings(pair), resets=resets)
    records = [{"account": "a", "at": at, **event} for at, event in RUN]
    return [record | {"observed": wallet.apply(record)} for record in records]


def replayed(records: list[dict[str, Any]], pair: tuple[str, str]) -> Report:
    return replay(lines_of(records), Oracle(settings(pair), resets="implied"))


@pytest.mark.parametrize("pair", PAIRS)
def test_infer_finds_the_answers_that_wrote_the_log(pair: tuple[str, str]) -> None:
    found = infer(lines_of(log(pair)), {}, DEFAULT, "implied")
    assert found.unexplained is None
    assert {name: found.policies[name] for name in settings(pair)} == {name: [choice] for name, choice in settings(pair).items()}


@pytest.mark.parametrize("pair", PAIRS)
def test_replay_conforms_under_them_alone_and_counts_each_record_once(pair: tuple[str, str]) -> None:
    for other in PAIRS:
        report = replayed(log(pair), other)
        assert bool(report.divergences) == (other != pair)
        counted = report.compared + sum(report.repeated.values()) + sum(report.not_compared.values()) + len(report.bad)
        assert counted == report.records == len(RUN)
    # The second record under the id of the refused generation is a repeat where that id is kept; two others always are.
    assert replayed(log(pair), pair).repeated["compared"] == {"kept": 3, "free": 2}[pair[1]]


@pytest.mark.parametrize("pair", PAIRS)
def test_replay_and_infer_agree_in_what_is_repeated(pair: tuple[str, str]) -> None:
    found, report = infer(lines_of(log(pair)), settings(pair), DEFAULT, "implied"), replayed(log(pair), pair)
    assert (found.repeated, found.compared) == (report.repeated, report.compared)


@pytest.mark.parametrize("answer", ["present_state", "refused"])
def test_a_divergence_says_which_answer_would_be_right(answer: str) -> None:
    records = log((answer, "kept"))
    report = replayed(records, ("first_answer", "kept"))
    explain(report, lines_of(records), Oracle(DEFAULTS, DEFAULT, "implied"))
    assert ("repeated_id", answer) in report.divergences[0].explained_by


def test_after_a_repeat_the_account_goes_on_from_what_was_observed_of_it() -> None:
    """Under `present_state` a repeat says how the account stands; a balance that is wrong there is wrong once."""
    records = log(("present_state", "kept"))
    for record in records[5:]:
        record["observed"]["balances"]["topup"] += 7
    report = replayed(records, ("present_state", "kept"))
    assert [(d.line.number, d.differences) for d in report.divergences] == [(6, [("balances.topup", 0, 7)])]


def test_a_retry_that_runs_again_is_told_once_and_the_rest_is_not_judged() -> None:
    records = log(("refused", "kept"))
    records[5]["observed"] = {"outcome": "accepted", "charge": {"daily": 30}}
    report = replayed(records, ("refused", "kept"))
    assert [d.line.number for d in report.divergences] == [6]
    assert (report.not_compared[AFTER_DIVERGENCE], report.repeated["not_compared"]) == (1, 1)


def test_only_settings_under_which_time_may_go_back_after_a_repeat_are_left() -> None:
    late, early = dict(RUN[5][1]), {"event": "quote", "action": "none such"}
    run = [*RUN[:5], ("2027-01-02T09:00:00Z", late), ("2027-01-01T08:05:00Z", early)]
    records = [{"account": "a", "at": at, **event} for at, event in run]
    records[-1]["observed"] = {"outcome": "refused"}
    found = infer(lines_of(records), {}, DEFAULT, "implied")
    assert (found.policies["repeated_id"], len(found.bad), found.unexplained) == (["first_answer"], 0, None)
    assert {(r.policy, r.by.number) for r in found.ruled_out if r.policy == "repeated_id"} == {("repeated_id", 7)}


def test_knobs_on_which_nothing_turns_stay_open_and_are_counted() -> None:
    once = infer(lines_of([{"account": "a", "at": at, **event} for at, event in RUN[:2]]), {}, DEFAULT, "implied")
    assert once.policies["repeated_id"] == ["first_answer", "present_state", "refused"]
    fixed = {**DEFAULTS, "refund": "none"}
    del fixed["repeated_id"]
    some = infer(lines_of([{"account": "a", "at": RUN[0][0], "event": "open_account"}]), fixed, DEFAULT, "implied")
    assert (some.settings, some.policies["refund"], some.policies["refused_id"]) == (3, ["none"], ["kept"])
