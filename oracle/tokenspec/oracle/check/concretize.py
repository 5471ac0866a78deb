"""Conversion of a machine's counterexample into a log of the whole oracle: instants, job ids, and the oracle's answers.

The search has no calendar and no journal: there, anything may fall due at any time, and a job may have any facts.
In a log, a clock falls due at its instant, so the instants are chosen to follow the trace as far as the
calendar allows (a month has some thirty daily marks). The log is then checked anew against the claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from types import SimpleNamespace

from tokenspec.machine.checkers.exploration import instances
from tokenspec.machine.checkers.monitor import Violation, Watch
from tokenspec.machine.checkers.native.search import Budget, Search, split
from tokenspec.machine.checkers.native.transitions import Scoped
from tokenspec.machine.lang.catalogue import UNLISTED, Listed, LookedUp, Named
from tokenspec.machine.lang.claims import LayerPart, LivenessPart, TwoRunPart
from tokenspec.machine.lang.declaration import Actor, Clock, Event, Machine, Origin
from tokenspec.machine.lang.errors import Gap
from tokenspec.machine.lang.outcome import Values
from tokenspec.machine.lang.types import Value
from tokenspec.oracle.base.instants import format_instant, parse_instant
from tokenspec.oracle.base.specification import DEFAULTS, SPEC, WHOLE
from tokenspec.oracle.check.counterexample import Counterexample
from tokenspec.oracle.fuzz.worlds import Failure, FuzzWorld, world_fuzz
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.memory import KEY, MEMORY, refers
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import LOOK, UNKNOWN, Move, Record, Schedule, Wait, move
from tokenspec.oracle.wire.records import asked
from tokenspec.oracle.wire.settings import catalogue_from

_START = parse_instant("2027-01-01T09:00:00Z")
_STATES_MAX = 2_000_000
"""The limit on the states searched for another path."""

_RUNS_MAX = 1_000_000
"""The limit on the events of one record; no record reaches it."""
_QUOTED = "price of {}"
"""An action whose price is its name's number; the catalogues of scopes have no price list of their own."""


class UnrealisableError(Exception):
    """A trace that no log follows; the message has the reason."""


@dataclass(frozen=True)
class Log:
    """Records with the right answers under `observed`, and the world that they belong to.

    `note` describes a deviation of the log from its counterexample.
    """

    records: list[Record]
    world: FuzzWorld
    note: str = ""


def realised(example: Counterexample) -> Log:
    """Returns a log that breaks the claim as `example` does. Raises `UnrealisableError` where none was found."""
    if example.machine.name == WHOLE:
        raise UnrealisableError("it is a run of all machines together, and a log is one of an account")
    try:
        return _followed(example)
    except UnrealisableError:
        if (other := _without_references(example)) is None:
            raise
        return replace(_followed(other), note=f"its way there is another: the trace refers to a {KEY} that was never accepted")


def _followed(example: Counterexample) -> Log:
    catalogue = catalogue_from(example.scope.catalogue.written() | _listed(example))
    world = FuzzWorld({name: str(example.parameters[name]) for name in DEFAULTS}, catalogue, "explicit")
    writer, part = _Writer(example, world), example.broken
    events = [(step.event, step.fields) for step in example.steps]
    if isinstance(part, TwoRunPart):
        # Two accounts have the same beginning; then each takes one of the two paths.
        writer.write("a", [*events, *((event, {}) for event in part.left)])
        writer.write("b", [*events, *((event, {}) for event in part.right)])
    elif isinstance(part, LivenessPart):
        writer.write("a", [*events, (part.goal, dict(part.fields))])
    else:
        writer.write("a", events)
    records = sorted(writer.records, key=lambda record: parse_instant(record["at"]))
    needed = _broken_by(example, records, world)
    if not needed:
        raise UnrealisableError("clocks and journal never lead there in the order that the trace asks for")
    # Records after the violation matter only where it concerns two runs or a dead end.
    return Log(records if isinstance(part, TwoRunPart | LivenessPart) else records[:needed], world)


def _broken_by(example: Counterexample, records: list[Record], world: FuzzWorld) -> int:
    """Returns the number of records up to the one that breaks the claim; 0 where none does."""
    claim, machine = example.claim, example.machine
    fuzz = world_fuzz(machine, Watch(machine, [claim]), world.catalogue)
    fuzz.only = frozenset({claim.id})
    # Only the reference reader sees that two rules apply; agreement of the readers is checked elsewhere.
    fuzz.check_readers_every = 1 if isinstance(example.broken, LayerPart) else len(records) * _RUNS_MAX
    try:
        fuzz().replay(records, world)
    except Violation as violation:
        failure: Failure | None = fuzz.failure
        return len(failure.records) if failure is not None and violation.claim == claim.id else 0
    return 0


def _without_references(example: Counterexample) -> Counterexample | None:
    """Returns a violation without an event that refers to an accepted one; None where none is found."""
    machine, scope = example.machine, example.scope
    if not any(refers(step.event) for step in example.steps):
        return None
    events = [instance for instance in instances(machine, scope.values) if not refers(instance[0])]
    plain, ghostly = split([example.claim])
    claims = ghostly if any(p.name == example.part for c in ghostly for p in c.parts) else plain
    found = Search(Scoped(machine, example.parameters, events, scope.most, claims)).run(Budget(_STATES_MAX))
    if found.violation is None or found.violation.claim != example.claim.id:
        return None
    return replace(example, part=found.violation.part, trace=tuple(found.trace))


