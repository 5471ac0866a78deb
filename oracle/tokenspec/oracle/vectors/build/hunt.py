"""Candidates for vectors: for every edge, every pair of rules and every seeded fault, a shortest run found that shows it."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from tokenspec.machine.interpreters.compiled import Fields, Row
from tokenspec.machine.lang.declaration import Actor
from tokenspec.oracle.base.specification import DEFAULT
from tokenspec.oracle.fuzz.paths import PathEdge, PathStep
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.script import Record
from tokenspec.oracle.vectors.build.executed import ExecutedRun, ExecutedWorld, edges_of
from tokenspec.oracle.vectors.build.faulty_oracle import OracleFault
from tokenspec.oracle.vectors.build.goals import Candidate, candidate
from tokenspec.oracle.vectors.build.scenarios import StartingPoint
from tokenspec.oracle.vectors.build.target import BuildTarget

_TRIES = 8
"""The largest number of changed steps that are followed until an answer shows the fault."""

_FOLLOWED = 150
"""The number of runs that are tried for each step."""

_PAIRS = 2_000
"""The number of paths followed in the search for every rule after every other."""


@dataclass
class Hunt:
    """Collects candidates. `faults` are those not found yet, bound to any world."""

    target: BuildTarget
    faults: list[OracleFault]
    candidates: list[Candidate] = field(default_factory=list)
    goals: set[str] = field(default_factory=set)
    """Edges and pairs that some candidate covers."""
    _known: set[bytes] = field(default_factory=set)

    def pairs(self) -> None:
        """Collects every rule after every other, from a new account."""
        world = self.target.world({}, DEFAULT)
        if world is not None:
            for edge in self.target.search(world, by_rules=True).edges(self.target.begun(()), _PAIRS):
                self._cover(world, edge)

    def at(self, point: StartingPoint) -> None:
        """Collects everything within reach of a point: its edges, under the default policies, and the faults that show there."""
        world = self.target.world(point.policy, point.catalogue)
        if world is None:
            return
        script = self.target.begun(point.script)
        found = _Found(self.target, self.target.search(world).edges(script, point.paths))
        if not point.policy:
            for edge in found.edges:
                self._cover(world, edge)
        left = []
        for fault in self.faults:
            fault.bind(world.oracle.parameters)
            hit = found.showing(fault, world)
            if hit is None:
                left.append(fault)
            else:
                self._add(candidate(f"fault {fault.id}", hit))
        self.faults = left

    def _cover(self, world: ExecutedWorld, edge: PathEdge) -> None:
        new = {name for step in edge.steps for name in edges_of(world.oracle, step, step.after)} - self.goals
        if not new:
            return
        # Without a record, several steps of time become one, so the run is executed anew.
        played = self.target.play(world, edge.records())
        new &= played.edges.keys()
        if new and self.target.takes(played):
            self.goals |= played.edges.keys()
            self._add(candidate(min(new), played))

    def _add(self, found: Candidate) -> None:
        """Adds a candidate; a run that was found before keeps its first name."""
        key = msgspec.json.encode([id(found.played.world), found.played.records])
        if key not in self._known:
            self._known.add(key)
            self.candidates.append(found)


class _Found:
    """Edges of one search, by their steps."""

    def __init__(self, target: BuildTarget, edges: Iterator[PathEdge]) -> None:
        self._target, self.edges = target, list(edges)
        self._after: dict[int, list[PathEdge]] = defaultdict(list)
        self._steps: dict[str, dict[tuple[Row, Fields], tuple[PathStep, PathEdge]]] = defaultdict(dict)
        self._played: dict[int, ExecutedRun] = {}
        for edge in self.edges:
            self._after[id(edge.way)].append(edge)
            for step in edge.steps:
                self._steps[step.event].setdefault((step.before, step.fields), (step, edge))

    def showing(self, fault: OracleFault, world: ExecutedWorld) -> ExecutedRun | None:
        """Returns the first run found in which an answer shows the fault."""
        if fault.initial != world.oracle.compiled.initial:
            return self._first(deque(self.edges[:_FOLLOWED]), fault, world)
        for event in fault.steps:
            tries = 0
            for step, edge in self._steps[event].values():
                if not fault.differs(event, step.outcome, step.fields, step.before):
                    continue
                by_itself = world.oracle.machine.event_named[event].actor is Actor.CLOCK
                siblings = [e for e in self._after[id(edge.way)] if e is not edge] if by_itself else []
                found = self._first(deque([edge, *siblings]), fault, world)
                if found is not None:
                    return found
                tries += 1
                if tries > _TRIES:
                    break
        return None

    def _first(self, waiting: deque[PathEdge], fault: OracleFault, world: ExecutedWorld) -> ExecutedRun | None:
        """Returns the first of these runs, or of their continuations, that shows the fault."""
        ends = dict[int, tuple[Sequence[Record], dict[str, Account]]]()
        """By path, what was run, and the accounts that the fault leaves at its end, where nothing was shown."""
        for _ in range(_FOLLOWED):
            if not waiting:
                return None
            edge = waiting.popleft()
            played = self._played.get(id(edge))
            if played is None:
                played = self._played[id(edge)] = self._target.play(world, edge.records())
            before, accounts = ends.get(id(edge.way), ((), {}))
            world.faulty.accounts = {}
            is_found = played.goes_on(accounts) if accounts and before == played.records[:-1] else played.finds(fault)
            if is_found and self._target.takes(played):
                return played
            if edge.then is not None:
                if not is_found:
                    ends[id(edge.then)] = played.records, dict(world.faulty.accounts)
                waiting.extend(self._after[id(edge.then)])
        return None


def hunted(target: BuildTarget, faults: Iterable[OracleFault], tick: Callable[[int], None] = lambda _: None) -> Hunt:
    """Returns all candidates. Points under other policies than the usual ones come last, and serve faults alone."""
    hunt = Hunt(target, list(faults))
    for point in target.points:
        if not point.policy:
            hunt.at(point)
            tick(1)
    hunt.pairs()
    for point in target.points:
        if point.policy:
            hunt.at(point)
            tick(1)
    return hunt
