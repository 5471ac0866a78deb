"""The fields of an event, from its record: what it says itself, what the catalogue lists, what is remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from tokenspec.machine.interpreters.compiled import Fields, Row
from tokenspec.machine.lang.catalogue import UNLISTED
from tokenspec.machine.lang.declaration import Event, Origin
from tokenspec.machine.lang.types import Enum, Value
from tokenspec.oracle.base.specification import ABSENT, SPEC, AnyCatalogue, account
from tokenspec.oracle.runtime import journal
from tokenspec.oracle.runtime.journal import Account, Vector
from tokenspec.oracle.runtime.memory import Remembered

Provider: TypeAlias = Callable[[Account, Any], Value]
"""Gives one field, of an account and a record."""
Providers: TypeAlias = Callable[[Account, Any], Fields]
"""Gives all fields of an event."""


def fields_of(event: Event, catalogue: AnyCatalogue, balances: Callable[[Row], Vector], remembered: Remembered) -> Providers:
    """Returns what gives the fields of `event`, in order; `balances` are those of the app's pools in a row."""
    key, is_new = remembered.memory.key, remembered.memory.is_new
    # The event that comes most often asks for this alone.
    asked = [name for name in remembered.asked(event) if name != is_new]
    places: list[Provider | int] = []
    for f in event.fields:
        if f.name in asked:
            places.append(asked.index(f.name))
        elif f.name == is_new and remembered.memory.reads(event):
            places.append(lambda account, record: getattr(record, key) not in account.entries)
        elif f.origin is Origin.PAYLOAD:
            places.append(payload(f.name, f.key, f.type, f.instead, catalogue))
        else:
            places.append(fact(f.name, catalogue, balances))
    if not asked:
        plain = [place for place in places if not isinstance(place, int)]
        return lambda account, record: tuple([provide(account, record) for provide in plain])
    recall = remembered.facts(asked)

    def given(account: Account, record: Any) -> Fields:
        known = recall(account, getattr(record, key))
        return tuple([known[place] if isinstance(place, int) else place(account, record) for place in places])

    return given


def payload(name: str, key: str, kind: Any, instead: str, catalogue: AnyCatalogue) -> Provider:
    """Returns what gives the field `name`, which a record holds under `key`, or which `instead` tells."""
    if instead:
        look_up = SPEC.facts[name](catalogue)
        return lambda account, record: getattr(record, key) or look_up(record)
    if isinstance(kind, Enum) and UNLISTED in kind.members:
        listed = frozenset(kind.members) - {UNLISTED}
        return lambda account, record: name if (name := getattr(record, key)) in listed else UNLISTED
    return lambda account, record: getattr(record, key)


def fact(name: str, catalogue: AnyCatalogue, balances: Callable[[Row], Vector]) -> Provider:
    """Returns what gives the fact `name`, which is not one of the memory."""
    if name in SPEC.facts:
        look_up = SPEC.facts[name](catalogue)
        return lambda account, record: look_up(record)
    of_sessions: dict[str, Provider] = {
        "account_exists": lambda account, record: account.row[_CONTROL] != ABSENT,
        "verdict": lambda account, record: journal.verdict(account, record.session, record.shown, balances(account.row)),
    }
    return of_sessions[name]


_CONTROL = [v.name for v in account().variables].index(account().control)
