"""Follows accounts under many policy settings at once. Settings that lead to the same account state share one copy.

A record is run under one setting of a set. Each step of the machine that reads policies is tried under their other choices
as well, and where that gives another outcome, the set is split and the record is run again for the rest. Sets whose
accounts no later record can tell apart are joined.

Every search for the settings that explain observations uses this module: `Followed` runs a record and judges the
observation of its answer; `Judged` holds the settings left, the choices ruled out, and the reason where none is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from msgspec import json
from msgspec.structs import astuple

from tokenspec.machine.interpreters.calendars import Due
from tokenspec.machine.interpreters.compiled import Compiled, StepFunction
from tokenspec.machine.lang.calendars import variants
from tokenspec.machine.lang.declaration import ClockAct, Event
from tokenspec.machine.lang.expr import reads
from tokenspec.oracle.base.errors import WentBack
from tokenspec.oracle.base.specification import IDS, POLICIES, AnyCatalogue
from tokenspec.oracle.logs.policy_sets import Compared, Judged, ListedSettings, Settings, SettingSets
from tokenspec.oracle.runtime.clocks import ClockReader, Dial
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.memory import KEY
from tokenspec.oracle.runtime.mid_life import PossibleStates, row_of
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.steps import MachineStep
from tokenspec.oracle.wire.answers import Answer, Difference
from tokenspec.oracle.wire.records import Record, Snapshot, at_of


class Branch(NamedTuple):
    """One account under all the settings that have brought it to the same state."""

    settings: Settings
    account: Account
    past: int = 0
    """A number that is equal where all jobs and first answers that a later record reads are equal."""


class _Choice(NamedTuple):
    """A combination of choices for the policies that an event reads: the settings with it, and the event's step under it."""

    settings: Settings
    step: StepFunction


Names = Counter[tuple[str, str, str]]
"""By kind, account and name, how many records to come name an event id or a job: that is all that one reads of earlier ones."""


def _idle(names: Names) -> tuple[str, ...]:
    """The policies on which nothing turns: those of ids, where none comes twice."""
    comes_again = any(times > 1 for (kind, _, _), times in names.items() if kind == "id")
    return () if comes_again or IDS is None else (IDS.repeated, IDS.refused)


_Timed: TypeAlias = tuple[Settings, ClockReader]
"""A calendar that a clock may follow, and the settings that give it that one."""
_RECENT = 32
"""The number of sets of which it is kept what runs under them: a set may take a megabyte."""


@dataclass(frozen=True)
class _Settled:
    """A set of settings with the oracle of the first of them, and the choices and calendars of all by event and clock."""

    settings: Settings
    oracle: Oracle
    is_one: bool
    possible: dict[str, list[_Choice]] = field(default_factory=dict)
    timed: dict[str, list[_Timed]] = field(default_factory=dict)


