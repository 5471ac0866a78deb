"""Memory by key: what is compiled of it is what the declaration says."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from lang.cloakroom import COATS, cloakroom
from tokenspec.machine.interpreters.compiled import Compiled, blank, recalled
from tokenspec.machine.interpreters.reference import Bindings, evaluate
from tokenspec.machine.lang.declaration import Memory
from tokenspec.machine.lang.expr import Var
from tokenspec.machine.lang.types import Tokens
from tokenspec.machine.lang.validate import validate
from tokenspec.machine.lang.validate_memory import memory_scope
from tokenspec.spec.account import account


def test_a_right_memory_is_in_order() -> None:
    validate(cloakroom())  # raises if not


def test_a_note_is_worked_out_of_the_state_before_and_keeps_the_rest() -> None:
    notes = Compiled(cloakroom(), {}).notes
    assert {"hangs_up", "fetches"} == set(notes)
    assert notes["hangs_up"](("open", 5), (7, True), blank(COATS), ()) == (12, False)
    assert notes["fetches"](("open", 6), (True, 12), (12, False), ()) == (12, True)


@pytest.mark.parametrize("memory", [COATS, account().memory], ids=["coats", "jobs"])
def test_facts_are_what_the_declaration_says(memory: Memory) -> None:
    """The reference reader evaluates each fact with all others in place."""
    dice, scope = random.Random(5), memory_scope(memory)
    recall = recalled(memory, tuple(scope))
    flags = [*(period.lasts for period in memory.periods), memory.is_new]
    plain = replace(cloakroom(None), variables=(), events=(), definitions=memory.facts)
    for _ in range(200):
        held = tuple(dice.choice((0, 1, 150)) if isinstance(v.type, Tokens) else dice.random() < 0.5 for v in memory.holds)
        values: dict[str, Any] = dict(zip((v.name for v in memory.holds), held, strict=True))
        values |= {name: dice.random() < 0.5 for name in flags}
        expected = tuple(evaluate(Var(name), Bindings(plain, values)) for name in scope)
        lasts = [values[period.lasts] for period in memory.periods]
        assert expected == recall(held, lasts, values[memory.is_new])
