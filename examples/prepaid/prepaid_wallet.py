#!/usr/bin/env python3
"""A prepaid wallet as a team would write it that has read the terms and never heard of tokenspec, with bugs to switch on.

It answers one JSON object a line on standard output for each on standard input. `WALLET_BUGS=release_twice,debt_forgotten` in the
environment puts bugs in.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

WEEK, LIFE = timedelta(days=7), timedelta(days=90)
MOST = 2**53 - 1  # tokens of one pool
POLICY = {
    "burn_order": "bonus_first",
    "settled_for_less": "returned",
    "charge_back": "debt",
    "repeated_id": "first_answer",
    "refused_id": "kept",
}
BUGS = {
    "bonus_carries_over": "the weekly bonus is added to what is left of the last one",
    "credit_dies_with_first_purchase": "the 90 days are counted from the first purchase, not from the last",
    "rest_becomes_credit": "the rest of a hold comes back as credit, whatever it was taken from",
    "expired_tokens_return": "a hold gives back the bonus of a week that is over",
    "release_twice": "a hold can be released again and again",
    "debt_forgotten": "a purchase does not pay the debt",
    "debt_without_limit": "a charge-back may lead into any debt",
    "adjustment_below_zero": "staff can take away more than is there",
    "week_from_job": "the next week begins when the job has run, not when it was due",
    "retry_is_charged": "a request that is sent again is carried out again",
}


class Refused(Exception):
    """The request is refused for this reason; nothing has been changed."""


def require(condition: bool, reason: str) -> None:
    """Refuse the request unless the condition holds."""
    if not condition:
        raise Refused(reason)


@dataclass
class Hold:
    """Tokens set aside, in which week and in which life of the credit."""

    bonus: int
    credit: int
    week: int
    life: int
    is_open: bool = True


@dataclass
class Account:
    """An account: its two balances, its debt, when something falls due, and its holds by id."""

    next_bonus: datetime
    bonus: int
    credit: int = 0
    debt: int = 0
    expires: datetime | None = None
    week: int = 0
    life: int = 0
    holds: dict[str, Hold] = field(default_factory=dict)


class Wallet:
    """A world of accounts under one catalogue."""

    def __init__(self, catalogue: dict[str, Any], bugs: frozenset[str] = frozenset()) -> None:
        self.catalogue, self.bugs = catalogue, bugs
        self.accounts: dict[str, Account] = {}
        self.answers: dict[tuple[str, str], dict[str, Any]] = {}
        self.events: dict[str, Callable[[Account, dict[str, Any], datetime], dict[str, Any] | None]] = {
            "weekly_bonus": self.weekly_bonus,
            "expire_credit": self.expire_credit,
            "buy": self.buy,
            "charge_back": self.charge_back,
            "adjust": self.adjust,
            "reserve": self.reserve,
            "settle": self.settle,
            "release": self.release,
            "quote": self.quote,
        }

    def apply(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry one request out, or answer what it was answered before."""
        name, key = request["account"], (request["account"], request.get("id", ""))
        if key in self.answers and "retry_is_charged" not in self.bugs:
            return {**self.answers[key], "duplicate": True}
        try:
            said = {"outcome": "accepted", **(self._happens(name, request) or {})}
        except Refused as reason:
            said = {"outcome": "refused", "reason": str(reason)}
        answer = {**said, **self._state(self.accounts.get(name))}
        if request.get("id") is not None:
            self.answers[key] = answer
        return answer

    def _happens(self, name: str, request: dict[str, Any]) -> dict[str, Any] | None:
        account, now = self.accounts.get(name), datetime.fromisoformat(request["at"])
        if request["event"] == "open_account":
            require(account is None, "account_must_be_new")
            self.accounts[name] = Account(now + WEEK, self.catalogue["weekly_bonus"])
            return None
        if account is None:
            raise Refused("account_must_exist")
        return self.events[request["event"]](account, request, now)

    def _state(self, account: Account | None) -> dict[str, Any]:
        if account is None:
            return {"status": None, "debt": None, "balances": {}, "next_bonus_at": None, "credit_expires_at": None}
        has_bonus = self.catalogue["weekly_bonus"] > 0
        return {
            "status": "in_debt" if account.debt else "open",
            "debt": account.debt,
            "balances": {"bonus": account.bonus, "credit": account.credit},
            "next_bonus_at": account.next_bonus.isoformat() if has_bonus else None,
            "credit_expires_at": account.expires.isoformat() if account.expires else None,
        }

    def weekly_bonus(self, account: Account, request: dict[str, Any], now: datetime) -> None:
        """Begin a week: the bonus of the last one is gone."""
        require(self.catalogue["weekly_bonus"] > 0 and now >= account.next_bonus, "bonus_must_be_due")
        left = account.bonus if "bonus_carries_over" in self.bugs else 0
        account.bonus = left + self.catalogue["weekly_bonus"]
        account.week += 1
        weeks = (now - account.next_bonus) // WEEK + 1
        account.next_bonus = now + WEEK if "week_from_job" in self.bugs else account.next_bonus + weeks * WEEK

    def expire_credit(self, account: Account, request: dict[str, Any], now: datetime) -> None:
        """Take credit that is 90 days old."""
        require(account.expires is not None and now >= account.expires, "credit_must_be_due")
        account.credit, account.expires = 0, None
        account.life += 1

    def buy(self, account: Account, request: dict[str, Any], now: datetime) -> None:
        """Sell packs; a debt is paid first."""
        require(request["pack"] in self.catalogue["packs"], "pack_must_exist")
        require(request["quantity"] >= 1, "quantity_must_be_at_least_one")
        bought = self.catalogue["packs"][request["pack"]] * request["quantity"]
        require(account.credit + bought <= MOST, "balance_must_stay_countable")
        paid = 0 if "debt_forgotten" in self.bugs else min(account.debt, bought)
        account.debt -= paid
        account.credit += bought - paid
        if account.expires is None or "credit_dies_with_first_purchase" not in self.bugs:
            account.expires = now + LIFE

    def charge_back(self, account: Account, request: dict[str, Any], now: datetime) -> None:
        """Take a purchase back, as far as its tokens are there; the rest becomes a debt."""
        require(request["amount"] >= 1, "amount_must_be_at_least_one")
        taken = min(account.credit, request["amount"])
        debt = account.debt + request["amount"] - taken
        limited = "debt_without_limit" not in self.bugs
        require(debt <= self.catalogue["debt_limit"] or not limited, "debt_must_stay_within_limit")
        account.credit -= taken
        account.debt = debt

    def adjust(self, account: Account, request: dict[str, Any], now: datetime) -> None:
        """Add credit, or take it away."""
        require(request["amount"] != 0, "amount_must_not_be_zero")
        after = account.credit + request["amount"]
        require(after >= 0 or "adjustment_below_zero" in self.bugs, "credit_must_cover_adjustment")
        require(after <= MOST, "balance_must_stay_countable")
        account.credit = after

    def reserve(self, account: Account, request: dict[str, Any], now: datetime) -> dict[str, Any]:
        """Set tokens aside, those of the week first."""
        amount = request["amount"]
        require(amount >= 1, "amount_must_be_at_least_one")
        require(account.debt == 0, "debt_must_be_paid")
        require(request["hold"] not in account.holds, "hold_must_be_new")
        require(amount <= account.bonus + account.credit, "tokens_must_cover_amount")
        hold = Hold(min(account.bonus, amount), max(0, amount - account.bonus), account.week, account.life)
        account.bonus -= hold.bonus
        account.credit -= hold.credit
        account.holds[request["hold"]] = hold
        return {"charge": {"bonus": hold.bonus, "credit": hold.credit}}

    def settle(self, account: Account, request: dict[str, Any], now: datetime) -> None:
        """Charge a hold; what it does not need goes back."""
        amount = request["amount"]
        require(amount >= 1, "amount_must_be_at_least_one")
        hold = self._hold(account, request, is_settled=True)
        require(amount <= hold.bonus + hold.credit, "hold_must_cover_amount")
        self._give_back(account, hold, hold.bonus - min(hold.bonus, amount), hold.credit - max(0, amount - hold.bonus))

    def release(self, account: Account, request: dict[str, Any], now: datetime) -> None:
        """Call a hold off; all of it goes back."""
        hold = self._hold(account, request)
        self._give_back(account, hold, hold.bonus, hold.credit)

    def _hold(self, account: Account, request: dict[str, Any], is_settled: bool = False) -> Hold:
        require(request["hold"] in account.holds, "hold_must_exist")
        hold = account.holds[request["hold"]]
        again = "release_twice" in self.bugs and not is_settled
        require(hold.is_open or again, "hold_must_be_open")
        return hold

    def _give_back(self, account: Account, hold: Hold, bonus: int, credit: int) -> None:
        hold.is_open = False
        if "rest_becomes_credit" in self.bugs:
            bonus, credit = 0, bonus + credit
        if hold.week == account.week or "expired_tokens_return" in self.bugs:
            account.bonus = max(account.bonus, min(self.catalogue["weekly_bonus"], account.bonus + bonus))
        if hold.life == account.life:
            account.credit = min(MOST, account.credit + credit)

    def quote(self, account: Account, request: dict[str, Any], now: datetime) -> dict[str, Any]:
        """Look a price up."""
        require(request["action"] in self.catalogue["prices"], "price_must_be_listed")
        return {"price": self.catalogue["prices"][request["action"]]}


class Adapter:
    """The wallet behind the protocol; also `--sut python:prepaid_wallet:Adapter`, in the tester's own process."""

    def __init__(self) -> None:
        named = os.environ.get("WALLET_BUGS", "")
        self.bugs = frozenset(name.strip() for name in named.split(",") if name.strip())
        if unknown := self.bugs - BUGS.keys():
            raise SystemExit(f"WALLET_BUGS: there is no {', '.join(sorted(unknown))}; known are {', '.join(BUGS)}")
        self.wallet = Wallet({})

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one request."""
        match request["op"]:
            case "open":
                self.wallet = Wallet(request["catalogue"], self.bugs)
                events = ["open_account", *self.wallet.events]
                observes = ["outcome", "reason", "charge", "price", "balances", "duplicate", *self.wallet._state(None)]
                return {
                    "name": "prepaid-wallet",
                    "version": "1",
                    "resets": "explicit",
                    "events": events,
                    "observes": observes,
                    "policy": POLICY,
                }
            case "apply":
                return self.wallet.apply(request)
            case _:
                return {}


def main() -> None:
    """Answer standard input on standard output until it ends."""
    adapter = Adapter()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(adapter.handle(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
