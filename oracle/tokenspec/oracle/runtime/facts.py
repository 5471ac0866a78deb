"""The fields of an event, from its record: what it says itself, what the catalogue lists, what is remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from tokenspec.machine.interpreters.compiled import Row
from tokenspec.machine.lang.declaration import Event, Origin
from tokenspec.machine.lang.types import Enum, Value
from tokenspec.oracle.runtime import journal
from tokenspec.oracle.runtime.journal import Account, Vector
from tokenspec.spec.catalogue import Catalogue
from tokenspec.spec.words import ABSENT, UNLISTED

Provider: TypeAlias = Callable[[Account, Any], Value]
"""Gives one field, of an account and a record."""


def providers(event: Event, catalogue: Catalogue, balances: Callable[[Row], Vector]) -> list[Provider]:
    """What gives the fields of `event`, in order; `balances` are those of the app's pools in a row."""
    return [
        _payload(f.key, f.type, f.instead, catalogue) if f.origin is Origin.PAYLOAD else _fact(f.name, catalogue, balances)
        for f in event.fields
    ]


def _payload(key: str, kind: Any, instead: str, catalogue: Catalogue) -> Provider:
    if instead:
        # A model that nobody lists is refused, whatever its origin would be.
        model = catalogue.model
        return lambda account, record: getattr(record, key) or getattr(model(getattr(record, instead)), key, kind.members[-1])
    if isinstance(kind, Enum) and UNLISTED in kind.members:
        listed = frozenset(kind.members) - {UNLISTED}
        return lambda account, record: name if (name := getattr(record, key)) in listed else UNLISTED
    return lambda account, record: getattr(record, key)


def _fact(name: str, catalogue: Catalogue, balances: Callable[[Row], Vector]) -> Provider:
    prices, listed = catalogue.prices, catalogue.model
    facts: dict[str, Provider] = {
        "job_is_new": lambda account, record: record.job not in account.jobs,
        "price_is_listed": lambda account, record: record.action in prices,
        "model_is_known": lambda account, record: record.model is None or listed(record.model) is not None,
        "model_is_paid_only": lambda account, record: getattr(listed(record.model or ""), "paid_only", False),
        "action_is_named": lambda account, record: record.action is not None,
        "listed_price": lambda account, record: prices.get(record.action, 0),
        "account_exists": lambda account, record: account.row[0] != ABSENT,
        "verdict": lambda account, record: journal.verdict(account, record.session, record.shown, balances(account.row)),
    }
    return facts.get(name) or (lambda account, record: journal.refund_facts(account, record.job)[name])
