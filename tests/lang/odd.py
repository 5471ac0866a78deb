"""Turnstiles with names that some reader might stumble over."""

from __future__ import annotations

from dataclasses import replace

from lang.turnstile import COIN, PUSH, UNLOCKS, coin, turnstile
from tokenspec.machine.lang.build import requires, rule, var, variable
from tokenspec.machine.lang.declaration import Actor, Event, Field, Machine
from tokenspec.machine.lang.types import Enum, Tokens


def with_variable(name: str) -> Machine:
    """The turnstile with one more number, that `pay` counts up to 1."""
    before = turnstile()
    counts = replace(UNLOCKS, effect=(*UNLOCKS.effect, var(name).becomes(1)))
    machine = turnstile(rules=(counts, before.events[0].rules[1]))
    return replace(machine, variables=(*before.variables, variable(name, Tokens(0, 1), 0, "")))


def with_event(name: str) -> Machine:
    """The turnstile with one more event."""
    return turnstile(more=(replace(PUSH, name=name, rules=(rule("again", "unlocked", None, ""),)),))


def with_rule(name: str) -> Machine:
    """The turnstile with one more event, whose rule is called `name`."""
    return turnstile(more=(replace(PUSH, name="nudge", rules=(rule(name, "unlocked", None, ""),)),))


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
