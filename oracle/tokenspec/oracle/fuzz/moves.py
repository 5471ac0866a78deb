"""Next events in a search for runs: records with the amounts at which another rule or refusal begins to apply.

A move is a record without account and instant. The amounts are derived from the current account; names come from the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from tokenspec.machine.lang.catalogue import UNLISTED, AnyCatalogue
from tokenspec.machine.lang.declaration import Actor, Event, Field, Key, Origin, Shape
from tokenspec.machine.lang.types import COUNTABLE_MAX, Bool, Enum
from tokenspec.oracle.base.specification import POOLS, SPEC, TOTAL_POOLS, hint
from tokenspec.oracle.base.specification import account as the_account
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.memory import KEY, begins
from tokenspec.oracle.runtime.script import UNKNOWN, Move, move

Found = tuple[Move, bool]
"""A move, and true if runs continue after it."""

_MOST = 40
"""The largest number of moves of one event: of more, some numbers are left out."""


def moves(account: Account, at: Mapping[str, int], catalogue: AnyCatalogue) -> Iterator[Found]:
    """Yields every move worth trying, the plainest first; `at` is the index of each variable in the account's row.

    A specification may bring moves of its own; an event that has none of them is tried with what follows from its fields.
    """
    own, tried = hint("moves"), set()
    for found in own(account, at, catalogue) if own is not None else ():
        tried.add(found[0]["event"])
        yield found
    for event in the_account().events:
        if event.name not in tried and event.actor is not Actor.CLOCK:
            yield from _of(event, account, at, catalogue)


def _of(event: Event, account: Account, at: Mapping[str, int], catalogue: AnyCatalogue) -> Iterator[Found]:
    """Yields the event with each member of its enumerations, boundary numbers, and each kind of name for its keys."""
    row: Any = account.row
    held = [row[at[pool]] for pool in POOLS]
    numbers = dict.fromkeys(n for total in (1, *held, sum(held)) for n in (total, total + 1, total - 1))
    wanted = [*(n for n in numbers if 0 <= n <= COUNTABLE_MAX), 0]
    fields = [field for field in event.fields if field.origin is Origin.PAYLOAD]
    keys = [key for key in event.keys if not key.optional]
    names = [field.key for field in fields] + [key.name for key in keys]
    choices = [_values(field, wanted) for field in fields] + [_names(key, event, account, catalogue) for key in keys]
    for count, values in enumerate(product(*choices)):
        if count >= _MOST:
            return
        yield move(event.name, **dict(zip(names, values, strict=True))), True


def _values(field: Field, numbers: list[int]) -> list[Any]:
    kind = field.type
    if isinstance(kind, Enum):
        return [UNKNOWN if member == UNLISTED else member for member in kind.members]
    if isinstance(kind, Bool):
        return [True, False]
    return list(dict.fromkeys(n for n in numbers if kind.admits(n))) or [kind.lo]


def _names(key: Key, event: Event, account: Account, catalogue: AnyCatalogue) -> list[Any]:
    if key.name == KEY:
        new, known = f"{KEY[0]}{len(account.entries) + 1}", list(account.entries)[-2:]
        return [new, *known] if begins(event.name) else [*known, new]
    if key.name in SPEC.names:
        return [*list(catalogue.written()[SPEC.names[key.name]])[:2], UNKNOWN]
    return [plain_name(key, UNKNOWN, catalogue)]


def plain_name(key: Key, name: str, catalogue: AnyCatalogue) -> Any:
    """Returns what a key holds in a plain record: the first name of its table, `name` where any will do."""
    table = SPEC.names.get(key.name)
    plain: dict[Shape, Any] = {Shape.TEXT: name, Shape.TIME_OF_DAY: "00:00", Shape.POOLS: {TOTAL_POOLS[0]: 0}}
    return plain[key.shape] if table is None else next(iter(catalogue.written()[table]), name)
