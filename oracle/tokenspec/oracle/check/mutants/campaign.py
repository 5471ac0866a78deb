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

from tokenspec.machine.checkers.calendars import calendar_findings
from tokenspec.machine.checkers.compare.proved import breaches, proved_equivalent
from tokenspec.machine.checkers.exploration import instances
from tokenspec.machine.checkers.graph.graph import StateGraph
from tokenspec.machine.checkers.graph.liveness import liveness
from tokenspec.machine.checkers.monitor import Tally
from tokenspec.machine.checkers.native.search import Budget, Search, split
from tokenspec.machine.checkers.native.transitions import Scoped
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.lang.claims import Claim, StepPart, answer_types
from tokenspec.machine.lang.declaration import Machine, Policy
from tokenspec.machine.lang.derived.entries import differ_in_memory_alone, with_and_without_entry
from tokenspec.machine.lang.specification import Scope
from tokenspec.machine.mutation.operators import Mutant, mutants
from tokenspec.machine.mutation.systems import SystemMutant, system_mutants
from tokenspec.oracle.base.processes import processes
from tokenspec.oracle.base.specification import (
    DEFAULT,
    SCOPES,
    USUAL_SCOPE,
    AnyCatalogue,
    account,
    claimed_machines,
    claims,
    hint,
    lemmas,
    system,
)
from tokenspec.oracle.check.mutants import answers
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
    return settled(fault, SMALL) if isinstance(fault, SystemMutant) else None


# By name: a process that seeds all faults itself shares the unchanged parts with the original.
def _at_a_glance(names: Sequence[str]) -> list[Fate | None]:
    return at_a_glance([seeded()[name] for name in names])


def _of_account(settle: Callable[[Mutant], Fate | None], name: str) -> Fate | None:
    return settle(seeded()[name])


def settled(fault: SystemMutant, scope: Scope) -> Fate | None:
    """Returns what became of a fault of what is declared beside the rules; None where it survives.

    Links, timers and ids are claimed of machines that are made of the declared ones, so that a proof of these finds what is
    wrong with them. A calendar is held to its laws, and what is left is looked for in random runs, which count dates in their
    own way.
    """
    if fault.refused:
        return killed(fault, "", "validation", 0)
    if found := _by_law(fault, scope):
        return found
    try:
        changed = list(_changed(fault, scope))
    except ValueError:
        # The machines cannot be one any more, which `check` says before it proves anything.
        return killed(fault, "", "validation", 0)
    # Of a machine that has lost a name, a claim that reads it cannot be evaluated.
    readable = [machine for one, machine in changed if not _names(one) - _names(machine)]
    if found := by_proof(fault, readable, scope):
        return found
    if len(readable) < len(changed):
        return killed(fault, "", "validation", 0)
    if found := _by_graph(fault, scope):
        return found
    if changed and all(proved_equivalent(one, other, claims(scope.catalogue), lemmas()) for one, other in changed):
        return Fate(fault.id, fault.operator, fault.fault, EQUIVALENT, "", "prover")
    account = fault.system.machines[0]
    # A calendar that is wrong shows by dates that are counted in another way.
    is_changed = account is not system(scope.catalogue).machines[0]
    return by_random_runs(fault, machine=account, catalogue=scope.catalogue) if is_changed else None


def _names(machine: Machine) -> set[str]:
    return {variable.name for variable in machine.variables} | answer_types(machine).keys()


def _changed(fault: SystemMutant, scope: Scope) -> Iterator[tuple[Machine, Machine]]:
    """Yields each machine of which something is claimed and that the fault changes, as it is and with the fault."""
    if fault.with_id is not None:
        yield next(m for m in claimed_machines(system(scope.catalogue)) if m.name == fault.with_id.name), fault.with_id
        return
    after = {machine.name: machine for machine in claimed_machines(fault.system)}
    for machine in claimed_machines(system(scope.catalogue)):
        if machine.name in after and repr(machine) != repr(after[machine.name]):
            yield machine, after[machine.name]


def _by_law(fault: SystemMutant, scope: Scope) -> Fate | None:
    """Finds a calendar that breaks a law, or is not the one that is claimed."""
    account = fault.system.machines[0]
    if account is system(scope.catalogue).machines[0]:
        return None
    broken = (found for found in calendar_findings(account, claims(scope.catalogue)) if found.shown.broken)
    return next((killed(fault, found.claim.id, "prover", 1) for found in broken), None)


def _by_graph(fault: SystemMutant, scope: Scope) -> Fate | None:
    """Finds a small machine that gets stuck, or where what is to come never does."""
    for machine, before in zip(fault.system.machines[1:], system(scope.catalogue).machines[1:], strict=True):
        if machine is not before:
            graph = StateGraph(Compiled(machine, {}), instances(machine, {}), {})
            for each in liveness(graph, claims(scope.catalogue), Tally()):
                if each.broken:
                    return killed(fault, each.claim.id, "explorer", len(graph.rows))
    return None
