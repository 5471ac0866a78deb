"""Accounts that begin in mid-life, made from the state in a snapshot record.

What lies in the past is due. It falls due, and under implied resets runs, as it would have by the instant of the snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Self

from tokenspec.machine.interpreters.compiled import Compiled, Row
from tokenspec.machine.interpreters.dates import DAY_MS, date_of, days_in_month
from tokenspec.machine.lang.declaration import Machine
from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.base.text import as_text
from tokenspec.oracle.runtime.clocks import ClockReader, Dial
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.possible_states import possible_states
from tokenspec.oracle.runtime.steps import Stepped
from tokenspec.oracle.wire.records import Reader, Record, Snapshot
from tokenspec.oracle.wire.snapshot_records import AccountState
from tokenspec.spec.catalogue import Catalogue
from tokenspec.spec.words import NONE, POOLS, SUBSCRIBED


class OpeningOracle(Protocol):
    """The parts of an oracle that an account in mid-life is made with."""

    machine: Machine
    compiled: Compiled
    catalogue: Catalogue
    policy: dict[str, str]
    clocks: dict[str, ClockReader]
    reader: Reader

    def fork(self, accounts: Mapping[str, Account]) -> Self:
        """Returns an oracle under the same settings that has these accounts."""
        ...

    def step(self, record: Record, account: Account | None = None) -> Stepped:
        """Runs a record on an account."""
        ...


def begin(oracle: OpeningOracle, account: Account, record: Snapshot) -> None:
    """Puts `account`, which has no record yet, into the state of the snapshot, before anything has fallen due.

    Raises `BadRecord` where it is known, or where no account is ever like that, with the claim that says so.
    """
    if account.last_at is not None:
        raise BadRecord("event", "a snapshot is its account's first record, and there is one before it")
    _stand(oracle, account, record)
    wrong = possible_states(oracle.compiled, oracle.catalogue.ranking).wrong_with(account.row)
    if wrong is not None:
        account.row = oracle.compiled.initial
        raise BadRecord("state", wrong)
    account.daily_ran = account.daily_ran if account.daily is None else account.daily.anchor
    account.last_at, account.is_from_mid_life = _milliseconds(record.at), True


def row_of(oracle: OpeningOracle, record: Snapshot) -> Row:
    """Returns the row of the snapshot's state, whatever the policies. Raises `BadRecord`."""
    account = Account(oracle.compiled.initial)
    _stand(oracle, account, record)
    return account.row


def _stand(oracle: OpeningOracle, account: Account, record: Snapshot) -> None:
    state, at = record.state, _milliseconds(record.at)
    opened = Account(oracle.compiled.initial)
    opening = oracle.reader.convert({"account": record.account, "at": at, "event": "open_account"})
    oracle.fork({}).step(opening, opened)
    names = [v.name for v in oracle.machine.variables]
    values: dict[str, Any] = dict(zip(names, opened.row, strict=True))
    values |= {name: said for name in ("status", "plan") if (said := getattr(state, name)) is not None}
    values["scheduled_plan"] = state.scheduled_plan or NONE
    if state.balances is not None:
        values |= {pool: state.balances.get(pool) or 0 for pool in POOLS}
    daily, renewal = _daily(state, at, opened.daily), _renewal(oracle, state, at, values["status"])
    if renewal is not None and values["status"] == "past_due":
        # Its payment has failed, so that this renewal fell due before, and waits.
        values["renewals_due"] = 1
        oracle.clocks["renewal"].pass_one(renewal)
    account.row, account.daily, account.renewal = tuple(values[name] for name in names), daily, renewal


def _milliseconds(written: Any) -> int:
    assert isinstance(written, int), "the reader turns instants into milliseconds"
    return written


def _daily(state: AccountState, at: int, opened: Dial | None) -> Dial | None:
    if state.next_daily_reset_at is None:
        return opened
    shown = _milliseconds(state.next_daily_reset_at)
    if opened is None:
        raise _bad("next_daily_reset_at", "the catalogue has no daily tokens, so none is due; leave it out", shown)
    if shown > at + DAY_MS:
        raise _bad("next_daily_reset_at", f"it is at most 24 hours after {format_instant(at)}", shown)
    return Dial(shown, shown, shown - DAY_MS)


def _renewal(oracle: OpeningOracle, state: AccountState, at: int, status: str) -> Dial | None:
    if status not in SUBSCRIBED:
        for field in ("next_renewal_at", "renewal_day"):
            if (said := getattr(state, field)) is not None:
                raise _bad(field, f"an account that is {status} has no renewal; leave it out", said)
        return None
    if state.next_renewal_at is None:
        raise BadRecord("state.next_renewal_at", f"it is required for an account that is {status}")
    shown = _milliseconds(state.next_renewal_at)
    if status == "past_due" and shown > at:
        raise _bad("next_renewal_at", f"a payment has failed for it, so it is not after {format_instant(at)}", shown)
    year, month, day = date_of(shown // DAY_MS)
    aimed = state.renewal_day or day
    if day != min(aimed, days_in_month(year, month)):
        rule = f"the renewal at {format_instant(shown)} is on day {day}, which is neither this day nor the last of its month"
        raise _bad("renewal_day", rule, aimed)
    return Dial(shown, shown, shown, day if oracle.policy["month_end"] == "stay_clamped" else aimed)


def _bad(field: str, rule: str, said: int) -> BadRecord:
    return BadRecord(f"state.{field}", rule, as_text(format_instant(said) if field.endswith("_at") else said))
