"""The three readers of a declaration give the same outcome, rule, answer, ledger and state, step by step.

TOKENSPEC_EFFORT multiplies the steps; at 1 it is some seconds, at 100 it is millions of steps.
"""

from __future__ import annotations

import random

import pytest

from differential.walks import EFFORT, StepOf, a_catalogue, walk
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.interpreters.live_reader import LiveReader
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.outcome import Values
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.system import system

SEEDS = range(8)
STEPS = 6_000 * EFFORT


def readers(machine: Machine, parameters: Values) -> dict[str, StepOf]:
    return {"compiled": Compiled(machine, parameters).step, "live": LiveReader(machine, parameters).step}


@pytest.mark.parametrize("seed", SEEDS)
def test_readers_agree_on_the_account_under_the_default_catalogue(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(5):
        met = walk(system().machines[0], DEFAULT.parameters(), dice, STEPS // 5, readers)
        assert {"accepted", "refused"} == met.keys()


@pytest.mark.parametrize("seed", SEEDS)
def test_readers_agree_on_the_account_under_any_catalogue(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(5):
        catalogue = a_catalogue(dice)
        met = walk(system(catalogue).machines[0], catalogue.parameters(), dice, STEPS // 5, readers)
        assert {"accepted", "refused"} == met.keys()


@pytest.mark.parametrize("machine", system().machines[1:], ids=lambda machine: machine.name)
def test_readers_agree_on_the_small_machines(machine: Machine) -> None:
    met = walk(machine, {}, random.Random(0), STEPS, readers)
    assert {"accepted", "refused"} == met.keys()
