"""Fuzzes an implementation, from its first answer to the verdict.

Random walks go first, then Hypothesis, as with the declared machines. The first divergence is made shorter on its
records; a replay of them finds the rule behind it, and the policies under which there is no divergence.
"""

from __future__ import annotations

import gc
import itertools
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tokenspec.machine.fuzzing.coverage import Coverage, Met
from tokenspec.machine.fuzzing.stateful import alone
from tokenspec.machine.lang.counts import counted
from tokenspec.oracle.base.specification import DEFAULT, AnyCatalogue
from tokenspec.oracle.fuzz.campaign import Progress, drive, shortened, walk_worlds
from tokenspec.oracle.fuzz.closed import closed_by
from tokenspec.oracle.fuzz.following import follow_searches, follow_to
from tokenspec.oracle.fuzz.pairs import RulePairs
from tokenspec.oracle.fuzz.regressions import Regressions
from tokenspec.oracle.fuzz.sut import SutFuzz, TimeIsUp, sut_fuzz
from tokenspec.oracle.fuzz.sut_infer import InferringFuzz, NoSettingLeft, Possible, side_by_side
from tokenspec.oracle.fuzz.worlds import Count, Failure, FuzzWorld
from tokenspec.oracle.logs.policies_tried import because_of
from tokenspec.oracle.logs.replay import Divergence
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.sut.capabilities import Capabilities
from tokenspec.oracle.sut.client import HUNG, Client
from tokenspec.oracle.sut.observed import asking
from tokenspec.oracle.sut.world import CannotOpen, Diverged, NotClosed, Openings, SutSettings, close
from tokenspec.oracle.wire.answers import Answer
from tokenspec.oracle.wire.records import asked

HYPOTHESIS_SHARE = 5
"""One Hypothesis run per this many random walks (Hypothesis steps cost about four times as much and find no more)."""

_SELDOM = 200
"""The number of times that more objects are made between two searches for dead ones."""

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


