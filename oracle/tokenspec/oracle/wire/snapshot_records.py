"""Snapshot records, with which a log may begin an account in mid-life."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tokenspec.machine.lang.calendars import EveryMonth, EveryYear, variants
from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.nearest import no_such
from tokenspec.oracle.base.specification import POOLS, account
from tokenspec.oracle.base.text import as_text, one_line
from tokenspec.oracle.wire.answers import INSTANTS, SHOWN, python_type
from tokenspec.oracle.wire.observations import Countable, instant_of, read_by

SNAPSHOT = "snapshot"
"""The event name of a snapshot record. It is not an event of the account, and is never sent."""
DAYS = {
    clock.name: f"{clock.name}_day"
    for clock in account().clocks
    if any(isinstance(calendar, EveryMonth | EveryYear) for _, calendar in variants(clock.calendar))
}
"""By clock of months, the name of the day of the month that it aims at, which a short month hides."""


AccountState = msgspec.defstruct(
    "AccountState",
    [
        *((name, python_type(name, Countable) | None, None) for name in SHOWN),
        ("balances", dict[Literal[POOLS], Countable | None] | None, None),  # type: ignore[valid-type]
        *((name, str | Countable | None, None) for name in INSTANTS),
        *((name, Annotated[int, Meta(ge=1, le=31)] | None, None) for name in DAYS.values()),
    ],
    kw_only=True,
    module=__name__,
)
"""The state of an account. An absent field is as just opened; where balances are given, an absent pool holds 0."""


def finish(state: Any, given_id: str | None, observed: Any) -> None:
    """Turns the instants of a snapshot into milliseconds. Raises `BadRecord` for what no snapshot has."""
    for field, value in (("id", given_id), ("observed", observed)):
        if value is not None:
            raise BadRecord(field, "a snapshot is no event: it has no id, and nobody answers it; leave it out", as_text(value))
    for field in INSTANTS:
        if (written := getattr(state, field)) is not None:
            setattr(state, field, read_by(instant_of, f"state.{field}", written))


def check_names(state: Any) -> None:
    """Raises `BadRecord` for an unknown name in the state, or in its balances."""
    for name in state if isinstance(state, dict) else ():
        if name not in AccountState.__struct_fields__:
            raise BadRecord(f"state.{one_line(name)}", no_such("field of a state", name, AccountState.__struct_fields__))
    balances = state.get("balances") if isinstance(state, dict) else None
    for pool in balances if isinstance(balances, dict) else ():
        if pool not in POOLS:
            raise BadRecord(f"state.balances.{one_line(pool)}", no_such("pool", pool, POOLS))
