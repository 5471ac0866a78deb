"""Snapshot records, with which a log may begin an account in mid-life."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tokenspec.machine.lang.calendars import EveryMonth, EveryYear, variants
from tokenspec.machine.lang.types import Bool, Tokens
from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.nearest import did_you_mean
from tokenspec.oracle.base.specification import POOLS, account
from tokenspec.oracle.base.text import as_text, one_line
from tokenspec.oracle.wire.answers import INSTANTS, SHOWN, TYPES
from tokenspec.oracle.wire.observations import Countable, instant_of

SNAPSHOT = "snapshot"
"""The event name of a snapshot record. It is not an event of the account, and is never sent."""
DAYS = {
    clock.name: f"{clock.name}_day"
    for clock in account().clocks
    if any(isinstance(calendar, EveryMonth | EveryYear) for _, calendar in variants(clock.calendar))
}
"""By clock of months, the name of the day of the month that it aims at, which a short month hides."""
_WRITTEN: dict[type, Any] = {Bool: bool, Tokens: Countable}


AccountState = msgspec.defstruct(
    "AccountState",
    [
        *((name, _WRITTEN.get(type(TYPES[name]), str) | None, None) for name in SHOWN),
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
        written = getattr(state, field)
        if written is not None:
            try:
                setattr(state, field, instant_of(written))
            except ValueError as fault:
                raise BadRecord(f"state.{field}", str(fault), as_text(written)) from None


def check_names(state: Any) -> None:
    """Raises `BadRecord` for an unknown name in the state."""
    for name in state if isinstance(state, dict) else ():
        if name not in AccountState.__struct_fields__:
            known = AccountState.__struct_fields__
            near = did_you_mean(name, known)
            raise BadRecord(f"state.{one_line(name)}", f"there is no such field of a state; there are {', '.join(known)}{near}")
