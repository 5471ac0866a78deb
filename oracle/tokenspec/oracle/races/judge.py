"""Judges histories: right is what some order of the requests explains, in which none comes before one that had ended already.

This is linearizability, decided by the search of Wing and Gong with Lowe's memo: each account for itself, and no state twice
with the same requests done. A request without an answer may have happened at any time since it was sent, or not at all. All
requests that overlap carry one instant, so that a history is judged round by round, from all states it may be in by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from typing import Any, NamedTuple, TypeAlias

import msgspec

from tokenspec.machine.lang.declaration import Rule
from tokenspec.oracle.base.errors import WentBack
from tokenspec.oracle.base.specification import system
from tokenspec.oracle.logs.branches import Worlds
from tokenspec.oracle.logs.policy_sets import Settings
from tokenspec.oracle.races.history import Call
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.sut.capabilities import Capabilities
from tokenspec.oracle.sut.compared import ComparedParts
from tokenspec.oracle.sut.observed import asking, held, observed
from tokenspec.oracle.sut.world import SutSettings, opening_of
from tokenspec.oracle.wire.answers import Answer, Difference, differences
from tokenspec.oracle.wire.observations import instant_of
from tokenspec.oracle.wire.records import Record

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


class OneSetting:
    """Records under settings that are known."""

    def __init__(self, oracle: Oracle) -> None:
        self._oracle, self.reader = oracle, oracle.reader
        self.initial, self.every = oracle.memory.begun(oracle.compiled.initial), 1

    def ways(self, record: Record, account: Account, settings: Settings) -> Iterable[EffectOnAccount]:
        """The one way in which it happens."""
        account = account.copy()
        answer, decided_by = self._oracle.decide(record, account)
        return (EffectOnAccount(answer, decided_by, account, settings),)


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


Meaning: TypeAlias = OneSetting | ManySettings
"""The effect of records on an account: `ways` has those on a copy of it, under each of some settings."""


def meaning_of(setting: SutSettings, terms: Capabilities) -> Meaning:
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
        self._parts = ComparedParts(terms)
        self.left = meaning.every
        """The settings that explain every history so far."""
        self.compared = 0
        self.held = set[str]()
        """The fields observed that held a value on either side."""
        self._every = {"outcome", *terms.observes}
        self._states: dict[str, list[PossibleAccount]] = {}

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
        return [placed for name, mine in _by_account(calls).items() for placed in self._of_account(name, mine)]

    def ahead(self, records: Sequence[dict[str, Any]]) -> list[Answer]:
        """The answers that may be right for requests that overlap, in any order; nothing happens."""
        by_account = _by_account(Call(0, record, 0, 1) for record in records)
        return [
            answer for name, calls in by_account.items() for answer in _Search(self, self._before(name, calls), calls).answers
        ]

    def part(self, call: Call, answer: Answer) -> dict[str, Any]:
        """The part that counts of the answer that was given, where `answer` is the right one."""
        return observed(call.got or {}, answer, self._terms, self._reasons)

    def told(self, call: Call) -> tuple[Any, ...] | None:
        """The form of the answer given in which it is compared; None where its own words for refusals depend on the right one."""
        return self._parts.of_theirs(call.got or {}) if self._reasons is None else None

    def explains(self, answer: Answer, call: Call, told: tuple[Any, ...] | None) -> bool:
        """Returns whether `answer`, where it is the right one, is the one given, of which `told` is the form compared."""
        if call.got is None:
            return True
        if told is None:
            return not differences(answer, self.part(call, answer))
        return self._parts.of_ours(answer) == told

    def changes_nothing(self, call: Call, answer: Answer, decided_by: str | None) -> bool:
        """Returns whether a request with this answer changes nothing wherever it happens: a refusal, a repeat, or a question.

        Another one may change nothing in one state alone, such as a change of plan that is scheduled already.
        """
        refused = answer.outcome == "refused" and "outcome" in self._terms.observes
        return refused or decided_by is None or call.record["event"] in _questions()

    def _of_account(self, name: str, calls: list[Call]) -> tuple[Placed, ...]:
        search = _Search(self, self._before(name, calls), calls)
        if not search.found:
            orders = [(order, order[-1]) for order in search.wrong]
            wrong = [WrongOrder(order, differences(last.answer, self.part(last.call, last.answer))) for order, last in orders]
            raise NotLinearizable(calls, wrong)
        self._states[name] = search.found
        self.left = reduce(or_, (state.settings for state in search.found))
        order = search.found[0].order
        for call, answer, _ in order:
            if call.got is not None:
                self._note(call, answer)
        return order

    def _note(self, call: Call, answer: Answer) -> None:
        # Once every field has held a value, the outcome alone shows that something was compared.
        if self._every.issubset(self.held) and (call.got or {}).get("outcome") is not None:
            self.compared += 1
            return
        values = held(self.part(call, answer), answer, self._terms)
        self.compared += bool(values)
        self.held |= values

    def _before(self, name: str, calls: Sequence[Call]) -> list[PossibleAccount]:
        """The states that the account may be in before a round that begins with `first`."""
        known = self._states.get(name)
        if known is None:
            known = [PossibleAccount(self.meaning.initial, self.left)]
            if not self._terms.opens_accounts:
                opening = self.meaning.reader.convert(opening_of(calls[0].record))
                known = [PossibleAccount(w.account, w.settings) for w in self.meaning.ways(opening, *known[0][:2])]
        # What other accounts have ruled out, and what was sent at an earlier instant, happens no more.
        now = calls[0].record["at"]
        before = [
            PossibleAccount(
                state.account, state.settings & self.left, tuple([c for c in state.unanswered if c.record["at"] == now])
            )
            for state in known
            if state.settings & self.left
        ]
        if len(calls) > 1:
            # Time is the same for all of them, so that which one brings it is no difference between two orders.
            at = instant_of(now)
            before = [state._replace(account=msgspec.structs.replace(state.account, last_at=at)) for state in before]
        return before


class _Search:
    """The orders of one round, searched depth first."""

    def __init__(self, judge: Judge, before: Sequence[PossibleAccount], calls: Sequence[Call]) -> None:
        self._judge = judge
        self._asked = dict[Call, tuple[Record, tuple[Any, ...] | None]]()
        self._seen = set[tuple[tuple[Call, ...], Settings, bytes]]()
        self._has_orders = len(calls) > 1 or any(state.unanswered for state in before)
        self.found: list[PossibleAccount] = []
        """Every state that the account may be in afterwards."""
        self.wrong: list[tuple[Placed, ...]] = []
        """The orders that explain most, with an answer at the end that is not the one given."""
        self.answers: list[Answer] = []
        """Every answer that is right in some order."""
        for state in before:
            self._explore(state, (*state.unanswered, *calls))

    def _explore(self, state: PossibleAccount, rest: tuple[Call, ...], encoded: bytes | None = None) -> None:
        """Takes every order of `rest` that keeps to who had ended before whom was sent."""
        if self._has_orders:
            encoded = encoded or _encode(state.account)
            key = (rest, state.settings, encoded)
            if key in self._seen:
                return
            self._seen.add(key)
        first_end = min([call.answered for call in rest if call.answered is not None], default=None)
        if first_end is None:
            self.found.append(state._replace(unanswered=rest))
        for position, call in enumerate(rest):
            is_possible = first_end is None or call.sent < first_end
            if is_possible and self._take(state, encoded, call, rest[:position] + rest[position + 1 :]):
                # What can change nothing may as well have come first: whatever is found later is found after it too.
                return

    def _take(self, state: PossibleAccount, encoded: bytes | None, call: Call, rest: tuple[Call, ...]) -> bool:
        """Lets a request happen first; true if its answer is the one given, and shows that it changes nothing at any place."""
        judge, asked = self._judge, self._asked.get(call)
        if asked is None:
            record = judge.meaning.reader.convert(call.record | judge.asks)
            asked = self._asked[call] = record, judge.told(call)
        record, told = asked
        try:
            for answer, decided_by, account, settings in judge.meaning.ways(record, state.account, state.settings):
                self.answers.append(answer)
                order = (*state.order, Placed(call, answer, decided_by))
                if not judge.explains(answer, call, told):
                    self._note(order)
                    continue
                after = _encode(account) if self._has_orders else None
                self._explore(PossibleAccount(account, settings, (), order), rest, after)
                is_same = call.got is not None and after is not None and after == encoded and settings == state.settings
                if is_same and judge.changes_nothing(call, answer, decided_by):
                    return True
        except WentBack:
            # A request without an answer that is older than what has happened meanwhile did not happen.
            pass
        return False

    def _note(self, wrong: tuple[Placed, ...]) -> None:
        length = len(self.wrong[0]) if self.wrong else 0
        if len(wrong) > length:
            self.wrong = []
        if len(wrong) >= length and len(self.wrong) < _SHOWN_ORDERS:
            self.wrong.append(wrong)


@cache
def _questions() -> frozenset[str]:
    """Returns the events of which no rule changes anything."""
    events = [event for machine in system().machines for event in machine.events if event.rules]
    return frozenset(e.name for e in events if not any(_changes(rule) for rule in e.rules))


def _changes(rule: Rule) -> bool:
    return bool(rule.effect or rule.ledger or rule.clocks or rule.notes) or rule.target is not None


def _by_account(calls: Iterable[Call]) -> dict[str, list[Call]]:
    found: dict[str, list[Call]] = {}
    for call in calls:
        found.setdefault(call.record["account"], []).append(call)
    return found
