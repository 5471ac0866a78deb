"""Records that depend on the time before the log, or on what is forgotten, where an account has such: they are not checked."""

from __future__ import annotations

from collections.abc import Iterable

from tokenspec.oracle.base.specification import IDS
from tokenspec.oracle.runtime.forgetting import knows_entry, knows_id, may_have_more
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.memory import KEY, NOT_NEW, refers
from tokenspec.oracle.wire.records import Record, at_of, event_of


def is_before_the_log(accounts: Iterable[Account], record: Record, remember: int | None = None) -> bool:
    """Returns true if the remembered name or the id of `record` may have been used before the log, or before all that is known.

    `accounts` are all that the one it happens to may be; they remember for `remember` milliseconds.
    """
    at = at_of(record)
    known = [account for account in accounts if may_have_more(account, at, remember)]
    if not known or any(knows_id(account, record.id, at, remember) for account in known):
        return False
    observed, key = record.observed or {}, getattr(record, KEY, None)
    if record.id is not None and (observed.get("duplicate") is True or (IDS is not None and observed.get("reason") == IDS.code)):
        return True
    if key is None or any(knows_entry(account, key, at, remember) for account in known):
        return False
    return refers(event_of(record)) or observed.get("reason") in NOT_NEW


def may_have_changed(record: Record) -> bool:
    """Returns true if such a record may have moved tokens: one that refers to an entry, unless its observation excludes it."""
    observed = record.observed or {}
    is_none = observed.get("outcome") == "refused" or "reason" in observed or observed.get("duplicate") is True
    return refers(event_of(record)) and not is_none and observed.get("delta") != 0
