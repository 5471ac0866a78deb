"""Facts that are told: those that the catalogue tells of the texts in a record, such as a model's name.

The kernel does not know them. At texts that it meets for the first time it stops and asks, and remembers the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from tokenspec.machine.interpreters.batch.short import NotCovered, long
from tokenspec.machine.interpreters.batch.tables import LONG, FingerprintTable
from tokenspec.machine.interpreters.embedded.memory import SLOT
from tokenspec.machine.lang.declaration import Field, Origin
from tokenspec.machine.lang.validate_memory import memory_scope
from tokenspec.machine.wasm.ranks import number_of
from tokenspec.oracle.logs.kernel.forms import RowKey, ValueKind
from tokenspec.oracle.logs.kernel.names import RecordNames, holds, value_of
from tokenspec.oracle.runtime.facts import fact, payload

_ROOM = 16
"""More than the texts of one event."""


class Told:
    """The facts of each event that are told, and the keys of the texts that tell them."""

    def __init__(self, names: RecordNames) -> None:
        self._names = names
        self._area = names.space.take(SLOT * self._most)

    @cached_property
    def fields(self) -> dict[str, list[Field]]:
        """The fields that are told, by event; an event without any is left out."""
        memory = self._names.oracle.machine.memory
        remembered = memory_scope(memory) if memory is not None else {}
        told = {
            name: [f for f in event.fields if f.instead or (f.origin is Origin.FACT and f.name not in remembered)]
            for name, event in self._names.events.items()
        }
        return {name: fields for name, fields in told.items() if fields}

    @cached_property
    def keys(self) -> dict[str, list[RowKey]]:
        """The texts that tell them."""
        names, memory = self._names, self._names.oracle.machine.memory
        without = memory.key if memory is not None else ""
        return {
            name: [
                names.payload[key.name]
                for key in names.events[name].keys
                if key.name != without and names.kinds.get(key.name) is ValueKind.TEXT
            ]
            for name in self.fields
        }

    @property
    def _most(self) -> int:
        return max(map(len, self.fields.values()), default=0)

    def place(self, event: str, field: str) -> int:
        """Returns where a told fact is, as the last record had it."""
        return self._area + SLOT * [f.name for f in self.fields[event]].index(field)

    def value(self, event: str, f: Field) -> str:
        """The value of a told field; what may be written instead of its text counts first."""
        told = f"(i64.load #{self.place(event, f.name)})"
        if not f.instead:
            return told
        own = self._names.payload[f.key]
        return f"(select {value_of(own)} {told} {holds(own, '@has')})"

    def answers(self, event: str, record: Any) -> list[tuple[int, int]]:
        """Returns the place and the number of each fact that a record tells."""
        catalogue, balances = self._names.oracle.catalogue, self._names.oracle.app_balances
        found = []
        for f in self.fields[event]:
            given = payload(f.name, f.key, f.type, f.instead, catalogue) if f.instead else fact(f.name, catalogue, balances)
            value = given(None, record)  # type: ignore[arg-type] # what is told does not depend on the account
            found.append((self.place(event, f.name), number_of(f.type, value)))
        return found

    def _untold(self, event: str) -> str:
        """The facts of a record without a text."""
        nothing = SimpleNamespace(**dict.fromkeys(self._names.payload))
        catalogue, balances = self._names.oracle.catalogue, self._names.oracle.app_balances
        lines = []
        for f in self.fields[event]:
            if not f.instead:
                try:
                    value = fact(f.name, catalogue, balances)(None, nothing)  # type: ignore[arg-type]
                except (KeyError, AttributeError):
                    raise NotCovered(f"{f.name} is not a fact of the catalogue") from None
                lines.append(f"(i64.store #{self.place(event, f.name)} ~{number_of(f.type, value)})")
        return " ".join(lines)

    def parts(self) -> Iterator[str]:
        """The parts of the module: `$told` of an event is 0, or 1 where it has to be told, or 2 where a record is malformed."""
        copies = [(self._area + SLOT * n, LONG + SLOT * n) for n in range(self._most)]
        yield FingerprintTable("facts", LONG + SLOT * self._most).text()
        asks = " ".join(
            f"(if (i32.eq %event #{self._names.accounts.numbers[event]}) (then {self._of(event)}))" for event in self.fields
        )
        reads = " ".join(f"(i64.store #{at} (i64.load $facts offset={place} %entry))" for at, place in copies)
        writes = " ".join(f"(i64.store $facts offset={place} %entry (i64.load #{at}))" for at, place in copies)
        yield long(f"""
(global $asked_1 (export "asked_1") (mut i64) ~0) (global $asked_2 (export "asked_2") (mut i64) ~0) (global $has (mut i64) ~0)
(func $mix (param $key i32) (param $at i32) (param $size i32)
  (call $mark %key %at %size)
  (global.set $asked_1 (call $mixed (i64.xor (i64.rotl @asked_1 ~23) @mark_1)))
  (global.set $asked_2 (call $mixed (i64.add (i64.rotl @asked_2 ~31) @mark_2))))
(func $recall_facts (result i32) (local $entry i32)
  (global.set $mark_1 @asked_1) (global.set $mark_2 (i64.or @asked_2 ~1))
  (local.set $entry (call $facts_find))
  (if (i64.eqz (i64.load $facts %entry)) (then (return #1)))
  {reads}
  #0)
(func (export "tell") (local $entry i32)
  (call $facts_room)
  (global.set $mark_1 @asked_1) (global.set $mark_2 (i64.or @asked_2 ~1))
  (local.set $entry (call $facts_find))
  (if (i64.eqz (i64.load $facts %entry)) (then (call $facts_add %entry)))
  {writes})
(func $told (param $event i32) (param $has i64) (result i32)
  (global.set $has %has)
  {asks}
  #0)""")

    def _of(self, event: str) -> str:
        number, keys = self._names.accounts.numbers[event], self.keys[event]
        lines = [
            f"(if (i32.eq {holds(self._names.payload[f.key])} {holds(self._names.payload[f.instead])}) (then (return #2)))"
            for f in self.fields[event]
            if f.instead
        ]
        any_text = "#0"
        for key in keys:
            any_text = f"(i32.or {any_text} {holds(key)})"
        lines.append(f"(if (i32.eqz {any_text}) (then {self._untold(event)} (return #0)))")
        lines.append(f"(global.set $asked_1 ~{number}) (global.set $asked_2 ~0)")
        for n, key in enumerate(keys):
            text = f"(i32.load offset={key.slot} @row) (i32.load offset={key.slot + 4} @row)"
            lines.append(f"(if {holds(key)} (then (call $mix #{number * _ROOM + n} {text})))")
        lines.append("(return (call $recall_facts))")
        return " ".join(lines)
