"""The whole: the account, its daily job and its sessions, and the links between them."""

from __future__ import annotations

from tokenspec.machine.lang.build import cites
from tokenspec.machine.lang.declaration import Link, System
from tokenspec.machine.lang.ids import Ids
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT, Catalogue
from tokenspec.spec.daily_job import daily_job
from tokenspec.spec.session import session

IDS = Ids(
    "id",
    "the event's own id: a record that repeats it is no second event",
    repeated="repeated_id",
    refused="refused_id",
    code="id_must_be_new",
    because="an id stands for one event",
    clauses=cites("F02"),
)


def system(catalogue: Catalogue = DEFAULT) -> System:
    """All three machines for the plans and packs of `catalogue`, with their links."""
    return System(
        machines=(account(catalogue), daily_job(), session()),
        links=(
            Link("account.daily_reset_falls_due", "daily_job.falls_due"),
            Link("account.daily_reset", "daily_job.runs"),
            Link("account.*", "session.balance_changes"),
        ),
        ids=IDS,
    )
