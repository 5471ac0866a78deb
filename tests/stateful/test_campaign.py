"""A default run meets everything, says so, is the same each time, and makes what it finds short."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from lang.machines import counter
from tokenspec.invariants.claims import claims
from tokenspec.machine.checkers.monitor import Violation
from tokenspec.machine.fuzzing.coverage import Coverage
from tokenspec.machine.mutation.edits import with_rule
from tokenspec.oracle.account.transplanted_bugs import FAULTS
from tokenspec.oracle.check.verdicts import ENGINES
from tokenspec.oracle.fuzz.campaign import CampaignResult, run
from tokenspec.oracle.logs.narrative import story
from tokenspec.oracle.logs.replay import replay
from tokenspec.oracle.report.config import FuzzConfig, Settings
from tokenspec.oracle.report.fuzz import exit_of, failure_lines, fuzz_report
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.log_files import Logs
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def result() -> CampaignResult:
    return run(120, seed_number=1)


def test_a_small_run_meets_every_rule_and_every_refusal(result: CampaignResult) -> None:
    assert result.failure is None
    assert result.cold == []
    assert all(hits > 0 for _, _, hits in result.coverage.rows())


def test_every_part_that_only_runs_can_check_is_checked_in_its_interesting_case(result: CampaignResult) -> None:
    parts = [(c.id, p) for c in claims(DEFAULT.ranking) for p in c.parts if ENGINES[type(p)] == ("fuzzer",)]
    assert [(claim, p.name) for claim, p in parts if not result.tally.witnesses[claim, p.name]] == []


def test_the_coldest_outcome_comes_first() -> None:
    made = Coverage((counter(),))
    names = list(made.rules)
    assert len(names) > 1
    for hits, name in enumerate(reversed(names), 1):
        for _ in range(hits):
            made.note_name("add", name)
    met = [(rule, hits) for _, rule, hits in made.rows() if hits]
    assert met == [(name, hits) for hits, name in enumerate(reversed(names), 1)]


def test_the_same_seed_gives_the_same_run() -> None:
    first, second = (fuzz_report(run(12, seed_number=5), FuzzConfig(12, 50, 5, Settings())).data() for _ in range(2))
    assert first | {"seconds": 0} == second | {"seconds": 0}


def test_another_seed_gives_another_run() -> None:
    assert run(4, seed_number=1).coverage.rules != run(4, seed_number=2).coverage.rules


@pytest.mark.parametrize("name", ["bank_without_ceiling", "packs_reset_at_renewal", "free_day_never_comes"])
def test_a_counterexample_is_short_and_its_log_can_be_replayed(name: str, tmp_path: Path) -> None:
    fault = next(f for f in FAULTS if f.id == name)
    found = run(60, machine=fault.seed(account()), only=fault.claim).failure
    assert found is not None
    assert isinstance(found.error, Violation)
    assert fault.claim == found.error.claim
    assert len(found.records) <= 8
    assert exit_of(found) == (13 if fault.claim == "never_stuck" else 12)
    log = tmp_path / "counterexample.jsonl"
    log.write_bytes(b"".join(msgspec.json.encode(r) + b"\n" for r in found.records))
    world = found.world
    replayed = replay(Logs([str(log)]), Oracle(world.policy, world.catalogue, world.resets))
    assert replayed.bad == []
    assert len(found.records) == replayed.records


def test_an_overlap_of_rules_is_told_in_few_records() -> None:
    planted = with_rule(account(), "ends_as_cancelled", lambda rule: replace(rule, source=(*rule.source, "past_due")))
    found = run(60, machine=planted, only="exactly_one_outcome").failure
    assert found is not None
    assert "renews, ends_as_cancelled applies" in str(found.error)
    assert [record["event"] for record in found.records] == ["open_account", "subscribe", "payment_failed", "renew"]


def test_a_story_shows_only_what_changed() -> None:
    fault = next(f for f in FAULTS if f.id == "bank_without_ceiling")
    found = run(60, machine=fault.seed(account()), only=fault.claim).failure
    assert found is not None
    text = "\n".join(failure_lines(found))
    assert "bank_within_three_months" in text
    assert "settings: resets" in text
    lines = list(story(found.records))
    assert len(lines) == 2 * len(found.records)
    assert "open_account" in lines[0]
    assert "status free" in lines[1]
    assert "status" not in lines[-1]
