"""Records that depend on the time before the log, in an account that begins with a snapshot: they are not checked."""

from __future__ import annotations

from collections.abc import Iterable

from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.wire.records import Record, event_of


def is_before_the_log(accounts: Iterable[Account], record: Record) -> bool:
    """Returns true if the job or the id of `record` may have been used before the log.

    `accounts` are all that the one it happens to may be.
    """
    known = [account for account in accounts if account.is_from_mid_life]
    if not known or any(record.id in account.answers for account in known):
        return False
    observed, job = record.observed or {}, getattr(record, "job", None)
    if record.id is not None and (observed.get("duplicate") is True or observed.get("reason") == "id_must_be_new"):
        return True
    if job is None or any(job in account.entries for account in known):
        return False
    return event_of(record) == "refund" or observed.get("reason") == "job_must_be_new"


def may_have_changed(record: Record) -> bool:
    """Returns true if such a record may have moved tokens: a refund, unless its observation excludes it."""
    observed = record.observed or {}
    is_none = observed.get("outcome") == "refused" or "reason" in observed or observed.get("duplicate") is True
    return event_of(record) == "refund" and not is_none and observed.get("delta") != 0
