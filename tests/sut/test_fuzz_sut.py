"""Fuzzing implementations: what is right conforms, and what is wrong is found, made short, and explained."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import Any

import pytest

from command.conftest import read_lines, tokenspec
from sut.calling import call, sut
from sut.implementation import FAULTS, Beside
from tokenspec.oracle.base.instants import parse_instant
from tokenspec.oracle.fuzz.conformance import Conformance, conform
from tokenspec.oracle.sut.observed import reasons_from_file
from tokenspec.oracle.sut.world import SutSettings
from tokenspec.oracle.wire.protocol import JOBS
from tokenspec.oracle.wire.settings import catalogue_from_file, policy_from
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT

KEYS = {"digest", "version", "seed", "policy", "fixed", "verdict", "examples", "steps", "seconds", "coverage", "counterexample"}
DEFAULTS = SutSettings(policy_from({}), DEFAULT)


def judged(
    fault: str, setting: SutSettings = DEFAULTS, examples: int = 6, seed: int = 0, settings: dict[str, str] | None = None
) -> Conformance:
    """A run of an implementation of `implementation.py`."""
    return conform(Beside(fault, **(settings or {})), setting, examples, 30, seed)


class Watching(Beside):
    """A right implementation, asked while the collector of dead objects has these thresholds."""

    thresholds: set[tuple[int, int, int]]

    def ask(self, request: dict[str, Any]) -> Any:
        self.thresholds.add(gc.get_threshold())
        return super().ask(request)


def test_dead_objects_are_looked_for_less_often_in_a_run_alone() -> None:
    before, client = gc.get_threshold(), Watching("good")
    client.thresholds = set()
    assert conform(client, DEFAULTS, 1, 5).word == "conforms"
    assert client.thresholds == {(before[0] * 200, *before[1:])}
    assert gc.get_threshold() == before


@pytest.mark.parametrize("fault", ["good", "other_notation", "without_jobs", "outcomes_alone", "one_medium", "fixed"])
def test_what_answers_rightly_conforms(fault: str) -> None:
    verdict = judged(fault)
    assert verdict.word == "conforms"
    assert 100 < verdict.compared == verdict.count.steps


def of_an_empty_wallet() -> set[tuple[str, str]]:
    """What is met only without a token on a plan with unlimited generation: rare where a reset comes by itself every day."""
    generate = account().event_named["generate"]
    unlimited = {"F17", "F20"}
    return {("generate", f"refused: {need.code}") for need in generate.requires if unlimited & set(need.clauses)} | {
        ("generate", rule.name) for rule in generate.rules if unlimited & set(rule.clauses)
    }


@pytest.mark.slow
@pytest.mark.parametrize("resets", ["explicit", "implied"])
def test_everything_that_can_be_met_is_met(resets: str) -> None:
    verdict = judged("good" if resets == "explicit" else "implied", examples=300)
    assert (verdict.word, verdict.terms is not None and verdict.terms.resets) == ("conforms", resets)
    assert set(verdict.cold) <= (set() if resets == "explicit" else of_an_empty_wallet())


@pytest.mark.parametrize("fault", ["cannot_open", "nothing_listed", "nothing_observed", "nothing_sendable"])
def test_where_nothing_was_compared_there_is_no_verdict(fault: str) -> None:
    verdict = judged(fault)
    assert (verdict.word, verdict.compared, bool(verdict.why_none)) == ("no_verdict", 0, True)


BROKEN = {
    "error": "not today",
    "an_unknown_event": 'there is no "explode"',
    "an_unknown_field": 'there is no "colour"',
    "no_events": "events: it is a list",
    "jobs_though_implied": "no job is written",
    "an_unknown_policy": "policy refund",
    "values_of_nothing": 'no event has a field "colour"',
    "changes_its_mind": "its observes",
    "cannot_close": "asked to close, it answered with an error: not now",
}


@pytest.mark.parametrize("fault", BROKEN)
def test_what_breaks_the_protocol_diverges(fault: str) -> None:
    verdict = judged(fault)
    assert verdict.counterexample is not None
    assert BROKEN[fault] in str(verdict.counterexample.error.failed)


WRONG = {
    "a_field_missing": "status",
    "a_wrong_type": "balances.daily",
    "lists_for_objects": "balances",
    "lies_about_charges": "charge.rollover",
    "gives_away": "outcome",
    "opens_at_its_mark_and_is_due": "next_daily_reset_at",
    "uses_up_refused_jobs": "outcome",
    "forgets_nothing": "outcome",
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_field_is_found_and_named(fault: str) -> None:
    found = judged(fault, examples=60).counterexample
    assert found is not None
    assert (found.error.failed, found.error.differences[0][0]) == (None, WRONG[fault])
    assert found.is_reproduced == (fault != "forgets_nothing")


def test_every_fault_is_tried() -> None:
    right = {"good", "implied", "other_notation", "without_jobs", "outcomes_alone", "one_medium", "fixed", "in_other_words"}
    none = {"cannot_open", "nothing_listed", "nothing_observed", "nothing_sendable", "begins_opened", "records_requests"}
    assert set(FAULTS) == right | none | set(BROKEN) | set(WRONG)


CHOICES = [
    ("burn_order", "rollover_fast_topup"),
    ("daily_position", "last"),
    ("paid_daily_leftover", "kept"),
    ("upgrade_grant", "full"),
    ("refund", "none"),
    ("month_end", "stay_clamped"),
    ("renewal_time", "start_of_day"),
    ("daily_reset_clock", "every_24h_from_opening"),
    ("past_due_spending", "allowed"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "choice"), CHOICES)
def test_another_reading_of_the_documents_is_named_as_such(name: str, choice: str) -> None:
    found = judged("good", examples=200, settings={name: choice}).counterexample
    assert found is not None
    assert found.because is not None
    assert (name, choice) in found.because.explained_by
    assert len(found.records) <= 8
    assert judged("good", SutSettings(policy_from({name: choice}), DEFAULT), settings={name: choice}).word == "conforms"


def test_the_same_seed_gives_the_same_counterexample() -> None:
    one, other = (judged("gives_away", seed=5).counterexample for _ in range(2))
    assert one is not None
    assert other is not None
    assert one.records == other.records


def sent_to(**terms: Any) -> list[dict[str, Any]]:
    """The requests that an implementation with these terms is sent."""
    client = Beside("records_requests")
    client.terms = terms
    conform(client, DEFAULTS, 15, 30)
    return client.requests


def test_only_what_it_lists_is_sent_and_time_never_goes_back() -> None:
    values: dict[str, list[Any]] = {
        "media": ["video"],
        "quantity": [2],
        "session": ["s9"],
        "daily_reset_time": ["09:30"],
        "cost": [],
        "plan": [],
    }
    events = ["open_account", "buy_topup", "login", "generate", "subscribe", "daily_reset"]
    requests = sent_to(events=events, values=values, observes=["mode"])
    assert requests.pop() == {"op": "close"}
    worlds = [i for i, r in enumerate(requests) if r["op"] == "open"]
    assert len(worlds) > 15
    # What takes a plan, or a cost, cannot be sent.
    assert {r["event"] for r in requests if r["op"] == "apply"} == {"open_account", "buy_topup", "login", "daily_reset"}
    assert all(r.get(key, listed[0] if listed else None) in (*listed, None) for r in requests for key, listed in values.items())
    for begin, end in zip(worlds, [*worlds[1:], len(requests)], strict=True):
        instants = [r["at"] for r in requests[begin + 1 : end]]
        assert instants == sorted(instants, key=parse_instant)
        ids = [(r["account"], r["id"]) for r in requests[begin + 1 : end] if "id" in r]
        assert len(ids) == len(set(ids))


def test_ids_are_repeated_for_whom_they_are_observed() -> None:
    requests = sent_to(observes=["mode", "duplicate"], events=["cancel", "open_account"])
    ids = [(r["account"], r["id"]) for r in requests if "id" in r]
    assert len(ids) > len(set(ids))


def test_jobs_are_not_sent_where_they_run_by_themselves() -> None:
    requests = sent_to(resets="implied", events=["open_account", "subscribe", "view"], observes=["mode"])
    assert {r.get("event") for r in requests}.isdisjoint(JOBS)


def test_without_an_event_that_opens_accounts_each_begins_opened(tmp_path: Path) -> None:
    assert judged("begins_opened").word == "conforms"
    found = judged("begins_opened", settings={"refund": "none"}).counterexample
    assert found is not None
    events = [r["event"] for r in found.records]
    assert (events[0], events[-1]) == ("open_account", "refund")
    assert "observed" not in found.records[0]


def test_a_catalogue_of_ones_own_is_used() -> None:
    catalogue = catalogue_from_file(Path(__file__).parents[2] / "examples" / "catalogue.toml")
    verdict = judged("good", SutSettings(policy_from({}), catalogue))
    assert (verdict.word, verdict.compared > 100) == ("conforms", True)


def test_own_words_for_refusals_are_translated(tmp_path: Path) -> None:
    codes: dict[str, list[str]] = {}
    for _, what, _ in judged("good").coverage.rows():
        if what.startswith("refused: "):
            codes.setdefault(f"E_{what[9:14]}".upper(), []).append(what[9:])

    def with_words(*left_out: str) -> Conformance:
        lines = [f"{word} = {json.dumps(meant)}\n" for word, meant in codes.items() if word not in left_out]
        (tmp_path / "words.toml").write_text("".join(lines))
        words = reasons_from_file(tmp_path / "words.toml")
        return judged("in_other_words", SutSettings(policy_from({}), DEFAULT, words))

    assert with_words().word == "conforms"
    for verdict in (with_words("E_ACCOU"), judged("in_other_words")):
        assert verdict.counterexample is not None
        assert verdict.counterexample.error.differences[0][0] == "reason"


def test_what_could_not_be_tested_is_said() -> None:
    closed = judged("without_jobs").closed
    assert {("renew", "renews"), ("daily_reset", "resets_free"), ("cancel", "gives_up_unpaid")} <= closed
    assert ("subscribe", "subscribes") not in closed


def test_the_report_has_the_keys_of_the_contract_and_replay_finds_the_same(tmp_path: Path) -> None:
    log = tmp_path / "found.jsonl"
    wrong = sut("implementation.py", "burn_order=rollover_fast_topup")
    done = call("fuzz", "--sut", wrong, "--examples", "60", "--steps", "30", "--save", log, "--format", "json")
    assert (done.code, done.err, done.report["verdict"]) == (15, "", "diverges")
    assert done.report.keys() >= KEYS
    found = done.report["counterexample"]
    assert found["explained_by"] == [{"policy": "burn_order", "answer": "rollover_fast_topup"}]
    assert {"F07"} <= set(found["clauses"])
    first, *others = found["records"]
    assert read_lines(log) == [first | {"observed_as": "answer"}, *others]
    again = tokenspec("replay", log, "--format", "json").report
    (divergence,) = again["divergences"]
    assert (divergence["line"], divergence["field"]) == (len(found["records"]), found["field"])
    assert (divergence["expected"], divergence["got"]) == (found["expected"], found["got"])


def test_the_story_shows_both_answers_the_clauses_and_the_policy() -> None:
    done = call("fuzz", "--sut", sut("implementation.py", "daily_position=last"), "--examples", "40", "--steps", "30")
    assert (done.code, done.err) == (15, "")
    for said in ("field", "expected", "charge.daily", "F02: ", "right under  --policy daily_position=last", "diverges\n"):
        assert said in done.out


def test_a_fixed_setting_counts_and_is_told() -> None:
    verdict = judged("fixed", SutSettings(policy_from({"refund": "none"}), DEFAULT))
    assert verdict.terms is not None
    assert (verdict.terms.policy, verdict.policy["refund"], verdict.word) == ({"refund": "to_source"}, "to_source", "diverges")
