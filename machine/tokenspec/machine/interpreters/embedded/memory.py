"""The interface of the module: the place of each value in its memory, and the meaning of each number.

Every value is one slot of 8 bytes, a signed 64-bit integer, little-endian: tokens as they are, a truth value as 0 or 1, a
member of an enum by its position in the enum's order. Slots lie in areas that follow each other from address 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from tokenspec.machine.interpreters.batch.calendars import DATES, calendar_text
from tokenspec.machine.interpreters.batch.short import long
from tokenspec.machine.interpreters.calendars import Spans, reader_of
from tokenspec.machine.interpreters.compiled import refusal_codes, rule_names
from tokenspec.machine.lang.calendars import Calendar, CalendarByPolicy, DeclaredCalendar, variants
from tokenspec.machine.lang.claims import Claim, StatePart, StepPart, parts_of
from tokenspec.machine.lang.declaration import Event, Machine, Rule
from tokenspec.machine.lang.typecheck import type_of
from tokenspec.machine.lang.types import COUNTABLE_MAX, Enum, Tokens, Type
from tokenspec.machine.lang.validate import machine_scope
from tokenspec.machine.lang.validate_memory import memory_scope
from tokenspec.machine.wasm.ranks import number_of

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
    """The slots and numbers of one machine. `claims` are those that the module checks; the areas begin at `first`."""

    machine: Machine
    claims: tuple[Claim, ...] = ()
    first: int = 0

    @cached_property
    def rules(self) -> list[str]:
        """The rules, by the number that a call answers where an event is accepted."""
        return rule_names(self.machine)

    @cached_property
    def codes(self) -> list[str]:
        """The refusal codes; the first is the answer -1, the next -2, and so on."""
        return refusal_codes(self.machine)

    @cached_property
    def _kinds(self) -> dict[str, dict[str, Type]]:
        """The types of what stands in the areas that no event and no rule lays out anew."""
        m, memory = self.machine, self.machine.memory
        scope, facts = machine_scope(m), {} if memory is None else dict(memory_scope(memory))
        if memory is not None:
            # Words that belong to no enum are numbered as in a field of an event that reads them.
            read = {f.name: f.type for e in m.events if memory.reads(e) for f in e.fields}
            facts |= {n: read.get(n, kind) for n, kind in facts.items() if isinstance(kind, Enum) and kind.name == "?"}
        return {
            "parameters": {p.name: p.type for p in m.all_parameters},
            "state": {v.name: ANY_NUMBER if isinstance(v.type, Tokens) else v.type for v in m.variables},
            "definitions": {d.name: scope[d.name] for d in m.definitions if d.name in scope},
            "entry": facts,
            "dial": dict.fromkeys(("due", "aim", "at", "time") if m.clocks else (), ANY_NUMBER),
        }

    @cached_property
    def areas(self) -> dict[str, int]:
        """The address of each area, by the name of the global that holds it."""
        return dict(zip(self._lengths, accumulate((SLOT * n for n in self._lengths.values()), initial=self.first), strict=False))

    @property
    def size(self) -> int:
        """Bytes of all areas."""
        return SLOT * sum(self._lengths.values())

    @cached_property
    def _lengths(self) -> dict[str, int]:
        events, kinds = self.machine.events, {name: len(kinds) for name, kinds in self._kinds.items()}
        return {
            "parameters": kinds["parameters"],
            "state": kinds["state"],
            "fields": max(len(e.fields) for e in events),
            "answers": max(len(e.answers) for e in events),
            "ledger": max(len(r.ledger) for e in events for r in e.rules),
            **{name: kinds[name] for name in ("definitions", "entry", "dial")},
        }

    def _slots(self, area: str, kinds: Mapping[str, Type] | None = None) -> dict[str, Slot]:
        named = enumerate((self._kinds[area] if kinds is None else kinds).items())
        return {name: Slot(name, kind, self.areas[area] + SLOT * number) for number, (name, kind) in named}

    @cached_property
    def parameters(self) -> dict[str, Slot]:
        """The parameters, policies last."""
        return self._slots("parameters")

    @cached_property
    def state(self) -> dict[str, Slot]:
        """The variables."""
        return self._slots("state")

    def fields(self, event: str) -> dict[str, Slot]:
        """The fields of an event; those of all events share their place."""
        return self._slots("fields", {f.name: f.type for f in self.machine.event_named[event].fields})

    def answers(self, event: str) -> dict[str, Slot]:
        """The answers of an event; which of them a rule gives is known by the rule."""
        declared = self.machine.event_named[event]
        return self._slots("answers", {name: _answered(self.machine, declared, name) for name in declared.answers})

    def ledger(self, rule: Rule) -> list[Slot]:
        """The lines of a rule's ledger, in order."""
        return [Slot(line.pool, Tokens(), self.areas["ledger"] + SLOT * n) for n, line in enumerate(rule.ledger)]

    @cached_property
    def definitions(self) -> dict[str, Slot]:
        """The definitions that read no field, whose values `evaluate` writes."""
        return self._slots("definitions")

    @cached_property
    def entry(self) -> dict[str, Slot]:
        """The values that an entry holds, and the facts about it, which `recall` works out; a step writes what its rule notes."""
        return self._slots("entry")

    @cached_property
    def dial(self) -> dict[str, Slot]:
        """A due instant with the day of the month that the next one aims at; the instant and the time of day asked for."""
        return self._slots("dial")

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


