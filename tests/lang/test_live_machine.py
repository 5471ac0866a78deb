"""The live machine as an object: variables are attributes, events are methods, and what is no value is an error."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lang.machines import counter, swap, wallet
from lang.readers import LOCKED, READERS, TURNSTILE, trigger
from lang.turnstile import PUSH, turnstile
from tokenspec.machine.interpreters import reference
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.interpreters.live import live
from tokenspec.machine.interpreters.reference import initial_state
from tokenspec.machine.lang.build import rule, var
from tokenspec.machine.lang.declaration import Actor, Event, Field, Kind, Machine, Origin
from tokenspec.machine.lang.types import Tokens, Value


def test_the_live_machine_has_its_variables_as_attributes() -> None:
    machine: Any = live(turnstile(), TURNSTILE)
    before = (machine.barrier, machine.purse, machine.due)
    machine.pay(coin="gold")
    expected = [("locked", 0, False), ("unlocked", 2, False)]
    assert expected == [before, (machine.barrier, machine.purse, machine.due)]


def test_a_trigger_returns_whether_the_event_was_accepted() -> None:
    machine: Any = live(turnstile(), TURNSTILE)
    outcomes = [machine.push(), machine.pay(coin="copper"), machine.pay(coin="silver"), machine.push()]
    expected = [False, False, True, True]
    assert expected == outcomes


def test_a_refusal_leaves_the_live_machine_alone_and_says_why() -> None:
    machine: Any = live(turnstile(), TURNSTILE)
    assert machine.refusal is None
    assert not machine.push()
    expected: list[object] = ["barrier_must_be_unlocked", None, LOCKED]
    assert expected == [machine.refusal, machine.rule, machine.state_values]
    assert not machine.pay(coin="copper")
    assert machine.refusal == "coin_must_not_be_copper"


def test_an_accepted_event_clears_the_refusal_and_says_by_which_rule() -> None:
    machine: Any = live(turnstile(), TURNSTILE)
    machine.push()
    assert machine.pay(coin="silver")
    expected: list[object] = [None, "unlocks", {"counted": 1, "coin": "silver"}, [(Kind.BOUGHT, "purse", 1)]]
    assert expected == [machine.refusal, machine.rule, machine.answer, machine.ledger]
    assert machine.pay(coin="silver")
    expected = [None, "pays_ahead", {}, [(Kind.BOUGHT, "purse", 1)]]
    assert expected == [machine.refusal, machine.rule, machine.answer, machine.ledger]


def test_a_refusal_clears_the_answer_and_the_ledger() -> None:
    machine: Any = live(turnstile(), TURNSTILE)
    assert machine.pay(coin="silver")
    assert not machine.pay(coin="copper")
    expected: list[object] = [{}, [], None]
    assert expected == [machine.answer, machine.ledger, machine.rule]


@pytest.mark.parametrize("fields", [{"coin": "gold", "weight": 3}, {"weight": 3}, {"Coin": "gold"}], ids=str)
def test_a_field_that_the_event_does_not_have_is_a_type_error(fields: dict[str, Value]) -> None:
    machine = live(turnstile(), TURNSTILE)
    with pytest.raises(TypeError, match=r"pay\(\) got an unexpected field '(weight|Coin)'; it takes \['coin'\]"):
        trigger(machine, "pay", **fields)
    assert machine.state_values == LOCKED


def test_a_payload_that_is_missing_is_a_type_error() -> None:
    machine = live(turnstile(), TURNSTILE)
    with pytest.raises(TypeError, match=r"pay\(\) misses 'coin'"):
        trigger(machine, "pay")
    assert machine.state_values == LOCKED


def test_every_missing_payload_is_named() -> None:
    with pytest.raises(TypeError, match=r"put\(\) misses 'left', 'right'"):
        trigger(live(swap(), {}), "put")


def test_a_false_or_a_zero_is_not_missing() -> None:
    assert trigger(live(swap(), {}), "put", left=0, right=0)
    machine: Any = live(wallet(), {"gift": 1})
    assert not machine.stop(off=False)
    assert machine.refusal == "wallet_must_change"


def test_a_position_is_no_name() -> None:
    machine: Any = live(turnstile(), TURNSTILE)
    with pytest.raises(TypeError):
        machine.pay("gold")


def test_a_parameter_that_is_missing_is_an_error_at_the_start_of_every_reader() -> None:
    for begin in (reference.initial_state, Compiled, live):
        with pytest.raises(KeyError, match="ceiling"):
            begin(counter(), {})


def test_a_field_is_known_by_its_name_in_a_record_and_by_its_own() -> None:
    machine: Any = live(wallet(), {"gift": 1})
    machine.begin()
    assert machine.buy(quantity=1)
    assert machine.buy(tokens=1)
    assert machine.main == 2
    with pytest.raises(TypeError, match=r"buy\(\) misses 'quantity'"):
        machine.buy()


@pytest.mark.parametrize(("fields", "bonus"), [({}, 2), ({"first_time": True}, 2), ({"first_time": False}, 0)], ids=str)
def test_a_fact_is_taken_to_hold_unless_it_is_given(fields: dict[str, Value], bonus: int) -> None:
    machine: Any = live(wallet(), {"gift": 2})
    assert machine.begin(**fields)
    assert bonus == machine.bonus


def test_two_live_machines_share_no_state() -> None:
    one: Any = live(turnstile(), TURNSTILE)
    other: Any = live(turnstile(), TURNSTILE)
    assert one.pay(coin="gold")
    expected = [2, 0, "unlocked", "locked"]
    assert expected == [one.purse, other.purse, one.barrier, other.barrier]


def test_a_trigger_is_documented_by_what_the_event_says() -> None:
    machine: Any = live(turnstile(), TURNSTILE)
    expected = ["pay", "Someone pays."]
    assert expected == [machine.pay.__name__, machine.pay.__doc__]


@pytest.mark.parametrize("name", ["two words", "a-b", "2nd"])
def test_a_live_machine_has_only_names_that_python_can_spell(name: str) -> None:
    with pytest.raises(AssertionError, match="must be Python names to become attributes"):
        live(turnstile(more=(replace(PUSH, name=name, rules=(rule("again", "unlocked", None, ""),)),)), TURNSTILE)


MISFITS: dict[str, tuple[Machine, str, dict[str, Any], str]] = {
    "unknown member": (turnstile(), "pay", {"coin": "brass"}, "pay() takes as 'coin' a Coin(copper, silver, gold), not 'brass'"),
    "number for a member": (turnstile(), "pay", {"coin": 1}, "pay() takes as 'coin' a Coin(copper, silver, gold), not 1"),
    "truth value for a number": (swap(), "put", {"left": 1, "right": True}, "put() takes as 'right' a Tokens(0..2), not True"),
    "fraction": (swap(), "put", {"left": 1.0, "right": 1}, "put() takes as 'left' a Tokens(0..2), not 1.0"),
    "number out of range": (swap(), "put", {"left": 3, "right": 1}, "put() takes as 'left' a Tokens(0..2), not 3"),
    "number for a truth value": (wallet(), "stop", {"off": 1}, "stop() takes as 'off' a Bool, not 1"),
    "fact that is no value": (wallet(), "begin", {"first_time": "yes"}, "begin() takes as 'first_time' a Bool, not 'yes'"),
    "by its name in a record": (wallet(), "buy", {"quantity": -1}, "buy() takes as 'quantity' a Tokens(0..2), not -1"),
    "by its own name": (wallet(), "buy", {"tokens": -1}, "buy() takes as 'quantity' a Tokens(0..2), not -1"),
}

each_misfit = pytest.mark.parametrize(("machine", "event", "fields", "said"), MISFITS.values(), ids=MISFITS.keys())


@each_misfit
def test_a_field_that_is_no_value_of_its_type_is_a_type_error(
    machine: Machine, event: str, fields: dict[str, Any], said: str
) -> None:
    running = live(machine, {**TURNSTILE, "gift": 1})
    before = running.state_values
    with pytest.raises(TypeError) as error:
        trigger(running, event, **fields)
    assert said == str(error.value)
    assert before == running.state_values


@each_misfit
def test_the_live_reader_takes_no_such_value_either(machine: Machine, event: str, fields: dict[str, Any], said: str) -> None:
    parameters = {**TURNSTILE, "gift": 1}
    with pytest.raises(TypeError) as error:
        READERS["live"](machine, parameters)(initial_state(machine, parameters), event, fields)
    assert said == str(error.value)


@pytest.mark.parametrize(("kind", "usual"), [(Tokens(2, 5), 2), (Tokens(-5, -2), -2), (Tokens(-1, 1), 0)], ids=str)
def test_a_number_that_nobody_gives_is_as_near_to_nothing_as_its_type_has_it(kind: Tokens, usual: int) -> None:
    weigh = Event(
        "weigh",
        Actor.USER,
        "",
        (Field("weight", kind, "", Origin.FACT),),
        (),
        (rule("weighs", "locked", None, "", answer={"weight": var("weight")}),),
    )
    machine: Any = live(turnstile(more=(weigh,)), TURNSTILE)
    assert machine.weigh()
    assert {"weight": usual} == machine.answer
