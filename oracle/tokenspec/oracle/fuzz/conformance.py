"""Fuzzes an implementation, from its first answer to the verdict.

Random walks go first, then Hypothesis, as with the declared machines. The first divergence is made shorter on its
records; a replay of them finds the rule behind it, and the policies under which there is no divergence.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tokenspec.machine.fuzzing.coverage import Coverage, Met
from tokenspec.machine.fuzzing.reachability import closed_off, outcomes
from tokenspec.machine.lang.declaration import Actor, Event
from tokenspec.machine.lang.types import Enum
from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.fuzz.campaign import Progress, drive, shortened, walk_worlds
from tokenspec.oracle.fuzz.regressions import Regressions
from tokenspec.oracle.fuzz.sut import SutFuzz, TimeIsUp, sut_fuzz
from tokenspec.oracle.fuzz.sut_infer import InferringFuzz, NoSettingLeft, Possible, side_by_side
from tokenspec.oracle.fuzz.worlds import Count, Failure, FuzzWorld
from tokenspec.oracle.logs.because import because_of
from tokenspec.oracle.logs.replay import Divergence
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.sut.capabilities import BATCH, Capabilities
from tokenspec.oracle.sut.client import HUNG, Client
from tokenspec.oracle.sut.observed import asking
from tokenspec.oracle.sut.world import CannotOpen, Diverged, NotClosed, Openings, SutSettings, close
from tokenspec.oracle.wire.answers import Answer
from tokenspec.oracle.wire.records import asked
from tokenspec.oracle.wire.resets import clock_jobs, runs_by_itself
from tokenspec.spec.catalogue import DEFAULT, Catalogue
from tokenspec.spec.system import system
from tokenspec.spec.words import UNLISTED

HYPOTHESIS_SHARE = 5
"""One Hypothesis run per this many random walks (Hypothesis steps cost about four times as much and find no more)."""

_TRIES, _HUNG = 1_000, 20
"""The largest number of tries, and of those at which an implementation hangs, each of which costs a whole timeout."""


_ROUND = 25
"""Walks of a round, where time ends the run: both ways to run have their share of a short one."""


@dataclass(frozen=True)
class Limits:
    """The end of a run: after so many walks, each of so many steps, or after so many seconds."""

    examples: int | None
    steps: int
    seed_number: int
    seconds: float | None

    def until(self) -> float:
        """Returns the instant, of the monotonic clock, at which a run ends that begins now."""
        return float("inf") if self.seconds is None else time.monotonic() + self.seconds

    def rounds(self) -> Iterator[tuple[int, int]]:
        """Yields the walks and the seed of each round: one where examples are counted, else as many as there is time for."""
        if self.examples is not None:
            yield self.examples, self.seed_number
            return
        for number in itertools.count():
            yield _ROUND, self.seed_number + number * _STRIDE


_STRIDE = 1_000_003
"""Between the seeds of two rounds; nobody counts seeds up so far."""


@dataclass
class SutCounterexample:
    """A divergence: the requests with their answers, and the error of the last answer."""

    records: list[dict[str, Any]]
    expected: list[Answer | None]
    """The right answers to `records`."""
    error: Diverged
    is_reproduced: bool = True
    """True if the divergence came again in a new world, and could be shrunk."""
    because: Divergence | None = None
    """The rule and the policies behind the divergence, where an answer differs."""


@dataclass
class Conformance:
    """The result of a run."""

    terms: Capabilities | None = None
    policy: Mapping[str, str] = field(default_factory=dict)
    catalogue: Catalogue = DEFAULT
    """The catalogue with what the implementation has fixed of it."""
    figures: Mapping[str, Any] = field(default_factory=dict)
    """The figures that it has fixed, by their keys in a catalogue."""
    coverage: Coverage = field(default_factory=lambda: Coverage(()))
    closed: frozenset[Met] = frozenset()
    """Rules and refusals that cannot be met with the events and values that the implementation takes."""
    count: Count = field(default_factory=Count)
    policies: dict[str, list[str]] | None = None
    """By policy, the choices of the settings that explain everything, where settings are inferred."""
    settings: int = 1
    """The number of settings that explain everything."""
    counterexample: SutCounterexample | None = None
    why_none: str = ""
    """The reason where there is no verdict."""
    is_interrupted: bool = False
    ended_by_time: bool = False
    """True if the time it was given ended it."""
    tried: int = 0
    """The number of counterexamples of earlier runs that were tried first, the last one included."""
    mended: int = 0
    """The number of counterexamples that show nothing any more."""
    not_taken: int = 0
    """The number of counterexamples whose events, values or fields the implementation does not take or observe."""
    left_out: frozenset[str] = frozenset()
    """Policies unknown to the implementation, which were not sent."""
    held: set[str] = field(default_factory=set)
    """The observed fields that held a value, in the answers or in the right ones."""
    seconds: float = 0.0

    @property
    def compared(self) -> int:
        """Returns the number of answers that were compared."""
        return self.count.compared

    @property
    def word(self) -> str:
        """Returns `conforms`, `diverges` or `no_verdict`."""
        return "diverges" if self.counterexample is not None else "no_verdict" if self.why_none else "conforms"

    @property
    def cold(self) -> list[Met]:
        """Returns the rules and refusals that could have been met, and were not."""
        return self.coverage.cold(self.closed)


def conform(
    client: Client,
    setting: SutSettings,
    examples: int | None,
    steps: int,
    seed_number: int = 0,
    tick: Progress = lambda _: None,
    database: Path | None = None,
    openings: Openings | None = None,
    seconds: float | None = None,
) -> Conformance:
    """Drives `client` and the oracle side by side, in `examples` random walks, and a fifth as many runs by Hypothesis.

    After `seconds` it ends, and the verdict is about what was tried by then; there is none where fewer than `examples` were.
    Without `examples` it goes on until then. With a `database`, a directory, what earlier runs found is tried first, and what
    is found is kept there. `openings` are the worlds that were opened at `client` before. Raises `NotThere`, `WrongUsage`
    where a setting that was asked for is fixed otherwise, and `BadSetting` where its own figures break the limits.
    """
    started = time.monotonic()
    verdict = Conformance(policy=setting.policy, catalogue=setting.catalogue)
    try:
        limits = Limits(examples, steps, seed_number, seconds)
        _judge(verdict, openings or Openings(client, setting.named), setting, limits, tick, database)
    except KeyboardInterrupt:
        verdict.why_none, verdict.is_interrupted = "it was interrupted", True
    except CannotOpen as fault:
        verdict.why_none = f"it cannot open this world: {fault}"
    verdict.seconds = time.monotonic() - started
    return verdict


def _judge(
    verdict: Conformance, openings: Openings, setting: SutSettings, limits: Limits, tick: Progress, database: Path | None
) -> None:
    try:
        terms = verdict.terms = setting.opened_at(openings)
    except Diverged as error:
        verdict.counterexample = SutCounterexample([], [], error)
        return
    setting = setting.under(terms)
    verdict.policy, verdict.catalogue = {**setting.policy, **terms.policy}, setting.catalogue
    verdict.figures = openings.fixed_figures
    verdict.closed = closed_by(terms, setting)
    fuzz = _fuzz_of(openings, terms, setting)
    verdict.coverage, verdict.count, verdict.held, verdict.left_out = fuzz.coverage, fuzz.count, fuzz.held, openings.left_out
    kept = Regressions(database, terms, setting) if database is not None else None
    try:
        if fuzz.events and terms.observes:
            fuzz.until = limits.until()
            if kept is not None:
                _try_again(fuzz, kept, verdict)
            for examples, seed_number in limits.rounds():
                walk_worlds(fuzz, examples, limits.steps, seed_number, tick)
                drive(fuzz, -(-examples // HYPOTHESIS_SHARE), limits.steps, seed_number, tick)
    except (KeyboardInterrupt, CannotOpen):
        raise
    except TimeIsUp:
        verdict.ended_by_time = True
        if limits.examples is not None:
            verdict.why_none = (
                f"{limits.seconds:g} s ended it before all examples had been run ({limits.examples} were asked for)"
            )
    except Exception:
        if fuzz.failure is None:
            raise
    finally:
        fuzz.until = float("inf")
        _note_settings(verdict, fuzz)
    if fuzz.failure is not None:
        # An interrupted search for a shorter one still shows the finding.
        failure, verdict.counterexample = fuzz.failure, _counterexample(fuzz.failure)
        if isinstance(failure.error, NoSettingLeft) and issubclass(fuzz, InferringFuzz):
            failure = _with_other_worlds(fuzz, failure, failure.error)
            verdict.counterexample = _counterexample(failure)
        failure, is_reproduced = shortened(fuzz, failure, _TRIES, _HUNG if failure.kind[0] == HUNG else _TRIES)
        found = verdict.counterexample = _counterexample(failure, is_reproduced)
        if isinstance(found.error, NoSettingLeft):
            verdict.policy = found.error.why.example
            oracle = Oracle(verdict.policy, setting.catalogue, terms.resets)
            found.expected = [oracle.apply(asked(record) | asking(terms)) for record in found.records]
        if kept is not None and found.is_reproduced:
            kept.keep(found.records)
        _explain(found, verdict.policy, setting, terms)
        return
    try:
        close(openings.client)
    except NotClosed as error:
        verdict.counterexample = SutCounterexample([], [], error)
    if not verdict.compared:
        verdict.why_none = NOTHING_COMPARED


NOTHING_COMPARED = "nothing was compared: with the events, values and fields that it lists, no field observed ever held a value"


def _try_again(fuzz: type[SutFuzz], kept: Regressions, verdict: Conformance) -> None:
    """Replays the findings of earlier runs; raises where one still diverges. Others, and malformed ones, are dropped.

    A finding that the implementation does not take any more shows nothing either way, and is kept.
    """
    reader = Oracle(fuzz.setting.policy, fuzz.setting.catalogue, fuzz.terms.resets).reader
    for records in kept:
        verdict.tried += 1
        with suppress(BadRecord):
            for record in records:
                reader.convert(record)
            again, before = fuzz(), verdict.compared
            again.replay(records, FuzzWorld(fuzz.setting.policy, fuzz.setting.catalogue, fuzz.terms.resets))
            if again.not_sent or verdict.compared == before:
                verdict.not_taken += 1
                continue
        kept.drop(records)
        verdict.mended += 1


def replayed(
    client: Client, setting: SutSettings, records: list[dict[str, Any]], openings: Openings | None = None
) -> SutCounterexample | None:
    """Returns the counterexample in the answers to `records`, in a new world; None where they are right.

    Raises `CannotOpen`, also where the implementation does not take a record as it is, or nothing is left to be compared;
    `BadRecord` where a record is not well formed; `NotThere`, `WrongUsage`.
    """
    openings = openings or Openings(client, setting.named)
    try:
        terms = setting.opened_at(openings)
    except Diverged as error:
        return SutCounterexample([], [], error)
    setting = setting.under(terms)
    fuzz = _fuzz_of(openings, terms, setting)
    run = fuzz()
    try:
        run.replay(records, FuzzWorld(setting.policy, setting.catalogue, terms.resets))
    except Diverged as error:
        assert fuzz.failure is not None
        found = _counterexample(fuzz.failure)
        policy = error.why.example if isinstance(error, NoSettingLeft) else {**setting.policy, **terms.policy}
        _explain(found, policy, setting, terms)
        return found
    if run.not_sent:
        raise CannotOpen(f"the implementation does not take each record as it is: {run.not_sent}")
    if not fuzz.count.compared:
        raise CannotOpen(NOTHING_COMPARED)
    return None


def _fuzz_of(openings: Openings, terms: Capabilities, setting: SutSettings) -> type[SutFuzz]:
    if setting.known is None:
        return sut_fuzz(openings, terms, setting)
    fuzz = sut_fuzz(openings, terms, setting, InferringFuzz)
    assert issubclass(fuzz, InferringFuzz)
    fuzz.possible = Possible(terms, setting)
    return fuzz


def _note_settings(verdict: Conformance, fuzz: type[SutFuzz]) -> None:
    if issubclass(fuzz, InferringFuzz):
        is_unexplained = fuzz.failure is not None and isinstance(fuzz.failure.error, NoSettingLeft)
        left = 0 if is_unexplained else fuzz.possible.left
        sets = fuzz.possible.worlds.sets
        verdict.policies, verdict.settings = sets.answers(left), sets.size(left)
        verdict.policy = sets.first(fuzz.possible.left)


def _with_other_worlds(fuzz: type[InferringFuzz], failure: Failure, error: NoSettingLeft) -> Failure:
    """Returns the world that failed as one with the worlds that had ruled out the settings that would have explained it."""
    records = side_by_side(fuzz.possible.needed(fuzz.last))
    oracle = Oracle(error.why.example, fuzz.setting.catalogue, fuzz.terms.resets)
    return replace(failure, records=records, expected=[oracle.apply(record) for record in records])


def _counterexample(failure: Failure, is_reproduced: bool = True) -> SutCounterexample:
    assert isinstance(failure.error, Diverged)
    return SutCounterexample(failure.records, failure.expected, failure.error, is_reproduced)


def _explain(found: SutCounterexample, policy: Mapping[str, str], setting: SutSettings, terms: Capabilities) -> None:
    found.because = because_of(found.records, policy, setting.catalogue, terms.resets, setting.known is None)


def closed_by(terms: Capabilities, setting: SutSettings) -> frozenset[Met]:
    """Returns the rules and refusals that cannot be met with the events and values that the implementation takes."""
    account, _, session = system(setting.catalogue).machines
    settled = setting.policy if setting.known is None else setting.known
    figures = {**setting.catalogue.parameters(), **settled, **terms.policy, **setting.catalogue.unnamed(terms.fields)}
    closed: set[Met] = set()
    for machine in (account, session):
        kept = replace(machine, events=tuple(taken for e in machine.events if (taken := _taken(e, terms)) is not None))
        closed |= outcomes(machine) - (outcomes(kept) - closed_off(kept, figures))
        by_itself = {e.name for e in machine.events if e.actor is Actor.CLOCK}
        closed |= {met for met in outcomes(machine) if met[0] in by_itself or not _is_known(met, terms)}
        refused = {met for met in outcomes(machine) if met[1].startswith("refused: ")}
        if not terms.opens_accounts:
            closed |= {(event, what) for event, what in refused if event == "open_account" or what.endswith("account_must_exist")}
        # A job that runs by itself runs when it is due, and leaves nothing due; so does one that is sent where it is due.
        never_refused = terms.unwritten | (clock_jobs() if terms.jobs == BATCH else frozenset())
        closed |= {(event, what) for event, what in refused if event in never_refused}
        if runs_by_itself(terms.resets, "renewal"):
            closed |= {(event, what) for event, what in refused if what.endswith("renewal_must_not_be_due")}
    return frozenset(closed)


def _is_known(met: Met, terms: Capabilities) -> bool:
    """Returns whether an outcome is none that the implementation says that it does not know."""
    _, is_refusal, code = met[1].partition("refused: ")
    return not is_refusal or not terms.bars(Answer("refused", code))


def _taken(event: Event, terms: Capabilities) -> Event | None:
    """Returns `event` with the values that may be sent; None where it cannot happen."""
    if event.actor is Actor.CLOCK or event.name == "open_account" or event.name in terms.unwritten & clock_jobs():
        return event
    if event.name not in terms.events:
        return None
    fields = []
    for f in event.fields:
        listed = terms.values.get(f.key)
        if listed == ():
            return None
        if listed is not None and isinstance(f.type, Enum):
            members = [m for m in f.type.members if m in listed or (m == UNLISTED and set(listed) - set(f.type.members))]
            if not members:
                return None
            f = replace(f, type=f.type.only(*members))
        fields.append(f)
    return replace(event, fields=tuple(fields))
