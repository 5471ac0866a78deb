"""Claims about the clock and the journal fall when the clock or the journal is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tokenspec.machine.checkers.monitor import Violation
from tokenspec.machine.interpreters import dates
from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.fuzz.campaign import run
from tokenspec.oracle.runtime import journal
from tokenspec.oracle.runtime.journal import CLOCK_AT
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.steps import Stepped
from tokenspec.oracle.wire.answers import Answer
from tokenspec.oracle.wire.records import Record, event_of

Patch = Callable[[pytest.MonkeyPatch], None]


def drifting_months(patch: pytest.MonkeyPatch) -> None:
    """The day is taken from the period before, so 31 January leads to 28 March (killbill#127)."""
    right = dates.months_on
    patch.setattr(dates, "months_on", lambda days, months, aim: right(days, months, min(aim, dates.date_of(days)[2])))


def months_of_thirty_days(patch: pytest.MonkeyPatch) -> None:
    """A month is thirty days (lago-api#1840)."""
    patch.setattr(dates, "months_on", lambda days, months, aim: days + 30 * months)


def patch_step(patch: pytest.MonkeyPatch, change: Callable[[Oracle, Record, Stepped], object]) -> None:
    """`change` happens with every record that the campaign plays."""
    right = Oracle.step

    def step(self: Oracle, record: Record) -> Stepped:
        stepped = right(self, record)
        change(self, record, stepped)
        return stepped

    patch.setattr(Oracle, "step", step)


def count(account: journal.Account, days: int) -> None:
    """So many days more are taken to have ended."""
    account.ended = (account.ended[0] + days, *account.ended[1:])


def boundary_lost(patch: pytest.MonkeyPatch) -> None:
    """What falls due exactly now is not due yet (openmeter#4278)."""
    step, advance = Oracle.step, Oracle.advance
    patch.setattr(Oracle, "advance", lambda self, account, until: advance(self, account, until - 1))

    def a_moment_earlier(self: Oracle, record: Record) -> Stepped:
        known = self.accounts.get(record.account)
        assert isinstance(record.at, int)
        return step(self, replace(record, at=max(record.at - 1, known.last_at or 0 if known is not None else 0)))

    patch.setattr(Oracle, "step", a_moment_earlier)


def repeated_ids_run_again(patch: pytest.MonkeyPatch) -> None:
    """The first answer is given again, and the event happens again all the same."""

    def change(oracle: Oracle, record: Record, stepped: Stepped) -> None:
        count(oracle.accounts[record.account], stepped.decided_by is None)

    patch_step(patch, change)


def views_judged_by_all_history(patch: pytest.MonkeyPatch) -> None:
    """A balance that was true before the session last fetched is called stale instead of impossible."""
    right = journal.verdict

    def verdict(account: journal.Account, session: str, shown: dict[str, int], now: journal.Vector) -> str:
        known = account.sessions.get(session)
        if known is not None:
            known.since = 0
        return right(account, session, shown, now)

    patch.setattr(journal, "verdict", verdict)


def refresh_keeps_the_old_balance(patch: pytest.MonkeyPatch) -> None:
    """A verdict looks at what the session saw first."""
    patch.setattr(journal, "verdict", lambda account, session, shown, now: "stale")


def refusals_use_the_job_up(patch: pytest.MonkeyPatch) -> None:
    """A refused generation leaves a trace."""

    def change(oracle: Oracle, record: Record, stepped: Stepped) -> None:
        count(oracle.accounts[record.account], stepped.answer.outcome == "refused" and event_of(record) == "generate")

    patch_step(patch, change)


def one_account_is_another(patch: pytest.MonkeyPatch) -> None:
    """A generation of one account shows in all of them."""

    def change(oracle: Oracle, record: Record, stepped: Stepped) -> None:
        for account in oracle.accounts.values():
            count(account, event_of(record) == "generate")

    patch_step(patch, change)


def upgrades_restart_the_month(patch: pytest.MonkeyPatch) -> None:
    """The clock is started again by whatever remembers a plan change."""

    def change(oracle: Oracle, record: Record, stepped: Stepped) -> None:
        if stepped.answer.outcome == "accepted" and event_of(record) == "downgrade":
            assert isinstance(record.at, int)
            oracle.accounts[record.account].dials[CLOCK_AT["renewal"]] = oracle.clocks["renewal"].start(record.at)

    patch_step(patch, change)


def late_days_lost(patch: pytest.MonkeyPatch) -> None:
    """A late renewal counts its next month from the day it ran."""
    right = Oracle.apply

    def apply(self: Oracle, record: dict[str, Any]) -> Answer:
        answer, account = right(self, record), self.accounts[record["account"]]
        if record["event"] == "renew" and account.dial("renewal") is not None:
            account.dials[CLOCK_AT["renewal"]] = self.clocks["renewal"].start(int(self.reader.convert(record).at))
        return answer

    patch.setattr(Oracle, "apply", apply)


def waiting_days_shown_as_coming(patch: pytest.MonkeyPatch) -> None:
    """While a daily reset is late, the answer shows the one after it."""

    def answer(self: Oracle, account: journal.Account, *of: Any) -> Answer:
        told = right(self, account, *of)
        dial = account.dial("daily")
        return told if dial is None else replace(told, next_daily_reset_at=format_instant(dial.upcoming))

    right = Oracle.answer_of
    patch.setattr(Oracle, "answer_of", answer)


def ids_of_all_accounts_together(patch: pytest.MonkeyPatch) -> None:
    """An event id that one account has used is used for all of them."""
    right = Oracle._account

    def account(self: Oracle, name: str) -> journal.Account:
        found = right(self, name)
        found.answers = next(iter(self.accounts.values())).answers
        return found

    patch.setattr(Oracle, "_account", account)


def saved_without(part: str, value: Any) -> Patch:
    """What is saved of an account leaves something out."""

    def patch_account(patch: pytest.MonkeyPatch) -> None:
        right = msgspec.json.encode
        patch.setattr(
            msgspec.json,
            "encode",
            lambda what: right(replace(what, **{part: value}) if isinstance(what, journal.Account) else what),
        )

    patch_account.__name__ = f"saved_without_{part}"
    return patch_account


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "claim"),
    [
        (one_account_is_another, "no_gifting"),
        (refusals_use_the_job_up, "refused_changes_nothing"),
        (boundary_lost, "one_grant_per_due_date"),
        (upgrades_restart_the_month, "plan_changes_keep_the_date"),
        (late_days_lost, "late_equals_on_time"),
        (repeated_ids_run_again, "repeated_id_changes_nothing"),
        (views_judged_by_all_history, "fresh_view_is_true"),
        (refresh_keeps_the_old_balance, "fresh_view_is_true"),
        (drifting_months, "periods_tile"),
        (months_of_thirty_days, "periods_tile"),
        (waiting_days_shown_as_coming, "answer_is_the_state"),
        (ids_of_all_accounts_together, "accounts_stand_alone"),
        (saved_without("entries", {}), "going_on_is_going_on"),
        (saved_without("sessions", {}), "going_on_is_going_on"),
        (saved_without("ran", [0, 0]), "going_on_is_going_on"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_fuzz_kills(fault: Patch, claim: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch)
    result = run(300, shorten=False, only=claim)
    assert result.failure is not None, "survived"
    assert isinstance(result.failure.error, Violation), result.failure.error
    assert claim == result.failure.error.claim
