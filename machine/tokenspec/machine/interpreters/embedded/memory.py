"""The interface of the module: the place of each value in its memory, and the meaning of each number.

Every value is one slot of 8 bytes, a signed 64-bit integer, little-endian: tokens as they are, a truth value as 0 or 1, a
member of an enum by its position in the enum's order. Slots lie in areas that follow each other from address 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from tokenspec.machine.interpreters.compiled import refusal_codes, rule_names
from tokenspec.machine.lang.claims import Claim, StatePart, StepPart, parts_of
from tokenspec.machine.lang.declaration import Event, Machine, Rule
from tokenspec.machine.lang.typecheck import type_of
from tokenspec.machine.lang.types import COUNTABLE_MAX, Enum, Tokens, Type
from tokenspec.machine.lang.validate import machine_scope

SLOT = 8
"""Bytes of a value."""

NO_RULE, NOT_A_VALUE, TOO_LARGE = -1_000_000, -1_000_001, -1_000_002
"""Answers of a call that can neither accept nor refuse: no rule applies (a hole in the declaration), the event, a
field or a variable is not one of its values, and something would lie beyond 2^53 - 1 afterwards. Nothing is changed."""

ANY_NUMBER = Tokens(-COUNTABLE_MAX, COUNTABLE_MAX)
"""The range of a variable of tokens: as for every reader its declared range is a matter of claims, not of the module."""


@dataclass(frozen=True)
class Slot:
    """The place of a value: the address of its 8 bytes."""

    name: str
    kind: Type
    at: int


@dataclass(frozen=True)
class Interface:
    """The slots and numbers of one machine. `claims` are those that the module checks."""

    machine: Machine
    claims: tuple[Claim, ...] = ()

    @cached_property
    def rules(self) -> list[str]:
        """The rules, by the number that a call answers where an event is accepted."""
        return rule_names(self.machine)

    @cached_property
    def codes(self) -> list[str]:
        """The refusal codes; the first is the answer -1, the next -2, and so on."""
        return refusal_codes(self.machine)

    @cached_property
    def parameters(self) -> dict[str, Slot]:
        """The parameters, policies last."""
        return _area(0, ((p.name, p.type) for p in self.machine.all_parameters))

    @cached_property
    def state(self) -> dict[str, Slot]:
        """The variables."""
        return _area(self.after_parameters, ((v.name, _held(v.type)) for v in self.machine.variables))

    def fields(self, event: str) -> dict[str, Slot]:
        """The fields of an event; those of all events share their place."""
        return _area(self.fields_at, ((f.name, f.type) for f in self.machine.event_named[event].fields))

    def answers(self, event: str) -> dict[str, Slot]:
        """The answers of an event; which of them a rule gives is known by the rule."""
        declared = self.machine.event_named[event]
        return _area(self.answers_at, ((name, _answered(self.machine, declared, name)) for name in declared.answers))

    def ledger(self, rule: Rule) -> list[Slot]:
        """The lines of a rule's ledger, in order."""
        lines = enumerate(rule.ledger)
        return [Slot(line.pool, Tokens(), self.ledger_at + SLOT * number) for number, line in lines]

    @cached_property
    def after_parameters(self) -> int:
        """The address of the state."""
        return SLOT * len(self.machine.all_parameters)

    @cached_property
    def fields_at(self) -> int:
        """The address of the fields of an event."""
        return self.after_parameters + SLOT * len(self.machine.variables)

    @cached_property
    def answers_at(self) -> int:
        """The address of the answers."""
        return self.fields_at + SLOT * max(len(e.fields) for e in self.machine.events)

    @cached_property
    def ledger_at(self) -> int:
        """The address of the ledger."""
        return self.answers_at + SLOT * max(len(e.answers) for e in self.machine.events)

    @cached_property
    def definitions_at(self) -> int:
        """The address of the definitions."""
        return self.ledger_at + SLOT * max(len(r.ledger) for e in self.machine.events for r in e.rules)

    @cached_property
    def definitions(self) -> dict[str, Slot]:
        """The definitions that read no field, whose values `evaluate` writes."""
        scope = machine_scope(self.machine)
        return _area(self.definitions_at, ((d.name, scope[d.name]) for d in self.machine.definitions if d.name in scope))

    @cached_property
    def size(self) -> int:
        """Bytes of all areas."""
        return self.definitions_at + SLOT * len(self.definitions)

    @cached_property
    def areas(self) -> dict[str, int]:
        """Returns the address of each area, by the name of the global that holds it."""
        names = ("parameters", "state", "fields", "answers", "ledger", "definitions")
        starts = (0, self.after_parameters, self.fields_at, self.answers_at, self.ledger_at, self.definitions_at)
        return dict(zip(names, starts, strict=True))

    @cached_property
    def state_parts(self) -> list[tuple[Claim, StatePart]]:
        """The parts of claims that speak of every state of the machine, by the number that `broken_state` answers."""
        return parts_of(self.claims, self.machine, StatePart)

    @cached_property
    def step_parts(self) -> list[tuple[Claim, StepPart]]:
        """Those that speak of every step and remember nothing, by the number that `broken_step` answers."""
        return [(c, p) for c, p in parts_of(self.claims, self.machine, StepPart) if not p.ghosts]


def _answered(machine: Machine, event: Event, name: str) -> Type:
    """The type of an answer. Words that belong to no enum are numbered in order of first use."""
    scope = machine_scope(machine, event.fields)
    kinds = [type_of(a.value, scope, name) for r in event.rules for a in r.answer if a.name == name]
    declared = next((kind for kind in kinds if not isinstance(kind, Enum) or kind.name != "?"), None)
    words = (word for kind in kinds if isinstance(kind, Enum) for word in kind.members)
    return declared or Enum(f"answer {name}", tuple(dict.fromkeys(words)))


def _held(kind: Type) -> Type:
    return ANY_NUMBER if isinstance(kind, Tokens) else kind


def _area(start: int, members: Iterable[tuple[str, Type]]) -> dict[str, Slot]:
    return {name: Slot(name, kind, start + SLOT * number) for number, (name, kind) in enumerate(members)}