class Worlds:
    """Runs records under sets of settings, with one oracle for each setting that represented a set."""

    def __init__(
        self,
        catalogue: AnyCatalogue,
        resets: str,
        fixed: Mapping[str, str] | None = None,
        names: Names | None = None,
        remember: int | None = None,
        only: Sequence[Mapping[str, str]] | None = None,
    ) -> None:
        """`fixed` are settings that are known; `names` those of all records that will be run, where they are known.

        With `only`, the sets are over these settings alone.
        """
        idle = _idle(names) if names is not None else ()
        self.sets = SettingSets(POLICIES, fixed, idle) if only is None else ListedSettings(POLICIES, only)
        self._oracles: dict[Settings, Oracle] = {}
        self.remember = remember
        self._plain = plain = Oracle(None, catalogue, resets, remember=remember)
        self.reader = plain.reader
        self._recent: dict[int, _Settled] = {}
        self._choices = {e.name: self._choices_of(e.name) for e in plain.machine.events}
        self._calendars = {
            c.name: [
                (having, ClockReader(c, chosen, plain.machine))
                for chosen, _ in variants(c.calendar)
                if (having := self.sets.with_answers(chosen))
            ]
            for c in plain.machine.clocks
        }
        """By clock, each calendar that some settings give it, with these settings."""
        self._of_calendars = {name for c in plain.machine.clocks for chosen, _ in variants(c.calendar) for name in chosen}
        rules = {r.name: r for e in plain.machine.events for r in e.rules}
        self._starts = [{c for c, act in rules[name].clocks if act is ClockAct.STARTS} for name in plain.compiled.rules]

    def begun(self) -> Account:
        """An account to which nothing has happened."""
        return self._plain.memory.begun(self._plain.compiled.initial)

    def run(self, record: Record, account: Account, settings: Settings) -> tuple[Answer, Settings]:
        """Runs a record for `account` under the first of `settings`. Raises `BadRecord`.

        Returns the answer, and those of `settings` under which everything happens as under the first.
        """
        settled = self._settled(settings)
        oracle = settled.oracle
        if IDS is not None and record.id is not None and record.id in account.answers:
            settings = self._under(settings, oracle, IDS.repeated)
        before = {name: _shown(account, name) for name in self._calendars}
        if isinstance(record, Snapshot):
            row, before = row_of(oracle, record), {}
            # No setting is in two of them, so that a sum is a union.
            possible = sum(having for having, states in self._mid_life if states.wrong_with(row) is None)
            if not settings & -settings & possible:
                return Answer("refused", reason="no account is ever like this"), settings & ~possible
            settings &= possible
            for name in self._of_calendars:
                settings = self._under(settings, oracle, name)
        stepped, excluded = oracle.step(record, account), set[int]()
        for step in stepped.steps:
            for choice in self._possible_for(settled, step.event):
                # Most choices do the same here, and a step is quicker than an intersection of large sets. Centuries of jobs may
                # fall due at one record: what one of them has excluded stays so.
                if id(choice) not in excluded and choice.step(step.before, step.fields) != step.outcome:
                    settings ^= settings & choice.settings
                    excluded.add(id(choice))
        # The calendar is not a step of the machine: settings under which a clock would now show something else are told by it.
        for name, was in before.items():
            shown = _shown(account, name)
            if shown not in (None, was):
                for of, clock in self._calendars_for(settled, name):
                    # Equal settings stay the same object, by which they are known.
                    if self._moved(clock, was, stepped.steps, record) != shown and settings & of:
                        settings ^= settings & of
        # A refusal that is kept is first read when its id comes again, and then it makes another account.
        if IDS is not None and record.id is not None and stepped.decided_by is not None and stepped.answer.outcome == "refused":
            settings = self._under(settings, oracle, IDS.refused)
        return stepped.answer, settings

    def is_one(self, settings: Settings) -> bool:
        """Returns true if the set holds a single setting."""
        return self._settled(settings).is_one

    def _settled(self, settings: Settings) -> _Settled:
        # The branches of an account run under the same sets again and again, and an operation on a set takes long.
        found = self._recent.get(id(settings))
        if found is None:
            if len(self._recent) == _RECENT:
                self._recent.clear()
            found = self._recent[id(settings)] = _Settled(settings, self.oracle_of(settings), settings.bit_count() == 1)
        return found

    def _under(self, settings: Settings, oracle: Oracle, name: str) -> Settings:
        """Returns those of `settings` that have the oracle's choice for `name`."""
        left = settings & self.sets.holding[name, oracle.policy[name]]
        return settings if left == settings else left

    def _moved(self, clock: ClockReader, was: Due | None, steps: Iterable[MachineStep], record: Record) -> Due:
        """Returns the due instant, with its aim, that `clock` shows after `record` where it showed `was` before."""
        dial = Dial(was[0], was[0], was[0], was[1]) if was is not None else None
        for step in steps:
            if step.outcome[0] >= 0 and clock.declared.name in self._starts[step.outcome[0]]:
                dial = clock.start(step.at, record)
        assert dial is not None, "a clock that shows something was started"
        if dial.upcoming <= (at := at_of(record)):
            clock.pass_until(dial, at)
        return dial.upcoming, dial.day

    def oracle_of(self, settings: Settings) -> Oracle:
        """Returns the oracle that runs under the first of the settings."""
        first = settings & -settings
        oracle = self._oracles.get(first)
        if oracle is None:
            oracle = self._oracles[first] = self._plain.under(self.sets.first(first))
        return oracle

    def _possible_for(self, settled: _Settled, event: str) -> list[_Choice]:
        """Returns the choices for `event` that some of the settings have."""
        found = settled.possible.get(event)
        if found is None:
            settings = settled.settings
            found = settled.possible[event] = [choice for choice in self._choices[event] if choice.settings & settings]
        return found

    def _calendars_for(self, settled: _Settled, clock: str) -> list[_Timed]:
        """The calendars that some of the settings give `clock`; none where all of them give it the same."""
        found = settled.timed.get(clock)
        if found is None:
            given = [each for each in self._calendars[clock] if each[0] & settled.settings]
            found = settled.timed[clock] = given if len(given) > 1 else []
        return found

    def _choices_of(self, event: str) -> list[_Choice]:
        """Returns every combination of choices for the policies that the steps of `event` read."""
        machine = self._plain.machine
        combinations = self._combinations(machine.event_named[event])
        if combinations == [{}]:
            return []
        return [
            _Choice(having, Compiled(machine, {**self._plain.parameters, **chosen}).steps[event])
            for chosen in combinations
            if (having := self.sets.with_answers(chosen))
        ]

    def _combinations(self, event: Event) -> list[dict[str, str]]:
        """Returns every combination of choices for the policies that an event reads."""
        machine = self._plain.machine
        definitions = {d.name: d.expr for d in machine.definitions}
        read, found = list(reads(event)), set[str]()
        while read:
            name = read.pop()
            if name not in found:
                found.add(name)
                read += reads(definitions.get(name, ()))
        policies = [p for p in machine.policies if p.name in found]
        return [
            dict(zip([p.name for p in policies], chosen, strict=True))
            for chosen in product(*([answer for answer, _ in p.answers] for p in policies))
        ]

    @cached_property
    def _mid_life(self) -> list[tuple[Settings, PossibleStates]]:
        """The states that an account may begin with in mid-life, by the settings that say so."""
        of = self._plain
        read = self._combinations(PossibleStates(of.machine, of.parameters, of.catalogue).event)
        return [
            (self.sets.with_answers(chosen), PossibleStates(of.machine, {**of.parameters, **chosen}, of.catalogue))
            for chosen in read
        ]


