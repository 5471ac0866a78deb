"""The situations that a search for runs of the shipped account tells apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenspec.machine.lang.catalogue import NONE, Figures
from tokenspec.oracle.runtime.journal import Account, MemoryEntry
from tokenspec.spec.words import APP_POOLS


def situation(account: Account, at: Mapping[str, int], catalogue: Figures, rule: str | None, by_rules: bool) -> Any:
    """Returns a key that is equal for accounts that need no distinction: status, plans, dues, how full each pool is."""
    row: Any = account.row
    scheduled = row[at["scheduled_plan"]] != NONE
    due = min(row[at["renewals_due"]], 2), row[at["daily_reset_due"]]
    if by_rules:
        return _lifecycle(account, at, rule, scheduled, due)
    plan = catalogue.plans[row[at["plan"]]]
    full = (catalogue.daily, plan["allowance"], catalogue.bank_months * plan["allowance"])
    filled = tuple(_filled(row[at[p]], most) for p, most in zip(("daily", "fast", "rollover"), full, strict=True))
    more = row[at["topup"]] > 0, min(row[at["api"]], 101)
    return row[0], row[at["plan"]], scheduled, filled, due, more, rule, _last_job(account) if rule is not None else ()


def _lifecycle(account: Account, at: Mapping[str, int], rule: str | None, scheduled: bool, due: Any) -> Any:
    row: Any = account.row
    daily, *others = [row[at[pool]] > 0 for pool in APP_POOLS]
    last = next(reversed(account.entries.values()), None)
    refundable = last is not None and not last.held[-1] and any(_parts(last))
    month, day = account.dial("renewal"), account.dial("daily")
    next_is_renewal = month is not None and day is not None and month.upcoming < day.upcoming
    pools = daily, any(others), row[at["api"]] > 0
    return row[0], row[at["plan"]], scheduled, pools, due, rule, refundable, next_is_renewal


def _filled(tokens: int, most: int) -> int:
    return 0 if tokens == 0 else 2 if tokens == most else 3 if tokens > most else 1


def _last_job(account: Account) -> Any:
    """Returns the facts that a refund of the last job depends on."""
    for entry in reversed(account.entries.values()):
        lasts = tuple(one == other for one, other in zip(entry.since, account.ended, strict=True))
        return tuple(_parts(entry)), lasts, entry.held[-1]
    return None


def _parts(entry: MemoryEntry) -> list[bool]:
    """Returns which parts of what a job was charged are more than 0."""
    return [part > 0 for part in entry.held[:-2] if isinstance(part, int)]
