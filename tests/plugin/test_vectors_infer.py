"""`tokenspec vectors run --policy infer`: vectors against an implementation whose settings are not known."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from command.conftest import SETTINGS
from plugin.suites import STORIES, vector, write_suite
from sut.calling import call, sut
from sut.implementation import Beside, Undecided
from tokenspec.oracle.vectors.infer import OTHER_SETTING, Inferring
from tokenspec.oracle.vectors.own_suite import case_of
from tokenspec.oracle.vectors.run import FAILED, PASSED, SKIPPED
from tokenspec.oracle.vectors.run_suite import Run, run_suite
from tokenspec.oracle.vectors.suite import Case


@cache
def cases() -> list[Case]:
    return [case_of(vector(name)) for name in STORIES]


def results(run: Run) -> dict[str, str]:
    return {each.id: each.result for each in run.results}


@pytest.mark.parametrize(("answer", "other"), [("to_source", "refunds-not-offered"), ("none", "refunded")])
def test_a_vector_of_another_setting_is_skipped_as_such(answer: str, other: str) -> None:
    run = run_suite(Beside("good", refund=answer), cases(), infers=True)
    assert results(run) == {name: SKIPPED if name == other else PASSED for name in STORIES}
    assert [each.why for each in run.results if each.result == SKIPPED] == [OTHER_SETTING]
    assert run.policies is not None
    assert run.policies["refund"] == [answer]
    assert run.settings == SETTINGS // 2 // 2  # the reset at midnight is shown as well


def test_what_no_setting_explains_fails() -> None:
    run = run_suite(Beside("gives_away"), cases(), infers=True)
    assert results(run) == {
        name: FAILED if name == "tokens-stay" else PASSED if name != "refunds-not-offered" else SKIPPED for name in STORIES
    }
    assert (run.settings, {len(answers) for answers in (run.policies or {}).values()}) == (0, {0})


def test_vectors_that_each_have_a_setting_and_together_none_fail() -> None:
    # Every vector but the first is answered as it says; the second and the third say the opposite of each other.
    client = Undecided({"refund": "none"}, {"refund": "to_source"}, by="world")
    assert set(results(run_suite(client, cases()[:3], policy=None)).values()) == {PASSED}
    run = run_suite(Undecided({"refund": "none"}, {"refund": "to_source"}, by="world"), cases()[:3], infers=True)
    (failed,) = (each for each in run.results if each.result == FAILED)
    assert (failed.id, failed.step) == ("refunds-not-offered", 3)
    assert failed.differences


def test_what_is_known_or_fixed_is_not_open() -> None:
    inferring = Inferring({"refund": "none"})
    found = [inferring.run(Beside("good", refund="none"), case) for case in cases()]
    assert [each.why for each in found if each.result == SKIPPED] == ["it turns on refund=to_source"]
    assert inferring.sets.answers(inferring.left)["refund"] == ["none"]
    run = run_suite(Beside("fixed"), cases(), infers=True)
    assert run.policies is not None
    assert run.policies["refund"] == ["to_source"]


@pytest.mark.slow
def test_accounts_may_begin_by_themselves_and_reasons_be_left_out() -> None:
    for fault in ("begins_opened", "outcomes_alone"):
        assert set(results(run_suite(Beside(fault), cases(), infers=True)).values()) == {PASSED, SKIPPED}
    failing = run_suite(Beside("error"), cases(), infers=True)
    assert set(results(failing).values()) == {FAILED}


@pytest.mark.slow
def test_the_command_tells_what_is_undetermined(tmp_path: Path) -> None:
    suite = write_suite(tmp_path / "suite")
    run = ("vectors", "run", suite, "--sut", sut("implementation.py", "refund=none"))
    assert call(*run, "-q").code == 15
    done = call(*run, "--policy", "infer", "-q")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("conforms under refund=none; undetermined: ")
    assert done.out.endswith(": 3 passed, 0 failed, 1 skipped\n")
    report = call(*run, "--policy", "infer", "--format", "json").report
    assert (report["passed"], report["skipped"], report["policies"]["refund"]) == (3, 1, ["none"])
    assert call(*run, "--policy", "infer", "--policy", "refund=to_source", "-q").code == 15
