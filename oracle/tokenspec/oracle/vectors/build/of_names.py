"""Runs about names for one implementation: two that are nearly the same, and one that comes again after many others.

They are made of an event that it takes, which happens again and again, under other names each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, pairwise

from tokenspec.oracle.runtime.memory import KEY, begins
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import NAME, Record
from tokenspec.oracle.vectors.build.executed import ExecutedRun, ExecutedWorld
from tokenspec.oracle.vectors.build.goals import Candidate, candidate
from tokenspec.oracle.vectors.build.layer_faults import MANY, LayerFault
from tokenspec.oracle.vectors.build.schedules import finds, shorter
from tokenspec.oracle.vectors.build.target import BuildTarget
from tokenspec.oracle.wire.answers import Answer

_ALIKE = ("Evt_4qD3", "evt_4qd3", "e1", "e1 ", "7", "07", f"{'0123456789' * 4}a", f"{'0123456789' * 4}b")
"""Names of which each, of two that follow each other, is easily taken for the other."""
_OTHERS = 12
"""The number of names after which the first one comes again."""
_NEXT = 60
"""The number of events that are tried in search of one that happens again and again."""


def runs_for(target: BuildTarget, faults: Sequence[LayerFault]) -> list[Candidate]:
    """Returns a run for each of `faults` that a run about names shows."""
    left, found = list(faults), list[Candidate]()
    for run in _runs(target):
        for fault in list(left) if target.takes(run) else ():
            if fault in left and finds(run, fault):
                shown = run if len(run.records) > MANY else shorter(target, run, fault)
                found.append(candidate(f"fault {fault.id}", shown))
                left = [each for each in left if not finds(shown, each)]
    return found


def _runs(target: BuildTarget) -> Iterator[ExecutedRun]:
    for point in target.points:
        world = target.world(point.policy, point.catalogue)
        if world is None:
            continue
        oracle, begun = world.oracle.fork({}), list[Record]()
        for record in target.search(world).of_script(target.begun(point.script), oracle):
            taken = target.admitted(world, oracle, record, begun)
            begun += [] if taken is None else [taken]
        again, refused = _again(target, world, oracle, begun), _refused(target, world, oracle, begun)
        if again is None:
            continue
        under = [{**each, "id": name} for each, name in zip(_times(again), _ALIKE, strict=False)]
        first, *others = ({**each, "id": f"e{n}"} for n, each in zip(range(_OTHERS), _times(again), strict=False))
        many = [{**refused, "id": f"f{n}"} for n in range(MANY)] if refused is not None else []
        lists = [under, [first, *others, first], [first, *many, first]]
        if begins(again["event"]):
            lists.insert(0, [{**again, KEY: name} for name in _ALIKE])
        for records in lists:
            ahead, sent = oracle.fork({name: account.copy() for name, account in oracle.accounts.items()}), list(begun)
            for record in records:
                taken = target.admitted(world, ahead, record, sent)
                sent += [] if taken is None else [taken]
            yield target.play(world, sent)
        return


def _times(record: Record) -> Iterator[Record]:
    """Yields the event again and again; one that begins an entry begins another each time."""
    for n in count(1):
        yield {**record, KEY: f"{KEY}{n + 100}"} if begins(record["event"]) else record


def _next(target: BuildTarget, world: ExecutedWorld, oracle: Oracle, begun: Sequence[Record]) -> Iterator[Record]:
    account = oracle.accounts.get(NAME)
    if account is None or account.last_at is None or not begun:
        return iter(())
    return target.next_records(world, account, max(account.last_at, begun[-1]["at"]), _NEXT)


def _again(target: BuildTarget, world: ExecutedWorld, oracle: Oracle, begun: Sequence[Record]) -> Record | None:
    """Returns an event that is accepted many times in a row, and changes balances each time; None where there is none."""
    for record in _next(target, world, oracle, begun):
        ahead = oracle.fork({name: account.copy() for name, account in oracle.accounts.items()})
        rows, answers = [ahead.accounts[NAME].row], list[Answer]()
        for each, _ in zip(_times(record), range(_OTHERS + 1), strict=False):
            answers.append(ahead.apply(each))
            rows.append(ahead.accounts[NAME].row)
        if all(answer.outcome == "accepted" for answer in answers) and all(one != other for one, other in pairwise(rows)):
            return record
    return None


def _refused(target: BuildTarget, world: ExecutedWorld, oracle: Oracle, begun: Sequence[Record]) -> Record | None:
    """Returns an event that is refused; None where there is none."""
    for record in _next(target, world, oracle, begun):
        ahead = oracle.fork({name: account.copy() for name, account in oracle.accounts.items()})
        if ahead.apply(record).outcome == "refused":
            return record
    return None
