"""Fuzzing under every setting that is left: what conforms under some setting does, and what no setting explains is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from command.conftest import read_lines
from sut.calling import call, sut
from sut.implementation import Beside, Undecided
from tokenspec.oracle import Oracle
from tokenspec.oracle.fuzz.conformance import Conformance, SutCounterexample, conform
from tokenspec.oracle.fuzz.sut_infer import NoSettingLeft
from tokenspec.oracle.report.conformance import counterexample_lines, sentence
from tokenspec.oracle.sut.client import Client
from tokenspec.oracle.sut.observed import reasons_from_file
from tokenspec.oracle.sut.world import SutSettings
from tokenspec.oracle.vectors.suite import Vector
from tokenspec.oracle.wire.answers import differences
from tokenspec.oracle.wire.settings import policy_from
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS, POLICIES

TWO_HALVES = "month_end=stay_clamped or refund=to_source"


def judged(client: Client, examples: int = 15, seed: int = 0, reasons: Any = None, **known: str) -> Conformance:
    return conform(client, SutSettings(policy_from(known), DEFAULT, reasons, known), examples, 30, seed)


def unexplained(verdict: Conformance) -> tuple[SutCounterexample, NoSettingLeft]:
    found = verdict.counterexample
    assert found is not None
    assert isinstance(found.error, NoSettingLeft)
    return found, found.error


OTHER = {p.name: p.answers[-1][0] for p in POLICIES}


@pytest.mark.slow
@pytest.mark.parametrize("settings", [OTHER, {**DEFAULTS, "upgrade_grant": "full", "lapse_bank": "frozen"}])
def test_an_implementation_conforms_under_the_setting_that_it_has(settings: dict[str, str]) -> None:
    verdict = judged(Beside("good", **settings), 40)
    assert (verdict.word, verdict.counterexample) == ("conforms", None)
    assert verdict.policies is not None
    assert all(settings[name] in answers for name, answers in verdict.policies.items())
    # What is left open is little, so that the verdict says something.
    assert verdict.settings <= 24
    assert all(verdict.policy[name] in answers for name, answers in verdict.policies.items())


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["outcomes_alone", "implied", "begins_opened", "one_medium"])
def test_the_setting_that_it_has_is_never_ruled_out(fault: str) -> None:
    verdict = judged(Beside(fault))
    assert verdict.word == "conforms"
    assert verdict.policies is not None
    assert all(DEFAULTS[name] in answers for name, answers in verdict.policies.items())
    assert (verdict.settings > 100) == (fault == "outcomes_alone")


def test_what_is_known_or_fixed_is_not_inferred() -> None:
    known = judged(Beside("good", refund="none"), 1, refund="none").policies
    assert known is not None
    assert known["refund"] == ["none"]
    assert judged(Beside("good", refund="none"), refund="to_source").word == "diverges"
    fixed = judged(Beside("fixed"), 1).policies
    assert fixed is not None
    assert fixed["refund"] == ["to_source"]


def test_what_no_setting_explains_diverges_and_each_way_is_shown() -> None:
    found, error = unexplained(judged(Beside("a_wrong_type")))
    assert (found.is_reproduced, len(found.records)) == (True, 1)
    assert [(way.policies, way.differences[-1][0]) for way in error.why.differing] == [({}, "balances.api")]
    found, error = unexplained(judged(Beside("gives_away")))
    assert [record["event"] for record in found.records] == ["transfer"]
    assert [(way.policies, way.differences) for way in error.why.differing] == [({}, [("outcome", "refused", "accepted")])]


@pytest.mark.parametrize("fault", ["error", "cannot_close", "changes_its_mind"])
def test_no_answer_at_all_is_a_divergence_that_is_not_about_settings(fault: str) -> None:
    verdict = judged(Beside(fault), 2)
    assert verdict.counterexample is not None
    assert verdict.counterexample.error.failed is not None
    assert (sentence(verdict), verdict.settings > 0) == ("diverges", True)


def explained_by(records: list[dict[str, Any]], policy: dict[str, str]) -> bool:
    oracle = Oracle(policy)
    return all(not differences(oracle.apply(record), record["observed"]) for record in records)


def undecided() -> Client:
    return Undecided({"month_end": "stay_clamped"}, {})


@pytest.fixture(scope="module")
def two_worlds() -> tuple[SutCounterexample, NoSettingLeft]:
    """What came of an implementation each account of which, and so mostly each world, has a setting; together they have none.

    Most other settings are known: with all of them open it takes several times as long to be made short.
    """
    known = {name: answer for name, answer in DEFAULTS.items() if name not in ("month_end", "refund", "burn_order", "lapse_bank")}
    return unexplained(judged(undecided(), 30, 0, None, **known))


@pytest.mark.slow
def test_what_one_world_rules_out_stays_ruled_out_in_the_next(two_worlds: tuple[SutCounterexample, NoSettingLeft]) -> None:
    found, error = two_worlds
    assert found.is_reproduced
    assert {out.policy for out in error.ruled_out} >= {"month_end"}
    by_account = {name: [r for r in found.records if r["account"] == name] for name in {r["account"] for r in found.records}}
    assert len(by_account) > 1
    for answer in ("return_to_day", "stay_clamped"):
        policy = {**DEFAULTS, "month_end": answer}
        assert not explained_by(found.records, policy)
        assert any(explained_by(records, policy) for records in by_account.values())


def test_two_worlds_that_cannot_be_one_are_shown_side_by_side_and_said_not_to_come_again() -> None:
    found, _ = unexplained(judged(Undecided({"burn_order": "rollover_fast_topup"}, {}, by="world"), 60))
    assert not found.is_reproduced
    assert {name[-1] for name in (record["account"] for record in found.records)} == {"1", "2"}
    assert not any(
        explained_by(found.records, {**DEFAULTS, "burn_order": a}) for a in ("fast_rollover_topup", OTHER["burn_order"])
    )


def test_own_words_for_refusals_count_under_each_setting(tmp_path: Path) -> None:
    codes: dict[str, list[str]] = {}
    for event in judged(Beside("good")).coverage.rows():
        if event[1].startswith("refused: "):
            codes.setdefault(f"E_{event[1][9:14]}".upper(), []).append(event[1][9:])
    (tmp_path / "words.toml").write_text("".join(f"{word} = {json.dumps(meant)}\n" for word, meant in codes.items()))
    verdict = judged(Beside("in_other_words"), reasons=reasons_from_file(tmp_path / "words.toml"))
    assert (verdict.word, verdict.settings < 100) == ("conforms", True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "made", [lambda: Beside("gives_away"), lambda: Undecided({"burn_order": "rollover_fast_topup"}, {}, by="world")]
)
def test_the_same_seed_gives_the_same_counterexample(made: Callable[[], Client]) -> None:
    first, second = (unexplained(judged(made(), 60))[0] for _ in range(2))
    assert first.records == second.records


@pytest.mark.slow
def test_a_divergence_is_told_with_what_was_ruled_out(two_worlds: tuple[SutCounterexample, NoSettingLeft]) -> None:
    told = "\n".join(counterexample_lines(two_worlds[0]))
    for said in (
        "a1: subscribe",
        "a2: subscribe",
        "rules out month_end=",
        "is explained by no setting left",
        "every setting left",
    ):
        assert said in told


@pytest.mark.slow
def test_the_verdict_names_what_is_undetermined() -> None:
    run = ("fuzz", "--sut", sut("implementation.py", "daily_position=last"), "--policy", "infer", "--examples", "6")
    done = call(*run, "--policy", "month_end=return_to_day", "--format", "json")
    assert (done.code, done.err, done.report["verdict"]) == (0, "", "conforms")
    assert done.report["policies"]["daily_position"] == ["last"]
    assert done.report["policies"]["month_end"] == ["return_to_day"]
    assert done.report["policy"].keys() == done.report["policies"].keys() == DEFAULTS.keys()
    assert done.report["fixed"] == {}
    verdict = call(*run, "-q").out
    assert verdict.startswith("conforms under daily_position=last")
    assert "; undetermined: " in verdict


@pytest.mark.slow
def test_a_divergence_is_reported_saved_and_replayed_under_all_settings(tmp_path: Path) -> None:
    log, as_vector = tmp_path / "found.jsonl", tmp_path / "found.json"
    # All other settings are known: a run in which they are open takes ten times as long to be made short.
    known = [f"--policy={name}={answer}" for name, answer in DEFAULTS.items() if name not in ("month_end", "refund")]
    command = ("fuzz", "--sut", sut("implementation.py", *TWO_HALVES.split()), "--policy", "infer", *known)
    done = call(*command, "--examples", "40", "--seed", "3", "--save", log, "--save", as_vector, "--format", "json")
    assert (done.code, done.err) == (15, "")
    report, found = done.report, done.report["counterexample"]
    assert (report["verdict"], report["settings"], set(map(len, report["policies"].values()))) == ("diverges", 0, {0})
    assert found["explained_by"] == []
    assert {out["policy"] for out in found["ruled_out"]} >= {"month_end"}
    first, *others = found["records"]
    assert read_lines(log) == [first | {"observed_as": "answer"}, *others]
    again = call("replay", log, "--policy", "infer", *known, "--format", "json").report
    (divergence,) = again["divergences"]
    assert (divergence["line"], divergence["field"]) == (len(found["records"]), found["field"])
    vector = json.loads(as_vector.read_text())
    assert [step["request"]["event"] for step in vector["steps"]] == [record["event"] for record in found["records"]]


def test_a_saved_vector_has_the_oracles_answers(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    wrong = sut("implementation.py", "daily_position=last")
    done = call("fuzz", "--sut", wrong, "--examples", "40", "--steps", "30", "--save", file)
    assert done.code == 15
    vector = json.loads(file.read_text())
    assert vector.keys() == set(Vector.__struct_fields__)
    oracle = Oracle(vector["policy"], vector["catalogue"], vector["resets"])
    for step in vector["steps"]:
        assert oracle.apply({k: v for k, v in step["request"].items() if k != "op"}).as_dict() == step["expect"]


WRONG = [
    (("fuzz", "--policy", "infer"), "goes with --sut"),
    (("fuzz", "--save", "found.py"), "goes with --sut"),
    (("fuzz", "--sut", "x", "--save", "-"), "not to standard output"),
    (("explain", "x.jsonl", "--account", "a", "--policy", "infer"), "this run needs every setting, as NAME=ANSWER"),
    (("fuzz", "--sut", "x", "--policy", "infer", "--policy", "refund=maybe"), "not among its answers"),
]


@pytest.mark.parametrize(("arguments", "why"), WRONG)
def test_where_nothing_can_be_inferred_or_saved_the_usage_is_wrong(arguments: tuple[str, ...], why: str) -> None:
    done = call(*arguments)
    assert (done.code, done.out) == (64, "")
    assert why in done.err
