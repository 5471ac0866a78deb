"""Three readers, one meaning: every event with every field value in every reachable state of six tiny machines."""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from lang.machines import CORPUS, counter, ladder, swap, wallet
from lang.readers import LOCKED, TURNSTILE, StepOf, by_reference, each_machine, each_reader, exact, key, trigger, walked
from lang.turnstile import purse, turnstile
from tokenspec.machine.interpreters import reference
from tokenspec.machine.interpreters.compiled import Compiled, source
from tokenspec.machine.interpreters.live import live
from tokenspec.machine.interpreters.live_reader import LiveReader
from tokenspec.machine.lang.build import rule
from tokenspec.machine.lang.declaration import Actor, Event, Kind, Machine
from tokenspec.machine.lang.errors import Gap
from tokenspec.machine.lang.outcome import Accepted, Refused, Values
from tokenspec.machine.lang.types import Value
from tokenspec.machine.lang.validate import validate


@each_machine
def test_the_machines_of_the_corpus_are_right(name: str) -> None:
    validate(CORPUS[name][0])  # raises if not


PINNED: dict[str, tuple[int, int, int]] = {
    "turnstile": (18, 67, 59),
    "strict turnstile": (14, 43, 55),
    "counter": (5, 49, 11),
    "wallet": (22, 106, 158),
    "ladder": (3, 9, 15),
    "swap": (18, 171, 9),
    "repeating job": (8, 12, 4),
}
"""Reachable states, accepted events and refused ones; all worked out by hand too. Another count is another meaning."""


@each_machine
def test_a_machine_has_as_many_states_and_transitions_as_are_pinned_here(name: str) -> None:
    asked = walked(name)
    states = {key(each.state) for each in asked}
    accepted = sum(isinstance(each.answer, Accepted) for each in asked)
    assert PINNED[name] == (len(states), accepted, len(asked) - accepted)


@each_machine
def test_every_rule_and_every_refusal_occurs_in_the_walk(name: str) -> None:
    """Otherwise the readers would agree on nothing there."""
    machine, _ = CORPUS[name]
    met = {(each.event, each.answer.rule if isinstance(each.answer, Accepted) else each.answer.code) for each in walked(name)}
    declared = {(e.name, r.name) for e in machine.events for r in e.rules}
    declared |= {(e.name, n.code) for e in machine.events for n in e.requires}
    assert declared - UNMET.get(name, set()) == met


UNMET = {"turnstile": {("pay", "barrier_must_be_locked")}, "strict turnstile": {("pay", "pays_ahead")}}
"""What cannot occur under the parameters chosen: the policy on paying ahead excludes one or the other."""


@each_machine
@each_reader
def test_every_reader_answers_as_the_reference_does(reader: Callable[[Machine, Values], StepOf], name: str) -> None:
    step = reader(*CORPUS[name])
    for each in walked(name):
        answer = step(each.state, each.event, each.fields)
        assert exact(each.answer) == exact(answer), each


@each_machine
def test_every_reader_begins_in_the_same_state(name: str) -> None:
    machine, parameters = CORPUS[name]
    initial = reference.initial_state(machine, parameters)
    names = [variable.name for variable in machine.variables]
    assert tuple(initial.values()) == Compiled(machine, parameters).initial
    assert names == list(initial)
    assert initial == live(machine, parameters).state_values


@each_machine
@each_reader
def test_asking_a_reader_changes_neither_the_state_nor_the_fields(reader: Callable[[Machine, Values], StepOf], name: str) -> None:
    step = reader(*CORPUS[name])
    for each in walked(name)[:50]:
        state, fields = dict(each.state), dict(each.fields)
        step(state, each.event, fields)
        assert (each.state, each.fields) == (state, fields)


@each_reader
def test_an_answer_depends_on_the_parameters(reader: Callable[[Machine, Values], StepOf]) -> None:
    outcomes = {}
    for ceiling in (2, 4):
        answer = reader(counter(), {"ceiling": ceiling})({"mode": "on", "count": 1}, "add", {"amount": 2})
        assert isinstance(answer, Accepted)
        outcomes[ceiling] = (answer.state["count"], answer.answer["lost"])
    expected = {2: (2, 1), 4: (3, 0)}
    assert expected == outcomes


def test_a_live_reader_bound_to_other_parameters_follows_them() -> None:
    reader = LiveReader(counter(), {"ceiling": 2})
    state: Values = {"mode": "on", "count": 1}
    fields: Values = {"amount": 2}
    expected = [by_reference(counter(), {"ceiling": n})(state, "add", fields) for n in (4, 2)]
    assert expected == [reader.bound_to({"ceiling": n}).step(state, "add", fields) for n in (4, 2)]


# -- single meanings, with the numbers written out -------------------------------------------------------------------


@each_reader
def test_two_variables_change_places_at_once(reader: Callable[[Machine, Values], StepOf]) -> None:
    answer = reader(swap(), {})({"mode": "on", "x": 1, "y": 2}, "exchange", {})
    expected = Accepted(
        "exchanges",
        {"mode": "off", "x": 2, "y": 1},
        {"was_x": 1, "was_y": 2},
        ((Kind.MOVED_OUT, "x", 1), (Kind.MOVED_IN, "x", 2)),
    )
    assert expected == answer


