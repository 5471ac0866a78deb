"""What is remembered of an event id is wrong in one place: the claim about one id, whichever it is, falls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tokenspec.invariants.claims import claims
from tokenspec.invariants.lemmas import lemmas
from tokenspec.invariants.machines import WITH_ID
from tokenspec.machine.checkers.prover.induction import PROVED, Induction
from tokenspec.machine.lang.build import all_of, any_of, eq, negation, var
from tokenspec.machine.lang.declaration import Assign, Machine
from tokenspec.machine.lang.derived.used_ids import ACCEPTED, REFUSED_UNDER_ID, REPEATED, UNDER_ID, with_id
from tokenspec.machine.lang.expr import Lit
from tokenspec.machine.mutation.edits import with_effect, with_rule, without_requirement
from tokenspec.oracle.base.specification import claimed_machines
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.system import IDS, system

_used, _under, _free = var("id_is_used"), var(UNDER_ID), eq(var("refused_id"), "free")


def open_parts(edit: Callable[[Machine], Machine]) -> set[str]:
    machine = edit(with_id(account(), IDS))
    assert machine.name == WITH_ID
    every = Induction(machine, claims(DEFAULT.ranking), lemmas()).obligations()
    return {o.part for o in every if o.verdict != PROVED and o.claim == "repeated_id_changes_nothing"}


def test_as_declared_everything_is_proved() -> None:
    assert WITH_ID in {m.name for m in claimed_machines(system())}
    assert open_parts(lambda machine: machine) == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edit", "part"),
    [
        # An event does not use its id up, or uses up one that it does not come under.
        (lambda m: with_effect(m, "generates_for_tokens", {"id_is_used": _used}), "once"),
        (lambda m: with_effect(m, "buys_packs", {"id_is_used": True}), "once"),
        (lambda m: with_effect(m, "subscribes", {"id_is_used": all_of(_used, _under)}), "once"),
        (lambda m: without_requirement(m, "refund", "id_must_be_new"), "once"),
        (lambda m: without_requirement(m, "renewal_falls_due", "id_must_be_new"), "once"),
        (lambda m: with_effect(m, "schedules_end", {"first_outcome": "refused"}), "answered"),
        (lambda m: with_effect(m, f"{REPEATED}_unheard", {"topup": var("topup") + 1}), "changes_nothing"),
        (lambda m: with_effect(m, f"{REPEATED}_unheard", {"daily_reset_due": False}), "changes_nothing"),
        (lambda m: with_effect(m, f"{REPEATED}_unheard", {"id_is_used": negation(_used)}), "once"),
        (lambda m: with_effect(m, f"{REFUSED_UNDER_ID}_at_first", {"id_is_used": True}), "refused_uses_it_up"),
        (lambda m: with_effect(m, f"{REFUSED_UNDER_ID}_at_first", {"id_is_used": any_of(_used, _free)}), "refused_uses_it_up"),
        (lambda m: with_effect(m, f"{REFUSED_UNDER_ID}_at_first", {"first_outcome": ACCEPTED}), "answered"),
        (lambda m: _answers(m, Lit(ACCEPTED)), "answered"),
        (lambda m: _answers(m, var("first_outcome").expr), "answered"),
    ],
)
def test_an_id_that_is_remembered_wrongly_is_found(edit: Callable[[Machine], Machine], part: str) -> None:
    assert part in open_parts(edit)


def _answers(machine: Machine, value: object) -> Machine:
    """What comes again is answered with `value`, whatever the policy says."""
    answer = (Assign("outcome", value),)  # type: ignore[arg-type]
    return with_rule(machine, f"{REPEATED}_unheard", lambda r: replace(r, answer=answer))


def test_time_comes_under_no_id() -> None:
    clock = with_id(account(), IDS).event_named["daily_reset_falls_due"]
    assert clock.requires[0].holds == negation(_under).expr
