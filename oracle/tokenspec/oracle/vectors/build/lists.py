"""Runs that go through a list: names that are nearly the same, retries, corners of calendars, figures at their least.

Dice and searches for a fault come to what somebody has thought of as a fault; these come to everything on the list. A run holds
the events alone that its point needs, so that an implementation of few events has it too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count, pairwise
from typing import TypeAlias

from tokenspec.machine.lang.declaration import Clock, Origin
from tokenspec.machine.lang.types import Tokens
from tokenspec.oracle.base.instants import parse_instant
from tokenspec.oracle.base.specification import DEFAULT, SPEC, AnyCatalogue, account
from tokenspec.oracle.runtime.memory import KEY, begins
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import LOOK, NAME, START, Move, Record, Schedule, Wait, move
from tokenspec.oracle.vectors.build.executed import ExecutedWorld
from tokenspec.oracle.vectors.build.goals import Candidate
from tokenspec.oracle.vectors.build.target import BuildTarget
from tokenspec.oracle.wire.answers import Answer
from tokenspec.oracle.wire.resets import unwritten

_TIMES = 13
"""The number of times that an event has to be accepted in a row."""
_NEXT = 60
"""The number of events that are tried in search of one that happens again and again."""
_TOGETHER = 12
"""The number of runs that share a world."""
FEW = 5
"""The number of amounts that events take in turn."""

Moves: TypeAlias = Iterable[Move | Wait]
Movable: TypeAlias = Moves | Callable[[Oracle], Moves]
"""Moves, or what gives them where they depend on how the oracle stands that runs them; instants may be written."""


@dataclass(frozen=True)
class Listing:
    """A run by a list."""

    id: str
    title: str
    moves: Movable
    policy: Mapping[str, str] = field(default_factory=dict)
    catalogue: AnyCatalogue = DEFAULT
    start: str = START


def merged(parts: Iterable[tuple[str, str, Movable]]) -> Callable[[Oracle], Moves]:
    """Returns the moves of runs that go on beside each other, each of an account of its own: its name, its start, its moves."""

    def moves(oracle: Oracle) -> Moves:
        of_each = [{**each, "account": name} for name, start, own in parts for each in _records(oracle.fork({}), start, own)]
        return sorted(of_each, key=lambda record: record["at"])

    return moves


def together(
    plain: Plain,
    name: str,
    title: str,
    runs: Iterable[Sequence[Record]],
    played: Callable[[Sequence[Record]], Movable] = lambda run: run,
) -> Iterator[Listing]:
    """Yields lists of runs that share a world, each as it is `played`; those that take the same events come together."""
    kinds = sorted(runs, key=lambda run: sorted({record["event"] for record in run}))
    for number, begin in enumerate(range(0, len(kinds), _TOGETHER), 1):
        parts = [(f"a{n}", START, played(run)) for n, run in enumerate(kinds[begin : begin + _TOGETHER])]
        yield plain.listing(f"{name}-{number}", f"{title} ({number})", merged(parts))


def _records(oracle: Oracle, start: str, moves: Movable, sent: Callable[[Record], Record] = lambda it: it) -> Iterator[Record]:
    """Yields the moves as records, as they are `sent`, each once `oracle` has run it; jobs that are not written are left out."""
    schedule = Schedule(oracle, parse_instant(start))
    for each in moves(oracle) if callable(moves) else moves:
        if isinstance(each, Wait):
            schedule.wait(NAME, each)
        elif each["event"] not in unwritten(oracle.resets):
            name = each.get("account", NAME)
            record = sent({**each, "account": name, "at": each.get("at") or schedule.next(name)})
            oracle.apply(record)
            yield record


class _NotTaken(Exception):
    """A record of a list is none that the implementation takes."""


def listed(target: BuildTarget, listings: Iterable[Listing]) -> list[Candidate]:
    """Returns the runs of these lists that a target takes as they are, each once; of those with one id it is the first."""
    found, known = dict[str, Candidate](), list[tuple[int, Sequence[Record]]]()
    for listing in listings:
        world = target.world(listing.policy, listing.catalogue)
        if world is None or any(world.oracle.policy[name] != choice for name, choice in listing.policy.items()):
            continue
        oracle = world.oracle.fork({})
        sent = partial(_sent, target, world, oracle, list[Record]())
        try:
            played = target.play(world, list(_records(oracle, listing.start, listing.moves, sent)))
        except _NotTaken:
            continue
        if target.takes(played):
            name = listing.id if target.resets != "implied" else f"implied-{listing.id}"
            if name not in found and (id(world), played.records) not in known:
                known.append((id(world), played.records))
                found[name] = Candidate(name, listing.title, (), played, wanted=True)
    return list(found.values())


def _sent(target: BuildTarget, world: ExecutedWorld, oracle: Oracle, used: list[Record], record: Record) -> Record:
    """Returns a record of a list at an instant that can be sent. Raises `_NotTaken`."""
    record = {**record, "at": target.instant(record["at"])}
    if target.admitted(world, oracle, record, used) != record:
        raise _NotTaken
    used.append(record)
    return record


@dataclass(frozen=True)
class Plain:
    """The plainest run of a target: how an account begins, an event that it takes again and again, and one that is refused."""

    script: Sequence[Move | Wait]
    again: Move
    refused: Move
    policy: Mapping[str, str]
    catalogue: AnyCatalogue

    @property
    def counted(self) -> dict[str, Tokens]:
        """The fields of the event that hold numbers."""
        fields = [f for f in account().event_named[self.again["event"]].fields if f.origin is Origin.PAYLOAD]
        return {f.key: f.type for f in fields if isinstance(f.type, Tokens) and f.key in self.again}

    def times(self, many: int = FEW) -> Iterator[Move]:
        """Yields the event again and again, with other amounts in turn; one that begins an entry begins another each time."""
        for number in count(1):
            amount = {key: kind.nearest(1 + number % min(many, kind.hi)) for key, kind in self.counted.items() if many > 1}
            yield {**self.again, **amount, **({KEY: f"{KEY}{number + 100}"} if begins(self.again["event"]) else {})}

    def spending(self, oracle: Oracle) -> Move:
        """Returns the event with all that an account has; where it has nothing, the plainest one."""
        known = oracle.accounts.get(NAME)
        held = sum(oracle.app_balances(known.row)) if known is not None else 0
        return {**self.again, **{key: kind.nearest(held or 1) for key, kind in list(self.counted.items())[:1]}}

    def job(self, clock: Clock, oracle: Oracle) -> Move:
        """Returns the job of a clock; where it runs by itself, an event that is refused shows it."""
        return self.refused if clock.job in unwritten(oracle.resets) else move(clock.job)

    def listing(self, id: str, title: str, moves: Movable, policy: Mapping[str, str] | None = None) -> Listing:
        """Returns a run under the settings of this one, with another `policy` where that is given."""
        return Listing(id, title, moves, {**self.policy, **(policy or {})}, self.catalogue)

    def begun(self, name: str = NAME) -> Moves:
        """Returns the moves with which an account of this name begins."""
        return [each if isinstance(each, Wait) else {**each, "account": name} for each in self.script]


def plain(target: BuildTarget) -> Plain | None:
    """Returns the plainest run that a target takes; None where it takes no event again and again."""
    for point in target.points:
        world = target.world(point.policy, point.catalogue)
        if world is None:
            continue
        script = target.begun(point.script) or (move(SPEC.opening.name),)
        oracle, begun = world.oracle.fork({}), list[Record]()
        for record in target.search(world).of_script(script, oracle):
            taken = target.admitted(world, oracle, record, begun)
            begun += [] if taken is None else [taken]
        known = oracle.accounts.get(NAME)
        if known is None or known.last_at is None:
            continue
        ahead = list(target.search(world).next_records(known, known.last_at, _NEXT))
        events = [{key: value for key, value in each.items() if key not in ("account", "at")} for each in ahead]
        refused = (e for e, record in zip(events, ahead, strict=True) if _after(oracle).apply(record).outcome == "refused")
        first = next(refused, LOOK)
        for tried in (Plain(script, event, first, point.policy, point.catalogue) for event in events):
            if _lasts(target, world, _after(oracle), tried, known.last_at):
                return tried
    return None


def _after(oracle: Oracle) -> Oracle:
    return oracle.fork({name: account.copy() for name, account in oracle.accounts.items()})


def _lasts(target: BuildTarget, world: ExecutedWorld, oracle: Oracle, tried: Plain, at: int) -> bool:
    """Returns true if the event is accepted many times in a row, and changes balances each time."""
    rows, answers = [oracle.accounts[NAME].row], list[Answer]()
    for each, _ in zip(tried.times(), range(_TIMES), strict=False):
        record = {"account": NAME, "at": at, **each}
        if target.admitted(world, oracle, record, ()) != record:
            return False
        answers.append(oracle.apply(record))
        rows.append(oracle.accounts[NAME].row)
    return all(answer.outcome == "accepted" for answer in answers) and all(one != other for one, other in pairwise(rows))
