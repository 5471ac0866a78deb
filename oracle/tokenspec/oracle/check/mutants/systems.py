"""Faults of what is declared beside the rules, each settled by a claim of whatever machine it changes, or proved equivalent.

Links, timers and ids are claimed of machines that are made of the declared ones, so that a proof of these finds what is wrong
with them. A calendar is held to its laws, and what is left is looked for in random runs, which count dates in their own way.
"""

from __future__ import annotations

from collections.abc import Iterator

from tokenspec.machine.checkers.calendars import calendar_findings
from tokenspec.machine.checkers.compare.proved import proved_equivalent
from tokenspec.machine.checkers.exploration import instances
from tokenspec.machine.checkers.graph.graph import StateGraph
from tokenspec.machine.checkers.graph.liveness import liveness
from tokenspec.machine.checkers.monitor import Tally
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.lang.claims import answer_types
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.specification import Scope
from tokenspec.machine.mutation.systems import SystemMutant
from tokenspec.oracle.base.specification import claimed_machines, claims, lemmas, system
from tokenspec.oracle.check.mutants.engines import by_proof, by_random_runs, killed
from tokenspec.oracle.check.mutants.recorded import EQUIVALENT, Fate


def settled(fault: SystemMutant, scope: Scope) -> Fate | None:
    """Returns what became of a fault; None where it survives."""
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
