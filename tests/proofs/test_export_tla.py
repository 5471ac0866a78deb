"""The TLA+ module has the states of the declaration: by a reader of its text, and by TLC where it is at hand.

TOKENSPEC_TLC names a tla2tools.jar; without it, TLC is not run.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from lang.test_readers_on_small_machines import PINNED
from plain_search import explore
from programs import NO_TLC
from proofs.export_worlds import COUNTS, SEEDED, each_answer, each_machine, each_setting, odd, of_account, of_corpus, of_machine
from proofs.tla_reader import Found, Module
from tokenspec.invariants.claims import claims
from tokenspec.machine.checkers.exploration import instances
from tokenspec.machine.exporters.bounded_model import BoundedModel
from tokenspec.machine.exporters.tla import is_module_name, tla
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.oracle.account.transplanted_bugs import FAULTS
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.system import daily_job

needs_tlc = pytest.mark.skipif("TOKENSPEC_TLC" not in os.environ, reason=NO_TLC)


def read(world: BoundedModel) -> Found:
    module = tla(world, "Account")
    return Module(module.text, module.configuration).visit()


def checked(world: BoundedModel, folder: Path) -> Found:
    """What TLC finds."""
    module = tla(world, "Account")
    (folder / "Account.tla").write_text(module.text, encoding="utf-8")
    (folder / "Account.cfg").write_text(module.configuration, encoding="utf-8")
    command = ["java", "-cp", os.environ["TOKENSPEC_TLC"], "tlc2.TLC", "-deadlock", "-config", "Account.cfg", "Account.tla"]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout
    violated = re.findall(r"Invariant (\w+) is violated", said)
    generated, distinct = re.findall(r"^(\d+) states generated, (\d+) distinct", said, re.MULTILINE)[-1]
    assert violated or "No error has been found" in said, said
    return Found(int(distinct), int(generated), violated[0] if violated else None)


@pytest.mark.slow
@each_answer
def test_the_module_has_exactly_our_states(setting: str) -> None:
    """It generates the first state, and one for each accepted event."""
    states, accepted = COUNTS["tiny", setting]
    assert read(of_account("tiny", setting)) == Found(states, accepted + 1)


@each_machine
def test_the_module_of_any_machine_has_exactly_its_states(name: str) -> None:
    states, accepted, _ = PINNED[name]
    assert read(of_corpus(name)) == Found(states, accepted + 1)


def test_names_may_be_words_of_tla_or_none_at_all() -> None:
    world = of_machine(odd(), {"room": 4, "ahead": "kept"})
    ours = explore(Compiled(world.machine, world.parameters), world.events, {})
    assert read(world) == Found(ours.states, ours.transitions + 1)


def test_a_condition_is_one_step_however_many_ways_it_is_true() -> None:
    """Without the operator that holds it together, TLC would take each side of a disjunction for a step."""
    module = tla(of_corpus("turnstile"), "Turnstile")
    split = module.text.replace("/\\ Holds(", "/\\ (")
    states, accepted, _ = PINNED["turnstile"]
    assert Module(module.text, module.configuration).visit() == Found(states, accepted + 1)
    assert Module(split, module.configuration).visit() == Found(states, 82)  # TLC counts them so


@pytest.mark.slow
@pytest.mark.parametrize("fault", SEEDED)
def test_a_seeded_fault_violates_the_claim_it_is_seeded_against(fault: str) -> None:
    """The first two lead out of the bounds, where all is checked all the same."""
    seeded = next(f for f in FAULTS if f.id == fault)
    assert str(read(of_account("tiny", "defaults", seeded.seed, seeded.claim)).violated).startswith(f"{seeded.claim}_")


@pytest.mark.parametrize(("drops", "violated"), [(None, None), ("four_hours_pass", "never_stuck_daily_reset")])
def test_the_fairness_of_the_job_is_what_its_claim_rests_on(drops: str | None, violated: str | None) -> None:
    """Nothing forces time to go by but the fairness that is written down."""
    module = tla(BoundedModel(daily_job(), {}, instances(daily_job(), {}), {}, claims(DEFAULT.ranking)), "Job")
    assert "Spec == Init /\\ [][Next]_vars /\\ WF_vars(FourHoursPass) /\\ WF_vars(TwoDaysPass)\n" in module.text
    text = module.text.replace(" /\\ WF_vars(FourHoursPass)", "" if drops else " /\\ WF_vars(FourHoursPass)")
    found = Module(text, module.configuration).visit()
    assert (found.distinct, found.violated) == (4, violated)


def test_a_catalogue_that_is_not_admissible_breaks_an_assumption() -> None:
    world = of_account("tiny", "defaults")
    falling = replace(world, parameters={**world.parameters, "allowance[lower]": 3, "ceiling[lower]": 9})
    with pytest.raises(AssertionError, match="an assumption does not hold"):
        read(falling)


@needs_tlc
@each_setting
def test_tlc_finds_exactly_our_states(scope: str, setting: str, tmp_path: Path) -> None:
    states, accepted = COUNTS[scope, setting]
    assert checked(of_account(scope, setting), tmp_path) == Found(states, accepted + 1)


@needs_tlc
@each_machine
def test_tlc_finds_exactly_the_states_of_any_machine(name: str, tmp_path: Path) -> None:
    states, accepted, _ = PINNED[name]
    assert checked(of_corpus(name), tmp_path) == Found(states, accepted + 1)


@needs_tlc
def test_tlc_takes_names_that_are_words_of_tla_or_none_at_all(tmp_path: Path) -> None:
    world = of_machine(odd(), {"room": 4, "ahead": "kept"})
    assert checked(world, tmp_path) == read(world)


@needs_tlc
@pytest.mark.parametrize("fault", SEEDED)
def test_tlc_finds_a_seeded_fault_by_the_claim_it_is_seeded_against(fault: str, tmp_path: Path) -> None:
    seeded = next(f for f in FAULTS if f.id == fault)
    assert str(checked(of_account("tiny", "defaults", seeded.seed, seeded.claim), tmp_path).violated).startswith(
        f"{seeded.claim}_"
    )


def test_the_same_world_is_written_in_the_same_bytes() -> None:
    assert tla(of_account("small", "bank kept"), "Account") == tla(of_account("small", "bank kept"), "Account")


@pytest.mark.parametrize("name", ["", "My-Spec", "42", "MODULE", "Next", "Integers", "WF_one", "Über", "a b"])
def test_what_is_no_name_for_a_module_is_refused(name: str) -> None:
    assert not is_module_name(name)
    with pytest.raises(ValueError, match="cannot be the name of a TLA\\+ module"):
        tla(of_account("tiny", "defaults"), name)


def test_a_module_may_be_called_like_an_event() -> None:
    module = tla(of_corpus("wallet"), "Begin")
    assert Module(module.text, module.configuration).visit().distinct == PINNED["wallet"][0]
    assert "\nBegin_(first_time) ==\n" in module.text
