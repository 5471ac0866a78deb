"""The daily reset job, as a user meets it: waiting for its time, due, late, and overdue."""

from __future__ import annotations

from functools import cache

from tokenspec.machine.lang.build import STAYS, cites, eq, ne, requires, rule, var, variable
from tokenspec.machine.lang.declaration import Actor, Event, Machine, Timer
from tokenspec.machine.lang.types import Enum

WAITING, DUE, LATE, OVERDUE = "waiting", "due", "late", "overdue"
HOUR_MS = 3_600_000
"""Milliseconds in an hour."""

_job = var("job")


# fmt: off
@cache
def daily_job() -> Machine:
    """The job of one account. Late is later than is usual, overdue is late enough to ask support."""
    is_due = requires("reset_must_be_due", ne(_job, WAITING), "before its time the job does nothing", "A18")
    freshly_due = requires("reset_must_be_freshly_due", eq(_job, DUE), "lateness counts from falling due", "A03")
    is_late = requires("reset_must_be_late", eq(_job, LATE), "a reset is late before it is overdue", "F21")
    return Machine(
        name="daily_job",
        says="The batch job that resets an account's daily tokens.",
        control="job",
        variables=(variable("job", Enum("Job", (WAITING, DUE, LATE, OVERDUE)), WAITING, "how the job stands to its time"),),
        events=(
            Event("falls_due", Actor.CLOCK, "The account's reset time comes.", (), (), (
                rule("becomes_due", WAITING, DUE, "the day is over", "F21"),
                rule("stays_due", (DUE, LATE, OVERDUE), STAYS, "a second missed day makes the first no younger", "A03"),
            )),
            Event("four_hours_pass", Actor.CLOCK, "More than four hours go by.", (), (freshly_due,), (
                rule("becomes_late", DUE, LATE, "one to four hours of delay are usual, more is late", "A03"),
            )),
            Event("two_days_pass", Actor.CLOCK, "More than 48 hours go by.", (), (is_late,), (
                rule("becomes_overdue", LATE, OVERDUE, "after 48 hours it is a case for support", "F21"),
            )),
            Event("runs", Actor.JOB, "The job reaches the account.", (), (is_due,), (
                rule("is_done", (DUE, LATE, OVERDUE), WAITING, "one run settles every day up to now", "A03"),
            )),
        ),
        timers=(
            Timer("four_hours_pass", since="falls_due", after_ms=4 * HOUR_MS, clauses=cites("A03")),
            Timer("two_days_pass", since="falls_due", after_ms=48 * HOUR_MS, clauses=cites("F21")),
        ),
    )
# fmt: on
