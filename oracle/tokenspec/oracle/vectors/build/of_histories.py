"""Runs about what went before: four events in a row, what is remembered across each event, a year of changes, old entries.

Several runs share a world, each of an account of its own, so that different things happen beside each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice, product

from tokenspec.machine.interpreters.dates import DAY_MS
from tokenspec.machine.lang.calendars import EveryMonth, EveryYear, variants
from tokenspec.machine.lang.declaration import Clock
from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.base.specification import DEFAULT, POLICIES, SPEC, TOTAL_POOLS, account
from tokenspec.oracle.fuzz.figures import OTHERS
from tokenspec.oracle.fuzz.pairs import RulePairs, Sequences, search_pairs
from tokenspec.oracle.fuzz.paths import PathSearch
from tokenspec.oracle.fuzz.sweeps import DAYS, Chains
from tokenspec.oracle.runtime.memory import KEY, begins, refers
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import NAME, SLOWEST, SLOWEST_CLOCK, START, Move, Record, Wait, move
from tokenspec.oracle.vectors.build.lists import Listing, Moves, Plain, merged, together
from tokenspec.oracle.vectors.build.of_names import looks, of_session, session_events
from tokenspec.oracle.vectors.build.of_time import starting, under
from tokenspec.oracle.vectors.build.set_cover import few
from tokenspec.oracle.vectors.build.target import BuildTarget
from tokenspec.oracle.wire.resets import unwritten

_SESSIONS = ("s0", "s1", "s2")
_PERIODS = 13
"""The number of periods: a year of months, and one more."""
_OVERDUE = Wait(ms=450 * DAY_MS)
"""A wait after which more than a year of every clock is due at once."""
_NEXT = 400
"""The number of next records among which one that is accepted is looked for."""
_CHANGES = 302
"""The number of changes after which a session shows what it showed before."""


def about_histories(target: BuildTarget, plain: Plain) -> Iterator[Listing]:
    """Yields the lists of sequences, of what is remembered, of changes over a year, and of old entries."""
    world = target.world(plain.policy, plain.catalogue)
    assert world is not None
    search, pairs, has_entries = target.search(world, by_rules=True), RulePairs(), begins(plain.again["event"])
    for _ in search_pairs(pairs, search):
        pass
    paths = [way.records() for way in pairs.first.values()]
    sequences = list(Sequences(search, paths).runs(pairs.by_state.values()))
    yield from together(plain, "rules-in-a-row", "every four events in a row that set or undo something", sequences)
    yield from _under_policies(target, plain, sequences)
    later = [path for path in pairs.shortest() if len(path) > 1]
    if has_entries:
        yield from together(plain, f"memory-{KEY}s", f"{KEY}s before and after each event", later, partial(_entries, plain))
    for asked in (_asked, _none) if SPEC.session else ():
        told = "three sessions before and after each event"
        yield from together(plain, "memory-sessions", told, later, partial(_sessions, plain, asked))
        yield plain.listing("memory-screens", f"a screen of {_CHANGES} changes ago", partial(_screens, plain, asked))
    started = {clock: found for clock in account().clocks if (found := starting(target, world, clock)) is not None}
    if SLOWEST_CLOCK in started:
        yield from _years(plain, target.search(world), SLOWEST_CLOCK, started[SLOWEST_CLOCK])
    if has_entries:
        told = f"{KEY}s of one to {_PERIODS} periods ago"
        cases = enumerate(product(started, started.values(), (plain.spending, None)))
        periods = [(f"a{n}", START, partial(_periods, plain, *case)) for n, case in cases]
        yield plain.listing(f"time-{KEY}s-of-periods", told, merged(periods))


def _years(plain: Plain, search: PathSearch, clock: Clock, started: Sequence[Move]) -> Iterator[Listing]:
    """Yields a list of changes over a year for each way of counting short months, and periods that are due at once by figures."""
    days, ways = ", ".join(day.partition("T")[0] for day in DAYS), set[object]()
    for answers, calendar in variants(clock.calendar):
        way = calendar.short if isinstance(calendar, EveryMonth | EveryYear) else calendar
        if way not in ways:
            ways.add(way)
            told, moves = f"changes before each {clock.name} of a year from {days} on", partial(_changes, plain, search, started)
            yield under(plain, f"time-{clock.name}-changes", told, moves, answers)
    for number, catalogue in enumerate(OTHERS.of_worlds):

        def overdue(oracle: Oracle) -> Moves:
            return [*started, _OVERDUE, plain.job(clock, oracle)]

        if catalogue != DEFAULT:
            told = f"more than a year of {clock.name}s due at once, with other figures"
            yield Listing(f"figures-overdue-{number}", f"{told} ({number})", overdue, plain.policy, catalogue)


def _under_policies(target: BuildTarget, plain: Plain, runs: Sequence[Sequence[Record]]) -> Iterator[Listing]:
    """Yields, for each answer to an open question, few of the runs: all rules after which something is then otherwise."""
    usual = target.world(plain.policy, plain.catalogue)
    for name, choice in ((policy.name, choice) for policy in POLICIES for choice, _ in policy.answers):
        choices = {**plain.policy, name: choice}
        world = target.world(choices, plain.catalogue)
        if usual is not None and world is not None and world.oracle.policy[name] == choice != usual.oracle.policy[name]:
            goals = [_differing(usual.oracle, world.oracle, run) for run in runs]
            some = [runs[n] for n in few(goals, [len(run) for run in runs])]
            told = f"events in a row after which something is otherwise where {name} is {choice}"
            yield from together(replace(plain, policy=choices), f"policy-{name}-{choice}", told, some)


def _differing(usual: Oracle, other: Oracle, run: Sequence[Record]) -> set[str]:
    """Returns the rules by which one oracle accepts events of a run to which the other has another answer."""
    one, two, found = usual.fork({}), other.fork({}), set[str]()
    for record in run:
        (right, _), (answer, rule) = (each.decide(each.reader.convert(record)) for each in (one, two))
        if answer != right and answer.outcome == "accepted":
            found.add(str(rule))
    return found


def _asked(name: str) -> list[Move]:
    """Returns the events that refer to an entry."""
    return [move(event.name, **{KEY: name}) for event in account().events if refers(event.name)]


def _none(name: str) -> list[Move]:
    """Returns no event, for an implementation that has none which refers to an entry."""
    return []


def _entry(plain: Plain, name: str) -> Move:
    return plain.again | ({KEY: name} if begins(plain.again["event"]) else {})


def _held(oracle: Oracle) -> dict[str, int]:
    return dict(zip(TOTAL_POOLS, oracle.app_balances(oracle.accounts[NAME].row), strict=True))


def _entries(plain: Plain, path: Sequence[Record]) -> Moves:
    """Yields a path with an entry before its last record; after it that entry is begun and asked back once more."""
    *before, last = path
    yield from before
    for each in (_entry(plain, "m0"), *_asked("m0"), last, *_asked("m0"), *_asked("m1")):
        yield {**each, "at": last["at"]}
    for each in (_entry(plain, "m0"), _entry(plain, "m1"), *_asked("m1")):
        yield {**each, "at": last["at"]}


def _sessions(plain: Plain, asked: Callable[[str], list[Move]], path: Sequence[Record]) -> Callable[[Oracle], Moves]:
    """Returns the moves of a path with sessions since its first record, which show and fetch after its last one."""
    logs_in, used, logs_out = session_events()
    screens, fetches = [event for event in used if looks(event)], [event for event in used if not looks(event)]

    def moves(oracle: Oracle) -> Moves:
        def shown(name: str, *figures: Mapping[str, int]) -> Iterator[Move]:
            return (of_session(event, name, {name: each}) for each in figures for event in screens)

        yield path[0]
        yield from (move(logs_in[0].name, session=name, at=path[0]["at"]) for name in _SESSIONS)
        yield from path[1:-1]
        earlier, at = _held(oracle), path[-1]["at"]
        yield path[-1]
        before = _held(oracle)
        yield {**_entry(plain, "m1"), "at": at}
        now = _held(oracle)
        for name in _SESSIONS:
            yield from ({**each, "at": at} for each in shown(name, earlier, now, before))
        for name in _SESSIONS:
            for each in (*(move(event.name, session=name) for event in fetches), *shown(name, before)):
                yield {**each, "at": at}
        # The figures are those from before again: what was in between is shown no more once it is fetched.
        fetched = (move(event.name, session=name) for event in fetches for name in _SESSIONS)
        for each in (*asked("m1"), *fetched, *shown(_SESSIONS[0], now)):
            yield {**each, "at": at}
        yield from (move(event.name, session=_SESSIONS[0], at=at) for event in logs_out)

    return moves


def _screens(plain: Plain, asked: Callable[[str], list[Move]], oracle: Oracle) -> Moves:
    """Yields a session, many changes, each asked back where it can be, and the session showing what it showed at first."""
    logs_in, used, _ = session_events()
    yield from plain.script
    yield move(logs_in[0].name, session=_SESSIONS[0])
    seen = {_SESSIONS[0]: _held(oracle)}
    for number, each in enumerate(islice(plain.times(1), _CHANGES // (1 + len(asked(""))))):
        yield each
        yield from asked(each[KEY]) if number else ()
    yield from (of_session(event, _SESSIONS[0], seen) for event in used if looks(event))


def _changes(plain: Plain, search: PathSearch, started: Sequence[Move], oracle: Oracle) -> Moves:
    """Yields accounts from different days on, in which something changes before each period of the slowest clock."""
    assert SLOWEST_CLOCK is not None
    closing, names = plain.job(SLOWEST_CLOCK, oracle), {event.name for event in account().events} - unwritten(oracle.resets)
    chains = Chains(account(), closing, names, lambda each: search.next_records(each, each.last_at or 0, _NEXT), sorted(names))

    def moves(day: str, own: Oracle) -> Moves:
        yield from started
        for _ in range(_PERIODS):
            now = own.accounts[NAME].last_at or 0
            due = SLOWEST.end(own.accounts[NAME], now)
            yield from chains.before(own, NAME, now, due, format_instant(due)[8:10] == day[8:10])
            yield {**closing, "at": due}

    return merged([(f"a{n}", day, partial(moves, day)) for n, day in enumerate(DAYS)])(oracle)


def _periods(
    plain: Plain, clock: Clock, started: Sequence[Move], whole: Callable[[Oracle], Move] | None, oracle: Oracle
) -> Moves:
    """Yields many periods of a clock, in each of which an entry is begun; at the end more than a year of them is due at once.

    Entries of the `whole` balance, every second one with another once nothing is left, are asked back at the end, the newest
    first, where there is room; small ones in the period after.
    """
    yield from started
    times = plain.times()
    for number in range(_PERIODS + 1) if oracle.accounts[NAME].dial(clock.name) is not None else ():
        yield from _run(plain, clock, Wait((clock.name,)), oracle)
        yield {**(whole(oracle) if whole is not None else next(times)), KEY: f"of {number}"}
        if whole is not None:
            yield from [{**plain.again, KEY: f"beyond {number}"}] * (number % 2)
        elif number:
            yield from _asked(f"of {number - 1}")
    for number in reversed(range(_PERIODS)) if whole is not None else ():
        yield from _asked(f"of {number}")
    yield from _run(plain, clock, _OVERDUE, oracle)


def _run(plain: Plain, clock: Clock, wait: Wait, oracle: Oracle) -> Moves:
    """Yields a wait, the job of a clock, and those of others that are due by then."""
    yield wait
    yield plain.job(clock, oracle)
    known = oracle.accounts[NAME]
    for other in account().clocks:
        dial = known.dial(other.name) if other is not clock else None
        if dial is not None and dial.upcoming <= (known.last_at or 0):
            yield plain.job(other, oracle)
