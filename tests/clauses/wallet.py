"""One account, driven event by event, and what it answers in a form that a test can write down.

wallet = Wallet()                                            # opened on 1 January 2027, 08:00 UTC
wallet.subscribe("premium")
assert Paid(daily=24) == wallet.generate(24)
assert Refused("renewal_must_be_due") == wallet.at("2027-01-31 08:00").renew()
assert Pools(daily=126, fast=25_000) == wallet.holds
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self, TypeAlias

from tokenspec.machine.interpreters.live import live
from tokenspec.machine.lang.catalogue import Figures
from tokenspec.oracle import Answer, Oracle
from tokenspec.spec.system import daily_job

OPENED = "2027-01-01 08:00"
SECOND_DAY = "2027-01-02 00:00"
"""The first daily reset of a wallet opened at `OPENED`."""
RENEWAL = "2027-02-01 08:00"
"""The first renewal of a wallet subscribed at `OPENED`."""
ALLOWANCE = {"free": 0, "essential": 8_500, "premium": 25_000, "ultimate": 60_000}
MOST = 2**53 - 1
"""The most tokens that a pool holds."""


@dataclass(frozen=True)
class Pools:
    """Tokens by pool; a pool that is not named holds none."""

    daily: int = 0
    fast: int = 0
    rollover: int = 0
    topup: int = 0
    api: int = 0


class Paid(Pools):
    """Accepted, and these tokens were charged."""


@dataclass(frozen=True)
class Relaxed:
    """Accepted as unlimited generation, nothing charged."""


class Drained(Pools):
    """Accepted as unlimited generation, and these tokens, all that were left, were charged."""


@dataclass(frozen=True)
class Done:
    """Accepted, with nothing more to say."""


@dataclass(frozen=True)
class Refused:
    """Refused with this code."""

    code: str


@dataclass(frozen=True)
class Looks:
    """A view was found `current`, `stale` or `impossible`."""

    verdict: str


@dataclass(frozen=True)
class Costs:
    """A quote."""

    tokens: int


Reply: TypeAlias = Paid | Relaxed | Drained | Done | Refused | Looks | Costs


def utc(text: str) -> datetime:
    """The instant that `text`, such as 2027-01-01 08:00, names in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def reply(answer: Answer) -> Reply:
    """What `answer` says, the account's state apart."""
    assert answer.outcome == ("refused" if isinstance(answer.reason, str) else "accepted")
    if isinstance(answer.reason, str):
        return Refused(answer.reason)
    if isinstance(answer.shown_is, str):
        return Looks(answer.shown_is)
    if isinstance(answer.cost, int):
        return Costs(answer.cost)
    if isinstance(answer.charge, dict):
        return Drained(**answer.charge) if answer.mode == "relaxed" else Paid(**answer.charge)
    return Relaxed() if answer.mode == "relaxed" else Done()


