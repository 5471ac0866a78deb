"""Memory and ids that do not fit the machine: TS116 to TS118, and the codes of names and types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lang.cloakroom import COATS, TICKET, cloakroom, fact
from lang.wrong import Wrong
from tokenspec.machine.lang.build import definition, event, rule, var
from tokenspec.machine.lang.declaration import ClockAct, Note, Parameter, Period, Policy, System
from tokenspec.machine.lang.expr import Lit, Var
from tokenspec.machine.lang.ids import Ids
from tokenspec.machine.lang.types import Bool, Enum
from tokenspec.machine.lang.validate import validate, validate_system

MEMORY, FETCH = "memory of 'ticket'", "event 'fetch', rule 'fetches'"
EVENING = f"{MEMORY}, period 'evening_lasts'"
_FETCHES = rule("fetches", "open", None, "")


def room(**parts: Any) -> Callable[[], None]:
    """Validates a cloakroom with other parts."""
    return lambda: validate(cloakroom(**parts))


def coats(**parts: Any) -> Callable[[], None]:
    """Validates a cloakroom whose memory has other parts."""
    return room(memory=replace(COATS, **parts))


def weighs(initial: Any) -> Callable[[], None]:
    return coats(holds=(replace(COATS.holds[0], initial=initial), COATS.holds[1]))


def ids(key: str, repeated: str, code: str) -> Callable[[], None]:
    def knob(name: str, *answers: str) -> Policy:
        return Policy(Parameter(name, Enum(name, answers), answers[0], ""), tuple((answer, "") for answer in answers), "", ())

    machine = replace(
        cloakroom(),
        policies=(knob("again", "first_answer", "refused"), knob("after_all", "kept", "free"), knob("mixed", "refused", "free")),
    )
    return lambda: validate_system(System((machine,), (), Ids(key, "", repeated, "after_all", code, "")))


_ALL = [
    Wrong("TS102", MEMORY, "'weight'", coats(holds=(*COATS.holds, COATS.holds[0]))),
    Wrong("TS116", f"{MEMORY}, 'weight'", "blank", weighs(Var("taken"))),
    Wrong("TS204", f"{MEMORY}, 'weight'", "-1", weighs(Lit(-1))),
    Wrong("TS117", EVENING, "nothing ends it", coats(periods=(replace(COATS.periods[0], ended_by=()),))),
    Wrong(
        "TS118",
        "event 'fetch'",
        "may name no entry",
        room(fetch=event("fetch", "", "", replace(TICKET, optional=True), _FETCHES)),
    ),
    Wrong("TS111", EVENING, "'night'", coats(periods=(Period("evening_lasts", "", (("night", ClockAct.STOPS),)),))),
    Wrong("TS101", f"{MEMORY}, fact 'fee'", "'grams'", coats(facts=(COATS.facts[0], definition("fee", var("grams"), "")))),
    Wrong(
        "TS118",
        "event 'fetch', field 'hangs'",
        "names no entry",
        room(fetch=event("fetch", "", "", fact("hangs", Bool()), _FETCHES)),
    ),
    Wrong("TS118", FETCH, "writes notes", room(fetch=event("fetch", "", "", cloakroom().event_named["fetch"].rules[0]))),
    Wrong(
        "TS203", "event 'fetch', field 'fee'", "Bool", room(fetch=event("fetch", "", "", TICKET, fact("fee", Bool()), _FETCHES))
    ),
    Wrong("TS101", FETCH, "'colour'", room(notes=(Note("colour", Lit(1)),))),
    Wrong("TS103", FETCH, "'is_back'", room(notes=(Note("is_back", Lit(True)), Note("is_back", Lit(False))))),
    Wrong("TS203", f"{FETCH}, note on 'weight'", "true", room(notes=(Note("weight", Lit(True)),))),
    Wrong("TS106", "ids of 'id'", "'used'", ids("id", "again", "used")),
    Wrong("TS101", "ids of 'id'", "'often'", ids("id", "often", "id_is_used")),
    Wrong("TS204", "ids of 'id', policy 'mixed'", "'free'", ids("id", "mixed", "id_is_used")),
    Wrong("TS102", "event 'hand_in'", "'grams'", ids("grams", "again", "id_is_used")),
]

WRONG_MEMORY: dict[str, Wrong] = {f"memory {number}, {wrong.code}": wrong for number, wrong in enumerate(_ALL, 1)}
