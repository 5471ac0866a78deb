"""Event ids and what is remembered of them, lowered to the core: a machine with one id, whichever it is, as a plain machine.

A record comes under this id, or under another one or none, which leaves this one alone. Where the id is used, a record under it
is no second event, whatever it holds. Which records are refused is left open. Time itself comes under no id.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from tokenspec.machine.lang.build import all_of, any_of, eq, event, ite, negation, requires, rule, var, variable
from tokenspec.machine.lang.declaration import Actor, Event, Field, Machine
from tokenspec.machine.lang.derived.entries import name_with_entry
from tokenspec.machine.lang.ids import Ids, OfRefused, Repeat
from tokenspec.machine.lang.types import Bool, Enum

REFUSED_UNDER_ID, REPEATED = "is_refused_under_id", "comes_again"
"""The events of a record under the id that is refused, and of one that comes when the id is used."""
ACCEPTED, REFUSED = "accepted", "refused"
UNDER_ID = "comes_under_id"
"""The field of every event that says whether it comes under the id."""
_UNDER = Field(UNDER_ID, Bool(), "whether it comes under the id")


@lru_cache(maxsize=256)
def with_id(machine: Machine, ids: Ids) -> Machine:
    """`machine` with one id: whether it is used, and the outcome of the record that used it."""
    is_used, outcome = var("id_is_used"), var("first_outcome")
    unused = requires(ids.code, negation(is_used), ids.because)
    used = requires("id_must_be_used", is_used, "otherwise it is a first record")
    is_kept = eq(var(ids.refused), OfRefused.KEPT.value)
    refuses_repeats = eq(var(ids.repeated), Repeat.REFUSED.value)
    fails = rule(
        f"{REFUSED_UNDER_ID}_at_first",
        machine.states,
        None,
        ids.because,
        effect=[is_used.becomes(is_kept), outcome.becomes(REFUSED)],
    )
    repeats = rule(
        f"{REPEATED}_unheard", machine.states, None, ids.because, answer={"outcome": ite(refuses_repeats, REFUSED, outcome)}
    )
    return replace(
        machine,
        name=name_with_entry(machine.name, ids.key),
        variables=(
            *machine.variables,
            variable("id_is_used", Bool(), False, "whether a record has used the id up"),
            variable("first_outcome", Enum("Outcome", (ACCEPTED, REFUSED)), REFUSED, "what came of the record that used it"),
        ),
        events=(
            *(_under_id(each, ids) for each in machine.events),
            event(REFUSED_UNDER_ID, "A record under the id is refused.", "", _UNDER, unused, fails),
            event(REPEATED, "A record comes under the id, which is used.", "", _UNDER, used, repeats),
        ),
        memory=None,
        of=machine.name,
    )


def _under_id(record: Event, ids: Ids) -> Event:
    """`record` as it comes under the id, which is unused then, or not."""
    is_used, comes_under_it = var("id_is_used"), var(UNDER_ID)
    may_come = negation(all_of(comes_under_it, is_used))
    if record.actor is Actor.CLOCK:
        may_come = negation(comes_under_it)
    outcome = ite(comes_under_it, ACCEPTED, var("first_outcome"))
    marks = (is_used.becomes(any_of(is_used, comes_under_it)), var("first_outcome").becomes(outcome))
    return replace(
        record,
        fields=(*record.fields, _UNDER),
        requires=(requires(ids.code, may_come, ids.because), *record.requires),
        rules=tuple(replace(each, effect=(*each.effect, *marks), notes=()) for each in record.rules),
        keys=(),
        # A job that is run again comes under one id all the same.
        repeats=False,
    )
