"""The things that an account keeps beside its balances: what it remembers, first answers, sessions, and its clocks.

Where ids and jobs are remembered for a stated time only, from the first use of each on, what is forgotten counts as what an
account did before its log began: a record that depends on it is not compared.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from tokenspec.oracle.base.specification import TOTAL_POOLS, account
from tokenspec.oracle.runtime.clocks import Dial
from tokenspec.oracle.wire.answers import Answer

Vector = Annotated[tuple[int, ...], Meta(min_length=len(TOTAL_POOLS), max_length=len(TOTAL_POOLS))]
"""Balances of the app's pools, in the order of TOTAL_POOLS."""


CLOCK_AT = {clock.name: position for position, clock in enumerate(account().clocks)}
"""The positions of the declared clocks."""


class MemoryEntry(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An entry of the declared memory: what it holds, and how many of each kind of period had ended when it was first written."""

    held: tuple[bool | int | str, ...]
    since: tuple[int, ...]


class Session(msgspec.Struct, array_like=True, gc=False):
    """The state of a session, and the position of its last fetch in the account's timeline of balances."""

    state: str
    since: int = 0


class Account(msgspec.Struct):
    """Everything the oracle keeps of one account; saved states hold all of it."""

    row: tuple[bool | int | str, ...]
    last_at: int | None = None
    dials: list[Dial | None] = []
    """The clocks, in the order of declaration; None for one that does not run."""
    ran: list[int] = []
    """By clock, the instant at which its job last ran, or at which it was started or stopped."""
    ended: tuple[int, ...] = ()
    """The number of periods of each kind that have ended, in the order of declaration."""
    entries: dict[str, MemoryEntry] = {}
    """The entries of the declared memory, by key."""
    answers: dict[str, Answer] = {}
    sessions: dict[str, Session] = {}
    timeline: list[Vector] = []
    """The true balances, one after the other, since the oldest fetch of a session that is logged in."""
    is_from_mid_life: bool = False
    """True if it began with a snapshot, or has forgotten something: there may be jobs and ids from before."""
    noted: dict[str, int] | None = None
    """By entry, the instant at which it was first written, in that order; None where nothing is forgotten."""
    used: dict[str, int] | None = None
    """By id, the instant of its first use."""

    def dial(self, clock: str) -> Dial | None:
        """Returns the dial of a declared clock; None while it does not run."""
        return self.dials[CLOCK_AT[clock]] if self.dials else None

    def copy(self) -> Account:
        """Returns an independent copy of the account. Entries and answers are never changed, so they are shared."""
        return Account(
            self.row,
            self.last_at,
            [None if dial is None else Dial(dial.shown, dial.upcoming, dial.anchor, dial.day) for dial in self.dials],
            self.ran.copy(),
            self.ended,
            self.entries.copy(),
            self.answers.copy(),
            {name: Session(session.state, session.since) for name, session in self.sessions.items()} if self.sessions else {},
            self.timeline.copy(),
            self.is_from_mid_life,
            None if self.noted is None else self.noted.copy(),
            None if self.used is None else self.used.copy(),
        )


def fetch(account: Account, session: str, state: str, now: Vector) -> None:
    """Records that the session has fetched the true balances."""
    if not account.timeline or account.timeline[-1] != now:
        account.timeline.append(now)
    account.sessions[session] = Session(state, len(account.timeline) - 1)


def verdict(account: Account, session: str, shown: dict[str, int], now: Vector) -> str:
    """Judges a session's display: `current`, `stale` (true at one moment since the last fetch), or `impossible`."""
    wanted = [(TOTAL_POOLS.index(pool), tokens) for pool, tokens in shown.items()]
    if all(now[index] == tokens for index, tokens in wanted):
        return "current"
    known = account.sessions.get(session)
    if known is None:
        return "impossible"
    # The newest first: a screen's figures are mostly not very old.
    for position in range(len(account.timeline) - 1, known.since - 1, -1):
        vector = account.timeline[position]
        if all(vector[index] == tokens for index, tokens in wanted):
            return "stale"
    return "impossible"


UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000}
"""Milliseconds by unit, the longest first."""


def written(remember: int) -> str:
    """Returns a time, such as `90d`, of milliseconds."""
    unit = next(unit for unit, size in UNITS.items() if remember % size == 0)
    return f"{remember // UNITS[unit]}{unit}"


def knows_id(account: Account, name: str | None, at: int, remember: int | None) -> bool:
    """Returns whether an id was used, and is remembered at an instant."""
    return name in account.answers and _lasts(account.used, name, at, remember)


def knows_entry(account: Account, key: str, at: int, remember: int | None) -> bool:
    """Returns whether there is an entry under a key that is remembered at an instant."""
    return key in account.entries and _lasts(account.noted, key, at, remember)


def _lasts(since: dict[str, int] | None, name: str | None, at: int, remember: int | None) -> bool:
    return remember is None or since is None or name is None or at - since.get(name, at) < remember


def may_have_more(account: Account, at: int, remember: int | None) -> bool:
    """Returns whether there may be ids and jobs that are not known at an instant."""
    return account.is_from_mid_life or any(
        since and not _lasts(since, next(iter(since)), at, remember) for since in (account.noted, account.used)
    )


def forget(account: Account, at: int, remember: int) -> None:
    """Forgets what is not remembered any more at an instant, that of a record."""
    if account.noted is None or account.used is None:
        account.noted, account.used = dict.fromkeys(account.entries, at), dict.fromkeys(account.answers, at)
    for since, kept in ((account.noted, account.entries), (account.used, account.answers)):
        # In the order of their first uses.
        while since and at - since[first := next(iter(since))] >= remember:
            del since[first]
            kept.pop(first, None)
            account.is_from_mid_life = True
