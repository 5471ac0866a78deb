"""Abstract runs of events and waits, and the instants of their records, set by the clocks of an account.

A run that is searched for, written or drawn at random lists events and the waits between them. A schedule
turns it into instants at which an oracle takes the same path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tokenspec.machine.interpreters.calendars import NEVER
from tokenspec.machine.lang.calendars import shortest_hours
from tokenspec.machine.lang.declaration import Actor, Clock, Origin
from tokenspec.oracle.base.instants import parse_instant
from tokenspec.oracle.base.specification import SPEC, account
from tokenspec.oracle.runtime.journal import CLOCK_AT, Account
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.resets import unwritten

Record = dict[str, Any]
Move = dict[str, Any]
"""A record that has no instant yet; the account may be left out."""

START = "2027-01-15T00:00:00Z"
"""Midnight: days end alike however they are counted, so that few runs depend on the way."""
NAME = "ann"
UNKNOWN = "no such name"
MINUTE_MS = 60_000


def move(event: str, **fields: Any) -> Move:
    """Returns a record of `event`, without account and instant."""
    return {"event": event, **fields}


def _look() -> Move:
    """Returns an event that changes nothing: one that only asks, else a second opening."""
    for event in account().events:
        asks_only = event.rules and not any(
            r.effect or r.ledger or r.clocks or r.notes or r.target is not None for r in event.rules
        )
        if asks_only and event.actor is Actor.USER and all(f.origin is Origin.FACT for f in event.fields):
            return move(event.name, **{key.name: UNKNOWN for key in event.keys if not key.optional})
    return move(SPEC.opening.name)


LOOK = _look()
"""A record that changes nothing: time passes only where a record is written."""


@dataclass(frozen=True)
class Wait:
    """A wait until the earliest of the running `clocks` falls due, and for `ms` milliseconds more."""

    clocks: tuple[str, ...] = ()
    ms: int = 0

    def end(self, waiting: Account | None, now: int) -> int:
        """Returns the instant up to which an account waits, `now` at the earliest: none of the clocks may run."""
        due = now
        if waiting is not None and self.clocks:
            dials = map(waiting.dial, self.clocks)
            due = min([dial.upcoming for dial in dials if dial is not None and dial.upcoming < NEVER], default=now)
        return max(now, due + self.ms)


Script = Sequence[Move | Wait]


def slowest(clocks: Sequence[Clock]) -> Clock | None:
    """Returns the clock with the longest periods, the first of those; None where there is no clock."""
    return max(clocks, key=lambda clock: shortest_hours(clock.calendar), default=None)


CLOCKS = tuple(CLOCK_AT)
SLOWEST_CLOCK = slowest(account().clocks)
SLOWEST = Wait((SLOWEST_CLOCK.name,) if SLOWEST_CLOCK is not None else ())
"""The wait for the clock with the longest periods."""


def a_minute_on(accounts: Iterable[Account], now: int) -> int:
    """Returns a minute after `now`, or `now` itself where something falls due for one of the accounts before."""
    dials = (dial for account in accounts for dial in account.dials if dial is not None)
    return now if any(dial.upcoming <= now + MINUTE_MS for dial in dials) else now + MINUTE_MS


class Schedule:
    """Gives instants, in milliseconds, to the records of accounts that `oracle` plays as they come.

    With `at_once` the record after a wait comes at the very instant at which it ends, else a minute later.
    """

    def __init__(self, oracle: Oracle, start: int, at_once: bool = True) -> None:
        self.now = start
        self._oracle, self._at_once = oracle, at_once
        self._names: dict[str, None] = {}
        self._waited = True

    def wait(self, name: str, wait: Wait) -> None:
        """Lets time pass for all accounts of the schedule, as long as the account `name` waits."""
        self.now, self._waited = wait.end(self._oracle.accounts.get(name), self.now), self._at_once
        for each in self._begun():
            self._oracle.advance(each, self.now)

    def next(self, name: str) -> int:
        """Returns the instant of the next record of account `name`: a minute on, but for the first one and after a wait."""
        if self._names and not self._waited:
            self.now = a_minute_on(self._begun(), self.now)
        self._names[name], self._waited = None, False
        return self.now

    def _begun(self) -> list[Account]:
        """Returns the accounts of the schedule; one whose records were all left out has not begun."""
        return [self._oracle.accounts[name] for name in self._names if name in self._oracle.accounts]


def records_of(
    script: Script, oracle: Oracle, start: str = START, taken: Callable[[Record], Record | None] = lambda record: record
) -> Iterator[Record]:
    """Yields the records of a script, each once `oracle` has run it. Where resets are implied, jobs are not written.

    `taken` returns what stands in the place of a record; None leaves it out.
    """
    schedule = Schedule(oracle, parse_instant(start))
    for each in script:
        if isinstance(each, Wait):
            schedule.wait(NAME, each)
        elif each["event"] not in unwritten(oracle.resets):
            name = each.get("account", NAME)
            record = taken({"account": NAME, **each, "at": schedule.next(name)})
            if record is not None:
                oracle.apply(record)
                yield record
