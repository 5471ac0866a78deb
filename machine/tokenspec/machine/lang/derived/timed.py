"""The timers of a machine, lowered to the core: the machine with the time that has gone by, as a plain machine.

Time passes in an event of its own, by any number of milliseconds, but never beyond an instant at which something has to
happen: a timer's event as soon as it is longer ago than declared, where it would be accepted, and the instants of a clock
whose falling due a link passes on. When the first of these comes is left open, within the span between two of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from tokenspec.machine.lang.build import Term, all_of, any_of, assumption, lift, minimum, negation, requires, rule, var, variable
from tokenspec.machine.lang.calendars import Calendar, EveryDay, EveryHours, variants
from tokenspec.machine.lang.declaration import Actor, Assign, Event, Field, Machine, Parameter, System
from tokenspec.machine.lang.derived.entries import WITH
from tokenspec.machine.lang.types import COUNTABLE_MAX, Tokens

PASSES = "time_passes"
_HOUR_MS = 3_600_000


def name_in_time(machine: str) -> str:
    """The name of a machine with the time that goes by."""
    return f"{machine}{WITH}time"


def since(event: str) -> Term:
    """The milliseconds since an event was last fired, or since the beginning."""
    return var(f"ms_since_{event}")


def until(event: str) -> Term:
    """The milliseconds until an event that a clock fires comes next."""
    return var(f"ms_until_{event}")


@lru_cache(maxsize=64)
def in_time(system: System, machine: Machine) -> Machine:
    """`machine`, one of `system`, which has timers, with the time that goes by.

    Raises `ValueError` where a clock that drives it is not even: the time until it falls due would depend on the date.
    """
    spans = dict(_spans(system, machine))
    counted = {timer.since for timer in machine.timers}
    to_first = [Parameter(f"first_{name}_ms", Tokens(), None, f"milliseconds until the first {name}") for name in spans]
    ms = var("ms")
    ahead = [ms <= until(name) for name in spans]
    for timer in machine.timers:
        takes = machine.event_named[timer.event]
        accepted = all_of(*(Term(need.holds) for need in takes.requires))
        ahead.append(any_of(negation(accepted), since(timer.since) + ms <= timer.after_ms + 1))
    going_on = [Assign(f"ms_since_{name}", lift(minimum(COUNTABLE_MAX, since(name) + ms))) for name in sorted(counted)]
    going_on += [Assign(f"ms_until_{name}", lift(until(name) - ms)) for name in spans]
    passes = Event(
        PASSES,
        Actor.CLOCK,
        "Time goes by.",
        (Field("ms", Tokens(1), "the milliseconds that go by"),),
        (requires("nothing_must_be_due", all_of(*ahead), "what is due happens before time goes on"),),
        (rule("goes_by", machine.states, None, "nothing else happens meanwhile", effect=tuple(going_on)),),
    )
    return replace(
        machine,
        name=name_in_time(machine.name),
        variables=(
            *machine.variables,
            *(variable(f"ms_since_{name}", Tokens(), 0, f"milliseconds since {name}") for name in sorted(counted)),
            *(variable(f"ms_until_{n}", Tokens(), var(f"first_{n}_ms"), f"milliseconds until {n}") for n in spans),
        ),
        events=(*(_timed(event, machine, counted, spans) for event in machine.events), passes),
        parameters=(*machine.parameters, *to_first),
        assumptions=(
            *machine.assumptions,
            *(
                assumption(all_of(var(f"first_{name}_ms") >= 1, var(f"first_{name}_ms") <= span), f"the first {name} is later")
                for name, span in spans.items()
            ),
        ),
        timers=(),
        of=machine.name,
    )


def _spans(system: System, machine: Machine) -> Iterator[tuple[str, int]]:
    """The events of `machine` that a clock fires through a link, with the milliseconds between two of them."""
    for link in system.links:
        name, _, event = link.then.partition(".")
        if name != machine.name:
            continue
        for other in system.machines:
            for clock in other.clocks:
                if link.when == f"{other.name}.{clock.falls_due}":
                    spans = {_span_ms(calendar) for _, calendar in variants(clock.calendar)}
                    if len(spans) != 1 or None in spans:
                        raise ValueError(f"the clock {clock.name} is not even; timers cannot be told beside it")
                    yield event, int(spans.pop() or 0)


def _span_ms(calendar: Calendar) -> int | None:
    match calendar:
        case EveryDay():
            return 24 * _HOUR_MS
        case EveryHours(hours):
            return hours * _HOUR_MS
        case _:
            return None


def _timed(event: Event, machine: Machine, counted: set[str], spans: dict[str, int]) -> Event:
    """`event` at its time, from which others are counted."""
    waits = [since(timer.since) > timer.after_ms for timer in machine.timers if timer.event == event.name]
    waits += [until(name) <= 0 for name in spans if name == event.name]
    needs = [requires("its_time_must_have_come", when, "it is fired when its time has come") for when in waits]
    fresh = [Assign(f"ms_since_{event.name}", lift(0))] if event.name in counted else []
    fresh += [Assign(f"ms_until_{event.name}", lift(spans[event.name]))] if event.name in spans else []
    rules = tuple(replace(each, effect=(*each.effect, *fresh)) for each in event.rules)
    return replace(event, requires=(*event.requires, *needs), rules=rules)
