"""The module that others embed takes every step as the reference does, far beyond what an account ever holds as well.

TOKENSPEC_EFFORT multiplies the steps; at 1 it is some seconds, at 60 a million steps.
"""

from __future__ import annotations

import random
from collections import Counter
from functools import cache

import pytest

from differential.walks import EFFORT, StepOf, a_catalogue, walk
from lang.machines import CORPUS
from lang.readers import each_machine, exact, walked
from tokenspec.machine.interpreters import reference
from tokenspec.machine.interpreters.embedded.host import Embedded, embedded
from tokenspec.machine.interpreters.embedded.memory import Interface
from tokenspec.machine.lang.build import STAYS, event, ne, requires, rule, var, variable
from tokenspec.machine.lang.declaration import Field, Machine
from tokenspec.machine.lang.errors import Gap
from tokenspec.machine.lang.outcome import Accepted, Step, Values
from tokenspec.machine.lang.types import COUNTABLE_MAX, Bool, Enum, Tokens, Type, Value
from tokenspec.machine.lang.validate import machine_scope
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.system import system

STEPS = 1_600 * EFFORT
EXTREME = (0, 1, 2, 3, 1_000, 2**31, 2**32 + 1, 2**50, COUNTABLE_MAX // 2, COUNTABLE_MAX - 1, COUNTABLE_MAX)


@cache
def module(machine: Machine) -> bytes:
    """The module, with parameters that every test replaces."""
    firsts: dict[str, Value] = {p.name: first(p.type) for p in machine.all_parameters}
    return embedded(Interface(machine), firsts, {})


def first(kind: Type) -> Value:
    return kind.lo if isinstance(kind, Tokens) else kind.members[0] if isinstance(kind, Enum) else False


def readers(machine: Machine, parameters: Values) -> dict[str, StepOf]:
    return {"embedded": Embedded(module(machine), parameters).step}


@pytest.mark.parametrize("seed", range(4))
def test_it_agrees_on_the_account_under_the_default_catalogue(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(5):
        met = walk(system().machines[0], DEFAULT.parameters(), dice, STEPS // 5, readers)
        assert {"accepted", "refused"} == met.keys()


@pytest.mark.parametrize("seed", range(4))
def test_it_agrees_on_the_account_under_any_catalogue(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(5):
        catalogue = a_catalogue(dice)
        met = walk(system(catalogue).machines[0], catalogue.parameters(), dice, STEPS // 5, readers)
        assert {"accepted", "refused"} == met.keys()


@pytest.mark.parametrize("machine", system().machines[1:], ids=lambda machine: machine.name)
def test_it_agrees_on_the_small_machines(machine: Machine) -> None:
    assert {"accepted", "refused"} == walk(machine, {}, random.Random(0), STEPS // 4, readers).keys()


@each_machine
def test_it_agrees_on_every_step_of_a_tiny_machine(name: str) -> None:
    machine, parameters = CORPUS[name]
    reader = Embedded(module(machine), parameters)
    assert dict(zip((v.name for v in machine.variables), reader.initial, strict=True)) == reference.initial_state(
        machine, parameters
    )
    for asked in walked(name):
        assert exact(reader.step(asked.state, asked.event, asked.fields)) == exact(asked.answer)


def test_a_field_below_zero_at_the_place_of_a_truth_value_of_another_event_is_read_as_what_it_is() -> None:
    signed = Tokens(-COUNTABLE_MAX, COUNTABLE_MAX)
    asks = event("ask", "", "", Field("is_sure", Bool(), ""), rule("answers", "on", STAYS, ""))
    moves = event(
        "move",
        "",
        "",
        Field("by", signed, ""),
        requires("by_must_not_be_zero", ne(var("by"), 0), ""),
        rule("moves", "on", STAYS, ""),
    )
    machine = Machine("lever", "", "state", (variable("state", Enum("State", ("on",)), "on", ""),), (asks, moves))
    reader = Embedded(module(machine))
    for by in (-COUNTABLE_MAX, -1, 0, 1, COUNTABLE_MAX):
        assert reader.step({"state": "on"}, "move", {"by": by}) == reference.step(
            machine, {}, {"state": "on"}, "move", {"by": by}
        )


def extreme(kind: Type, dice: random.Random) -> Value:
    """A value of a type, numbers mostly at the ends of their range."""
    match kind:
        case Bool():
            return dice.random() < 0.5
        case Enum():
            return dice.choice(kind.members)
        case Tokens(lo, hi):
            number = dice.choice(EXTREME) + dice.choice((0, 0, 1, -1))
            return max(lo, min(hi, number if dice.random() < 0.9 else -number))


def is_countable(step: Step) -> bool:
    """Whether everything that a step comes to lies within 2^53 - 1."""
    if not isinstance(step, Accepted):
        return True
    numbers = [*step.state.values(), *step.answer.values(), *(amount for _, _, amount in step.ledger)]
    return all(isinstance(n, str) or abs(n) <= COUNTABLE_MAX for n in numbers)


def definitions(machine: Machine, reader: Embedded, state: Values) -> dict[str, Value] | None:
    """What the module makes of the definitions, None where one is too large for it."""
    try:
        return reader.evaluate(tuple(state[v.name] for v in machine.variables))
    except OverflowError:
        return None


def definitions_by_reference(machine: Machine, parameters: Values, state: Values) -> dict[str, Value] | None:
    scope = reference.Bindings(machine, parameters, state)
    found = {d.name: scope[d.name] for d in machine.definitions if d.name in machine_scope(machine)}
    return found if all(isinstance(n, str) or abs(n) <= COUNTABLE_MAX for n in found.values()) else None


def met_in_any_state(machine: Machine, dice: random.Random, steps: int) -> Counter[str]:
    """Random states, reachable or not, under random figures and policies; how often each outcome came."""
    met = Counter[str]()
    parameters: dict[str, Value] = {p.name: extreme(p.type, dice) for p in machine.all_parameters}
    parameters |= {name: 0 for name in parameters if name.endswith("[free]")} | {"daily_allowance": 150}
    names = [name for name in parameters if name.startswith("allowance[")]
    rising = sorted(int(parameters[name]) for name in names)
    parameters |= dict(zip(names, rising, strict=True))
    # The highest ceiling is as large as can be, or as small.
    parameters["bank_months"] = dice.choice((0, 1, COUNTABLE_MAX // max(1, rising[-1])))
    parameters |= {name: max(1, int(size)) for name, size in parameters.items() if name.startswith("pack[")}
    reader = Embedded(module(machine), parameters)
    for number in range(steps):
        happening = dice.choice(machine.events)
        signed = Tokens(-COUNTABLE_MAX, COUNTABLE_MAX)
        state = {v.name: extreme(signed if isinstance(v.type, Tokens) else v.type, dice) for v in machine.variables}
        fields = {f.name: extreme(f.type, dice) for f in happening.fields}
        if number % 20 == 0:
            assert definitions(machine, reader, state) == definitions_by_reference(machine, parameters, state)
        try:
            right = reference.step(machine, parameters, state, happening.name, fields)
        except Gap:
            continue
        if is_countable(right):
            assert reader.step(state, happening.name, fields) == right
            met["accepted" if isinstance(right, Accepted) else "refused"] += 1
        else:
            with pytest.raises(OverflowError, match="2\\^53 - 1"):
                reader.step(state, happening.name, fields)
            met["too large"] += 1
    return met


def test_numbers_of_any_size_are_added_and_multiplied_as_the_reference_does() -> None:
    met, dice = Counter[str](), random.Random(0)
    for _ in range(40):
        met += met_in_any_state(system().machines[0], dice, STEPS // 20)
    # Too large is only the line of a renewal that fills an API pool below 0, which no account has.
    assert {"accepted", "refused"} == met.keys() - {"too large"}
