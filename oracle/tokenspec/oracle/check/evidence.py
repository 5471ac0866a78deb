"""Runs every engine on the declaration and collects the results.

The prover and the searches run beside the fuzzer, in a thread of their own: solver and native code leave the interpreter
free. Each result depends on its own input alone, so that the same settings give the same evidence.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain

import z3

from tokenspec.machine.checkers.calendars import CalendarFinding, calendar_findings
from tokenspec.machine.checkers.exploration import Exploration, instances
from tokenspec.machine.checkers.graph.findings import Finding
from tokenspec.machine.checkers.graph.graph import StateGraph, deadlocks
from tokenspec.machine.checkers.graph.liveness import liveness
from tokenspec.machine.checkers.monitor import Tally
from tokenspec.machine.checkers.native.search import Budget, Search, split
from tokenspec.machine.checkers.native.transitions import Scoped
from tokenspec.machine.checkers.prover.induction import VACUOUS, Induction, Obligation
from tokenspec.machine.checkers.wording import listed
from tokenspec.machine.fuzzing.coverage import Coverage
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.lang.declaration import Policy, System
from tokenspec.machine.lang.specification import Scope
from tokenspec.oracle.base.specification import (
    DEFAULTS,
    SPEC,
    WHOLE,
    AnyCatalogue,
    about_account,
    account,
    claimed_machines,
    claims,
    lemmas,
    system,
    whole,
)
from tokenspec.oracle.check.arising import Absence, absences
from tokenspec.oracle.check.from_every_state import FromStates, from_every_state
from tokenspec.oracle.check.scoped import combined, openings, scoped
from tokenspec.oracle.fuzz.campaign import CampaignResult, Progress, run


@dataclass(frozen=True)
class CheckSettings:
    """The settings of a check. `policy` fixes policies; `states` and `seconds` bound each search, `solving` each obligation."""

    scope: Scope
    examples: int
    seed: int = 0
    policy: Mapping[str, str] = field(default_factory=dict)
    catalogue: AnyCatalogue | None = None
    states: int | None = None
    seconds: float | None = None
    solving: float = 10.0
    keeps_states: bool = False
    """True if the states of the scope are needed for a certificate."""


@dataclass
class Searched:
    """A search of a scope under some policies, with the claims that need no ghosts, and with those that do."""

    scope: Scope
    policies: int
    """The number of combinations of choices it covers."""
    scoped: Scoped
    found: Exploration
    ranks: list[int] = field(default_factory=list)
    """The ranks of the states, where needed."""
    ghosts: Exploration | None = None

    @property
    def told(self) -> str:
        """Returns the policies, in words, and the machines where they are several."""
        under = f"{self.policies:,} policies" if self.policies > 1 else "one policy"
        return f"{under}, all machines together" if self.is_together else under

    @property
    def is_together(self) -> bool:
        """True for a search of all machines as one, which says nothing of claims about one of them."""
        return self.scoped.machine.name == WHOLE

    @property
    def explorations(self) -> list[Exploration]:
        """The one or two searches."""
        return [self.found, self.ghosts] if self.ghosts is not None else [self.found]

    @property
    def complete(self) -> bool:
        """True if everything was visited."""
        return self.ghosts is not None and all(each.complete for each in self.explorations)


@dataclass
class Evidence:
    """The results of all engines. `interrupted`: the check was ended early."""

    settings: CheckSettings
    fuzzed: CampaignResult
    obligations: list[Obligation] = field(default_factory=list)
    prove_seconds: float = 0.0
    is_proved_through: bool = False
    """True if every obligation was given to the solver."""
    searches: list[Searched] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    deadlocks: list[str] = field(default_factory=list)
    graphs: Tally = field(default_factory=Tally)
    calendars: list[CalendarFinding] = field(default_factory=list)
    from_states: FromStates = field(default_factory=FromStates)
    interrupted: KeyboardInterrupt | None = None
    absences: list[Absence] = field(default_factory=list)
    """Interesting cases that the settings rule out."""

    @property
    def searched(self) -> Tally:
        """The number of times each part was checked in states and transitions, and its interesting case met."""
        tally = Tally()
        for found in chain.from_iterable(each.explorations for each in self.searches):
            tally.add(found.tally)
        tally.add(self.graphs)
        return tally

    @property
    def tally(self) -> Tally:
        """The numbers of all engines together that count."""
        tally = self.searched
        tally.add(self.fuzzed.tally)
        tally.add(self.from_states.tally)
        for finding in self.calendars:
            tally.checked[finding.key] += finding.shown.cases
            tally.witnesses[finding.key] += finding.shown.met
        return tally

    @property
    def is_searched_through(self) -> bool:
        """True if every search was complete."""
        return bool(self.searches) and all(each.complete for each in self.searches)

    @property
    def is_whole(self) -> bool:
        """True if every engine finished."""
        return not self.interrupted and self.is_proved_through and all(each.complete for each in self.searches)


class _Stopped(Exception):
    pass


def gather(settings: CheckSettings, progress: Progress | None = None) -> Evidence:
    """Runs the engines. An interruption ends them within a fraction of a second; findings until then are kept."""
    # The solver would swallow an interruption during a query, and call the query undecided.
    z3.set_param("ctrl_c", False)
    evidence = Evidence(settings, CampaignResult(Coverage(system().machines), Tally()))
    stop = threading.Event()
    failed: list[BaseException] = []

    def exhaust() -> None:
        try:
            _exhaust(evidence, stop)
        except _Stopped:
            pass
        except BaseException as fault:  # raised again in the main thread
            failed.append(fault)

    worker = threading.Thread(target=exhaust, daemon=True)
    worker.start()
    try:
        evidence.fuzzed = run(
            settings.examples, seed_number=settings.seed, progress=progress, policy=settings.policy, catalogue=settings.catalogue
        )
        evidence.interrupted = evidence.fuzzed.interrupted
        while worker.is_alive() and not evidence.interrupted:
            worker.join(0.1)
        if not evidence.interrupted and not failed:
            apart = [each for each in evidence.searches if not each.is_together]
            through = " and ".join(f"the {each.scope.name} scope under {each.told}" for each in apart)
            searched = through if evidence.is_searched_through else ""
            evidence.absences += absences(evidence.tally, settings.policy, settings.catalogue, searched)
    except KeyboardInterrupt as fault:
        evidence.interrupted = fault
    stop.set()
    worker.join(0.5)
    if failed:
        raise failed[0]
    return evidence


def _exhaust(evidence: Evidence, stop: threading.Event) -> None:
    settings = evidence.settings

    def tick(_: int = 0) -> None:
        if stop.is_set():
            raise _Stopped

    machines = system().machines
    started = time.perf_counter()
    own = settings.catalogue
    declared = claimed_machines(system())
    proofs = [(machine, claims()) for machine in declared]
    # A user's plans and packs make another machine, some of whose rules may never apply.
    if own is not None and account(own) != machines[0]:
        proofs += [(machine, claims(own)) for machine in about_account(system(own))]
    for machine, claimed in proofs:
        for obligation in Induction(machine, claimed, lemmas(), settings.solving).obligations():
            if obligation.verdict != VACUOUS or machine in declared:
                evidence.obligations.append(obligation)
            evidence.prove_seconds = time.perf_counter() - started
            tick()
    evidence.is_proved_through = True
    for found in calendar_findings(machines[0], claims()):
        evidence.calendars.append(found)
        tick()
    evidence.from_states = from_every_state({**DEFAULTS, **settings.policy}, tick)
    for machine in machines[1:]:
        graph = StateGraph(Compiled(machine, {}), instances(machine, {}), {})
        evidence.findings += liveness(graph, claims(), evidence.graphs)
        evidence.deadlocks += [f"{machine.name} in {listed(graph.values(state))}" for state in deadlocks(graph)]
    budget = Budget(settings.states, settings.seconds, tick)
    fixed = {**DEFAULTS, **settings.policy}
    _search(evidence, settings.scope, fixed, (), budget)
    smallest = SPEC.scopes[0]
    if whole(system()) is not None:
        evidence.searches.append(search_together(system(smallest.catalogue), fixed, budget))
    for opened in openings(smallest, (p for p in machines[0].policies if p.name not in settings.policy)):
        _search(evidence, smallest, fixed, opened, budget)


def _search(evidence: Evidence, scope: Scope, policy: Mapping[str, str], left_open: tuple[Policy, ...], budget: Budget) -> None:
    """Searches `scope`, with the policies `left_open` as part of the state."""
    plain, ghostly = (scoped(scope, some, policy, left_open) for some in split(claims(scope.catalogue)))
    search = Search(plain)
    searched = Searched(scope, combined(left_open), plain, search.run(budget))
    if evidence.settings.keeps_states and not left_open:
        searched.ranks = list(search.ranks())
    evidence.searches.append(searched)
    if searched.found.complete and searched.found.violation is None:
        searched.ghosts = Search(ghostly).run(budget)


def search_together(of: System, policy: Mapping[str, str], budget: Budget) -> Searched:
    """Searches all machines of `of`, which has the names of the smallest scope, with their links as one machine."""
    scope, together = SPEC.scopes[0], whole(of)
    assert together is not None, "there are several machines"
    plain, ghostly = (scoped(scope, some, policy, machine=together) for some in split(claims(scope.catalogue)))
    searched = Searched(scope, 1, plain, Search(plain).run(budget))
    if searched.found.complete and searched.found.violation is None:
        searched.ghosts = Search(ghostly).run(budget)
    return searched
