"""The calendars of a machine's clocks within its module: which instant falls due first, and which one first after an instant.

Each call reads and writes the area `dial`, and follows the calendar that the present answers to the policies choose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tokenspec.machine.interpreters.batch.calendars import DATES, calendar_text
from tokenspec.machine.interpreters.batch.short import long
from tokenspec.machine.interpreters.calendars import Spans, reader_of
from tokenspec.machine.interpreters.embedded.memory import NOT_A_VALUE, Interface
from tokenspec.machine.lang.calendars import Calendar, CalendarByPolicy, DeclaredCalendar, variants
from tokenspec.machine.wasm.ranks import number_of


def dial_parts(interface: Interface) -> Iterator[str]:
    """The parts of the module that are about clocks; none where the machine has none."""
    clocks, slots = interface.machine.clocks, interface.dial
    if not clocks:
        return
    followed = dict.fromkeys(calendar for clock in clocks for _, calendar in variants(clock.calendar))
    numbers = {calendar: number for number, calendar in enumerate(followed)}
    yield DATES
    yield from (calendar_text(number, reader_of(calendar)) for calendar, number in numbers.items())
    due, aim, at, time = (f"(i64.load #{slots[name].at})" for name in ("due", "aim", "at", "time"))

    def beyond(calendar: Calendar) -> str:
        number = numbers[calendar]
        if isinstance(reader_of(calendar), Spans):
            return f"(global.set $aim {aim}) (call $beyond_{number} {due} {at})"
        # Each due instant before it is passed, since a short month may move the aim.
        return f"""(global.set $due {due}) (global.set $aim {aim})
  (block $passed_{number} (loop $next_{number}
    (br_if $passed_{number} (i64.gt_s @due {at}))
    (call $after_{number} @due @aim)
    (br $next_{number})))"""

    calls: dict[str, Callable[[Calendar], str]] = {
        "first": lambda calendar: f"(call $first_{numbers[calendar]} {at} {time})",
        "beyond": beyond,
    }
    for name, call in calls.items():
        chosen = (_under(interface, clock.calendar, call) for clock in clocks)
        by_clock = "\n".join(f"(if (i32.eq %clock #{number}) (then {text}))" for number, text in enumerate(chosen))
        yield long(f"""(func (export "{name}") (param $clock i32) (result i32)
  (if (i32.ge_u %clock #{len(clocks)}) (then (return #{NOT_A_VALUE})))
  {by_clock}
  (i64.store #{slots["due"].at} @due) (i64.store #{slots["aim"].at} @aim)
  #0)""")


def _under(interface: Interface, declared: DeclaredCalendar, call: Callable[[Calendar], str]) -> str:
    """The call that is made of the calendar that the policies choose."""
    if not isinstance(declared, CalendarByPolicy):
        return call(declared)
    slot = interface.parameters[declared.policy]
    *others, (_, text) = [(number_of(slot.kind, answer), _under(interface, each, call)) for answer, each in declared.answers]
    for number, other in others:
        text = f"(if (i64.eq (i64.load #{slot.at}) ~{number}) (then {other}) (else {text}))"
    return text
