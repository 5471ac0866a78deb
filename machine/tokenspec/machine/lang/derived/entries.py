"""The memory of a machine, lowered to the core: the machine with one entry, whichever it is, as a plain machine.

An event that has the memory's key happens to this entry, or to another one. What another entry is like is left open, so
that what is proved of this one holds beside any others, and for every key: they are all treated alike. A period that
has ended since does not begin again, so that one truth value says all that a fact `lasts` can.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from tokenspec.machine.lang.build import Term, ite, lift, variable
from tokenspec.machine.lang.declaration import Assign, Event, Machine, Memory, Origin, Rule
from tokenspec.machine.lang.expr import Expr, Lit, Var, names_in, rewritten, substitute
from tokenspec.machine.lang.types import Bool
from tokenspec.machine.lang.validate_memory import memory_scope

OTHER = "another_"
"""Before the name of an event, and of its rules, that happens to another entry than the one looked at."""


WITH = "_with_"
"""Between the name of a machine and the key of its memory, where one entry is part of it."""


def name_with_entry(machine: str, key: str) -> str:
    """The name of a machine with one entry of its memory."""
    return machine + WITH + key


def with_and_without_entry(machine: Machine) -> tuple[Machine, ...]:
    """`machine`, and then, where it has a memory, `machine` with one entry of it."""
    return (machine,) if machine.memory is None else (machine, with_entry(machine))


def differ_in_memory_alone(one: Machine, other: Machine) -> bool:
    """Returns whether two machines that are not the same take every step alike, whatever is remembered."""

    def steps(machine: Machine) -> list[Event]:
        return [replace(e, rules=tuple(replace(r, notes=()) for r in e.rules)) for e in machine.events]

    same = one.definitions == other.definitions and one.variables == other.variables
    return same and steps(one) == steps(other)


@lru_cache(maxsize=256)
def with_entry(machine: Machine) -> Machine:
    """`machine`, which has a memory, with one entry of it: what it holds, whether it is new, and which of its periods last.

    Raises `ValueError` where a definition reads what is remembered: it would mean this entry in each event.
    """
    memory = machine.memory
    assert memory is not None, f"{machine.name} remembers nothing"
    facts = memory_scope(memory)
    for definition in machine.definitions:
        if not facts.keys().isdisjoint(names_in(definition.expr)):
            raise ValueError(f"definition {definition.name} reads the memory; write it where it is read")
    flags = [variable(memory.is_new, Bool(), True, "nothing was written yet")]
    flags += [variable(period.lasts, Bool(), False, period.says) for period in memory.periods]
    events: list[Event] = []
    for event in machine.events:
        if memory.reads(event):
            events += [_of_entry(event, memory), _of_another(event, memory)]
        else:
            events.append(replace(event, rules=tuple(_passes(rule, memory) for rule in event.rules)))
    return replace(
        machine,
        name=name_with_entry(machine.name, memory.key),
        variables=(*machine.variables, *memory.holds, *flags),
        definitions=(*machine.definitions, *memory.facts),
        events=tuple(events),
        memory=None,
        of=machine.name,
    )


def _of_entry(event: Event, memory: Memory) -> Event:
    """`event` as it happens to the entry: its facts are variables and definitions now."""
    facts = memory_scope(memory)
    fields = tuple(f for f in event.fields if f.name not in facts or f.origin is not Origin.FACT)
    return replace(event, fields=fields, rules=tuple(_passes(rule, memory) for rule in event.rules))


def _passes(rule: Rule, memory: Memory) -> Rule:
    """`rule` with what it writes into the entry, and with the periods that it ends."""
    acts = set(rule.clocks)
    written = [Assign(note.name, note.value) for note in rule.notes]
    is_new = Term(Var(memory.is_new))
    for period in memory.periods:
        ends = not acts.isdisjoint(period.ended_by)
        after = False if ends else Term(Var(period.lasts))
        if rule.notes:
            written.append(Assign(period.lasts, lift(ite(is_new, True, after))))
        elif ends:
            written.append(Assign(period.lasts, Lit(False)))
    if rule.notes:
        written.append(Assign(memory.is_new, Lit(False)))
    return replace(rule, effect=(*rule.effect, *written), notes=())


def _of_another(event: Event, memory: Memory) -> Event:
    """`event` as it happens to another entry: what that one is like is left open, and this one passes on."""
    facts = memory_scope(memory)
    renamed: dict[str, Expr] = {f.name: Var(OTHER + f.name) for f in event.fields if f.name in facts and f.origin is Origin.FACT}

    rules = (replace(_passes(replace(rule, notes=()), memory), name=OTHER + rule.name) for rule in event.rules)
    fields = tuple(replace(f, name=OTHER + f.name) if f.name in renamed else f for f in event.fields)
    another = replace(event, name=OTHER + event.name, fields=fields, rules=tuple(rules))
    return rewritten(another, lambda expr: substitute(expr, renamed))
