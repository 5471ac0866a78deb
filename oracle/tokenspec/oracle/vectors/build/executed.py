"""Execution of runs: the right answers, the covered edges of the declared machines, the faults found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tokenspec.machine.interpreters.compiled import Row
from tokenspec.oracle.base.specification import SPEC, TOTAL_POOLS, AnyCatalogue
from tokenspec.oracle.fuzz.paths import PathStep, written
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.memory import refers
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import Record
from tokenspec.oracle.runtime.steps import MachineStep
from tokenspec.oracle.sut.capabilities import Capabilities
from tokenspec.oracle.sut.observed import asking, observed
from tokenspec.oracle.vectors.build.faulty_oracle import FaultyWorld, OracleFault
from tokenspec.oracle.vectors.build.layer_faults import LayerFault
from tokenspec.oracle.vectors.suite import written_vector
from tokenspec.oracle.wire.answers import TOTAL, Answer, total
from tokenspec.oracle.wire.records import Record as ReadRecord

_Record = TypeVar("_Record", Record, ReadRecord)


@dataclass(eq=False)
class ExecutedWorld:
    """Settings under which runs are executed: an oracle, and one with seeded faults."""

    policy: Mapping[str, str]
    catalogue: AnyCatalogue
    resets: str
    terms: Capabilities | None = None
    """The capabilities of the implementation that the runs are for; None where they are for all."""
    oracle: Oracle = field(init=False)
    faulty: FaultyWorld = field(init=False)

    def __post_init__(self) -> None:
        self.oracle = Oracle(self.policy, self.catalogue, self.resets)
        self.faulty = FaultyWorld(self.policy, self.catalogue, self.resets)

    def asked(self, record: Record) -> Record:
        """Returns the record with which an oracle is asked for everything that is observed."""
        return record if self.terms is None else record | asking(self.terms)

    def differs(self, record: Record, answer: Answer | None, right: Answer) -> bool:
        """Returns true if the answer to a record differs from the right one in what is compared."""
        return answer != right and self._compared(record, answer) != self._compared(record, right)

    def _compared(self, record: Record, answer: Answer | None) -> Any:
        if self.terms is None or answer is None:
            return answer
        if record["event"] == SPEC.opening.name and not self.terms.opens_accounts:
            return None
        # A faulty implementation may leave pools out.
        is_whole = answer.balances.keys() >= set(TOTAL_POOLS)
        return observed({TOTAL: total(answer) if is_whole else None, **answer.as_dict()}, answer, self.terms, None)


_worlds: dict[str, ExecutedWorld] = {}


def world_of(policy: Mapping[str, str], catalogue: AnyCatalogue, resets: str, terms: Capabilities | None = None) -> ExecutedWorld:
    """Returns the one world with these settings."""
    key = repr((sorted(policy.items()), catalogue, resets, terms))
    if key not in _worlds:
        _worlds[key] = ExecutedWorld(policy, catalogue, resets, terms)
    return _worlds[key]


@dataclass(eq=False)
class ExecutedRun:
    """A run with the right answers. `edges` are each event's result by state, and each rule after the one before."""

    world: ExecutedWorld
    records: Sequence[Record]
    read: list[ReadRecord]
    """The records as they are read, with what an oracle is asked for."""
    answers: list[Answer]
    steps: list[MachineStep]
    edges: dict[str, None]
    last: str
    """The rule or code of the last record."""
    before: Row
    """The row of the last record's account before the record."""

    def as_vector(self, name: str, title: str, clauses: Sequence[str]) -> dict[str, Any]:
        """Returns the run in the form of a file of a suite."""
        world, steps = self.world, zip(map(written, self.records), self.answers, strict=True)
        return written_vector(name, title, clauses, world.oracle.policy, world.catalogue, world.resets, steps)

    def first_shown(self, fault: LayerFault) -> int | None:
        """Returns the number of the first record that is answered otherwise with this fault; None if all are right."""
        world = self.world
        faulty = fault.make(world.oracle.fork({}))
        for number, (record, right) in enumerate(zip(self.records, self.answers, strict=True)):
            if world.differs(record, _answer(faulty.apply, world.asked(record)), right):
                return number
        return None

    def finds(self, fault: OracleFault | LayerFault) -> bool:
        """Returns true if an implementation with this fault, bound to this world, answers some record differently."""
        if isinstance(fault, LayerFault):
            return self.first_shown(fault) is not None
        if fault.initial == self.world.oracle.compiled.initial:
            changed = (step for step in self.steps if step.event in fault.steps)
            first = next((step for step in changed if fault.differs(step.event, step.outcome, step.fields, step.before)), None)
            if first is None and not (fault.remembers and any(refers(record["event"]) for record in self.records)):
                return False
            met = (first.event, first.outcome, first.fields, first.before) if first is not None else None
            if met is not None and self.world.terms is None and fault.shows(*met):
                return True
        world = self.world
        world.faulty.seed(fault)
        return any(
            world.differs(record, _answer(world.faulty.answer, read), right)
            for record, read, right in zip(self.records, self.read, self.answers, strict=True)
        )

    def goes_on(self, accounts: Mapping[str, Account]) -> bool:
        """Returns true if the last record is answered differently under the seeded fault, with these accounts before it."""
        faulty = self.world.faulty
        faulty.accounts = {name: account.copy() for name, account in accounts.items()}
        return self.world.differs(self.records[-1], _answer(faulty.answer, self.read[-1]), self.answers[-1])


def _answer(answer: Callable[[_Record], Answer], record: _Record) -> Answer | None:
    try:
        return answer(record)
    except Exception:  # a faulty declaration may have no outcome, or no end
        return None


def play(world: ExecutedWorld, records: Sequence[Record]) -> ExecutedRun:
    """Runs records in an empty world."""
    oracle = world.oracle.fork({})
    steps: list[MachineStep] = []
    edges: dict[str, None] = {}
    rules: dict[str, str] = {}
    """By account, the last rule that accepted an event."""
    read, answers, last, before = (
        [oracle.reader.convert(world.asked(record)) for record in records],
        [],
        "",
        oracle.compiled.initial,
    )
    for record, converted in zip(records, read, strict=True):
        name, event = record["account"], record["event"]
        account = oracle.accounts.get(name)
        before = account.row if account is not None else oracle.compiled.initial
        session = account.sessions.get(record.get("session", "")) if account is not None else None
        stepped = oracle.step(converted)
        for step in stepped.steps:
            edges |= dict.fromkeys(edges_of(oracle, step, rules.get(name, "")))
            if step.outcome[0] >= 0:
                rules[name] = oracle.compiled.rules[step.outcome[0]]
        steps += stepped.steps
        answers.append(stepped.answer)
        # Jobs that fell due by then have changed the row already.
        before = next((step.before for step in stepped.steps if step.event == event), before)
        last = stepped.decided_by or "duplicate"
        if event in oracle.session_machine.event_named:
            state = session.state if session is not None else oracle.session_out
            refused = stepped.answer.outcome == "refused"
            edges[f"session {state}: {event + ' refused, ' if refused else ''}{last}"] = None
    return ExecutedRun(world, records, read, answers, steps, edges, last, before)


def edges_of(oracle: Oracle, step: MachineStep | PathStep, after: str) -> Iterator[str]:
    """Yields the edges that a step covers; `after` is the rule before it, if any."""
    index = step.outcome[0]
    if index < 0:
        yield f"{step.before[0]}: {step.event} refused, {oracle.compiled.codes[-1 - index]}"
    else:
        rule = oracle.compiled.rules[index]
        yield f"{step.before[0]}: {rule}"
        if after:
            yield f"{after}, then {rule}"