def answered(records: list[Record], world: FuzzWorld, machine: Machine | None = None) -> list[Record]:
    """Returns the records with the oracle's answers; a record without an outcome has no answer."""
    oracle = Oracle(world.policy, world.catalogue, world.resets, machine)
    found = []
    for record in records:
        found.append(_with_answer(asked(record), oracle))
        if "observed" not in found[-1]:
            break
    return found


def _with_answer(record: Record, oracle: Oracle) -> Record:
    try:
        return {**record, "observed": oracle.apply(record).as_dict()}
    except Gap:
        return record


def _listed(example: Counterexample) -> dict[str, dict[str, int]]:
    """Returns the tables that have the numbers which the trace looks up, each under a name of its own."""
    found: dict[str, dict[str, int]] = {}
    for name, fact in SPEC.facts.items():
        if isinstance(fact, LookedUp):
            numbers = (step.fields[name] for step in example.steps if name in step.fields)
            found[fact.table] = {_QUOTED.format(n): n for n in numbers if isinstance(n, int) and n}
    return found


class _Writer:
    """Writes the records of accounts, each from the first instant on, while an oracle answers them."""

    def __init__(self, example: Counterexample, world: FuzzWorld) -> None:
        self.records: list[Record] = []
        self._machine = example.machine
        self._oracle = Oracle(world.policy, world.catalogue, world.resets, example.machine)
        self._clocks = {c.falls_due: c for c in self._machine.clocks}

    def write(self, account: str, events: Iterable[tuple[str, Values]]) -> None:
        """Writes the records of one account."""
        # A minute after the due instant, so that a clock started there has a due instant of its own.
        schedule, event = Schedule(self._oracle, _START, at_once=False), None
        for name, fields in events:
            event = self._machine.event_named[name]
            if event.actor is Actor.CLOCK:
                self._fall_due(account, self._clocks[name], schedule)
            else:
                self._add(account, schedule.next(account), move(name, **self._payload(account, event, fields)))
        if event is not None and event.actor is Actor.CLOCK:
            self._add(account, schedule.now, LOOK)

    def _add(self, account: str, at: int, what: Move) -> None:
        self.records.append(_with_answer({"account": account, "at": format_instant(at), **what}, self._oracle))

    def _fall_due(self, name: str, clock: Clock, schedule: Schedule) -> None:
        """Lets time pass until the clock's next job falls due, once; none passes where it is due already."""
        known = self._oracle.accounts.get(name)
        dial = known.dial(clock.name) if known is not None else None
        if dial is None:
            raise UnrealisableError(f"{clock.falls_due} comes while the {clock.name} clock does not run")
        if self._oracle.clocks[clock.name].counts or not dial.is_waiting:
            schedule.wait(name, Wait((clock.name,)))

    def _payload(self, name: str, event: Event, fields: Values) -> Record:
        payload: Record = {f.key: _written(fields[f.name]) for f in event.fields if f.origin is Origin.PAYLOAD}
        facts = {f.name: fields[f.name] for f in event.fields if f.origin is Origin.FACT}
        account = self._oracle.accounts.get(name)
        if any(key.name == KEY for key in event.keys):
            payload[KEY] = self._entry(account, facts)
        payload |= {key.name: "somebody else" for key in event.keys if not key.optional and key.name not in (KEY, *SPEC.names)}
        named = self._named(event, payload, facts)
        # What another key tells is not said by this one.
        instead = {f.key: None for f in event.fields if f.instead and named.get(f.instead) is not None}
        return payload | {key: value for key, value in named.items() if value is not None} | instead

    def _named(self, event: Event, payload: Record, facts: Mapping[str, Value]) -> Record:
        """Returns the names, under keys for entries of the catalogue, of which these facts are true."""
        keys = [key for key in event.keys if key.name in SPEC.names]
        catalogue = self._oracle.catalogue
        written = catalogue.written()
        wanted = {name: value for name, value in facts.items() if name in SPEC.facts}
        choices = [[*([None] if key.optional else []), *written[SPEC.names[key.name]], UNKNOWN] for key in keys]
        for names in product(*choices):
            chosen = dict(zip((key.name for key in keys), names, strict=True))
            record = SimpleNamespace(**payload, **chosen)
            if all(SPEC.facts[name](catalogue)(record) == value for name, value in wanted.items() if not _is_idle(name, facts)):
                return chosen
        raise UnrealisableError("it names an entry that the catalogue of a scope does not have")

    def _entry(self, account: Account | None, facts: Mapping[str, Value]) -> str:
        """Returns the name of the entry whose facts fit the trace best."""
        known = [] if account is None else list(account.entries)
        if facts.get(MEMORY.is_new, not known):
            return f"{KEY} {len(self.records) + 1}"
        if account is None or not known:
            raise UnrealisableError(f"it refers to a {KEY} that was never accepted")
        remembered = {job: self._oracle.memory.facts_by_name(account, job) for job in known}
        return max(known, key=lambda job: sum(remembered[job].get(fact) == value for fact, value in facts.items()))


def _is_idle(name: str, facts: Mapping[str, Value]) -> bool:
    """Returns true if nothing turns on a fact: its key is not named, or names what the table does not list."""
    fact = SPEC.facts[name]
    if not isinstance(fact, Listed | LookedUp):
        return False
    false = [SPEC.facts[n] for n, value in facts.items() if n in SPEC.facts and value is False]
    return Named(fact.key) in false or (isinstance(fact, LookedUp) and Listed(fact.table, fact.key) in false)


def _written(value: Value) -> Value:
    return UNKNOWN if value == UNLISTED else value
