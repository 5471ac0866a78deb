"""The oracle: accounts driven by records, each answered as a right implementation would.

It joins the declared machines with the clock and the journal, and decides nothing about tokens itself: which
event is accepted, what it changes and which clock it starts or stops comes from the declaration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from operator import itemgetter
from typing import Any, Self, TypeAlias, TypeVar

from msgspec import structs

from tokenspec.machine.interpreters.calendars import NEVER
from tokenspec.machine.interpreters.compiled import Compiled, Fields, Outcome, Row, Steps
from tokenspec.machine.lang.declaration import ClockAct, Machine, Variable
from tokenspec.machine.lang.digest import digest
from tokenspec.machine.lang.errors import Gap
from tokenspec.machine.lang.expr import Lit
from tokenspec.machine.lang.ids import OfRefused, Repeat
from tokenspec.machine.lang.types import Enum, Value
from tokenspec.oracle.base.errors import WentBack
from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.base.specification import DEFAULT, IDS, SPEC, TOTAL_POOLS, AnyCatalogue, system
from tokenspec.oracle.runtime.answering import Answers, Sessions
from tokenspec.oracle.runtime.clocks import ClockReader
from tokenspec.oracle.runtime.facts import fields_of
from tokenspec.oracle.runtime.journal import CLOCK_AT, Account, Vector, forget, knows_id
from tokenspec.oracle.runtime.memory import NOTHING, Remembered
from tokenspec.oracle.runtime.mid_life import begin
from tokenspec.oracle.runtime.steps import MachineStep, RanByItself, Stepped, Stuck
from tokenspec.oracle.wire.answers import SAID, Answer, with_delta
from tokenspec.oracle.wire.records import Reader, Record, Snapshot, at_of, event_of
from tokenspec.oracle.wire.resets import resets_from, runs_by_itself
from tokenspec.oracle.wire.settings import catalogue_from, policy_from
from tokenspec.oracle.wire.snapshot_records import SNAPSHOT

ReaderOf: TypeAlias = Callable[[Machine, Mapping[str, Value]], Steps]
"""Makes the reader that runs a machine under one choice of parameters."""

_Done = TypeVar("_Done")

_FAR = NEVER + 1
_OUT = Variable("state", Enum("State", ("out",)), Lit("out"), "nobody is in")
_NO_SESSIONS = Machine("sessions", "An account without sessions.", "state", (_OUT,), ())


class Oracle:
    """A world of accounts under one choice of policies and one catalogue.

    `resets` selects how the two jobs run: `explicit` as written events, `implied` automatically at the instant they
    fall due, `daily=implied` or `renewal=implied` one of them so. `machine` replaces the declared account, for fault
    seeding; `machine_reader` is what runs it in place of the compiled reader. Ids and jobs are remembered for `remember`
    milliseconds; None is for ever.
    """

    runs_max = 120_000
    """The number of runs after which a job is taken to have no end: more than the months from year 0 to 9999."""

    def __init__(
        self,
        policy: Mapping[str, str] | None = None,
        catalogue: AnyCatalogue | Mapping[str, Any] | None = None,
        resets: str = "explicit",
        machine: Machine | None = None,
        machine_reader: ReaderOf | None = None,
        remember: int | None = None,
    ) -> None:
        policy = policy_from(policy)
        given = DEFAULT if catalogue is None else catalogue
        self.catalogue: AnyCatalogue = catalogue_from(given) if isinstance(given, Mapping) else given
        self.resets = resets_from(resets)
        self.remember = remember
        self.system = system(self.catalogue)
        self.machine = machine or self.system.machines[0]
        self.session_machine = SPEC.sessions(self.system) or _NO_SESSIONS
        self._machine_reader = machine_reader
        self.accounts: dict[str, Account] = {}
        events = (*self.machine.events, *self.session_machine.events)
        self.reader = Reader(events, self.catalogue.aliases)
        self.ran_by_itself: list[RanByItself] = []
        """The jobs that ran automatically before the last record."""
        self.last_met: tuple[Row, Fields] | None = None
        """The row that the last record met after those jobs, and its fields; None for an event of a session."""
        self._taken: list[MachineStep] | None = None
        """The steps of the current call, where its caller wants them."""
        self.sessions = Sessions(self.session_machine, self.system)
        """The sessions of accounts."""
        self.session_out = self.sessions.out
        """The state of a session that was never seen."""
        at = {v.name: index for index, v in enumerate(self.machine.variables)}
        self.control = at[self.machine.control]
        counted = [at[pool] for pool in TOTAL_POOLS]
        together = slice(counted[0], counted[-1] + 1)
        self._counted = itemgetter(together) if counted == [*range(*together.indices(len(at)))] else itemgetter(*counted)
        self.memory = Remembered(self.machine.memory or NOTHING)
        self._fields = {e.name: fields_of(e, self.catalogue, self.app_balances, self.memory) for e in events}
        self._key_of = {e.name: self.memory.memory.key for e in self.machine.events if any(r.notes for r in e.rules)}
        self._repeats = {e.name for e in self.machine.events if e.repeats}
        self._stands_in = [SPEC.in_place_of_jobs.get(c.name) for c in self.machine.clocks]
        self._choose(policy)

    def _choose(self, policy: dict[str, str]) -> None:
        """Makes what turns on the settings."""
        self.policy = policy
        self.parameters: dict[str, Value] = {**self.catalogue.parameters(), **self.policy}
        self.compiled, read = Compiled(self.machine, self.parameters), self._machine_reader
        self._runs: Steps = read(self.machine, self.parameters) if read is not None else self.compiled
        self._notes = [self.compiled.notes.get(name) for name in self._runs.rules]
        rules = {r.name: r for e in self.machine.events for r in e.rules}
        self._acts = [rules[name].clocks for name in self._runs.rules]
        self.answers = Answers(self.machine, self.parameters)
        """Writes the answers of accounts."""
        events = (*self.machine.events, *self.session_machine.events)
        self._accepts = {e.name: self.answers.accepted(e.answers) for e in events} | {SNAPSHOT: self.answers.accepted(())}
        self.clocks = {c.name: ClockReader(c, self.policy, self.machine) for c in self.machine.clocks}
        self._clocks = list(self.clocks.values())
        self.repeat = Repeat(self.policy[IDS.repeated]) if IDS is not None else Repeat.FIRST_ANSWER
        """The treatment of a record under a used id."""
        self._frees_refused = IDS is not None and self.policy[IDS.refused] == OfRefused.FREE.value

    @cached_property
    def digest(self) -> str:
        """The digest of the declaration that this oracle runs."""
        return digest(system(self.catalogue))

    def apply(self, record: Mapping[str, Any]) -> Answer:
        """Returns the right answer to `record`. Raises `BadRecord` for a malformed one, `WentBack` where time goes back."""
        return self.answer(self.reader.convert(record))

    def answer(self, record: Record) -> Answer:
        """Returns the right answer to a record that has been read already."""
        return self.decide(record)[0]

    def decide(self, record: Record, account: Account | None = None) -> tuple[Answer, str | None]:
        """Returns the answer, and the rule that accepts the record or the code that refuses it; None for a repeated id.

        The record is applied to `account` where one is given, which need not be one of this world.
        """
        return self._happens(account or self._account(record.account), record)

    def step(self, record: Record, account: Account | None = None) -> Stepped:
        """Returns the answer, its reason, and every step of the account's machine.

        The record is applied to `account` where one is given, which need not be one of this world. Raises `Stuck` where
        the machine has no outcome.
        """
        (answer, decided_by), steps = self._collecting(self._happens, account or self._account(record.account), record)
        return Stepped(answer, decided_by, steps)

    def steps_of(self, record: Record, account: Account) -> list[MachineStep]:
        """Applies an event that has no id to `account`, and returns the steps alone: a search reads no answers."""
        return self._collecting(self._takes, account, record, at_of(record), event_of(record))[1]

    def refuses(self, record: Record, account: Account) -> bool:
        """Returns whether the account's machine refuses the event as things are, where no time passes; nothing happens."""
        event = event_of(record)
        return self._runs.steps[event](account.row, self._fields[event](account, record))[0] < 0

    def advance(self, account: Account, until: int) -> list[MachineStep]:
        """Advances an account to `until` (UTC milliseconds) without any other event; returns the steps."""
        steps = self._collecting(self._advance, account, until, "")[1]
        account.last_at = max(until, account.last_at or until)
        return steps

    def _collecting(self, act: Callable[..., _Done], *given: Any) -> tuple[_Done, list[MachineStep]]:
        """Returns the result of `act`, and the steps it takes. Raises `Stuck` where the machine has no outcome."""
        steps = self._taken = list[MachineStep]()
        try:
            return act(*given), steps
        except Gap as gap:
            raise Stuck(gap, steps) from gap
        finally:
            self._taken = None

    def fork(self, accounts: Mapping[str, Account], resets: str | None = None) -> Self:
        """Returns an oracle with these accounts under the same settings; `resets` replaces the mode of its jobs.

        A fork is cheap, since nothing is compiled again.
        """
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        other.accounts, other.resets = dict(accounts), resets or self.resets
        return other

    def under(self, policy: Mapping[str, str]) -> Self:
        """Returns an oracle without accounts under other settings, in a fifth of the time that a new one takes."""
        other = self.fork({})
        other._choose(policy_from(policy))
        return other

    def _account(self, name: str) -> Account:
        account = self.accounts.get(name)
        if account is None:
            account = self.accounts[name] = self.memory.begun(self._runs.initial)
            if self.remember is not None:
                account.noted, account.used = {}, {}
        return account

    def _happens(self, account: Account, record: Record) -> tuple[Answer, str | None]:
        if isinstance(record, Snapshot):
            begin(self, account, record)
            self._advance(account, account.last_at or 0, "")
            return self._accepts[SNAPSHOT](account.row, account.dials, ()), SNAPSHOT
        at, name, first = at_of(record), record.id, None
        asks_for_delta = record.observed is not None and "delta" in record.observed
        if name is not None and (self.remember is None or knows_id(account, name, at, self.remember)):
            first = account.answers.get(name)
        if first is not None and self.repeat is Repeat.FIRST_ANSWER:
            repeated = structs.replace(first, duplicate=True)
            return with_delta(repeated, 0) if asks_for_delta else repeated, None
        if account.last_at is not None and at < account.last_at:
            raise WentBack.of(record.account, format_instant(at), format_instant(account.last_at))
        if self.remember is not None:
            forget(account, at, self.remember)
        if first is not None:
            account.last_at, self.ran_by_itself, self.last_met = at, [], None
            self._advance(account, at, "")
            repeated = self._again(account, first)
            return with_delta(repeated, 0) if asks_for_delta else repeated, None
        event = event_of(record)
        outcome, before = self._takes(account, record, at, event)
        index, by = outcome[0], self.sessions.compiled if event in self.sessions.steps else self._runs
        decided_by = by.rules[index] if index >= 0 else by.codes[-1 - index]
        answer = self.answer_of(account, event, outcome, decided_by)
        if name is not None and self.uses_id_up(answer.outcome):
            account.answers[name] = answer
            if account.used is not None:
                account.used[name] = at
        if asks_for_delta:
            answer = with_delta(answer, sum(self.app_balances(account.row)) - sum(self.app_balances(before)))
        return answer, decided_by

    def _takes(self, account: Account, record: Record, at: int, event: str) -> tuple[Outcome, Row]:
        """Applies an event once time has passed up to it; returns the outcome, and the state that the event met."""
        account.last_at, self.ran_by_itself, self.last_met = at, [], None
        outcome, before = self._advance(account, at, event), account.row
        if outcome is None:
            fields = self._fields[event](account, record)
            if event in self.sessions.steps:
                return self.sessions.happens(account, event, record, fields, self.app_balances(before)), before
            self.last_met = before, fields
            outcome = self._fire(account, event, fields, at, record)
        return outcome, before

    def uses_id_up(self, outcome: str) -> bool:
        """Returns whether an event that was `accepted` or `refused` uses its id up."""
        return outcome == "accepted" or not self._frees_refused

    def _again(self, account: Account, first: Answer) -> Answer:
        """The answer, with the state of now, to a record under an id whose first answer was `first`."""
        refused = self.answers.refused(account.row, account.dials, IDS.code if IDS is not None else "")
        of_first = {} if self.repeat is Repeat.REFUSED else {name: getattr(first, name) for name in ("outcome", *SAID)}
        return structs.replace(refused, **of_first | {"duplicate": True})

    # Time

    def _advance(self, account: Account, at: int, event: str) -> Outcome | None:
        """Runs everything that falls due up to `at`, in order; at one instant in the order in which clocks are declared.

        Returns the outcome if `event` itself came in place of the job that fell due; otherwise None.
        """
        taken: Outcome | None = None
        while True:
            due = beyond = _FAR
            which = -1
            for position, dial in enumerate(account.dials):
                if dial is None:
                    continue
                if dial.upcoming < due:
                    # Of the clock found before, its own instant is left to it; a later one waits for this clock.
                    due, beyond, which = dial.upcoming, due, position
                elif dial.upcoming < beyond:
                    beyond = dial.upcoming + 1
            if due > at:
                return taken
            taken = self._falls_due(account, which, min(at, beyond - 1), at, event) or taken

    def _falls_due(self, account: Account, which: int, until: int, at: int, event: str) -> Outcome | None:
        """Passes due instants of one clock, up to `until` where they are not counted; returns as `_advance` does."""
        dial, clock = account.dials[which], self._clocks[which]
        assert dial is not None
        declared, before, instant, was_waiting = clock.declared, account.row, dial.upcoming, dial.is_waiting
        is_written = not runs_by_itself(self.resets, declared.name)
        if is_written and not clock.counts:
            clock.pass_until(dial, until)
            self._fire(account, declared.falls_due, (), until)
            return None
        clock.pass_one(dial)
        self._fire(account, declared.falls_due, (), instant)
        # A job that is counted and due since an earlier instant waits for a written one, and so do later ones.
        if is_written or (clock.counts and was_waiting):
            return None
        if event and event == self._stands_in[which] and instant == at:
            outcome = self._fire(account, event, (), at)
            if outcome[0] >= 0:
                return outcome
        self._run_by_itself(account, declared.job, instant)
        if account.row == before and not clock.counts and account.dials[which] is dial:
            # No other event comes before `until`, so every further run would leave the same row.
            if dial.upcoming <= until:
                account.ran[which] = clock.pass_until(dial, until)
            dial.settle()
        return None

    def _run_by_itself(self, account: Account, job: str, instant: int) -> None:
        before = account.row
        outcome = self._fire(account, job, (), instant)
        if outcome[0] >= 0 and account.row != before:
            self.ran_by_itself.append(RanByItself(job, self._runs.rules[outcome[0]], instant, before, account.row))

    # Events

    def _fire(self, account: Account, event: str, fields: Fields, at: int, record: Record | None = None) -> Outcome:
        """Applies `event` to the account machine; a job that repeats is run for as long as it is accepted."""
        before = account.row
        outcome = self._step(account, event, fields, at)
        if outcome[0] < 0:
            return outcome
        if self._acts[outcome[0]]:
            self._settle(account, outcome, at, record)
        if event in self._repeats:
            self._repeat(account, event, fields, at, record)
        note = self._notes[outcome[0]]
        if note is not None and record is not None:
            key = getattr(record, self._key_of[event])
            self.memory.write(account, key, note(before, fields, self.memory.held(account, key), outcome[2]))
        if account.sessions and self.app_balances(account.row) != self.app_balances(before):
            self.sessions.balances_change(account, self.app_balances(account.row))
        return outcome

    def _repeat(self, account: Account, event: str, fields: Fields, at: int, record: Record | None) -> None:
        for _ in range(self.runs_max):
            again = self._step(account, event, fields, at, True)
            if again[0] < 0:
                return
            self._settle(account, again, at, record)
        raise Gap(f"{event} is accepted without end in {account.row}: a job has to settle what it runs for")

    def _step(self, account: Account, event: str, fields: Fields, at: int, is_further_run: bool = False) -> Outcome:
        before = account.row
        outcome = self._runs.steps[event](before, fields)
        if outcome[0] >= 0:
            account.row = outcome[1]
        if self._taken is not None:
            self._taken.append(MachineStep(event, fields, before, outcome, at, is_further_run))
        return outcome

    def _settle(self, account: Account, outcome: Outcome, at: int, record: Record | None) -> None:
        for name, act in self._acts[outcome[0]]:
            self.memory.clock_acts(account, name, act)
            which = CLOCK_AT[name]
            clock, dial = self._clocks[which], account.dials[which]
            if act is ClockAct.STARTS:
                if self.parameters.get(clock.declared.of) == 0:
                    continue
                account.dials[which] = clock.start(at, record)
            elif dial is None or act is ClockAct.KEEPS:
                continue
            elif act is ClockAct.SETTLES:
                dial.settle()
            else:
                account.dials[which] = None
            account.ran[which] = at

    def balances_change(self, account: Account) -> None:
        """Marks the figures that the sessions of `account` show as outdated."""
        self.sessions.balances_change(account, self.app_balances(account.row))

    def app_balances(self, row: Row) -> Vector:
        """Returns the balances of the counted pools in `row`, in tokens, in the order of TOTAL_POOLS."""
        counted: Vector = self._counted(row)
        return counted

    # Answers

    def answer_of(self, account: Account, event: str, outcome: Outcome, decided_by: str) -> Answer:
        """Returns the answer to an event that has had this outcome, where `account` is as it was then."""
        if outcome[0] < 0:
            return self.answers.refused(account.row, account.dials, decided_by)
        return self._accepts[event](account.row, account.dials, outcome[2])
