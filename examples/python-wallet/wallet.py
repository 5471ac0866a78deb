# ruff: noqa: INP001
"""The rules of the wallet: what each event asks for, and what it does to an account. Every figure is the catalogue's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import dates
from settings import BUGS
from store import Account, Charge, Store

MOST = 2**53 - 1  # tokens of one pool

Record = dict[str, Any]
Answer = dict[str, Any]


class Refused(Exception):
    """The event is not accepted, for this reason; nothing has been written."""


def require(condition: bool, reason: str) -> None:
    """Refuse the event unless the condition holds."""
    if not condition:
        raise Refused(reason)


@dataclass(frozen=True, slots=True)
class Event:
    """A record on its way through the wallet: the account as it was, and the instant as a number."""

    account: Account
    record: Record
    now: int

    @property
    def renewal_due(self) -> bool:
        """Whether a renewal has fallen due that no job has run for."""
        return self.account.next_renewal_at is not None and self.account.next_renewal_at <= self.now


class Wallet:
    """Accounts under one catalogue. `bugs` are names of `BUGS`."""

    def __init__(self, catalogue: Record, store: Store, bugs: Iterable[str] = ()) -> None:
        self.catalogue = catalogue
        self.store = store
        self.bugs = frozenset(bugs)
        if unknown := self.bugs - BUGS:
            raise ValueError(f"unknown bugs: {', '.join(sorted(unknown))}; known are {', '.join(sorted(BUGS))}")
        # open_account stands apart: it is the only event without an account
        self._handlers: dict[str, Callable[[Event], Answer | None]] = {
            "subscribe": self._subscribe,
            "upgrade": self._upgrade,
            "downgrade": self._downgrade,
            "cancel": self._cancel,
            "resume": self._resume,
            "renew": self._renew,
            "payment_failed": self._payment_failed,
            "lapse": self._lapse,
            "daily_reset": self._daily_reset,
            "buy_topup": self._buy_topup,
            "generate": self._generate,
            "refund": self._refund,
            "quote": self._quote,
            "buy_api": self._buy_api,
            "api_generate": self._api_generate,
            "transfer": self._transfer,
            "enable_relaxed": self._enable_relaxed,
            "login": self._login,
            "refresh": self._refresh,
            "logout": self._logout,
            "view": self._view,
        }
        self.events = ["open_account", *self._handlers]

    def apply(self, record: Record) -> Answer:
        """Carry one record out and answer it. A repeated event id gets its first answer and changes nothing."""
        name, event_id = record["account"], record.get("id")
        if event_id is not None and "retry_is_charged" in self.bugs:
            event_id = f"{event_id}@{record['at']}"
        with self.store.transaction():
            if event_id is not None and (first := self.store.answer(name, event_id)) is not None:
                return {**json.loads(first), "duplicate": True}
            account = self.store.account(name)
            try:
                answer = {"outcome": "accepted", **self._run(account, record)}
            except Refused as refused:
                answer = {"outcome": "refused", "reason": str(refused)}
            answer |= self._state(self.store.account(name))
            if event_id is not None:
                self.store.put_answer(name, event_id, json.dumps(answer))
        return answer

    def _run(self, account: Account | None, record: Record) -> Answer:
        if record["event"] == "open_account":
            require(account is None, "account_must_be_new")
            self._open_account(record)
            return {}
        if account is None:
            raise Refused("account_must_exist")
        answer = self._handlers[record["event"]](Event(account, record, dates.parse(record["at"])))
        self.store.put_account(account)
        return answer or {}

    def _state(self, account: Account | None) -> Answer:
        if account is None:
            none = dict.fromkeys(("status", "plan", "scheduled_plan", "next_daily_reset_at", "next_renewal_at"))
            return {**none, "balances": {}}
        pools = ("daily", "fast", "rollover", "topup", "api")
        return {
            "status": account.status,
            "plan": account.plan,
            "scheduled_plan": account.scheduled_plan,
            "balances": {pool: getattr(account, pool) for pool in pools},
            "next_daily_reset_at": dates.show(account.next_daily_reset_at) if self.catalogue["daily"] else None,
            "next_renewal_at": dates.show(account.next_renewal_at),
        }

    # The catalogue

    def _rank(self, plan: str) -> int:
        require(plan in self.catalogue["plans"], "plan_must_exist")
        return int(self.catalogue["ranking"].index(plan))

    def _allowance(self, plan: str) -> int:
        return int(self.catalogue["plans"][plan]["allowance"])

    def _ceiling(self, plan: str) -> int:
        return int(self.catalogue["bank_months"]) * self._allowance(plan)

    # The subscription

    def _open_account(self, record: Record) -> None:
        mark = dates.next_mark(record.get("daily_reset_time") or "00:00", after=dates.parse(record["at"]))
        free = self.catalogue["ranking"][0]
        self.store.put_account(Account(record["account"], "free", free, None, self.catalogue["daily"], 0, 0, 0, 0, mark))

    def _subscribe(self, event: Event) -> None:
        account, plan = event.account, event.record["plan"]
        require(account.status == "free", "account_must_be_free")
        require(self._rank(plan) > 0, "plan_must_be_paid")
        account.status, account.plan = "active", plan
        account.subscribed_at, account.months = event.now, 1
        account.next_renewal_at = dates.months_later(event.now, 1)
        account.subscription_number += 1
        self._grant_month(account)

    def _grant_month(self, account: Account) -> None:
        account.fast = self._allowance(account.plan)
        account.api = min(MOST, account.api + self.catalogue["plans"][account.plan]["api"])

    def _upgrade(self, event: Event) -> None:
        account, plan = event.account, event.record["plan"]
        require(account.status == "active", "subscription_must_be_active")
        require(not event.renewal_due, "renewal_must_not_be_due")
        require(self._rank(plan) > self._rank(account.plan), "plan_must_be_higher")
        account.fast += self._allowance(plan)
        if "upgrade_adds_whole_allowance" not in self.bugs:
            account.fast -= self._allowance(account.plan)
        account.plan, account.scheduled_plan = plan, None

    def _downgrade(self, event: Event) -> None:
        account, plan = event.account, event.record["plan"]
        require(account.status == "active", "subscription_must_be_active")
        require(not event.renewal_due, "renewal_must_not_be_due")
        rank = self._rank(plan)
        require(rank > 0, "plan_must_be_paid")
        require(rank < self._rank(account.plan), "plan_must_be_lower")
        account.scheduled_plan = plan

    def _cancel(self, event: Event) -> None:
        account = event.account
        require(account.status in ("active", "past_due"), "subscription_must_be_active_or_past_due")
        if account.status == "past_due" or "cancel_ends_at_once" in self.bugs:
            self._end(account)
        else:
            account.status, account.scheduled_plan = "cancelling", None

    def _resume(self, event: Event) -> None:
        account = event.account
        scheduled = account.status == "active" and account.scheduled_plan is not None
        require(account.status == "cancelling" or scheduled, "change_must_be_scheduled")
        require(not event.renewal_due, "renewal_must_not_be_due")
        account.status, account.scheduled_plan = "active", None

    def _end(self, account: Account) -> None:
        account.status, account.plan, account.scheduled_plan = "free", self.catalogue["ranking"][0], None
        account.fast = account.rollover = 0
        account.subscribed_at = account.renewed_at = account.next_renewal_at = None
        account.subscription_number += 1
        if "lapse_takes_topup" in self.bugs:
            account.topup = 0

    # The jobs

    def _renew(self, event: Event) -> None:
        account, now = event.account, event.now
        require(account.status != "free", "subscription_must_exist")
        just_ran = account.renewed_at is not None and now - account.renewed_at < dates.DAY
        if "renewal_job_runs_twice" in self.bugs and just_ran and not event.renewal_due:
            self._turn_month(account)
        else:
            require(event.renewal_due, "renewal_must_be_due")
        while account.next_renewal_at is not None and account.next_renewal_at <= now:
            if account.status == "cancelling":
                self._end(account)
            else:
                self._turn_month(account)
                self._next_renewal(account)
        if account.status != "free":
            account.renewed_at = now

    def _turn_month(self, account: Account) -> None:
        if account.scheduled_plan is not None:
            account.plan, account.scheduled_plan = account.scheduled_plan, None
        account.rollover += account.fast
        if "bank_without_ceiling" not in self.bugs:
            account.rollover = min(self._ceiling(account.plan), account.rollover)
        account.status = "active"
        account.month_number += 1
        self._grant_month(account)

    def _next_renewal(self, account: Account) -> None:
        assert account.subscribed_at is not None
        assert account.next_renewal_at is not None
        if "month_end_drifts" in self.bugs:
            account.next_renewal_at = dates.months_later(account.next_renewal_at, 1)
        else:
            account.months += 1
            account.next_renewal_at = dates.months_later(account.subscribed_at, account.months)

    def _payment_failed(self, event: Event) -> None:
        require(event.account.status == "active", "subscription_must_be_active")
        require(event.renewal_due, "renewal_must_be_due")
        event.account.status = "past_due"

    def _lapse(self, event: Event) -> None:
        require(event.account.status == "past_due", "subscription_must_be_past_due")
        self._end(event.account)

    def _daily_reset(self, event: Event) -> None:
        account, now = event.account, event.now
        require(self.catalogue["daily"] > 0 and account.next_daily_reset_at <= now, "daily_reset_must_be_due")
        supplement = not any(getattr(account, pool) for pool in self._spendable(account) if pool != "daily")
        allowance = self.catalogue["daily"] if account.status == "free" or supplement else 0
        account.daily = account.daily + allowance if "daily_adds_up" in self.bugs else allowance
        account.day_number += 1
        if "late_reset_moves_the_mark" in self.bugs:
            account.next_daily_reset_at = now + dates.DAY
        else:
            account.next_daily_reset_at += ((now - account.next_daily_reset_at) // dates.DAY + 1) * dates.DAY

    # Tokens

    def _buy_topup(self, event: Event) -> None:
        account, quantity = event.account, event.record["quantity"]
        require(account.status in ("active", "cancelling"), "subscription_must_be_active_or_cancelling")
        size = self.catalogue["packs"].get(event.record["pack"])
        require(size is not None, "pack_must_exist")
        require(quantity >= 1, "quantity_must_be_at_least_one")
        require(account.topup + size * quantity <= MOST, "balance_must_stay_countable")
        account.topup += size * quantity

    def _spendable(self, account: Account) -> list[str]:
        """Pools that the status lets one spend, in burn order."""
        if account.status not in ("active", "cancelling"):
            return ["daily"]
        if "topup_before_bank" in self.bugs:
            return ["daily", "fast", "topup", "rollover"]
        return ["daily", "fast", "rollover", "topup"]

    def _generate(self, event: Event) -> Answer:
        account, cost = event.account, event.record["cost"]
        require(cost >= 1, "cost_must_be_at_least_one")
        require(self.store.charge(account.id, event.record["job"]) is None, "job_must_be_new")
        split, rest = {}, cost
        for pool in self._spendable(account):
            if part := min(rest, getattr(account, pool)):
                split[pool] = part
                rest -= part
        if rest:
            self._require_relaxed(event, used_up=rest == cost)
            self._record(event, "relaxed", {})
            return {"mode": "relaxed", "charge": {}}
        for pool, part in split.items():
            setattr(account, pool, getattr(account, pool) - part)
        self._record(event, "tokens", split)
        return {"mode": "tokens", "charge": split}

    def _require_relaxed(self, event: Event, used_up: bool) -> None:
        """Refuse, unless the generation goes on without tokens; where one condition alone is missing, name that one."""
        account, record = event.account, event.record
        media = self.catalogue["plans"][account.plan]["relaxed"]
        require(account.status in ("active", "cancelling") and bool(media), "tokens_must_cover_cost")
        missing = []
        if not used_up:
            missing.append("tokens_must_be_used_up_before_relaxed")
        if record["media"] not in media:
            missing.append("medium_must_be_relaxed_on_plan")
        if record["origin"] != "first_party" and "third_party_relaxed" not in self.bugs:
            missing.append("third_party_model_must_be_paid_with_tokens")
        require(not missing, missing[0] if len(missing) == 1 else "tokens_must_cover_cost")

    def _record(self, event: Event, kind: str, split: dict[str, int]) -> None:
        account = event.account
        charge = Charge(
            account.id,
            event.record["job"],
            kind,
            split.get("daily", 0),
            split.get("fast", 0),
            split.get("rollover", 0),
            split.get("topup", 0),
            account.day_number,
            account.month_number,
            account.subscription_number,
        )
        self.store.put_charge(charge)

    def _refund(self, event: Event) -> None:
        account = event.account
        charge = self.store.charge(account.id, event.record["job"])
        require(charge is None or charge.kind != "api", "api_jobs_cannot_be_refunded")
        if charge is None or charge.kind != "tokens":
            raise Refused("job_must_have_been_charged")
        require(not charge.refunded or "refund_twice" in self.bugs, "job_must_not_be_refunded_already")
        charge.refunded = 1
        self.store.put_charge(charge)
        if "refund_to_fast_first" in self.bugs and charge.fast:
            charge.fast, charge.rollover, charge.topup = charge.fast + charge.rollover + charge.topup, 0, 0
        same_subscription = charge.subscription_number == account.subscription_number
        if charge.day_number == account.day_number:
            account.daily = self._lift(account.daily, charge.daily, self.catalogue["daily"])
        if same_subscription and charge.month_number == account.month_number:
            account.fast = self._lift(account.fast, charge.fast, self._allowance(account.plan))
        if same_subscription:
            account.rollover = self._lift(account.rollover, charge.rollover, self._ceiling(account.plan))
        account.topup = self._lift(account.topup, charge.topup, MOST)

    @staticmethod
    def _lift(balance: int, part: int, most: int) -> int:
        return max(balance, min(balance + part, most))

    def _quote(self, event: Event) -> Answer:
        price = self.catalogue.get("prices", {}).get(event.record["action"])
        require(price is not None, "price_must_be_listed")
        return {"cost": price}

    def _buy_api(self, event: Event) -> None:
        account, amount = event.account, event.record["amount"]
        require(amount >= 1, "amount_must_be_at_least_one")
        require(account.api + amount <= MOST, "balance_must_stay_countable")
        account.api += amount

    def _api_generate(self, event: Event) -> Answer:
        account, cost = event.account, event.record["cost"]
        require(cost >= 1, "cost_must_be_at_least_one")
        require(self.store.charge(account.id, event.record["job"]) is None, "job_must_be_new")
        require(cost <= account.api, "api_tokens_must_cover_cost")
        account.api -= cost
        self._record(event, "api", {})
        return {"charge": {"api": cost}}

    def _transfer(self, event: Event) -> None:
        raise Refused("tokens_cannot_be_transferred")

    def _enable_relaxed(self, event: Event) -> None:
        raise Refused("relaxed_cannot_be_switched_on")

    # Sessions

    def _login(self, event: Event) -> None:
        name, session = event.account.id, event.record["session"]
        require(not self.store.has_session(name, session), "session_must_be_logged_out")
        self.store.sync_session(name, session)

    def _refresh(self, event: Event) -> None:
        self.store.sync_session(event.account.id, self._logged_in(event))

    def _logout(self, event: Event) -> None:
        self.store.drop_session(event.account.id, self._logged_in(event))

    def _view(self, event: Event) -> Answer:
        account, session, shown = event.account, self._logged_in(event), event.record["shown"]
        if all(getattr(account, pool) == tokens for pool, tokens in shown.items()):
            return {"shown_is": "current"}
        was_true = self.store.was_true_since_sync(account.id, session, shown)
        return {"shown_is": "stale" if was_true else "impossible"}

    def _logged_in(self, event: Event) -> str:
        session: str = event.record["session"]
        require(self.store.has_session(event.account.id, session), "session_must_be_logged_in")
        return session