def _shown(account: Account, clock: str) -> Due | None:
    dial = account.dial(clock)
    return None if dial is None else (dial.upcoming, dial.day)


Ran = list[tuple[Answer, Settings]]
"""The answers to a record, each with the settings that give it."""


class Followed:
    """One world, followed under every setting of a set."""

    def __init__(self, worlds: Worlds, settings: Settings, names: Names | None = None) -> None:
        """`names` are those of all records that will be run, where known: data that no later record reads is dropped."""
        self.worlds, self.left = worlds, settings
        """The settings that explain what was observed so far."""
        self._running, self._names, self._before = settings, names, settings
        self._branches: dict[str, list[Branch]] = {}
        self._within: dict[str, Settings] = {}
        """By account, a set that holds those of all its branches."""
        self._pasts: dict[tuple[int, Any], int] = {}

    def begin(self, name: str, account: Account) -> None:
        """Continues the account `name` from `account`, under all settings left."""
        self._branches[name], self._within[name] = [Branch(self._running, account)], self._running

    def beside(self, name: str) -> Followed:
        """Returns the same world with a copy of the account `name` alone, in which something can be tried."""
        other = Followed(self.worlds, self._running)
        if name in self._branches:
            other._branches[name] = [branch._replace(account=branch.account.copy()) for branch in self._branches[name]]
            other._within[name] = self._within[name]
        return other

    def accounts_of(self, record: Record) -> list[Account]:
        """Returns the account of `record` in each of its branches."""
        return [branch.account for branch in self._branches.get(record.account, ())]

    @property
    def accounts(self) -> Collection[str]:
        """Returns the names of the accounts that had a record."""
        return self._branches.keys()

    def run(self, record: Record) -> Ran:
        """Runs a record under the settings left. Raises `BadRecord`."""
        named = _named(record)
        if self._names is not None:
            for name in named:
                self._names[name] -= 1
        ran: list[tuple[Answer, Branch]] = []
        went_back: list[WentBack] = []
        self._before, is_within = self._running, self._within.get(record.account, self._running) is self._running
        for branch in self._branches.get(record.account) or [Branch(self._running, self.worlds.begun())]:
            rest = branch.settings if is_within else branch.settings & self._running
            while rest:
                # For a single run no copy of the account as it was is needed.
                account = branch.account if self.worlds.is_one(rest) else branch.account.copy()
                try:
                    answer, same = self.worlds.run(record, account, rest)
                except WentBack as back:
                    went_back.append(back)
                    break
                rest = 0 if same is rest else rest ^ same
                past = self._remembered(branch.past, account, named) if named else branch.past
                ran.append((answer, Branch(same, account, past)))
        if went_back:
            if not ran:
                raise went_back[0]
            # Time goes back after a repeat that only some settings take for an event in time: they cannot have written it.
            self._running = self.left = sum(branch.settings for _, branch in ran)
        if isinstance(record, Snapshot) and all(answer.outcome == "refused" for answer, _ in ran):
            # It is bad under every setting, and the first of them says why.
            self.worlds.oracle_of(self._running).fork({}).decide(record)
        self._branches[record.account], self._within[record.account] = _joined([branch for _, branch in ran]), self._before
        return [(answer, branch.settings) for answer, branch in ran]

    def judge(self, ran: Ran, compare: Callable[[Answer], list[Difference]]) -> Judged:
        """Removes the settings under which `compare` finds a difference between the answer and the observation."""
        compared = [Compared(answer, settings, compare(answer)) for answer, settings in ran]
        judged = Judged(self.worlds.sets, self._before, compared, self._before is self._running)
        self.left = judged.left
        # Where none is left the accounts continue under one setting, so that bad records are found as before.
        self._running = self.left or self._running & -self._running
        return judged

    def _remembered(self, past: int, account: Account, named: list[tuple[str, str, str]]) -> int:
        """Returns the past with a record's additions that a later record reads: its job as it is now, the first answer by its id.

        Jobs and answers are only ever added to, so that equal additions to equal pasts are equal pasts.
        """
        added: list[Any] = []
        for each in named:
            kind, _, name = each
            if self._names is not None and not self._names[each]:
                (account.entries if kind == KEY else account.answers).pop(name, None)
            elif kind == "id":
                first = account.answers.get(name)
                added.append(None if first is None else json.encode(first))
            else:
                known = account.entries.get(name)
                added.append(None if known is None else astuple(known))
        return self._pasts.setdefault((past, tuple(added)), len(self._pasts) + 1) if added else past


_rest_of = attrgetter("dials", "last_at", "sessions", "timeline")


def _joined(branches: list[Branch]) -> list[Branch]:
    """Joins the branches that no later record can tell apart."""
    if len(branches) < 2:
        return branches
    alike: dict[Any, list[Branch]] = {}
    for branch in branches:
        account = branch.account
        # The part that differs most often comes first, so that few histories of balances are compared.
        key = (branch.past, account.row, account.ended)
        group = alike.setdefault(key, [])
        for n, other in enumerate(group):
            if _rest_of(other.account) == _rest_of(account):
                group[n] = other._replace(settings=other.settings | branch.settings)
                break
        else:
            group.append(branch)
    return [branch for group in alike.values() for branch in group]


def names_of(records: Iterable[Record]) -> Names:
    """Counts the names in all of `records`."""
    return Counter(named for record in records for named in _named(record))


def _named(record: Record) -> list[tuple[str, str, str]]:
    names = (KEY, getattr(record, KEY, None)), ("id", record.id)
    return [(kind, record.account, name) for kind, name in names if name is not None]
