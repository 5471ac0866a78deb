"""The suite that comes along: it is what the declaration says, it is whole, and it has no answers of its own.

TOKENSPEC_EFFORT=10 and more builds all of it anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from command.conftest import tokenspec
from differential.walks import EFFORT
from programs import A_MINUTE
from sut.calling import call
from tokenspec.oracle.base.provenance import declaration
from tokenspec.oracle.check.mutants.campaign import seeded
from tokenspec.oracle.vectors.build.executed import play, world_of
from tokenspec.oracle.vectors.build.scenarios import SCENARIOS
from tokenspec.oracle.vectors.build.target import candidate_of
from tokenspec.oracle.vectors.build.write import differing, write
from tokenspec.oracle.vectors.suite import Case, Suite, default_suite, record_of
from tokenspec.oracle.wire.resets import resets_from
from tokenspec.oracle.wire.settings import catalogue_from
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import POLICIES

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "oracle" / "vectors"


@pytest.fixture(scope="module")
def suite() -> Suite:
    return default_suite()


@pytest.fixture(scope="module")
def cases(suite: Suite) -> list[Case]:
    return [suite.case(entry) for entry in suite.index.vectors]


def test_it_is_of_this_declaration_and_every_file_is_listed(suite: Suite) -> None:
    assert suite.path == PLACE
    assert suite.index.digest == declaration()
    assert {path.stem for path in (PLACE / "vectors").iterdir()} == {entry.id for entry in suite.index.vectors}


@pytest.mark.slow
def test_every_answer_is_the_oracle_s_and_every_edge_is_gone_along(cases: list[Case]) -> None:
    for case in cases:
        world = world_of(case.vector.policy, catalogue_from(case.vector.catalogue), resets_from(case.vector.resets))
        played = play(world, [record_of(step) for step in case.vector.steps])
        assert [a.as_dict() for a in played.answers] == [step.expect.as_dict() for step in case.vector.steps], case.id
        assert list(played.edges) == case.entry.edges, case.id


@pytest.mark.parametrize("resets", ["explicit", "implied"])
def test_every_scenario_is_in_it_as_it_is_told(cases: list[Case], resets: str) -> None:
    written = {case.id: case.vector.title for case in cases}
    told = [candidate_of(scenario, resets) for scenario in SCENARIOS if resets in scenario.resets]
    assert {each.id: written.get(each.id) for each in told} == {each.id: each.title for each in told}


def test_only_what_no_run_comes_to_is_not_met(suite: Suite) -> None:
    coverage = suite.index.coverage
    clock_alone = ["daily_reset_falls_due", "renewal_falls_due", "renewal_falls_due"]
    assert [name.split()[0] for name in coverage["outcomes"]["not_met"]] == clock_alone
    assert coverage["policy_answers"] == {"all": sum(len(policy.answers) for policy in POLICIES), "not_met": []}
    assert coverage["pairs"] > coverage["outcomes"]["all"]
    faults = coverage["faults"]
    listed = len(faults["refused"]) + len(faults["equivalent"]) + len(faults["no_run_shows"])
    assert faults["found"] + faults["ledger_alone"] + listed == faults["all"] == len(seeded(DEFAULT))
    assert len(faults["no_run_shows"]) < 0.03 * faults["all"]
    # Of what is kept beside balances (ids, entries, clocks, answers) every fault is found.
    assert faults["beside"]["no_run_shows"] == []
    assert faults["beside"]["all"] > 80


def test_it_is_as_small_as_a_choice_among_its_candidates_can_be(suite: Suite) -> None:
    for part in suite.index.coverage["parts"]:
        chosen = part["vectors"] - part["listed"]
        assert part["least_of_candidates"] <= chosen <= 1.05 * part["least_of_candidates"]
        assert 0 < part["listed"] < chosen / 2


def test_titles_tell_vectors_apart_and_ids_are_short(suite: Suite) -> None:
    titles = [(entry.resets, entry.title) for entry in suite.index.vectors]
    assert len(set(titles)) > 0.9 * len(titles)
    assert sum(path.stat().st_size for path in (PLACE / "vectors").iterdir()) < 16_000_000


def schema_of(name: str) -> Draft202012Validator:
    schema = json.loads((PLACE / "schemas" / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_schemas_describe_it() -> None:
    schema_of("index").validate(json.loads((PLACE / "index.json").read_text()))  # raises if not
    vectors = schema_of("vector")
    for path in sorted((PLACE / "vectors").iterdir())[::40]:
        vectors.validate(json.loads(path.read_text()))


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v["steps"][0]["request"].update(event="explode"),
        lambda v: v["steps"][0]["request"].update(op="open"),
        lambda v: v["steps"][0]["expect"].pop("plan"),
        lambda v: v["steps"][0]["expect"].update(colour="red"),
        lambda v: v.update(resets="sometimes"),
        lambda v: v.update(steps=[]),
        lambda v: v.pop("title"),
    ],
)
def test_the_schema_of_a_vector_refuses_what_is_none(change: Any) -> None:
    vector = json.loads((PLACE / "vectors" / "bank-stops-at-three-months.json").read_text())
    change(vector)
    assert not schema_of("vector").is_valid(vector)


def test_files_that_differ_are_named(tmp_path: Path) -> None:
    files = {"index.json": b"{}", "vectors/kept.json": b"[]", "vectors/new.json": b"1"}
    write(files, tmp_path / "suite")
    assert differing(files, tmp_path / "suite") == []
    (tmp_path / "suite" / "vectors" / "kept.json").write_text("changed")
    (tmp_path / "suite" / "vectors" / "old.json").write_text("{}")
    wanted = files | {"vectors/newer.json": b"2"}
    assert differing(wanted, tmp_path / "suite") == ["vectors/kept.json", "vectors/newer.json", "vectors/old.json"]
    write(wanted, tmp_path / "suite")
    assert differing(wanted, tmp_path / "suite") == []


def test_a_directory_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    done = call("vectors", "build", "--out", tmp_path)
    assert (done.code, [path.name for path in tmp_path.iterdir()]) == (64, ["notes.txt"])


def test_a_place_that_cannot_be_made_is_told_before_anything_is_built(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    done = call("vectors", "build", "--out", tmp_path / "notes.txt" / "suite")
    assert (done.code, "cannot be written: not a directory" in done.err) == (64, True)


def test_a_check_of_nothing_is_a_missing_input(tmp_path: Path) -> None:
    assert call("vectors", "build", "--out", tmp_path / "none", "--check").code == 66


@pytest.mark.slow
@pytest.mark.skipif(EFFORT < 10, reason=A_MINUTE)
def test_building_it_anew_gives_the_same_bytes() -> None:
    done = tokenspec("vectors", "build", "--out", PLACE, "--check", timeout=1_800)
    assert (done.code, done.err) == (0, "")
