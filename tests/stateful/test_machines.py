"""Hypothesis drives every declared machine and the whole world; each of these classes is plain pytest."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tokenspec.invariants.claims import claims
from tokenspec.machine.fuzzing.stateful import fuzz_class
from tokenspec.oracle.fuzz.campaign import default_watch
from tokenspec.oracle.fuzz.worlds import world_fuzz
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.system import system

_ACCOUNT, _JOB, _SESSION = system().machines
_CLAIMS = claims(DEFAULT.ranking)
_SETTINGS = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)

TestAccount = fuzz_class(_ACCOUNT, _CLAIMS, DEFAULT.parameters(), default_watch()).TestCase
TestDailyJob = fuzz_class(_JOB, _CLAIMS).TestCase
TestSession = fuzz_class(_SESSION, _CLAIMS).TestCase
TestWorld = world_fuzz(watch=default_watch()).TestCase
for _case in (TestAccount, TestDailyJob, TestSession, TestWorld):
    _case.settings = _SETTINGS
