"""The example logs: right as they stand, wrong as soon as anything in them is changed, and described in their README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tokenspec.oracle.logs.replay import replay
from tokenspec.oracle.publish.documents import _examples
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.log_files import Logs
from tokenspec.oracle.wire.settings import catalogue_from_file
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.clauses import CLAUSES
from tokenspec.spec.policies import POLICIES

ROOT = Path(__file__).parents[2]
LOGS = sorted((ROOT / "examples").glob("*.jsonl"))


def test_all_logs_agree_with_the_oracle_in_one_world() -> None:
    report = replay(Logs([str(path) for path in LOGS]), Oracle())
    assert (report.bad, report.divergences) == ([], [])
    assert report.all_compared == report.records > 300


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_every_line_says_what_was_observed(path: Path) -> None:
    assert all('"observed"' in line for line in path.read_text().splitlines())


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_a_changed_balance_is_noticed(path: Path, tmp_path: Path) -> None:
    text = path.read_text()
    last = list(re.finditer(r'"(daily|fast|rollover|topup|api)": ?(\d+)', text.partition('"observed"')[2]))[-1]
    start = len(text.partition('"observed"')[0]) + len('"observed"')
    changed = tmp_path / path.name
    changed.write_text(text[: start + last.start(2)] + str(int(last[2]) + 1) + text[start + last.end(2) :])
    report = replay(Logs([str(changed)]), Oracle())
    assert len(report.divergences) == 1
    assert last[1] in report.divergences[0].differences[0][0]


@pytest.mark.parametrize("setting", [(p.name, answer) for p in POLICIES for answer, _ in p.answers[1:]], ids="=".join)
def test_the_logs_tell_every_policy_from_its_default(setting: tuple[str, str]) -> None:
    # Where no plan includes API tokens, no log can tell what a month does to them.
    if setting[0] == "api_renewal":
        assert not any(plan["api"] for plan in DEFAULT.plans.values())
        return
    assert replay(Logs([str(path) for path in LOGS]), Oracle(dict([setting]))).divergences


def test_the_readme_lists_every_log_with_clauses_that_exist() -> None:
    shown = _examples(ROOT, {"examples": "examples/README.md"})
    assert set(shown) <= set(CLAUSES)
    assert {path.name[:2] for path in LOGS} == {number for numbers in shown.values() for number in numbers}


def test_the_example_catalogue_is_a_good_one() -> None:
    catalogue = catalogue_from_file(ROOT / "examples" / "catalogue.toml")
    assert catalogue.ranking[0] == "free"
    assert len(catalogue.ranking) > 1
