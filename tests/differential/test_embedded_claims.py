"""The claims within the module: silent on the declaration, and of the monitor's opinion on faulty ones."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache

import pytest

from differential.test_embedded_agrees import first
from tokenspec.invariants.claims import claims
from tokenspec.machine.checkers.monitor import Monitor, Violation, Watch
from tokenspec.machine.fuzzing.boundary_values import Amounts
from tokenspec.machine.interpreters.compiled import Compiled, Fields, Outcome, Row
from tokenspec.machine.interpreters.embedded.host import Embedded, embedded
from tokenspec.machine.interpreters.embedded.memory import Interface
from tokenspec.machine.lang.claims import Claim, Part, StatePart, StepPart
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.types import Value
from tokenspec.oracle.account.transplanted_bugs import FAULTS, Fault
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT

SEEDED = {f.id: f for f in FAULTS if f.id in ("check_dropped", "bank_without_ceiling")}


@cache
def simple_claims() -> tuple[Claim, ...]:
    """The parts of claims that the module checks, and no others."""
    return tuple(replace(c, parts=tuple(p for p in c.parts if is_simple(p))) for c in claims(DEFAULT.ranking))


def is_simple(part: Part) -> bool:
    return isinstance(part, StatePart) or (isinstance(part, StepPart) and not part.ghosts)


def violated(monitor: Monitor, event: str, fields: Fields, row: Row, outcome: Outcome) -> tuple[str, str] | None:
    """The claim that the monitor finds broken, and which part of it."""
    try:
        monitor.observe(event, fields, row, outcome, ())
    except Violation as violation:
        return violation.claim, violation.part
    return None


def named(reader: Embedded, kind: str, number: int) -> tuple[str, str] | None:
    part = reader.described[kind][number] if number >= 0 else None
    return (part["claim"], part["part"]) if part else None


def opinions(machine: Machine, dice: random.Random, walks: int, steps: int) -> tuple[int, int]:
    """On how many steps monitor and module agree, and how many of these break a claim. A walk ends with the first."""
    firsts: dict[str, Value] = {p.name: first(p.type) for p in machine.all_parameters}
    module, watch = embedded(Interface(machine, simple_claims()), firsts, {}), Watch(machine, simple_claims())
    taken = broken = 0
    for _ in range(walks):
        parameters = {**DEFAULT.parameters(), **{p.name: dice.choice(p.answers)[0] for p in machine.policies}}
        compiled, found, amounts = Compiled(machine, parameters), Embedded(module, parameters), Amounts(machine, parameters)
        monitor, row = watch.monitor(compiled), compiled.initial
        for _ in range(steps):
            event = dice.choice(machine.events)
            fields = tuple(amounts.value(row, f.type, dice.randrange(256)) for f in event.fields)
            in_step = found.broken_step(row, event.name, fields)
            outcome = found.steps[event.name](row, fields)
            in_state = found.broken_state() if outcome[0] >= 0 else -1
            taken += 1
            told = {named(found, "step_claims", in_step), named(found, "state_claims", in_state)}
            right = violated(monitor, event.name, fields, row, outcome)
            assert right in told if right else told == {None}
            if right:
                broken += 1
                break
            row = outcome[1] or row
    return taken, broken


def test_no_claim_is_broken_by_the_declaration() -> None:
    assert opinions(account(), random.Random(0), 5, 160) == (800, 0)


@pytest.mark.parametrize("fault", SEEDED.values(), ids=SEEDED.keys())
def test_a_fault_breaks_the_same_claim_as_for_the_monitor(fault: Fault) -> None:
    _, broken = opinions(fault.seed(account()), random.Random(3), 12, 400)
    assert broken > 0
