"""Spin counts the states that our explorer counts, and finds a fault that is seeded into the declaration."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lang.test_readers_on_small_machines import PINNED
from lang.turnstile import FILLED, WORTH, turnstile
from plain_search import explore
from programs import has
from proofs.export_worlds import COUNTS, SEEDED, each_machine, each_small_setting, odd, of_account, of_corpus, of_machine
from tokenspec.invariants.claims import claims
from tokenspec.machine.checkers.exploration import instances
from tokenspec.machine.exporters.bounded_model import BoundedModel
from tokenspec.machine.exporters.promela import promela
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.lang.build import var
from tokenspec.machine.lang.declaration import Field
from tokenspec.machine.lang.expr import Lit
from tokenspec.machine.lang.types import Enum
from tokenspec.oracle.account.transplanted_bugs import FAULTS
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.system import daily_job

needs_spin = pytest.mark.skipif(not has("spin", "gcc"), reason="spin or gcc is not installed")


@dataclass(frozen=True)
class Verified:
    """What Spin came to."""

    states: int
    transitions: int
    report: str


def verified(world: BoundedModel, folder: Path) -> Verified:
    (folder / "model.pml").write_text(promela(world), encoding="utf-8")
    for line in ("spin -a model.pml", "gcc -O0 -w -DSAFETY -DNOREDUCE -o pan pan.c", "./pan -m1000000"):
        report = subprocess.run(line.split(), cwd=folder, capture_output=True, text=True, check=True).stdout
    assert "depth too small" not in report
    states, transitions = (re.findall(rf"(\d+) {what}", report)[0] for what in ("states, stored", "transitions"))
    return Verified(int(states), int(transitions), report)


@pytest.mark.slow
@needs_spin
@each_small_setting
def test_spin_stores_exactly_our_states(setting: str, tmp_path: Path) -> None:
    """Its transitions are the accepted events, the first state, and the check of the first state."""
    states, accepted = COUNTS["small", setting]
    found = verified(of_account("small", setting), tmp_path)
    assert (found.states, found.transitions) == (states, accepted + 2)
    assert "errors: 0" in found.report


@needs_spin
@each_machine
def test_spin_stores_exactly_the_states_of_any_machine(name: str, tmp_path: Path) -> None:
    states, accepted, _ = PINNED[name]
    found = verified(of_corpus(name), tmp_path)
    assert (found.states, found.transitions) == (states, accepted + 2)


@pytest.mark.slow
@needs_spin
@pytest.mark.parametrize("fault", SEEDED)
def test_spin_finds_a_seeded_fault_by_the_claim_it_is_seeded_against(fault: str, tmp_path: Path) -> None:
    """The first two lead out of the bounds, where the claims are checked all the same."""
    seeded = next(f for f in FAULTS if f.id == fault)
    assert "errors: 1" in verified(of_account("tiny", "defaults", seeded.seed, seeded.claim), tmp_path).report
    trail = subprocess.run(["spin", "-t", "model.pml"], cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    line = int(re.findall(r"model.pml:(\d+), Error: assertion violated", trail)[0])
    assert (tmp_path / "model.pml").read_text().splitlines()[line - 1].strip().startswith(f"assert({seeded.claim}_")
    assert "      open_account(): opens\n" in trail


@needs_spin
@pytest.mark.parametrize(("fair", "errors"), [("taken == 1", 0), ("true", 1)])
def test_the_fairness_of_the_job_is_what_its_claim_rests_on(fair: str, errors: int, tmp_path: Path) -> None:
    """Nothing forces four hours to go by but the condition that is written down."""
    text = promela(BoundedModel(daily_job(), {}, instances(daily_job(), {}), {}, claims(DEFAULT.ranking)))
    assert text.count("taken == 1") == 1
    (tmp_path / "model.pml").write_text(text.replace("taken == 1", fair), encoding="utf-8")
    for line in ("spin -a model.pml", "gcc -O0 -w -DNOREDUCE -o pan pan.c", "./pan -a"):
        report = subprocess.run(line.split(), cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert f"errors: {errors}" in report


@pytest.mark.slow
@needs_spin
def test_the_first_state_is_checked_too(tmp_path: Path) -> None:
    world = of_account("tiny", "defaults")
    variables = tuple(replace(v, initial=var("daily_allowance").expr) if v.name == "fast" else v for v in world.machine.variables)
    report = verified(replace(world, machine=replace(world.machine, variables=variables)), tmp_path).report
    assert "depth reached 0, errors: 1" in report


@needs_spin
def test_names_may_be_words_of_promela_or_c(tmp_path: Path) -> None:
    world = of_machine(odd(), {"room": 4, "ahead": "kept"})
    ours = explore(Compiled(world.machine, world.parameters), world.events, {})
    found = verified(world, tmp_path)
    assert (found.states, found.transitions) == (ours.states, ours.transitions + 2)
    assert ours.states > 20


def test_the_same_world_is_written_in_the_same_bytes() -> None:
    assert promela(of_account("small", "bank kept")) == promela(of_account("small", "bank kept"))


def test_a_figure_that_the_tools_cannot_count_is_refused() -> None:
    world = of_account("tiny", "defaults")
    with pytest.raises(ValueError, match=r"daily_allowance: 40,000 is too large for a world"):
        replace(world, parameters={**world.parameters, "daily_allowance": 40_000})
    beyond = replace(world.machine.variables[3], initial=(var("daily_allowance") + 2**40).expr)
    machine = replace(world.machine, variables=(*world.machine.variables[:3], beyond, *world.machine.variables[4:]))
    with pytest.raises(ValueError, match=r"1,099,511,627,776 is added, subtracted or multiplied"):
        promela(replace(world, machine=machine))


def test_more_names_than_spin_has_room_for_are_refused() -> None:
    coins = Enum("Coin", tuple(f"coin {number}" for number in range(300)))
    machine = turnstile(fields=(Field("coin", coins, ""),), needs=(), definitions=(replace(WORTH, expr=Lit(1)), FILLED))
    with pytest.raises(ValueError, match="Promela has room for 255"):
        promela(of_machine(machine, {"room": 4, "ahead": "kept"}))
