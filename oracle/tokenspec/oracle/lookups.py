"""What a user of the account looks up: when the next daily reset is, in local time, and how late its job is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tokenspec.machine.backends.compiled import Compiled
from tokenspec.oracle.world import Oracle

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def next_daily_reset(oracle: Oracle, account: str, zone: str = "UTC") -> datetime:
    """The account's next daily reset (the one that waits, while its job is late) as local time in `zone` (A08, A12, F14).

    `zone` is a name of the IANA data base. Raises `KeyError` for an account that was never opened and
    `ZoneInfoNotFoundError`, a `KeyError` as well, for an unknown zone.
    """
    dial = oracle.accounts[account].daily
    if dial is None:
        raise KeyError(account)
    return (_EPOCH + timedelta(milliseconds=dial.shown)).astimezone(ZoneInfo(zone))


def daily_job_state(oracle: Oracle, account: str, at: int) -> str:
    """How the account's daily job stands at `at` (milliseconds): `waiting`, `due`, `late` or `overdue` (A03, F21).

    The declared job machine is taken through what has happened: falling due, and each timer that has run out.
    Raises `KeyError` for an account that was never opened.
    """
    dial = oracle.accounts[account].daily
    if dial is None:
        raise KeyError(account)
    machine = next(m for m in oracle.system.machines if m.name == "daily_job")
    reader = Compiled(machine, {})
    row = reader.initial
    waited = at - dial.shown
    happened = [machine.timers[0].since] if waited >= 0 else []
    happened += [timer.event for timer in machine.timers if waited > timer.after_ms]
    for event in happened:
        row = reader.steps[event](row, ())[1]
    return str(row[0])
