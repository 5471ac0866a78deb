"""Faults of the memory that a machine declares, and of what its events and rules say of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from tokenspec.machine.lang import declaration as d
from tokenspec.machine.lang.errors import DeclarationError
from tokenspec.machine.lang.expr import Lit
from tokenspec.machine.lang.typecheck import UNKNOWN, Scope, common, fits, type_of
from tokenspec.machine.lang.types import Bool, Type
from tokenspec.machine.lang.validate_names import twice, unknown


@lru_cache(maxsize=64)
def memory_scope(memory: d.Memory) -> dict[str, Type]:
    """The type of every fact of `memory`; a fact that is at fault has none."""
    flags = (*(period.lasts for period in memory.periods), memory.is_new)
    scope: dict[str, Type] = {each.name: each.type for each in memory.holds} | dict.fromkeys(flags, Bool())
    for fact in memory.facts:
        try:
            scope[fact.name] = type_of(fact.expr, scope, fact.name)
        except DeclarationError:
            scope[fact.name] = UNKNOWN
    return scope


def check_memory(m: d.Machine) -> Iterator[DeclarationError]:
    """Every fault of the memory itself, and of the fields that are facts of it."""
    memory = m.memory
    if memory is None:
        return
    place = f"memory of {memory.key!r}"
    names = [*(each.name for each in memory.holds), *(period.lasts for period in memory.periods), memory.is_new]
    yield from twice([*names, *(fact.name for fact in memory.facts)], place, "fact")
    for each in memory.holds:
        where = f"{place}, {each.name!r}"
        if isinstance(each.initial, Lit):
            yield from fits(each.initial, {}, where, each.type)
        else:
            fix = "Give a value that stands in the declaration"
            yield DeclarationError("TS116", where, "an entry is blank before anything is known of its account", fix)
    for period in memory.periods:
        where = f"{place}, period {period.lasts!r}"
        yield from unknown((clock for clock, _ in period.ended_by), [c.name for c in m.clocks], "TS111", where, "a clock")
        if not period.ended_by:
            yield DeclarationError("TS117", where, "nothing ends it", "Name what a rule does to a clock that ends it")
    known: dict[str, Type] = {name: kind for name, kind in memory_scope(memory).items() if name in names}
    for fact in memory.facts:
        yield from fits(fact.expr, known, f"{place}, fact {fact.name!r}")
        known[fact.name] = memory_scope(memory)[fact.name]
    for event in m.events:
        yield from _fields(event, memory)
        for key in event.keys:
            if key.name == memory.key and (key.optional or key.shape is not d.Shape.TEXT):
                fix = "Let it be a text that is always there"
                yield DeclarationError("TS118", f"event {event.name!r}", f"its key {key.name!r} may name no entry", fix)


def _fields(event: d.Event, memory: d.Memory) -> Iterator[DeclarationError]:
    facts = memory_scope(memory)
    for field in event.fields:
        if field.origin is not d.Origin.FACT or field.name not in facts:
            continue
        place = f"event {event.name!r}, field {field.name!r}"
        if not memory.reads(event):
            fix = f"Give the event the key {memory.key!r}, or the field another name"
            yield DeclarationError("TS118", place, "it is a fact of the memory, and the event names no entry", fix)
        if common(facts[field.name], field.type) is None:
            yield DeclarationError("TS203", place, f"the memory has {facts[field.name]}, not {field.type}", "Give it that type")


def check_notes(m: d.Machine, event: d.Event, rule: d.Rule, scope: Scope, place: str) -> Iterator[DeclarationError]:
    """Every fault of the notes of a rule."""
    memory = m.memory
    if rule.notes and (memory is None or not memory.reads(event)):
        fix = "Declare a memory, and give the event its key" if memory is None else f"Give the event the key {memory.key!r}"
        yield DeclarationError("TS118", place, "it writes notes, and the event names no entry", fix)
        return
    types = {each.name: each.type for each in memory.holds} if memory is not None else {}
    for name, count in Counter(note.name for note in rule.notes).items():
        if count > 1:
            yield DeclarationError("TS103", place, f"{name!r} is given {count} new values", "Merge them")
    yield from unknown((note.name for note in rule.notes), types, "TS101", place, "anything that an entry holds")
    for note in rule.notes:
        if note.name in types:
            yield from fits(note.value, scope, f"{place}, note on {note.name!r}", types[note.name])