def dial_parts(interface: Interface) -> Iterator[str]:
    """The parts of the module that are about clocks: which instant falls due first, and which one first after an instant.

    Each call reads and writes the area `dial`, and follows the calendar that the present answers to the policies choose.
    """
    clocks, slots = interface.machine.clocks, interface.dial
    if not clocks:
        return
    followed = dict.fromkeys(calendar for clock in clocks for _, calendar in variants(clock.calendar))
    numbers = {calendar: number for number, calendar in enumerate(followed)}
    yield DATES
    yield from (calendar_text(number, reader_of(calendar)) for calendar, number in numbers.items())
    due, aim, at, time = (f"(i64.load #{slots[name].at})" for name in ("due", "aim", "at", "time"))

    def beyond(calendar: Calendar) -> str:
        number = numbers[calendar]
        if isinstance(reader_of(calendar), Spans):
            return f"(global.set $aim {aim}) (call $beyond_{number} {due} {at})"
        # Each due instant before it is passed, since a short month may move the aim.
        return f"""(global.set $due {due}) (global.set $aim {aim})
  (block $passed_{number} (loop $next_{number}
    (br_if $passed_{number} (i64.gt_s @due {at}))
    (call $after_{number} @due @aim)
    (br $next_{number})))"""

    calls: dict[str, Callable[[Calendar], str]] = {
        "first": lambda calendar: f"(call $first_{numbers[calendar]} {at} {time})",
        "beyond": beyond,
    }
    for name, call in calls.items():
        chosen = (_under(interface, clock.calendar, call) for clock in clocks)
        by_clock = "\n".join(f"(if (i32.eq %clock #{number}) (then {text}))" for number, text in enumerate(chosen))
        yield long(f"""(func (export "{name}") (param $clock i32) (result i32)
  (if (i32.ge_u %clock #{len(clocks)}) (then (return #{NOT_A_VALUE})))
  {by_clock}
  (i64.store #{slots["due"].at} @due) (i64.store #{slots["aim"].at} @aim)
  #0)""")


def _under(interface: Interface, declared: DeclaredCalendar, call: Callable[[Calendar], str]) -> str:
    """The call that is made of the calendar that the policies choose."""
    if not isinstance(declared, CalendarByPolicy):
        return call(declared)
    slot = interface.parameters[declared.policy]
    *others, (_, text) = [(number_of(slot.kind, answer), _under(interface, each, call)) for answer, each in declared.answers]
    for number, other in others:
        text = f"(if (i64.eq (i64.load #{slot.at}) ~{number}) (then {other}) (else {text}))"
    return text
