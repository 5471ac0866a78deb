"""Every fault is found by fuzzing, and by the claim it is seeded against, not by luck."""

from __future__ import annotations

import pytest

from tokenspec.machine.checkers.monitor import Violation
from tokenspec.oracle.check.mutants.transplanted_bugs import FAULTS, Fault
from tokenspec.oracle.fuzz.campaign import PROFILES, run
from tokenspec.spec.account import account


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_fuzz_kills(fault: Fault) -> None:
    result = run(PROFILES["ci"], machine=fault.seed(account()), shorten=False, only=fault.claim)
    assert result.failure is not None, f"{fault.says}: survived {result.count}"
    error = result.failure.error
    assert isinstance(error, Violation), error
    assert fault.claim == error.claim


def test_there_are_enough_faults_and_none_is_named_twice() -> None:
    assert len(FAULTS) >= 25
    assert len(FAULTS) == len({fault.id for fault in FAULTS})