@each_reader
def test_the_first_requirement_that_fails_is_the_refusal(reader: Callable[[Machine, Values], StepOf]) -> None:
    step = reader(wallet(), {"gift": 1})
    state: dict[str, Value] = {"life": "closed", "bonus": 0, "main": 0, "stopped": True}
    expected = ["wallet_must_be_open", "wallet_must_not_be_stopped", "tokens_must_cover_cost"]
    changes: list[dict[str, Value]] = [{}, {"life": "open"}, {"stopped": False}]
    refusals = []
    for change in changes:
        state.update(change)
        refusals.append(step(state, "spend", {"cost": 3}))
    assert [Refused(code) for code in expected] == refusals


@each_reader
def test_ledger_lines_of_nothing_are_left_out(reader: Callable[[Machine, Values], StepOf]) -> None:
    state: Values = {"life": "open", "bonus": 2, "main": 2, "stopped": False}
    step = reader(wallet(), {"gift": 1})
    ledgers = [getattr(step(state, "spend", {"cost": cost}), "ledger", None) for cost in (0, 2, 3)]
    expected = [(), ((Kind.SPENT, "bonus", 2),), ((Kind.SPENT, "bonus", 2), (Kind.SPENT, "main", 1))]
    assert expected == ledgers


@each_reader
def test_levels_are_compared_by_their_order_and_not_by_the_alphabet(reader: Callable[[Machine, Values], StepOf]) -> None:
    step = reader(ladder(), {})
    answers = [step({"mode": "on", "level": "middle"}, "climb", {"asked": asked}) for asked in ("low", "high", "top")]
    expected = [
        Refused("level_must_be_higher"),
        Accepted("climbs", {"mode": "on", "level": "high"}, {}, ()),
        Refused("level_must_be_below_top"),
    ]
    assert expected == answers


@each_reader
def test_a_job_run_for_as_long_as_it_is_accepted_empties_the_backlog(reader: Callable[[Machine, Values], StepOf]) -> None:
    machine, parameters = CORPUS["repeating job"]
    assert machine.event_named["serve"].repeats
    step = reader(machine, parameters)
    state: Values = {"phase": "busy", "backlog": 3, "done": False}
    still = []
    while isinstance(answer := step(state, "serve", {}), Accepted):
        state = answer.state
        still.append(answer.answer["still"])
    expected = ([2, 1, 0], {"phase": "idle", "backlog": 0, "done": True}, Refused("backlog_must_not_be_empty"))
    assert expected == (still, state, answer)


# -- gaps ------------------------------------------------------------------------------------------------------------


def nudged(*rules: Any) -> Machine:
    """The turnstile with one more event, `nudge`, that is refused nowhere."""
    return turnstile(more=(Event("nudge", Actor.USER, "Someone leans on it.", (), (), rules),))


NO_STATE = nudged(rule("yields", "unlocked", "locked", ""))
NO_CONDITION = nudged(rule("yields", "locked", "unlocked", "", when=purse > 0))
OVERLAP = nudged(
    rule("yields", "locked", "unlocked", "", when=purse <= 2), rule("holds", ("locked", "unlocked"), None, "", when=purse >= 0)
)


@each_reader
@pytest.mark.parametrize("machine", [NO_STATE, NO_CONDITION], ids=["no source fits", "no condition holds"])
def test_an_event_that_no_rule_accepts_and_nothing_refuses_is_a_gap(
    reader: Callable[[Machine, Values], StepOf], machine: Machine
) -> None:
    validate(machine)
    with pytest.raises(Gap, match=r"nudge in .*locked.*: no rule applies"):
        reader(machine, TURNSTILE)(LOCKED, "nudge", {})


def test_two_rules_that_apply_at_once_are_a_gap_to_the_reference() -> None:
    validate(OVERLAP)
    with pytest.raises(Gap, match=r"nudge in .*: yields, holds applies, where exactly one must"):
        reference.step(OVERLAP, TURNSTILE, LOCKED, "nudge", {})


@each_reader
def test_rules_that_overlap_elsewhere_are_no_gap_here(reader: Callable[[Machine, Values], StepOf]) -> None:
    state = {**LOCKED, "purse": 3}
    assert Accepted("holds", state, {}, ()) == reader(OVERLAP, TURNSTILE)(state, "nudge", {})


@each_reader
def test_a_refused_event_is_no_gap_even_where_no_rule_applies(reader: Callable[[Machine, Values], StepOf]) -> None:
    assert Refused("barrier_must_be_unlocked") == reader(turnstile(), TURNSTILE)(LOCKED, "push", {})


def test_the_live_machine_stays_as_it_was_after_a_gap() -> None:
    machine = live(NO_STATE, TURNSTILE)
    with pytest.raises(Gap):
        trigger(machine, "nudge")
    assert machine.state_values == LOCKED
    assert trigger(machine, "pay", coin="gold")


def test_the_traceback_of_a_gap_shows_the_line_of_the_generated_function() -> None:
    compiled = Compiled(NO_STATE, TURNSTILE)
    try:
        compiled.step(LOCKED, "nudge", {})
    except Gap:
        shown = [line.strip() for line in traceback.format_exc().splitlines()]
    raised = next(line.strip() for line in source(NO_STATE).splitlines() if line.strip().startswith("raise Gap('nudge'"))
    assert raised in shown
    assert any(line.startswith('File "<tokenspec compiled turnstile ') and line.endswith("in step_nudge") for line in shown)


def test_the_generated_text_stays_readable_when_the_cache_of_lines_is_checked() -> None:
    step = Compiled(NO_STATE, TURNSTILE).steps["nudge"]
    code = step.__code__
    linecache.checkcache()
    assert linecache.getline(code.co_filename, code.co_firstlineno).strip() == "def step_nudge(row, fields):"
    assert source(NO_STATE) == "".join(linecache.getlines(code.co_filename))
