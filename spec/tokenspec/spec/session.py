"""A session on one device: what it shows may be older than the truth."""

from __future__ import annotations

from functools import cache

from tokenspec.machine.lang.build import STAYS, eq, ne, requires, rule, var, variable
from tokenspec.machine.lang.declaration import Actor, Event, Field, Key, Machine, Origin, Requirement, Rule, Shape
from tokenspec.machine.lang.types import Bool, Enum

LOGGED_OUT, CURRENT, STALE = "logged_out", "current", "stale"
IN = (CURRENT, STALE)

_state = var("session_state")
_EXISTS = requires("account_must_exist", var("account_exists"), "nobody logs in to an account that was never opened")
_OUT = requires("session_must_be_logged_out", eq(_state, LOGGED_OUT), "a session logs in once", "A07")
_LOGGED_IN = requires("session_must_be_logged_in", ne(_state, LOGGED_OUT), "a session that is out shows nothing", "A07")
_ACCOUNT = Field("account_exists", Bool(), "the account was opened", Origin.FACT)
_VERDICT = Field(
    "verdict",
    Enum("Verdict", ("current", "stale", "impossible")),
    "whether what is shown is true now, was true since the session last fetched it, or neither",
    Origin.FACT,
)
_ID = (Key("session", "the session's own id; one never seen is logged out"),)
_SHOWN = Key("shown", "the balances on the screen, one or more of the app's pools, judged together", Shape.POOLS)


def _asked(name: str, says: str, needs: Requirement, accepted: Rule) -> Event:
    """An event of a session of an account that exists, with one way to be accepted."""
    return Event(name, Actor.USER, says, (_ACCOUNT,), (_EXISTS, needs), (accepted,), keys=_ID)


# fmt: off
@cache
def session() -> Machine:
    """One session of an account; two devices are two of these (A10)."""
    return Machine(
        name="session",
        says="A session, and whether the balance it shows may be out of date.",
        control="session_state",
        variables=(
            variable("session_state", Enum("Session", (LOGGED_OUT, *IN)), LOGGED_OUT, "whether it is in, and up to date"),
        ),
        events=(
            _asked("login", "Somebody logs in; the true balance is fetched.", _OUT,
                   rule("logs_in", LOGGED_OUT, CURRENT, "a fresh login shows the truth", "A07")),
            _asked("refresh", "The session fetches the true balance.", _LOGGED_IN,
                   rule("refreshes", IN, CURRENT, "a refresh shows the truth", "A07 A10")),
            _asked("logout", "The session ends and forgets what it showed.", _LOGGED_IN,
                   rule("logs_out", IN, LOGGED_OUT, "a closed session shows nothing", "A07")),
            Event("view", Actor.USER, "Somebody reads the balance off the screen.", (_ACCOUNT, _VERDICT), (_EXISTS, _LOGGED_IN), (
                rule("looks", IN, STAYS,
                     "looking changes nothing; the answer tells a true balance from an old one, and both from a real fault",
                     "F04 A06 A10 A14", answer={"shown_is": var("verdict")}),
            ), keys=(*_ID, _SHOWN)),
            Event("balance_changes", Actor.CLOCK, "A balance of the account changes behind the session's back.", (), (), (
                rule("goes_stale", IN, STALE, "the session keeps showing what it fetched", "A07 A10"),
                rule("stays_out", LOGGED_OUT, STAYS, "a closed session shows nothing anyway", "A07"),
            )),
        ),
    )
# fmt: on
