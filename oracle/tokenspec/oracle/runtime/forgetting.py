"""Ids and jobs that are remembered for a stated time only: from the first use of each on, in the time of its account.

What is forgotten counts as what an account did before its log began: a record that depends on it is not compared.
"""

from __future__ import annotations

from tokenspec.oracle.runtime.journal import Account

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
