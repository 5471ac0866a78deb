"""The live machine as an object: variables are attributes, events are methods, and what is no value is an error."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy, deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import transitions

from lang.machines import counter, swap, wallet
from lang.readers import LOCKED, READERS, TURNSTILE, trigger
from lang.turnstile import PUSH, turnstile
from tokenspec.invariants.specification import SPECIFICATION
from tokenspec.machine.interpreters import reference
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.interpreters.live import Live, live, live_account
from tokenspec.machine.interpreters.reference import initial_state
from tokenspec.machine.lang.build import requires, rule, var
from tokenspec.machine.lang.declaration import Actor, Event, Field, Kind, Machine
from tokenspec.machine.lang.errors import Gap
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
    machine.begin(first_time=True)
    assert machine.buy(quantity=1)
    assert machine.buy(tokens=1)
    assert machine.main == 2
    with pytest.raises(TypeError, match=r"buy\(\) misses 'quantity'"):
        machine.buy()


@pytest.mark.parametrize(("is_first", "bonus"), [(True, 2), (False, 0)])
def test_a_fact_is_given_or_looked_up_and_never_guessed_at(is_first: bool, bonus: int) -> None:
    machine: Any = live(wallet(), {"gift": 2})
    for ask in (machine.begin, machine.may_begin, lambda: machine.trigger("begin")):
        with pytest.raises(TypeError, match=r"begin\(\) misses 'first_time'"):
            ask()
    assert machine.begin(first_time=is_first)
    assert bonus == machine.bonus
    looking: Any = live(wallet(), {"gift": 2}, look_ups={"first_time": lambda record: is_first})
    assert looking.begin()
    assert bonus == looking.bonus


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


# -- driven by the means of `transitions` ----------------------------------------------------------------------------


def test_an_event_is_asked_about_with_the_fields_of_now_and_not_those_of_the_event_before() -> None:
    machine: Any = live(turnstile(), TURNSTILE)
    assert machine.pay(coin="gold")
    assert not machine.may_pay(coin="copper")
    for ask in (machine.may_pay, lambda: machine.may_trigger("pay"), lambda: machine.trigger("pay"), machine.pay):
        with pytest.raises(TypeError, match=r"pay\(\) misses 'coin'"):
            ask()
    assert machine.may_push()
    assert (machine.barrier, machine.purse, machine.rule) == ("unlocked", 2, "unlocks")


def test_asking_tells_what_is_wrong_with_the_fields_in_every_state() -> None:
    machine: Any = live(turnstile(), TURNSTILE)
    assert not machine.may_push()
    with pytest.raises(TypeError, match=r"push\(\) got an unexpected field 'coin'; it takes \[\]"):
        machine.may_push(coin="gold")
    with pytest.raises(TypeError, match=r"push\(\) takes its fields by name"):
        machine.may_trigger("push", "gold")


def test_a_refusal_says_why_however_it_is_met() -> None:
    machine: Any = live(turnstile(), TURNSTILE)
    assert not machine.trigger("push")
    assert machine.refusal == "barrier_must_be_unlocked"
    assert not machine.machine.events["pay"].trigger(machine, coin="copper")
    assert machine.refusal == "coin_must_not_be_copper"
    assert not machine.may_pay(coin="copper")
    assert not machine.machine.dispatch("push")
    assert machine.refusal == "barrier_must_be_unlocked"


def test_there_is_no_way_round_the_events() -> None:
    machine: Any = live(turnstile(), TURNSTILE)
    assert not [name for name in vars(machine) if name.startswith("to_")]
    assert set(machine.machine.events) == set(turnstile().event_named)
    for ask in (machine.trigger, machine.may_trigger, machine.machine.dispatch):
        with pytest.raises(AttributeError, match="there is no event 'to_unlocked'; there are pay, "):
            ask("to_unlocked")


def test_the_triggers_of_a_state_are_the_events_that_some_rule_accepts_there() -> None:
    machine: Any = live(turnstile(), TURNSTILE)
    wanted = {e.name for e in turnstile().events if any("locked" in r.source for r in e.rules)}
    assert wanted == set(machine.machine.get_triggers("locked"))


def test_an_event_that_is_always_refused_is_a_trigger_as_well() -> None:
    never = Event("climb", Actor.USER, "", (), (requires("gate_must_be_low", False, "it is high"),), ())
    machine: Any = live(turnstile(more=(never,)), TURNSTILE)
    assert [machine.climb(), machine.trigger("climb"), machine.may_climb()] == [False, False, False]
    assert machine.refusal == "gate_must_be_low"


def test_a_state_that_is_set_from_outside_is_decided_on() -> None:
    machine: Any = live(turnstile(), TURNSTILE)
    assert not machine.may_push()
    machine.barrier = "unlocked"
    assert machine.may_push()
    machine.machine.set_state("locked")
    assert [machine.may_push(), machine.push()] == [False, False]


def test_an_event_fired_by_a_callback_finds_the_whole_effect_and_leaves_the_outcome_of_the_other() -> None:
    machine: Any = live(turnstile(), TURNSTILE)
    seen: list[object] = []

    def pushes(data: Any) -> None:
        seen.append((machine.state_values["purse"], machine.rule, machine.push(), machine.rule))

    machine.machine.on_enter_unlocked(pushes)
    assert machine.pay(coin="gold")
    assert seen == [(2, "unlocks", True, "passes")]
    assert (machine.barrier, machine.rule, machine.refusal) == ("locked", "unlocks", None)


@pytest.mark.parametrize("hook", ["before_state_change", "on_exit_locked", "prepare_event"])
def test_an_event_fired_before_the_effect_is_an_error_and_changes_nothing(hook: str) -> None:
    machine: Any = live(turnstile(), TURNSTILE)

    def pays(data: Any) -> None:
        machine.pay(coin="gold")

    if hook == "on_exit_locked":
        machine.machine.on_exit_locked(pays)
    else:
        setattr(machine.machine, hook, pays)
    with pytest.raises(RuntimeError, match=r"pay\(\) is fired by a callback that runs before"):
        machine.pay(coin="gold")
    assert machine.state_values == LOCKED


def test_a_condition_that_somebody_adds_keeps_an_event_from_happening() -> None:
    machine: Any = live(turnstile(), TURNSTILE)
    for transition in machine.machine.get_transitions("pay"):
        transition.conditions.append(transitions.core.Condition(lambda data: False))
    assert [machine.may_pay(coin="gold"), machine.pay(coin="gold")] == [False, False]
    assert (machine.rule, machine.refusal, machine.state_values) == (None, None, LOCKED)


def test_a_trigger_that_somebody_adds_is_the_librarys_own() -> None:
    machine: Any = live(turnstile(), TURNSTILE)
    machine.machine.add_transition("jams", "unlocked", "locked")
    assert not machine.may_jams()
    with pytest.raises(transitions.MachineError, match="Can't trigger event jams from state locked"):
        machine.jams()
    assert machine.pay(coin="gold")
    assert [machine.may_jams(), machine.jams(), machine.barrier] == [True, True, "locked"]


def test_a_model_that_is_added_begins_anew_and_lives_alone() -> None:
    machine: Any = live(turnstile(), TURNSTILE)
    assert machine.pay(coin="gold")
    other: Any = type("Other", (), {})()
    machine.machine.add_model(other)
    assert {name: getattr(other, name) for name in LOCKED} == LOCKED
    assert other.may_push() is False
    assert other.pay(coin="silver")
    assert (machine.purse, other.purse) == (2, 1)
    assert machine.machine.dispatch("push")
    assert (machine.barrier, other.barrier) == ("locked", "locked")


@pytest.mark.parametrize("copied", [copy, deepcopy])
def test_a_copy_is_another_account(copied: Callable[[Any], Any]) -> None:
    machine: Any = live(turnstile(), TURNSTILE)
    assert machine.pay(coin="gold")
    twin = copied(machine)
    assert [twin.push(), twin.trigger("pay", coin="silver")] == [True, True]
    assert ((machine.purse, machine.barrier), (twin.purse, twin.barrier)) == ((2, "unlocked"), (3, "unlocked"))
    assert machine.push()
    assert twin.may_push()


def test_a_field_may_be_called_as_the_library_calls_its_own_arguments() -> None:
    fields = tuple(Field(name, Tokens(0, 9), "") for name in ("model", "trigger", "self"))
    weigh = Event("weigh", Actor.USER, "", fields, (), (rule("weighs", "locked", None, "", answer={"sum": var("model")}),))
    machine: Any = live(turnstile(more=(weigh,)), TURNSTILE)
    given = {"model": 1, "trigger": 2, "self": 3}
    ways = (machine.weigh, partial(machine.trigger, "weigh"), partial(machine.machine.dispatch, "weigh"))
    for ask in (machine.may_weigh, partial(machine.may_trigger, "weigh"), *ways):
        assert ask(**given)
    assert machine.answer == {"sum": 1}


def test_a_gap_of_the_declaration_is_told_when_it_is_asked_about_too() -> None:
    half = replace(PUSH, name="shove", requires=(), rules=(rule("shoves", "unlocked", None, ""),))
    machine: Any = live(turnstile(more=(half,)), TURNSTILE)
    for ask in (machine.may_shove, machine.shove):
        with pytest.raises(Gap, match=r"shove in .*no rule applies, where exactly one must"):
            ask()


@pytest.mark.parametrize(
    ("parameters", "error", "said"),
    [
        ({"room": 4}, KeyError, "ahead"),
        ({"room": "4", "ahead": "kept"}, TypeError, "the parameter 'room' is a Tokens"),
        ({"room": 4, "ahead": "both"}, TypeError, "not 'both'"),
    ],
)
def test_parameters_are_values_of_their_types(parameters: dict[str, Value], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        live(turnstile(), parameters)


# -- with all that belongs to a specification ------------------------------------------------------------------------


def a_subscriber(**policy: Value) -> Live:
    account = live_account(SPECIFICATION, policy)
    assert account.open_account()
    assert account.subscribe(plan="premium")
    return account


def test_an_account_remembers_a_job_until_its_day_is_over() -> None:
    account = a_subscriber()
    assert account.generate(job="j1", cost=100, media="image", origin="first_party")
    assert account.generate(job="j2", cost=10, media="image", origin="first_party")
    assert not account.may_generate(job="j1", cost=100, media="image", origin="first_party")
    assert account.refund(job="j1")
    assert account.daily == 140
    assert not account.refund(job="j1")
    assert account.refusal == "job_must_not_be_refunded_already"
    assert account.daily_reset_falls_due()
    assert account.daily_reset()
    left = account.daily
    assert account.refund(job="j2")
    assert left == account.daily
    assert not account.may_refund(job="j3")
    with pytest.raises(TypeError, match=r"refund\(\) misses 'job'"):
        account.refund()
    with pytest.raises(TypeError, match=r"refund\(\) takes as 'job' a text, not 1"):
        account.refund(job=1)


def test_an_account_looks_facts_up_in_its_catalogue() -> None:
    account = a_subscriber()
    assert not account.generate(job="j1", cost=10, media="image", model="nobody's")
    assert account.refusal == "model_must_be_listed"
    with pytest.raises(TypeError, match=r"generate\(\) takes 'origin' or 'model', not both"):
        account.generate(job="j1", cost=10, media="image", model="nobody's", origin="first_party")
    with pytest.raises(TypeError, match=r"generate\(\) misses 'origin'"):
        account.generate(job="j1", cost=10, media="image")
    assert not account.generate(job="j1", cost=10, media="image", origin="first_party", action="nothing listed")
    assert account.refusal == "action_must_be_listed"


def test_a_policy_is_one_that_there_is() -> None:
    assert a_subscriber(upgrade_grant="full").upgrade(plan="ultimate")
    with pytest.raises(TypeError, match="there is no policy 'upgrade_grand'; there are burn_order, "):
        live_account(SPECIFICATION, {"upgrade_grand": "full"})
    with pytest.raises(TypeError, match="the parameter 'upgrade_grant' is a upgrade_grant"):
        live_account(SPECIFICATION, {"upgrade_grant": "half"})


def test_the_older_names_of_triggers_are_understood_in_every_way_of_asking() -> None:
    machine: Any = live(turnstile(), TURNSTILE)
    outcomes = [machine.may_fire_push(), machine.fire_pay(coin="copper"), machine.trigger("fire_pay", coin="silver")]
    assert outcomes == [False, False, True]
    assert (machine.may_fire_push(), machine.may_trigger("fire_push"), machine.fire_push()) == (True, True, True)
