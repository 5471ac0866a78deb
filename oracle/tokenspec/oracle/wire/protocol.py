"""Names and constants of the wire protocol."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from tokenspec.machine.lang.declaration import Actor
from tokenspec.oracle.base.specification import account, machines

PROTOCOL = 1


JOBS = tuple(event.name for event in account().events if event.actor is Actor.JOB)
"""The events that the billing and the daily job send; where resets are implied, none of them is written."""


Message = dict[str, Any]


def given(message: Mapping[str, Any], key: str, absent: Any) -> Any:
    """Returns the value of a key that may be left out; null, and nothing else, is the same as absent."""
    value = message.get(key)
    return absent if value is None else value


@cache
def event_names() -> tuple[str, ...]:
    """Every event that can be sent, in the order of their declaration."""
    return tuple(e.name for machine in machines() for e in machine.events if e.actor is not Actor.CLOCK)
