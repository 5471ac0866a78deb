"""Accounts that begin in mid-life, made from the state in a snapshot record, and the states that no account is ever in.

What lies in the past is due. It falls due, and under implied resets runs, as it would have by the instant of the snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol, Self
from weakref import WeakKeyDictionary

from tokenspec.machine.interpreters.calendars import Months, Once, Spans
from tokenspec.machine.interpreters.compiled import Compiled, Row
from tokenspec.machine.interpreters.dates import DAY_MS, HOUR_MS, date_of, days_in_month, months_on
from tokenspec.machine.lang.calendars import ShortMonth
from tokenspec.machine.lang.claims import StatePart
from tokenspec.machine.lang.counts import counted
from tokenspec.machine.lang.declaration import Actor, Event, Machine, Requirement, Rule
from tokenspec.machine.lang.outcome import Values
from tokenspec.machine.lang.types import Enum, Tokens, Type, Value
from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.base.nearest import did_you_mean
from tokenspec.oracle.base.specification import POOLS, SPEC, AnyCatalogue, claims, lemmas
from tokenspec.oracle.base.text import as_text
from tokenspec.oracle.runtime.clocks import ClockReader, Dial, runs_in
from tokenspec.oracle.runtime.journal import CLOCK_AT, Account
from tokenspec.oracle.runtime.memory import Remembered
from tokenspec.oracle.runtime.steps import Stepped
from tokenspec.oracle.wire.answers import INSTANTS, SHOWN
from tokenspec.oracle.wire.records import Reader, Record, Snapshot, at_of
from tokenspec.oracle.wire.snapshot_records import DAYS


class PossibleStates:
    """The types, state claims and lemmas of one machine, each of them proved of every reachable state.

    All are compiled as the requirements of one event that changes nothing.
    """

    def __init__(self, machine: Machine, parameters: Values, catalogue: AnyCatalogue) -> None:
        parts = [(f"claim {c.number}, {c.id}", p) for c in claims(catalogue) for p in c.parts]
        parts += [("lemma", lemma) for lemma in lemmas()]
        stated = [(told, p) for told, p in parts if isinstance(p, StatePart) and p.machine == machine.name]
        needs = tuple(Requirement(f"{told}, {part.name}", part.holds, (), "") for told, part in stated)
        stays = Rule("stays", tuple(machine.states), None, "", ())
        event = Event("stands", Actor.CLOCK, "", (), needs, (stays,))
        self._variables = machine.variables
        self.event = event
        """The event that has them as its requirements."""
        self._compiled = Compiled(replace(machine, events=(event,)), parameters)

    def wrong_with(self, row: Row) -> str | None:
        """Returns the reason why no account is ever in the state `row`; None where one may be."""
        if len(row) != len(self._variables):
            return f"it has {len(row)} variables and not {len(self._variables)}"
        for variable, value in zip(self._variables, row, strict=True):
            if not variable.type.admits(value):
                told = f"it is {_told(variable.type, value)}, found {as_text(value)}"
                return f"{variable.name} has a value that it cannot have (claim 22): {told}"
        outcome, *_ = self._compiled.steps["stands"](row, ())
        return f"no account is ever like this: {self._compiled.codes[-1 - outcome]}" if outcome < 0 else None


def _told(kind: Type, value: Value) -> str:
    """Returns the values of a type, with the one that a text was most likely meant to be."""
    match kind:
        case Enum(members=members):
            return f"one of {', '.join(members)}{did_you_mean(value, members)}"
        case Tokens(lo, hi):
            return f"a whole number from {lo} to {hi}"
        case _:
            return "true or false"


_made = WeakKeyDictionary[Compiled, PossibleStates]()


def possible_states(compiled: Compiled, catalogue: AnyCatalogue) -> PossibleStates:
    """Returns the possible states of a compiled machine, that of `catalogue`, under its parameters; kept as long as it is."""
    found = _made.get(compiled)
    if found is None:
        found = _made[compiled] = PossibleStates(compiled.machine, compiled.parameters, catalogue)
    return found


class OpeningOracle(Protocol):
    """The parts of an oracle that an account in mid-life is made with."""

    machine: Machine
    compiled: Compiled
    catalogue: AnyCatalogue
    policy: dict[str, str]
    clocks: dict[str, ClockReader]
    reader: Reader
    memory: Remembered
    parameters: dict[str, Value]

    def fork(self, accounts: Mapping[str, Account]) -> Self:
        """Returns an oracle under the same settings that has these accounts."""
        ...

    def step(self, record: Record, account: Account | None = None) -> Stepped:
        """Runs a record on an account."""
        ...


def begin(oracle: OpeningOracle, account: Account, record: Snapshot) -> None:
    """Puts `account`, which has no record yet, into the state of the snapshot, before anything has fallen due.

    Raises `BadRecord` where it is known, or where no account is ever like that, with the claim that says so.
    """
    if account.last_at is not None:
        raise BadRecord("event", "a snapshot is its account's first record, and there is one before it")
    _stand(oracle, account, record)
    wrong = possible_states(oracle.compiled, oracle.catalogue).wrong_with(account.row)
    if wrong is not None:
        account.row = oracle.compiled.initial
        raise BadRecord("state", wrong)
    account.ran = [dial.anchor if dial is not None else ran for dial, ran in zip(account.dials, account.ran, strict=True)]
    account.last_at, account.is_from_mid_life = at_of(record), True


def row_of(oracle: OpeningOracle, record: Snapshot) -> Row:
    """Returns the row of the snapshot's state, whatever the policies. Raises `BadRecord`."""
    account = oracle.memory.begun(oracle.compiled.initial)
    _stand(oracle, account, record)
    return account.row


