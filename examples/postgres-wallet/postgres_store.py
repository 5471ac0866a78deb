# ruff: noqa: INP001
"""The tables of the wallet in PostgreSQL, for many workers at once: one transaction, and one lock, for each event."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, fields
from typing import Any

import psycopg
from store import SCHEMA, Account, Charge, Store

TABLES = ("accounts", "charges", "event_ids", "breakdowns", "sessions", "owners", "world")
# The tables of the wallet on SQLite, in this data base's words. A row of `owners` is what an event of an account locks; `world`
# holds the catalogue, and a number that tells one world from the one before.
_SCHEMA = (
    SCHEMA.replace("INTEGER", "BIGINT").replace(" WITHOUT ROWID", "").replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS")
    + "CREATE TABLE IF NOT EXISTS owners (account TEXT PRIMARY KEY);"
    + "CREATE TABLE IF NOT EXISTS world (number BIGINT GENERATED ALWAYS AS IDENTITY, catalogue TEXT NOT NULL);"
)
A_MOMENT = 0.01
"""Seconds between looking and acting where a fault leaves no lock in between, as under load or behind a slow line."""
JOBS = ("renew", "payment_failed", "lapse", "daily_reset")
_CACHE: dict[tuple[int, str], Account] = {}


def create_tables(database: str) -> None:
    """Create the tables, where there are none."""
    with psycopg.connect(database) as connection:
        connection.execute(_SCHEMA)


class PostgresStore(Store):
    """The tables, as one event of one account sees them. `bugs` are faults that can be switched on (README.md)."""

    def __init__(self, connection: psycopg.Connection[Any], record: dict[str, Any], world: int, bugs: frozenset[str]) -> None:
        self._db: Any = connection
        self._account, self._world, self._bugs = record["account"], world, bugs
        self._locks = "check_then_deduct" not in bugs and not ("job_by_two_workers" in bugs and record["event"] in JOBS)
        self.commits_later = "answer_before_commit" in bugs
        self._looks_before = "id_before_transaction" in bugs and record.get("id") is not None
        self._first = None
        if self._looks_before:
            self._first = self._answered(self._account, record["id"])
            time.sleep(A_MOMENT)

    def _one(self, query: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self._db.execute(query, values).fetchone()
        return found

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all that is written inside, or nothing. No other event of the account is under way meanwhile."""
        self._db.execute("BEGIN")
        try:
            if self._locks:
                # Whether the account exists or not, its owner's row does now, and is locked up to the end.
                lock = "INSERT INTO owners VALUES (%s) ON CONFLICT (account) DO UPDATE SET account = excluded.account"
                self._db.execute(lock, (self._account,))
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        if not self.commits_later:
            self.commit()

    def commit(self) -> None:
        """Keep what was written."""
        self._db.execute("COMMIT")

    def account(self, account: str) -> Account | None:
        """Return the account, or None if nobody has opened it."""
        if "balance_cached" in self._bugs and (self._world, account) in _CACHE:
            return Account(*astuple(_CACHE[self._world, account]))
        row = self._one(f"SELECT {_columns(Account)} FROM accounts WHERE id = %s", (account,))
        return Account(*row) if row else None

    def put_account(self, account: Account) -> None:
        """Write an account, and its breakdown if that has changed."""
        if not self._locks:
            time.sleep(A_MOMENT)
        self._upsert("accounts", account, "id")
        if "balance_cached" in self._bugs:
            _CACHE[self._world, account.id] = Account(*astuple(account))
        last = self._one(
            "SELECT position, daily, fast, rollover, topup FROM breakdowns WHERE account = %s ORDER BY position DESC LIMIT 1",
            (account.id,),
        )
        if last is None or last[1:] != account.breakdown:
            position = last[0] + 1 if last else 0
            row = (account.id, position, *account.breakdown)
            self._db.execute("INSERT INTO breakdowns VALUES (%s, %s, %s, %s, %s, %s)", row)
        if "unlocked_snapshot" in self._bugs:
            self._db.execute("COMMIT")
            time.sleep(A_MOMENT)
            self._db.execute("BEGIN")

    def charge(self, account: str, job: str) -> Charge | None:
        """Return what the generation of this name was charged."""
        row = self._one(f"SELECT {_columns(Charge)} FROM charges WHERE account = %s AND job = %s", (account, job))
        return Charge(*row) if row else None

    def put_charge(self, charge: Charge) -> None:
        """Write a charge, or that it has been refunded."""
        self._upsert("charges", charge, "account, job")

    def answer(self, account: str, event_id: str) -> str | None:
        """Return the first answer to an event id, as it was sent."""
        return self._first if self._looks_before else self._answered(account, event_id)

    def _answered(self, account: str, event_id: str) -> str | None:
        row = self._one("SELECT answer FROM event_ids WHERE account = %s AND id = %s", (account, event_id))
        return row[0] if row else None

    def put_answer(self, account: str, event_id: str, answer: str) -> None:
        """Use an event id up."""
        again = "ON CONFLICT DO NOTHING" if self._looks_before else ""
        self._db.execute(f"INSERT INTO event_ids VALUES (%s, %s, %s) {again}", (account, event_id, answer))

    def has_session(self, account: str, session: str) -> bool:
        """Whether the session is logged in."""
        return self._one("SELECT 1 FROM sessions WHERE account = %s AND session = %s", (account, session)) is not None

    def sync_session(self, account: str, session: str) -> None:
        """Let a session show the present breakdown."""
        self._db.execute(
            "INSERT INTO sessions SELECT account, %s, max(position) FROM breakdowns WHERE account = %s GROUP BY account"
            " ON CONFLICT (account, session) DO UPDATE SET position = excluded.position",
            (session, account),
        )

    def drop_session(self, account: str, session: str) -> None:
        """Forget a session."""
        self._db.execute("DELETE FROM sessions WHERE account = %s AND session = %s", (account, session))

    def was_true_since_sync(self, account: str, session: str, shown: dict[str, int]) -> bool:
        """Whether the pools shown were all true at one moment since the session last synced."""
        pools = [pool for pool in ("daily", "fast", "rollover", "topup") if pool in shown]
        query = (
            "SELECT 1 FROM sessions JOIN breakdowns USING (account) WHERE account = %s AND session = %s"
            " AND breakdowns.position >= sessions.position" + "".join(f" AND {pool} = %s" for pool in pools)
        )
        return self._one(query, (account, session, *(shown[pool] for pool in pools))) is not None

    def _upsert(self, table: str, row: Account | Charge, key: str) -> None:
        columns = _columns(type(row))
        marks = ", ".join(["%s"] * len(fields(row)))
        changed = ", ".join(f"{column} = excluded.{column}" for column in columns.split(", "))
        query = f"INSERT INTO {table} ({columns}) VALUES ({marks}) ON CONFLICT ({key}) DO UPDATE SET {changed}"
        self._db.execute(query, astuple(row))


def _columns(kind: type[Account] | type[Charge]) -> str:
    return ", ".join(field.name for field in fields(kind))
