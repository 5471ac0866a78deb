"""Systematic faults of what is declared beside the rules, and of what answers show: each is found by a claim or equivalent."""

from __future__ import annotations

from functools import cache

import pytest

from tokenspec.invariants.scopes import TINY
from tokenspec.machine.mutation.systems import SYSTEM_OPERATORS, SystemMutant, system_mutants
from tokenspec.oracle.check.mutants import answers, campaign
from tokenspec.oracle.check.mutants.answers import ANSWER_OPERATORS, AnswerMutant, answer_mutants
from tokenspec.oracle.check.mutants.campaign import every_fault, fates, seeded
from tokenspec.oracle.check.mutants.recorded import EQUIVALENT, KILLED
from tokenspec.spec.system import system


@cache
def of_system() -> dict[str, SystemMutant]:
    return {fault.id: fault for fault in system_mutants(system(TINY.catalogue))}


@cache
def of_answers() -> dict[str, AnswerMutant]:
    return {fault.id: fault for fault in answer_mutants()}


def test_every_operator_makes_some_and_each_has_a_name_of_its_own() -> None:
    assert {fault.operator for fault in of_system().values()} == SYSTEM_OPERATORS.keys()
    assert {fault.operator for fault in of_answers().values()} == ANSWER_OPERATORS.keys()
    assert len(every_fault(TINY)) == len(seeded(TINY.catalogue)) + len(of_system()) + len(of_answers())
    assert len(of_system()) == len(system_mutants(system(TINY.catalogue))) > 200


def test_each_differs_from_the_declaration_and_from_every_other() -> None:
    shown = [repr((fault.system, fault.with_id)) for fault in of_system().values()]
    assert len(set(shown)) == len(shown)
    assert repr((system(TINY.catalogue), None)) not in shown


@pytest.mark.parametrize(
    ("name", "claim"),
    [
        ("link_dropped.account.daily_reset.daily_job.runs", "machines_agree"),
        ("timer_moved.daily_job.four_hours_pass", "run_or_overdue_in_two_days"),
        ("timer_fires.daily_job.four_hours_pass", "run_or_overdue_in_two_days"),
        ("calendar.account.renewal.stay_clamped.start_of_day", "periods_tile"),
        ("id.id_must_be_new.operand", "repeated_id_changes_nothing"),
        ("id.answer_outcome.branch", "repeated_id_changes_nothing"),
        ("beside.daily_job.target.becomes_due.target.2", "run_or_overdue_in_two_days"),
        ("beside.session.requirement_dropped.view.account_must_exist", "exactly_one_outcome"),
        ("beside.session.target.logs_out.target", "machines_agree"),
    ],
)
def test_these_are_found_by_the_claim_that_is_about_them(name: str, claim: str) -> None:
    fate = campaign.settled(of_system()[name], TINY)
    assert fate is not None
    assert (fate.verdict, fate.claim) == (KILLED, claim)


def test_an_id_that_is_unused_has_no_outcome_to_be_kept() -> None:
    fate = campaign.settled(of_system()["id.first_outcome.kept"], TINY)
    assert fate is not None
    assert fate.verdict == EQUIVALENT


@pytest.mark.parametrize("name", ["shown_instant.next_renewal_at", "shown_exchanged.plan", "shown_repeat.duplicate"])
def test_an_answer_that_shows_something_else_is_found(name: str) -> None:
    fate = answers.settled(of_answers()[name])
    assert fate is not None
    assert (fate.verdict, fate.engine) == (KILLED, "explorer")


def test_all_kinds_are_settled_in_one_campaign() -> None:
    every = every_fault()
    names = ["timer_dropped.daily_job.two_days_pass", "shown_hidden.fast", "rule_dropped.opens"]
    found = list(fates([every[name] for name in names], lambda _: None, 1))
    assert [(fate.id, fate.verdict) for fate in found] == [(name, KILLED) for name in names]
