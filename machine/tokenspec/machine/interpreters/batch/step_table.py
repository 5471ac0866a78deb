"""The steps of a small machine as a table: its only variable is its control, and its fields have few values.

Such a machine needs no code of its own beside that of a large one, such as a session of an account.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product

from tokenspec.machine.interpreters.batch.short import NotCovered
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.interpreters.embedded.memory import SLOT, Interface
from tokenspec.machine.lang.declaration import Actor, Machine, Rule
from tokenspec.machine.lang.types import Enum, Value
from tokenspec.machine.wasm.ranks import number_of

STAYS = -1
"""In place of the state that a step leads to."""


class StepTable:
    """The steps of `machine` for every value of its fields, which `values` lists by name; `hears` is an event without fields.

    Raises `NotCovered` for a machine whose steps depend on more.
    """

    def __init__(self, machine: Machine, values: Mapping[str, Sequence[Value]], hears: str) -> None:
        control = machine.control_variable.type
        self.events = [e for e in machine.events if e.actor is not Actor.CLOCK]
        fields = {f.name: f for event in self.events for f in event.fields}
        if len(machine.variables) != 1 or not isinstance(control, Enum) or machine.all_parameters or not self.events:
            raise NotCovered(f"{machine.name} has more than a state")
        if not fields.keys() <= values.keys() or hears not in machine.event_named or machine.event_named[hears].fields:
            raise NotCovered(f"the events of {machine.name} have other fields")
        self._values, self._hears, self.states, self._control = values, hears, control.order, control
        self._compiled = Compiled(machine, {})
        self.interface = Interface(machine)
        self.out = self.number_of(str(self._compiled.initial[0]))
        """The number of the initial state."""

    def number_of(self, state: str) -> int:
        """Returns the number of a state."""
        return number_of(self._control, state)

    @cached_property
    def rules(self) -> dict[str, Rule]:
        """The rules by name, in the order of their numbers."""
        named = {rule.name: rule for event in self.interface.machine.events for rule in event.rules}
        return {name: named[name] for name in self.interface.rules}

    @cached_property
    def answered(self) -> int:
        """The largest number of answers of an event."""
        return max(len(event.answers) for event in self.events)

    @property
    def size(self) -> int:
        """Bytes of a step: the rule or the code, the state that it leads to, the answers."""
        return SLOT * (1 + self.answered)

    def place(self, event: str, state: str, values: Sequence[str]) -> str:
        """The place of a step in the table, of expressions of numbers; `values` are those of the fields, as they are listed."""
        place = f"(i32.add (i32.mul {event} #{len(self.states)}) {state})"
        for value, listed in zip(values, self._values.values(), strict=True):
            place = f"(i32.add (i32.mul {place} #{len(listed)}) {value})"
        return f"(i32.mul {place} #{self.size})"

    def table(self, first: int, codes: Sequence[str]) -> bytes:
        """Returns the steps. Rules count from `first` on, and a refusal is told by the position of its code among `codes`."""
        return b"".join(struct.pack(f"<ii{self.answered}q", *step) for step in self._steps(first, codes))

    def _steps(self, first: int, codes: Sequence[str]) -> Iterator[tuple[int, ...]]:
        interface, rules = self.interface, list(self.rules.values())
        for event in self.events:
            slots = interface.answers(event.name)
            for state, values in product(self.states, product(*self._values.values())):
                given = dict(zip(self._values, values, strict=True))
                index, _, said = self._compiled.steps[event.name]((state,), tuple(given[f.name] for f in event.fields))
                numbers = [0] * self.answered
                if index < 0:
                    yield -1 - codes.index(interface.codes[-1 - index]), STAYS, *numbers
                    continue
                for n, (slot, value) in enumerate(zip(slots.values(), said, strict=True)):
                    numbers[n] = 0 if value is None else number_of(slot.kind, value)
                target = rules[index].target
                yield first + index, STAYS if target is None else self.number_of(target), *numbers

    def heard(self) -> bytes:
        """Returns the state that each leads to, by number, when the event comes that is heard."""
        steps = self._compiled.steps[self._hears]
        return bytes(self.number_of(str(steps((state,), ())[1][0])) for state in self.states)
