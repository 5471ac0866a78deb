"""What is remembered of a job is wrong in one place: a claim about one job, whichever it is, falls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from differential.walks import some_of
from proofs.worked_out_once import obligations
from tokenspec.invariants.claims import claims
from tokenspec.invariants.lemmas import lemmas
from tokenspec.invariants.scopes import SMALL
from tokenspec.machine.checkers.prover.induction import LEMMA, PROVED, Induction
from tokenspec.machine.lang.claims import StepPart
from tokenspec.machine.lang.declaration import Machine, Note
from tokenspec.machine.lang.derived.entries import OTHER, differ_in_memory_alone, with_entry
from tokenspec.machine.lang.expr import Lit, Var
from tokenspec.machine.mutation.edits import with_rule
from tokenspec.oracle.check.mutants.campaign import kill, seeded
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT


def notes(rule: str, **changed: Note | None) -> Machine:
    """The account in which `rule` writes other notes; None leaves one out."""
    return with_rule(
        account(), rule, lambda r: replace(r, notes=tuple(new for n in r.notes if (new := changed.get(n.name, n)) is not None))
    )


def open_parts(machine: Machine) -> set[tuple[str, str]]:
    every = Induction(with_entry(machine), claims(DEFAULT.ranking), lemmas()).obligations()
    return {(o.claim, o.part) for o in every if o.verdict != PROVED}


def test_with_its_own_memory_everything_is_proved() -> None:
    assert open_parts(account()) == set()


@pytest.mark.parametrize(
    ("seed", "part"),
    [
        (lambda: notes("generates_for_tokens", fast_part=None), "no_more_than_was_paid"),
        (lambda: notes("generates_for_tokens", fast_part=Note("fast_part", Var("cost"))), "no_more_than_was_paid"),
        (lambda: notes("refunds", job_is_refunded=None), "refunded_once"),
        (lambda: notes("refunds_api", job_is_refunded=Note("job_is_refunded", Lit(False))), "refunded_once"),
        # Nothing at all is written of a generation through the API, so that its id may be used again.
        (lambda: notes("generates_by_api", api_part=None), "generated_once"),
    ],
)
def test_a_note_that_is_wrong_breaks_the_claim_about_refunds(seed: Callable[[], Machine], part: str) -> None:
    assert ("refund_gives_back_what_was_charged", part) in open_parts(seed())


def test_another_job_is_left_open_and_leaves_this_one_alone() -> None:
    machine = with_entry(account())
    of_the_job = {v.name for v in machine.variables} - {v.name for v in account().variables}
    refund = machine.event_named[f"{OTHER}refund"]
    assert {f.name for f in refund.fields} == {OTHER + f.name for f in account().event_named["refund"].fields}
    assert {a.name for rule in refund.rules for a in rule.effect} & of_the_job == set()


def test_what_is_kept_of_ghosts_is_shown_of_every_event() -> None:
    """Else a part about one event could take for granted what another event breaks."""
    parts = [p for c in claims(DEFAULT.ranking) for p in c.parts if isinstance(p, StepPart) and p.ghosts and p.events]
    machine = with_entry(account())
    rules = {rule.name for event in machine.events for rule in event.rules}
    for part in (p for p in parts if p.machine == machine.name):
        shown = {o.about for o in Induction(machine, claims(DEFAULT.ranking), lemmas()).obligations() if o.part == part.name}
        assert rules <= shown
        break
    else:
        pytest.fail("no part of a claim has ghosts and speaks of some events alone")


@pytest.mark.slow
def test_every_seeded_fault_of_the_memory_is_killed() -> None:
    faults = [fault for fault in seeded().values() if differ_in_memory_alone(account(SMALL.catalogue), fault.machine)]
    assert len(faults) > 50
    survived = [fault.id for fault in some_of(faults, 20) if not fault.refused and kill(fault) is None]
    assert survived == []


def test_what_holds_in_every_state_of_the_account_holds_beside_a_job() -> None:
    every = obligations(with_entry(account()), claims(DEFAULT.ranking), lemmas())
    found = {o.part for o in every if o.claim == LEMMA}
    assert {"within_types", "free_is_plain", "new_job_is_blank", "pools_within_allowance.fast"} <= found
