"""The worlds that the tests of the exporters write and count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import ne

import pytest

from differential.walks import EFFORT
from lang.machines import CORPUS, all_values
from lang.turnstile import FILLED, FITS, PUSH, UNLOCKS, VARIABLES, WORTH, coin, turnstile
from tokenspec.invariants.claims import claims
from tokenspec.invariants.scopes import SCOPES
from tokenspec.machine.checkers.exploration import Instance, instances
from tokenspec.machine.exporters.bounded_model import BoundedModel
from tokenspec.machine.lang.build import lookup, requires, rule, var, variable
from tokenspec.machine.lang.declaration import Field, Machine
from tokenspec.machine.lang.outcome import Values
from tokenspec.machine.lang.types import Enum, Tokens
from tokenspec.spec.account import account
from tokenspec.spec.policies import DEFAULTS, POLICIES

SETTINGS: dict[str, dict[str, str]] = {
    "defaults": {},
    "second answers": {p.name: p.answers[1][0] for p in POLICIES},
    "bank kept": {
        "burn_order": "rollover_fast_topup",
        "upgrade_grant": "next_renewal",
        "downgrade_bank": "keep",
        "refund": "none",
        "past_due_spending": "allowed",
    },
    "bank frozen": {
        "daily_position": "last",
        "upgrade_grant": "full",
        "lapse_bank": "frozen",
        "paid_daily_leftover": "kept",
        "stranded_remainder": "relax",
    },
}
"""Answers to the open questions, by name."""

COUNTS: dict[tuple[str, str], tuple[int, int]] = {
    ("tiny", "defaults"): (3_905, 187_325),
    ("tiny", "second answers"): (1_745, 86_505),
    ("tiny", "bank kept"): (3_073, 57_037),
    ("tiny", "bank frozen"): (3_969, 190_461),
    ("small", "defaults"): (38_089, 1_888_297),
    ("small", "second answers"): (10_729, 549_937),
    ("small", "bank kept"): (33_121, 664_569),
    ("small", "bank frozen"): (38_413, 1_904_605),
}
"""States, and accepted events with those that lead out of the bounds, by scope and setting; our explorer finds the same."""

SEEDED = (
    "check_dropped",
    "daily_piles_up",
    "bank_without_ceiling",
    "relaxed_while_tokens_are_left",
    "leftover_to_topup",
    "expiry_unposted",
    "upgrade_refills",
)
"""Faults that break the claim that they are seeded against: about states the first two, about steps the others."""

each_setting = pytest.mark.parametrize(("scope", "setting"), COUNTS)
each_small_setting = pytest.mark.parametrize("setting", SETTINGS)
each_answer = pytest.mark.parametrize("setting", [name for name in SETTINGS if name != "bank frozen" or EFFORT >= 10])
"""Settings that have every answer of SETTINGS; those of the one left out are all second ones."""
each_machine = pytest.mark.parametrize("name", CORPUS)


def of_account(
    scope: str, setting: str, seed: Callable[[Machine], Machine] = lambda m: m, only: str | None = None
) -> BoundedModel:
    """The account in a scope, perhaps with a fault in it, and all claims, or one and some of the events."""
    small = SCOPES[scope]
    machine = seed(account(small.catalogue))
    parameters = {**small.catalogue.parameters(), **DEFAULTS, **SETTINGS[setting]}
    told = tuple(each for each in claims(small.catalogue.ranking) if only in (None, each.id))
    events = instances(machine, small.values)
    return BoundedModel(machine, parameters, _apart(events) if only else events, small.most, told)


def _apart(events: Sequence[Instance]) -> list[Instance]:
    """Those that differ from the first of their event in one field at most, which are enough to come upon a fault."""
    first = dict(reversed(events))
    return [(name, fields) for name, fields in events if sum(map(ne, fields, first[name])) <= 1]


def of_machine(machine: Machine, parameters: Values) -> BoundedModel:
    """A machine that needs no bounds, with every value that its fields have."""
    values = {f.name: all_values(f.type) for e in machine.events for f in e.fields}
    return BoundedModel(machine, parameters, instances(machine, values), {})


def of_corpus(name: str) -> BoundedModel:
    """A machine of tests/lang/machines.py."""
    machine, parameters = CORPUS[name]
    return of_machine(machine, parameters)


def odd() -> Machine:
    """A turnstile whose names are words of other languages, or can only be spelt in some."""
    coins = Enum("Coin", ("class", "two words", "", "\u00fcbrig", "(none)", "none", "skip", "TRUE"))
    worth = replace(WORTH, expr=lookup(coin, {"two words": 1, "": 2, "(none)": 1}, 0).expr)
    numbers = ("now", "len", "new_state", "\u00e9mile", "short", "Next", "WF_x", "a")
    counts = replace(UNLOCKS, effect=(*UNLOCKS.effect, *(var(name).becomes(n % 2) for n, name in enumerate(numbers))))
    events = ("do", "settle", "timeout", "type_ok", "init", "CHOOSE", "vars")
    more = tuple(replace(PUSH, name=e, rules=(rule(f"{e}_again", "unlocked", None, ""),)) for e in events)
    return turnstile(
        fields=(Field("coin", coins, ""),),
        needs=(FITS, requires("coin_must_be_listed", coin > "class", "")),
        rules=(counts, turnstile().events[0].rules[1]),
        more=more,
        variables=(*VARIABLES, *(variable(name, Tokens(0, 1), 0, "") for name in numbers)),
        definitions=(worth, FILLED),
    )
