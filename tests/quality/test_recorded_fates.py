"""What is recorded of the mutants is what a run finds, and nothing survived without a word on it."""

from __future__ import annotations

import random

import pytest

from tokenspec.machine.lang.digest import digest
from tokenspec.oracle.check.mutants.campaign import at_a_glance, kill, seeded
from tokenspec.oracle.check.mutants.recorded import EQUIVALENT, KILLED, SURVIVED, kills, recorded
from tokenspec.spec.system import system

RECORD, SEEDED = recorded(), seeded()
FOUND = [fate for fate in RECORD.fates if fate.engine == "explorer" and fate.verdict == KILLED]
SAMPLE = random.Random(RECORD.digest).sample(FOUND, 6)


def test_the_record_is_of_this_declaration() -> None:
    assert RECORD.digest == digest(system()), "run: tokenspec mutants --record invariants/tokenspec/invariants/mutants.json"
    assert [fate.id for fate in RECORD.fates] == list(SEEDED)
    assert len(RECORD.fates) >= 200


def test_nothing_survived() -> None:
    assert [fate.id for fate in RECORD.fates if fate.verdict == SURVIVED] == []
    assert {fate.verdict for fate in RECORD.fates} == {KILLED, EQUIVALENT}


def test_every_claim_about_the_declaration_killed_something() -> None:
    counts = kills()
    assert counts is not None
    assert sum(counts.values()) > 800


@pytest.mark.slow
def test_a_sample_is_killed_as_recorded() -> None:
    faults = [SEEDED[fate.id] for fate in SAMPLE]
    again = [seen or kill(fault) for fault, seen in zip(faults, at_a_glance(faults), strict=True)]
    assert again == SAMPLE
