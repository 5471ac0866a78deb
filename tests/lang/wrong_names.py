"""Declarations whose names and parts do not fit together: TS101 to TS115."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lang.odd import SHARED_FIELD, with_event, with_rule, with_variable
from lang.turnstile import (
    COIN,
    EVENING,
    IDLE,
    NOT_AHEAD,
    NOT_COPPER,
    PAYING_AHEAD,
    PUSH,
    ROOM,
    TURNSTILE_CLAUSES,
    UNLOCKS,
    VARIABLES,
    barrier,
    coin,
    due,
    purse,
    room,
    turnstile,
    worth,
)
from lang.wrong import MISSING, NAME, RULE, Wrong, clauses, defined, machine, need, unlocks
from tokenspec.machine.lang.build import assumption, eq, posting, requires, rule, var, variable
from tokenspec.machine.lang.declaration import Actor, ClockAct, Event, Field, Kind, Link, Machine, Parameter, System
from tokenspec.machine.lang.types import Bool, Enum, Tokens
from tokenspec.machine.lang.validate import validate, validate_system


def nod(*fields: Field) -> Event:
    """One more event, of no consequence."""
    return Event("nod", Actor.USER, "", fields, (), (rule("nods", ("locked", "unlocked"), None, ""),))


def link(when: str, then: str = "porter.push") -> Callable[[], None]:
    """Validates two turnstiles of which one drives the other."""
    machines = (turnstile(), turnstile(name="porter"))
    return lambda: validate_system(System(machines, (Link("turnstile.*", "porter.push"), Link(when, then))))


def _validated(machine: Machine) -> Callable[[], None]:
    return lambda: validate(machine)


TWICE = Enum("Coin", ("copper", "silver", "gold", "silver"))
_UNSPEAKABLE = ("two words", "a-b", "2nd", "", "class", "_hidden")
_LIVE = ("rule", "refusal", "answer", "ledger", "machine", "state_values")

MISNAMED: list[tuple[str, str, Callable[[], None]]] = [
    *(("variable", name, _validated(with_variable(name))) for name in (*_UNSPEAKABLE, *_LIVE)),
    *(("event", name, _validated(with_event(name))) for name in (*_UNSPEAKABLE, *_LIVE, "purse", "barrier")),
    *(("rule", name, _validated(with_rule(name))) for name in _UNSPEAKABLE),
]
"""What is named, its name, and the machine in which it is."""

WRONG_NAMES: dict[str, Wrong] = {
    # a name is used that nothing declares
    "requirement reads an unknown name": Wrong(
        "TS101", "event 'pay', requirement 'coin_must_shine'", "'pursee'", need(MISSING <= 3)
    ),
    "condition reads an unknown name": Wrong("TS101", f"{RULE}, condition", "'pursee'", unlocks(when=(MISSING < 3).expr)),
    "effect reads an unknown name": Wrong(
        "TS101", f"{RULE}, effect on 'purse'", "'pursee'", unlocks(effect=(purse.becomes(MISSING + 1),))
    ),
    "effect on an unknown variable": Wrong("TS101", RULE, "'pursee'", unlocks(effect=(MISSING.becomes(1),))),
    "effect on a parameter": Wrong("TS101", RULE, "'room'", unlocks(effect=(room.becomes(1),))),
    "effect on a field": Wrong("TS101", RULE, "'coin'", unlocks(effect=(coin.becomes("gold"),))),
    "ledger amount reads an unknown name": Wrong(
        "TS101", f"{RULE}, bought purse", "'pursee'", unlocks(ledger=(posting(Kind.BOUGHT, purse, MISSING),))
    ),
    "posting to what is no pool": Wrong("TS101", RULE, "'room'", unlocks(ledger=(posting(Kind.BOUGHT, room, 1),))),
    "answer reads an unknown name": Wrong(
        "TS101", f"{RULE}, answer 'left'", "'pursee'", unlocks(answer=(var("left").becomes(MISSING),))
    ),
    "initial value reads another variable": Wrong(
        "TS101",
        "variable 'twin', initial value",
        "'purse'",
        machine(variables=(*VARIABLES, variable("twin", Tokens(), purse, ""))),
    ),
    "definition reads an unknown name": Wrong("TS101", "definition 'half'", "'pursee'", defined("half", MISSING + 1)),
    "assumption reads a policy": Wrong(
        "TS101",
        "assumption 'no answer'",
        "'ahead' is a policy",
        machine(assumptions=(assumption(eq(var("ahead"), "kept"), "no answer"),)),
    ),
    "assumption reads a variable": Wrong(
        "TS101", "assumption 'too much'", "'purse'", machine(assumptions=(assumption(purse <= 3, "too much"),))
    ),
    "a field is read by another event": Wrong(
        "TS101",
        "event 'nod', requirement 'coin_must_be_gold'",
        "'coin'",
        machine(more=(replace(nod(), requires=(requires("coin_must_be_gold", eq(coin, "gold"), ""),)),)),
    ),
    "pool that is no variable": Wrong("TS101", f"machine {NAME!r}", "'till'", machine(pools=("purse", "till"))),
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
    "field of two events named like a variable": Wrong(
        "TS102",
        f"machine {NAME!r}, event 'pay'",
        "'due'",
        machine(fields=(Field("coin", COIN, ""), Field("due", Bool(), "")), more=(nod(Field("due", Bool(), "")),)),
    ),
    "clock declared twice": Wrong(
        "TS102", f"machine {NAME!r}", "clock 'evening'", machine(clocks=(EVENING, replace(EVENING, falls_due="relock")))
    ),
    "pool declared twice": Wrong("TS102", f"machine {NAME!r}", "pool 'purse'", machine(pools=("purse", "purse"))),
    "member declared twice": Wrong(
        "TS102", "event 'pay', field 'coin'", "member 'silver'", machine(fields=(Field("coin", TWICE, ""),))
    ),
    "member declared twice in a family": Wrong(
        "TS102",
        "variable 'last'",
        "member 'silver'",
        machine(fields=(Field("coin", TWICE, ""),), variables=(*VARIABLES, variable("last", TWICE.only("silver"), "silver", ""))),
    ),
    "answer given twice": Wrong("TS102", RULE, "answer 'left'", unlocks(answer=(var("left").becomes(1), var("left").becomes(2)))),
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
    "link from an unknown machine": Wrong("TS111", "link of 'gate.push' to 'porter.push'", "'gate.push'", link("gate.push")),
    "link from an unknown event": Wrong(
        "TS111", "link of 'turnstile.shove' to 'porter.push'", "'turnstile.shove'", link("turnstile.shove")
    ),
    "link from all events of an unknown machine": Wrong("TS111", "link of 'gate.*' to 'porter.push'", "'gate.*'", link("gate.*")),
    "link to an unknown event": Wrong(
        "TS111", "link of 'turnstile.*' to 'porter.shove'", "'porter.shove'", link("turnstile.*", "porter.shove")
    ),
    "link to all events": Wrong("TS111", "link of 'turnstile.*' to 'porter.*'", "'porter.*'", link("turnstile.*", "porter.*")),
    # a rule has no source
    "rule without a source": Wrong("TS112", RULE, "starts in no state", unlocks(source=())),
    "rule without source and target": Wrong("TS112", RULE, "starts in no state", unlocks(source=(), target=None)),
    # one code stands for two requirements
    "one code for two requirements": Wrong(
        "TS113", "event 'pay', requirement 'coin_must_fit'", "two requirements", need(purse < 3, "coin_must_fit")
    ),
    # one field name has two types
    "field of two types": Wrong(
        "TS114", f"machine {NAME!r}, field 'coin'", "Weight(gold, silver, copper) in 'weigh'", lambda: validate(SHARED_FIELD)
    ),
    "field of two kinds of type": Wrong(
        "TS114", f"machine {NAME!r}, field 'coin'", "Tokens(0..3) in 'nod'", machine(more=(nod(Field("coin", Tokens(0, 3), "")),))
    ),
    # a name that Python, or the live object, has no room for
    **{f"{what} {name!r}": Wrong("TS115", f"{what} {name!r}", repr(name), check) for what, name, check in MISNAMED},
}
