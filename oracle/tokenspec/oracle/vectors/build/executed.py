"""What a run shows: the right answers to it, which edges of the declared machines it goes along, which faults it finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tokenspec.machine.interpreters.compiled import Fields, Outcome, Row
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.vectors.build.faulty_oracle import FaultyWorld, OracleFault
from tokenspec.oracle.vectors.build.script import Record
from tokenspec.oracle.wire.answers import Answer
from tokenspec.spec.catalogue import Catalogue
from tokenspec.spec.session import LOGGED_OUT


@dataclass(eq=False)
class ExecutedWorld:
    """Settings under which runs are played: an oracle, and one that takes on faults."""

    policy: Mapping[str, str]
    catalogue: Catalogue
    resets: str
    oracle: Oracle = field(init=False)
    faulty: FaultyWorld = field(init=False)

    def __post_init__(self) -> None:
        self.oracle = Oracle(self.policy, self.catalogue, self.resets)
        self.faulty = FaultyWorld(self.policy, self.catalogue, self.resets)


_worlds: dict[str, ExecutedWorld] = {}


def world_of(policy: Mapping[str, str], catalogue: Catalogue, resets: str) -> ExecutedWorld:
    """The one world with these settings."""
    key = repr((sorted(policy.items()), catalogue, resets))
    if key not in _worlds:
        _worlds[key] = ExecutedWorld(policy, catalogue, resets)
    return _worlds[key]


Step = tuple[str, Fields, Row, Outcome]


@dataclass(eq=False)
class Played:
    """A run with the right answers. `edges` are what each event came to in which state, and each rule after the one before."""

    world: ExecutedWorld
    records: Sequence[Record]
    answers: list[Answer]
    steps: list[Step]
    edges: dict[str, None]
    last: str
    """The rule or code of the last record."""
    before: Row
    """The row of the last record's account before it."""

    def finds(self, fault: OracleFault) -> bool:
        """Returns whether an implementation with this fault, bound to this world, answers some record otherwise."""
        if fault.initial == self.world.oracle.compiled.initial:
            changed = (step for step in self.steps if step[0] in fault.steps)
            first = next((step for step in changed if fault.differs(step[0], step[3], step[1], step[2])), None)
            if first is None:
                return False
            if fault.shows(first[0], first[3], first[1], first[2]):
                return True
        self.world.faulty.seed(fault)
        return any(_answer(self.world.faulty, r) != right for r, right in zip(self.records, self.answers, strict=True))


def _answer(oracle: Oracle, record: Record) -> Answer | None:
    try:
        return oracle.apply(record)
    except Exception:  # a faulty declaration may have no outcome, or no end
        return None


def play(world: ExecutedWorld, records: Sequence[Record]) -> Played:
    """Plays a run in an empty world."""
    oracle = world.oracle
    steps: list[Step] = []
    edges: dict[str, None] = {}
    rules: dict[int, str] = {}

    def watch(account: Account, event: str, fields: Fields, before: Row, outcome: Outcome) -> None:
        steps.append((event, fields, before, outcome))
        if outcome[0] < 0:
            edges[f"{before[0]}: {event} refused, {oracle.compiled.codes[-1 - outcome[0]]}"] = None
            return
        rule = oracle.compiled.rules[outcome[0]]
        edges[f"{before[0]}: {rule}"] = None
        if id(account) in rules:
            edges[f"{rules[id(account)]}, then {rule}"] = None
        rules[id(account)] = rule

    oracle.accounts, oracle.watch = {}, watch
    answers, last, before = [], "", oracle.compiled.initial
    for record in records:
        account = oracle.accounts.get(record["account"])
        before, taken = account.row if account is not None else oracle.compiled.initial, len(steps)
        session = account.sessions.get(record.get("session", "")) if account is not None else None
        answers.append(oracle.apply(record))
        # What fell due by then has changed the row already.
        before = next((step[2] for step in steps[taken:] if step[0] == record["event"]), before)
        if (last := oracle.last_rule or "duplicate") and record["event"] in oracle.session_machine.event_named:
            state = session.state if session is not None else LOGGED_OUT
            refused = answers[-1].outcome == "refused"
            edges[f"session {state}: {record['event'] + ' refused, ' if refused else ''}{last}"] = None
    oracle.watch = None
    return Played(world, records, answers, steps, edges, last, before)
