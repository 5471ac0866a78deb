"""Suites of one's own are checked before they are believed, and lose nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from sut.calling import call, sut
from tokenspec.oracle.base.provenance import declaration
from tokenspec.oracle.base.whole_files import write_file
from tokenspec.oracle.vectors.build.write import check_place, write
from tokenspec.oracle.vectors.own_suite import add
from tokenspec.oracle.vectors.suite import INDEX, BadSuite, read_suite
from vectors.suites import GENERATED, OPENED, SUBSCRIBED, event, write_suite

RUNS = {
    "spent": [OPENED, GENERATED],
    "plan": [OPENED, SUBSCRIBED, GENERATED | {"cost": 200}, event("upgrade", plan="ultimate")],
    "refused": [OPENED, event("transfer", to="b", amount=5)],
}


def changed(suite: Path, name: str, change: Callable[[Any], object], digest: str | None = None) -> Path:
    """A vector of a suite changed, its sha256 mended, and the suite's digest, if one is given."""
    path, index = suite / "vectors" / f"{name}.json", suite / "index.json"
    vector, listed = json.loads(path.read_text()), json.loads(index.read_text())
    change(vector)
    path.write_text(json.dumps(vector))
    for entry in listed["vectors"]:
        if entry["id"] == name:
            entry["sha256"] = sha256(path.read_bytes()).hexdigest()
    index.write_text(json.dumps(listed | ({"digest": digest} if digest else {})))
    return path


def last(**changes: Any) -> Callable[[Any], object]:
    return lambda vector: vector["steps"][-1]["expect"].update(changes)


