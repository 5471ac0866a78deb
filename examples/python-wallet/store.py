# ruff: noqa: INP001
"""The tables of the wallet. What a row means is said here; what may happen to it is said in `wallet.py`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields

SCHEMA = """
CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    plan TEXT NOT NULL,
    scheduled_plan TEXT,
    daily INTEGER NOT NULL CHECK (daily >= 0),
    fast INTEGER NOT NULL CHECK (fast >= 0),
    rollover INTEGER NOT NULL CHECK (rollover >= 0),
    topup INTEGER NOT NULL CHECK (topup >= 0),
    api INTEGER NOT NULL CHECK (api >= 0),
    next_daily_reset_at INTEGER NOT NULL,
    subscribed_at INTEGER,             -- every anniversary counts from here
    renewed_at INTEGER,                -- when the billing job last ran
    months INTEGER NOT NULL,           -- the next renewal is this many months after subscribed_at
    next_renewal_at INTEGER,
    day_number INTEGER NOT NULL,       -- daily resets that have run
    month_number INTEGER NOT NULL,     -- renewals that have run
    subscription_number INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE charges (
    account TEXT NOT NULL,
    job TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('tokens', 'relaxed', 'api')),
    daily INTEGER NOT NULL,
    fast INTEGER NOT NULL,
    rollover INTEGER NOT NULL,
    topup INTEGER NOT NULL,
    day_number INTEGER NOT NULL,
    month_number INTEGER NOT NULL,
    subscription_number INTEGER NOT NULL,
    refunded INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, job)
) WITHOUT ROWID;
CREATE TABLE event_ids (
    account TEXT NOT NULL,
    id TEXT NOT NULL,
    answer TEXT NOT NULL,
    PRIMARY KEY (account, id)
) WITHOUT ROWID;
-- Every breakdown that was ever true, in the order of events: a session shows the one it last synced with.
CREATE TABLE breakdowns (
    account TEXT NOT NULL,
    position INTEGER NOT NULL,
    daily INTEGER NOT NULL,
    fast INTEGER NOT NULL,
    rollover INTEGER NOT NULL,
    topup INTEGER NOT NULL,
    PRIMARY KEY (account, position)
) WITHOUT ROWID;
CREATE TABLE sessions (
    account TEXT NOT NULL,
    session TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (account, session)
) WITHOUT ROWID;
"""


@dataclass(slots=True)
class Account:
    """A row of `accounts`. Balances are whole tokens, instants UTC milliseconds."""

    id: str
    status: str
    plan: str
    scheduled_plan: str | None
    daily: int
    fast: int
    rollover: int
    topup: int
    api: int
    next_daily_reset_at: int
    subscribed_at: int | None = None
    renewed_at: int | None = None
    months: int = 0
    next_renewal_at: int | None = None
    day_number: int = 0
    month_number: int = 0
    subscription_number: int = 0

    @property
    def breakdown(self) -> tuple[int, int, int, int]:
        """The four pools of the app, as a session shows them."""
        return self.daily, self.fast, self.rollover, self.topup


@dataclass(slots=True)
class Charge:
    """A row of `charges`: what one generation took from each pool, and in which day, month and subscription."""

    account: str
    job: str
    kind: str
    daily: int
    fast: int
    rollover: int
    topup: int
    day_number: int
    month_number: int
    subscription_number: int
    refunded: int = 0


class Store:
    """A new data base in memory. Every change of an event is made inside one `transaction`."""

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", isolation_level=None)
        self._db.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all that is written inside, or nothing."""
        # IMMEDIATE: in a data base that is shared, no two events could both read before one of them writes.
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Forget the data base."""
        self._db.close()

    def account(self, account: str) -> Account | None:
        """Return the account, or None if nobody has opened it."""
        row = self._db.execute("SELECT * FROM accounts WHERE id = ?", (account,)).fetchone()
        return Account(*row) if row else None

    def put_account(self, account: Account) -> None:
        """Write an account, and its breakdown if that has changed."""
        self._put("accounts", account)
        last = self._db.execute(
            "SELECT position, daily, fast, rollover, topup FROM breakdowns WHERE account = ? ORDER BY position DESC LIMIT 1",
            (account.id,),
        ).fetchone()
        if last is None or last[1:] != account.breakdown:
            position = last[0] + 1 if last else 0
            self._db.execute("INSERT INTO breakdowns VALUES (?, ?, ?, ?, ?, ?)", (account.id, position, *account.breakdown))

    def charge(self, account: str, job: str) -> Charge | None:
        """Return what the generation of this name was charged."""
        row = self._db.execute("SELECT * FROM charges WHERE account = ? AND job = ?", (account, job)).fetchone()
        return Charge(*row) if row else None

    def put_charge(self, charge: Charge) -> None:
        """Write a charge, or that it has been refunded."""
        self._put("charges", charge)

    def answer(self, account: str, event_id: str) -> str | None:
        """Return the first answer to an event id, as it was sent."""
        row = self._db.execute("SELECT answer FROM event_ids WHERE account = ? AND id = ?", (account, event_id)).fetchone()
        return row[0] if row else None

    def put_answer(self, account: str, event_id: str, answer: str) -> None:
        """Use an event id up."""
        self._db.execute("INSERT INTO event_ids VALUES (?, ?, ?)", (account, event_id, answer))

    def has_session(self, account: str, session: str) -> bool:
        """Whether the session is logged in."""
        found = self._db.execute("SELECT 1 FROM sessions WHERE account = ? AND session = ?", (account, session))
        return found.fetchone() is not None

    def sync_session(self, account: str, session: str) -> None:
        """Let a session show the present breakdown."""
        self._db.execute(
            "REPLACE INTO sessions SELECT account, ?, max(position) FROM breakdowns WHERE account = ?", (session, account)
        )

    def drop_session(self, account: str, session: str) -> None:
        """Forget a session."""
        self._db.execute("DELETE FROM sessions WHERE account = ? AND session = ?", (account, session))

    def was_true_since_sync(self, account: str, session: str, shown: dict[str, int]) -> bool:
        """Whether the pools shown were all true at one moment since the session last synced."""
        pools = [pool for pool in ("daily", "fast", "rollover", "topup") if pool in shown]
        found = self._db.execute(
            "SELECT 1 FROM sessions JOIN breakdowns USING (account) WHERE account = ? AND session = ?"
            " AND breakdowns.position >= sessions.position" + "".join(f" AND {pool} = ?" for pool in pools),
            (account, session, *(shown[pool] for pool in pools)),
        )
        return found.fetchone() is not None

    def _put(self, table: str, row: Account | Charge) -> None:
        marks = ", ".join("?" * len(fields(row)))
        self._db.execute(f"REPLACE INTO {table} VALUES ({marks})", astuple(row))
