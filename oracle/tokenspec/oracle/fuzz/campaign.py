"""A whole fuzzing run: Hypothesis drives part of it, plain random walks over the same rules the rest.

Hypothesis spends most of a step on its own book-keeping and repeats itself a good deal; the walks are several times as
fast and prefer the outcomes met least, so that rare rules and refusals are met in every run. A
failure of either is shrunk on its records.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tokenspec.machine.checkers.monitor import Tally, Watch
from tokenspec.machine.fuzzing.coverage import Coverage, Met
from tokenspec.machine.fuzzing.reachability import closed_off, never_due
from tokenspec.machine.fuzzing.stateful import MachineFuzz, alone, fuzz_class, weight
from tokenspec.machine.lang.claims import LayerPart
from tokenspec.machine.lang.declaration import Event, Machine
from tokenspec.oracle.base.specification import DEFAULT, SPEC, AnyCatalogue, claims, system
from tokenspec.oracle.fuzz.scenes import DICE, scene_of
from tokenspec.oracle.fuzz.shrink import shrink
from tokenspec.oracle.fuzz.starts import STARTS
from tokenspec.oracle.fuzz.worlds import Count, Failure, FuzzWorld, WorldFuzz, world_fuzz
from tokenspec.oracle.runtime.oracle import Oracle

_FURTHER = 8
"""The largest number of further rounds of walks, each of a quarter of the examples, in search of outcomes not yet met."""

PROFILES = {"ci": 700, "nightly": 60_000}
"""The number of examples of a profile: about a minute, about an hour."""

Progress = Callable[[int], None]
"""A callback, given the number of examples run since its last call."""


@dataclass
class CampaignResult:
    """The result of a campaign."""

    coverage: Coverage
    tally: Tally
    closed: frozenset[Met] = frozenset()
    """Rules and refusals that cannot be met under the fixed settings."""
    count: Count = field(default_factory=Count)
    failure: Failure | None = None
    seconds: float = 0.0
    seed: int = 0
    interrupted: KeyboardInterrupt | None = None
    """The interruption that ended the campaign early: Ctrl-C or SIGTERM."""

    @property
    def cold(self) -> list[tuple[str, str]]:
        """Returns the rules and refusals that were never met, and could have been."""
        return self.coverage.cold(self.closed)


def _met(machines: tuple[Machine, ...], fuzzed: Iterable[type[WorldFuzz] | type[MachineFuzz]]) -> Coverage:
    """Returns the coverage of all of them together."""
    coverage = Coverage(machines)
    for kind in fuzzed:
        coverage.add(kind.coverage)
    return coverage


@cache
def default_watch() -> Watch:
    """Returns the formulas of the claims about the declared account."""
    return Watch(system().machines[0], claims())


def run(
    examples: int,
    steps: int = 50,
    seed_number: int = 0,
    machine: Machine | None = None,
    progress: Progress | None = None,
    shorten: bool = True,
    policy: Mapping[str, str] | None = None,
    catalogue: AnyCatalogue | None = None,
    only: str | None = None,
    oracle: type[Oracle] = Oracle,
) -> CampaignResult:
    """Fuzzes the declared machines, or `machine` in place of the account, in this kind of `oracle`.

    Each example is reported to `progress`.

    `policy` fixes policies and `catalogue` the figures; both are drawn at random otherwise. The same arguments give
    the same run, which ends with the first failure, shrunk if `shorten`; `only` is the one claim
    that counts.
    """
    started = time.monotonic()
    catalogue_used, all_claims = catalogue or DEFAULT, claims(catalogue or DEFAULT)
    declared, *others = system(catalogue_used).machines
    account = machine or declared
    counted = [c for c in all_claims if only in (None, c.id)]
    of_layers = [(c.id, part.name) for c in counted for part in c.parts if isinstance(part, LayerPart)]
    is_usual = machine is None and only is None and catalogue is None
    watch = default_watch() if is_usual else Watch(account, counted)
    world = world_fuzz(machine, watch, catalogue)
    world.oracle_kind = oracle
    world.only = frozenset(c.id for c in counted)
    fixed = world.fixed_policy = dict(policy or {})
    tick = progress or (lambda _: None)
    result = CampaignResult(Coverage((account, *others)), Tally(), seed=seed_number)
    settled = bool(fixed) or catalogue is not None
    facts = SPEC.unnamed(catalogue) if catalogue is not None else {}
    if settled:
        figures = catalogue.parameters() if catalogue is not None else {}
        result.closed = closed_off(account, {**fixed, **figures, **facts})
    parts: list[Callable[[], None]] = [
        lambda: walk_worlds(world, examples, steps, seed_number, tick),
        lambda: drive(world, examples, steps, seed_number, tick, shorten),
    ]
    machines = [fuzz_class(m, all_claims) for m in others]
    machines.append(fuzz_class(account, all_claims, catalogue_used.parameters(), watch, facts))
    parts += [lambda kind=kind: _walk_machine(kind, 40, steps, seed_number, fixed) for kind in machines]  # type: ignore[misc]
    try:
        for part in parts:
            part()
        for number in range(1, _FURTHER + 1 if settled and only is None else 1):
            # Under fixed settings, chance may miss rare outcomes; those met least come first.
            cold = _met(result.coverage.machines, (world, *machines)).cold(result.closed)
            if cold or not all(world.tally.witnesses[key] for key in of_layers):
                walk_worlds(world, -(-examples // 4), steps, seed_number + number * examples)
    except KeyboardInterrupt as fault:
        result.interrupted = fault
    except Exception as error:
        # A machine that fails on its own has no records; its story is in the message.
        failure = world.failure or Failure([], FuzzWorld({}, catalogue_used, "explicit"), error)
        # A difference of readers shows in few records only where they are compared at every step.
        world.check_readers_every = 1
        result.failure = shortened(world, failure)[0] if shorten and failure.records else failure
    result.coverage = _met(result.coverage.machines, (world, *machines))
    result.tally.add(world.tally)
    for kind in machines:
        result.tally.add(kind.tally)
    result.count = world.count
    result.seconds = time.monotonic() - started
    return result


def drive(world: type[WorldFuzz], examples: int, steps: int, seed_number: int, tick: Progress, shorten: bool = False) -> None:
    """Lets Hypothesis drive `examples` runs, and shrink its findings if `shorten`."""
    world.on_example = lambda: tick(1)
    phases = (Phase.generate, Phase.shrink) if shorten else (Phase.generate,)
    seed(seed_number)(world)
    limits = settings(
        max_examples=examples,
        stateful_step_count=steps,
        database=None,
        deadline=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        report_multiple_bugs=False,
    )
    run_state_machine_as_test(world, settings=limits)
    world.on_example = None


def walk_worlds(world: type[WorldFuzz], walks: int, steps: int, seed_number: int, tick: Progress = lambda _: None) -> None:
    """Runs random walks over the rules of a world, with a preference for rarely met outcomes."""
    dice, world.on_example = random.Random(seed_number), lambda: tick(1)
    policies = system().machines[0].policies
    for number in range(walks):
        run = alone(world)
        policy = {p.name: dice.choice((p.answers[0], *p.answers))[0] for p in policies}
        catalogue = world.figures[number % len(world.figures)]
        resets = "implied" if number % 4 == 3 else "explicit"
        start, plan = dice.choice(STARTS.names), dice.choice(world.begun_with)
        run.start(policy, catalogue, resets, start, plan, scene_of(dice.randbytes(DICE)))
        pool = _weighted(run.events, run.coverage)
        # A long run shows what is forgotten after a while.
        for _ in range(steps * 10 if number % 100 == 57 else steps):
            event = dice.choice(pool)
            run.act(event, dice.randbytes(run.dice[event.name]))
        run.teardown()
    world.on_example = None


def _walk_machine(kind: type[MachineFuzz], walks: int, steps: int, seed_number: int, fixed: Mapping[str, str]) -> None:
    dice = random.Random(seed_number)
    for _ in range(walks):
        run = alone(kind)
        drawn = {p.name: dice.choice(p.answers)[0] for p in kind.machine.policies}
        run.open({name: fixed.get(name, answer) for name, answer in drawn.items()})
        silent = never_due(kind.machine, kind.figures)
        pool = _weighted(tuple(e for e in kind.machine.events if e.name not in silent), kind.coverage)
        for _ in range(steps):
            event = dice.choice(pool)
            run.fire(event, dice.randbytes(len(event.fields)))


def _weighted(events: tuple[Event, ...], coverage: Coverage) -> list[Event]:
    """Returns the events to choose from, those with rarely met outcomes several times over."""
    cold = coverage.met_seldom(10)
    return [e for e in events for _ in range(weight(e) * (3 if e.name in cold else 1))]


def shortened(fuzz: type[WorldFuzz], failure: Failure, tries: int = 1_500, failures: int = 1_500) -> tuple[Failure, bool]:
    """Returns the failure on as few and as plain records as found, and true if it could be reproduced.

    The search ends after so many `tries`, or so many of them that failed; it reads no clock, so that it is reproducible.
    The runs of the search are not counted as fuzzing.
    """
    found = failure

    def fails(records: list[dict[str, object]]) -> bool:
        nonlocal found, failures
        if not failures:
            return False
        fuzz.failure = None
        with suppress(Exception):
            alone(fuzz).replay(records, failure.world)
        latest: Failure | None = fuzz.failure
        if latest is None or latest.kind != failure.kind:
            return False
        found, failures = latest, failures - 1
        return True

    counted = fuzz.count, fuzz.coverage, fuzz.tally
    fuzz.count, fuzz.coverage, fuzz.tally = Count(), Coverage(fuzz.coverage.machines), Tally()
    try:
        comes_again = fails(failure.records)
        if comes_again:
            shrink(failure.records, fails, tries)
    finally:
        fuzz.count, fuzz.coverage, fuzz.tally = counted
    return found, comes_again
