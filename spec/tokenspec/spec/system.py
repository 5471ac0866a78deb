"""The whole: the account, its daily job and its sessions, and the links between them."""

from __future__ import annotations

from tokenspec.machine.lang.declaration import Link, System
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT, Catalogue
from tokenspec.spec.daily_job import daily_job
from tokenspec.spec.session import session


def system(catalogue: Catalogue = DEFAULT) -> System:
    """All three machines for the plans and packs of `catalogue`, with their links."""
    return System(
        machines=(account(catalogue), daily_job(), session()),
        links=(
            Link("account.daily_reset_falls_due", "daily_job.falls_due"),
            Link("account.daily_reset", "daily_job.runs"),
            Link("account.*", "session.balance_changes"),
        ),
    )
