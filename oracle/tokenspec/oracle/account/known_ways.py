"""Ways of real wallets that no setting allows: a divergence that is one of them says so.

Each is a row of docs/comparison.md, under *What real wallets do that no setting allows*, where the reason stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenspec.machine.interpreters.dates import DAY_MS
from tokenspec.machine.lang.catalogue import Figures
from tokenspec.oracle.base.specification import TOTAL_POOLS
from tokenspec.oracle.runtime.clocks import ClockReader
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.answers import Answer, Difference
from tokenspec.oracle.wire.observations import instant_of
from tokenspec.oracle.wire.records import Record, at_of, event_of
from tokenspec.spec.words import FREE

_MONTH_MS = 30 * DAY_MS


@dataclass(frozen=True)
class _Seen:
    """A divergent record: the account before it, the right answer, and the same as it was observed."""

    record: Record
    event: str
    before: Mapping[str, Any]
    right: Mapping[str, Any]
    seen: Mapping[str, Any]
    wrong: Mapping[str, Any]
    """The observed values that are wrong, by field."""
    catalogue: Figures
    anchor: int | None
    """The instant at which the subscription began."""
    month: ClockReader

    @property
    def allowance(self) -> int:
        return int(self.catalogue.plans[self.right["plan"]]["allowance"])

    @property
    def ceiling(self) -> int:
        return int(self.catalogue.bank_months) * self.allowance

    @property
    def is_accepted_wrongly(self) -> bool:
        return self.wrong.get("outcome") == "accepted"

    def pool(self, name: str) -> int:
        """Returns the observed balance of a pool; the right one where it was not observed."""
        return int(self.wrong.get(f"balances.{name}", self.right["balances"].get(name, 0)))

    def drawn(self) -> dict[str, int]:
        """Returns the tokens that each app pool lost by the record, as observed."""
        fell = {pool: self.before[pool] - self.pool(pool) for pool in TOTAL_POOLS}
        return {pool: tokens for pool, tokens in fell.items() if tokens}


def _thirty_days(s: _Seen) -> bool:
    due = _instant(s.wrong.get("next_renewal_at"))
    return due is not None and s.anchor is not None and due > s.anchor and (due - s.anchor) % _MONTH_MS == 0


def _upgrade(s: _Seen) -> bool:
    if s.event != "upgrade" or s.seen["outcome"] != "accepted":
        return False
    at, due, new = at_of(s.record), _instant(s.wrong.get("next_renewal_at")), s.catalogue.plans[s.seen["plan"]]["allowance"]
    is_on_top = s.wrong.get("balances.fast") == s.before["fast"] + new
    return is_on_top or due in (s.month.start(at).shown, at + _MONTH_MS)


def _one_pool(s: _Seen) -> bool:
    if s.event != "generate" or len(s.right.get("charge", {})) < 2:
        return False
    cost = _cost(s)
    if s.wrong.get("outcome") == "refused":
        return all(s.before[pool] < cost for pool in TOTAL_POOLS)
    return list(s.drawn().values()) == [cost]


def _oldest_first(s: _Seen) -> bool:
    if s.event != "generate" or s.seen["outcome"] != "accepted" or sum(s.drawn().values()) != _cost(s):
        return False
    return not _one_pool(s) and "topup" in s.drawn() and s.pool("fast") + s.pool("rollover") > 0 and "balances.topup" in s.wrong


def _no_ceiling(s: _Seen) -> bool:
    more = s.wrong.get("balances.rollover")
    return more is not None and more > s.ceiling and more == s.before["rollover"] + s.before["fast"]


def _other_end(s: _Seen) -> bool:
    if s.right["status"] != FREE or s.before["status"] == FREE:
        return False
    fast, topup = s.wrong.get("balances.fast"), s.wrong.get("balances.topup")
    return (fast is not None and fast == s.before["fast"] > 0) or (topup == 0 and s.before["topup"] > 0)


def _without_subscription(s: _Seen) -> bool:
    if not s.is_accepted_wrongly or s.before["status"] != FREE:
        return False
    pays = s.before["daily"] + s.before["topup"]
    return s.event == "buy_topup" or (s.event == "generate" and s.before["daily"] < _cost(s) <= pays)


def _other_refund(s: _Seen) -> bool:
    if s.event != "refund" or s.seen["outcome"] != "accepted":
        return False
    most = {"daily": s.catalogue.daily, "fast": s.allowance, "rollover": s.ceiling}
    is_above = any(s.wrong.get(f"balances.{pool}", 0) > largest for pool, largest in most.items())
    return is_above or s.wrong.get("balances.topup", 0) > s.right["balances"]["topup"]


def _other_job(s: _Seen) -> bool:
    if s.event not in ("generate", "api_generate"):
        return False
    is_answered_again = s.right.get("reason") == "job_must_be_new" and s.is_accepted_wrongly and not s.drawn()
    return is_answered_again or (s.right["outcome"] == "accepted" and s.seen.get("reason") == "job_must_be_new")


def _no_daily(s: _Seen) -> bool:
    return (
        s.event in ("subscribe", "upgrade", "renew", "daily_reset")
        and s.right["status"] not in (FREE, None)
        and s.wrong.get("balances.daily") == 0
    )


def _below_zero(s: _Seen) -> bool:
    if any(type(got) is int and got < 0 for name, got in s.wrong.items() if name.startswith("balances.") or name == "total"):
        return True
    if not s.is_accepted_wrongly or s.seen.get("mode") == "relaxed":
        return False
    left = s.before["api"] if s.event == "api_generate" else sum(s.before[pool] for pool in TOTAL_POOLS)
    return s.event in ("generate", "api_generate") and s.right.get("reason") != "job_must_be_new" and _cost(s) > left


WAYS: Mapping[str, Callable[[_Seen], bool]] = {
    "a month is thirty days": _thirty_days,
    "an upgrade adds the whole new allowance to what is left, or begins a new period": _upgrade,
    "one pool pays a whole charge, or it is refused": _one_pool,
    "what was granted or bought first is spent first, and each lot has its own end": _oldest_first,
    "the bank has no ceiling": _no_ceiling,
    "fast tokens outlive the subscription, or bought ones end with it": _other_end,
    "packs are sold, and spent, without a subscription": _without_subscription,
    "a refund lifts a pool above its allowance, or comes as bought tokens": _other_refund,
    "a job that was charged is answered again where it is refused here, and one that was refused is used up": _other_job,
    "no subscriber has daily tokens": _no_daily,
    "a charge is always accepted, and the balance may fall below 0": _below_zero,
}
"""By row of docs/comparison.md, what shows it."""


def known_ways(
    oracle: Oracle, record: Record, before: Mapping[str, Any], answer: Answer, differing: Sequence[Difference]
) -> list[str]:
    """Returns the ways that fit the differences of a record from `oracle`'s last answer. `before` is empty without an account."""
    right = answer.as_dict()
    if not before or not right["balances"]:
        return []
    wrong = {name: got for name, _, got in differing}
    dial = oracle.accounts[record.account].dial("renewal")
    anchor = dial.anchor if dial is not None else None
    seen = right | {"reason": None} | {name: got for name, got in wrong.items() if "." not in name}
    catalogue: Any = oracle.catalogue
    found = _Seen(record, event_of(record), before, right, seen, wrong, catalogue, anchor, oracle.clocks["renewal"])
    return [row for row, shows in WAYS.items() if shows(found)]


def _cost(s: _Seen) -> int:
    return int(getattr(s.record, "cost", 0) or 0)


def _instant(value: Any) -> int | None:
    return instant_of(value) if value is not None else None
