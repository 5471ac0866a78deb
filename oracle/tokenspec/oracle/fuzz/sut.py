"""Fuzzing an implementation: it and the oracle answer the same records, side by side.

The records are those of `fuzz`, restricted to the events and values that the implementation takes. The settings are the
user's, replaced by those that the implementation has fixed. sut_infer.py extends this to inferred settings.
"""

from __future__ import annotations

import time
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
from tokenspec.oracle.sut.capabilities import BATCH, NO_REPEATS, SAME_REQUEST, SECONDS, Capabilities, payload_keys
from tokenspec.oracle.sut.client import Client, Failed, Message
from tokenspec.oracle.sut.observed import asking, held, observed
from tokenspec.oracle.sut.world import Diverged, Openings, SutSettings, applied, opening_of
from tokenspec.oracle.wire.answers import Answer, differences
from tokenspec.oracle.wire.records import LAST_INSTANT, asked
from tokenspec.oracle.wire.resets import clock_jobs
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


class TimeIsUp(BaseException):
    """The run has lasted as long as it may. It ends a run of Hypothesis too, as an interruption does."""


class SutFuzz(WorldFuzz):
    """One run of an implementation beside the oracle. Made by `sut_fuzz`."""

    client: Client
    openings: Openings
    terms: Capabilities
    setting: SutSettings
    held: set[str]
    """The observed fields that held a value on either side."""
    until = float("inf")
    """The instant, of the monotonic clock, at which the run ends."""
    not_sent: str = ""
    """The first event of this run that was not sent unchanged; empty where each was."""
    _right: list[Answer | None]
    _first_uses: dict[tuple[str, str], dict[str, Any]]
    """By account and id, the request that used the id first."""
    _keys: Mapping[str, Mapping[str, bool]]

    def open_world(self, policy: Mapping[str, str], catalogue: Catalogue, resets: str) -> None:
        """Opens an empty world on both sides; the drawn settings do not matter."""
        type(self).count.examples += 1
        self.records, self._right, self._first_uses = [], [], {}
        self._now = START
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
        self._check_time()
        try:
            self.setting.opened_at(self.openings)
        except Diverged as error:
            raise self._failed(error) from None

    def _play(self, record: dict[str, Any]) -> None:
        if self.terms.jobs == BATCH and record["event"] in clock_jobs():
            self._play_batch(record)
            return
        fitted = self._fitted(record)
        if fitted is not None and self.terms.looks_ahead and any(map(self.terms.bars, self._ahead(fitted))):
            fitted = None
        begins_by_itself = record["event"] == "open_account" and not self.terms.opens_accounts
        if fitted != record and not begins_by_itself:
            self.not_sent = self.not_sent or record["event"]
        if fitted is not None:
            self._send(fitted)

    def _play_batch(self, job: dict[str, Any]) -> None:
        """Sends one run of a job, which has no id: a record for each account for which it is due."""
        job = {key: value for key, value in job.items() if key != "id"}
        if any(asked(ran) == job for ran in self.records):
            return
        names = dict.fromkeys([job["account"], *sorted(self.oracle.accounts)])
        ahead = [(job | {"account": name}, self._ahead(job | {"account": name})) for name in names]
        due = [(record, answers) for record, answers in ahead if any(answer.outcome == "accepted" for answer in answers)]
        is_barred = any(self.terms.bars(answer) for _, answers in due for answer in answers)
        if not due or is_barred or job["event"] not in self.terms.events:
            self.not_sent = self.not_sent or job["event"]
            return
        for record, _ in due:
            self._send(record)

    def _ahead(self, record: dict[str, Any]) -> list[Answer]:
        """Returns the answers that would be right, under each setting that is followed; nothing happens."""
        name = record["account"]
        known = self.oracle.accounts.get(name)
        oracle = self.oracle.fork({} if known is None else {name: known.copy()})
        if known is None and not self.terms.opens_accounts:
            oracle.apply(opening_of(record))
        return [oracle.apply(record)]

    def _check_time(self) -> None:
        if time.monotonic() > self.until:
            raise TimeIsUp

    def _send(self, fitted: dict[str, Any]) -> None:
        self._check_time()
        if not self.terms.opens_accounts and fitted["account"] not in self.oracle.accounts:
            self._happen(opening_of(fitted))
        if "id" in fitted:
            self._first_uses.setdefault((fitted["account"], fitted["id"]), fitted)
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
        first = self._first_uses.get((record["account"], record.get("id", "")))
        if first is not None and terms.repeats == NO_REPEATS:
            del fitted["id"]
        elif first is not None and terms.repeats == SAME_REQUEST:
            return {**first, "at": record["at"]}
        for key, is_optional in self._keys[event].items():
            if key in fitted and not terms.takes(key, fitted[key], is_optional):
                taken = [value for value in terms.values.get(key, ()) if terms.takes(key, value)]
                if taken:
                    fitted[key] = taken[len(self.records) % len(taken)]
                elif key not in terms.values and type(fitted[key]) is int:
                    fitted[key] = terms.largest
                elif is_optional:
                    del fitted[key]
                    if key == "model":
                        fitted["origin"] = getattr(self.oracle.catalogue.model(record["model"]), "origin", "first_party")
                else:
                    return None
        return fitted if fitted == record or self._is_well_formed(fitted) else None

    def _is_well_formed(self, record: dict[str, Any]) -> bool:
        """Returns true if the accepted values make a well-formed record; a malformed one is not sent."""
        try:
            self.oracle.reader.convert(record)
        except BadRecord:
            return False
        return True

    def _time(self, who: str, wait: Wait) -> int:
        at = super()._time(who, wait)
        if self.terms.instants == SECONDS:
            # What is a millisecond before or after a due instant is a second then.
            at += wait.ms * 999 if abs(wait.ms) == 1 else 0
            at += -at % 1_000
        return min(at, LAST_INSTANT - LAST_INSTANT % 1_000)


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
