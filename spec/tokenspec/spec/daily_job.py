"""The daily reset job, as a user meets it: waiting for its time, due, late, and overdue."""

from __future__ import annotations

from functools import cache

from tokenspec.machine.lang.build import STAYS, cites, eq, event, ne, requires, rule, var, variable
from tokenspec.machine.lang.declaration import Actor, Machine, Timer
from tokenspec.machine.lang.types import Enum

WAITING, DUE, LATE, OVERDUE = "waiting", "due", "late", "overdue"
HOUR_MS = 3_600_000
"""Milliseconds in an hour."""

_job = var("job")


# fmt: off
@cache
def daily_job() -> Machine:
    """The job of one account. Late is later than is usual, overdue is late enough to ask support."""
    states = Enum("Job", (WAITING, DUE, LATE, OVERDUE))
    events = (
        event("falls_due", "The account's reset time comes.", "", Actor.CLOCK,
              rule("becomes_due", WAITING, DUE, "the day is over", "F21"),
              rule("stays_due", (DUE, LATE, OVERDUE), STAYS, "a second missed day makes the first no younger", "A03")),
        event("four_hours_pass", "More than four hours go by.", "", Actor.CLOCK,
              requires("reset_must_be_freshly_due", eq(_job, DUE), "lateness counts from falling due", "A03"),
              rule("becomes_late", DUE, LATE, "one to four hours of delay are usual, more is late", "A03")),
        event("two_days_pass", "More than 48 hours go by without a run.", "", Actor.CLOCK,
              requires("reset_must_be_late", eq(_job, LATE), "a reset is late before it is overdue", "F21"),
              rule("becomes_overdue", LATE, OVERDUE, "after 48 hours without an allowance it is a case for support", "F21")),
        event("runs", "The job reaches the account.", "", Actor.JOB,
              requires("reset_must_be_due", ne(_job, WAITING), "before its time the job does nothing", "A18"),
              rule("is_done", (DUE, LATE, OVERDUE), WAITING, "one run settles every day up to now", "A03")),
    )
    return Machine(
        "daily_job", "The batch job that resets an account's daily tokens.", control="job", events=events,
        variables=(variable("job", states, WAITING, "how the job stands to its time"),),
        timers=(Timer("four_hours_pass", since="falls_due", after_ms=4 * HOUR_MS, clauses=cites("A03")),
                Timer("two_days_pass", since="runs", after_ms=48 * HOUR_MS, clauses=cites("F21"))))
# fmt: on
