"""Worlds with a seeded fault, of which only the changed part is compiled anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tokenspec.machine.interpreters.compiled import Compiled, Fields, Outcome, Row, StepFunction, refusal_codes, rule_names
from tokenspec.machine.lang.declaration import Actor, ClockAct, Event, Machine, Parameter
from tokenspec.machine.lang.errors import Gap
from tokenspec.machine.lang.expr import reads
from tokenspec.machine.lang.types import Enum, Tokens, Value
from tokenspec.oracle.base.specification import POOLS
from tokenspec.oracle.runtime.facts import fields_of
from tokenspec.oracle.runtime.memory import Remembered
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire import answers

SHOWN = (*answers.SHOWN, *POOLS)
"""The variables of an account that every answer shows."""


def changed_events(original: Machine, faulty: Machine) -> tuple[Event, ...]:
    """Returns the events of `faulty` that may have another result than in `original`."""
    definitions = {d.name: d.expr for d in faulty.definitions}
    other = {d.name for d, before in zip(faulty.definitions, original.definitions, strict=True) if d != before}
    for name, expr in definitions.items():
        # A definition reads only earlier definitions.
        if other and not other.isdisjoint(reads(expr)):
            other.add(name)
    pairs = zip(original.events, faulty.events, strict=True)
    return tuple(event for before, event in pairs if event != before or not other.isdisjoint(original.read_by[event.name]))


def shows_nothing(original: Machine, faulty: Machine) -> bool:
    """Returns true if the two differ in the ledger alone, which no answer shows."""
    same = (
        faulty.definitions == original.definitions and faulty.variables == original.variables and faulty.memory == original.memory
    )
    return same and all(_without_ledger(e) == _without_ledger(f) for e, f in zip(original.events, faulty.events, strict=True))


def _without_ledger(event: Event) -> Event:
    return replace(event, rules=tuple(replace(r, ledger=()) for r in event.rules))


class OracleFault:
    """The changes of a fault, compiled once; its rules and codes are numbered after those of the original."""

    def __init__(self, id: str, original: Machine, faulty: Machine) -> None:
        self.id = id
        events = changed_events(original, faulty)
        # No answer shows the ledger.
        bare = tuple(_without_ledger(event) for event in events)
        self._compiled = Compiled(replace(faulty, events=bare), {p.name: _any_value(p) for p in faulty.all_parameters})
        self._rules, self._codes = rule_names(original), refusal_codes(original)
        self.rules, self.codes = [*self._rules, *self._compiled.rules], [*self._codes, *self._compiled.codes]
        self.acts: list[tuple[tuple[str, ClockAct], ...]] = [r.clocks for e in events for r in e.rules]
        self.events = {e.name: e for e in events}
        self._own = {r.name: r.clocks for e in original.events for r in e.rules}
        # The next record's answer shows events of the clock; a repeated job's answer shows its last run.
        self._hidden = {e.name for e in original.events if e.actor is Actor.CLOCK or e.repeats} | {
            e.name for e in events if e.repeats or e.answers != original.event_named[e.name].answers
        }
        notes = {r.name: r.notes for e in original.events for r in e.rules}
        other = faulty.memory if faulty.memory != original.memory else None
        self.memory = Remembered(other) if other is not None else None
        """The memory, where that is what differs."""
        self.remembers = self.memory is not None or any(r.notes != notes.get(r.name, ()) for e in events for r in e.rules)
        """True if something else is remembered, which a later record may show."""
        self._shown = [n for n, v in enumerate(original.variables) if v.name in SHOWN]
        self._repeated = {e.name for e in events if e.repeats != original.event_named[e.name].repeats}

    def bind(self, parameters: Mapping[str, Value]) -> None:
        """Binds the fault to other parameters."""
        self._compiled.bind(parameters)
        self.initial = self._compiled.initial
        rules, codes = len(self._rules), len(self._codes)
        self.steps = {name: _renumbered(step, rules, codes) for name, step in self._compiled.steps.items()}
        self.notes = [self._compiled.notes.get(name) for name in self._compiled.rules]

    def shows(self, event: str, outcome: Outcome, fields: Fields, before: Row) -> bool:
        """Returns true if the answer to such a step differs under the fault, whatever came before and comes after."""
        if event in self._hidden:
            return False
        try:
            index, after, answers = self.steps[event](before, fields)
        except Gap:
            return True
        if index < 0 or outcome[0] < 0:
            return True
        return answers != outcome[2] or any(after[n] != outcome[1][n] for n in self._shown)

    def differs(self, event: str, outcome: Outcome, fields: Fields, before: Row) -> bool:
        """Returns true if the result of a step differs under the fault, as far as an answer or the state shows it."""
        step = self.steps.get(event)
        if step is None:
            return False
        try:
            index, after, answers = step(before, fields)
        except Gap:
            return True
        if index < 0 or outcome[0] < 0:
            return index >= 0 or outcome[0] >= 0 or self.codes[-1 - index] != self._codes[-1 - outcome[0]]
        acts = self.acts[index - len(self._rules)]
        return (after, answers) != outcome[1:] or acts != self._own[self._rules[outcome[0]]] or event in self._repeated


def _any_value(parameter: Parameter) -> Value:
    kind = parameter.type
    return kind.members[0] if isinstance(kind, Enum) else kind.lo if isinstance(kind, Tokens) else False


def _renumbered(step: StepFunction, rules: int, codes: int) -> StepFunction:
    def numbered(row: tuple[Value, ...], fields: Fields) -> Outcome:
        index, after, answers = step(row, fields)
        return (index + rules if index >= 0 else index - codes), after, answers

    return numbered


class FaultyWorld(Oracle):
    """An oracle that answers with one fault after the other."""

    runs_max = 50
    """The number of runs after which a job is taken to have no end: more than the months that any run misses."""

    def __init__(self, policy: Mapping[str, str], catalogue: Any, resets: str) -> None:
        super().__init__(policy, catalogue, resets)
        compiled = self.compiled
        self._plain = (compiled.steps, self._acts, self._notes, self._accepts, self._repeats)
        self._own_memory = (self.memory, self._fields)
        self._fields_under = dict[str, Any]()

    def seed(self, fault: OracleFault) -> None:
        """Replaces the fault, and empties the world."""
        steps, acts, notes, accepts, repeats = self._plain
        self.memory, self._fields = self._own_memory
        if fault.memory is not None:
            memory = self.memory = fault.memory
            if fault.id not in self._fields_under:
                read = [event for event in self.machine.events if memory.asked(event)]
                other = {e.name: fields_of(e, self.catalogue, self.app_balances, memory) for e in read}
                self._fields_under[fault.id] = {**self._fields, **other}
            self._fields = self._fields_under[fault.id]
        self.compiled.initial = fault.initial
        self.compiled.steps = {**steps, **fault.steps}
        self.compiled.rules, self.compiled.codes = fault.rules, fault.codes
        self._acts, self._notes = [*acts, *fault.acts], [*notes, *fault.notes]
        self._accepts = {
            **accepts,
            **{event: self.answers.accepted(declared.answers) for event, declared in fault.events.items()},
        }
        changed = {event for event, declared in fault.events.items() if declared.repeats}
        self._repeats = (repeats - fault.events.keys()) | changed
        self.accounts.clear()
