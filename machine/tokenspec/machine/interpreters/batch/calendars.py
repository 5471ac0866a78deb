"""Calendars in WebAssembly: `interpreters/calendars.py` and `interpreters/dates.py` once more, for the kernel.

Results are left in the globals `$due` and `$aim`; of a date in `$year`, `$month` and `$day`.
"""

from __future__ import annotations

from tokenspec.machine.interpreters.batch.short import long
from tokenspec.machine.interpreters.calendars import NEVER, CalendarReader, Months, Once, Spans
from tokenspec.machine.interpreters.dates import CYCLE_DAYS, CYCLE_YEARS, DAY_MS
from tokenspec.machine.lang.calendars import Hour, ShortMonth

_EPOCH = 719_468
"""Days from the 1st of March of year 0 to 1970-01-01: years are counted from March, so that a leap day is a year's last."""

DATES = long(f"""
(global $due (mut i64) ~0) (global $aim (mut i64) ~0)
(global $year (mut i32) #0) (global $month (mut i32) #0) (global $day (mut i32) #0)
(func $modulo (param $a i64) (param $n i64) (result i64) (local $r i64)
  (local.set $r (i64.rem_s %a %n))
  (select (i64.add %r %n) %r (i64.lt_s %r ~0)))
(func $days_in (param $y i32) (param $m i32) (result i32)
  (if (i32.eq %m #2) (then (return (i32.add #28 (i32.and (i32.eqz (i32.and %y #3))
    (i32.or (i32.ne (i32.rem_u %y #100) #0) (i32.eqz (i32.rem_u %y #{CYCLE_YEARS}))))))))
  (i32.add #30 (i32.and (i32.xor %m (i32.shr_u %m #3)) #1)))
(func $days_of (param $y i32) (param $m i32) (param $d i32) (result i32) (local $in i32)
  (local.set $y (i32.sub (i32.add %y #{CYCLE_YEARS}) (i32.le_u %m #2)))
  (local.set $in (i32.rem_u %y #{CYCLE_YEARS}))
  (local.set $d (i32.sub (i32.add (i32.div_u (i32.add (i32.mul #153 (i32.rem_u (i32.add %m #9) #12)) #2) #5) %d) #1))
  (local.set $d (i32.add %d (i32.sub (i32.add (i32.mul %in #365) (i32.shr_u %in #2)) (i32.div_u %in #100))))
  (i32.sub (i32.add (i32.mul (i32.div_u %y #{CYCLE_YEARS}) #{CYCLE_DAYS}) %d) #{_EPOCH + CYCLE_DAYS}))
(func $date_of (param $days i32) (local $cycle i32) (local $in i32) (local $month i32)
  (local.set $days (i32.add %days #{_EPOCH + CYCLE_DAYS}))
  (local.set $cycle (i32.div_u %days #{CYCLE_DAYS}))
  (local.set $days (i32.rem_u %days #{CYCLE_DAYS}))
  (local.set $in (i32.div_u (i32.sub (i32.add (i32.sub %days (i32.div_u %days #1460)) (i32.div_u %days #36524))
    (i32.div_u %days #{CYCLE_DAYS - 1})) #365))
  (local.set $days (i32.sub %days (i32.sub (i32.add (i32.mul %in #365) (i32.shr_u %in #2)) (i32.div_u %in #100))))
  (local.set $month (i32.div_u (i32.add (i32.mul %days #5) #2) #153))
  (global.set $day (i32.add (i32.sub %days (i32.div_u (i32.add (i32.mul %month #153) #2) #5)) #1))
  (global.set $month (select (i32.add %month #3) (i32.sub %month #9) (i32.lt_u %month #10)))
  (global.set $year (i32.sub (i32.add (i32.add %in (i32.mul %cycle #{CYCLE_YEARS})) (i32.le_u @month #2)) #{CYCLE_YEARS})))
(func $months_on (param $days i32) (param $months i32) (param $aim i32) (result i32) (local $y i32) (local $m i32)
  (call $date_of %days)
  (local.set $m (i32.sub (i32.add (i32.add (i32.mul @year #12) @month) %months) #1))
  (local.set $y (i32.div_u %m #12))
  (local.set $m (i32.add (i32.rem_u %m #12) #1))
  (local.set $days (call $days_in %y %m))
  (call $days_of %y %m (select %aim %days (i32.lt_s %aim %days))))
""")


def calendar_text(number: int, reader: CalendarReader) -> str:
    """The functions `$first_N` of a start and a time of day, and `$after_N` of a due instant and its aim.

    Of spans also `$beyond_N` of a due instant and one that is not before it: the first one after that.
    """
    match reader:
        case Spans(span, hour, is_at_time_of_day):
            mark = "%time" if is_at_time_of_day else _begun(hour)
            first = f"(global.set $due (call $mark_{number} %at {mark})) (global.set $aim ~0)"
            after = f"(global.set $due (i64.add %due ~{span})) (global.set $aim %aim)"
            more = f"""(func $mark_{number} (param $at i64) (param $mark i64) (result i64)
  (i64.sub (i64.add %at ~{span}) (call $modulo (i64.sub %at %mark) ~{span})))
(func $beyond_{number} (param $due i64) (param $at i64)
  (global.set $due (call $mark_{number} %at %due)))"""
        case Months(months, short, hour):
            first = f"""(local.set $at {_begun(hour)})
  (call $date_of {_days("%at")})
  (call $after_{number} %at (i64.extend_i32_u @day))"""
            moves = "(call $date_of %later) (local.set $aim (i64.extend_i32_u @day))" if short is ShortMonth.CLAMPS else ""
            after = f"""(local $time i64) (local $later i32)
  (local.set $time (call $modulo %due ~{DAY_MS}))
  (local.set $later (call $months_on {_days("%due")} #{months} (i32.wrap_i64 %aim)))
  {moves}
  (global.set $due (i64.add (i64.mul (i64.extend_i32_s %later) ~{DAY_MS}) %time)) (global.set $aim %aim)"""
            more = ""
        case Once(span):
            first = f"(global.set $due (i64.add %at ~{span})) (global.set $aim ~0)"
            after = f"(global.set $due ~{NEVER}) (global.set $aim %aim)"
            more = ""
        case _:
            raise AssertionError(f"no text for {reader}")
    return long(f"""(func $first_{number} (param $at i64) (param $time i64)
  {first})
(func $after_{number} (param $due i64) (param $aim i64)
  {after})
{more}""")


def _begun(hour: Hour) -> str:
    return f"(i64.sub %at (call $modulo %at ~{DAY_MS}))" if hour is Hour.START_OF_DAY else "%at"


def _days(at: str) -> str:
    return f"(i32.wrap_i64 (i64.div_s (i64.sub {at} (call $modulo {at} ~{DAY_MS})) ~{DAY_MS}))"


def least(other: int, *, earlier: bool) -> str:
    """The earlier one of `%until` and of what is due by another clock."""
    limit = f"(i64.sub %due_{other} ~1)" if earlier else f"%due_{other}"
    return f"(select %until {limit} (i64.lt_s %until {limit}))"
