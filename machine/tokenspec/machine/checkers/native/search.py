"""The native search: runs a kernel within budgets, and reads out what it found.

It visits the same states in the same order as `tests/plain_search.py`, which is written for reading, and names a violation by
replaying its trace through the compiled reader and the monitor: what the two say must agree.
"""

from __future__ import annotations

import struct
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from tokenspec.machine.checkers.exploration import Exploration, Instance
from tokenspec.machine.checkers.monitor import Violation, Watch, one_outcome
from tokenspec.machine.checkers.native.kernel import Kernel, Observer
from tokenspec.machine.checkers.native.snippets import RECORD
from tokenspec.machine.checkers.native.transitions import Scoped
from tokenspec.machine.interpreters import reference
from tokenspec.machine.interpreters.compiled import Compiled, Row
from tokenspec.machine.lang.claims import ONE_OUTCOME, Claim, LivenessPart, Part, StepPart
from tokenspec.machine.lang.counts import counted
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.errors import Gap
from tokenspec.machine.lang.expr import Expr, reads
from tokenspec.machine.lang.outcome import Values
from tokenspec.machine.lang.types import Bool, Enum, Type, Value
from tokenspec.machine.wasm.engine import Instance as Engine

_SLICE = 50_000
"""States between two looks at the budgets; a few hundredths of a second."""


_RECORD = "<qii"


class Disagreement(RuntimeError):
    """Two engines that must agree do not: a bug of ours."""


@dataclass
class Budget:
    """When to give up: so many states, so many seconds of search. `tick` is told how many states were visited."""

    states: int | None = None
    seconds: float | None = None
    tick: Callable[[int], None] | None = None


def split(claims: Iterable[Claim]) -> tuple[list[Claim], list[Claim]]:
    """The claims without their parts that need ghosts, and with those alone whose ghosts have a bound.

    Ghosts multiply the states, so they are searched by themselves; an unbounded one has endlessly many.
    """

    plain, bounded = list[Claim](), list[Claim]()
    for claim in claims:
        ghosts = {part: part.ghosts if isinstance(part, StepPart) else () for part in claim.parts}
        alone = tuple(part for part, its in ghosts.items() if not its)
        followed = tuple(part for part, its in ghosts.items() if its and all(g.most is not None for g in its))
        plain += [replace(claim, parts=alone)] if alone else []
        bounded += [replace(claim, parts=followed)] if followed else []
    return plain, bounded


