"""The laws of calendars are shown of every start of a clock, and faults of their arithmetic break them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proofs import worked_out_once
from tokenspec.invariants.claims import claims
from tokenspec.invariants.scopes import TINY
from tokenspec.machine.checkers.calendars import EXHAUSTION, calendar_findings, laws_of
from tokenspec.machine.checkers.monitor import Tally
from tokenspec.machine.fuzzing.coverage import Coverage
from tokenspec.machine.interpreters import calendars, dates
from tokenspec.machine.interpreters.dates import DAY_MS
from tokenspec.machine.lang.calendars import (
    Calendar,
    EveryDay,
    EveryHours,
    EveryMonth,
    EveryWeek,
    EveryYear,
    Hour,
    OnceAfter,
    ShortMonth,
)
from tokenspec.machine.lang.claims import Law
from tokenspec.oracle.check.evidence import CheckSettings, Evidence
from tokenspec.oracle.check.verdicts import held, verdicts, violations
from tokenspec.oracle.fuzz.campaign import CampaignResult
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.system import system

PLAIN = EveryMonth()
CLAMPED = EveryMonth(ShortMonth.CLAMPS)
AT_MIDNIGHT = EveryMonth(hour=Hour.START_OF_DAY)
YEARLY = EveryYear()
DAILY = EveryDay("daily_reset_time")
SPANNING = (DAILY, EveryHours(24), EveryHours(7), EveryWeek(), EveryWeek(Hour.START_OF_DAY))
HOLDS: list[tuple[Calendar, list[Law]]] = [
    *((calendar, [Law.TILES, Law.ANNIVERSARIES]) for calendar in (YEARLY, EveryYear(ShortMonth.CLAMPS))),
    *((calendar, [Law.TILES, Law.EVEN]) for calendar in SPANNING),
    (OnceAfter(2160), [Law.TILES, Law.ONCE]),
]


@pytest.mark.slow
@pytest.mark.parametrize(("calendar", "laws"), HOLDS, ids=str)
def test_each_kind_of_calendar_keeps_the_laws_of_its_kind_and_no_others(calendar: Calendar, laws: list[Law]) -> None:
    shown = laws_of(calendar)
    assert laws == [law for law, each in shown.items() if not each.broken]
    assert all(shown[law].met > 0 for law in laws)


@pytest.mark.slow
def test_a_calendar_of_months_is_gone_through_from_every_day_of_the_cycle() -> None:
    laws = laws_of(PLAIN)
    assert [law for law, each in laws.items() if not each.broken] == [Law.TILES, Law.ANNIVERSARIES]
    shown = laws[Law.ANNIVERSARIES]
    # Each month with each aim at two hours, each day as a start, and one month of another cycle.
    assert (shown.method, shown.cases) == (EXHAUSTION, 4_800 * 31 * 2 + dates.CYCLE_DAYS + 4_800)
    assert shown.met > 4_800


Fault = Callable[[pytest.MonkeyPatch], None]
MONTHS_ON, DATE_OF, MARK_AFTER = dates.months_on, dates.date_of, calendars.mark_after


def drift(patch: pytest.MonkeyPatch) -> None:
    """The day of the period before counts, so that 31 January leads to 28 March."""
    patch.setattr(dates, "months_on", lambda days, months, aim: MONTHS_ON(days, months, min(aim, DATE_OF(days)[2])))


def thirty_days(patch: pytest.MonkeyPatch) -> None:
    """A month is thirty days."""
    patch.setattr(dates, "months_on", lambda days, months, aim: days + 30 * months)


def overflow(patch: pytest.MonkeyPatch) -> None:
    """The 31st of a short month is a day of the next one."""
    patch.setattr(dates, "months_on", lambda days, months, aim: MONTHS_ON(days, months, 1) + aim - 1)


def no_leap_day(patch: pytest.MonkeyPatch) -> None:
    """February has 28 days in the years that 400 divides."""
    patch.setattr(dates, "isleap", lambda year: year % 4 == 0 and year % 100 != 0)


def stuck_in_december(patch: pytest.MonkeyPatch) -> None:
    """The year does not change after December."""
    patch.setattr(
        dates, "months_on", lambda days, months, aim: MONTHS_ON(days - 365 * (DATE_OF(days)[1] + months > 12), months, aim)
    )


def never_clamps(patch: pytest.MonkeyPatch) -> None:
    """A clamped day comes back: the calendar of one answer is that of the other."""
    first = calendars.Months.following
    patch.setattr(calendars.Months, "following", lambda self, due, aim: (first(self, due, aim)[0], aim))


def hour_of_the_start(patch: pytest.MonkeyPatch) -> None:
    """The start of the day is not looked for."""
    patch.setattr(calendars, "_begun", lambda at, hour: at)


def hour_lost(patch: pytest.MonkeyPatch) -> None:
    """Every anniversary is at 00:00."""
    right = calendars.Months.following
    patch.setattr(calendars.Months, "following", lambda self, due, aim: right(self, due - due % DAY_MS, aim))


def at_the_start(patch: pytest.MonkeyPatch) -> None:
    """A clock started at its mark falls due at once."""
    patch.setattr(calendars, "mark_after", lambda at, mark, span: at + (mark - at) % span)


def a_day_late(patch: pytest.MonkeyPatch) -> None:
    """The first mark is that of the day after."""
    patch.setattr(calendars, "mark_after", lambda at, mark, span: MARK_AFTER(at, mark, span) + span)


def counted_from_the_start(patch: pytest.MonkeyPatch) -> None:
    """The account's own time of day is ignored."""
    patch.setattr(calendars, "mark_after", lambda at, mark, span: at + span)


