"""Nothing is taken for granted of a variable's type: each rule is shown to keep it, and the first state to have it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import z3

from tokenspec.machine.checkers.prover.induction import LEMMA, PROVED, REFUTED, Induction
from tokenspec.machine.exporters.smtlib import scripts
from tokenspec.machine.interpreters import reference
from tokenspec.machine.lang.build import STAYS, Termlike, eq, ite, negation, rule, var, variable
from tokenspec.machine.lang.claims import claim, state
from tokenspec.machine.lang.declaration import Actor, Event, Field, Machine
from tokenspec.machine.lang.types import Bool, Enum, Tokens, Type
from tokenspec.machine.lang.validate import validate
from tokenspec.oracle.account.transplanted_bugs import FAULTS
from tokenspec.spec.account import account

COLOUR, ON = Enum("Colour", ("a", "b", "c")), Enum("Power", ("on",))
NEVER_Y = claim(1, "never_y", "y is never true.", "", state("y", negation(var("y")), eq(var("x"), "b"), machine="hole"))


def hole(kind: Type, initial: str | int, value: Termlike, wrong: str | int) -> Machine:
    """x is limited to `kind`, one event puts `value` there, another looks whether x is `wrong`."""
    put = rule("puts", "on", STAYS, "x", "", var("x").becomes(value))
    look = rule("looks", "on", STAYS, "x", "", var("y").becomes(eq(var("x"), wrong)))
    field = Field("f", COLOUR, "x")
    return Machine(
        name="hole",
        says="x.",
        control="s",
        variables=(variable("s", ON, "on", "x"), variable("x", kind, initial, "x"), variable("y", Bool(), False, "y")),
        events=(Event("put", Actor.USER, "x.", (field,), (), (put,)), Event("look", Actor.USER, "x.", (), (), (look,))),
    )


HOLES = {
    "an enum's other member, from a field": hole(COLOUR.only("a", "b"), "a", var("f"), "c"),
    "an enum's other member, by a condition": hole(COLOUR.only("a", "b"), "a", ite(eq(var("f"), "a"), "c", "a"), "c"),
    "a number above its range": hole(Tokens(0, 3), 0, var("x") + 1, 4),
    "a number below its range": hole(Tokens(0, 3), 0, var("x") - 1, -1),
}


@pytest.mark.parametrize("machine", HOLES.values(), ids=HOLES)
def test_a_machine_that_leaves_a_type_is_refuted(machine: Machine) -> None:
    if machine.variables[1].type == Tokens(0, 3):
        about_numbers = state("y", negation(var("y")), eq(var("x"), 2), machine="hole")
        never_y = replace(NEVER_Y, parts=(about_numbers,))
    else:
        never_y = NEVER_Y
    validate(machine)
    found = {(o.claim, o.part, o.about): o for o in Induction(machine, (never_y,), ()).obligations()}
    broken = found[LEMMA, "within_types", "puts"]
    assert broken.verdict == REFUTED
    assert broken.refutation is not None
    assert found[LEMMA, "within_types", "first state"].verdict == PROVED


def test_what_two_events_reach_is_what_was_refuted() -> None:
    """Without the obligation that y is never true would be proved, and it is true after these."""
    machine = HOLES["an enum's other member, from a field"]
    now = dict(reference.initial_state(machine, {}))
    for event, fields in (("put", {"f": "c"}), ("look", {})):
        now = dict(reference.step(machine, {}, now, event, fields).state)  # type: ignore[union-attr]
    assert now["y"] is True


def test_the_exported_text_has_the_obligation_too() -> None:
    machine = HOLES["an enum's other member, from a field"]
    answers = {}
    for each in scripts(machine, (NEVER_Y,), (), Induction(machine, (NEVER_Y,), ()).proves):
        solver = z3.Solver()
        solver.from_string(each.text)
        answers[each.claim, each.part, each.about] = each.status, str(solver.check())
    assert answers.pop((LEMMA, "within_types", "puts")) == ("unsat", "sat")
    assert all(promised == answered for promised, answered in answers.values())


def test_a_first_state_outside_its_type_is_refuted() -> None:
    machine = HOLES["a number above its range"]
    wrong = replace(machine, variables=(*machine.variables[:1], variable("x", Tokens(0, 3), 4, "x"), *machine.variables[2:]))
    found = {(o.part, o.about): o.verdict for o in Induction(wrong, (NEVER_Y,), ()).obligations()}
    assert found["within_types", "first state"] == REFUTED


def test_every_variable_of_the_account_keeps_its_type_and_a_fault_is_seen() -> None:
    def verdicts(machine: Machine) -> set[str]:
        return {o.verdict for o in Induction(machine, (), ()).obligations() if o.part == "within_types"}

    unchecked = next(f for f in FAULTS if f.id == "check_dropped").seed(account())
    assert REFUTED in verdicts(unchecked)
