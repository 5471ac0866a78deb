"""Fuzzing an implementation: it and the oracle answer the same records, side by side.

The records are those of `fuzz`, restricted to the events and values that the implementation takes. The settings are the
user's, replaced by those that the implementation has fixed. sut_infer.py extends this to inferred settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tokenspec.machine.checkers.monitor import Tally
from tokenspec.machine.fuzzing.boundary_values import Amounts
from tokenspec.machine.fuzzing.coverage import Coverage
from tokenspec.machine.fuzzing.stateful import names_by_weight
from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.fuzz.campaign import default_watch
from tokenspec.oracle.fuzz.layer_claims import LayerChecks
from tokenspec.oracle.fuzz.worlds import START, Count, WorldFuzz, world_fuzz
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import Wait
from tokenspec.oracle.runtime.steps import Stepped
from tokenspec.oracle.sut.capabilities import Capabilities, payload_keys
from tokenspec.oracle.sut.client import Client, Failed, Message
from tokenspec.oracle.sut.observed import asking, held, observed
from tokenspec.oracle.sut.world import Diverged, Openings, SutSettings, applied
from tokenspec.oracle.wire.answers import Answer, differences
from tokenspec.oracle.wire.records import LAST_INSTANT, asked
from tokenspec.spec.catalogue import Catalogue
from tokenspec.spec.system import system


class _Past(LayerChecks):
    """Figures for screens and the last quote, without checks: the claims have runs of their own."""

    asks: Mapping[str, Any] = {}
    """Fields added to each record, so that the answer holds every observed field."""

    def play(self, record: dict[str, Any]) -> Stepped:
        stepped = self._apply({**record, **self.asks})
        if isinstance(stepped.answer.cost, int):
            self.quoted = stepped.answer.cost
        return stepped


class SutFuzz(WorldFuzz):
    """One run of an implementation beside the oracle. Made by `sut_fuzz`."""

    client: Client
    openings: Openings
    terms: Capabilities
    setting: SutSettings
    held: set[str]
    """The observed fields that held a value on either side."""
    not_sent: str = ""
    """The first event of this run that was not sent unchanged; empty where each was."""
    _right: list[Answer | None]
    _keys: Mapping[str, Mapping[str, bool]]

    def open_world(self, policy: Mapping[str, str], catalogue: Catalogue, resets: str) -> None:
        """Opens an empty world on both sides; the drawn settings do not matter."""
        type(self).count.examples += 1
        self.records, self._right = [], []
        self._ids, self._now = [], START
        self._answer_under(self._settings())
        self._begin()

    def _settings(self) -> Mapping[str, str]:
        """Returns the settings under which the oracle answers."""
        return {**self.setting.policy, **self.terms.policy}

    def _answer_under(self, settings: Mapping[str, str]) -> None:
        """Replaces the oracle by one with these settings, after all records so far."""
        self.oracle = Oracle(settings, self.setting.catalogue, self.terms.resets)
        self._amounts = Amounts(self.machine, self.oracle.parameters)
        past = self._layers = _Past(self.oracle, self.tally)
        past.asks = asking(self.terms)
        self._right = [self._layers.play(asked(record)).answer for record in self.records]

    def _begin(self) -> None:
        try:
            self.setting.opened_at(self.openings)
        except Diverged as error:
            raise self._failed(error) from None

    def _play(self, record: dict[str, Any]) -> None:
        fitted = self._fitted(record)
        begins_by_itself = record["event"] == "open_account" and not self.terms.opens_accounts
        if fitted != record and not begins_by_itself:
            self.not_sent = self.not_sent or record["event"]
        if fitted is None:
            return
        if not self.terms.opens_accounts and fitted["account"] not in self.oracle.accounts:
            self._happen({"account": fitted["account"], "at": fitted["at"], "event": "open_account"})
        stepped = self._happen(fitted)
        # Those of the account are counted as they happen.
        if stepped.decided_by is not None and fitted["event"] in self.oracle.session_machine.event_named:
            self.coverage.note_name(fitted["event"], stepped.decided_by)
        type(self).count.steps += 1
        got = applied(self.client, fitted)
        if isinstance(got, Failed):
            raise self._failed(Diverged(stepped.answer, stepped.decided_by, [], got))
        self._judge(self.records[-1], stepped, got)

    def _happen(self, record: dict[str, Any]) -> Stepped:
        """Returns the right answer to `record`, which is run on this side alone."""
        self.records.append(dict(record))
        stepped = self._layers.play(record)
        for step in stepped.steps:
            self.coverage.note(self.oracle.compiled, step.event, step.outcome)
        self._right.append(stepped.answer)
        return stepped

    def _judge(self, record: dict[str, Any], stepped: Stepped, got: Message) -> None:
        """Notes the compared part of `got` in the record, and compares it with the right answer. Raises `Diverged`."""
        answer = stepped.answer
        record["observed"] = observed(got, answer, self.terms, self.setting.reasons)
        self._note_compared(record["observed"], answer)
        found = differences(answer, record["observed"])
        if found:
            raise self._failed(Diverged(answer, stepped.decided_by, found))

    def _note_compared(self, said: Message, answer: Answer) -> None:
        values = held(said, answer, self.terms)
        type(self).count.compared += bool(values)
        type(self).held |= values

    def _failed(self, error: Diverged) -> Diverged:
        type(self).failure = replace(self._failure(error), expected=list(self._right))
        return error

    def _fitted(self, record: dict[str, Any]) -> dict[str, Any] | None:
        """Returns the record restricted to fields and values that the implementation takes; None where that is impossible."""
        event, terms = record["event"], self.terms
        if event not in terms.events:
            return None
        fitted = dict(record)
        for key, is_optional in self._keys[event].items():
            if key in fitted and not terms.takes(key, fitted[key], is_optional):
                taken = terms.values.get(key)
                if taken:
                    fitted[key] = taken[len(self.records) % len(taken)]
                elif is_optional:
                    del fitted[key]
                    if key == "model":
                        fitted["origin"] = getattr(self.oracle.catalogue.model(record["model"]), "origin", "first_party")
                else:
                    return None
        known = self.oracle.accounts.get(record["account"])
        if known is not None and "duplicate" not in terms.observes and fitted.get("id") in known.answers:
            del fitted["id"]
        return fitted if fitted == record or self._is_well_formed(fitted) else None

    def _is_well_formed(self, record: dict[str, Any]) -> bool:
        """Returns true if the accepted values make a well-formed record; a malformed one is not sent."""
        try:
            self.oracle.reader.convert(record)
        except BadRecord:
            return False
        return True

    def _time(self, who: str, wait: Wait) -> int:
        return min(super()._time(who, wait), LAST_INSTANT)


def sut_fuzz(openings: Openings, terms: Capabilities, setting: SutSettings, kind: type[SutFuzz] = SutFuzz) -> type[SutFuzz]:
    """Returns a Hypothesis state machine that drives an implementation, with a rule for each event that it takes.

    `kind` is its base class: `SutFuzz`, or `InferringFuzz` where the settings are not known.
    """
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
        "client": openings.client,
        "openings": openings,
        "held": set(),
        "terms": terms,
        "setting": setting,
        "plans": tuple(p for p in base.plans if terms.takes("plan", p)) or base.plans,
        "_keys": {e.name: payload_keys(e) for e in base.events},
    }
    return type("SutFuzz", (kind, base), own)
