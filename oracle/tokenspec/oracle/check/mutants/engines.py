"""The engines that any kind of fault is given to, and how a fault is told that one of them found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tokenspec.machine.checkers.monitor import Violation
from tokenspec.machine.checkers.prover.induction import LEMMA, REFUTED, VACUOUS, Induction
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.specification import Scope
from tokenspec.machine.mutation.edits import SeededFault
from tokenspec.oracle.base.specification import claims, lemmas
from tokenspec.oracle.check.mutants.recorded import KILLED, Fate
from tokenspec.oracle.fuzz.campaign import run

_EXAMPLES = 150
"""The number of random runs against a fault that nothing else finds."""


def killed(fault: SeededFault, claim: str, engine: str, steps: int) -> Fate:
    """Returns the fate of a fault that an engine found."""
    return Fate(fault.id, fault.operator, fault.fault, KILLED, claim, engine, steps)


def by_proof(fault: SeededFault, machines: Iterable[Machine], scope: Scope) -> Fate | None:
    """Finds a fault by a proof that fails of one of `machines`, which have it; None where all of them succeed."""
    for o in (o for machine in machines for o in Induction(machine, claims(scope.catalogue), lemmas()).obligations()):
        if o.verdict in (REFUTED, VACUOUS):
            return killed(fault, f"lemma {o.part}" if o.claim == LEMMA else o.claim, "prover", 1)
    return None


def by_random_runs(fault: SeededFault, **of_runs: Any) -> Fate | None:
    """Finds a fault by random runs, in clocks and journal as well; `of_runs` say what has it. None where it is not found."""
    failure = run(_EXAMPLES, shorten=False, **of_runs).failure
    if failure is None:
        return None
    claim = failure.error.claim if isinstance(failure.error, Violation) else type(failure.error).__name__
    return killed(fault, claim, "fuzzer", len(failure.records))
