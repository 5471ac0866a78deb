"""An account's memory beside its balances: jobs, first answers, sessions, and the ends of periods.

The journal holds no rule about tokens. It supplies the facts that the declaration asks for, by their names.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, structs

from tokenspec.machine.lang.declaration import ClockAct
from tokenspec.machine.lang.types import Value
from tokenspec.oracle.runtime.clocks import Dial, start_monthly
from tokenspec.oracle.wire.answers import Answer
from tokenspec.spec.words import APP_POOLS

Vector = Annotated[tuple[int, ...], Meta(min_length=len(APP_POOLS), max_length=len(APP_POOLS))]
"""Balances of the app's pools, in the order of APP_POOLS."""


class Job(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An accepted generation: the payment of each app pool (all 0 where none paid), and the periods it fell in."""

    parts: Vector
    day: int
    month: int
    subscription: int
    refunded: bool = False
    api: int = 0
    """The payment of the API pool: more than 0 for every generation through the API, 0 for all others."""


class Session(msgspec.Struct, array_like=True, gc=False):
    """The state of a session, and the position of its last fetch in the account's timeline of balances."""

    state: str
    since: int = 0


class Account(msgspec.Struct):
    """Everything the oracle keeps of one account; saved states hold all of it."""

    row: tuple[bool | int | str, ...]
    last_at: int | None = None
    daily: Dial | None = None
    renewal: Dial | None = None
    daily_ran: int = 0
    """The instant at which a daily reset last ran, or at which the account was opened."""
    day: int = 0
    """The number of daily resets that have run."""
    month: int = 0
    """The number of renewals that have run, ends of a subscription included."""
    subscription: int = 0
    """The number of subscriptions that have ended."""
    jobs: dict[str, Job] = {}
    answers: dict[str, Answer] = {}
    sessions: dict[str, Session] = {}
    timeline: list[Vector] = []
    """The true balances, one after the other, since the oldest fetch of a session that is logged in."""

    def copy(self) -> Account:
        """Returns an independent copy of the account. Jobs and answers are never changed, so they are shared."""
        return structs.replace(
            self,
            daily=structs.replace(self.daily) if self.daily is not None else None,
            renewal=structs.replace(self.renewal) if self.renewal is not None else None,
            jobs=self.jobs.copy(),
            answers=self.answers.copy(),
            sessions={name: structs.replace(session) for name, session in self.sessions.items()},
            timeline=self.timeline.copy(),
        )


_NO_JOB = Job((0,) * len(APP_POOLS), -1, -1, -1)


def remember_job(account: Account, job: str, parts: Vector, api: int = 0) -> None:
    """Records the accepted generation `job`; the app's pools paid `parts`, that of the API paid `api`."""
    account.jobs[job] = Job(parts, account.day, account.month, account.subscription, api=api)


def act_on_renewal(account: Account, act: ClockAct, at: int, stay_clamped: bool) -> None:
    """Starts the renewal's clock at `at`, settles it or stops it, and counts the periods."""
    if act is ClockAct.STARTS:
        account.renewal = start_monthly(at, stay_clamped)
    elif act is ClockAct.SETTLES and account.renewal is not None:
        account.renewal.settle()
        account.month += 1
    elif act is ClockAct.STOPS:
        account.renewal = None
        account.month += 1
        account.subscription += 1


def refund_job(account: Account, job: str) -> None:
    """Records that the charge of `job` was given back."""
    account.jobs[job] = structs.replace(account.jobs[job], refunded=True)


def refund_facts(account: Account, job_id: str) -> dict[str, Value]:
    """Returns the facts that a refund of `job_id` depends on."""
    job = account.jobs.get(job_id) or _NO_JOB
    facts: dict[str, Value] = {f"{pool}_part": tokens for pool, tokens in zip(APP_POOLS, job.parts, strict=True)}
    return facts | {
        "api_part": job.api,
        "job_was_through": "api" if job.api > 0 else "app",
        "job_was_charged": any(job.parts) or job.api > 0,
        "job_is_refunded": job.refunded,
        "day_lasts": job.day == account.day,
        "month_lasts": job.month == account.month,
        "subscription_lasts": job.subscription == account.subscription,
    }


def note_balances(account: Account, now: Vector) -> None:
    """Records the balances `now`; they are kept while some session may still show older ones."""
    if account.sessions and account.timeline[-1] != now:
        account.timeline.append(now)


def fetch(account: Account, session: str, state: str, now: Vector) -> None:
    """Records that the session has fetched the true balances."""
    if not account.timeline or account.timeline[-1] != now:
        account.timeline.append(now)
    account.sessions[session] = Session(state, len(account.timeline) - 1)


def forget(account: Account, session: str) -> None:
    """Records that the session has ended."""
    del account.sessions[session]
    if not account.sessions:
        account.timeline.clear()


def verdict(account: Account, session: str, shown: dict[str, int], now: Vector) -> str:
    """Judges a session's display: `current`, `stale` (true at one moment since the last fetch), or `impossible`."""
    wanted = [(APP_POOLS.index(pool), tokens) for pool, tokens in shown.items()]
    if all(now[index] == tokens for index, tokens in wanted):
        return "current"
    known = account.sessions.get(session)
    if known is None:
        return "impossible"
    # The newest first: a screen's figures are mostly not very old.
    for position in range(len(account.timeline) - 1, known.since - 1, -1):
        vector = account.timeline[position]
        if all(vector[index] == tokens for index, tokens in wanted):
            return "stale"
    return "impossible"
