"""What is recorded of the mutants is what a run finds, and nothing survived without a word on it."""

from __future__ import annotations

import random
from datetime import date

import pytest

from differential.walks import EFFORT
from tokenspec.invariants.claims import claims
from tokenspec.machine.lang.claims import CalendarPart, LayerPart, LeadsToPart, LivenessPart, PairPart
from tokenspec.machine.lang.digest import digest
from tokenspec.machine.mutation.operators import Mutant
from tokenspec.oracle.account.transplanted_bugs import FAULTS
from tokenspec.oracle.check.mutants.campaign import at_a_glance, every_fault, kill
from tokenspec.oracle.check.mutants.recorded import EQUIVALENT, KILLED, SURVIVED, kills, recorded
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.system import system

RECORD = recorded()
ROTATION = f" {date.today().isoformat()}" if EFFORT > 1 else ""
# The same six in every default run, since a test that fails at random is a fault; where more effort is asked for, other ones each
# day, so that in time all are tried. The day is enough to come to the same six again.
DICE = random.Random(f"{RECORD.digest}{ROTATION}")


def test_the_record_is_of_this_declaration() -> None:
    assert RECORD.digest == digest(system()), "run: tokenspec mutants --record invariants/tokenspec/invariants/mutants.json"
    assert [fate.id for fate in RECORD.fates] == list(every_fault())
    assert RECORD.fates


def test_nothing_survived() -> None:
    assert [fate.id for fate in RECORD.fates if fate.verdict == SURVIVED] == []
    assert {fate.verdict for fate in RECORD.fates} == {KILLED, EQUIVALENT}


def test_every_claim_about_the_declaration_killed_something() -> None:
    counts = kills()
    assert counts is not None
    # The engines that kill mutants check neither the oracle's layers nor what always comes to pass; calendars have faults of
    # their own (tests/proofs/test_calendars.py).
    # What is claimed of other machines, and of what is made of them, has faults of its own (test_composition_faults.py).
    apart = LayerPart | LivenessPart | LeadsToPart | CalendarPart | PairPart
    of_account = [(c.id, p) for c in claims(DEFAULT.ranking) for p in c.parts if getattr(p, "machine", "account") == "account"]
    about = {claim for claim, part in of_account if not isinstance(part, apart)}
    # The record names the first claim that falls. Whatever is never the first has a fault that is looked at for it alone.
    alone = {fault.claim for fault in FAULTS}
    assert {claim for claim in about - alone if not counts[claim]} == set()


@pytest.mark.slow
def test_a_sample_is_killed_as_recorded() -> None:
    of_account = {name: fault for name, fault in every_fault().items() if isinstance(fault, Mutant)}
    found = [fate for fate in RECORD.fates if fate.engine == "explorer" and fate.verdict == KILLED and fate.id in of_account]
    sample = DICE.sample(found, 6)
    faults = [of_account[fate.id] for fate in sample]
    again = [seen or kill(fault) for fault, seen in zip(faults, at_a_glance(faults), strict=True)]
    assert again == sample
