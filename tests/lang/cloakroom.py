"""A cloakroom: the smallest machine with a memory, of coats by their tickets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tokenspec.machine.lang.build import all_of, definition, event, ite, negation, rule, var, variable
from tokenspec.machine.lang.calendars import EveryHours
from tokenspec.machine.lang.declaration import Actor, Clock, ClockAct, Event, Field, Key, Machine, Memory, Note, Origin, Period
from tokenspec.machine.lang.phrases import remembers, settles
from tokenspec.machine.lang.types import Bool, Enum, Tokens

COATS = Memory(
    "ticket",
    "a coat that was handed in",
    is_new="ticket_is_new",
    holds=(variable("weight", Tokens(), 0, "of the coat"), variable("is_back", Bool(), False, "it was fetched")),
    periods=(Period("evening_lasts", "the house has not closed since", (("evening", ClockAct.SETTLES),)),),
    facts=(
        definition("hangs", all_of(negation(var("ticket_is_new")), negation(var("is_back"))), "the coat is here"),
        definition("fee", ite(var("evening_lasts"), var("weight"), var("weight") + var("weight")), "what it costs"),
    ),
)
TICKET = Key("ticket", "the coat's")


def fact(name: str, kind: Any) -> Field:
    return Field(name, kind, "", Origin.FACT)


def cloakroom(memory: Memory | None = COATS, fetch: Event | None = None, notes: tuple[Note, ...] = ()) -> Machine:
    """A cloakroom, its door always open; `fetch` and the `notes` of its rule in place of its own."""
    hangs_up = rule(
        "hangs_up",
        "open",
        None,
        "",
        "",
        var("taken").becomes(var("taken") + 1),
        remembers({"weight": var("grams") + var("taken")}),
    )
    fetches = rule("fetches", "open", None, "", "", remembers({"is_back": True}))
    back = replace(fetches, notes=notes) if notes else fetches
    events = (
        event("hand_in", "", "", TICKET, Field("grams", Tokens(), ""), fact("ticket_is_new", Bool()), hangs_up),
        fetch or event("fetch", "", "", TICKET, fact("hangs", Bool()), fact("fee", Tokens()), back),
        event("close", "", "", rule("closes", "open", None, "", "", settles("evening"))),
        event("falls_due", "", "", Actor.CLOCK, rule("waits", "open", None, "")),
    )
    variables = (variable("door", Enum("Door", ("open",)), "open", ""), variable("taken", Tokens(), 0, ""))
    clocks = (Clock("evening", "falls_due", "close", EveryHours(24), "", 0, ()),)
    return Machine("cloakroom", "", "door", variables, events, clocks=clocks, memory=memory)
