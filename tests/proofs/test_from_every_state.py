"""Faults of the code around the machine are found from the states of a small world, without any random run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from proofs.worked_out_once import from_states
from quality import test_seeded_layer_faults as faults
from tokenspec.invariants.scopes import TINY
from tokenspec.machine.checkers.graph.graph import StateGraph
from tokenspec.machine.checkers.monitor import Tally
from tokenspec.machine.fuzzing.coverage import Coverage
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.oracle.account import from_every_state as trying
from tokenspec.oracle.account.from_every_state import PARTS
from tokenspec.oracle.check.evidence import CheckSettings, Evidence
from tokenspec.oracle.check.from_every_state import from_every_state
from tokenspec.oracle.check.verdicts import discharged, violations
from tokenspec.oracle.fuzz.campaign import CampaignResult
from tokenspec.oracle.report.check import breaches
from tokenspec.oracle.runtime import journal, snapshot
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.answers import Answer
from tokenspec.oracle.wire.records import Record
from tokenspec.spec.policies import DEFAULTS
from tokenspec.spec.system import system

Patch = Callable[[pytest.MonkeyPatch], None]
_graphs: dict[str, StateGraph] = {}


@pytest.fixture(autouse=True)
def _states_are_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are those of the machine, which no fault of the code around it changes."""

    def graph(compiled: Compiled, *scope: Any) -> StateGraph:
        key = repr(compiled.parameters)
        _graphs[key] = _graphs.get(key) or StateGraph(compiled, *scope)
        return _graphs[key]

    monkeypatch.setattr(trying, "StateGraph", graph)


@pytest.mark.slow
@pytest.mark.parametrize("policy", [{}, {"repeated_id": "present_state", "refused_id": "free"}, {"repeated_id": "refused"}])
def test_every_part_holds_and_its_case_occurs(policy: dict[str, str]) -> None:
    found = from_states({**DEFAULTS, **policy})
    assert (found.broken, found.held) == (None, set(PARTS))
    assert all(found.tally.witnesses[part] for part in PARTS)


def forgets_the_session(patch: pytest.MonkeyPatch) -> None:
    """A saved state is read without its sessions."""
    right = snapshot.load_with_progress

    def read(content: bytes, name: str = "state") -> object:
        oracle, progress = right(content, name)
        for account in oracle.accounts.values():
            account.sessions.clear()
        return oracle, progress

    patch.setattr(snapshot, "load_with_progress", read)


def repeats_are_second_events(patch: pytest.MonkeyPatch) -> None:
    """No id is remembered."""
    right = Oracle._happens

    def happens(self: Oracle, account: journal.Account, record: Record) -> tuple[Answer, str | None]:
        account.answers.clear()
        return right(self, account, record)

    patch.setattr(Oracle, "_happens", happens)


def keeps_two_balances(patch: pytest.MonkeyPatch) -> None:
    """Of the balances since the oldest fetch, the last two are kept."""
    right = journal.verdict

    def verdict(account: journal.Account, session: str, shown: dict[str, int], now: journal.Vector) -> str:
        known = account.sessions.get(session)
        if known is None:
            return right(account, session, shown, now)
        short = replace(known, since=max(known.since, len(account.timeline) - 2))
        return right(replace(account, sessions={session: short}), session, shown, now)

    patch.setattr(journal, "verdict", verdict)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "claim"),
    [
        (faults.waiting_days_shown_as_coming, "answer_is_the_state"),
        (faults.ids_of_all_accounts_together, "accounts_stand_alone"),
        (faults.saved_without("entries", {}), "going_on_is_going_on"),
        (repeats_are_second_events, "repeated_id_changes_nothing"),
        (faults.views_judged_by_all_history, "fresh_view_is_true"),
        (keeps_two_balances, "fresh_view_is_true"),
        (forgets_the_session, "going_on_is_going_on"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_fault_of_the_code_is_found(fault: Patch, claim: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch)
    found = from_every_state(DEFAULTS)
    assert found.broken is not None
    assert found.broken.claim == claim
    assert found.held == set()


@pytest.mark.slow
def test_what_is_found_is_a_violation_of_the_check_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    keeps_two_balances(monkeypatch)
    evidence = Evidence(CheckSettings(TINY, 0), CampaignResult(Coverage(system().machines), Tally()))
    evidence.from_states = from_every_state(DEFAULTS)
    assert [each.part for each in violations(evidence)] == ["verdict_is_right"]
    assert discharged(evidence)["states"] == set()
    (told,) = breaches(evidence, None)
    assert (told.engine, told.part) == ("states", "verdict_is_right")
    assert "the history" in told.lines[0]
