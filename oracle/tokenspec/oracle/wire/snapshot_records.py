"""Snapshot records, with which a log may begin an account in mid-life."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.nearest import did_you_mean
from tokenspec.oracle.base.text import as_text, one_line
from tokenspec.oracle.wire.observations import Countable, instant_of
from tokenspec.spec.words import POOLS

SNAPSHOT = "snapshot"
"""The event name of a snapshot record. It is not an event of the account, and is never sent."""


class AccountState(msgspec.Struct, kw_only=True):
    """The state of an account. An absent field is as just opened; where balances are given, an absent pool holds 0."""

    status: str | None = None
    plan: str | None = None
    scheduled_plan: str | None = None
    balances: dict[Literal[POOLS], Countable | None] | None = None  # type: ignore[valid-type]
    next_daily_reset_at: str | Countable | None = None
    next_renewal_at: str | Countable | None = None
    renewal_day: Annotated[int, Meta(ge=1, le=31)] | None = None
    """The day of the month that renewals aim at, which a short month hides."""


def finish(state: AccountState, given_id: str | None, observed: Any) -> None:
    """Turns the instants of a snapshot into milliseconds. Raises `BadRecord` for what no snapshot has."""
    for field, value in (("id", given_id), ("observed", observed)):
        if value is not None:
            raise BadRecord(field, "a snapshot is no event: it has no id, and nobody answers it; leave it out", as_text(value))
    for field in ("next_daily_reset_at", "next_renewal_at"):
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
