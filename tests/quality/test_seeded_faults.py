"""Every fault is found by fuzzing, and by the claim it is seeded against, not by luck."""

from __future__ import annotations

import pytest

from tokenspec.invariants.claims import claims
from tokenspec.machine.checkers.monitor import Violation
from tokenspec.machine.lang.claims import CalendarPart, LayerPart, PairPart, Part
from tokenspec.oracle.account.transplanted_bugs import FAULTS, Fault
from tokenspec.oracle.fuzz.campaign import PROFILES, run
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_fuzz_kills(fault: Fault) -> None:
    result = run(PROFILES["ci"], machine=fault.seed(account()), shorten=False, only=fault.claim)
    assert result.failure is not None, f"{fault.says}: survived {result.count}"
    error = result.failure.error
    assert isinstance(error, Violation), error
    assert fault.claim == error.claim


def _is_of_account(part: Part) -> bool:
    return getattr(part, "machine", "") == account().name


def test_every_claim_about_the_declaration_has_a_fault_and_none_is_named_twice() -> None:
    # What is claimed of the oracle's layers or of calendars alone, no change of a rule breaks; claims about other machines and
    # what is made of them are broken by faults of their own (test_memory_faults.py, test_composition_faults.py).
    # No rule reaches another account.
    others = LayerPart | CalendarPart | PairPart
    of_account = [c.id for c in claims(DEFAULT.ranking) for p in c.parts if _is_of_account(p) and not isinstance(p, others)]
    assert set(of_account) <= {fault.claim for fault in FAULTS}
    assert len(FAULTS) == len({fault.id for fault in FAULTS})
