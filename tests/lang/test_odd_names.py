"""Whatever `validate` lets pass, every reader reads alike, whatever it is called."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from purse.specification import PURSE

from lang.odd import SHARED_FIELD, with_event, with_rule, with_variable
from lang.readers import READERS, TURNSTILE, exact, walk
from lang.turnstile import FILLED, FITS, ROOM, WORTH, coin, turnstile
from tokenspec.machine.fuzzing.stateful import fuzz_class
from tokenspec.machine.interpreters import reference
from tokenspec.machine.interpreters.live import live
from tokenspec.machine.lang.build import lookup, requires, var
from tokenspec.machine.lang.declaration import Field, Machine, Parameter
from tokenspec.machine.lang.errors import DeclarationErrors
from tokenspec.machine.lang.types import Enum, Tokens
from tokenspec.machine.lang.validate import validate
from tokenspec.machine.lang.validate_names import LIVE_NAMES

_ANY = ("trigger", "state", "row", "fields", "bind", "initial", "parameters", "Gap", "model")


ODD: dict[str, Machine] = {
    **{f"variable {name!r}": with_variable(name) for name in (*_ANY, "v_purse", "fire_push", "is_locked", "allowance")},
    **{f"event {name!r}": with_event(name) for name in (*_ANY, "locked", "fire_push", "is_locked", "coin")},
    **{f"rule {name!r}": with_rule(name) for name in (*_ANY, "rule", "answer", "purse", "push")},
}
"""Machines with names that some reader might stumble over, and must not."""


@pytest.mark.parametrize("machine", ODD.values(), ids=ODD.keys())
def test_whatever_validate_lets_pass_every_reader_reads_alike(machine: Machine) -> None:
    validate(machine)
    steps = [make(machine, TURNSTILE) for make in READERS.values()]
    assert reference.initial_state(machine, TURNSTILE) == live(machine, TURNSTILE).state_values
    for each in walk(machine, TURNSTILE):
        answers = [exact(step(each.state, each.event, each.fields)) for step in steps]
        assert [exact(each.answer)] * 3 == answers, each


def test_a_name_is_free_unless_the_live_object_has_it_for_something_else() -> None:
    """What it has beside its variables, its events and the words kept for it comes from `transitions`, which gives way."""
    machine = live(turnstile(), TURNSTILE)
    public = {name for name in {*vars(type(machine)), *vars(machine)} if not name.startswith("_")}
    declared = {*LIVE_NAMES, *machine.state_values, *turnstile().event_named}
    assert set(LIVE_NAMES) <= public
    assert [name for name in public - declared if not name.startswith(("fire_", "is_", "may_", "trigger"))] == []


def test_a_field_that_another_event_compares_by_another_order_is_refused() -> None:
    with pytest.raises(DeclarationErrors) as refusal:
        validate(SHARED_FIELD)
    assert [fault.code for fault in refusal.value.errors] == ["TS114"]


def test_plans_and_packs_may_be_called_anything() -> None:
    """They make parameters, definitions and members, which Python never spells."""
    coins = Enum("Coin", ("rule", "class", "two words", ""))
    validate(  # raises if not
        turnstile(
            fields=(Field("coin", coins, ""),),
            needs=(FITS, requires("coin_must_be_worth_something", coin > "rule", "")),
            parameters=(ROOM, *(Parameter(f"worth[{name}]", Tokens(0, 2), 1, "") for name in coins.members)),
            definitions=(replace(WORTH, expr=lookup(coin, {m: var(f"worth[{m}]") for m in coins.members}, 0).expr), FILLED),
        )
    )


def test_events_may_be_called_as_methods_of_a_random_run_are() -> None:
    """Such as `open`, which begins the run."""
    machine = PURSE.main()
    called = {"buy": "open", "spend": "begin", "give": "fire"}
    events = tuple(replace(event, name=called.get(event.name, event.name)) for event in machine.events)
    clocks = tuple(replace(clock, job="fire") for clock in machine.clocks)
    run = fuzz_class(replace(machine, events=events, clocks=clocks), (), {"daily": 3})
    few = settings(max_examples=20, database=None, deadline=None, derandomize=True, phases=[Phase.generate])
    run_state_machine_as_test(run, settings=few)
    assert {event for (event, _), times in run.coverage.refusals.items() if times} >= set(called.values())
