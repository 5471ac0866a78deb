"""The rules and refusals that cannot be met with what an implementation takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tokenspec.machine.fuzzing.coverage import Met
from tokenspec.machine.fuzzing.reachability import closed_off, decided, outcomes
from tokenspec.machine.lang.build import Term, eq, var
from tokenspec.machine.lang.catalogue import UNLISTED
from tokenspec.machine.lang.declaration import Actor, Event, Machine
from tokenspec.machine.lang.expr import Not, Var
from tokenspec.machine.lang.types import Enum, Value
from tokenspec.oracle.base.specification import ABSENT, SPEC, account, machines
from tokenspec.oracle.sut.capabilities import BATCH, Capabilities
from tokenspec.oracle.sut.world import SutSettings
from tokenspec.oracle.wire.answers import Answer
from tokenspec.oracle.wire.resets import clock_jobs, runs_by_itself


def closed_by(terms: Capabilities, setting: SutSettings) -> frozenset[Met]:
    """Returns the rules and refusals that cannot be met with the events and values that the implementation takes."""
    to_exist, not_due = _codes(account(setting.catalogue))
    settled = setting.policy if setting.known is None else setting.known
    figures = {**setting.catalogue.parameters(), **settled, **terms.policy, **SPEC.unnamed(setting.catalogue, terms.fields)}
    closed: set[Met] = set()
    for machine in machines(setting.catalogue):
        kept = replace(machine, events=tuple(taken for e in machine.events if (taken := _taken(e, terms)) is not None))
        facts = _never_otherwise(kept)
        kept = replace(kept, events=tuple(_with_facts(e, facts) for e in kept.events))
        closed |= outcomes(machine) - (outcomes(kept) - closed_off(kept, figures | facts))
        by_itself = {e.name for e in machine.events if e.actor is Actor.CLOCK}
        closed |= {met for met in outcomes(machine) if met[0] in by_itself or _is_barred(met[1], terms)}
        refused = {met for met in outcomes(machine) if met[1].startswith("refused: ")}
        if not terms.opens_accounts:
            closed |= {(event, what) for event, what in refused if event == SPEC.opening.name or code(what) in to_exist}
        # A job that runs by itself runs when it is due, and leaves nothing due; so does one that is sent where it is due.
        never_refused = terms.unwritten | (clock_jobs() if terms.jobs == BATCH else frozenset())
        closed |= {(event, what) for event, what in refused if event in never_refused}
        for clock, codes in not_due.items():
            if runs_by_itself(terms.resets, clock):
                closed |= {(event, what) for event, what in refused if code(what) in codes}
    return frozenset(closed)


def code(what: str) -> str:
    """Returns the code of a refusal."""
    return what.removeprefix("refused: ")


def _codes(machine: Machine) -> tuple[frozenset[str], dict[str, frozenset[str]]]:
    """Returns the refusals of an account that was never opened, and by clock those of one for which something is due."""
    needs = {need.code: need.holds for event in machine.events for need in event.requires}
    exists = frozenset(name for name, holds in needs.items() if holds == Not(eq(var(machine.control), str(ABSENT)).expr))
    dues = {}
    for clock in machine.clocks:
        written = {a.name for rule in machine.event_named[clock.falls_due].rules for a in rule.effect}
        idle = [eq(var(v.name), Term(v.initial)).expr for v in machine.variables if v.name in written]
        idle += [Not(Var(v.name)) for v in machine.variables if v.name in written]
        dues[clock.name] = frozenset(name for name, holds in needs.items() if holds in idle)
    return exists, dues


def _never_otherwise(machine: Machine) -> dict[str, Value]:
    """Returns what is remembered, and the facts worked out of it, as far as no rule of the machine ever changes them."""
    if machine.memory is None:
        return {}
    written = {note.name for event in machine.events for rule in event.rules for note in rule.notes}
    held = {v.name: decided(machine, v.initial, {}) for v in machine.memory.holds if v.name not in written}
    always = {name: value for name, value in held.items() if value is not None}
    facts = {fact.name: decided(machine, fact.expr, always) for fact in machine.memory.facts}
    return always | {name: value for name, value in facts.items() if value is not None}


def _with_facts(event: Event, facts: Mapping[str, Value]) -> Event:
    fields = [
        replace(f, type=f.type.only(str(facts[f.name]))) if f.name in facts and isinstance(f.type, Enum) else f
        for f in event.fields
    ]
    return replace(event, fields=tuple(fields))


def _is_barred(what: str, terms: Capabilities) -> bool:
    return what.startswith("refused: ") and bool(terms.bars(Answer("refused", code(what))))


def _taken(event: Event, terms: Capabilities) -> Event | None:
    """Returns `event` with the values that may be sent; None where it cannot happen."""
    if event.actor is Actor.CLOCK or event.name == SPEC.opening.name or event.name in terms.unwritten & clock_jobs():
        return event
    if event.name not in terms.events:
        return None
    fields = []
    for f in event.fields:
        listed = terms.values.get(f.key)
        if listed == ():
            return None
        if listed is not None and isinstance(f.type, Enum):
            members = [m for m in f.type.members if m in listed or (m == UNLISTED and set(listed) - set(f.type.members))]
            if not members:
                return None
            f = replace(f, type=f.type.only(*members))
        fields.append(f)
    return replace(event, fields=tuple(fields))