WRONG: dict[str, tuple[str, Callable[[Any], object], str]] = {
    "a pool": ("spent", lambda v: v["steps"][-1]["expect"]["balances"].update(daily=150), "step 2: balances.daily"),
    "a pool missing": ("spent", lambda v: v["steps"][-1]["expect"]["balances"].pop("api"), "step 2: balances.api"),
    "an outcome": ("refused", last(outcome="accepted"), "step 2: outcome"),
    "a reason": ("refused", last(reason="plan_must_exist"), "step 2: reason"),
    "no reason": ("refused", lambda v: v["steps"][-1]["expect"].pop("reason"), "step 2: reason"),
    "a reason too many": ("spent", last(reason="plan_must_exist"), "step 2: reason"),
    "a charge": ("spent", last(charge={"daily": 23}), "step 2: charge.daily"),
    "no charge": ("spent", lambda v: v["steps"][-1]["expect"].pop("charge"), "step 2: charge.daily"),
    "a mode": ("spent", last(mode="relaxed"), "step 2: mode"),
    "a plan": ("plan", last(plan="premium"), "step 4: plan"),
    "an instant": ("plan", last(next_renewal_at="2026-08-16T09:00:00Z"), "step 4: next_renewal_at"),
    "another request": ("spent", lambda v: v["steps"][-1]["request"].update(cost=25), "step 2: charge.daily"),
    "another setting": ("plan", lambda v: v["policy"].update(upgrade_grant="full"), "step 4: balances.fast"),
    "another catalogue": ("spent", lambda v: v["catalogue"].update(daily=151), "step 1: balances.daily"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_vector_whose_answers_are_not_the_specifications_is_neither_run_nor_added(tmp_path: Path, name: str) -> None:
    about, change, says = WRONG[name]
    suite = write_suite(tmp_path / "s", RUNS)
    file = changed(suite, about, change)
    run = call("vectors", "run", suite, "--sut", sut("implementation.py"))
    assert (run.code, run.out, f"{about}.json: {says}: the vector expects " in run.err) == (65, "", True)
    added = call("vectors", "add", tmp_path / "own", file)
    assert (added.code, added.out, f"{about}.json: {says}: the vector expects " in added.err) == (65, "", True)
    assert not (tmp_path / "own").exists()


@pytest.mark.parametrize(("name", "value"), [("outcome", '"refused"'), ("daily", "7"), ("event", '"cancel"'), ("id", '"other"')])
def test_a_name_that_stands_twice_in_a_vector_is_not_guessed_at(tmp_path: Path, name: str, value: str) -> None:
    suite = write_suite(tmp_path / "s", RUNS)
    file = changed(suite, "spent", lambda _: None)
    text = file.read_text()
    file.write_text(text.replace(f'"{name}":', f'"{name}": {value}, "{name}":', 1))
    index = suite / "index.json"
    listed = json.loads(index.read_text())
    listed["vectors"][0]["sha256"] = sha256(file.read_bytes()).hexdigest()
    index.write_text(json.dumps(listed))
    for done in (
        call("vectors", "run", suite, "--sut", sut("implementation.py")),
        call("vectors", "add", tmp_path / "own", file),
    ):
        assert (done.code, done.out, "spent.json" in done.err, f"{name} occurs twice" in done.err) == (65, "", True, True)


@pytest.mark.parametrize(
    ("name", "value"), [("policies", {"refund": "none"}), ("title", "another"), ("clauses", []), ("resets", "implied")]
)
def test_an_index_that_says_other_things_of_a_vector_is_not_believed(tmp_path: Path, name: str, value: Any) -> None:
    # By its policies a vector is skipped.
    suite = write_suite(tmp_path / "s", RUNS)
    listed = json.loads((suite / "index.json").read_text())
    listed["vectors"][0][name] = value
    (suite / "index.json").write_text(json.dumps(listed))
    done = call("vectors", "run", suite, "--sut", sut("implementation.py"))
    assert (done.code, done.out, f"in the index it has other {name}" in done.err) == (65, "", True)


def test_a_request_does_not_tell_the_implementation_what_is_right(tmp_path: Path) -> None:
    suite = write_suite(tmp_path / "s", RUNS)
    changed(suite, "spent", lambda vector: vector["steps"][-1]["request"].update(observed=vector["steps"][-1]["expect"]))
    done = call("vectors", "run", suite, "--sut", sut("implementation.py"))
    assert (done.code, done.out, "spent.json: step 2: observed" in done.err) == (65, "", True)


def test_a_suite_that_holds_a_wrong_vector_takes_no_other(tmp_path: Path) -> None:
    suite, other = write_suite(tmp_path / "s", RUNS), write_suite(tmp_path / "t", {"more": [OPENED]})
    changed(suite, "spent", last(mode="relaxed"))
    before = (suite / "index.json").read_bytes()
    added = call("vectors", "add", suite, other / "vectors" / "more.json")
    assert (added.code, "spent.json: step 2: mode" in added.err) == (65, True)
    assert (suite / "index.json").read_bytes() == before


@pytest.mark.parametrize("digest", ["", "0" * 64])
def test_a_suite_of_another_declaration_is_worked_out_again(tmp_path: Path, digest: str) -> None:
    suite = write_suite(tmp_path / "s", RUNS)
    # It may have been made before there was a policy.
    changed(suite, "plan", lambda vector: vector["policy"].pop("refund"), digest or "0")
    done = call("vectors", "run", suite, "--sut", sut("implementation.py"), "--format", "json")
    assert (done.code, done.report["passed"], done.report["digest"]) == (0, 3, declaration())
    assert done.report["suite"]["digest"] == (digest or "0")
    # What is added to it makes it one of this declaration, so that all of it is looked at.
    other = write_suite(tmp_path / "t", {"more": [OPENED]})
    changed(suite, "spent", last(mode="relaxed"))
    run = call("vectors", "run", suite, "--sut", sut("implementation.py"))
    added = call("vectors", "add", suite, other / "vectors" / "more.json")
    assert [(each.code, "spent.json: step 2: mode" in each.err) for each in (run, added)] == [(65, True)] * 2


def test_a_vector_made_before_there_was_a_policy_is_worked_out_when_it_is_added(tmp_path: Path) -> None:
    suite, own = write_suite(tmp_path / "s", RUNS), tmp_path / "own"

    def older(vector: Any) -> None:
        del vector["policy"]["refund"], vector["policy"]["month_end"]

    assert call("vectors", "add", own, changed(suite, "plan", older)).code == 0
    found = read_suite(own)
    vector = found.case(found.index.vectors[0]).vector
    assert (vector.policy["refund"], vector.policy["month_end"]) == ("to_source", "return_to_day")
    wrong = changed(suite, "spent", older)
    changed(suite, "spent", lambda vector: vector["steps"][0]["expect"]["balances"].update(daily=7))
    added = call("vectors", "add", own, wrong)
    assert (added.code, "spent.json: step 1: balances.daily: the vector expects 7, and 150 is right" in added.err) == (65, True)


def test_a_vector_that_the_index_has_lost_is_named(tmp_path: Path) -> None:
    suite = write_suite(tmp_path / "s", RUNS)
    index = suite / "index.json"
    listed = json.loads(index.read_text())
    listed["vectors"] = [entry for entry in listed["vectors"] if entry["id"] != "spent"]
    index.write_text(json.dumps(listed))
    done = call("vectors", "run", suite, "--sut", sut("implementation.py"), "--format", "json")
    assert (done.code, done.report["passed"], done.report["suite"]["not_in_the_index"]) == (0, 2, ["spent"])
    text = call("vectors", "run", suite, "--sut", sut("implementation.py")).out
    assert "1 in the folder and not in the index, so not run: spent\n" in text


def test_the_pytest_plugin_believes_no_suite_either(tmp_path: Path) -> None:
    suite = write_suite(tmp_path / "s", RUNS)
    changed(suite, "spent", last(mode="relaxed"))
    found = read_suite(suite)
    with pytest.raises(BadSuite, match="step 2: mode"):
        found.case(found.index.vectors[0])


@pytest.mark.slow
def test_what_several_add_at_once_is_all_there(tmp_path: Path) -> None:
    names = [f"v{number}" for number in range(24)]
    runs = {name: [OPENED | {"account": name}, GENERATED | {"account": name}] for name in names}
    made = write_suite(tmp_path / "made", runs)
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda name: add(tmp_path / "own", [made / "vectors" / f"{name}.json"]), names))
    assert added == [([name], []) for name in names]
    own = read_suite(tmp_path / "own")
    assert sorted(entry.id for entry in own.index.vectors) == sorted(names)
    assert [own.case(entry).id for entry in own.index.vectors] == [entry.id for entry in own.index.vectors]
    assert sorted(path.name for path in (tmp_path / "own").iterdir()) == ["index.json", "vectors"]


def test_a_build_that_was_ended_on_its_way_is_run_again_over_what_it_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite, files = tmp_path / "suite", {name: name.encode() for name in (INDEX, "vectors/a.json", "vectors/b.json")}

    def ended(option: str, path: Path, content: bytes) -> None:
        if path.name == "b.json":
            raise KeyboardInterrupt
        write_file(option, path, content)

    with monkeypatch.context() as patch:
        patch.setattr("tokenspec.oracle.vectors.build.write.write_file", ended)
        with pytest.raises(KeyboardInterrupt):
            write(files, suite)
    assert read_suite(suite).index.vectors == []
    check_place(suite)
    write(files, suite)
    assert {str(path.relative_to(suite)): path.read_bytes() for path in suite.rglob("*") if path.is_file()} == files
