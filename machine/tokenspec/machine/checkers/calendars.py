"""Shows the laws of declared calendars for every instant at which a clock can be started.

A calendar of months is gone through by exhaustion: the Gregorian calendar repeats every 400 years, so that all days of one such
cycle, with every day of the month that a clock may aim at, are all the places at which a clock can stand; and from each of them
one step is taken. The dates that are expected are counted day by day from the rule for leap years alone. A calendar of equal
spans is run, the code itself, on open numbers, and a solver is asked for an instant that breaks a law.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import z3

from tokenspec.machine.interpreters import dates
from tokenspec.machine.interpreters.calendars import NEVER, CalendarReader, Months, Once, Passed, Spans, reader_of
from tokenspec.machine.interpreters.dates import DAY_MS, HOUR_MS
from tokenspec.machine.lang.calendars import Calendar, Hour, OnceAfter, ShortMonth, calendar_under, variants
from tokenspec.machine.lang.claims import CalendarPart, Claim, Law, parts_of
from tokenspec.machine.lang.declaration import Machine

EXHAUSTION, SOLVER = "exhaustion", "solver"
_YEARS = 400
_FIRST_YEAR, _FIRST_DAY = 2000, 10_957
"""A year with which a cycle begins, and the days from 1970-01-01 to it."""
_CYCLES = range(-5, 20)
"""The cycles from year 0 to year 9999, counted from that one."""


@dataclass
class LawShown:
    """The result for one law of one calendar: `broken` is a sentence where it does not hold. `met`: how often it could fail."""

    method: str
    cases: int = 0
    met: int = 0
    broken: str = ""


@dataclass(frozen=True)
class CalendarFinding:
    """A law of a claim, of the calendar that the clock follows under the answers `policies`."""

    claim: Claim
    part: CalendarPart
    policies: Mapping[str, str]
    shown: LawShown

    @property
    def key(self) -> tuple[str, str]:
        """The claim's id and the name of its part."""
        return self.claim.id, self.part.name


def calendar_findings(machine: Machine, claims: Iterable[Claim]) -> Iterator[CalendarFinding]:
    """Yields what was found of every calendar of each clock that a part of `claims` speaks of."""
    parts = list(parts_of(claims, machine, CalendarPart))
    asked = {part.clock for _, part in parts}
    clocks = [clock for clock in machine.clocks if clock.name in asked]
    followed = {clock.name: [(under, each, laws_of(each)) for under, each in variants(clock.calendar)] for clock in clocks}
    for claim, part in parts:
        for under, calendar, shown in followed[part.clock]:
            law = shown[part.law]
            if part.follows is not None and (claimed := calendar_under(part.follows, under)) != calendar:
                law = replace(law, broken=f"{part.clock} follows {calendar}, and {claimed} is claimed")
            yield CalendarFinding(claim, part, under, law)


def laws_of(calendar: Calendar, asked: Container[Law] = tuple(Law)) -> dict[Law, LawShown]:
    """Returns the result for each law; a law of another kind of calendar is broken. It ends once all that are `asked` for are."""
    reader = reader_of(calendar)
    match reader:
        case Months():
            return _of_months(calendar, reader, asked)
        case Spans() | Once():
            return _of_spans(calendar, reader)
    raise AssertionError("every reader is of one of these kinds")


# Months