def an_hour_short(patch: pytest.MonkeyPatch) -> None:
    """The one instant comes too early."""
    patch.setattr(calendars.Once, "first", lambda self, at, time_of_day: (at + self.span - 3_600_000, 0))


def comes_again(patch: pytest.MonkeyPatch) -> None:
    """The one instant is followed by another."""
    patch.setattr(calendars.Once, "following", lambda self, due, aim: (due + self.span, aim))


FAULTS: list[tuple[Fault, Calendar, Law]] = [
    (drift, PLAIN, Law.ANNIVERSARIES),
    (thirty_days, PLAIN, Law.ANNIVERSARIES),
    (overflow, PLAIN, Law.ANNIVERSARIES),
    (overflow, YEARLY, Law.ANNIVERSARIES),
    (no_leap_day, CLAMPED, Law.ANNIVERSARIES),
    (stuck_in_december, PLAIN, Law.TILES),
    (never_clamps, CLAMPED, Law.ANNIVERSARIES),
    (hour_of_the_start, AT_MIDNIGHT, Law.ANNIVERSARIES),
    (hour_lost, PLAIN, Law.ANNIVERSARIES),
    (at_the_start, DAILY, Law.TILES),
    (a_day_late, DAILY, Law.TILES),
    (a_day_late, EveryHours(24), Law.EVEN),
    (counted_from_the_start, DAILY, Law.EVEN),
    (an_hour_short, OnceAfter(2160), Law.ONCE),
    (comes_again, OnceAfter(2160), Law.ONCE),
]


@pytest.mark.parametrize(("fault", "calendar", "law"), FAULTS, ids=lambda each: getattr(each, "__name__", str(each)))
def test_a_fault_of_the_arithmetic_breaks_a_law(
    fault: Fault, calendar: Calendar, law: Law, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    broken = laws_of(calendar, [law])[law].broken
    assert broken.startswith(f"{calendar}: ")


@pytest.mark.slow
def test_every_calendar_of_the_account_is_shown_under_every_answer_of_its_policies() -> None:
    """Those of months among them, too: every short month with every hour of the day."""
    found = worked_out_once.calendars(account(), claims(DEFAULT.ranking))
    assert not [each.shown.broken for each in found if each.shown.broken]
    assert all(each.shown.met > 0 for each in found)
    asked = [(each.part.name, *each.policies.values()) for each in found]
    both = [(day, time) for day in ("return_to_day", "stay_clamped") for time in ("same_instant", "start_of_day")]
    assert asked == [
        *(("billing_periods", *each) for each in both),
        *(("anniversaries", *each) for each in both),
        ("days", "utc_time_of_day"),
        ("days", "every_24h_from_opening"),
        ("marks", "utc_time_of_day"),
        ("marks", "every_24h_from_opening"),
    ]


@pytest.mark.slow
def test_a_broken_calendar_refutes_its_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    thirty_days(monkeypatch)
    evidence = Evidence(CheckSettings(TINY, 0), CampaignResult(Coverage(system().machines), Tally()))
    evidence.calendars += calendar_findings(account(), claims(DEFAULT.ranking))
    assert ("periods_tile", "anniversaries") not in held(evidence.calendars)
    assert {"periods_tile"} == {each.claim for each in violations(evidence)}
    refuted = [each.claim.id for each in verdicts(evidence) if each.verdict == "refuted"]
    assert refuted == ["periods_tile"]
