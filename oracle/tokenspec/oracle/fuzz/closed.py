"""The rules and refusals that cannot be met with what an implementation takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tokenspec.machine.fuzzing.coverage import Met
from tokenspec.machine.fuzzing.reachability import closed_off, decided, outcomes
from tokenspec.machine.lang.declaration import Actor, Event, Machine
from tokenspec.machine.lang.types import Enum, Value
from tokenspec.oracle.sut.capabilities import BATCH, Capabilities
from tokenspec.oracle.sut.world import SutSettings
from tokenspec.oracle.wire.answers import Answer
from tokenspec.oracle.wire.resets import clock_jobs, runs_by_itself
from tokenspec.spec.system import system
from tokenspec.spec.words import UNLISTED


def closed_by(terms: Capabilities, setting: SutSettings) -> frozenset[Met]:
    """Returns the rules and refusals that cannot be met with the events and values that the implementation takes."""
    account, _, session = system(setting.catalogue).machines
    settled = setting.policy if setting.known is None else setting.known
    figures = {**setting.catalogue.parameters(), **settled, **terms.policy, **setting.catalogue.unnamed(terms.fields)}
    closed: set[Met] = set()
    for machine in (account, session):
        kept = replace(machine, events=tuple(taken for e in machine.events if (taken := _taken(e, terms)) is not None))
        facts = _never_otherwise(kept)
        kept = replace(kept, events=tuple(_with_facts(e, facts) for e in kept.events))
        closed |= outcomes(machine) - (outcomes(kept) - closed_off(kept, figures | facts))
        by_itself = {e.name for e in machine.events if e.actor is Actor.CLOCK}
        closed |= {met for met in outcomes(machine) if met[0] in by_itself or not _is_known(met, terms)}
        refused = {met for met in outcomes(machine) if met[1].startswith("refused: ")}
        if not terms.opens_accounts:
            closed |= {(event, what) for event, what in refused if event == "open_account" or what.endswith("account_must_exist")}
        # A job that runs by itself runs when it is due, and leaves nothing due; so does one that is sent where it is due.
        never_refused = terms.unwritten | (clock_jobs() if terms.jobs == BATCH else frozenset())
        closed |= {(event, what) for event, what in refused if event in never_refused}
        if runs_by_itself(terms.resets, "renewal"):
            closed |= {(event, what) for event, what in refused if what.endswith("renewal_must_not_be_due")}
    return frozenset(closed)


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


def _is_known(met: Met, terms: Capabilities) -> bool:
    """Returns whether an outcome is none that the implementation says that it does not know."""
    _, is_refusal, code = met[1].partition("refused: ")
    return not is_refusal or not terms.bars(Answer("refused", code))


def _taken(event: Event, terms: Capabilities) -> Event | None:
    """Returns `event` with the values that may be sent; None where it cannot happen."""
    if event.actor is Actor.CLOCK or event.name == "open_account" or event.name in terms.unwritten & clock_jobs():
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
