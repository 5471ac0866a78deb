"""The three readers of a declaration give the same outcome, rule, answer, ledger and state, step by step.

TOKENSPEC_EFFORT multiplies the steps; at 1 it is some seconds, at 100 it is millions of steps.
"""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest

from tokenspec.machine.backends import reference
from tokenspec.machine.backends.compiled import Compiled
from tokenspec.machine.backends.live import LiveReader
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.step import Accepted
from tokenspec.machine.testing.amounts import Amounts
from tokenspec.machine.testing.stateful import agreed
from tokenspec.spec.catalogue import DEFAULT, Catalogue, Plan
from tokenspec.spec.system import system

EFFORT = int(os.environ.get("TOKENSPEC_EFFORT", "1"))
SEEDS = range(8)
STEPS = 6_000 * EFFORT


def a_catalogue(dice: random.Random) -> Catalogue:
    """Other plans, packs and figures each time."""
    names = tuple(f"plan {letter}" for letter in "abcde"[: dice.randint(1, 5)])
    allowances = sorted(dice.choice((0, 1, 3, 100, 8_500, 2**50)) for _ in names)
    plans = {
        name: Plan(allowance, dice.choice((0, 2)), tuple(m for m in ("image", "video") if dice.random() < 0.5))
        for name, allowance in zip(names, allowances, strict=True)
    }
    packs = {"tiny": 1, "huge": 2**40, "usual": 1_000}
    return Catalogue(("free", *names), dice.choice((1, 150)), dice.choice((0, 1, 3)), {"free": Plan(0), **plans}, packs)


def walk(machine: Machine, figures: dict[str, bool | int | str], dice: random.Random, steps: int) -> Counter[str]:
    """One random walk under random policies, each step taken by all three readers; how often each outcome occurred."""
    parameters = {**figures, **{p.name: dice.choice(p.answers)[0] for p in machine.policies}}
    compiled, live = Compiled(machine, parameters), LiveReader(machine, parameters)
    amounts, names = Amounts(machine, parameters), [v.name for v in machine.variables]
    row, met = compiled.initial, Counter[str]()
    for _ in range(steps):
        event = dice.choice(machine.events)
        fields = {f.name: amounts.value(row, f.type, dice.randrange(256)) for f in event.fields}
        state = dict(zip(names, row, strict=True))
        step = agreed(
            event.name,
            {
                "reference": reference.step(machine, parameters, state, event.name, fields),
                "compiled": compiled.step(state, event.name, fields),
                "live": live.step(state, event.name, fields),
            },
        )
        met["accepted" if isinstance(step, Accepted) else "refused"] += 1
        if isinstance(step, Accepted):
            row = tuple(step.state[name] for name in names)
    return met


@pytest.mark.parametrize("seed", SEEDS)
def test_readers_agree_on_the_account_under_the_default_catalogue(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(5):
        met = walk(system().machines[0], DEFAULT.parameters(), dice, STEPS // 5)
        assert {"accepted", "refused"} == met.keys()


@pytest.mark.parametrize("seed", SEEDS)
def test_readers_agree_on_the_account_under_any_catalogue(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(5):
        catalogue = a_catalogue(dice)
        met = walk(system(catalogue).machines[0], catalogue.parameters(), dice, STEPS // 5)
        assert {"accepted", "refused"} == met.keys()


@pytest.mark.parametrize("machine", system().machines[1:], ids=lambda machine: machine.name)
def test_readers_agree_on_the_small_machines(machine: Machine) -> None:
    met = walk(machine, {}, random.Random(0), STEPS)
    assert {"accepted", "refused"} == met.keys()
