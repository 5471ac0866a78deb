"""Every reader knows every operator; one that lacks a new operator fails here, or refuses to be imported."""

from __future__ import annotations

from typing import Any

import pytest

from tokenspec.diagrams.words import in_words
from tokenspec.machine.exporters import promela, smtlib, tla
from tokenspec.machine.fuzzing.reachability import closed_off, outcomes
from tokenspec.machine.interpreters import reference
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.interpreters.live import live
from tokenspec.machine.lang.build import Term, ite, rule, var, variable
from tokenspec.machine.lang.declaration import Actor, Event, Machine
from tokenspec.machine.lang.expr import Binary, BinaryOp
from tokenspec.machine.lang.outcome import Accepted
from tokenspec.machine.lang.types import Bool, Enum, Tokens
from tokenspec.machine.lang.validate import machine_scope, validate
from tokenspec.machine.mutation.expressions import Rewriter

OF_TRUTH = (BinaryOp.AND, BinaryOp.OR)
GIVES_NUMBER = (BinaryOp.ADD, BinaryOp.SUB, BinaryOp.MUL, BinaryOp.MIN, BinaryOp.MAX)


def machine_with(op: BinaryOp) -> tuple[Machine, Term]:
    """A machine that keeps what `op` gives for its two variables."""
    kind, sides = (Bool(), (True, False)) if op in OF_TRUTH else (Tokens(), (7, 2))
    joined = Term(Binary(op, var("left").expr, var("right").expr))
    result = joined if op in GIVES_NUMBER else ite(joined, 1, 0)
    tried = rule("tries", "on", "on", "it is tried", effect=[var("result").becomes(result)])
    variables = (
        variable("state", Enum("State", ("on", "off")), "on", "on or off"),
        variable("left", kind, sides[0], "one side"),
        variable("right", kind, sides[1], "the other side"),
        variable("result", Tokens(), 0, "what came of it"),
    )
    event = Event("try_it", Actor.USER, "Somebody tries.", (), (), (tried,))
    return Machine("tiny", "One operator.", "state", variables, (event,)), joined


@pytest.mark.parametrize("op", BinaryOp)
def test_every_reader_knows_the_operator(op: BinaryOp) -> None:
    machine, joined = machine_with(op)
    validate(machine)
    state = reference.initial_state(machine, {})
    right = reference.step(machine, {}, state, "try_it", {})
    assert isinstance(right, Accepted)
    assert Compiled(machine, {}).step(state, "try_it", {}) == right
    lived: Any = live(machine, {})
    assert lived.try_it()
    assert lived.result == right.state["result"]
    assert "left" in in_words(joined.expr)
    assert closed_off(machine, {}) <= outcomes(machine)


@pytest.mark.parametrize("op", BinaryOp)
def test_every_exporter_spells_the_operator(op: BinaryOp) -> None:
    for exporter in (promela, tla):
        assert op in exporter._INFIX or op in exporter._CALLS
    assert op in smtlib._OPERATIONS


@pytest.mark.parametrize("op", BinaryOp)
def test_every_operator_has_seeded_faults(op: BinaryOp) -> None:
    machine, joined = machine_with(op)
    assert list(Rewriter(machine, machine_scope(machine)).rewrites(joined.expr)) != []