def _lengths() -> list[int]:
    """Returns the lengths of the months of one cycle, and of the year after it."""
    found: list[int] = []
    for year in range(_FIRST_YEAR, _FIRST_YEAR + _YEARS + 1):
        is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        found += [31, 29 if is_leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return found


def _of_months(calendar: Calendar, reader: Months, asked: Container[Law]) -> dict[Law, LawShown]:
    shown = {law: LawShown(EXHAUSTION) for law in (Law.TILES, Law.ANNIVERSARIES)}
    cases = met = 0
    for due, aim, is_short, expected, got in _steps(reader):
        cases += 1
        met += is_short
        if got != expected and not shown[Law.ANNIVERSARIES].broken:
            aims = f"{_told(expected[1])}, to aim at day {expected[2]} from there, and not {got[2]}"
            shown[Law.ANNIVERSARIES].broken = f"{_gone(calendar, due, aim, got)}; expected is {aims}"
        if not got[0] == due < got[1] and not shown[Law.TILES].broken:
            shown[Law.TILES].broken = f"{_gone(calendar, due, aim, got)}, which does not lie behind it"
        if all(each.broken for law, each in shown.items() if law in asked):
            break
    for each in shown.values():
        each.cases, each.met = cases, met
    even = LawShown(EXHAUSTION, broken=f"{calendar}: months have no one length")
    return {**shown, Law.EVEN: even, Law.ONCE: LawShown(EXHAUSTION, broken=f"{calendar}: it falls due again and again")}


def _gone(calendar: Calendar, due: int, aim: int, got: Passed) -> str:
    return f"{calendar}: from {_told(due)}, aiming at day {aim}, the clock goes to {_told(got[1])}"


def _told(at: int) -> str:
    days, time_of_day = divmod(at, DAY_MS)
    return "{}-{:02}-{:02}".format(*dates.date_of(days)) + f" and {time_of_day} ms"


def _steps(reader: Months) -> Iterator[tuple[int, int, bool, Passed, Passed]]:
    """Yields every step: the instant before, the day aimed at, if the next month has no such day, what is expected and got."""
    lengths = _lengths()
    starts = list(accumulate(lengths, initial=_FIRST_DAY))
    months, clamps, same = reader.months, reader.short is ShortMonth.CLAMPS, reader.hour is Hour.SAME_INSTANT
    cycle = starts[_YEARS * 12] - _FIRST_DAY
    for at in range(_YEARS * 12):
        start, length, later, room = starts[at], lengths[at], starts[at + months], lengths[at + months]
        for aim in range(1, (length if clamps else 31) + 1):
            on = min(aim, room)
            then = later + on - 1
            days = start + min(aim, length) - 1
            aimed = on if clamps else aim
            # The last moment of the day, and others that depend on the day, so that all sorts of hours are met.
            some = (days * 7_919 * 104_729) % DAY_MS
            for hour in (DAY_MS - 1, some) if same else (0,):
                due = days * DAY_MS + hour
                got = _step(reader, due, aim) if hour != DAY_MS - 1 else (due, *reader.following(due, aim))
                yield due, aim, on < aim, (due, then * DAY_MS + hour, aimed), got
            if aim <= length:
                begun = days * DAY_MS + some
                expected = then * DAY_MS + (some if same else 0)
                yield begun, aim, on < aim, (begun, expected, aimed), (begun, *reader.first(begun, 0))
        # The step from the month's last day, in another cycle: as many days later, or earlier, as the cycles are long.
        days = _CYCLES[at % len(_CYCLES)] * cycle
        due, on = (days + start + length - 1) * DAY_MS, min(length, room)
        then = days + later + on - 1
        yield due, length, on < length, (due, then * DAY_MS, on if clamps else length), _step(reader, due, length)


def _step(reader: Months, due: int, aim: int) -> Passed:
    found = reader.following(due, aim)
    # A clock that stands still would be moved on without end.
    return reader.beyond(due, aim, due) if found[0] > due else (due, *found)


# Spans


def _of_spans(calendar: Calendar, reader: Spans | Once) -> dict[Law, LawShown]:
    span = reader.span
    at, time_of_day, late, later = z3.Ints("at time_of_day late later")
    given = [time_of_day >= 0, time_of_day < DAY_MS]
    first, _ = _symbolic(reader).first(at, time_of_day)
    tiles = {"the first instant lies after the start": first > at}
    even, only = dict[str, Any](), dict[str, Any]()
    if isinstance(calendar, OnceAfter):
        even["it falls due again and again"] = z3.BoolVal(False)
        only["the instant lies the declared hours after the start"] = first == at + calendar.hours * HOUR_MS
        only["none follows it"] = z3.BoolVal(reader.following(0, 0)[0] == reader.beyond(0, 0, 0)[1] == NEVER)
    else:
        assert isinstance(reader, Spans), "a calendar with a next instant has spans"
        only["it falls due once"] = z3.BoolVal(False)
        mark = time_of_day if reader.is_at_time_of_day else at - at % DAY_MS if reader.hour is Hour.START_OF_DAY else at
        passed, once, _ = _symbolic(reader).beyond(first, 0, late)
        after, again, _ = _symbolic(reader).beyond(first, 0, later)
        _, in_two_goes, _ = _symbolic(reader).beyond(once, 0, later)
        following, _ = _symbolic(reader).following(first, 0)
        given += [first <= late, late <= later]
        tiles["the instant looked at lies between the one passed and the next one"] = z3.And(passed <= late, late < once)
        tiles["no instant lies between them"] = once == passed + span
        tiles["a clock looked at twice shows what it shows when looked at once"] = z3.Implies(once <= later, in_two_goes == again)
        tiles["a clock looked at early goes on to show the same"] = z3.Implies(
            once > later, z3.And(again == once, after == passed)
        )
        even["the first instant comes within one span of the start"] = first <= at + span
        even["every instant lies whole spans from its mark"] = z3.And((first - mark) % span == 0, (once - mark) % span == 0)
        even["the next instant lies one span later"] = following == first + span
    return {
        Law.TILES: _asked(calendar, given, tiles),
        Law.EVEN: _asked(calendar, given, even),
        Law.ONCE: _asked(calendar, given, only),
        Law.ANNIVERSARIES: LawShown(SOLVER, broken=f"{calendar}: it counts no months"),
    }


def _symbolic(reader: CalendarReader) -> Any:
    """Returns the reader, to be called with open numbers."""
    return reader


def _asked(calendar: Calendar, given: list[Any], laws: Mapping[str, Any]) -> LawShown:
    shown = LawShown(SOLVER)
    for law, holds in laws.items():
        solver = z3.Solver()
        solver.set("timeout", 10_000)
        solver.add(*given, z3.Not(holds))
        answer = solver.check()
        shown.cases, shown.met = shown.cases + 1, shown.met + 1
        if answer != z3.unsat:
            why = f"not where {solver.model()}" if answer == z3.sat else "the solver does not say"
            shown.broken = shown.broken or f"{calendar}: {law}: {' '.join(str(why).split())}"
    return shown
