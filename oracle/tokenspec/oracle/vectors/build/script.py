"""Runs as they are told: moves and waits, of which an oracle's clocks make records with instants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tokenspec.oracle.base.instants import parse_instant
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.vectors.build.moves import Move
from tokenspec.oracle.wire.protocol import JOBS
from tokenspec.spec.catalogue import DEFAULT, Catalogue

START = "2027-01-15T00:00:00Z"
"""Midnight: whichever way days are counted, they end alike, so that few runs turn on it."""
NAME = "ann"
_MINUTE_MS = 60_000

Record = dict[str, Any]


@dataclass(frozen=True)
class Wait:
    """Time passes: up to where a clock of ann's falls due, or for `ms` milliseconds, or to the instant `at`."""

    clock: str = ""
    ms: int = 0
    """After that, or before it where it is negative."""
    at: str = ""


Told = Sequence[Move | Wait]

DAY, MONTH = Wait("daily"), Wait("renewal")


@dataclass(frozen=True)
class Scenario:
    """A run with a point of its own, which its title tells. Where resets are implied, its jobs are not written."""

    id: str
    title: str
    told: Told
    clauses: str = ""
    policy: Mapping[str, str] = field(default_factory=dict)
    resets: tuple[str, ...] = ("explicit", "implied")
    start: str = START
    catalogue: Catalogue = DEFAULT


@dataclass(frozen=True)
class Place:
    """A situation from which runs are looked for, and in which world; `ways` is how many are followed."""

    name: str
    told: Told
    ways: int
    policy: Mapping[str, str] = field(default_factory=dict)
    catalogue: Catalogue = DEFAULT


def records_of(told: Told, oracle: Oracle, start: str = START) -> list[Record]:
    """The records, each a minute after the one before unless time is said to pass, or something falls due in between.

    `oracle` plays them; instants are milliseconds.
    """
    found: list[Record] = []
    now, waited = parse_instant(start), True
    for each in told:
        if isinstance(each, Wait):
            now, waited = _until(each, oracle, now), True
        elif oracle.resets == "explicit" or each["event"] not in JOBS:
            record = {"account": NAME, **each}
            now = now if waited or not _is_free(oracle, now) else now + _MINUTE_MS
            record["at"] = now
            oracle.apply(record)
            found.append(record)
            waited = False
    return found


def _until(wait: Wait, oracle: Oracle, now: int) -> int:
    at = now + wait.ms
    if wait.at:
        at = parse_instant(wait.at)
    elif wait.clock:
        at = getattr(oracle.accounts[NAME], wait.clock).upcoming + wait.ms
    for account in oracle.accounts.values():
        oracle.advance(account, at)
    return at


def _is_free(oracle: Oracle, now: int) -> bool:
    dials = [d for account in oracle.accounts.values() for d in (account.daily, account.renewal) if d is not None]
    return all(dial.upcoming > now + _MINUTE_MS for dial in dials)
