"""Running vectors: what passes, fails or is skipped, how it is reported, and suites that are broken."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from sut.calling import call, sut
from sut.implementation import Beside
from tokenspec.oracle.sut.observed import reasons_from_file
from tokenspec.oracle.vectors.run_suite import run_suite
from tokenspec.oracle.vectors.suite import read_suite
from vectors.suites import GENERATED, OPENED, SUBSCRIBED, event, write_suite

LATER = "2026-08-15T09:00:00Z"
RUNS = {
    "open": [OPENED, GENERATED],
    "plan": [OPENED, SUBSCRIBED, event("upgrade", plan="ultimate")],
    "twice": [OPENED, GENERATED | {"id": "e1"}, GENERATED | {"id": "e1"}],
    "bank": [OPENED, SUBSCRIBED, event("renew", LATER), GENERATED | {"at": LATER, "cost": 50_150}],
}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_suite(tmp_path_factory.mktemp("suite") / "s", RUNS)


def results(suite: Path, fault: str, reasons: Path | None = None, **policy: str) -> dict[str, str]:
    found = read_suite(suite)
    cases = [found.case(entry) for entry in found.index.vectors]
    words = reasons_from_file(reasons) if reasons is not None else None
    return {each.id: each.result for each in run_suite(Beside(fault), cases, words, policy).results}


@pytest.mark.parametrize("fault", ["good", "other_notation", "outcomes_alone", "fixed", "begins_opened"])
def test_what_answers_rightly_passes(suite: Path, fault: str) -> None:
    skipped = {"twice": "skipped"} if fault == "outcomes_alone" else {}
    assert results(suite, fault) == dict.fromkeys(RUNS, "passed") | skipped


@pytest.mark.parametrize(
    ("fault", "skipped"),
    [
        ("without_jobs", {"bank"}),
        ("nothing_listed", set(RUNS)),
        ("nothing_observed", set(RUNS)),
        ("cannot_open", set(RUNS)),
        ("implied", set(RUNS)),
        ("nothing_sendable", set(RUNS)),
        ("one_medium", {"plan"}),
    ],
)
def test_what_an_implementation_does_not_take_is_skipped(suite: Path, fault: str, skipped: set[str]) -> None:
    found = results(suite, fault)
    assert {name for name, result in found.items() if result == "skipped"} == skipped
    assert set(found.values()) <= {"skipped", "passed"}


def test_a_vector_that_turns_on_another_setting_is_skipped_and_one_that_does_not_is_run(tmp_path: Path) -> None:
    other = write_suite(tmp_path / "s", {"last": RUNS["plan"]}, policies={"daily_position": "last"})
    assert results(other, "good", daily_position="first") == {"last": "skipped"}
    assert results(other, "good", daily_position="last", refund="none") == {"last": "passed"}


@pytest.mark.parametrize(
    "fault", ["error", "a_field_missing", "a_wrong_type", "lists_for_objects", "an_unknown_event", "no_events"]
)
def test_what_answers_wrongly_fails_everything(suite: Path, fault: str) -> None:
    assert results(suite, fault) == dict.fromkeys(RUNS, "failed")


def test_one_pool_for_another_fails_the_vector_about_it(suite: Path) -> None:
    assert results(suite, "lies_about_charges") == dict.fromkeys(RUNS, "passed") | {"bank": "failed"}


def test_refusals_in_other_words_are_translated(tmp_path: Path) -> None:
    refused = write_suite(tmp_path / "s", {"refused": [OPENED, OPENED]})
    words = tmp_path / "words.toml"
    words.write_text('E_ACCOU = ["account_must_be_new", "account_must_exist"]\n')
    assert results(refused, "in_other_words") == {"refused": "failed"}
    assert results(refused, "in_other_words", words) == {"refused": "passed"}


SPEECHLESS = """
import json, sys
from tokenspec.oracle.serve.server import Server

server = Server()
for line in sys.stdin:
    answer = server.handle(json.loads(line))
    said = {"outcome": answer["outcome"]} if "outcome" in answer else answer
    print(json.dumps(said | ({"name": "speechless", "observes": ["outcome"]} if "observes" in answer else {})), flush=True)
