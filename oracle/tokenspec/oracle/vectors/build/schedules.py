"""Random runs in search of faults that no run shows yet, mostly of what is remembered.

A run begins at one of the starting points, on any day at any hour. It goes on with the moves of a search, with retries, and with
names that are alike, in three accounts. What shows a fault is made shorter, record by record.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from tokenspec.oracle.base.errors import WentBack
from tokenspec.oracle.base.instants import format_instant, parse_instant
from tokenspec.oracle.base.specification import SPEC
from tokenspec.oracle.fuzz.moves import moves
from tokenspec.oracle.fuzz.names import alike
from tokenspec.oracle.fuzz.scenes import DICE, LENGTHS, scene_of
from tokenspec.oracle.runtime.memory import KEY, begins, refers
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import LOOK, NAME, START, Record, Wait, move
from tokenspec.oracle.vectors.build.executed import ExecutedRun, ExecutedWorld
from tokenspec.oracle.vectors.build.faulty_oracle import OracleFault
from tokenspec.oracle.vectors.build.goals import Candidate, candidate
from tokenspec.oracle.vectors.build.layer_faults import MANY, LayerFault
from tokenspec.oracle.vectors.build.scenarios import StartingPoint
from tokenspec.oracle.vectors.build.target import BuildTarget
from tokenspec.oracle.wire.resets import unwritten

_RUNS, _STEPS = 500, 24
"""The number of runs in all, and of random records of each."""

_FIRST = parse_instant("1996-02-28T22:30:00Z")

Fault: TypeAlias = OracleFault | LayerFault


def scheduled(target: BuildTarget, faults: Sequence[Fault], patience: int = _RUNS) -> list[Candidate]:
    """Returns a run for each of `faults` that some random run shows; it ends after so many runs that show none."""
    left, found, dice, in_vain = list(faults), list[Candidate](), random.Random(0), 0
    for number in range(_RUNS):
        point = target.points[number % len(target.points)]
        world = target.world(point.policy, point.catalogue)
        if not left or world is None or in_vain == patience:
            continue
        run, in_vain = target.play(world, list(_drawn(target, world, point, dice))), in_vain + 1
        if not target.takes(run):
            continue
        for fault in list(left):
            if fault in left and finds(run, fault):
                shown, in_vain = shorter(target, run, fault), 0
                found.append(candidate(f"fault {fault.id}", shown))
                left = [each for each in left if not finds(shown, each)]
    first = target.points[0]
    world = target.world(first.policy, first.catalogue)
    if world is not None and left:
        # What is forgotten after very many others needs all of them.
        run = target.play(world, target.sent(world, list(_many())))
        is_taken = target.takes(run)
        found += [candidate(f"fault {fault.id}", run) for fault in left if is_taken and finds(run, fault)][:1]
    return found


def finds(run: ExecutedRun, fault: Fault) -> bool:
    """Returns whether the run shows a fault."""
    if isinstance(fault, OracleFault):
        fault.bind(run.world.oracle.parameters)
    return run.finds(fault)


def shorter(target: BuildTarget, run: ExecutedRun, fault: Fault) -> ExecutedRun:
    """Returns a run that shows the fault, and does not where any record of it is left out."""
    part = len(run.records)
    while part := part // 2:
        position = 0
        while position < len(run.records):
            left = [*run.records[:position], *run.records[position + part :]]
            tried = _played(target, run.world, left)
            if tried is not None and finds(tried, fault) and target.takes(tried):
                run = tried
            else:
                position += part
    return run


def _played(target: BuildTarget, world: ExecutedWorld, records: Sequence[Record]) -> ExecutedRun | None:
    try:
        return target.play(world, records) if records else None
    except WentBack:
        return None


def _many() -> Iterator[Record]:
    """Yields a run in which an id comes again after very many others."""
    here = {"account": NAME, "at": parse_instant(START)}
    yield {**here, **move(SPEC.opening.name), "id": "e"}
    yield from ({**here, **LOOK, "id": f"e{number}"} for number in range(MANY))
    yield {**here, **move(SPEC.opening.name), "id": "e"}


def _drawn(target: BuildTarget, world: ExecutedWorld, point: StartingPoint, dice: random.Random) -> Iterator[Record]:
    """Yields the records of a random run from a starting point on, each before it happens."""
    # Records hold instants as milliseconds, of which small ones would be taken for seconds.
    oracle, used = world.oracle.fork({}), list[Record]()
    now = target.instant(max(scene_of(dice.randbytes(DICE)).start, _FIRST))
    script = target.search(world).of_script(target.begun(point.script), oracle, format_instant(now))
    for number, record in enumerate(script):
        begun = target.admitted(world, oracle, {**record, "id": f"e{number}"}, used)
        if begun is not None:
            used.append(begun)
            yield begun
    now = oracle.accounts[NAME].last_at or now if NAME in oracle.accounts else now
    names = (NAME, NAME, NAME, alike(NAME, dice.randrange(256)), "bob")
    for number in range(_STEPS):
        name = dice.choice(names)
        wait = dice.choice((Wait(), Wait(), *LENGTHS))
        now = target.instant(wait.end(oracle.accounts.get(name), now))
        own = [record for record in used if record["account"] == name]
        if own and dice.random() < 0.25:
            record = {**dice.choice(own), "at": now}
        else:
            record = {**_move(oracle, name, dice), "account": name, "at": now}
            # Names of other accounts, and names that are nearly the same, are new ones here.
            known = dice.choice(used).get("id", "") if used and dice.random() < 0.2 else f"e{number + 100}"
            record["id"] = known if dice.random() < 0.5 else alike(known, dice.randrange(256))
            if KEY in record and begins(record["event"]) and used and dice.random() < 0.2:
                record[KEY] = alike(record[KEY], dice.randrange(256))
        taken = target.admitted(world, oracle, record, used)
        if taken is not None:
            used.append(taken)
            oracle.apply(taken)
            yield taken


def _move(oracle: Oracle, name: str, dice: random.Random) -> Record:
    account = oracle.accounts.get(name)
    if account is None:
        return move(SPEC.opening.name)
    at = {v.name: index for index, v in enumerate(oracle.machine.variables)}
    tried = [found for found, _ in moves(account, at, oracle.catalogue) if found["event"] not in unwritten(oracle.resets)]
    # Each kind of event as often as any other, however many amounts it is tried with; half of them are of entries.
    every = sorted({found["event"] for found in tried})
    event = dice.choice([name for name in every if begins(name) or refers(name)] or every if dice.random() < 0.5 else every)
    found = dict(dice.choice([found for found in tried if found["event"] == event]))
    if refers(event) and account.entries and dice.random() < 0.4:
        found[KEY] = dice.choice(list(account.entries))
    return found
