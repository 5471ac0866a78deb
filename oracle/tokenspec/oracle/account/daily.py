"""The daily reset of the shipped account, asked about by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tokenspec.oracle.logs.history import job_state
from tokenspec.oracle.runtime.oracle import Oracle


def next_daily_reset(oracle: Oracle, account: str, zone: str = "UTC") -> datetime:
    """Returns the account's next daily reset (the pending one, while its job is late) as local time in `zone` (A08, A12, F14).

    `zone` is a name of the IANA data base. Raises `KeyError` for an account that was never opened and
    `ZoneInfoNotFoundError`, a `KeyError` as well, for an unknown zone.
    """
    dial = oracle.accounts[account].dial("daily")
    if dial is None:
        raise KeyError(account)
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=dial.shown)).astimezone(ZoneInfo(zone))


def daily_job_state(oracle: Oracle, account: str, at: int) -> str:
    """Returns the state of the account's daily job at `at` (milliseconds): `waiting`, `due`, `late` or `overdue` (A03, F21).

    Raises `KeyError` for an account that was never opened.
    """
    return job_state(oracle, account, oracle.clocks["daily"].declared, at)
