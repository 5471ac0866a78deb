"""A wrong declaration for every code of the register, made from one right machine and one right set of claims."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prepaid.specification import PREPAID
from purse.specification import PURSE

from lang.turnstile import EVENING, ROOM, TURNSTILE_CLAUSES, UNLOCKS, WORTH, barrier, coin, due, purse, room, turnstile
from lang.wrong import MISSING, NAME, RULE, Wrong, machine, refused
from lang.wrong_claims import RIGHT_CLAIMS, WRONG_CLAIMS, claims
from lang.wrong_clocks import RIGHT_CALENDARS, WRONG_CLOCKS
from lang.wrong_kinds import WRONG_KINDS, with_one_wrong
from lang.wrong_memory import WRONG_MEMORY
from lang.wrong_names import WRONG_NAMES
from lang.wrong_specification import WRONG_SPECIFICATIONS
from lang.wrong_values import WRONG_VALUES
from tokenspec.invariants.specification import SPECIFICATION
from tokenspec.machine.lang.build import assumption, event, requires, rule
from tokenspec.machine.lang.claims import claim, state, step
from tokenspec.machine.lang.declaration import Actor, Event, Link, Machine, System
from tokenspec.machine.lang.derived.validate_specification import validate_specification
from tokenspec.machine.lang.errors import CODES, DeclarationError, DeclarationErrors
from tokenspec.machine.lang.specification import HINTS, Specification
from tokenspec.machine.lang.validate import check_clauses, citations, validate, validate_system
from tokenspec.machine.lang.validate_claims import validate_claims
from tokenspec.oracle import base
from tokenspec.spec.system import system


def test_the_right_machine_passes() -> None:
    validate(turnstile())  # raises if not


def test_right_calendars_pass() -> None:
    for check in RIGHT_CALENDARS:
        check()  # raises if not


def test_the_clauses_of_the_right_machine_pass() -> None:
    check_clauses(TURNSTILE_CLAUSES, citations(turnstile()))  # raises if not


def test_the_right_claims_pass() -> None:
    validate_claims(RIGHT_CLAIMS, [turnstile()])  # raises if not


def test_a_right_system_passes() -> None:
    machines = (turnstile(), turnstile(name="porter"))
    validate_system(System(machines, (Link("turnstile.*", "porter.push"), Link("porter.pay", "turnstile.relock"))))
    validate_system(system())  # raises if not


@pytest.mark.parametrize("specification", [SPECIFICATION, PREPAID, PURSE], ids=lambda each: each.name)
def test_right_specifications_pass(specification: Specification) -> None:
    validate_specification(specification)  # raises if not


def test_every_kind_of_hint_is_asked_for_and_there_is_no_other() -> None:
    room = Path(base.__file__).parents[1]
    asked = {kind for path in room.glob("**/*.py") for kind in re.findall(r'\bhint\("(\w+)"\)', path.read_text())}
    assert asked == set(HINTS)


# -- one fault at a time ---------------------------------------------------------------------------------------------

WRONG = {**WRONG_NAMES, **WRONG_CLOCKS, **WRONG_VALUES, **WRONG_CLAIMS, **WRONG_MEMORY, **WRONG_KINDS, **WRONG_SPECIFICATIONS}

each_wrong = pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())


@each_wrong
def test_a_wrong_declaration_is_refused_with_exactly_its_code(wrong: Wrong) -> None:
    assert [wrong.code] == [fault.code for fault in refused(wrong.check)]


@each_wrong
def test_the_place_names_the_culprit(wrong: Wrong) -> None:
    assert wrong.place in [fault.place for fault in refused(wrong.check)]


@each_wrong
def test_the_message_shows_what_is_wrong(wrong: Wrong) -> None:
    messages = [fault.message for fault in refused(wrong.check)]
    assert any(wrong.shows in message for message in messages), messages


@each_wrong
def test_the_fix_is_a_sentence(wrong: Wrong) -> None:
    for fault in refused(wrong.check):
        assert is_sentence(fault.fix), fault.fix


@each_wrong
def test_the_text_of_a_fault_is_code_place_message_and_fix(wrong: Wrong) -> None:
    with pytest.raises(DeclarationErrors) as refusal:
        wrong.check()
    expected = [f"[{fault.code}] {fault.place}: {fault.message}. {fault.fix}." for fault in refusal.value.errors]
    assert "\n".join(expected) == str(refusal.value)
    assert expected == [str(fault) for fault in refusal.value.errors]


def is_sentence(text: str) -> bool:
    """Some words on one line that begin with a capital; the full stop is put behind them by the text of the fault."""
    return re.fullmatch(r"[A-Z]\S*( \S+)*[^\s.:,]", text) is not None and " " in text


def test_every_code_of_the_register_has_a_wrong_declaration() -> None:
    assert set(CODES) == {wrong.code for wrong in WRONG.values()}


def test_a_fault_cannot_have_an_unregistered_code() -> None:
    with pytest.raises(AssertionError, match="unregistered code TS999"):
        DeclarationError("TS999", "somewhere", "something is wrong", "Mend it")


def test_an_event_that_is_always_refused_needs_no_rule() -> None:
    never = Event("climb", Actor.USER, "", (), (requires("gate_must_be_low", False, "it is high"),), ())
    validate(turnstile(more=(never,)))  # raises if not


@pytest.mark.slow
def test_whatever_stands_in_the_place_of_a_value_nothing_but_a_fault_of_the_declaration_is_told() -> None:
    places, taken = list(with_one_wrong(turnstile())), list[str]()
    for place, wrong in places:
        if isinstance(wrong, Machine):
            with suppress(DeclarationErrors):
                validate(wrong)
                taken.append(place)
    # A number in the place of a number, and nothing where nothing is meant.
    assert {place.rpartition(" = ")[2] for place in taken} <= {"int", "NoneType"}
    assert len(taken) < len(places) / 10


@pytest.mark.parametrize("wrong", [None, 5, [], len])
def test_a_constructor_names_what_it_was_given_in_place_of_a_part(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"event e: a part is .*; found "):
        event("e", "", "", wrong)
    with pytest.raises(TypeError, match="found "):
        requires("a_b", True, "", wrong)
    with pytest.raises(TypeError, match=r"rule r: a change is .*; found "):
        rule("r", "s", None, "", "", wrong)


# -- several faults at once ------------------------------------------------------------------------------------------


def test_all_faults_of_a_machine_are_reported_in_the_order_of_the_declaration() -> None:
    wrong_rule = replace(
        UNLOCKS, source=("locked", "ajar"), target="shut", effect=(purse.becomes(due), barrier.becomes("locked")), ledger=()
    )
    wrong_needs = (requires("Shine", MISSING, ""), requires("coin_must_shine", purse, ""))
    pay, push, relock, evening_comes, _ = turnstile(needs=wrong_needs, rules=(wrong_rule,)).events
    faults = refused(
        machine(
            parameters=(replace(ROOM, default=-1),),
            pools=("till",),
            assumptions=(assumption(room, "too small"),),
            clocks=(replace(EVENING, job="sweep"),),
            events=(pay, push, relock, evening_comes),
        )
    )
    expected = [
        ("TS204", "parameter 'room'"),
        ("TS101", f"machine {NAME!r}"),
        ("TS202", "assumption 'too small'"),
        ("TS111", "clock 'evening'"),
        ("TS106", "event 'pay', requirement 'Shine'"),
        ("TS101", "event 'pay', requirement 'Shine'"),
        ("TS202", "event 'pay', requirement 'coin_must_shine'"),
        ("TS104", RULE),
        ("TS104", RULE),
        ("TS203", f"{RULE}, effect on 'purse'"),
        ("TS105", RULE),
    ]
    assert expected == [(fault.code, fault.place) for fault in faults]


def test_all_faults_of_a_system_are_reported_with_their_machines() -> None:
    porter = turnstile(name="porter", pools=("till",), rules=(replace(UNLOCKS, ledger=(), target="ajar"),))
    faults = refused(lambda: validate_system(System((turnstile(), porter, porter), (Link("porter.nod", "gate.push"),))))
    of_porter = [("TS101", "machine 'porter'"), ("TS104", f"machine 'porter', {RULE}")]
    link = "link of 'porter.nod' to 'gate.push'"
    # What a rule of `empty` spends is no pool of the porter's either.
    of_porter.append(("TS101", "machine 'porter', event 'empty', rule 'empties'"))
    expected = [("TS102", "the system"), *of_porter, *of_porter, ("TS111", link), ("TS111", link)]
    assert expected == [(fault.code, fault.place) for fault in faults]


def test_all_faults_of_the_clauses_are_reported() -> None:
    faults = refused(lambda: check_clauses({"A1": "", "A2": "", "A3": ""}, {"here": ["A2", "B1"], "there": ["B2"]}))
    expected = [("TS108", "here"), ("TS108", "there"), ("TS107", "clause A1"), ("TS107", "clause A3")]
    assert expected == [(fault.code, fault.place) for fault in faults]


def test_all_faults_of_the_claims_are_reported() -> None:
    wrong = [
        claim(3, "fits", "Twice.", "", state("p", purse, True, NAME)),
        claim(4, "none", "Nothing.", ""),
        claim(5, "other", "Elsewhere.", "", step("q", MISSING > 1, due, "shove", machine=NAME)),
    ]
    faults = refused(lambda: validate_claims([*RIGHT_CLAIMS, *wrong], [turnstile()]))
    expected = [
        ("TS302", "claim 'fits'"),
        ("TS301", "claim 'fits', part 'p'"),
        ("TS202", "claim 'fits', part 'p'"),
        ("TS301", "claim 'none'"),
        ("TS303", "claim 'other', part 'q'"),
        ("TS101", "claim 'other', part 'q'"),
    ]
    assert expected == [(fault.code, fault.place) for fault in faults]


def test_an_ill_typed_definition_does_not_make_its_readers_faulty_too() -> None:
    """Its name is declared: whoever reads it must not be told that it is not."""
    ill = replace(WORTH, expr=(coin + 1).expr)
    faults = refused(machine(definitions=(ill, *turnstile().definitions[1:])))
    expected = [("TS201", "definition 'worth'")]
    assert expected == [(fault.code, fault.place) for fault in faults]


def test_a_posting_where_there_are_no_pools_has_a_fix_that_can_be_read() -> None:
    for fault in refused(machine(pools=())):
        assert is_sentence(fault.fix), fault.fix


def test_an_undeclared_control_variable_is_reported_and_the_rest_is_still_read() -> None:
    faults = refused(machine(control="gate"))
    expected = [("TS101", f"machine {NAME!r}", "control 'gate' is not declared")]
    assert expected == [(fault.code, fault.place, fault.message) for fault in faults]


def test_a_claim_about_an_undeclared_machine_is_reported_beside_the_others() -> None:
    faults = refused(claims(state("p", purse <= room, purse > 0, "revolving_door"), state("q", purse, due, NAME)))
    expected = [("TS101", "claim 'C', part 'p'"), ("TS202", "claim 'C', part 'q'")]
    assert expected == [(fault.code, fault.place) for fault in faults]
    assert "'revolving_door'" in faults[0].message