"""


def test_reasons_that_nobody_gives_are_not_compared_and_counted(tmp_path: Path) -> None:
    refused = write_suite(tmp_path / "s", {"refused": [OPENED, OPENED], "open": [OPENED]})
    (tmp_path / "speechless.py").write_text(SPEECHLESS)
    run = ("vectors", "run", refused, "--sut", shlex.join([sys.executable, str(tmp_path / "speechless.py")]))
    done = call(*run)
    assert (done.code, done.out.split()[0]) == (0, "speechless")
    assert "\n1 refusal without a reason that is observed or answered: it was not compared\n" in done.out
    assert "\nnot compared: reason, mode, charge" in done.out
    assert call(*run, "--format", "json").report["reasons_not_compared"] == 1
    good = call("vectors", "run", refused, "--sut", sut("implementation.py"))
    assert (good.code, "without a reason" in good.out, "not compared" in good.out) == (0, False, False)


def test_a_world_that_is_not_closed_diverges(suite: Path) -> None:
    found = read_suite(suite)
    run = run_suite(Beside("cannot_close"), [found.case(entry) for entry in found.index.vectors])
    assert "not now" in run.not_closed


def test_one_process_serves_all_vectors_and_is_ended(suite: Path) -> None:
    done = call("vectors", "run", suite, "--sut", sut("implementation.py"), "--format", "json")
    assert (done.code, done.report["passed"], done.report["failed"], done.report["skipped"]) == (0, 4, 0, 0)
    assert [vector["result"] for vector in done.report["vectors"]] == ["passed"] * 4


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "says"), [("dies", "the ledger"), ("garbage", "not JSON"), ("hangs", "within 3 s")])
def test_one_that_dies_or_hangs_is_a_failure_with_its_last_words(tmp_path: Path, fault: str, says: str) -> None:
    cancelled = write_suite(tmp_path / "s", {"cancel": [OPENED, event("cancel")]})
    # Long enough for the process to have started on a busy machine, since it must have answered once.
    timeout = "3" if fault == "hangs" else "20"
    done = call("vectors", "run", cancelled, "--sut", sut("small.py", fault), "--format", "json", "--timeout", timeout)
    (vector,) = done.report["vectors"]
    assert (done.code, vector["result"], vector["step"], vector["field"]) == (15, "failed", 2, "answer")
    assert says in vector["got"]


def hidden_setting() -> str:
    return sut("implementation.py", "upgrade_grant=full")


def test_a_failure_is_told_with_what_was_expected(suite: Path, tmp_path: Path) -> None:
    spent = [OPENED, SUBSCRIBED, GENERATED | {"cost": 200}, event("upgrade", plan="ultimate")]
    other = write_suite(tmp_path / "s", {"spent": spent, "open": RUNS["open"]})
    done = call("vectors", "run", other, "--sut", hidden_setting(), "--format", "json")
    assert done.code == 15
    failed = done.report["vectors"][0]
    assert (failed["step"], failed["field"], failed["expected"], failed["got"]) == (4, "balances.fast", 59_950, 60_000)
    text = call("vectors", "run", other, "--sut", hidden_setting())
    assert "spent: the run spent" in text.out
    # The rule and the clauses are those of the step that is wrong, not those that the vector is about.
    assert ("F03:" in text.out, "because   upgrades: " in text.out, "A09:" in text.out) == (False, True, True)
    assert (
        "right under  upgrade_grant=full: this vector was opened under upgrade_grant=difference, and the implementation answered "
        "as under full; put that into `policy` of its answer to open\n" in text.out
    )
    assert failed["explained_by"] == [{"policy": "upgrade_grant", "answer": "full"}]
    assert text.out.endswith("diverges: 1 passed, 1 failed, 0 skipped\n")
    junit = ElementTree.fromstring(call("vectors", "run", other, "--sut", hidden_setting(), "--format", "junit").out)
    assert [(case.get("name"), len(case)) for case in junit.iter("testcase")] == [("spent", 1), ("open", 0)]
    sarif = json.loads(call("vectors", "run", other, "--sut", hidden_setting(), "--format", "sarif").out)
    (result,) = sarif["runs"][0]["results"]
    assert (result["ruleId"], result["properties"]) == ("spent", {"step": 4, "field": "balances.fast"})


@pytest.mark.parametrize(("part", "names"), [("1/2", ["open", "twice"]), ("2/2", ["plan", "bank"]), ("4/4", ["bank"])])
def test_slices_share_a_suite(suite: Path, part: str, names: list[str]) -> None:
    done = call("vectors", "run", suite, "--sut", sut("implementation.py"), "--slice", part, "--format", "json")
    assert [vector["id"] for vector in done.report["vectors"]] == names


@pytest.mark.parametrize("part", ["0/2", "3/2", "1", "a/b", "1/0"])
def test_a_slice_that_is_none_is_wrong_usage(suite: Path, part: str) -> None:
    done = call("vectors", "run", suite, "--sut", sut("implementation.py"), "--slice", part)
    assert (done.code, done.out) == (64, "")


@pytest.mark.parametrize("seconds", ["0", "nan", "inf", "1e300"])
def test_a_time_that_cannot_be_waited_is_wrong_usage(suite: Path, seconds: str) -> None:
    done = call("vectors", "run", suite, "--sut", sut("implementation.py"), "--timeout", seconds)
    assert (done.code, done.out) == (64, "")


def test_where_no_vector_is_left_there_is_no_verdict(suite: Path) -> None:
    done = call("vectors", "run", suite, "--sut", sut("implementation.py"), "--slice", "9/9")
    assert (done.code, done.out.splitlines()[-1]) == (20, "no verdict: 0 passed, 0 failed, 0 skipped")


def changed_vector(change: Callable[[Any], None]) -> Callable[[Path], None]:
    """A vector changed, with its sha256 mended, so that only what is in it is wrong."""

    def act(suite: Path) -> None:
        from hashlib import sha256

        path, index = suite / "vectors" / "open.json", suite / "index.json"
        vector, listed = json.loads(path.read_text()), json.loads(index.read_text())
        change(vector)
        path.write_text(json.dumps(vector))
        listed["vectors"][0]["sha256"] = sha256(path.read_bytes()).hexdigest()
        index.write_text(json.dumps(listed))

    return act


BROKEN: dict[str, tuple[Callable[[Path], Any], int, str]] = {
    "no directory": (lambda s: (s / "index.json").rename(s / "elsewhere"), 66, "index.json"),
    "a vector missing": (lambda s: (s / "vectors" / "open.json").unlink(), 66, "open.json"),
    "a vector changed": (lambda s: (s / "vectors" / "open.json").open("a").write(" "), 65, "sha256"),
    "an index that is no JSON": (lambda s: (s / "index.json").write_text("{"), 65, "index.json"),
    "an index of another format": (lambda s: (s / "index.json").write_text('{"format":2}'), 65, "index.json"),
    "an unknown event": (changed_vector(lambda v: v["steps"][0]["request"].update(event="explode")), 65, "step 1"),
    "a bad record": (changed_vector(lambda v: v["steps"][1]["request"].pop("cost")), 65, "cost: it is required"),
    "time that goes back": (changed_vector(lambda v: v["steps"][1]["request"].update(at="2026-07-15T08:00:00Z")), 65, "never"),
    "an unknown policy": (changed_vector(lambda v: v["policy"].update(refund="sometimes")), 65, "refund"),
    "a policy missing": (changed_vector(lambda v: v["policy"].pop("refund")), 65, "policy"),
    "half an answer": (changed_vector(lambda v: v["steps"][0]["expect"].pop("plan")), 65, "plan"),
    "an unknown field": (changed_vector(lambda v: v["steps"][0]["expect"].update(colour="red")), 65, "colour"),
    "a catalogue that cannot be": (changed_vector(lambda v: v["catalogue"].update(daily=0)), 65, "daily"),
    "an unknown clause": (changed_vector(lambda v: v.update(clauses=["Z99"])), 65, "Z99"),
    "another id": (changed_vector(lambda v: v.update(id="shut")), 65, "id"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_suite_is_not_run(tmp_path: Path, name: str) -> None:
    broken = write_suite(tmp_path / "s", RUNS)
    break_it, code, says = BROKEN[name]
    break_it(broken)
    done = call("vectors", "run", broken, "--sut", sut("implementation.py"))
    assert (done.code, done.out) == (code, "")
    assert says in done.err