_BEFORE = 100
"""The number of walks before the search for pairs of rules; a run of fewer has no search, unless coverage is required."""

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
    catalogue: AnyCatalogue = DEFAULT
    """The catalogue with what the implementation has fixed of it."""
    figures: Mapping[str, Any] = field(default_factory=dict)
    """The figures that it has fixed, by their keys in a catalogue."""
    coverage: Coverage = field(default_factory=lambda: Coverage(()))
    required: float | None = None
    """The per cent of the pairs of rules that has to be met, with every rule and refusal; None where none has to be."""
    pairs: RulePairs | None = None
    """The pairs of rules, where a search for them was made."""
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
    is_kept: bool = True
    """False where what was found could not be kept."""
    unread: int = 0
    """The number of counterexamples of earlier runs that are no runs of this declaration, by a fault or since it has changed."""
    left_out: frozenset[str] = frozenset()
    """Policies unknown to the implementation, which were not sent."""
    not_run: str = ""
    """The reason why it does not run figures other than those that it was asked for; empty where it does."""
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
    def missed(self) -> str:
        """Returns what is missing of the required coverage; empty where nothing is, or none is required."""
        if self.required is None or self.pairs is None or self.counterexample is not None or self.why_none:
            return ""
        pairs, missing = self.pairs, []
        if self.cold:
            missing.append(f"{counted(len(self.cold), 'rule or refusal was', 'rules and refusals were')} not met")
        if not pairs.is_whole:
            missing.append("the search for pairs of rules was not finished")
        elif pairs.per_cent < self.required:
            met = len(pairs.reached) - len(pairs.not_met)
            missing.append(
                f"{met} of {counted(len(pairs.reached), 'pair')} of rules were met, and {self.required:g} per cent have to be"
            )
        return "; ".join(missing)

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
    required: float | None = None,
) -> Conformance:
    """Drives `client` and the oracle side by side, in `examples` random walks, and a fifth as many runs by Hypothesis.

    After `seconds` it ends, and the verdict is about what was tried by then; there is none where fewer than `examples` were.
    Without `examples` it goes on until then. With a `database`, a directory, what earlier runs found is tried first, and what
    is found is kept there. `openings` are the worlds that were opened at `client` before. Raises `NotThere`, `WrongUsage`
    where a setting that was asked for is fixed otherwise, and `BadSetting` where its own figures break the limits.
    """
    started = time.monotonic()
    verdict = Conformance(policy=setting.policy, catalogue=setting.catalogue, required=required)
    try:
        limits = Limits(examples, steps, seed_number, seconds)
        with _collecting_seldom():
            _judge(verdict, openings or Openings(client, setting.named), setting, limits, tick, database)
    except KeyboardInterrupt:
        verdict.why_none, verdict.is_interrupted = "it was interrupted", True
    except CannotOpen as fault:
        verdict.why_none = f"it cannot open this world: {fault}"
    verdict.seconds = time.monotonic() - started
    return verdict


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Lets Python look for cycles of dead objects less often: runs leave few, and it took a twentieth of the time."""
    first, *others = gc.get_threshold()
    gc.set_threshold(first * _SELDOM, *others)
    try:
        yield
    finally:
        gc.set_threshold(first, *others)


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
    is_searched = setting.known is None and (
        limits.examples is None or limits.examples >= _BEFORE or verdict.required is not None
    )
    verdict.pairs = fuzz.pairs if is_searched else None
    kept = Regressions(database, terms, setting) if database is not None else None
    try:
        if fuzz.events and terms.observes:
            fuzz.until = limits.until()
            if kept is not None:
                _try_again(fuzz, kept, verdict)
            _walk(fuzz, verdict, limits, tick)
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
        verdict.not_run = fuzz.not_run
    if fuzz.failure is not None:
        # An interrupted search for a shorter one still shows the finding.
        failure, verdict.counterexample = fuzz.failure, _counterexample(fuzz.failure)
        if isinstance(failure.error, NoSettingLeft) and issubclass(fuzz, InferringFuzz):
            failure = _with_other_worlds(fuzz, failure, failure.error)
            verdict.counterexample = _counterexample(failure)
        failure, is_reproduced = _shortened(fuzz, failure)
        verdict.catalogue = failure.world.catalogue
        setting = replace(setting, catalogue=verdict.catalogue)
        found = verdict.counterexample = _counterexample(failure, is_reproduced)
        if isinstance(found.error, NoSettingLeft):
            verdict.policy = found.error.why.example
            oracle = Oracle(verdict.policy, setting.catalogue, terms.resets)
            found.expected = [oracle.apply(asked(record) | asking(terms)) for record in found.records]
        if kept is not None and found.is_reproduced:
            verdict.is_kept = kept.keep(found.records, verdict.catalogue)
        _explain(found, verdict.policy, setting, terms)
        return
    try:
        close(openings.client)
    except NotClosed as error:
        verdict.counterexample = SutCounterexample([], [], error)
    if not verdict.compared:
        verdict.why_none = NOTHING_COMPARED


NOTHING_COMPARED = "nothing was compared: with the events, values and fields that it lists, no field observed ever held a value"


def _walk(fuzz: type[SutFuzz], verdict: Conformance, limits: Limits, tick: Progress) -> None:
    """Runs random walks, what a search finds, and Hypothesis, in rounds."""
    searches = verdict.pairs is not None
    for examples, seed_number in limits.rounds():
        before = min(examples, _BEFORE)
        walk_worlds(fuzz, before, limits.steps, seed_number, tick)
        if searches:
            follow_searches(fuzz, limits.seed_number)
        walk_worlds(fuzz, examples - before, limits.steps, seed_number + _STRIDE // 2, tick)
        drive(fuzz, -(-examples // HYPOTHESIS_SHARE), limits.steps, seed_number, tick)
        if searches:
            follow_to(fuzz, verdict.cold, limits.seed_number)
        searches = False


def _shortened(fuzz: type[SutFuzz], failure: Failure) -> tuple[Failure, bool]:
    """Returns the failure on few records, under the figures that it was asked for if it shows under them as well."""
    failures = _HUNG if failure.kind[0] == HUNG else _TRIES
    if failure.world.catalogue != fuzz.setting.catalogue:
        usual = replace(failure, world=replace(failure.world, catalogue=fuzz.setting.catalogue))
        found, is_reproduced = shortened(fuzz, usual, _TRIES, failures)
        if is_reproduced:
            return found, True
    return shortened(fuzz, failure, _TRIES, failures)


def _try_again(fuzz: type[SutFuzz], kept: Regressions, verdict: Conformance) -> None:
    """Replays the findings of earlier runs; raises where one still diverges. Others are dropped.

    A finding that the implementation does not take any more, or that cannot be read, shows nothing either way, and is kept.
    """
    for found in kept:
        if found is None:
            verdict.unread += 1
            continue
        records, catalogue = found
        verdict.tried += 1
        again, before = alone(fuzz), verdict.compared
        again.replay(records, FuzzWorld(fuzz.setting.policy, catalogue, fuzz.terms.resets))
        if again.not_sent or verdict.compared == before:
            verdict.not_taken += 1
            continue
        kept.drop(records, catalogue)
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
    run = alone(fuzz)
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
