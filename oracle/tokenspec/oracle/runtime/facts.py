"""The fields of an event, from its record: what it says itself, what the catalogue lists, what is remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from tokenspec.machine.interpreters.compiled import Fields, Row, defined
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
    """Returns what gives the fields of `event`, in order; `balances` are those of the app's pools in a row.

    It is written as Python text, since it runs at each record: what a record holds itself stands there as it is read.
    """
    key, is_new = remembered.memory.key, remembered.memory.is_new
    # The event that comes most often asks for this alone.
    asked = [name for name in remembered.asked(event) if name != is_new]
    space: dict[str, Any] = {"recall": remembered.facts(asked)} if asked else {}
    places: list[str] = []
    for n, f in enumerate(event.fields):
        if f.name in asked:
            places.append(f"known[{asked.index(f.name)}]")
        elif f.name == is_new and remembered.memory.reads(event):
            places.append(f"record.{key} not in account.entries")
        elif f.origin is Origin.PAYLOAD and not f.instead and not _may_be_unlisted(f.type):
            places.append(f"record.{f.key}")
        elif f.origin is Origin.PAYLOAD:
            space[f"of_{n}"] = payload(f.name, f.key, f.type, f.instead, catalogue)
            places.append(f"of_{n}(account, record)")
        elif f.name in SPEC.facts:
            space[f"of_{n}"] = SPEC.facts[f.name](catalogue)
            places.append(f"of_{n}(record)")
        else:
            space[f"of_{n}"] = fact(f.name, catalogue, balances)
            places.append(f"of_{n}(account, record)")
    first = f"known = recall(account, record.{key}); " if asked else ""
    text = f"def given(account, record): {first}return ({''.join(f'{place}, ' for place in places)})"
    given: Providers = defined(text, space)
    return given


def _may_be_unlisted(kind: Any) -> bool:
    return isinstance(kind, Enum) and UNLISTED in kind.members


def payload(name: str, key: str, kind: Any, instead: str, catalogue: AnyCatalogue) -> Provider:
    """Returns what gives the field `name`, which a record holds under `key`, or which `instead` tells."""
    if instead:
        look_up = SPEC.facts[name](catalogue)
        return lambda account, record: getattr(record, key) or look_up(record)
    if _may_be_unlisted(kind):
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
