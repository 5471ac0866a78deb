"""Names and constants of the wire protocol."""

from __future__ import annotations

from functools import cache
from typing import Any

from tokenspec.machine.lang.declaration import Actor
from tokenspec.oracle.base.specification import account, machines

PROTOCOL = 1


JOBS = tuple(event.name for event in account().events if event.actor is Actor.JOB)
"""The events that the billing and the daily job send; where resets are implied, none of them is written."""


Message = dict[str, Any]


@cache
def event_names() -> tuple[str, ...]:
    """Every event that can be sent, in the order of their declaration."""
    return tuple(e.name for machine in machines() for e in machine.events if e.actor is not Actor.CLOCK)
