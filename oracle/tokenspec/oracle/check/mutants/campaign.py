"""The mutation certificate: for every seeded fault, the claim that kills it and the engine, or the reason why none does.

All faults are looked at together, in one search of the account in a small world for each batch of them, under every policy
that differs from the default one in at most two choices. Of those not found, the ones that are proved to answer everything
as the original does, under every figure and policy, are equivalent. The others are searched for one by one, every two
choices together, then by the proofs of the claims, then by random runs. Whatever is left has survived.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from typing import TypeAlias

from tokenspec.machine.checkers.compare.proved import breaches, proved_equivalent
from tokenspec.machine.checkers.native.search import Budget, Search, split
from tokenspec.machine.checkers.native.transitions import Scoped
from tokenspec.machine.lang.claims import Claim, StepPart, answer_types
from tokenspec.machine.lang.declaration import Machine, Policy
from tokenspec.machine.lang.derived.entries import differ_in_memory_alone, with_and_without_entry
from tokenspec.machine.lang.specification import Scope
from tokenspec.machine.mutation.operators import Mutant, mutants
from tokenspec.machine.mutation.systems import SystemMutant, system_mutants
from tokenspec.oracle.base.processes import processes
from tokenspec.oracle.base.specification import DEFAULT, SCOPES, USUAL_SCOPE, AnyCatalogue, account, claims, hint, lemmas, system
from tokenspec.oracle.check.mutants import answers, systems
from tokenspec.oracle.check.mutants.answers import AnswerMutant, answer_mutants
from tokenspec.oracle.check.mutants.engines import by_proof, by_random_runs, killed
from tokenspec.oracle.check.mutants.recorded import EQUIVALENT, SURVIVED, Fate
from tokenspec.oracle.check.scoped import openings, scoped

AnyMutant: TypeAlias = Mutant | SystemMutant | AnswerMutant
BUG = "transplanted_bug"
"""The operator of faults that were real bugs of other systems."""
_BATCH = 40
"""The number of faults in one search."""
SMALL = SCOPES[USUAL_SCOPE]
_APART = 2
"""The number of policies that differ from their default at once, where many faults are looked at."""
_STATES = 2_000_000
"""The limit on states searched under all policies."""


def seeded(catalogue: AnyCatalogue = SMALL.catalogue) -> dict[str, Mutant]:
    """Returns every fault by its id, in the account of a catalogue: the systematic ones, and bugs of other systems."""
    return _seeded_in(account(catalogue))


@cache
def _seeded_in(original: Machine) -> dict[str, Mutant]:
    bugs = (Mutant(f"bug.{fault.id}", BUG, "", fault.says, fault.seed(original)) for fault in hint("bugs") or ())
    return {fault.id: fault for fault in (*mutants(original), *bugs)}


def every_fault(scope: Scope = SMALL) -> dict[str, AnyMutant]:
    """Returns every fault by its id: those of the account, of what is declared beside its rules, and of the form of answers.

    What an id does is our own: its faults are no matter of a specification that claims nothing of ids.
    """
    claimed = {part.machine for claim in claims(scope.catalogue) for part in claim.parts if isinstance(part, StepPart)}
    of_system = (f for f in system_mutants(system(scope.catalogue)) if f.with_id is None or f.with_id.name in claimed)
    beside: list[AnyMutant] = [*of_system, *answer_mutants()]
    return {**seeded(scope.catalogue), **{fault.id: fault for fault in beside}}


@cache
def _claims(scope: Scope) -> tuple[list[Claim], list[Claim]]:
    return split(claims(scope.catalogue))


@cache
def _original(scope: Scope, ghosts: bool, left_open: tuple[Policy, ...]) -> Scoped:
    return scoped(scope, _claims(scope)[ghosts], left_open=left_open)


def at_a_glance(faults: Sequence[Mutant], scope: Scope = SMALL) -> list[Fate | None]:
    """Finds faults by validation, or by one search for all of them; None where they are not found."""
    original = account(scope.catalogue)
    # Where the fault removes a name that claims read, they cannot be evaluated.
    refused = [f for f in faults if f.refused or answer_types(f.machine).keys() != answer_types(original).keys()]
    # No search of the account sees what it remembers, and one event is as open to it as another.
    searched = [f for f in faults if f not in refused and not differ_in_memory_alone(original, f.machine)]
    found = breaches(_original(scope, False, original.policies), [f.machine for f in searched], _APART) if searched else []
    fates = {fault.id: killed(fault, "", "validation", 0) for fault in refused}
    for fault, breach in zip(searched, found, strict=True):
        if breach is not None:
            fates[fault.id] = killed(fault, breach.violation.claim, "explorer", len(breach.trace))
    return [fates.get(fault.id) for fault in faults]


def kill(fault: Mutant, scope: Scope = SMALL) -> Fate | None:
    """Finds a fault by a search of its own, or by proof; None where it is not found."""

    def search(ghosts: bool, left_open: tuple[Policy, ...] = ()) -> Fate | None:
        original = _original(scope, ghosts, left_open)
        mutant = scoped(scope, original.claims, left_open=left_open, machine=fault.machine, like=original)
        try:
            found = Search(mutant).run(Budget(states=_STATES))
        except OverflowError:
            # The fault makes a number too large for the native tier; proofs have no such limit.
            return None
        return killed(fault, found.violation.claim, "explorer", len(found.trace)) if found.violation is not None else None

    machines = with_and_without_entry(fault.machine)
    if differ_in_memory_alone(account(scope.catalogue), fault.machine):
        return by_proof(fault, machines[-1:], scope)
    fate = search(False) or search(True) or by_proof(fault, machines, scope)
    opened = [] if fate is not None else openings(scope, account(scope.catalogue).policies)
    return next(filter(None, (search(ghosts, some) for ghosts in (False, True) for some in opened)), fate)


def fuzz(fault: Mutant) -> Fate | None:
    """Finds a fault by random runs, in clocks and journal as well; None where it is not found."""
    return by_random_runs(fault, machine=seeded(DEFAULT)[fault.id].machine)


def equivalent(fault: Mutant, scope: Scope = SMALL) -> Fate | None:
    """Proves that a fault answers everything as the original does; None where no proof is found."""
    # With one entry of the memory, so that what is remembered is compared as well.
    original, other = (with_and_without_entry(machine)[-1] for machine in (account(scope.catalogue), fault.machine))
    if not proved_equivalent(original, other, claims(scope.catalogue), lemmas()):
        return None
    return Fate(fault.id, fault.operator, fault.fault, EQUIVALENT, "", "prover")


def fates(faults: Sequence[AnyMutant], tick: Callable[[int], None], workers: int) -> Iterator[Fate]:
    """Yields the result of each fault, in their order; each is reported to `tick`."""
    settled: dict[str, Fate] = {}

    def note(found: Iterable[Fate | None]) -> list[Mutant]:
        """Keeps what was found; returns the faults of the account that are not settled."""
        for fate in found:
            if fate is not None:
                settled[fate.id] = fate
                tick(1)
        return [fault for fault in faults if isinstance(fault, Mutant) and fault.id not in settled]

    of_account = [fault.id for fault in faults if isinstance(fault, Mutant)]
    with processes(workers) as pool:
        note(pool.map(_beside, [fault.id for fault in faults if not isinstance(fault, Mutant)]))
        batches = [of_account[i : i + _BATCH] for i in range(0, len(of_account), _BATCH)]
        left = note(fate for batch in pool.map(_at_a_glance, batches) for fate in batch)
        for settle in (equivalent, kill, fuzz):
            left = note(pool.map(partial(_of_account, settle), [fault.id for fault in left]))
    for fault in faults:
        yield settled.get(fault.id) or Fate(fault.id, fault.operator, fault.fault, SURVIVED)


@cache
def _faults_beside() -> dict[str, AnyMutant]:
    return every_fault()


def _beside(name: str) -> Fate | None:
    fault = _faults_beside()[name]
    if isinstance(fault, AnswerMutant):
        return answers.settled(fault)
    return systems.settled(fault, SMALL) if isinstance(fault, SystemMutant) else None


# By name: a process that seeds all faults itself shares the unchanged parts with the original.
def _at_a_glance(names: Sequence[str]) -> list[Fate | None]:
    return at_a_glance([seeded()[name] for name in names])


def _of_account(settle: Callable[[Mutant], Fate | None], name: str) -> Fate | None:
    return settle(seeded()[name])
