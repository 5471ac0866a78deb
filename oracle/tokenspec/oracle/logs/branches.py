"""Accounts under many policy settings at once: each is kept once for every set of settings that it looks the same under.

A record is run under one setting of a set. Each step of the machine that reads knobs is tried under their other answers as
well, and where that gives another outcome, the set is split and the record is run again for the rest. Sets whose
accounts no later record can tell apart are joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from itertools import product
from typing import Any, NamedTuple

from msgspec import json
from msgspec.structs import astuple

from tokenspec.machine.interpreters.compiled import Compiled, Fields, Outcome, Row, StepFunction
from tokenspec.machine.lang.expr import reads
from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.instants import DAY_MS, date_of
from tokenspec.oracle.logs.policy_sets import Settings, SettingSets
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.answers import Answer
from tokenspec.oracle.wire.log_files import Line
from tokenspec.oracle.wire.records import Reader, Record
from tokenspec.spec.catalogue import Catalogue
from tokenspec.spec.policies import POLICIES


class Branch(NamedTuple):
    """One account under all the settings that have brought it to the same state."""

    settings: Settings
    account: Account
    past: int = 0
    """Equal where all jobs and first answers that a later record reads are equal; see `Worlds._remembered`."""


class _Choice(NamedTuple):
    """A combination of answers to the knobs that an event reads: the settings that have it, and what the event then does."""

    settings: Settings
    step: StepFunction


class Worlds:
    """Runs records under sets of settings, with an oracle for each setting that had to stand for others."""

    def __init__(self, catalogue: Catalogue, resets: str, lines: Iterable[Line] | None = None) -> None:
        """`lines` are all records that will be run, where they are known: what none of them reads is not remembered."""
        self.sets = SettingSets(POLICIES)
        self._catalogue, self._resets = catalogue, resets
        self._oracles: dict[Settings, Oracle] = {}
        plain = Oracle(None, catalogue, resets)
        self.reader, self.initial = plain.reader, plain.compiled.initial
        self._machine, self._parameters = plain.machine, plain.parameters
        self._choices = {e.name: self._choices_of(e.name) for e in self._machine.events}
        self._renewal_falls_due = next(c.falls_due for c in self._machine.clocks if c.name == "renewal")
        self._named_again = None if lines is None else _named_again(lines, self.reader)
        self._pasts: dict[tuple[int, Any], int] = {}
        self._policy: Mapping[str, str] = {}
        """The setting that stands for others."""
        self._same: Settings = 0
        """The settings under which the record has gone as under the one that stands for them, so far."""

    def run(self, branches: list[Branch], among: Settings, record: Record) -> Iterator[tuple[Answer, Branch]]:
        """The answers to `record` under the settings of `among`, and the account after it. Raises `BadRecord`."""
        for branch in branches:
            rest, account = branch.settings & among, branch.account
            while rest:
                before = _Before(account, record)
                self._same = rest
                answer = self._run(account, record, rest & -rest)
                settings, rest = self._same, rest & ~self._same
                again = before.restored(account) if rest else account
                yield answer, Branch(settings, account, self._remembered(branch.past, account, record, answer))
                account = again

    def _run(self, account: Account, record: Record, setting: Settings) -> Answer:
        oracle = self._oracles.get(setting)
        if oracle is None:
            oracle = self._oracles[setting] = Oracle(self.sets.first(setting), self._catalogue, self._resets)
            oracle.watch = self._watch
        oracle.accounts, self._policy = {record.account: account}, oracle.policy
        answer = oracle.answer(record)
        assert isinstance(record.at, int)
        self._read_daily_clock(account, record.at)
        self._read_month_end(account)
        return answer

    def _remembered(self, past: int, account: Account, record: Record, answer: Answer) -> int:
        """What a record adds to the past, where a later one reads it: its job as it stands now, its answer by its id.

        Jobs and answers are only ever added to, so that equal additions to equal pasts are equal pasts.
        """
        job = getattr(record, "job", None)
        added: list[Any] = []
        if job is not None and self._is_named_again("job", record.account, job):
            known = account.jobs.get(job)
            added.append(None if known is None else astuple(known))
        if record.id is not None and self._is_named_again("id", record.account, record.id):
            added.append(json.encode(answer))
        if not added:
            return past
        return self._pasts.setdefault((past, tuple(added)), len(self._pasts) + 1)

    def _is_named_again(self, kind: str, account: str, name: str) -> bool:
        return self._named_again is None or (kind, account, name) in self._named_again

    def _watch(self, account: Account, event: str, fields: Fields, before: Row, outcome: Outcome) -> None:
        for choice in self._choices[event]:
            differing = self._same & choice.settings
            if differing and choice.step(before, fields) != outcome:
                self._same ^= differing
        if event == self._renewal_falls_due:
            self._read_month_end(account)

    def _choices_of(self, event: str) -> list[_Choice]:
        """Every combination of answers to the knobs that the steps of `event` read."""
        definitions = {d.name: d.expr for d in self._machine.definitions}
        read, found = list(reads(self._machine.event_named[event])), set[str]()
        while read:
            name = read.pop()
            if name not in found:
                found.add(name)
                read += reads(definitions.get(name, ()))
        knobs = [p for p in self._machine.policies if p.name in found]
        if not knobs:
            return []
        combinations = [
            dict(zip([p.name for p in knobs], chosen, strict=True))
            for chosen in product(*([answer for answer, _ in p.answers] for p in knobs))
        ]
        return [
            _Choice(self.sets.with_answers(chosen), Compiled(self._machine, {**self._parameters, **chosen}).steps[event])
            for chosen in combinations
        ]

    # The calendar is no step of the machine, so the two knobs of the clocks are looked for in what a clock shows.

    def _read_daily_clock(self, account: Account, at: int) -> None:
        # It starts once, at the instant of opening. Sets that this splits for nothing are joined again.
        if account.daily is not None and account.daily.anchor == at:
            self._keep_own_answer("daily_reset_clock")

    def _read_month_end(self, account: Account) -> None:
        """Both answers move the clock alike until an anniversary comes in a month that is too short for its day."""
        dial = account.renewal
        if dial is not None and date_of(dial.upcoming // DAY_MS)[2] != date_of(dial.anchor // DAY_MS)[2]:
            self._keep_own_answer("month_end")

    def _keep_own_answer(self, knob: str) -> None:
        self._same &= self.sets.holding[knob, self._policy[knob]]


Ran = list[tuple[Answer, Branch]]
"""What a record came to: each answer with the settings that give it, and the account after it."""


class Followed:
    """One world, followed under every setting of a set. Settings may be taken out of `settings` as it goes on."""

    def __init__(self, worlds: Worlds, settings: Settings) -> None:
        self.worlds, self.settings = worlds, settings
        self.branches: dict[str, list[Branch]] = {}

    def run(self, record: Record) -> Ran:
        """What `record` comes to under the settings left. Raises `BadRecord`."""
        before = self.branches.get(record.account) or [Branch(self.settings, Account(self.worlds.initial))]
        ran = list(self.worlds.run(before, self.settings, record))
        self.branches[record.account] = joined([branch for _, branch in ran])
        return ran


class _Before:
    """What of an account a record may change, so that the record can be run on it a second time."""

    def __init__(self, account: Account, record: Record) -> None:
        self._plain = {name: getattr(account, name) for name in _PLAIN}
        self._plain |= {"daily": copy(account.daily), "renewal": copy(account.renewal), "timeline": account.timeline.copy()}
        self._sessions = {name: copy(session) for name, session in account.sessions.items()}
        self._job, self._id = getattr(record, "job", ""), record.id
        self._known = copy(account.jobs.get(self._job))
        self._is_repeated = record.id in account.answers

    def restored(self, account: Account) -> Account:
        """A copy of `account`, to which the record has happened, as it was before."""
        jobs = {name: copy(job) for name, job in account.jobs.items()}
        if self._known is not None:
            jobs[self._job] = self._known
        else:
            jobs.pop(self._job, None)
        answers = dict(account.answers)
        if self._id is not None and not self._is_repeated:
            answers.pop(self._id, None)
        return Account(**self._plain, jobs=jobs, answers=answers, sessions=self._sessions)


_KEPT_BY_NAME = ("jobs", "answers", "sessions")
_PLAIN = [name for name in Account.__struct_fields__ if name not in _KEPT_BY_NAME]


def joined(branches: list[Branch]) -> list[Branch]:
    """Branches that no later record can tell apart are one."""
    if len(branches) < 2:
        return branches
    alike: dict[Any, list[Branch]] = {}
    for branch in branches:
        account = branch.account
        # What differs most often comes first, so that few histories of balances are compared.
        key = (branch.past, account.row, account.day, account.month, account.subscription)
        group = alike.setdefault(key, [])
        for n, other in enumerate(group):
            if _are_alike(other.account, account):
                group[n] = other._replace(settings=other.settings | branch.settings)
                break
        else:
            group.append(branch)
    return [branch for group in alike.values() for branch in group]


def _are_alike(one: Account, other: Account) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in ("daily", "renewal", "sessions", "timeline"))


def _named_again(lines: Iterable[Line], reader: Reader) -> set[tuple[str, str, str]]:
    """The event ids and job ids, by account, that more than one record names: all that a record can read of earlier ones."""
    once, again = set[tuple[str, str, str]](), set[tuple[str, str, str]]()
    for line in lines:
        try:
            record = reader.decode(line.content)
        except BadRecord:
            continue
        for kind, name in (("id", record.id), ("job", getattr(record, "job", None))):
            if name is not None:
                (again if (kind, record.account, name) in once else once).add((kind, record.account, name))
    return again
