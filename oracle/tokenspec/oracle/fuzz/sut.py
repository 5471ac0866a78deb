"""Fuzzing an implementation: it and the oracle answer the same records, side by side.

The records are those of `fuzz`, restricted to the events and values that the implementation takes. The settings are the
user's, replaced by those that the implementation has fixed. sut_infer.py extends this to inferred settings.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from tokenspec.machine.checkers.monitor import Tally, Watch
from tokenspec.machine.fuzzing.boundary_values import Amounts
from tokenspec.machine.fuzzing.coverage import Coverage
from tokenspec.machine.fuzzing.stateful import names_by_weight
from tokenspec.oracle.base.instants import format_instant, parse_instant
from tokenspec.oracle.base.specification import DEFAULT, SPEC, AnyCatalogue, account, machines
from tokenspec.oracle.fuzz.figures import OTHERS
from tokenspec.oracle.fuzz.fitting import fit
from tokenspec.oracle.fuzz.layer_checks import LayerChecks
from tokenspec.oracle.fuzz.names import UsedNames
from tokenspec.oracle.fuzz.pairs import RulePairs
from tokenspec.oracle.fuzz.scenes import Scene
from tokenspec.oracle.fuzz.starts import STARTS
from tokenspec.oracle.fuzz.sweeps import Sweeps
from tokenspec.oracle.fuzz.worlds import Count, FuzzWorld, listed, world_fuzz
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import Wait
from tokenspec.oracle.runtime.steps import Stepped
from tokenspec.oracle.sut.capabilities import BATCH, NO_REPEATS, SAME_REQUEST, SECONDS, Capabilities
from tokenspec.oracle.sut.client import Client, Failed, Message
from tokenspec.oracle.sut.compared import ComparedParts
from tokenspec.oracle.sut.observed import asking, held, observed
from tokenspec.oracle.sut.world import CannotOpen, Diverged, Openings, SutSettings, answer_to_event, event_request, opening_of
from tokenspec.oracle.wire.answers import Answer, differences
from tokenspec.oracle.wire.observations import LAST_INSTANT
from tokenspec.oracle.wire.records import asked
from tokenspec.oracle.wire.resets import clock_jobs
from tokenspec.oracle.wire.settings import catalogue_on_the_wire


class _Past(LayerChecks):
    """Figures for screens and the last quote, without checks: the claims have runs of their own."""

    asks: Mapping[str, Any] = {}
    """Fields added to each record, so that the answer holds every observed field."""

    def play(self, record: dict[str, Any]) -> Stepped:
        oracle, name = self.oracle, record["account"]
        stepped = oracle.step(oracle.reader.convert({**record, **self.asks} if self.asks else record))
        if name not in self._history:
            self._history[name] = [oracle.app_balances(oracle.accounts[name].row)]
        elif stepped.steps:
            self._follow(name, stepped.steps)
        if record["event"] in _QUOTING:
            self._note_quoted(stepped.answer)
        return stepped


_Made: TypeAlias = tuple[Oracle, Amounts, dict[str, dict[str, Any]], Message]
"""An oracle without accounts, the amounts of its figures, the entries of its lists, and the catalogue as it is sent."""
_LATEST = LAST_INSTANT - LAST_INSTANT % 1_000
_QUOTING = frozenset(event.name for machine in machines() for event in machine.events if SPEC.prices.keys() & event.answers)
"""The events whose answers may quote a number."""
_MADE = 16
"""The largest number of them that are kept."""


class TimeIsUp(BaseException):
    """The run has lasted as long as it may. It ends a run of Hypothesis too, as an interruption does."""


class SutFuzz(Sweeps):
    """One run of an implementation beside the oracle. Made by `sut_fuzz`."""

    client: Client
    openings: Openings
    terms: Capabilities
    setting: SutSettings
    held: set[str]
    """The observed fields that held a value on either side."""
    all_held = False
    """True if every observed field has."""
    pairs: RulePairs
    until = float("inf")
    """The instant, of the monotonic clock, at which the run ends."""
    not_sent: str = ""
    """The first event of this run that was not sent unchanged; empty where each was."""
    not_run: str = ""
    """The reason why it does not run figures other than those that it was asked for; empty where it does."""
    parts: ComparedParts
    made: dict[tuple[object, ...], _Made]
    """By settings and catalogue, what is kept of earlier worlds."""
    _catalogue: AnyCatalogue
    _sent: Message
    _right: list[Answer | None]
    _compared: list[tuple[dict[str, Any], Message, Answer]]
    """The records that were compared, each with the answer given and the right one."""
    _first_uses: dict[tuple[str, str], dict[str, Any]]
    """By account and id, the request that used the id first."""
    _rules: dict[str, str]
    """By account, the last rule that accepted an event."""
    _sent_last: tuple[dict[str, Any], Stepped, Callable[[], Message | Failed]] | None = None
    """The record that was sent and not judged yet, the right answer to it, and what waits for the answer."""
    _is_given = False
    """True if the records are given, and may be malformed."""
    keys: Mapping[str, Mapping[str, bool]]
    """By event, the fields of its records that may hold what is not taken, true for those that may be left out."""

    def open_world(self, policy: Mapping[str, str], catalogue: AnyCatalogue, resets: str) -> None:
        """Opens an empty world on both sides, under its own settings; its figures too, unless worlds differ in them."""
        self.settle()
        type(self).count.examples += 1
        self.records, self._right, self._compared, self._first_uses, self._rules = [], [], [], {}, {}
        self._names = UsedNames(self.records)
        self._now = self._scene.start
        if self.terms.instants == SECONDS:
            self._now -= self._now % 1_000
        self._catalogue = catalogue if len(self.figures) > 1 else self.setting.catalogue
        self._answer_under(self._settings())
        try:
            self._begin()
        except CannotOpen as fault:
            if self._catalogue == self.setting.catalogue:
                raise
            # It need not run other figures than it was asked for.
            left = type(self).figures = tuple(each for each in self.figures if each is not self._catalogue)
            if all(each == self.setting.catalogue for each in left):
                type(self).not_run = str(fault)
            self._catalogue = self.setting.catalogue
            self._answer_under(self._settings())
            self._begin()

    def follow(self, path: list[dict[str, Any]], seed_number: int, further: int) -> None:
        """Runs a path that a search has found, in some year, and so many random events after it."""
        dice = random.Random(seed_number)
        self._scene = Scene(accounts=(path[0]["account"], "b", "c"))
        self.open_world({}, self.setting.catalogue, self.terms.resets)
        years = dice.choice((0, 0, 1, 10, 72))
        for record in path:
            at = format_instant(record["at"])
            self._play({**record, "at": f"{int(at[:4]) + years}{at[4:]}"})
        self._now = parse_instant(self.records[-1]["at"]) if self.records else self._now
        for _ in range(further):
            event = dice.choice(self.events)
            self.act(event, dice.randbytes(self.dice[event.name]))
        self.teardown()

    def _settings(self) -> Mapping[str, str]:
        """Returns the settings under which the oracle answers."""
        return {**self.setting.policy, **self.terms.policy}

    def _answer_under(self, settings: Mapping[str, str]) -> None:
        """Replaces the oracle by one with these settings, after all records so far."""
        oracle, self._amounts, self._listed, self._sent = self._made(settings)
        self.oracle = oracle.fork({})
        past = self._layers = _Past(self.oracle, self.tally)
        past.asks = asking(self.terms)
        self._right = [self._layers.play(asked(record)).answer for record in self.records]

    def _made(self, settings: Mapping[str, str]) -> _Made:
        """Returns what is made once for all worlds of the same settings and figures, which costs more than most worlds."""
        key = (*sorted(settings.items()), id(self._catalogue))
        if key not in self.made:
            if len(self.made) >= _MADE:
                self.made.clear()
            oracle = Oracle(settings, self._catalogue, self.terms.resets)
            amounts = Amounts(self.machine, oracle.parameters)
            self.made[key] = oracle, amounts, listed(self._catalogue), catalogue_on_the_wire(self._catalogue)
        return self.made[key]

    def _begin(self) -> None:
        self.check_time()
        try:
            self.openings.open(self._sent, self.setting.policy)
        except Diverged as error:
            raise self._failed(error) from None

    def _play(self, record: dict[str, Any]) -> None:
        if self.terms.jobs == BATCH and record["event"] in clock_jobs():
            self._play_batch(record)
            return
        fitted = self._fitted(record)
        if fitted is record and not self.terms.looks_ahead:
            self._send(record)
            return
        if fitted is not None and self.terms.looks_ahead and any(map(self.terms.bars, self._ahead(fitted))):
            fitted = None
        begins_by_itself = record["event"] == SPEC.opening.name and not self.terms.opens_accounts
        if fitted is not record and fitted != record and not begins_by_itself:
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

    @classmethod
    def check_time(cls) -> None:
        """Raises `TimeIsUp` once the run has lasted as long as it may."""
        if time.monotonic() > cls.until:
            raise TimeIsUp

    def _send(self, fitted: dict[str, Any]) -> None:
        """Sends a record, and judges the answer to the one before: this side goes on while an implementation works."""
        self.settle()
        if time.monotonic() > self.until:
            raise TimeIsUp
        if not self.terms.opens_accounts and fitted["account"] not in self.oracle.accounts:
            self._happen(opening_of(fitted))
        if "id" in fitted:
            self._first_uses.setdefault((fitted["account"], fitted["id"]), fitted)
        stepped = self._happen(fitted) if self._is_given else None
        wait = self.client.send(event_request(fitted))
        stepped = stepped or self._happen(fitted)
        # Those of the account are counted as they happen.
        if stepped.decided_by is not None and fitted["event"] in self.oracle.session_machine.event_named:
            self.coverage.note_name(fitted["event"], stepped.decided_by)
        type(self).count.steps += 1
        self._sent_last = self.records[-1], stepped, wait

    def replay(self, records: list[dict[str, Any]], world: FuzzWorld) -> None:
        """Runs given records as the base class does; none is sent that is not well formed."""
        self._is_given = True
        super().replay(records, world)
        self.settle()

    def teardown(self) -> None:
        """Ends the run, once the last answer was judged."""
        self.settle()
        super().teardown()

    def settle(self) -> None:
        """Waits for the answer to the record that was sent last, and judges it. Raises `Diverged`."""
        if self._sent_last is None:
            return
        (record, stepped, wait), self._sent_last = self._sent_last, None
        got = answer_to_event(wait())
        if isinstance(got, Failed):
            raise self._failed(Diverged(stepped.answer, stepped.decided_by, [], got))
        self._judge(record, stepped, got)

    def _happen(self, record: dict[str, Any]) -> Stepped:
        """Returns the right answer to `record`, which is run on this side alone."""
        self.records.append(dict(record))
        stepped = self._layers.play(record)
        compiled, coverage, rule = self.oracle.compiled, self.coverage, self._rules.get(record["account"], "")
        for step in stepped.steps:
            index = step.outcome[0]
            if index < 0:
                coverage.refusals[step.event, compiled.codes[-1 - index]] += 1
                continue
            after, rule = rule, compiled.rules[index]
            coverage.rules[rule] += 1
            if after:
                self.pairs.hits[after, rule] += 1
        self._rules[record["account"]] = rule
        self._right.append(stepped.answer)
        return stepped

    def _judge(self, record: dict[str, Any], stepped: Stepped, got: Message) -> None:
        """Notes the compared part of `got` in the record, and compares it with the right answer. Raises `Diverged`."""
        answer = stepped.answer
        self._compared.append((record, got, answer))
        has_outcome = got.get("outcome") is not None and "outcome" in self.terms.observes
        is_known = self.all_held and has_outcome and self.setting.reasons is None
        if is_known and self.parts.agree(answer, got):
            # Once every observed field has held a value, the outcome alone shows that something was compared.
            type(self).count.compared += 1
            return
        said = observed(got, answer, self.terms, self.setting.reasons)
        self._note_compared(said, answer)
        found = differences(answer, said)
        if found:
            raise self._failed(Diverged(answer, stepped.decided_by, found))

    def _note_compared(self, said: Message, answer: Answer) -> None:
        values = held(said, answer, self.terms)
        type(self).count.compared += bool(values)
        type(self).held |= values
        type(self).all_held = type(self).held.issuperset(self.terms.observes)

    def _failed(self, error: Diverged) -> Diverged:
        for record, got, answer in self._compared:
            record["observed"] = observed(got, answer, self.terms, self.setting.reasons)
        type(self).failure = replace(self._failure(error), expected=list(self._right))
        return error

    def _fitted(self, record: dict[str, Any]) -> dict[str, Any] | None:
        """Returns the record restricted to fields and values that the implementation takes; None where that is impossible."""
        event, terms = record["event"], self.terms
        if event not in terms.events:
            return None
        if not self.keys[event] and "id" not in record:
            return record
        first = self._first_uses.get((record["account"], record["id"])) if "id" in record else None
        if first is not None and terms.repeats == NO_REPEATS:
            record = {key: value for key, value in record.items() if key != "id"}
        elif first is not None and terms.repeats == SAME_REQUEST:
            return {**first, "at": record["at"]}
        return fit(record, terms, self.keys[event], self.oracle.catalogue, self.oracle.reader, len(self.records))

    def _time(self, who: str, wait: Wait) -> int:
        at = wait.end(self.oracle.accounts.get(who), self._now)
        if self.terms.instants == SECONDS:
            # What is a millisecond before or after a due instant is a second then.
            at += wait.ms * 999 if abs(wait.ms) == 1 else 0
            at += -at % 1_000
        return min(at, _LATEST)


def sut_fuzz(openings: Openings, terms: Capabilities, setting: SutSettings, kind: type[SutFuzz] = SutFuzz) -> type[SutFuzz]:
    """Returns a Hypothesis state machine that drives an implementation, with a rule for each event that it takes.

    `kind` is its base class: `SutFuzz`, or `InferringFuzz` where the settings are not known.
    """
    catalogue = setting.catalogue
    is_the_only_one = setting.known is not None or bool(terms.catalogue) or setting.has_own_catalogue or catalogue != DEFAULT
    base = world_fuzz(None, Watch(account(catalogue), ()), catalogue)
    unlisted = [name for e in base.events if e.name not in terms.events for name in names_by_weight(e)]
    own: dict[str, Any] = {
        **dict.fromkeys(unlisted),
        "events": tuple(e for e in base.events if e.name in terms.events),
        "coverage": Coverage(machines(catalogue)),
        "tally": Tally(),
        "count": Count(),
        "client": openings.client,
        "openings": openings,
        "held": set(),
        "made": {},
        "parts": ComparedParts(terms),
        "pairs": RulePairs(),
        "terms": terms,
        "setting": setting,
        # Where settings are inferred, one world may rule out what another one needs, and their figures are the same.
        "figures": (catalogue,) if is_the_only_one else OTHERS.of_worlds,
        "begun_with": tuple(p for p in base.begun_with if terms.takes(STARTS.key, p)) or base.begun_with,
        "keys": {e.name: terms.keys_to_fit(e) for e in base.events},
    }
    return type("SutFuzz", (kind, base), own)
