"""Two ways to tell that a fault changes nothing, which share no code: a proof, and a search of a small world."""

from __future__ import annotations

import random
from functools import cache

import pytest

from differential.compared import compare
from differential.walks import some_of
from tokenspec.invariants.scopes import TINY
from tokenspec.machine.mutation.operators import Mutant
from tokenspec.oracle.check.mutants.campaign import equivalent, seeded
from tokenspec.oracle.check.mutants.recorded import EQUIVALENT, KILLED, Fate, recorded
from tokenspec.oracle.check.scoped import openings, scoped
from tokenspec.spec.account import account


def fates(verdict: str) -> list[Fate]:
    return [fate for fate in recorded().fates if fate.id in seeded(TINY.catalogue) and fate.verdict == verdict]


@cache
def _proved(fault: Mutant) -> bool:
    return equivalent(fault) is not None


def test_what_a_claim_notices_is_not_proved_equivalent() -> None:
    sample = random.Random(1).sample([fate.id for fate in fates(KILLED) if fate.engine == "explorer"], 40)
    assert [name for name in sample if _proved(seeded()[name])] == []


def test_a_job_that_runs_once_is_not_one_that_runs_until_nothing_is_due() -> None:
    """One step of both is the same, and what they leave behind is not."""
    assert not _proved(seeded()["run_once.renew"])


@pytest.mark.slow
def test_what_is_proved_equivalent_answers_alike_in_every_state() -> None:
    """Under every two choices with TOKENSPEC_EFFORT=10, else under every two of a part of the policies."""
    names = [fate.id for fate in fates(EQUIVALENT)]
    assert names
    assert [name for name in names if not _proved(seeded()[name])] == []
    same = [seeded(TINY.catalogue)[name] for name in names]
    for some in some_of(openings(TINY, account(TINY.catalogue).policies), 1):
        found = compare(scoped(TINY, (), left_open=some), [fault.machine for fault in same])
        assert found.exploration.complete
        assert {fault.id: n for fault, n in zip(same, found.differing, strict=True) if n} == {}
