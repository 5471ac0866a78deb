"""Fuzzing an implementation: the oracle and it are driven side by side, and answer the same records.

The records are those of `fuzz`, restricted to what the implementation takes. Of settings there is one choice: the
user's, with what the implementation has fixed in their place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tokenspec.machine.backends.compiled import Fields, Outcome, Row
from tokenspec.machine.checkers.monitor import Tally
from tokenspec.machine.testing.amounts import Amounts
from tokenspec.machine.testing.coverage import Coverage
from tokenspec.machine.testing.stateful import names_by_weight
from tokenspec.oracle.answers import Answer, Difference, differences
from tokenspec.oracle.campaign import default_watch
from tokenspec.oracle.compare import Reasons, observed
from tokenspec.oracle.errors import BadRecord, BadSetting
from tokenspec.oracle.fuzz import START, Count, Failure, World, WorldFuzz, world_fuzz
from tokenspec.oracle.journal import Account
from tokenspec.oracle.layers import LayerChecks
from tokenspec.oracle.protocol import PROTOCOL
from tokenspec.oracle.records import LAST_INSTANT
from tokenspec.oracle.settings import catalogue_on_the_wire
from tokenspec.oracle.sut import ERROR, GARBAGE, Client, Failed
from tokenspec.oracle.terms import Terms, payload_keys, terms_from
from tokenspec.oracle.world import Oracle
from tokenspec.spec.catalogue import Catalogue
from tokenspec.spec.system import system

DIFFERS = "differs"

_STANDING = ("resets", "events", "observes", "values", "policy")
"""What an implementation says of itself each time in the same way."""


class CannotOpen(Exception):
    """The implementation says that it cannot run this world: there is nothing to be judged."""


class Diverged(Exception):
    """An answer that is not the right one, or none: `differences`, or what failed; `expected` is None for what is no event."""

    def __init__(self, expected: Answer | None, rule: str | None, found: list[Difference], failed: Failed | None = None) -> None:
        self.expected, self.rule, self.differences, self.failed = expected, rule, found, failed
        super().__init__(str(failed) if failed is not None else found[0][0])

    @property
    def field(self) -> str:
        """The first field that differs; where there was no answer, what was asked for."""
        return self.differences[0][0] if self.failed is None else "answer" if self.expected is not None else "open"

    @property
    def kind(self) -> tuple[str, str]:
        """What makes two of them the same: the first field that differs, or the way in which it failed."""
        return (self.failed.how if self.failed is not None else DIFFERS, self.field)


@dataclass(frozen=True)
class Setting:
    """What a run is about."""

    policy: Mapping[str, str]
    """All thirteen knobs, as they are sent."""
    catalogue: Catalogue
    reasons: Reasons | None = None

    def request(self) -> dict[str, Any]:
        """The request that opens a world."""
        return {
            "op": "open",
            "protocol": PROTOCOL,
            "catalogue": catalogue_on_the_wire(self.catalogue),
            "policy": dict(self.policy),
        }


def opened(client: Client, request: dict[str, Any]) -> Terms:
    """Opens a world. Raises `CannotOpen`, and `Diverged` where the answer is none or breaks the protocol."""
    answer = client.ask(request)
    if isinstance(answer, Failed):
        raise Diverged(None, None, [], answer)
    if answer.get("error") is not None:
        raise CannotOpen(str(answer["error"]))
    try:
        return terms_from(answer)
    except BadSetting as fault:
        raise Diverged(None, None, [], Failed(GARBAGE, f"its answer to open breaks the protocol: {fault}")) from None


class NotClosed(Diverged):
    """A world that was not closed: `close` is answered with an object, as everything is."""

    field = "close"


def close(client: Client) -> None:
    """Closes the world. Raises `NotClosed`."""
    answer = client.ask({"op": "close"})
    if not isinstance(answer, Failed) and answer.get("error") is not None:
        answer = Failed(ERROR, f"it answered close with an error: {answer['error']}")
    if isinstance(answer, Failed):
        raise NotClosed(None, None, [], answer)


class _Past(LayerChecks):
    """What a screen may show and what was quoted last, with nothing checked: the claims have runs of their own."""

    def play(self, record: dict[str, Any]) -> Answer:
        known = record["account"] in self.oracle.accounts
        answer = self.oracle.apply(record)
        account = self.oracle.accounts[record["account"]]
        if not known:
            self._names[id(account)] = record["account"]
            self._history.setdefault(record["account"], []).append(self._vector(account))
        if isinstance(answer.cost, int):
            self.quoted = answer.cost
        return answer


@dataclass
class Totals:
    """What was sent and compared, over all runs."""

    sent: int = 0
    compared: int = 0
    expected: list[Answer | None] = field(default_factory=list)
    """The right answers to the records of the latest failure."""


class SutFuzz(WorldFuzz):
    """One run of an implementation beside the oracle. Made by `sut_fuzz`."""

    client: Client
    terms: Terms
    setting: Setting
    totals: Totals
    _right: list[Answer | None]
    _keys: Mapping[str, Mapping[str, bool]]

    def open_world(self, policy: Mapping[str, str], catalogue: Catalogue, resets: str) -> None:
        """An empty world on both sides; what was drawn does not matter."""
        type(self).count.examples += 1
        settings = {**self.setting.policy, **self.terms.policy}
        self.oracle = Oracle(settings, self.setting.catalogue, self.terms.resets)
        self.oracle.watch = self._observe
        self._amounts = Amounts(self.machine, self.oracle.parameters)
        self._layers = _Past(self.oracle, self.tally)
        self.records, self._right = [], []
        self._ids, self._now = [], START
        self._begin()

    def _begin(self) -> None:
        try:
            now = opened(self.client, self.setting.request())
        except Diverged as error:
            raise self._failed(error) from None
        changed = [name for name in _STANDING if getattr(now, name) != getattr(self.terms, name)]
        if changed:
            failed = Failed(GARBAGE, f"it answered open differently from the first time: its {changed[0]}")
            raise self._failed(Diverged(None, None, [], failed))

    def _play(self, record: dict[str, Any]) -> None:
        fitted = self._fitted(record)
        if fitted is None:
            return
        if not self.terms.opens_accounts and fitted["account"] not in self.oracle.accounts:
            opening = {"account": fitted["account"], "at": fitted["at"], "event": "open_account"}
            self.records.append(opening)
            self._right.append(self._layers.play(opening))
        kept = dict(fitted)
        self.records.append(kept)
        answer = self._layers.play(fitted)
        self._right.append(answer)
        self._note(fitted["event"])
        type(self).count.steps += 1
        self.totals.sent += 1
        got = self.client.ask({"op": "apply", **fitted})
        if not isinstance(got, Failed) and got.get("error") is not None:
            got = Failed(ERROR, f"it answered with an error: {got['error']}")
        if isinstance(got, Failed):
            raise self._failed(Diverged(answer, self.oracle.last_rule, [], got))
        kept["observed"] = observed(got, answer, self.terms, self.setting.reasons)
        self.totals.compared += bool(kept["observed"])
        found = differences(answer, kept["observed"])
        if found:
            raise self._failed(Diverged(answer, self.oracle.last_rule, found))

    def _failed(self, error: Diverged) -> Diverged:
        world = World(dict(self.oracle.policy), self.oracle.catalogue, self.oracle.resets)
        type(self).failure = Failure(list(self.records), world, error)
        self.totals.expected = list(self._right)
        return error

    def _fitted(self, record: dict[str, Any]) -> dict[str, Any] | None:
        """The record with nothing in it that the implementation does not take; None where that cannot be."""
        event, terms = record["event"], self.terms
        if event not in terms.events:
            return None
        fitted = dict(record)
        for key, is_optional in self._keys[event].items():
            if key in fitted and not terms.takes(key, fitted[key]):
                taken = terms.values[key]
                if taken:
                    fitted[key] = taken[len(self.records) % len(taken)]
                elif is_optional:
                    del fitted[key]
                else:
                    return None
        known = self.oracle.accounts.get(record["account"])
        if known is not None and "duplicate" not in terms.observes and fitted.get("id") in known.answers:
            del fitted["id"]
        return fitted if fitted == record or self._is_well_formed(fitted) else None

    def _is_well_formed(self, record: dict[str, Any]) -> bool:
        """Whether what it says it takes makes a record at all; one that is none is sent to nobody."""
        try:
            self.oracle.reader.convert(record)
        except BadRecord:
            return False
        return True

    def _time(self, who: str, wait: str) -> int:
        return min(super()._time(who, wait), LAST_INSTANT)

    def _note(self, event: str) -> None:
        """Counts what became of an event of a session; those of the account are counted as they happen."""
        outcome = self.oracle.last_rule
        if outcome is not None and event in self.oracle.session_machine.event_named:
            self.coverage.note_name(event, outcome)

    def _observe(self, account: Account, event: str, fields: Fields, before: Row, outcome: Outcome) -> None:
        self.coverage.note(self.oracle.compiled, event, outcome)
        self._layers.observed(account, event, outcome)


def sut_fuzz(client: Client, terms: Terms, setting: Setting) -> type[SutFuzz]:
    """A Hypothesis state machine that drives `client`, with a rule for each event that it takes."""
    catalogue = setting.catalogue
    base = world_fuzz(None, default_watch(), catalogue)
    unlisted = [name for e in base.events if e.name not in terms.events for name in names_by_weight(e)]
    account, _, session = system(catalogue).machines
    own: dict[str, Any] = {
        **dict.fromkeys(unlisted),
        "events": tuple(e for e in base.events if e.name in terms.events),
        "coverage": Coverage((account, session)),
        "tally": Tally(),
        "count": Count(),
        "client": client,
        "terms": terms,
        "setting": setting,
        "totals": Totals(),
        "plans": tuple(p for p in base.plans if terms.takes("plan", p)) or base.plans,
        "_keys": {e.name: payload_keys(e) for e in base.events},
    }
    return type("SutFuzz", (SutFuzz, base), own)
