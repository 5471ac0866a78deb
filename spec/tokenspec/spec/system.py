"""The whole: the account, its daily reset job as a user meets it, its sessions, and the links between them."""

from __future__ import annotations

from functools import cache

# fmt: off
from tokenspec.machine.lang.build import STAYS, cites, eq, event, ne, requires, rule, var, variable
from tokenspec.machine.lang.catalogue import Figures
from tokenspec.machine.lang.declaration import Actor, Field, Key, Link, Machine, Origin, Shape, System, Timer
from tokenspec.machine.lang.ids import Ids
from tokenspec.machine.lang.types import Bool, Enum
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.words import HOUR_MS

WAITING, DUE, LATE, OVERDUE = "waiting", "due", "late", "overdue"
LOGGED_OUT, CURRENT, STALE = "logged_out", "current", "stale"
IN = (CURRENT, STALE)
IDS = Ids("id", "the event's own id: a record that repeats it is no second event", repeated="repeated_id", refused="refused_id",
          code="id_must_be_new", because="an id stands for one event", clauses=cites("F02"))


def system(catalogue: Figures = DEFAULT) -> System:
    """All three machines for the plans and packs of `catalogue`, with their links."""
    return System(
        machines=(account(catalogue), daily_job(), session()), ids=IDS,
        links=(Link("account.daily_reset_falls_due", "daily_job.falls_due"),
               Link("account.daily_reset", "daily_job.runs"),
               Link("account.*", "session.balance_changes")))


@cache
def daily_job() -> Machine:
    """The job of one account. Late is later than is usual, overdue is late enough to ask support."""
    job, states = var("job"), Enum("Job", (WAITING, DUE, LATE, OVERDUE))
    events = (
        event("falls_due", "The account's reset time comes.", "", Actor.CLOCK,
              rule("becomes_due", WAITING, DUE, "the day is over", "F21"),
              rule("stays_due", (DUE, LATE, OVERDUE), STAYS, "a second missed day makes the first no younger", "A03")),
        event("four_hours_pass", "More than four hours go by.", "", Actor.CLOCK,
              requires("reset_must_be_freshly_due", eq(job, DUE), "lateness counts from falling due", "A03"),
              rule("becomes_late", DUE, LATE, "one to four hours of delay are usual, more is late", "A03")),
        event("two_days_pass", "More than 48 hours go by without a run.", "", Actor.CLOCK,
              requires("reset_must_be_late", eq(job, LATE), "a reset is late before it is overdue", "F21"),
              rule("becomes_overdue", LATE, OVERDUE, "after 48 hours without an allowance it is a case for support", "F21")),
        event("runs", "The job reaches the account.", "", Actor.JOB,
              requires("reset_must_be_due", ne(job, WAITING), "before its time the job does nothing", "A18"),
              rule("is_done", (DUE, LATE, OVERDUE), WAITING, "one run settles every day up to now", "A03")),
    )
    return Machine(
        "daily_job", "The batch job that resets an account's daily tokens.", control="job", events=events,
        variables=(variable("job", states, WAITING, "how the job stands to its time"),),
        timers=(Timer("four_hours_pass", since="falls_due", after_ms=4 * HOUR_MS, clauses=cites("A03")),
                Timer("two_days_pass", since="runs", after_ms=48 * HOUR_MS, clauses=cites("F21"))))

@cache
def session() -> Machine:
    """One session of an account; two devices are two of these (A10)."""
    state, states = var("session_state"), Enum("Session", (LOGGED_OUT, *IN))
    of_account = (
        Field("account_exists", Bool(), "the account was opened", Origin.FACT),
        requires("account_must_exist", var("account_exists"), "nobody logs in to an account that was never opened"),
        Key("session", "the session's own id; one never seen is logged out"),
    )
    logged_in = requires("session_must_be_logged_in", ne(state, LOGGED_OUT), "a session that is out shows nothing", "A07")
    verdict = Field("verdict", Enum("Verdict", ("current", "stale", "impossible")),
                    "whether what is shown is true now, was true since the session last fetched it, or neither", Origin.FACT)
    events = (
        event("login", "Somebody logs in; the true balance is fetched.", "", *of_account,
              requires("session_must_be_logged_out", eq(state, LOGGED_OUT), "a session logs in once", "A07"),
              rule("logs_in", LOGGED_OUT, CURRENT, "a fresh login shows the truth", "A07")),
        event("refresh", "The session fetches the true balance.", "", *of_account, logged_in,
              rule("refreshes", IN, CURRENT, "a refresh shows the truth", "A07 A10")),
        event("logout", "The session ends and forgets what it showed.", "", *of_account, logged_in,
              rule("logs_out", IN, LOGGED_OUT, "a closed session shows nothing", "A07")),
        event("view", "Somebody reads the balance off the screen.", "", *of_account, verdict, logged_in,
              Key("shown", "the balances on the screen, one or more of the app's pools, judged together", Shape.POOLS),
              rule("looks", IN, STAYS,
                   "looking changes nothing; the answer tells a true balance from an old one, and both from a real fault",
                   "F04 A06 A10 A14", answer={"shown_is": var("verdict")})),
        event("balance_changes", "A balance of the account changes behind the session's back.", "", Actor.CLOCK,
              rule("goes_stale", IN, STALE, "the session keeps showing what it fetched", "A07 A10"),
              rule("stays_out", LOGGED_OUT, STAYS, "a closed session shows nothing anyway", "A07")),
    )
    return Machine("session", "A session, and whether the balance it shows may be out of date.", "session_state",
                   (variable("session_state", states, LOGGED_OUT, "whether it is in, and up to date"),), events)
# fmt: on
