"""Runs about time: days that some month or year does not have, times of day, and retries far from their first use.

Several accounts, each begun on a day of its own, share a world: none affects another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice, pairwise

from tokenspec.machine.interpreters.dates import DAY_MS, HOUR_MS
from tokenspec.machine.lang.calendars import Calendar, EveryDay, EveryMonth, EveryYear, variants
from tokenspec.machine.lang.declaration import Clock, Shape
from tokenspec.oracle.base.instants import parse_instant
from tokenspec.oracle.base.specification import DEFAULTS, IDS, SPEC, account
from tokenspec.oracle.runtime.journal import CLOCK_AT
from tokenspec.oracle.runtime.memory import KEY, begins, refers
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.script import MINUTE_MS, NAME, Move, Wait, move
from tokenspec.oracle.vectors.build.executed import ExecutedWorld
from tokenspec.oracle.vectors.build.lists import Listing, Movable, Moves, Plain, merged
from tokenspec.oracle.vectors.build.target import BuildTarget
from tokenspec.oracle.wire.settings import as_options

_PERIODS = 13
"""The number of periods from each day on: a year of months, and one more."""
_DAYS = {
    "month-ends": ("2027-01-29T02:30:00Z", "2027-01-30T00:00:00Z", "2027-01-31T22:30:00Z", "2027-08-31T12:00:00Z"),
    "odd-instants": ("2027-01-31T23:59:59.999Z", "2027-05-31T00:00:00.001Z", "2028-02-29T12:34:56.789Z", "2037-12-31T17:00:59Z"),
    "leap-days": ("2027-02-28T23:59:59Z", "2027-12-31T00:00:00Z", "2028-02-29T12:00:00Z", "2028-01-30T23:00:00Z"),
    "centuries": ("2096-02-29T00:00:00Z", "2099-12-31T18:15:00Z", "2399-12-30T05:45:00Z", "1999-12-31T03:47:00Z"),
}
"""Instants at which accounts begin, by what is particular to them; the last ones go on for years."""
_ON_FOR = {"leap-days": 5, "centuries": 5}
"""The number of years after those periods, by list; the last periods of each are looked at."""
_MOST_OF_A_YEAR = Wait(ms=275 * DAY_MS)
_TIMES_OF_DAY = ("00:00", "00:01", "02:30", "18:45", "23:59")
_TURNS = ("2027-03-13", "2027-03-27", "2027-04-03", "2027-10-02", "2027-10-30", "2027-11-06", "2027-12-30", "2028-02-27")
"""Days before those on which clocks are put on or back somewhere, or which not each year has."""
_LATER = {
    "a minute": MINUTE_MS,
    "an hour": HOUR_MS,
    "a day": DAY_MS + 1_000,
    "two days": 49 * HOUR_MS,
    "eight days": 8 * DAY_MS,
    "a month": 32 * DAY_MS,
    "three months": 92 * DAY_MS,
    "a year": 400 * DAY_MS,
    "eight years": 3_000 * DAY_MS,
}
"""The time after which an event comes again."""
_WAYS = 400
"""The number of paths that are followed in search of one that starts a clock."""


def about_time(target: BuildTarget, plain: Plain) -> Iterator[Listing]:
    """Yields the lists of days, of times of day, and of retries."""
    world = target.world(plain.policy, plain.catalogue)
    assert world is not None
    for clock in account().clocks:
        started = starting(target, world, clock)
        calendars = list(variants(clock.calendar))
        if started is not None and any(isinstance(calendar, EveryMonth | EveryYear) for _, calendar in calendars):
            yield from _of_days(clock, calendars, started, plain)
        if any(isinstance(calendar, EveryDay) for _, calendar in calendars):
            yield from _of_hours(clock, calendars, plain)
    yield from _retries(plain)


def starting(target: BuildTarget, world: ExecutedWorld, clock: Clock) -> list[Move] | None:
    """Returns the shortest run found that starts a clock, without instants; None where there is none."""
    for edge in target.search(world).edges(target.begun(()), _WAYS):
        dial = edge.then.account.dials[CLOCK_AT[clock.name]] if edge.then is not None else None
        if dial is not None:
            return [{key: value for key, value in record.items() if key not in ("account", "at")} for record in edge.records()]
    return None


def _of_days(
    clock: Clock, calendars: Sequence[tuple[dict[str, str], Calendar]], started: Sequence[Move], plain: Plain
) -> Iterator[Listing]:
    """Yields a list for each kind of days, under each calendar of months that counts such days in a way of its own."""
    for kind, days in _DAYS.items():
        counted = set[object]()
        for answers, calendar in calendars:
            if not isinstance(calendar, EveryMonth | EveryYear):
                continue
            # Leap days are a matter of short months alone, and odd instants one of the hour.
            way = {"month-ends": calendar, "odd-instants": calendar.hour}.get(kind, calendar.short)
            if way not in counted:
                counted.add(way)
                parts = [(f"a{n}", day, _periods(clock, started, _ON_FOR.get(kind, 0), plain)) for n, day in enumerate(days)]
                told = f"{clock.name} from {', '.join(day.partition('T')[0] for day in days)} on"
                yield under(plain, f"time-{clock.name}-{kind}", told, merged(parts), answers)


def under(plain: Plain, name: str, title: str, moves: Movable, answers: Mapping[str, str]) -> Listing:
    """Returns a list under the choices of policies that are not the usual ones."""
    others = {policy: choice for policy, choice in answers.items() if choice != DEFAULTS[policy]}
    tail = "".join(f"-{choice}" for choice in others.values())
    settings = f" ({', '.join(as_options(others))})" if others else ""
    return plain.listing(f"{name}{tail}", f"{title}{settings}", moves, others)


def _periods(clock: Clock, started: Sequence[Move], years: int, plain: Plain) -> Callable[[Oracle], Moves]:
    due = Wait((clock.name,))

    def moves(oracle: Oracle) -> Iterator[Move | Wait]:
        job = plain.job(clock, oracle)
        yield from started
        for wait in (*[due] * _PERIODS, *[_MOST_OF_A_YEAR, due, due, due] * years):
            yield from (wait, job)

    return moves


def _of_hours(clock: Clock, calendars: Sequence[tuple[dict[str, str], Calendar]], plain: Plain) -> Iterator[Listing]:
    """Yields a list of times of day, under each calendar of a clock, around the days on which clocks are changed."""
    key = next((key.name for key in SPEC.opening.keys if key.shape is Shape.TIME_OF_DAY), None)
    for answers, _ in calendars if key is not None else ():

        def moves(oracle: Oracle, time: str) -> Iterator[Move | Wait]:
            yield move(SPEC.opening.name, **{str(key): time})
            for day in _TURNS:
                for hours in (13, 13 + 24):
                    yield {**plain.job(clock, oracle), "at": parse_instant(f"{day}T00:00:00Z") + hours * HOUR_MS}

        parts = [(f"a{n}", "2027-03-01T09:10:11Z", partial(moves, time=time)) for n, time in enumerate(_TIMES_OF_DAY)]
        yield under(
            plain,
            f"time-{clock.name}-of-a-year",
            f"{clock.name} at {', '.join(_TIMES_OF_DAY)} through a year",
            merged(parts),
            answers,
        )


def _retries(plain: Plain) -> Iterator[Listing]:
    """Yields lists of what comes again after a while: under its id, and an entry of the memory without one."""
    told, number = f"after {', '.join(_LATER)}", len(_LATER)
    waits = [Wait(ms=later - before) for before, later in pairwise((0, *_LATER.values()))]
    times = list(islice(plain.times(), number + 1))
    if IDS is not None:
        # Two accounts have the same ids for other events; what is refused has an id too.
        ours = [{**each, "account": NAME, "id": f"e{n}"} for n, each in enumerate(times[:-1])]
        theirs = [{**each, "account": "bob", "id": f"e{n}"} for n, each in enumerate(times[1:])]
        refused = [{**plain.refused, "account": NAME, "id": f"f{n}"} for n in range(number)]
        again = list[Move | Wait]()
        for wait, one, other, none in zip(waits, ours, theirs, refused, strict=True):
            again.append(wait)
            again += [one, other, none]
        moves = [*plain.begun(), *plain.begun("bob"), *ours, *theirs, *refused, *again]
        yield under(plain, "time-ids", f"ids of two accounts that come again {told}", moves, {})
    if begins(plain.again["event"]):
        referring = [event.name for event in account().events if refers(event.name)]
        later = list[Move | Wait]()
        for wait, one in zip(waits, times, strict=False):
            later.append(wait)
            later += [one, *(move(event, **{KEY: one[KEY]}) for event in referring)]
        told = f"{KEY}s that are named again {told}"
        yield under(plain, f"time-{KEY}s", told, [*plain.script, *times[:-1], *later], {})
