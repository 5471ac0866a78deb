"""Continues after a divergence: the account takes over its observation, as far as an account may be in that state.

A first difference thus does not hide the next one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET, structs

from tokenspec.machine.interpreters.dates import DAY_MS, date_of
from tokenspec.machine.lang.declaration import ClockAct
from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.base.specification import ABSENT, POOLS, SPEC, TOTAL_POOLS, account
from tokenspec.oracle.logs.reading import may_have_changed
from tokenspec.oracle.runtime.clocks import Dial, runs_in
from tokenspec.oracle.runtime.journal import CLOCK_AT, Account
from tokenspec.oracle.runtime.memory import KEY, charged_to, marks, refers
from tokenspec.oracle.runtime.mid_life import possible_states
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.snapshot import wrong_with_clocks
from tokenspec.oracle.wire.answers import (
    BY_POOL,
    INSTANTS,
    NULLS,
    SAID_BY_RULES,
    SHOWN,
    Answer,
    Difference,
    differences,
    without_delta,
)
from tokenspec.oracle.wire.observations import instant_of
from tokenspec.oracle.wire.records import Record, at_of, event_of

_STANDS_FOR_NULL = NULLS | {account().control: ABSENT}
_STANDING = (*SHOWN, *INSTANTS)
"""The answered fields, beside the balances, that an account holds and that are not derived from others."""


def observes_all(observed: Mapping[str, Any]) -> bool:
    """Returns true if all fields of an account's state are observed."""
    return all(name in observed for name in _STANDING) and all(pool in (observed.get("balances") or {}) for pool in POOLS)


class GoingOn:
    """Copies observations into the accounts of an oracle."""

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle
        self._possible = possible_states(oracle.compiled, oracle.catalogue)
        self._clock_of = {SPEC.answer.clocks[c]: clock for c, clock in oracle.clocks.items() if c in SPEC.answer.clocks}
        self._at = {v.name: position for position, v in enumerate(oracle.machine.variables)}

    def take_over(self, record: Record, answer: Answer, found: Sequence[Difference], is_repeated: bool = False) -> None:
        """Continues the account of `record`, whose right answer was `answer`, from its observation."""
        observed = record.observed or {}
        if any(field == "outcome" for field, _, _ in found):
            # Everything is observed here, and a null says that there is none.
            found = differences(answer, observed)
        account = self._oracle.accounts[record.account]
        changes = {field: got for field, _, got in found if field in _STANDING or field.startswith("balances.")}
        before = account.row
        taken = self._changed(account, changes)
        if taken is None:
            taken = account
            for change in changes.items():
                taken = self._changed(taken, dict([change])) or taken
        self._oracle.accounts[record.account] = taken
        if self._oracle.app_balances(taken.row) != self._oracle.app_balances(before):
            self._oracle.balances_change(taken)
        if not is_repeated:
            self._remember(taken, record, answer, observed)

    def pass_over(self, record: Record) -> tuple[Answer, bool]:
        """Passes over a record that depends on the time before the log; the account continues from the observation.

        The oracle's own answer, and whether it is known how the account stands. Raises `WentBack`.
        """
        account = self._oracle.accounts[record.account]
        answer = self._oracle.step(record, account.copy()).answer
        if not may_have_changed(record):
            return answer, True
        self._oracle.advance(account, at_of(record))
        observed = {
            pool: tokens for pool, tokens in ((record.observed or {}).get("balances") or {}).items() if tokens is not None
        }
        self.take_over(record, answer, differences(answer, {"balances": observed}))
        return answer, any(pool in observed for pool in TOTAL_POOLS)

    def _changed(self, account: Account, changes: Mapping[str, Any]) -> Account | None:
        """Returns the account with these values; None where no account has them."""
        changed, row = account.copy(), list[Any](account.row)
        for field, value in changes.items():
            if field in INSTANTS:
                clock = self._clock_of[field]
                changed.dials[CLOCK_AT[clock.declared.name]] = _dial(value)
                if clock.due is not None:
                    row[self._at[clock.due.name]] = self._oracle.compiled.initial[self._at[clock.due.name]]
            else:
                row[self._at[field.removeprefix("balances.")]] = _STANDS_FOR_NULL.get(field, value) if value is None else value
        changed.row = tuple(row)
        machine, control = self._oracle.machine, self._oracle.control
        for name in CLOCK_AT:
            if runs_in(machine, name, str(account.row[control])) and runs_in(machine, name, str(row[control])) is False:
                self._oracle.memory.clock_acts(changed, name, ClockAct.STOPS)
        return None if self._possible.wrong_with(changed.row) or wrong_with_clocks(self._oracle, changed) else changed

    def _remember(self, account: Account, record: Record, answer: Answer, observed: Mapping[str, Any]) -> None:
        """Records the remembered name and the id of `record` with the observed outcome and charge."""
        key, outcome, event = getattr(record, KEY, None), observed.get("outcome") or answer.outcome, event_of(record)
        if key is not None and refers(event):
            if key in account.entries and outcome != answer.outcome:
                happened = outcome == "accepted"
                marked = {name: value if happened else not value for name, value in marks(event).items()}
                self._oracle.memory.note(account, key, marked)
        elif key is not None and outcome == "accepted":
            charged = observed.get("charge")
            if charged is None:
                charged = {} if answer.charge is UNSET else answer.charge
            parts = {name: charged.get(pool) or 0 for name, pool in charged_to(event).items()}
            self._oracle.memory.note(account, key, parts)
        elif key is not None and answer.outcome == "accepted":
            account.entries.pop(key, None)
            (account.noted or {}).pop(key, None)
        if record.id is not None:
            account.answers.pop(record.id, None)
            used = account.used if account.used is not None else {}
            used.pop(record.id, None)
            if self._oracle.uses_id_up(outcome):
                account.answers[record.id] = _as_observed(without_delta(answer), observed)
                used[record.id] = account.last_at or 0


def _dial(written: str | int | None) -> Dial | None:
    if written is None:
        return None
    at = instant_of(written)
    return Dial(at, at, at, date_of(at // DAY_MS)[2])


def _as_observed(answer: Answer, observed: Mapping[str, Any]) -> Answer:
    """Returns the answer with the observed fields in place of its own."""
    said: dict[str, Any] = {name: value for name, value in observed.items() if value is not None and hasattr(answer, name)}
    # An instant may be observed as a number, or in another zone.
    said |= {name: format_instant(instant_of(said[name])) for name in INSTANTS if name in said}
    for name in BY_POOL:
        if name in said:
            ours = getattr(answer, name)
            pools = {**({} if ours is UNSET else ours), **{p: n for p, n in said[name].items() if n is not None}}
            said[name] = pools if name == "balances" or said[name] else UNSET
    if said.get("outcome", answer.outcome) != answer.outcome:
        said = {**dict.fromkeys(("reason", *SAID_BY_RULES), UNSET), **said}
    said.pop("duplicate", None)
    return structs.replace(answer, **said)
