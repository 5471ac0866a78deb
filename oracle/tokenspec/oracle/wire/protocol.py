"""Names and constants of the wire protocol."""

from __future__ import annotations

from functools import cache
from typing import Any

from tokenspec.machine.lang.declaration import Actor
from tokenspec.spec.system import system

PROTOCOL = 1


JOBS = tuple(event.name for event in system().machines[0].events if event.actor is Actor.JOB)
"""The events that the billing and the daily job send; where resets are implied, none of them is written."""


Message = dict[str, Any]


@cache
def event_names() -> tuple[str, ...]:
    """Every event that can be sent, in the order of their declaration."""
    account, _, session = system().machines
    return tuple(e.name for e in (*account.events, *session.events) if e.actor is not Actor.CLOCK)
