"""The claims about the clock and the journal of the shipped account, checked around every record of a run.

Each check derives the right result in its own way: separate histories, copies of an account on another path,
snapshots before and after.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count, dropwhile, islice, takewhile
from typing import Any

import msgspec

from tokenspec.machine.interpreters.dates import DAY_MS
from tokenspec.machine.lang.catalogue import NONE
from tokenspec.machine.lang.declaration import Actor
from tokenspec.oracle.base.instants import format_instant, parse_instant
from tokenspec.oracle.base.specification import ABSENT, POOLS, TOTAL_POOLS, system
from tokenspec.oracle.fuzz.layer_checks import LayerChecks
from tokenspec.oracle.runtime.journal import Account, Vector
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.steps import Stepped
from tokenspec.oracle.wire.answers import STATE, Answer
from tokenspec.spec.words import FREE, SUBSCRIBED

_PLAN_CHANGES = frozenset(
    event.name
    for event in system().machines[0].events
    if event.actor is Actor.USER
    for rule in event.rules
    if {"plan", "scheduled_plan"} & {effect.name for effect in rule.effect}
    and set(rule.source) <= set(SUBSCRIBED)
    and rule.target != FREE
)
"""The events of a subscriber that change the plan, or the scheduled one; their effect on clocks is checked."""


class AccountChecks(LayerChecks):
    """The checks of the shipped account."""

    def _open_books(self) -> None:
        self._synced: dict[tuple[str, str], int] = {}
        self._refunded: set[tuple[str, str]] = set()
        self._alone: dict[str, Oracle] = {}
        """A world for each account, to which only its own records come."""

    def _passes_time(self, event: str, first: Answer | None) -> bool:
        """Returns true unless the record does not happen: a repeat that is answered as before, a payment that was told of."""
        return event != "payment_failed" if first is None else self.oracle.policy["repeated_id"] != "first_answer"

    def advance(self, name: str, account: Account, at: int) -> None:
        """Lets the time pass, and compares jobs that run late with such as run on time."""
        if account.last_at is not None and at > account.last_at and self._counts("late_equals_on_time"):
            self._late_equals_on_time(name, account, at)
        super().advance(name, account, at)

    def _judge(self, record: dict[str, Any], before: bytes, first: Answer | None, stepped: Stepped) -> None:
        """Checks what came of a record: a repeat, a refusal or a change, and the clocks."""
        name, event, answer = record["account"], record["event"], stepped.answer
        account = self.oracle.accounts[name]
        if first is not None:
            was = msgspec.json.decode(before, type=Account)
            was.last_at = account.last_at
            same = was == account and answer == self._again(first, account)
            self._check("repeated_id", same, f"{event} with id {record['id']} came again.")
            return
        if "id" in record and (answer.outcome == "accepted" or self.oracle.policy["refused_id"] == "kept"):
            self._first[name, record["id"]] = answer
        if answer.outcome == "refused":
            self._refused(record, before, account, stepped.decided_by)
        else:
            self._accepted(record, before, account, answer)
        at = parse_instant(record["at"])
        self._due(account, at)
        self._periods(account, at)

    def _derived(self, record: dict[str, Any], before: bytes, answer: Answer) -> None:
        """Checks what the answer says of now, and what it does not depend on."""
        who, account = record["account"], self.oracle.accounts[record["account"]]
        if answer.duplicate is not True or self.oracle.policy["repeated_id"] != "first_answer":
            now = self._state(account)
            differ = [f"{field} {said}, not {is_so}" for field, is_so in now.items() if (said := getattr(answer, field)) != is_so]
            self._check("answer_is_the_state", not differ, f"The answer says {differ}.", _waits(account))
        converted = self.oracle.reader.convert(record)
        was = {who: msgspec.json.decode(before, type=Account)} if before else {}
        # One that was there before the first record begins as it was.
        alone = self._alone.setdefault(who, self.oracle.fork(was)).answer(converted)
        others = len(self.oracle.accounts) > 1
        self._check("answered_alone", alone == answer, f"Alone it is {alone}, not {answer}.", others)
        if before:
            saved = self.oracle.fork({who: msgspec.json.decode(before, type=Account)})
            same = saved.answer(converted) == answer and saved.accounts[who] == account
            detail = f"{record['event']} came out otherwise."
            self._check("going_on", same, detail, bool(account.sessions))

    def _again(self, first: Answer, account: Account) -> Answer:
        """The answer to a repeat of what was answered `first`; what it says of now is read off the account."""
        repeated = msgspec.structs.replace(first, duplicate=True)
        if self.oracle.policy["repeated_id"] == "first_answer":
            return repeated
        now = self._state(account)
        if self.oracle.policy["repeated_id"] == "refused":
            return Answer("refused", reason="id_must_be_new", duplicate=True, **now)
        return msgspec.structs.replace(repeated, **now)

    def _state(self, account: Account) -> dict[str, Any]:
        """The fields of an answer that say how an account is, read off its variables, the catalogue and its clocks."""
        state: dict[str, Any] = self.oracle.compiled.state(account.row)
        now: dict[str, Any] = dict.fromkeys(STATE) | {"balances": {}}
        if state["status"] != ABSENT:
            scheduled, plan = state["scheduled_plan"], self.oracle.catalogue.written()["plans"].get(state["plan"])
            now = {
                "status": state["status"],
                "plan": state["plan"],
                "scheduled_plan": None if scheduled == NONE else scheduled,
                "balances": {pool: state[pool] for pool in POOLS},
                "relaxed": plan["relaxed"] if plan is not None else [],
                "next_daily_reset_at": format_instant(daily.shown) if (daily := account.dial("daily")) is not None else None,
                "next_renewal_at": format_instant(renewal.shown) if (renewal := account.dial("renewal")) is not None else None,
            }
        return now

    def _refused(self, record: dict[str, Any], before: bytes, account: Account, code: str | None) -> None:
        if record["event"] == "transfer" and code == "tokens_cannot_be_transferred":
            self.met("no_gifting", "transfer_refused")
        if before and record["event"] != "payment_failed":
            was = msgspec.json.decode(before, type=Account)
            was.answers = account.answers
            self._check("refused_changes_nothing", was == account, f"{record['event']} was refused and changed the account.")

    def _accepted(self, record: dict[str, Any], before: bytes, account: Account, answer: Answer) -> None:
        event, name = record["event"], record["account"]
        if event == "transfer":
            self._check("transfer_refused", False, "A transfer was accepted.")
        if event == "quote":
            self.quoted = answer.cost if isinstance(answer.cost, int) else 0
        if event == "generate" and answer.mode == "tokens" and record["cost"] == self.quoted:
            paid = sum(answer.charge.values()) if isinstance(answer.charge, dict) else 0
            self._check("quote_is_charged", paid == self.quoted, f"{paid} was charged, {self.quoted} quoted.")
        if event == "refund":
            job = (name, record["job"])
            self._check("refunded_once", job not in self._refunded, f"{job[1]} was refunded twice.")
            self._refunded.add(job)
        if event in _PLAN_CHANGES and answer.status != "free":
            renewal = msgspec.json.decode(before, type=Account).dial("renewal")
            self._check("date_stands", renewal == account.dial("renewal"), f"{event} moved the renewal date.")
        if event in ("login", "refresh"):
            self._synced[name, record["session"]] = len(self._history[name]) - 1
            pools = dict(zip(TOTAL_POOLS, self.oracle.app_balances(account.row), strict=True))
            view = {"account": name, "at": record["at"], "event": "view", "session": record["session"], "shown": pools}
            self._check("fresh_is_current", self.oracle.apply(view).shown_is == "current", f"after {event}")
        if event == "view":
            expected = verdict(record["shown"], self._history[name][self._synced[name, record["session"]] :])
            self._check(
                "verdict_is_right",
                answer.shown_is == expected,
                f"{record['shown']} was called {answer.shown_is}; the history says {expected}.",
                expected == "stale",
            )

    # Time

    def _due(self, account: Account, at: int) -> None:
        state = self.oracle.compiled.state(account.row)
        for dial, due in ((account.dial("daily"), state["daily_reset_due"]), (account.dial("renewal"), state["renewals_due"])):
            shown, upcoming = (dial.shown, dial.upcoming) if dial is not None else (at + 1, at + 1)
            agrees = bool(due) == (shown <= at) and upcoming > at
            detail = f"at {at}: {state}, the clock shows {dial}."
            self._check("due_as_the_clock_says", agrees, detail, bool(due))

    def _periods(self, account: Account, at: int) -> None:
        dial = account.dial("renewal")
        if dial is None:
            return
        start = dial.anchor
        for end in islice(_renewals(start, self.oracle.policy), 39):
            # The period that holds the instant; behind the last one nothing is checked.
            if at < end:
                agrees = start <= at and end == dial.upcoming
                detail = f"anchor {dial.anchor}, at {at}: the period from {start} to {end}, clock {dial}."
                self._check("periods_tile", agrees, detail, start > dial.anchor)
                return
            start = end

    def _late_equals_on_time(self, name: str, account: Account, at: int) -> None:
        """Compares a copy whose jobs run at the instants they fall due with one that runs all of them at `at`, in due order."""
        order = _order(account, at, self.oracle.policy)
        if _waits(account) or order is None or self.oracle.policy["missed_renewals"] != "each":
            return
        on_time, late = account.copy(), account.copy()
        self.oracle.fork({}, "implied").advance(on_time, at)
        explicit = self.oracle.fork({name: late}, "explicit")
        explicit.advance(late, at)
        for job in order:
            explicit.apply({"account": name, "at": format_instant(at), "event": job})
        same = on_time.row == late.row and on_time.dials == late.dials
        self._check("late_equals_on_time", same, f"until {at}: on time {on_time.row}, late {late.row}.")


def _waits(account: Account) -> bool:
    """Returns true if a job of the account is late."""
    return any(dial is not None and dial.is_waiting for dial in (account.dial("daily"), account.dial("renewal")))


def verdict(shown: Mapping[str, int], since: Sequence[Vector]) -> str:
    """Returns the verdict on a view, by the balances from when its session was last told of them."""
    matching = [all(vector[TOTAL_POOLS.index(pool)] == tokens for pool, tokens in shown.items()) for vector in since]
    return "current" if matching[-1] else "stale" if any(matching) else "impossible"


def _order(account: Account, at: int, policy: Mapping[str, str]) -> list[str] | None:
    """Returns the jobs due until `at`, in order of first due; None where one settles across a due instant of the other."""
    daily, renewal = account.dial("daily"), account.dial("renewal")
    if all(dial is None or dial.upcoming > at for dial in (daily, renewal)):
        return None
    renewals = list[int]()
    if renewal is not None:
        due = dropwhile(renewal.upcoming.__gt__, _renewals(renewal.anchor, policy))
        renewals = list(islice(takewhile(at.__ge__, due), 200))
    days = range(daily.upcoming, at + 1, DAY_MS) if daily is not None else ()
    if not renewals:
        return ["daily_reset"]
    if not days:
        return ["renew"]
    # Both fell due. Each job settles all of its own instants at once, so the two runs must not overlap in time.
    if renewals[-1] <= days[0]:
        return ["renew", "daily_reset"]
    if days[-1] < renewals[0]:
        return ["daily_reset", "renew"]
    return None


def _renewals(anchor: int, policy: Mapping[str, str]) -> Iterator[int]:
    """Yields the anniversaries of a subscription begun at `anchor`, derived with the standard library, apart from the clock."""
    begun = datetime.fromtimestamp(anchor / 1000, UTC)
    day, time_of_day = begun.day, 0 if policy["renewal_time"] == "start_of_day" else anchor % DAY_MS
    for months in count(begun.month):
        year, month = begun.year + months // 12, months % 12 + 1
        on = min(day, monthrange(year, month)[1])
        day = on if policy["month_end"] == "stay_clamped" else day
        yield round(datetime(year, month, on, tzinfo=UTC).timestamp()) * 1000 + time_of_day
