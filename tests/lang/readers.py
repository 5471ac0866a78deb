"""The three readers behind one interface, and the walk through all that a small machine can do."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import pytest

from lang.machines import CORPUS, all_values
from tokenspec.machine.interpreters import reference
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.interpreters.live_reader import LiveReader
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.outcome import Accepted, Refused, Step, Values
from tokenspec.machine.lang.types import Value

StepOf = Callable[[Values, str, Values], Step]


def by_reference(machine: Machine, parameters: Values) -> StepOf:
    return lambda state, event, fields: reference.step(machine, parameters, state, event, fields)


READERS: dict[str, Callable[[Machine, Values], StepOf]] = {
    "reference": by_reference,
    "compiled": lambda machine, parameters: Compiled(machine, parameters).step,
    "live": lambda machine, parameters: LiveReader(machine, parameters).step,
}

each_reader = pytest.mark.parametrize("reader", READERS.values(), ids=READERS.keys())
each_machine = pytest.mark.parametrize("name", CORPUS)


# -- the walk --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """One question to a reader, with the answer of the reference."""

    state: Values
    event: str
    fields: Values
    answer: Step


def walk(machine: Machine, parameters: Values) -> Iterator[Asked]:
    """Every event with every value of its fields in every state that can be reached, breadth first."""
    initial = reference.initial_state(machine, parameters)
    seen, waiting = {key(initial)}, deque([initial])
    while waiting:
        state = waiting.popleft()
        for event in machine.events:
            for values in product(*(all_values(field.type) for field in event.fields)):
                fields = dict(zip((field.name for field in event.fields), values, strict=True))
                answer = reference.step(machine, parameters, state, event.name, fields)
                yield Asked(state, event.name, fields, answer)
                if isinstance(answer, Accepted) and key(answer.state) not in seen:
                    seen.add(key(answer.state))
                    waiting.append(dict(answer.state))


def key(state: Values) -> tuple[tuple[str, Value], ...]:
    return tuple(sorted(state.items()))


@cache
def walked(name: str) -> tuple[Asked, ...]:
    return tuple(walk(*CORPUS[name]))


def exact(step: Step) -> object:
    """`step` with the types of its values, so that 1 is not taken for True."""
    if isinstance(step, Refused):
        return step
    return step.rule, _exact(step.state), _exact(step.answer), [(kind, pool, type(n), n) for kind, pool, n in step.ledger]


def _exact(values: Values) -> dict[str, tuple[type, Value]]:
    return {name: (type(value), value) for name, value in values.items()}


LOCKED: Values = {"barrier": "locked", "purse": 0, "due": False}
TURNSTILE: Values = {"room": 4, "ahead": "kept"}


def trigger(machine: Any, event: str, **fields: Value) -> bool:
    answer = getattr(machine, event)(**fields)
    assert isinstance(answer, bool)
    return answer