class Search:
    """One search of `scoped`, from every combination of what it leaves open. `run` does it.

    `apart`: only from those combinations in which at most so many open parameters have another value than the one given.
    """

    def __init__(self, scoped: Scoped, hashed: bool = False, observed: Sequence[Observer] = (), apart: int | None = None) -> None:
        self._scoped, self._apart = scoped, apart
        self._started = time.perf_counter()
        self._kernel = Kernel(scoped, hashed, observed)
        self._engine = Engine(self._kernel.module())

    def run(self, budget: Budget | None = None) -> Exploration:
        """Everything reachable, or as much as the budget allows."""
        budget = budget or Budget()
        found = Exploration()
        try:
            broken = any(self._engine.call("discover", rank, -1, -1) for rank in self._first_ranks())
        except Violation as violation:
            found.violation = violation
            self._read_out(found)
            return found
        while not broken and not found.ended_by:
            before = self._engine.value("head")
            state = self._engine.call("run", _SLICE)
            if budget.tick:
                budget.tick(self._engine.value("head") - before)
            if state == 2:
                found.complete = True
                break
            broken = state == 1
            if budget.states is not None and self._engine.value("tail") > budget.states:
                found.ended_by = counted(budget.states, "state", form=",")
            elif budget.seconds is not None and time.perf_counter() - self._started > budget.seconds:
                found.ended_by = counted(budget.seconds, "second", form="g")
        if broken:
            self._name(found, self._engine.value("broken_from"), self._engine.value("broken_by"))
        elif found.complete:
            self._liveness(found)
        self._read_out(found)
        return found

    def ranks(self) -> Iterator[int]:
        """The rank of every state found, in the order found."""
        records = self._engine.read("records", self._kernel.base, RECORD * self._engine.value("tail"))
        return (rank for rank, _, _ in struct.iter_unpack(_RECORD, records))

    def _first_ranks(self) -> Iterator[int]:
        scoped, layout = self._scoped, self._scoped.layout
        choices = [[(p.name, value) for value in _values(p.type)] for p in scoped.open]
        read = [_read(scoped.machine, part.holds) for _, part in scoped.states]
        known = set[tuple[int, tuple[Value, ...]]]()
        for choice in product(*choices):
            if self._apart is not None and sum(scoped.parameters[name] != value for name, value in choice) > self._apart:
                continue
            parameters = {**scoped.parameters, **dict(choice)}
            first = reference.initial_state(scoped.machine, parameters)
            begins = {**parameters, **first}
            for number, (claim, part) in enumerate(scoped.states):
                # What a claim reads is the same for most choices.
                case = number, tuple(begins[name] for name in read[number])
                if case not in known and not scoped.constant(part.holds, begins):
                    raise Violation(claim.id, part.name, claim.sentence, f"It is false in the first state, {first}.")
                known.add(case)
            ghosts = {g.name: scoped.constant(g.initial, parameters) for g in scoped.ghosts}
            yield layout.rank({**dict(choice), **ghosts, **first})

    def _record(self, index: int) -> tuple[int, int, int]:
        return struct.unpack(_RECORD, self._engine.read("records", self._kernel.base + RECORD * index, RECORD))

    def trace(self, index: int) -> tuple[list[Instance], dict[str, Value]]:
        """The events that lead to the state found as number `index`, and what was open where they begin."""
        events: list[Instance] = []
        rank, before, event = self._record(index)
        while before >= 0:
            events.append(self._scoped.instances[event])
            rank, before, event = self._record(before)
        return events[::-1], self._scoped.layout.values(rank, [p.name for p in self._scoped.open])

    def _name(self, found: Exploration, index: int, by: int) -> None:
        """Replays the broken trace, so that the claim is named by a reader that shares nothing with the kernel."""
        if index < 0:
            raise Disagreement("the native search finds two runs from the first state broken, and nothing replays them")
        events, found.parameters = self.trace(index)
        found.violation, found.trace = replay(self._scoped, [*events, self._scoped.instances[by]], found.parameters)
        if found.violation is None:
            raise Disagreement(f"the native search finds a broken claim that the compiled reader does not: {found.trace}")

    def _liveness(self, found: Exploration) -> None:
        for number, (claim, part) in enumerate(self._kernel.liveness):
            first = 1
            while self._engine.call(f"pass_{number}", first):
                first = 0
            index = self._engine.call(f"unmarked_{number}")
            if index >= 0 and found.violation is None:
                found.trace, found.parameters = self.trace(index)
                state = self._scoped.layout.values(self._record(index)[0], [v.name for v in self._scoped.machine.variables])
                detail = f"From {state} none of {', '.join(part.events)} leads there."
                found.violation = Violation(claim.id, part.name, claim.sentence, detail)

    def _read_out(self, found: Exploration) -> None:
        counters, engine, scoped = self._kernel.counters, self._engine, self._scoped
        counts = struct.unpack(f"<{counters.total}q", engine.read("records", 0, 8 * counters.total))
        rules = [r.name for e in scoped.machine.events for r in e.rules]
        event_of = {r.name: e.name for e in scoped.machine.events for r in e.rules}
        found.rules = dict.fromkeys(rules, 0)
        for number, each in enumerate(counters.transitions):
            met, cut = counts[2 * number], counts[2 * number + 1]
            found.rules[rules[each.rule]] += each.times * (met - cut)
            for claim, part in scoped.steps:
                if not part.events or event_of[rules[each.rule]] in part.events:
                    found.tally.checked[claim.id, part.name] += each.times * met
        found.states, found.depth = engine.value("tail"), engine.value("depth")
        found.transitions = sum(found.rules.values())
        parts: list[tuple[Claim, Part]] = [*scoped.steps, *scoped.states, *self._kernel.two_runs, *self._kernel.liveness]
        for (claim, checked), witnesses in zip(parts, counts[counters.witnesses : counters.first_code], strict=True):
            found.tally.witnesses[claim.id, checked.name] = witnesses
            if not isinstance(checked, StepPart):
                found.tally.checked[claim.id, checked.name] = found.states
        if scoped.claims:
            found.tally.checked[ONE_OUTCOME] = found.tally.witnesses[ONE_OUTCOME] = found.states
        met = iter(counts[counters.first_code : counters.first_observed])
        for claim, refusal in scoped.refusals:
            key = claim.id, refusal.name
            found.tally.refused[key] = Counter({code: next(met) for code, _ in refusal.refusals})
            found.tally.witnesses[key] = min(found.tally.refused[key].values())
            found.tally.checked[key] = found.states
        found.observed = list(counts[counters.first_observed : counters.first_met])
        found.first_met = [number - 1 for number in counts[counters.first_met :]]
        found.memory = sum(engine.memory_bytes(memory) for memory in self._kernel.memories)
        found.seconds = time.perf_counter() - self._started


def replay(
    scoped: Scoped, trace: Sequence[Instance], parameters: Values, ends: Sequence[Instance] = ()
) -> tuple[Violation | None, list[Instance]]:
    """Returns the violation that the monitor finds along `trace`, or by one of `ends` behind it, and the events up to there."""
    machine, reader = scoped.machine, Compiled(scoped.machine, {**scoped.parameters, **parameters})
    # What stays possible is looked at when every state is known, not on the way.
    others = [replace(c, parts=tuple(p for p in c.parts if not isinstance(p, LivenessPart))) for c in scoped.claims]
    monitor = Watch(machine, others, {event for event, _ in (*trace, *ends)}).monitor(reader)

    def go(row: Row, ghosts: Row, event: str, fields: Sequence[Value]) -> tuple[Row, Row]:
        # The reference reader alone looks at every rule, and finds that none fits, or several.
        given = dict(zip((f.name for f in machine.event_named[event].fields), fields, strict=True))
        reference.step(machine, reader.parameters, reader.state(row), event, given)
        outcome = reader.steps[event](row, tuple(fields))
        ghosts = monitor.observe(event, tuple(fields), row, outcome, ghosts)
        return (outcome[1] if outcome[0] >= 0 else row), ghosts

    gone, row, ghosts = list[Instance](), reader.initial, monitor.initial_ghosts
    try:
        for instance in trace:
            gone.append(instance)
            row, ghosts = go(row, ghosts, *instance)
        for instance in ends:
            gone = [*trace, instance]
            go(row, ghosts, *instance)
    except Violation as violation:
        return violation, gone
    except Gap as gap:
        return one_outcome(gap), gone
    return None, gone


def _read(machine: Machine, expr: Expr) -> list[str]:
    """The variables and parameters that `expr` depends on."""
    names = set(reads(expr))
    for definition in reversed(machine.definitions):
        if definition.name in names:
            names |= set(reads(definition.expr))
    return sorted(names - {d.name for d in machine.definitions})


def _values(kind: Type) -> Sequence[Value]:
    if isinstance(kind, Bool):
        return (False, True)
    assert isinstance(kind, Enum), "only finite parameters are left open"
    return kind.members
