"""Three readers, one meaning: every event with every field value in every reachable state of six tiny machines."""

from __future__ import annotations

import linecache
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any

import pytest

from lang.machines import COIN, CORPUS, FITS, PUSH, UNLOCKS, all_values, coin, counter, ladder, purse, swap, turnstile, wallet
from tokenspec.machine.backends import reference
from tokenspec.machine.backends.compiled import Compiled, source
from tokenspec.machine.backends.live import LiveReader, live
from tokenspec.machine.lang.build import requires, rule, var, variable
from tokenspec.machine.lang.declaration import Actor, Event, Field, Kind, Machine
from tokenspec.machine.lang.errors import DeclarationErrors, Gap
from tokenspec.machine.lang.step import Accepted, Refused, Step, Values
from tokenspec.machine.lang.types import Enum, Tokens, Value
from tokenspec.machine.lang.validate import validate

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
    seen, waiting = {_key(initial)}, deque([initial])
    while waiting:
        state = waiting.popleft()
        for event in machine.events:
            for values in product(*(all_values(field.type) for field in event.fields)):
                fields = dict(zip((field.name for field in event.fields), values, strict=True))
                answer = reference.step(machine, parameters, state, event.name, fields)
                yield Asked(state, event.name, fields, answer)
                if isinstance(answer, Accepted) and _key(answer.state) not in seen:
                    seen.add(_key(answer.state))
                    waiting.append(dict(answer.state))


def _key(state: Values) -> tuple[tuple[str, Value], ...]:
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


@each_machine
def test_the_machines_of_the_corpus_are_right(name: str) -> None:
    validate(CORPUS[name][0])


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
    states = {_key(each.state) for each in asked}
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


LOCKED: Values = {"barrier": "locked", "purse": 0, "due": False}
TURNSTILE: Values = {"room": 4, "ahead": "kept"}
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


# -- the live machine as an object -----------------------------------------------------------------------------------


def trigger(machine: Any, event: str, **fields: Value) -> bool:
    answer = getattr(machine, event)(**fields)
    assert isinstance(answer, bool)
    return answer


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


# -- whatever is not refused is read alike ---------------------------------------------------------------------------


def _with_variable(name: str) -> Machine:
    """The turnstile with one more number, that `pay` counts up to 1."""
    before = turnstile()
    counts = replace(UNLOCKS, effect=(*UNLOCKS.effect, var(name).becomes(1)))
    machine = turnstile(rules=(counts, before.events[0].rules[1]))
    return replace(machine, variables=(*before.variables, variable(name, Tokens(0, 1), 0, "")))


def _with_event(name: str) -> Machine:
    """The turnstile with one more event."""
    return turnstile(more=(replace(PUSH, name=name, rules=(rule("again", "unlocked", None, ""),)),))


def _with_rule(name: str) -> Machine:
    """The turnstile with one more event, whose rule is called `name`."""
    return turnstile(more=(replace(PUSH, name="nudge", rules=(rule(name, "unlocked", None, ""),)),))


_VARIABLES = ("answer", "ledger", "refusal", "rule", "machine", "state_values", "trigger", "state", "row", "fields", "v_purse")
_EVENTS = ("push twice", "class", "purse", "locked", "machine", "rule", "trigger", "state")
_RULES = ("a gain", "a-gain", "lambda")

ODD: dict[str, Machine] = {
    **{f"variable {name!r}": _with_variable(name) for name in _VARIABLES},
    **{f"event {name!r}": _with_event(name) for name in _EVENTS},
    **{f"rule {name!r}": _with_rule(name) for name in _RULES},
    "member twice in an enum": turnstile(
        fields=(Field("coin", Enum("Coin", ("copper", "silver", "gold", "silver")), ""),),
        needs=(FITS, requires("coin_must_be_less_than_gold", coin < "gold", "")),
    ),
}
"""Machines with names that some reader might stumble over."""


@pytest.mark.parametrize("machine", ODD.values(), ids=ODD.keys())
def test_whatever_validate_lets_pass_every_reader_reads_alike(machine: Machine) -> None:
    """The readers may refuse a declaration when they are made (`AssertionError`), never read it otherwise in silence."""
    try:
        validate(machine)
        steps = [make(machine, TURNSTILE) for make in READERS.values()]
    except (DeclarationErrors, AssertionError):
        return
    assert reference.initial_state(machine, TURNSTILE) == live(machine, TURNSTILE).state_values
    for each in walk(machine, TURNSTILE):
        answers = [exact(step(each.state, each.event, each.fields)) for step in steps]
        assert [exact(each.answer)] * 3 == answers, each


SHARED_FIELD = turnstile(
    fields=(Field("coin", COIN, ""),),
    more=(
        Event(
            "weigh",
            Actor.USER,
            "Coins by weight.",
            (Field("coin", Enum("Weight", ("gold", "silver", "copper")), ""),),
            (requires("coin_must_be_heavy", coin > "silver", ""),),
            (rule("weighs", ("locked", "unlocked"), None, ""),),
        ),
    ),
)
"""Two events have a field of one name, whose enums order the same members the other way round."""


@each_reader
def test_a_field_is_compared_by_the_order_that_its_own_event_gives_it(reader: Callable[[Machine, Values], StepOf]) -> None:
    try:
        validate(SHARED_FIELD)
    except DeclarationErrors:
        return
    step = reader(SHARED_FIELD, TURNSTILE)
    answers = [step(LOCKED, event, {"coin": coin}) for event in ("pay", "weigh") for coin in ("copper", "gold")]
    expected = [
        Refused("coin_must_not_be_copper"),
        Accepted(
            "unlocks", {**LOCKED, "barrier": "unlocked", "purse": 2}, {"counted": 2, "coin": "gold"}, ((Kind.BOUGHT, "purse", 2),)
        ),
        Accepted("weighs", LOCKED, {}, ()),
        Refused("coin_must_be_heavy"),
    ]
    assert expected == answers
