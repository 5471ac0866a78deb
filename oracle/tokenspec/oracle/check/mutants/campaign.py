"""The mutation certificate: for every seeded fault, the claim that kills it and the engine, or the reason why none does.

All faults are looked at together, in one search of the account in a small world for each batch of them, under every policy
that differs from the default one in at most two choices. Of those not found, the ones that are proved to answer everything
as the original does, under every figure and policy, are equivalent. The others are searched for one by one, every two
choices together, then by the proofs of the claims, then by random runs. Whatever is left has survived.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache

from tokenspec.machine.checkers.compare.breaches import breaches
from tokenspec.machine.checkers.compare.proved import proved_equivalent
from tokenspec.machine.checkers.monitor import Violation
from tokenspec.machine.checkers.native.search import Budget, Search, split
from tokenspec.machine.checkers.native.transitions import Scoped
from tokenspec.machine.checkers.prover.induction import LEMMA, REFUTED, VACUOUS, Induction
from tokenspec.machine.lang.claims import Claim, answer_types
from tokenspec.machine.lang.declaration import Machine, Policy
from tokenspec.machine.lang.derived.entries import differ_in_memory_alone, with_and_without_entry
from tokenspec.machine.lang.specification import Scope
from tokenspec.machine.mutation.operators import Mutant, mutants
from tokenspec.oracle.base.processes import processes
from tokenspec.oracle.base.specification import DEFAULT, SCOPES, USUAL_SCOPE, AnyCatalogue, account, claims, hint, lemmas
from tokenspec.oracle.check.mutants.recorded import EQUIVALENT, KILLED, SURVIVED, Fate
from tokenspec.oracle.check.scoped import openings, scoped
from tokenspec.oracle.fuzz.campaign import run

BUG = "transplanted_bug"
"""The operator of faults that were real bugs of other systems."""
_BATCH = 40
"""The number of faults in one search."""
SMALL = SCOPES[USUAL_SCOPE]
_APART = 2
"""The number of policies that differ from their default at once, where many faults are looked at."""
_STATES = 2_000_000
"""The limit on states searched under all policies."""
_EXAMPLES = 150
"""The number of random runs against the remaining faults."""


def seeded(catalogue: AnyCatalogue = SMALL.catalogue) -> dict[str, Mutant]:
    """Returns every fault by its id, in the account of a catalogue: the systematic ones, and bugs of other systems."""
    original = account(catalogue)
    bugs = (Mutant(f"bug.{fault.id}", BUG, "", fault.says, fault.seed(original)) for fault in hint("bugs") or ())
    return {fault.id: fault for fault in (*mutants(original), *bugs)}


@cache
def _claims(scope: Scope) -> tuple[list[Claim], list[Claim]]:
    return split(claims(scope.catalogue))


@cache
def _original(scope: Scope, ghosts: bool, left_open: tuple[Policy, ...]) -> Scoped:
    return scoped(scope, _claims(scope)[ghosts], left_open=left_open)


def _killed(fault: Mutant, claim: str, engine: str, steps: int) -> Fate:
    return Fate(fault.id, fault.operator, fault.fault, KILLED, claim, engine, steps)


def at_a_glance(faults: Sequence[Mutant], scope: Scope = SMALL) -> list[Fate | None]:
    """Finds faults by validation, or by one search for all of them; None where they are not found."""
    answers = answer_types(account(scope.catalogue)).keys()
    # Where the fault removes a name that claims read, they cannot be evaluated.
    refused = [bool(fault.refused) or answer_types(fault.machine).keys() != answers for fault in faults]
    # No search of the account sees what it remembers, and one event is as open to it as another.
    searched = [
        not is_refused and not differ_in_memory_alone(account(scope.catalogue), fault.machine)
        for fault, is_refused in zip(faults, refused, strict=True)
    ]
    readable = [fault for fault, is_searched in zip(faults, searched, strict=True) if is_searched]
    found = (
        breaches(_original(scope, False, account(scope.catalogue).policies), [fault.machine for fault in readable], _APART)
        if readable
        else []
    )
    broken = {fault.id: breach for fault, breach in zip(readable, found, strict=True) if breach is not None}
    fates: list[Fate | None] = []
    for fault, is_refused in zip(faults, refused, strict=True):
        if is_refused:
            fates.append(_killed(fault, "", "validation", 0))
        elif (breach := broken.get(fault.id)) is not None:
            fates.append(_killed(fault, breach.violation.claim, "explorer", len(breach.trace)))
        else:
            fates.append(None)
    return fates


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
        return _killed(fault, found.violation.claim, "explorer", len(found.trace)) if found.violation is not None else None

    def proof(machine: Machine) -> Fate | None:
        for o in Induction(machine, claims(scope.catalogue), lemmas()).obligations():
            if o.verdict in (REFUTED, VACUOUS):
                return _killed(fault, f"lemma {o.part}" if o.claim == LEMMA else o.claim, "prover", 1)
        return None

    if differ_in_memory_alone(account(scope.catalogue), fault.machine):
        return proof(with_and_without_entry(fault.machine)[-1])
    fate = search(False) or search(True) or next(filter(None, map(proof, with_and_without_entry(fault.machine))), None)
    opened = [] if fate is not None else openings(scope, account(scope.catalogue).policies)
    return next(filter(None, (search(ghosts, some) for ghosts in (False, True) for some in opened)), fate)


def fuzz(fault: Mutant) -> Fate | None:
    """Finds a fault by random runs, in clocks and journal as well; None where it is not found."""
    failure = run(_EXAMPLES, machine=seeded(DEFAULT)[fault.id].machine, shorten=False).failure
    if failure is None:
        return None
    error = failure.error
    claim = error.claim if isinstance(error, Violation) else type(error).__name__
    return _killed(fault, claim, "fuzzer", len(failure.records))


def equivalent(fault: Mutant, scope: Scope = SMALL) -> Fate | None:
    """Proves that a fault answers everything as the original does; None where no proof is found."""
    # With one entry of the memory, so that what is remembered is compared as well.
    original, other = (with_and_without_entry(machine)[-1] for machine in (account(scope.catalogue), fault.machine))
    if not proved_equivalent(original, other, claims(scope.catalogue), lemmas()):
        return None
    return Fate(fault.id, fault.operator, fault.fault, EQUIVALENT, "", "prover")


def fates(faults: Sequence[Mutant], tick: Callable[[int], None], workers: int) -> Iterator[Fate]:
    """Yields the result of each fault, in their order; each is reported to `tick`."""
    settled: dict[str, Fate] = {}

    def note(found: Iterable[Fate | None]) -> list[Mutant]:
        for fate in found:
            if fate is not None:
                settled[fate.id] = fate
                tick(1)
        return [fault for fault in faults if fault.id not in settled]

    with processes(workers) as pool:
        batches = [[fault.id for fault in faults[i : i + _BATCH]] for i in range(0, len(faults), _BATCH)]
        left = note(fate for batch in pool.map(_at_a_glance, batches) for fate in batch)
        for settle in (_equivalent, _kill, _fuzz):
            left = note(pool.map(settle, [fault.id for fault in left]))
    for fault in faults:
        yield settled.get(fault.id) or Fate(fault.id, fault.operator, fault.fault, SURVIVED)


@cache
def _faults() -> dict[str, Mutant]:
    return seeded()


# By name: a process that seeds all faults itself shares the unchanged parts with the original.
def _at_a_glance(names: Sequence[str]) -> list[Fate | None]:
    return at_a_glance([_faults()[name] for name in names])


def _equivalent(name: str) -> Fate | None:
    return equivalent(_faults()[name])


def _kill(name: str) -> Fate | None:
    return kill(_faults()[name])


def _fuzz(name: str) -> Fate | None:
    return fuzz(_faults()[name])
