"""A session on one device, whose figures may be older than the truth."""

from __future__ import annotations

from functools import cache

from tokenspec.machine.lang.build import STAYS, eq, event, ne, requires, rule, var, variable
from tokenspec.machine.lang.declaration import Actor, Field, Key, Machine, Origin, Shape
from tokenspec.machine.lang.types import Bool, Enum

LOGGED_OUT, CURRENT, STALE = "logged_out", "current", "stale"
IN = (CURRENT, STALE)


# fmt: off
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
