"""The mutation certificate: for every seeded fault, the claim that kills it and the engine that sees it, or why none does.

A fault is first searched for in a small world under the default policies; then proofs are tried, and then, as far as a
budget reaches, all policies. What is left is compared with the original in every state of that world under every policy:
what answers everything alike there is equivalent. What does not, and lives through random runs as well, has survived.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache

from tokenspec.invariants.claims import claims
from tokenspec.invariants.lemmas import lemmas
from tokenspec.machine.checkers.equivalence import compare
from tokenspec.machine.checkers.explore import instances
from tokenspec.machine.checkers.induction import LEMMA, REFUTED, VACUOUS, Induction
from tokenspec.machine.checkers.monitor import Violation
from tokenspec.machine.checkers.search import Budget, Search, split
from tokenspec.machine.checkers.transitions import Scoped
from tokenspec.machine.lang.claims import Claim, answer_types
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.errors import DeclarationErrors
from tokenspec.machine.lang.expr import reads
from tokenspec.machine.lang.validate import validate
from tokenspec.machine.testing.mutants import mutants
from tokenspec.oracle.campaign import run
from tokenspec.oracle.fates import EQUIVALENT, KILLED, SURVIVED, Fate
from tokenspec.oracle.faults import FAULTS
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT, Catalogue
from tokenspec.spec.policies import DEFAULTS
from tokenspec.spec.scopes import SMALL, Scope

BUG = "transplanted_bug"
"""The operator of faults that were real bugs of other systems."""
_FIRST_LOOK = 2_000_000
"""States searched under all policies."""
_EXAMPLES = 150
"""Random runs against what is left."""


@dataclass(frozen=True)
class Seeded:
    """A declaration with a fault in it; `refused` is what validation says against it."""

    id: str
    operator: str
    fault: str
    machine: Machine
    refused: str = ""


@cache
def seeded(catalogue: Catalogue = SMALL.catalogue) -> tuple[Seeded, ...]:
    """Every fault, in the account of a catalogue with three paid plans: the systematic ones, and bugs of other systems."""
    original = account(catalogue)
    found = [Seeded(m.id, m.operator, m.fault, m.machine, m.refused) for m in mutants(original)]
    for fault in FAULTS:
        machine = fault.seed(original)
        found.append(Seeded(f"bug.{fault.id}", BUG, fault.says, machine, _refusal(machine)))
    return tuple(found)


def _refusal(machine: Machine) -> str:
    try:
        validate(machine)
    except DeclarationErrors as faults:
        return str(faults)
    return ""


@cache
def _original(scope: Scope, ghosts: bool, opened: bool) -> Scoped:
    return _scoped(scope, account(scope.catalogue), ghosts, opened, None)


def _scoped(scope: Scope, machine: Machine, ghosts: bool, opened: bool, like: Scoped | None) -> Scoped:
    every = _claims(scope)
    left_open = tuple(p.parameter for p in machine.policies if opened and p.name in _read(scope))
    parameters = {**scope.catalogue.parameters(), **DEFAULTS}
    return Scoped(machine, parameters, instances(machine, scope.values), scope.most, every[ghosts], left_open, like)


@cache
def _claims(scope: Scope) -> tuple[list[Claim], list[Claim]]:
    return split(claims(scope.catalogue.ranking))


@cache
def _read(scope: Scope) -> frozenset[str]:
    return frozenset(reads(account(scope.catalogue))) | frozenset(reads(claims(scope.catalogue.ranking)))


def kill(fault: Seeded, scope: Scope = SMALL) -> Fate | None:
    """How a fault is found by validation, search or proof; None where it is not."""

    def killed(claim: str, engine: str, steps: int) -> Fate:
        return Fate(fault.id, fault.operator, fault.fault, KILLED, claim, engine, steps)

    if fault.refused:
        return killed("", "validation", 0)

    def search(ghosts: bool, opened: bool) -> Fate | None:
        like = _original(scope, ghosts, opened)
        try:
            found = Search(_scoped(scope, fault.machine, ghosts, opened, like)).run(Budget(states=_FIRST_LOOK))
        except OverflowError:
            # The fault makes a number that the native tier has no room for; a proof has.
            return None
        return killed(found.violation.claim, "explorer", len(found.trace)) if found.violation is not None else None

    def proof() -> Fate | None:
        for o in Induction(fault.machine, claims(scope.catalogue.ranking), lemmas()).obligations():
            if o.verdict in (REFUTED, VACUOUS):
                return killed(f"lemma {o.part}" if o.claim == LEMMA else o.claim, "prover", 1)
        return None

    if answer_types(fault.machine).keys() != answer_types(account(scope.catalogue)).keys():
        # The claims read what the fault takes away: they cannot even be asked of it.
        return killed("", "validation", 0)
    return search(False, False) or search(True, False) or proof() or search(False, True) or search(True, True)


def fuzz(fault: Seeded) -> Fate | None:
    """How random runs find a fault, in clocks and journal as well; None where they do not."""
    machine = next(each.machine for each in seeded(DEFAULT) if each.id == fault.id)
    failure = run(_EXAMPLES, machine=machine, shorten=False).failure
    if failure is None:
        return None
    error = failure.error
    claim = error.claim if isinstance(error, Violation) else type(error).__name__
    return Fate(fault.id, fault.operator, fault.fault, KILLED, claim, "fuzzer", len(failure.records))


def equivalent(faults: Iterable[Seeded], scope: Scope = SMALL, budget: Budget | None = None) -> set[str]:
    """Those of `faults` that answer everything as the original does, in every state of the scope under every policy."""
    listed = list(faults)
    compared = compare(_without_claims(scope), [fault.machine for fault in listed], budget)
    if not compared.exploration.complete:
        return set()
    return {fault.id for fault, differing in zip(listed, compared.differing, strict=True) if not differing}


def _without_claims(scope: Scope) -> Scoped:
    machine = account(scope.catalogue)
    read = set(reads(machine))
    left_open = tuple(p.parameter for p in machine.policies if p.name in read)
    return Scoped(
        machine, {**scope.catalogue.parameters(), **DEFAULTS}, instances(machine, scope.values), scope.most, (), left_open
    )


def fates(faults: Sequence[Seeded], tick: Callable[[int], None], workers: int) -> Iterator[Fate]:
    """What becomes of each fault, in their order; `tick` is told of each that is settled."""
    settled: dict[str, Fate] = {}

    def note(found: Iterable[Fate | None]) -> None:
        for fate in found:
            if fate is not None:
                settled[fate.id] = fate
                tick(1)

    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_ignore_interrupts) as pool:
        try:
            note(pool.map(_kill, [fault.id for fault in faults]))
            left = [fault for fault in faults if fault.id not in settled]
            same = equivalent(left) if left else set()
            note(Fate(f.id, f.operator, f.fault, EQUIVALENT, "", "explorer") for f in left if f.id in same)
            note(pool.map(_fuzz, [fault.id for fault in left if fault.id not in same]))
        except KeyboardInterrupt:
            for process in list(getattr(pool, "_processes", {}).values()):
                process.terminate()
            pool.shutdown(cancel_futures=True)
            raise
    for fault in faults:
        yield settled.get(fault.id) or Fate(fault.id, fault.operator, fault.fault, SURVIVED)


def _ignore_interrupts() -> None:
    """An interruption is the business of the process that waits."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _kill(name: str) -> Fate | None:
    # By name: a process that seeds all faults itself shares with the original what a fault leaves alone.
    return kill(next(fault for fault in seeded() if fault.id == name))


def _fuzz(name: str) -> Fate | None:
    return fuzz(next(fault for fault in seeded() if fault.id == name))
