"""Random walks that several readers of a declaration take together, step by step."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from catalogues import catalogue, plan
from tokenspec.machine.fuzzing.boundary_values import Amounts
from tokenspec.machine.fuzzing.stateful import agreed
from tokenspec.machine.interpreters import reference
from tokenspec.machine.lang.catalogue import Figures
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.outcome import Accepted, Step, Values
from tokenspec.oracle.base.provenance import declaration

EFFORT = int(os.environ.get("TOKENSPEC_EFFORT", "1"))
_T = TypeVar("_T")


def some_of(items: Collection[_T], number: int) -> list[_T]:
    """So many of the items, others for each declaration: what takes long is tried whole with TOKENSPEC_EFFORT=10."""
    return list(items) if EFFORT >= 10 else random.Random(declaration()).sample(list(items), number)


StepOf = Callable[[Values, str, Values], Step]
"""One step: state, event, fields."""


def a_catalogue(dice: random.Random) -> Figures:
    """Other plans, packs and figures each time."""
    names = tuple(f"plan {letter}" for letter in "abcde"[: dice.randint(1, 5)])
    allowances = sorted(dice.choice((0, 1, 3, 100, 8_500, 2**50)) for _ in names)
    plans = {
        name: plan(allowance, dice.choice((0, 2)), tuple(m for m in ("image", "video") if dice.random() < 0.5))
        for name, allowance in zip(names, allowances, strict=True)
    }
    packs = {"tiny": 1, "huge": 2**40, "usual": 1_000}
    return catalogue(dice.choice((1, 150)), dice.choice((0, 1, 3)), {"free": plan(0), **plans}, packs)


def walk(
    machine: Machine, figures: Values, dice: random.Random, steps: int, readers: Callable[[Machine, Values], Mapping[str, StepOf]]
) -> Counter[str]:
    """One random walk under random policies, each step taken by the reference and by `readers`: how often each outcome came."""
    parameters = {**figures, **{p.name: dice.choice(p.answers)[0] for p in machine.policies}}
    others, amounts = readers(machine, parameters), Amounts(machine, parameters)
    state, met = dict(reference.initial_state(machine, parameters)), Counter[str]()
    for _ in range(steps):
        event, row = dice.choice(machine.events), tuple(state.values())
        fields = {f.name: amounts.value(row, f.type, dice.randrange(256)) for f in event.fields}
        right = reference.step(machine, parameters, state, event.name, fields)
        found = {name: step(state, event.name, fields) for name, step in others.items()}
        step = agreed(event.name, {"reference": right, **found})
        met["accepted" if isinstance(step, Accepted) else "refused"] += 1
        if isinstance(step, Accepted):
            state = dict(step.state)
    return met
