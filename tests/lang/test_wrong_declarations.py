"""A wrong declaration for every code of the register, made from one right machine and one right set of claims."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from lang.machines import (
    COIN,
    EVENING,
    FITS,
    IDLE,
    NOT_AHEAD,
    NOT_COPPER,
    PAYING_AHEAD,
    PUSH,
    ROOM,
    TURNSTILE_CLAUSES,
    UNLOCKS,
    VARIABLES,
    WORTH,
    barrier,
    coin,
    due,
    purse,
    room,
    turnstile,
    worth,
)
from tokenspec.machine.lang.build import (
    Termlike,
    all_of,
    assumption,
    definition,
    eq,
    ite,
    maximum,
    negation,
    posting,
    requires,
    rule,
    var,
    variable,
)
from tokenspec.machine.lang.claims import (
    Claim,
    LayerPart,
    LivenessPart,
    Part,
    claim,
    flow,
    ghost,
    new,
    state,
    step,
    two_runs,
    validate_claims,
)
from tokenspec.machine.lang.declaration import Actor, ClockAct, Event, Field, Kind, Machine, Parameter
from tokenspec.machine.lang.errors import CODES, DeclarationError, DeclarationErrors
from tokenspec.machine.lang.types import Bool, Enum, Tokens
from tokenspec.machine.lang.validate import check_clauses, citations, validate

NAME = "turnstile"
RULE = "event 'pay', rule 'unlocks'"


def refused(check: Callable[[], None]) -> tuple[DeclarationError, ...]:
    with pytest.raises(DeclarationErrors) as refusal:
        check()
    return refusal.value.errors


# -- right and wrong machines ----------------------------------------------------------------------------------------


def machine(**parts: Any) -> Callable[[], None]:
    """Validates the turnstile with `parts` put in place of its own."""
    return lambda: validate(turnstile(**parts))


def need(holds: Termlike, code: str = "coin_must_shine") -> Callable[[], None]:
    """Validates the turnstile with one more requirement of `pay`."""
    return machine(needs=(NOT_COPPER, NOT_AHEAD, FITS, requires(code, holds, "", "T1")))


def unlocks(**parts: Any) -> Callable[[], None]:
    """Validates the turnstile with parts of the rule `unlocks` replaced."""
    return machine(rules=(replace(UNLOCKS, **parts),))


def defined(name: str, value: Termlike) -> Callable[[], None]:
    """Validates the turnstile with one definition before its own."""
    return lambda: validate(turnstile(definitions=(definition(name, value, ""), *turnstile().definitions)))


def clauses(register: dict[str, str], machine: Machine) -> Callable[[], None]:
    return lambda: check_clauses(register, citations(machine))


def claims(*parts: Part, id: str = "C") -> Callable[[], None]:
    """Validates a claim about the turnstile beside the right ones."""
    return lambda: validate_claims([*RIGHT_CLAIMS, claim(9, id, "Something holds.", "T1", *parts)], [turnstile()])


RIGHT_CLAIMS: list[Claim] = [
    claim(1, "fits", "The purse never holds more than fits.", "T1", state("fits", purse <= room, purse > 0, NAME)),
    claim(
        2,
        "paid",
        "What comes into the purse has been paid.",
        "T1 T3",
        step("grows", eq(new(purse), purse + flow(Kind.BOUGHT, purse)), flow(Kind.BOUGHT, purse) > 0, "pay", machine=NAME),
        step(
            "counted",
            new(var("paid")) >= var("paid"),
            var("paid") > 3,
            ghosts=[ghost("paid", Tokens(), 0, var("paid") + flow(Kind.BOUGHT, purse))],
            machine=NAME,
        ),
        two_runs("order", negation(due), ["evening_comes"], ["relock"], ["purse"], eq(barrier, "locked"), NAME),
        LivenessPart("emptied", NAME, "empty", (), ("evening_comes",), ("passes",)),
        LayerPart("journal", "The porter signs."),
    ),
]


def test_the_right_machine_passes() -> None:
    validate(turnstile())


def test_the_clauses_of_the_right_machine_pass() -> None:
    check_clauses(TURNSTILE_CLAUSES, citations(turnstile()))


def test_the_right_claims_pass() -> None:
    validate_claims(RIGHT_CLAIMS, [turnstile()])


# -- one fault at a time ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wrong:
    """What `check` must be refused with: the code, the place, and what the message shows of the culprit."""

    code: str
    place: str
    shows: str
    check: Callable[[], None]


_missing = var("pursee")

WRONG: dict[str, Wrong] = {
    # a name is used that nothing declares
    "requirement reads an unknown name": Wrong(
        "TS101", "event 'pay', requirement 'coin_must_shine'", "'pursee'", need(_missing <= 3)
    ),
    "condition reads an unknown name": Wrong("TS101", f"{RULE}, condition", "'pursee'", unlocks(when=(_missing < 3).expr)),
    "effect reads an unknown name": Wrong(
        "TS101", f"{RULE}, effect on 'purse'", "'pursee'", unlocks(effect=(purse.becomes(_missing + 1),))
    ),
    "effect on an unknown variable": Wrong("TS101", RULE, "'pursee'", unlocks(effect=(_missing.becomes(1),))),
    "effect on a parameter": Wrong("TS101", RULE, "'room'", unlocks(effect=(room.becomes(1),))),
    "effect on a field": Wrong("TS101", RULE, "'coin'", unlocks(effect=(coin.becomes("gold"),))),
    "ledger amount reads an unknown name": Wrong(
        "TS101", f"{RULE}, bought purse", "'pursee'", unlocks(ledger=(posting(Kind.BOUGHT, purse, _missing),))
    ),
    "posting to what is no pool": Wrong("TS101", RULE, "'room'", unlocks(ledger=(posting(Kind.BOUGHT, room, 1),))),
    "answer reads an unknown name": Wrong(
        "TS101", f"{RULE}, answer 'left'", "'pursee'", unlocks(answer=(var("left").becomes(_missing),))
    ),
    "initial value reads another variable": Wrong(
        "TS101",
        "variable 'twin', initial value",
        "'purse'",
        machine(variables=(*VARIABLES, variable("twin", Tokens(), purse, ""))),
    ),
    "definition reads an unknown name": Wrong("TS101", "definition 'half'", "'pursee'", defined("half", _missing + 1)),
    "assumption reads a variable": Wrong(
        "TS101", "assumption 'too much'", "'purse'", machine(assumptions=(assumption(purse <= 3, "too much"),))
    ),
    "a field is read by another event": Wrong(
        "TS101",
        "event 'nod', requirement 'coin_must_be_gold'",
        "'coin'",
        machine(
            more=(
                Event(
                    "nod",
                    Actor.USER,
                    "",
                    (),
                    (requires("coin_must_be_gold", eq(coin, "gold"), ""),),
                    (rule("nods", "locked", None, ""),),
                ),
            )
        ),
    ),
    "pool that is no variable": Wrong("TS101", f"machine {NAME!r}", "'till'", machine(pools=("purse", "till"))),
    "claim reads an unknown name": Wrong(
        "TS101", "claim 'C', part 'p'", "'pursee'", claims(state("p", _missing <= 3, purse > 0, NAME))
    ),
    "claim about all events reads the field of one": Wrong(
        "TS101", "claim 'C', part 'p'", "'coin'", claims(step("p", eq(coin, "gold"), purse > 0, machine=NAME))
    ),
    "state claim speaks of the value after": Wrong(
        "TS101", "claim 'C', part 'p'", "'new.purse'", claims(state("p", new(purse) <= 3, purse > 0, NAME))
    ),
    # a name is declared twice
    "event declared twice": Wrong(
        "TS102", f"machine {NAME!r}", "'push'", machine(more=(replace(PUSH, rules=(rule("again", "locked", None, ""),)),))
    ),
    "rule declared twice": Wrong(
        "TS102",
        f"machine {NAME!r}",
        "'passes'",
        machine(more=(Event("nod", Actor.USER, "", (), (), (rule("passes", "locked", None, ""),)),)),
    ),
    "field named like a variable": Wrong(
        "TS102",
        f"machine {NAME!r}, event 'pay'",
        "'purse'",
        machine(fields=(Field("coin", COIN, ""), Field("purse", Tokens(), ""))),
    ),
    "field named like a definition": Wrong(
        "TS102",
        f"machine {NAME!r}, event 'pay'",
        "'worth'",
        machine(fields=(Field("coin", COIN, ""), Field("worth", Tokens(), ""))),
    ),
    "field declared twice": Wrong(
        "TS102", f"machine {NAME!r}, event 'pay'", "'coin'", machine(fields=(Field("coin", COIN, ""), Field("coin", COIN, "")))
    ),
    "variable declared twice": Wrong(
        "TS102", f"machine {NAME!r}", "'purse'", machine(variables=(*VARIABLES, variable("purse", Tokens(0, 4), 0, "")))
    ),
    "parameter named like a variable": Wrong(
        "TS102", f"machine {NAME!r}", "'due'", machine(parameters=(ROOM, Parameter("due", Bool(), True, "")))
    ),
    "policy named like a parameter": Wrong(
        "TS102",
        f"machine {NAME!r}",
        "'ahead'",
        machine(parameters=(ROOM, Parameter("ahead", PAYING_AHEAD.parameter.type, None, ""))),
    ),
    # an effect gives one variable two new values
    "two effects on one variable": Wrong(
        "TS103", RULE, "'purse' is given 2", unlocks(effect=(purse.becomes(1), due.becomes(True), purse.becomes(2)))
    ),
    # a rule starts or ends in a state that the machine does not have
    "unknown source": Wrong("TS104", RULE, "'ajar'", unlocks(source=("locked", "ajar"))),
    "unknown target": Wrong("TS104", RULE, "'ajar'", unlocks(target="ajar")),
    # the control variable is changed by an effect
    "effect on the control variable": Wrong(
        "TS105", RULE, "'barrier'", unlocks(target=None, effect=(barrier.becomes("unlocked"),))
    ),
    # a requirement has no code, or it is not a sentence
    "requirement without a code": Wrong("TS106", "event 'pay', requirement ''", "''", need(True, "")),
    "code of one word": Wrong("TS106", "event 'pay', requirement 'shine'", "'shine'", need(True, "shine")),
    "code in camel case": Wrong("TS106", "event 'pay', requirement 'coinShines'", "'coinShines'", need(True, "coinShines")),
    "code with spaces": Wrong(
        "TS106", "event 'pay', requirement 'it must shine'", "'it must shine'", need(True, "it must shine")
    ),
    "code with a full stop": Wrong(
        "TS106", "event 'pay', requirement 'it_must_shine.'", "'it_must_shine.'", need(True, "it_must_shine.")
    ),
    "code with a hanging underscore": Wrong("TS106", "event 'pay', requirement 'must_'", "'must_'", need(True, "must_")),
    # clauses
    "clause that nothing cites": Wrong(
        "TS107", "clause T4", "nothing cites it", clauses({**TURNSTILE_CLAUSES, "T4": "No dogs."}, turnstile())
    ),
    "rule cites an unknown clause": Wrong(
        "TS108", "rule unlocks", "'T9'", clauses(TURNSTILE_CLAUSES, turnstile(rules=(replace(UNLOCKS, clauses=("T3", "T9")),)))
    ),
    "requirement cites an unknown clause": Wrong(
        "TS108",
        "event pay, coin_must_not_be_copper",
        "'T9'",
        clauses(TURNSTILE_CLAUSES, turnstile(needs=(replace(NOT_COPPER, clauses=("T9",)), NOT_AHEAD))),
    ),
    "event cites an unknown clause": Wrong(
        "TS108",
        "event push",
        "'T9'",
        clauses(
            TURNSTILE_CLAUSES,
            turnstile(events=(*turnstile().events[:1], replace(PUSH, clauses=("T9",)), *turnstile().events[2:])),
        ),
    ),
    "policy cites an unknown clause": Wrong(
        "TS108", "policy ahead", "'T9'", clauses(TURNSTILE_CLAUSES, turnstile(policies=(replace(PAYING_AHEAD, clauses=("T9",)),)))
    ),
    "clock cites an unknown clause": Wrong(
        "TS108", "clock evening", "'T9'", clauses(TURNSTILE_CLAUSES, turnstile(clocks=(replace(EVENING, clauses=("T9",)),)))
    ),
    "timer cites an unknown clause": Wrong(
        "TS108", "timer relock", "'T9'", clauses(TURNSTILE_CLAUSES, turnstile(timers=(replace(IDLE, clauses=("T9",)),)))
    ),
    # an event without rules
    "event without rules": Wrong("TS109", "event 'pay'", "it has no rule", machine(rules=())),
    "event without anything": Wrong(
        "TS109", "event 'nod'", "nothing refuses it", machine(more=(Event("nod", Actor.USER, "", (), (), ()),))
    ),
    # a definition reads a later definition
    "definition reads a later one": Wrong("TS110", "definition 'twice'", "'worth'", defined("twice", worth + worth)),
    "definition reads itself": Wrong("TS110", "definition 'twice'", "'twice'", defined("twice", var("twice") + 1)),
    # a clock names an event that the machine does not have
    "clock falls due by an unknown event": Wrong(
        "TS111", "clock 'evening'", "'dusk'", machine(clocks=(replace(EVENING, falls_due="dusk"),))
    ),
    "clock has an unknown job": Wrong("TS111", "clock 'evening'", "'sweep'", machine(clocks=(replace(EVENING, job="sweep"),))),
    "timer fires an unknown event": Wrong("TS111", "timer of 'dusk'", "'dusk'", machine(timers=(replace(IDLE, event="dusk"),))),
    "timer counts from an unknown event": Wrong(
        "TS111", "timer of 'relock'", "'dusk'", machine(timers=(replace(IDLE, since="dusk"),))
    ),
    "rule winds an unknown clock": Wrong("TS111", RULE, "'noon'", unlocks(clocks=(("noon", ClockAct.STARTS),))),
    # a rule has no source
    "rule without a source": Wrong("TS112", RULE, "starts in no state", unlocks(source=())),
    "rule without source and target": Wrong("TS112", RULE, "starts in no state", unlocks(source=(), target=None)),
    # one code stands for two requirements
    "one code for two requirements": Wrong(
        "TS113", "event 'pay', requirement 'coin_must_fit'", "two requirements", need(purse < 3, "coin_must_fit")
    ),
    # an expression is ill typed
    "sum of a number and a truth value": Wrong(
        "TS201", "event 'pay', requirement 'coin_must_shine'", "due is of type Bool", need(purse + due < 3)
    ),
    "product of a number and a name": Wrong(
        "TS201",
        f"{RULE}, effect on 'purse'",
        "coin is of type Coin(copper, silver, gold)",
        unlocks(effect=(purse.becomes(worth * coin),)),
    ),
    "maximum of a number and a truth value": Wrong(
        "TS201", f"{RULE}, answer 'left'", "true is of type Bool", unlocks(answer=(var("left").becomes(maximum(purse, True)),))
    ),
    "a number equals a name": Wrong(
        "TS201",
        "event 'pay', requirement 'coin_must_shine'",
        "purse is Tokens(0..4), coin is Coin(copper, silver, gold)",
        need(eq(purse, coin)),
    ),
    "members of two enums are compared": Wrong(
        "TS201", "event 'pay', requirement 'coin_must_shine'", "barrier is Barrier(locked, unlocked)", need(barrier < coin)
    ),
    "a name that the enum does not have": Wrong(
        "TS201", "event 'pay', requirement 'coin_must_shine'", "brass is ?(brass)", need(eq(coin, "brass"))
    ),
    "truth values are ordered": Wrong(
        "TS201", "event 'pay', requirement 'coin_must_shine'", "truth values have no order", need(due < True)
    ),
    "branches of two types": Wrong(
        "TS201",
        "definition 'mixed'",
        "the two branches of ite are of different types: purse is Tokens(0..4), gold is ?(gold)",
        defined("mixed", ite(due, purse, "gold")),
    ),
    # a requirement, a condition or a claim is not a truth value
    "requirement that is a number": Wrong(
        "TS202", "event 'pay', requirement 'coin_must_shine'", "purse + 1 is Tokens", need(purse + 1)
    ),
    "requirement that is a name": Wrong(
        "TS202", "event 'pay', requirement 'coin_must_shine'", "coin is Coin(copper, silver, gold)", need(coin)
    ),
    "condition that is a number": Wrong("TS202", f"{RULE}, condition", "purse is Tokens(0..4)", unlocks(when=purse.expr)),
    "assumption that is a number": Wrong(
        "TS202", "assumption 'too small'", "room is Tokens(0..9)", machine(assumptions=(assumption(room, "too small"),))
    ),
    "negation of a number": Wrong(
        "TS202", "event 'pay', requirement 'coin_must_shine'", "purse is of type Tokens(0..4)", need(negation(purse))
    ),
    "conjunction with a name": Wrong(
        "TS202",
        "event 'pay', requirement 'coin_must_shine'",
        "coin is of type Coin(copper, silver, gold)",
        need(all_of(due, coin)),
    ),
    "choice by a number": Wrong(
        "TS202", "definition 'chosen'", "purse is of type Tokens(0..4)", defined("chosen", ite(purse, 1, 2))
    ),
    "claim that is a number": Wrong(
        "TS202", "claim 'C', part 'p'", "purse + 1 is Tokens", claims(state("p", purse + 1, purse > 0, NAME))
    ),
    "twin that is a name": Wrong(
        "TS202", "claim 'C', part 'p'", "barrier is Barrier", claims(state("p", purse >= 0, barrier, NAME))
    ),
    # a value does not fit the declared type
    "initial value of another type": Wrong(
        "TS203",
        "variable 'till', initial value",
        "true is Bool, not Tokens(0..9)",
        machine(variables=(*VARIABLES, variable("till", Tokens(0, 9), True, ""))),
    ),
    "initial value that the enum does not have": Wrong(
        "TS203",
        "variable 'last', initial value",
        "brass is ?(brass), not Coin(copper, silver, gold)",
        machine(variables=(*VARIABLES, variable("last", COIN, "brass", ""))),
    ),
    "effect of another type": Wrong(
        "TS203",
        f"{RULE}, effect on 'purse'",
        "coin is Coin(copper, silver, gold), not Tokens(0..4)",
        unlocks(effect=(purse.becomes(coin),)),
    ),
    "truth value set to a number": Wrong("TS203", f"{RULE}, effect on 'due'", "1 is Tokens", unlocks(effect=(due.becomes(1),))),
    "ledger amount that is no number": Wrong(
        "TS203", f"{RULE}, bought purse", "due is Bool, not Tokens", unlocks(ledger=(posting(Kind.BOUGHT, purse, due),))
    ),
    # a value is given that is not a value of the type
    "default out of range": Wrong(
        "TS204", "parameter 'room'", "10 is not a Tokens(0..9)", machine(parameters=(replace(ROOM, default=10),))
    ),
    "default of another type": Wrong(
        "TS204", "parameter 'room'", "True is not a Tokens(0..9)", machine(parameters=(replace(ROOM, default=True),))
    ),
    "default that is no answer": Wrong(
        "TS204",
        "parameter 'ahead'",
        "'burnt' is not a ahead(kept, refused)",
        machine(policies=(replace(PAYING_AHEAD, parameter=replace(PAYING_AHEAD.parameter, default="burnt")),)),
    ),
    # a type has no values
    "range without numbers": Wrong(
        "TS205",
        "parameter 'spare'",
        "Tokens(3..1) has no values",
        machine(parameters=(ROOM, Parameter("spare", Tokens(3, 1), None, ""))),
    ),
    "enum without members": Wrong(
        "TS205",
        "event 'pay', field 'kind'",
        "Kind() has no values",
        machine(fields=(Field("coin", COIN, ""), Field("kind", Enum("Kind", ()), ""))),
    ),
    # a claim without a twin
    "claim without a part": Wrong("TS301", "claim 'C'", "no part and no twin", claims()),
    "state claim whose twin is always true": Wrong(
        "TS301", "claim 'C', part 'p'", "true", claims(state("p", purse <= room, True, NAME))
    ),
    "step claim whose twin is always false": Wrong(
        "TS301", "claim 'C', part 'p'", "false", claims(step("p", new(purse) <= room, False, machine=NAME))
    ),
    # two claims share an id
    "claim id declared twice": Wrong("TS302", "claim 'fits'", "taken", claims(LayerPart("l", ""), id="fits")),
    # a claim speaks of an event that the machine does not have
    "step claim of an unknown event": Wrong(
        "TS303", "claim 'C', part 'p'", "'shove'", claims(step("p", new(purse) <= room, purse > 0, "pay", "shove", machine=NAME))
    ),
    "left run of an unknown event": Wrong(
        "TS303", "claim 'C', part 'p'", "'shove'", claims(two_runs("p", due, ["shove"], ["push"], ["purse"], machine=NAME))
    ),
    "right run of an unknown event": Wrong(
        "TS303",
        "claim 'C', part 'p'",
        "'shove'",
        claims(two_runs("p", due, ["push"], ["push", "shove"], ["purse"], machine=NAME)),
    ),
    "goal that is no event": Wrong(
        "TS303", "claim 'C', part 'p'", "'shove'", claims(LivenessPart("p", NAME, "shove", (), ("push",), ()))
    ),
    "way to the goal by an unknown event": Wrong(
        "TS303", "claim 'C', part 'p'", "'shove'", claims(LivenessPart("p", NAME, "push", (), ("pay", "shove"), ()))
    ),
}

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
    validate(turnstile(more=(never,)))


# -- several faults at once ------------------------------------------------------------------------------------------


def test_all_faults_of_a_machine_are_reported_in_the_order_of_the_declaration() -> None:
    wrong_rule = replace(
        UNLOCKS, source=("locked", "ajar"), target="shut", effect=(purse.becomes(due), barrier.becomes("locked")), ledger=()
    )
    wrong_needs = (requires("Shine", _missing, ""), requires("coin_must_shine", purse, ""))
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


def test_all_faults_of_the_clauses_are_reported() -> None:
    faults = refused(lambda: check_clauses({"A1": "", "A2": "", "A3": ""}, {"here": ["A2", "B1"], "there": ["B2"]}))
    expected = [("TS108", "here"), ("TS108", "there"), ("TS107", "clause A1"), ("TS107", "clause A3")]
    assert expected == [(fault.code, fault.place) for fault in faults]


def test_all_faults_of_the_claims_are_reported() -> None:
    wrong = [
        claim(3, "fits", "Twice.", "", state("p", purse, True, NAME)),
        claim(4, "none", "Nothing.", ""),
        claim(5, "other", "Elsewhere.", "", step("q", _missing > 1, due, "shove", machine=NAME)),
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


# -- faults that the register names and that must not go unseen ------------------------------------------------------

UNSEEN: dict[str, tuple[set[str], Callable[[], None]]] = {
    "initial value out of range": ({"TS203", "TS204"}, machine(variables=(*VARIABLES, variable("till", Tokens(0, 3), 5, "")))),
    "initial value among the members left out": (
        {"TS203", "TS204"},
        machine(variables=(*VARIABLES, variable("last", COIN.only("silver", "gold"), "copper", ""))),
    ),
    "control begins in a state that it does not have": (
        {"TS104", "TS203", "TS204"},
        machine(
            variables=(
                variable("barrier", Enum("Barrier", ("locked", "unlocked", "ajar")).only("locked", "unlocked"), "ajar", ""),
                *VARIABLES[1:],
            )
        ),
    ),
    "effect out of range": ({"TS203", "TS204"}, unlocks(effect=(purse.becomes(99),))),
    "effect of a member left out": (
        {"TS203", "TS204"},
        machine(
            variables=(*VARIABLES, variable("last", COIN.only("silver", "gold"), "gold", "")),
            rules=(replace(UNLOCKS, effect=(var("last").becomes("copper"),)),),
        ),
    ),
    "ledger amount below zero": ({"TS203", "TS204"}, unlocks(ledger=(posting(Kind.BOUGHT, purse, -1),))),
    "control that is no enum": (
        {"TS104", "TS203", "TS204"},
        machine(
            variables=(variable("barrier", Tokens(0, 1), 0, ""), *VARIABLES[1:]),
            events=(Event("pay", Actor.USER, "", (), (requires("barrier_must_be_low", False, ""),), ()),),
            clocks=(),
            timers=(),
        ),
    ),
    "pool that holds no number": ({"TS203"}, machine(pools=("purse", "due"))),
    "answer of a policy that its parameter does not have": (
        {"TS204"},
        machine(policies=(replace(PAYING_AHEAD, answers=(*PAYING_AHEAD.answers, ("burnt", "it is melted"))),)),
    ),
    "clock declared twice": ({"TS102"}, machine(clocks=(EVENING, replace(EVENING, falls_due="relock")))),
    "member declared twice": (
        {"TS102"},
        machine(fields=(Field("coin", Enum("Coin", ("copper", "silver", "gold", "silver")), ""),)),
    ),
    "answer given twice": ({"TS102", "TS103"}, unlocks(answer=(var("left").becomes(1), var("left").becomes(2)))),
    "two runs agree on an unknown variable": (
        {"TS101"},
        claims(two_runs("p", due, ["push"], ["relock"], ["pursee"], machine=NAME)),
    ),
    "way to the goal without an unknown rule": ({"TS101"}, claims(LivenessPart("p", NAME, "push", (), ("pay",), ("shoves",)))),
    "goal with an unknown field": (
        {"TS101"},
        claims(LivenessPart("p", NAME, "pay", (("coin", "gold"), ("weight", 1)), ("push",), ())),
    ),
    "goal with a value that its field does not have": (
        {"TS203", "TS204"},
        claims(LivenessPart("p", NAME, "pay", (("coin", "brass"),), ("push",), ())),
    ),
    "ghost that begins with another type": (
        {"TS203"},
        claims(step("p", var("g") >= 0, var("g") > 1, ghosts=[ghost("g", Tokens(), "gold", var("g"))], machine=NAME)),
    ),
    "ghost that reads an unknown name": (
        {"TS101"},
        claims(step("p", var("g") >= 0, var("g") > 1, ghosts=[ghost("g", Tokens(), 0, _missing)], machine=NAME)),
    ),
}


@pytest.mark.parametrize(("codes", "check"), UNSEEN.values(), ids=UNSEEN.keys())
def test_a_fault_that_the_register_names_does_not_go_unseen(codes: set[str], check: Callable[[], None]) -> None:
    assert {fault.code for fault in refused(check)} & codes