def _stand(oracle: OpeningOracle, account: Account, record: Snapshot) -> None:
    state: Any = record.state
    at = at_of(record)
    opened = oracle.memory.begun(oracle.compiled.initial)
    opening = oracle.reader.convert({"account": record.account, "at": at, "event": SPEC.opening.name})
    oracle.fork({}).step(opening, opened)
    values: dict[str, Any] = oracle.compiled.state(opened.row)
    values |= {name: said for name in SHOWN if (said := getattr(state, name)) is not None}
    if state.balances is not None:
        values |= {pool: state.balances.get(pool) or 0 for pool in POOLS}
    account.row = tuple(values.values())
    status = str(values[oracle.machine.control])
    for clock, position in CLOCK_AT.items():
        waits = _waits(oracle.machine, clock, status)
        dial = _dial(oracle, clock, state, at, status, opened.dials[position], waits)
        account.dials[position] = dial
        if dial is not None and waits:
            # Its job has not been done, so that it fell due before.
            account.row = oracle.compiled.steps[oracle.clocks[clock].declared.falls_due](account.row, ())[1]
            oracle.clocks[clock].pass_one(dial)


def _waits(machine: Machine, clock: str, status: str) -> bool:
    """Returns true if an account in this state is one for which another event came in place of the clock's job."""
    stands_in = SPEC.in_place_of_jobs.get(clock)
    return stands_in is not None and any(rule.target == status for rule in machine.event_named[stands_in].rules)


def _dial(oracle: OpeningOracle, clock: str, state: Any, at: int, status: str, opened: Dial | None, waits: bool) -> Dial | None:
    """Returns the dial of a clock as the snapshot has it. Raises `BadRecord`."""
    field, day_field, reader = SPEC.answer.clocks[clock], DAYS.get(clock), oracle.clocks[clock]
    said = {name: value for name in (field, day_field) if name and (value := getattr(state, name)) is not None}
    runs, now = runs_in(oracle.machine, clock, status), format_instant(at)
    none = f"an account that is {status} has no {clock}" if runs is False else ""
    if oracle.parameters.get(reader.declared.of) == 0:
        none = f"the catalogue has no {clock} tokens, so none is due"
    if none:
        for name, value in said.items():
            raise _bad(name, f"{none}; leave it out", value)
        return None
    if field not in said:
        if opened is None and runs:
            raise BadRecord(f"state.{field}", f"it is required for an account that is {status}")
        return opened
    shown: int = said[field]
    match reader.calendar:
        case Spans(span) | Once(span):
            if shown > at + span:
                raise _bad(field, f"it is at most {counted(span // HOUR_MS, 'hour')} after {now}", shown)
            return Dial(shown, shown, shown - span)
        case Months(months, short):
            if waits and shown > at:
                raise _bad(field, f"{SPEC.in_place_of_jobs[clock]} has come for it, so it is not after {now}", shown)
            year, month, day = date_of(shown // DAY_MS)
            aimed: int = said.get(day_field or "", day)
            if day != min(aimed, days_in_month(year, month)):
                due = f"the {clock} at {format_instant(shown)} is on day {day}"
                raise _bad(str(day_field), f"{due}, which is neither this day nor the last of its month", aimed)
            # The one before has come, or it is the first, and the clock was started then or later on that day.
            before = months_on(shown // DAY_MS, -months, aimed) * DAY_MS + shown % DAY_MS
            if before > at:
                turn = "a month" if months == 1 else f"{months} months"
                raise _bad(field, f"the next {clock} is at most {turn} after {now}", shown)
            return Dial(shown, shown, shown, day if short is ShortMonth.CLAMPS else aimed)
        case other:
            raise AssertionError(f"no dial is read for {other}")


def _bad(field: str, rule: str, said: int) -> BadRecord:
    return BadRecord(f"state.{field}", rule, as_text(format_instant(said) if field in INSTANTS else said))
