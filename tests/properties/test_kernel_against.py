"""Two settings compared by kernels, against the oracle alone: whole reports are the same, byte for byte."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command.conftest import generate, opened, record
from properties.test_kernel import as_line, mixed, plain, runs, written
from recorded_worlds import Records
from tokenspec.oracle import Oracle
from tokenspec.oracle.fuzz.worlds import FuzzWorld
from tokenspec.oracle.logs import against as module
from tokenspec.oracle.logs.against import Against
from tokenspec.oracle.logs.kernel import settings_compared
from tokenspec.oracle.logs.kernel.run import replay_by_kernel
from tokenspec.oracle.logs.kernel.settings_compared import LeadingKernel
from tokenspec.oracle.logs.policies_tried import explain, note_ties
from tokenspec.oracle.logs.replay import replay
from tokenspec.oracle.report.forms import as_json
from tokenspec.oracle.report.replay import replay_report
from tokenspec.oracle.report.replays.against import SettingsComparison
from tokenspec.oracle.wire.log_files import Line, Logs
from tokenspec.spec.policies import POLICIES

__all__ = ["plain", "runs"]
OF_IDS = ("repeated_id", "refused_id")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """One account is most touched, so that of all others the kernels have the numbers."""
    for each in (module, settings_compared):
        monkeypatch.setattr(each, "SHOWN", 1)


def other_than(world: FuzzWorld, dice: random.Random) -> FuzzWorld:
    """Other choices of some policies, or other figures."""
    asked = [policy for policy in POLICIES if policy.name not in OF_IDS or dice.random() < 0.1]
    policy = {each.name: dice.choice(each.answers)[0] for each in dice.sample(asked, dice.choice((1, 5, 9)))}
    catalogue: Any = world.catalogue
    if dice.random() < 0.3:
        plans = {name: plan | {"allowance": 2 * plan["allowance"]} for name, plan in catalogue.plans.items()}
        catalogue = catalogue.but(plans=plans, daily=catalogue.daily + 7)
    return FuzzWorld({**world.policy, **policy}, catalogue, world.resets)


class Rows:
    """The same lines as those of a table."""

    def __init__(self, logs: Logs) -> None:
        self._logs, self.names = logs, logs.names
        self.row_count = sum(1 for _ in logs)

    def __iter__(self) -> Iterator[Line]:
        return iter(self._logs)


def report(logs: Logs | Rows, world: FuzzWorld, other: FuzzWorld, by_kernel: bool) -> tuple[str, Against, bool]:
    """The report of a comparison as JSON, the comparison, and whether kernels made it."""
    oracle = Oracle(world.policy, world.catalogue, world.resets)
    against = Against(oracle, Oracle(other.policy, other.catalogue, other.resets))
    fast = replay_by_kernel(logs, oracle, smallest=0, against=against) if by_kernel else None
    found, lines = fast or (replay(logs, oracle, against=against), logs)
    explain(found, lines, oracle)
    note_ties(found, lines, oracle)
    made = SettingsComparison(against, found.accounts).added_to(replay_report(found, oracle, logs.names))
    return as_json(made.data()), against, fast is not None


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.03])
def test_comparisons_are_the_same(runs: list[tuple[FuzzWorld, Records]], tmp_path: Path, share: float) -> None:
    dice, made, further = random.Random(f"against {share}"), 0, 0
    for world, records in runs[share > 0 :: 2]:
        paths, other = written(tmp_path, mixed(records, 3, dice, share), dice), other_than(world, dice)
        logs = Logs(list(map(str, paths)))
        fast, against, is_fast = report(dice.choice((logs, Rows(logs))), world, other, by_kernel=True)
        slow, _, _ = report(logs, world, other, by_kernel=False)
        assert fast == slow
        made, further = made + is_fast, further + len(against.further)
    assert made > len(runs) // 5
    assert further > 2, further


AT = "2026-07-15T09:00:00Z"
STATE = {"status": "active", "plan": "premium", "balances": {"daily": 90, "fast": 100}, "next_renewal_at": "2026-08-01T07:00:00Z"}


def lives() -> Records:
    """Accounts that begin in mid-life or not, with models that the kernel asks for, and retries of jobs."""
    accounts = [f"ä{n}" for n in range(12)]
    made = [record(name, AT, "snapshot", state=STATE) if n % 3 else opened(name, AT) for n, name in enumerate(accounts)]
    for n, name in enumerate(accounts):
        asked = {**generate(name, AT, "j1", 8 + n), "id": "i", "model": ("Ideogram", "Nano Banana")[n % 2]}
        del asked["origin"]
        made += [asked] * (1 + n % 2)
    return made + [record(name, AT, "refund", job="j1") for name in accounts[:9]]


@pytest.mark.parametrize("other", [{"refund": "none"}, {"daily_position": "last"}])
def test_what_is_touched_is_told_without_a_further_pass(
    other: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the most touched account its first differing record, whatever the account began with."""
    monkeypatch.setattr(LeadingKernel, "numbered", None)
    own = Oracle()
    world, there = (FuzzWorld({**own.policy, **each}, own.catalogue, own.resets) for each in ({}, other))
    logs = Logs(list(map(str, written(tmp_path, list(map(as_line, lives())), random.Random(1)))))
    for shown, lines in ((1, logs), (5, Rows(logs))):
        for each in (module, settings_compared):
            monkeypatch.setattr(each, "SHOWN", shown)
        fast, against, is_fast = report(lines, world, there, True)
        slow, _, _ = report(lines, world, there, False)
        assert fast == slow
        assert (is_fast, len(against.touched), len(against.further) > 0) == (True, shown, True)


@pytest.mark.slow
def test_what_conforms_and_is_not_touched_needs_no_oracle(plain: list[tuple[FuzzWorld, Records]], tmp_path: Path) -> None:
    dice, dirty, accounts = random.Random(4), 0, 0
    for world, records in [(w, r) for w, r in plain if w.resets == "explicit"]:
        oracle, path = Oracle(world.policy, world.catalogue, world.resets), tmp_path / "log.jsonl"
        path.write_bytes(b"\n".join(mixed(records, 2, dice, 0.0)))
        other = Oracle(world.policy, world.catalogue, world.resets)
        if settings_compared.can_be_compared(oracle, other):
            kernel = LeadingKernel(Logs([str(path)]), oracle, other)
            kernel.find_dirty(None)
            assert (kernel.named, kernel.further) == ([], [])
            dirty, accounts = dirty + kernel.dirty, accounts + 1
    assert (dirty, accounts > 5) == (0, True)