class Wallet:
    """An account of its own oracle, or of that of `beside`, open since `OPENED` unless `is_open` is false."""

    def __init__(
        self,
        policy: Mapping[str, str] | None = None,
        *,
        opened: str = OPENED,
        is_open: bool = True,
        catalogue: Figures | None = None,
        beside: Wallet | None = None,
        resets: str = "explicit",
        **opening: str,
    ) -> None:
        self.oracle: Oracle = beside.oracle if beside is not None else Oracle(policy, catalogue, resets)
        self.account = f"account-{len(self.oracle.accounts) + 1}"
        self.now = opened
        self.jobs = 0
        self.last = Answer("accepted")
        """The whole of the last answer; before the first, that of an account that does not exist."""
        if is_open:
            self.say("open_account", **opening)

    def at(self, now: str) -> Self:
        """What follows happens at `now`."""
        self.now = now
        return self

    def say(self, event: str, **fields: Any) -> Reply:
        """The reply to any event."""
        instant = utc(self.now).isoformat().replace("+00:00", "Z")
        record = {"account": self.account, "at": instant, "event": event, **fields}
        stepped = self.oracle.step(self.oracle.reader.convert(record))
        self.last, self.steps = stepped.answer, stepped.steps
        return reply(self.last)

    @property
    def holds(self) -> Pools:
        """The balances of the last answer."""
        return Pools(**self.last.balances)

    @property
    def state(self) -> tuple[object, ...]:
        """Everything that the last answer says of the account."""
        last = self.last
        changes = (last.status, last.plan, last.scheduled_plan, last.balances)
        return (*changes, last.next_daily_reset_at, last.next_renewal_at)

    @property
    def next_daily_reset(self) -> datetime:
        """The earliest daily reset that no job has run for."""
        assert self.last.next_daily_reset_at is not None
        return datetime.fromisoformat(self.last.next_daily_reset_at)

    @property
    def next_renewal(self) -> datetime:
        """The earliest renewal that no job has run for."""
        assert self.last.next_renewal_at is not None
        return datetime.fromisoformat(self.last.next_renewal_at)

    # The subscription

    def subscribe(self, plan: str) -> Reply:
        return self.say("subscribe", plan=plan)

    def upgrade(self, plan: str) -> Reply:
        return self.say("upgrade", plan=plan)

    def downgrade(self, plan: str) -> Reply:
        return self.say("downgrade", plan=plan)

    def cancel(self) -> Reply:
        return self.say("cancel")

    def renew(self) -> Reply:
        return self.say("renew")

    def payment_failed(self) -> Reply:
        return self.say("payment_failed")

    def lapse(self) -> Reply:
        return self.say("lapse")

    # Tokens

    def daily_reset(self) -> Reply:
        return self.say("daily_reset")

    def buy_topup(self, pack: str, quantity: int = 1) -> Reply:
        return self.say("buy_topup", pack=pack, quantity=quantity)

    def buy_api(self, amount: int) -> Reply:
        return self.say("buy_api", amount=amount)

    def quote(self, action: str) -> Reply:
        return self.say("quote", action=action)

    def generate(self, cost: int, media: str = "image", origin: str = "first_party", job: str | None = None) -> Reply:
        return self.say("generate", job=job or self._new_job(), cost=cost, media=media, origin=origin)

    def api_generate(self, cost: int, job: str | None = None) -> Reply:
        return self.say("api_generate", job=job or self._new_job(), cost=cost)

    def refund(self, job: str) -> Reply:
        return self.say("refund", job=job)

    # Sessions

    def login(self, session: str) -> Reply:
        return self.say("login", session=session)

    def refresh(self, session: str) -> Reply:
        return self.say("refresh", session=session)

    def logout(self, session: str) -> Reply:
        return self.say("logout", session=session)

    def view(self, session: str, **shown: int) -> Reply:
        return self.say("view", session=session, shown=shown)

    def _new_job(self) -> str:
        self.jobs += 1
        return f"job-{self.jobs}"


def subscribed(plan: str, policy: Mapping[str, str] | None = None, resets: str = "explicit") -> Wallet:
    """A wallet that took out `plan` when it was opened."""
    wallet = Wallet(policy, resets=resets)
    assert Done() == wallet.subscribe(plan)
    return wallet


def holding(tokens: int, plan: str, policy: Mapping[str, str] | None = None) -> Wallet:
    """A wallet of the first day that has spent all but `tokens` of what `plan` and the day gave."""
    wallet = Wallet(policy) if plan == "free" else subscribed(plan, policy)
    wallet.generate(150 + ALLOWANCE[plan] - tokens)
    assert sum(wallet.last.balances.values()) == tokens
    return wallet


def job_after(*events: str) -> str:
    """How the daily job stands after `events`, or the code with which it refused one of them."""
    job = live(daily_job(), {})
    for event in events:
        if not getattr(job, event)():
            return str(job.refusal)
    return str(job.state_values["job"])
