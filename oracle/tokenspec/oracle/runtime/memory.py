"""The declared memory of accounts: entries by key, written by notes and read as facts. Nothing here knows what they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

from tokenspec.machine.interpreters.compiled import Recalled, Row, blank, recalled
from tokenspec.machine.lang.declaration import ClockAct, Event, Memory, Origin
from tokenspec.machine.lang.expr import Lit, names_in
from tokenspec.machine.lang.types import Value
from tokenspec.machine.lang.validate_memory import memory_scope
from tokenspec.oracle.base.specification import account
from tokenspec.oracle.runtime.clocks import Dial
from tokenspec.oracle.runtime.journal import CLOCK_AT, Account, MemoryEntry

_NO_DIALS: list[Dial | None] = [None] * len(CLOCK_AT)
_NEVER = [0] * len(CLOCK_AT)
Facts: TypeAlias = Callable[[Account, str], Row]
"""Facts about the entry of an account under a key."""


NOTHING = Memory("", "nothing is remembered", "is_new", ())
"""The memory of a machine that declares none: no event names an entry."""


MEMORY = account().memory or NOTHING
KEY = MEMORY.key
"""The key of a record that names an entry; empty where nothing is remembered."""


@cache
def begins(event: str) -> bool:
    """Returns true if `event` names an entry that it wants to be new."""
    declared = account().event_named.get(event)
    return declared is not None and MEMORY.reads(declared) and any(f.name == MEMORY.is_new for f in declared.fields)


@cache
def refers(event: str) -> bool:
    """Returns true if `event` names an entry that another one has begun."""
    declared = account().event_named.get(event)
    return declared is not None and MEMORY.reads(declared) and not begins(event)


NOT_NEW = frozenset(
    need.code for e in account().events for need in e.requires if begins(e.name) and MEMORY.is_new in names_in(need.holds)
)
"""The refusals of an entry that was begun before."""


@cache
def charged_to(event: str) -> dict[str, str]:
    """Returns what `event` notes of its charge: by name of what an entry holds, the pool whose part of the charge it is."""
    found: dict[str, str] = {}
    for rule in account().event_named[event].rules:
        parts = {said.value: said.name.removeprefix("charge_") for said in rule.answer if said.name.startswith("charge_")}
        found |= {note.name: parts[note.value] for note in rule.notes if note.value in parts}
    return found


@cache
def marks(event: str) -> dict[str, Value]:
    """Returns the values that stand in the declaration and that `event` notes of the entry it refers to."""
    notes = (note for rule in account().event_named[event].rules for note in rule.notes)
    return {note.name: note.value.value for note in notes if isinstance(note.value, Lit)}


class Remembered:
    """The memory of all accounts of one machine: how an entry is read and written."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.names = tuple(memory_scope(memory))
        self._blank = MemoryEntry(blank(memory), (-1,) * len(memory.periods))
        self._at = {each.name: position for position, each in enumerate(memory.holds)}
        self._ends: dict[tuple[str, ClockAct], list[int]] = {}
        for position, period in enumerate(memory.periods):
            for act in period.ended_by:
                self._ends.setdefault(act, []).append(position)
        self._facts: dict[tuple[str, ...], Recalled] = {}
        self._all = self.facts(self.names)

    def begun(self, row: Row) -> Account:
        """Returns an account that is in the state `row` and remembers nothing."""
        return Account(row, dials=_NO_DIALS.copy(), ran=_NEVER.copy(), ended=(0,) * len(self.memory.periods))

    def facts(self, names: Sequence[str]) -> Facts:
        """Returns the function that gives the facts `names`."""
        if tuple(names) not in self._facts:
            self._facts[tuple(names)] = recalled(self.memory, names)
        facts, nothing = self._facts[tuple(names)], self._blank

        def read(account: Account, key: str) -> Row:
            entry = account.entries.get(key)
            known = nothing if entry is None else entry
            lasts = [one == other for one, other in zip(known.since, account.ended, strict=True)]
            return facts(known.held, lasts, entry is None)

        return read

    def facts_by_name(self, account: Account, key: str) -> dict[str, Value]:
        """Returns every fact about the entry under `key`."""
        return dict(zip(self.names, self._all(account, key), strict=True))

    def asked(self, event: Event) -> list[str]:
        """Returns the facts that `event` reads of the entry it names."""
        asks = self.memory.reads(event)
        return [f.name for f in event.fields if asks and f.origin is Origin.FACT and f.name in self.names]

    def held(self, account: Account, key: str) -> Row:
        """Returns the values that the entry under `key` holds."""
        return account.entries.get(key, self._blank).held

    def write(self, account: Account, key: str, held: Row) -> None:
        """Replaces the values of the entry under `key`; its periods stay those in which it was first written."""
        known = account.entries.get(key)
        account.entries[key] = MemoryEntry(held, account.ended if known is None else known.since)
        if known is None and account.noted is not None:
            account.noted[key] = account.last_at or 0

    def note(self, account: Account, key: str, values: Mapping[str, Any]) -> None:
        """Replaces some values of the entry under `key`, by name."""
        held = list(self.held(account, key))
        for name, value in values.items():
            held[self._at[name]] = value
        self.write(account, key, tuple(held))

    def clock_acts(self, account: Account, clock: str, act: ClockAct) -> None:
        """Ends the periods that `act` ends."""
        ends = self._ends.get((clock, act))
        if ends:
            account.ended = tuple([count + (n in ends) for n, count in enumerate(account.ended)])

    def wrong_with(self, account: Account) -> str | None:
        """Returns the reason why no account remembers what `account` does; None where nothing speaks against it."""
        kinds = [each.type for each in self.memory.holds]
        if len(account.ended) != len(self.memory.periods) or min(account.ended, default=0) < 0:
            return "it has counted other periods"
        for key, entry in account.entries.items():
            held, since = entry.held, entry.since
            if len(held) != len(kinds) or not all(kind.admits(value) for kind, value in zip(kinds, held, strict=True)):
                return f"what it remembers of {self.memory.key} {key} cannot be"
            if len(since) != len(account.ended) or any(not 0 <= n <= m for n, m in zip(since, account.ended, strict=True)):
                return f"{self.memory.key} {key} is of a period that there was not"
        return None
