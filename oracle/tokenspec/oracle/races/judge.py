"""Judges histories: right is what some order of the requests explains, in which none comes before one that had ended already.

This is linearizability, decided by the search of Wing and Gong with Lowe's memo: each account for itself, and no state twice
with the same requests done. A request without an answer may have happened at any time since it was sent, or not at all. All
requests that overlap carry one instant, so that a history is judged round by round, from all states it may be in by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import msgspec

from tokenspec.oracle.base.errors import WentBack
from tokenspec.oracle.logs.branches import Worlds
from tokenspec.oracle.logs.policy_sets import Settings
from tokenspec.oracle.races.history import Call
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.sut.capabilities import Capabilities
from tokenspec.oracle.sut.observed import asking, held, observed
from tokenspec.oracle.sut.world import SutSettings, opening_of
from tokenspec.oracle.wire.answers import Answer, Difference, differences
from tokenspec.oracle.wire.records import Reader, Record

_SHOWN_ORDERS = 6
"""The number of orders that do not explain a history, and are kept to be told."""

_encode = msgspec.msgpack.Encoder(order="deterministic").encode


class EffectOnAccount(NamedTuple):
    """One way in which a record happens to an account."""

    answer: Answer
    decided_by: str | None
    """The rule that accepts it or the code that refuses it; None for a repeated id."""
    account: Account
    settings: Settings


class Meaning(Protocol):
    """The effect of records on an account."""

    reader: Reader
    initial: Account
    every: Settings
    """All settings that are possible before anything was seen."""

    def ways(self, record: Record, account: Account, settings: Settings) -> Iterator[EffectOnAccount]:
        """The effects of `record` on a copy of `account`, under each of `settings`."""


class OneSetting:
    """Records under settings that are known."""

    def __init__(self, oracle: Oracle) -> None:
        self._oracle, self.reader = oracle, oracle.reader
        self.initial, self.every = oracle.memory.begun(oracle.compiled.initial), 1

    def ways(self, record: Record, account: Account, settings: Settings) -> Iterator[EffectOnAccount]:
        """The one way in which it happens."""
        account = account.copy()
        stepped = self._oracle.step(record, account)
        yield EffectOnAccount(stepped.answer, stepped.decided_by, account, settings)


class ManySettings:
    """Records under all settings that are left, where they are inferred."""

    def __init__(self, worlds: Worlds, every: Settings) -> None:
        self._worlds, self.reader, self.initial, self.every = worlds, worlds.reader, worlds.begun(), every
        self.answers, self.first = worlds.sets.answers, worlds.sets.first

    def ways(self, record: Record, account: Account, settings: Settings) -> Iterator[EffectOnAccount]:
        """A way for each set of settings under which it happens alike."""
        while settings:
            copy = account.copy()
            answer, same = self._worlds.run(record, copy, settings)
            settings ^= same
            word = answer.outcome if answer.outcome == "accepted" else str(answer.reason)
            yield EffectOnAccount(answer, None if answer.duplicate is True else word, copy, same)


def meaning_of(setting: SutSettings, terms: Capabilities) -> OneSetting | ManySettings:
    """The effect of records under `setting`, with what the implementation has fixed."""
    if setting.known is None:
        return OneSetting(Oracle({**setting.policy, **terms.policy}, setting.catalogue, terms.resets))
    worlds = Worlds(setting.catalogue, terms.resets)
    return ManySettings(worlds, worlds.sets.with_answers({**setting.known, **terms.policy}))


class Placed(NamedTuple):
    """A request at its place in an order, with the right answer there."""

    call: Call
    answer: Answer
    decided_by: str | None


class PossibleAccount(NamedTuple):
    """A state that an account may be in, and how it came there."""

    account: Account
    settings: Settings
    unanswered: tuple[Call, ...] = ()
    """Requests without an answer that have not happened in it so far."""
    order: tuple[Placed, ...] = ()
    """The requests of the last round, in their order."""


@dataclass(frozen=True)
class WrongOrder:
    """An order that explains all answers but the last one, which differs."""

    order: tuple[Placed, ...]
    differences: list[Difference]


class NotLinearizable(Exception):
    """A round that no order explains, from no state that the account may have been in. `orders` are those that explain most."""

    def __init__(self, calls: Sequence[Call], orders: Sequence[WrongOrder]) -> None:
        self.calls, self.orders = calls, orders
        several = "no order of the requests explains the answers"
        super().__init__(several if len(calls) > 1 else "an answer is not right, whatever happened before")


class Judge:
    """Judges the histories of one implementation.

    An implementation has one setting: where settings are inferred, those that a history has ruled out stay ruled out.
    """

    def __init__(self, meaning: Meaning, terms: Capabilities, setting: SutSettings) -> None:
        self.meaning, self.asks, self._terms, self._reasons = meaning, asking(terms), terms, setting.reasons
        self.left = meaning.every
        """The settings that explain every history so far."""
        self.compared = 0
        self.held = set[str]()
        """The fields observed that held a value on either side."""
        self._states: dict[str, list[PossibleAccount]] = {}

    @property
    def has_own_words(self) -> bool:
        """True if the implementation names refusals in its own words."""
        return self._reasons is not None

    def begin(self) -> None:
        """A world is opened: no account exists."""
        self._states = {}

    def account(self, name: str) -> Account:
        """The account, as it may be by now."""
        return (self._states.get(name) or [PossibleAccount(self.meaning.initial, self.left)])[0].account

    def round(self, calls: Sequence[Call]) -> list[Placed]:
        """Judges requests that were sent once all others had ended; an order that explains them, account by account.

        Raises `NotLinearizable`.
        """
        by_account: dict[str, list[Call]] = {}
        for call in calls:
            by_account.setdefault(call.record["account"], []).append(call)
        return [placed for name, mine in by_account.items() for placed in self._of_account(name, mine)]

    def ahead(self, records: Sequence[dict[str, Any]]) -> list[Answer]:
        """The answers that may be right for requests that overlap, in any order; nothing happens."""
        answers = list[Answer]()
        by_account: dict[str, list[Call]] = {}
        for record in records:
            by_account.setdefault(record["account"], []).append(Call(0, record, 0, 1))
        for name, calls in by_account.items():
            search = _Search(self, calls)
            for state in self._before(name, calls[0]):
                search.explore(state, (*state.unanswered, *calls))
            answers += search.answers
        return answers

    def part(self, call: Call, answer: Answer) -> dict[str, Any]:
        """The part that counts of the answer that was given, where `answer` is the right one."""
        return observed(call.got or {}, answer, self._terms, self._reasons)

    def _of_account(self, name: str, calls: list[Call]) -> tuple[Placed, ...]:
        before = self._before(name, calls[0])
        search = _Search(self, calls)
        for state in before:
            search.explore(state, (*state.unanswered, *calls))
        if not search.found:
            raise NotLinearizable(calls, search.wrong)
        self._states[name] = search.found
        self.left = _union(search.found)
        order = search.found[0].order
        for call, answer, _ in order:
            if call.got is not None:
                self._note(self.part(call, answer), answer)
        return order

    def _note(self, said: dict[str, Any], answer: Answer) -> None:
        # Once every field has held a value, the outcome alone shows that something was compared.
        if said.get("outcome") is not None and self.held.issuperset(self._terms.observes):
            self.compared += 1
            return
        values = held(said, answer, self._terms)
        self.compared += bool(values)
        self.held |= values

    def _before(self, name: str, first: Call) -> list[PossibleAccount]:
        """The states that the account may be in before a round that begins with `first`."""
        known = self._states.get(name)
        if known is None:
            known = [PossibleAccount(self.meaning.initial, self.left)]
            if not self._terms.opens_accounts:
                opening = self.meaning.reader.convert(opening_of(first.record))
                known = [PossibleAccount(w.account, w.settings) for w in self.meaning.ways(opening, *known[0][:2])]
        # What other accounts have ruled out, and what was sent at an earlier instant, happens no more.
        now = first.record["at"]
        return [
            PossibleAccount(
                state.account, state.settings & self.left, tuple(c for c in state.unanswered if c.record["at"] == now)
            )
            for state in known
            if state.settings & self.left
        ]


class _Search:
    """The orders of one round, searched depth first."""

    def __init__(self, judge: Judge, calls: Sequence[Call]) -> None:
        self._judge, self._calls = judge, calls
        self._records = dict[Call, Record]()
        self._parts = dict[Call, dict[str, Any]]()
        self._seen = set[tuple[tuple[int, ...], Settings, bytes]]()
        self.found: list[PossibleAccount] = []
        """Every state that the account may be in afterwards."""
        self.wrong: list[WrongOrder] = []
        self.answers: list[Answer] = []
        """Every answer that is right in some order."""

    def explore(self, state: PossibleAccount, rest: tuple[Call, ...]) -> None:
        """Takes every order of `rest` that keeps to who had ended before whom was sent."""
        state = state._replace(unanswered=rest)
        if len(self._calls) > 1 or len(rest) > 1:
            key = (tuple(map(id, rest)), state.settings, _encode(state.account))
            if key in self._seen:
                return
            self._seen.add(key)
        ends = [call.answered for call in rest if call.answered is not None]
        if not ends:
            self.found.append(state)
        first_end = min(ends, default=None)
        for position, call in enumerate(rest):
            if first_end is None or call.sent < first_end:
                self._take(state, call, rest[:position] + rest[position + 1 :])

    def _take(self, state: PossibleAccount, call: Call, rest: tuple[Call, ...]) -> None:
        record = self._records.get(call)
        if record is None:
            record = self._records[call] = self._judge.meaning.reader.convert(call.record | self._judge.asks)
        try:
            for way in self._judge.meaning.ways(record, state.account, state.settings):
                order = (*state.order, Placed(call, way.answer, way.decided_by))
                self.answers.append(way.answer)
                wrong = differences(way.answer, self._part(call, way.answer)) if call.got is not None else []
                if wrong:
                    self._note(WrongOrder(order, wrong))
                else:
                    self.explore(PossibleAccount(way.account, way.settings, order=order), rest)
        except WentBack:
            # A request without an answer that is older than what has happened meanwhile did not happen.
            return

    def _part(self, call: Call, answer: Answer) -> dict[str, Any]:
        # In our own words the part of an answer that counts is the same, whatever the right answer is.
        if self._judge.has_own_words:
            return self._judge.part(call, answer)
        part = self._parts.get(call)
        if part is None:
            part = self._parts[call] = self._judge.part(call, answer)
        return part

    def _note(self, wrong: WrongOrder) -> None:
        length = len(self.wrong[0].order) if self.wrong else 0
        if len(wrong.order) > length:
            self.wrong = []
        if len(wrong.order) >= length and len(self.wrong) < _SHOWN_ORDERS:
            self.wrong.append(wrong)


def _union(states: Sequence[PossibleAccount]) -> Settings:
    settings = 0
    for state in states:
        settings |= state.settings
    return settings
