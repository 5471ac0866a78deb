"""Accounts of one machine in WebAssembly: each a record in a memory of its own, stepped by the functions of `embedded`.

What a step, a clock and the memory mean is said by `reference`, `interpreters/calendars.py` and `recall`; the order in which
time passes, by whoever runs the machine. A machine that this cannot run raises `NotCovered`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tokenspec.machine.interpreters.batch.calendars import DATES, calendar_text, least
from tokenspec.machine.interpreters.batch.entries import EntryTable
from tokenspec.machine.interpreters.batch.remembering import CHANGED, DIRTY, Remembering
from tokenspec.machine.interpreters.batch.short import NotCovered, Space, long
from tokenspec.machine.interpreters.batch.tables import MARK, FingerprintTable, code_of, puts_code
from tokenspec.machine.interpreters.calendars import NEVER, Spans, reader_of
from tokenspec.machine.interpreters.embedded.memory import NO_RULE, SLOT, Interface
from tokenspec.machine.lang.calendars import EveryDay, calendar_under
from tokenspec.machine.lang.declaration import Clock, ClockAct, Machine, Rule
from tokenspec.machine.lang.derived.entries import with_entry
from tokenspec.machine.lang.outcome import Values

STOPPED = -(2**63)
"""In the place of the instant that a clock shows: it does not run."""
_OF_NAMES = 15, 30
"""The loads of the names of accounts: most stand at the place that they say."""
_RUNS_MAX = 120_000
"""The number of runs after which a job is taken to have no end."""
DIAL = 40
"""Bytes of a clock in a record: the instants that it shows and that come up, the aim, its start, the last run of its job."""
_STOPPED_DIAL = (STOPPED, NEVER, 0, 0, 0)
LOAD = "(i64.store #{at} (i64.load $accounts offset={place} @account))"
SAVE = "(i64.store $accounts offset={place} @account (i64.load #{at}))"
"""The lines that bring a variable of the present account into the state, and back, for `Accounts.copies`."""
_ACTS = (ClockAct.STARTS, ClockAct.SETTLES, ClockAct.STOPS)


@dataclass
class Accounts(Remembering):
    """The text of a machine's accounts under `settings`; clocks in `implied` run their jobs by themselves.

    `times` has, by key, the expression of the time of day that a record brings.
    """

    machine: Machine
    settings: Values
    implied: frozenset[str]
    times: Mapping[str, str]
    space: Space
    bits: int = 32
    """Those of an address in the tables of what is remembered."""
    remember: int | None = None
    """Milliseconds for which the memory keeps an entry from its first note on, and whoever uses these accounts other things;
    None for ever."""
    hears: str = ""
    """The lines after each step, of whoever has something of its own in a record, where that is not 0."""
    whole: Machine = field(init=False)
    """The machine with the entry of its memory that an event names."""

    def __post_init__(self) -> None:
        memory = self.machine.memory
        if memory is None:
            self.whole = self.machine
            return
        self.whole = with_entry(self.machine)
        if any(e.repeats and memory.reads(e) for e in self.machine.events):
            raise NotCovered("an event that repeats reads the memory")
        by_itself = {name for clock in self.machine.clocks for name in (clock.falls_due, clock.job)}
        if any(e.fields for e in self.machine.events if e.name in by_itself):
            raise NotCovered("an event that comes by itself has fields")

    @cached_property
    def interface(self) -> Interface:
        """The slots of the machine."""
        return Interface(self.whole, first=self.space.first)

    @cached_property
    def entries(self) -> EntryTable | None:
        """The memory of the machine; None where it has none."""
        memory = self.machine.memory
        return None if memory is None else EntryTable(memory, self.interface, self.space, self)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The events by name, as the machine's functions are numbered."""
        return {e.name: number for number, e in enumerate(self.whole.events)}

    @cached_property
    def rules(self) -> dict[str, Rule]:
        """The rules by name."""
        return {r.name: r for e in self.whole.events for r in e.rules}

    # The record of an account: flags, the instant of its last event, clocks, counts of ended periods, row.

    @property
    def dials(self) -> int:
        """The place of the clocks in a record."""
        return 16

    @property
    def ended(self) -> int:
        """The place of the counts of ended periods in a record."""
        return self.dials + DIAL * len(self.machine.clocks)

    @property
    def each_day(self) -> frozenset[str]:
        """The clocks that fall due each day."""
        clocks = self.machine.clocks
        return frozenset(c.name for c in clocks if isinstance(calendar_under(c.calendar, self.settings), EveryDay))

    @property
    def row(self) -> int:
        """The place of the variables in a record."""
        return self.ended + SLOT * len(self._periods)

    @property
    def stride(self) -> int:
        """Bytes of an account."""
        return self.further_at + (SLOT if self.hears else 0)

    @property
    def further_at(self) -> int:
        """The place of what is not known here: it is 0 at first, and not in the journal."""
        return self.oldest + (SLOT if self.remember is not None else 0)

    @property
    def oldest(self) -> int:
        """The place of the instant of the first thing that is remembered, where that is for a time only."""
        return self.row + SLOT * len(self.machine.variables)

    @property
    def _periods(self) -> tuple[str, ...]:
        return tuple(p.lasts for p in self.machine.memory.periods) if self.machine.memory is not None else ()

    def parts(self) -> Iterator[str]:
        """The parts of the module that are about accounts."""
        yield MARK
        yield DATES
        yield FingerprintTable("names", loads=_OF_NAMES).text()
        yield '(memory $accounts (export "accounts") 1)'
        readers = [reader_of(calendar_under(clock.calendar, self.settings)) for clock in self.machine.clocks]
        yield from (calendar_text(number, reader) for number, reader in enumerate(readers))
        jumps = [isinstance(reader, Spans) for reader in readers]
        yield long(self._records())
        yield long(self._acts())
        yield long(self._fire())
        yield long(self._advance(jumps))
        if self.entries is not None:
            yield self.remembered("entries", self.entries.buries).text()
            yield long(self.entries.text())
        yield long(self._happens())

    def _by_rule(self, says: Callable[[Rule], int]) -> int:
        return self.space.flags(says(self.rules[name]) for name in self.interface.rules)

    def _by_event(self, says: Callable[[str], int]) -> int:
        return self.space.flags(says(e.name) for e in self.whole.events)

    @property
    def _slots(self) -> dict[int, int]:
        """The addresses of the variables, by their places in a record."""
        return {self.row + SLOT * n: self.interface.state[v.name].at for n, v in enumerate(self.machine.variables)}

    def copies(self, line: str) -> str:
        """The lines for each variable: `{at}` is its address in the state, `{place}` its place in a record."""
        return " ".join(line.format(at=at, place=place) for place, at in self._slots.items())

    def _records(self) -> str:
        slots, places = self._slots.values(), self._slots.keys()
        first = self.space.take(SLOT * len(slots))
        keep = " ".join(f"(i64.store #{first + SLOT * n} (i64.load #{s}))" for n, s in enumerate(slots))
        dials = range(self.dials, self.ended, DIAL)
        at_first = {at + SLOT * n: f"~{value}" for at in dials for n, value in enumerate(_STOPPED_DIAL)}
        at_first |= dict.fromkeys((*range(self.ended, self.row, SLOT), *range(self.further_at, self.stride, SLOT)), "~0")
        at_first |= {p: f"(i64.load #{first + SLOT * n})" for n, p in enumerate(places)}
        if self.remember is not None:
            at_first[self.oldest] = f"~{NEVER}"
        begin = " ".join(f"(i64.store $accounts offset={at} @account {value})" for at, value in at_first.items())
        return f"""
(global $account (export "account") (mut i32) #0) (global $accounts_end (mut i32) #0)
(func (export "keep_initial") {keep})
(func $begin (i32.store $accounts @account #0) (i64.store $accounts offset=8 @account ~{STOPPED}) {begin})
(func $begin_next
  (global.set $account @accounts_end)
  (global.set $accounts_end (i32.add @accounts_end #{self.stride}))
  (if (i32.gt_u @accounts_end #{2**32 - 65_536 - self.stride}) (then (unreachable)))
  (if (i32.gt_u (i32.add (i32.shr_u @accounts_end #16) #1) (memory.size $accounts)) (then
    (if (i32.lt_s (memory.grow $accounts (i32.add (i32.shr_u (memory.size $accounts) #1) #1)) #0) (then (unreachable)))))
  (call $begin))
;; The account whose name has the present fingerprint; it begins where there was none.
(func $account_of (result i32) (local $entry i32) (local $before i32)
  (local.set $entry (call $names_find))
  (if (i64.ne (i64.load $names %entry) ~0) (then (return (i32.wrap_i64 {code_of("names", "%entry")}))))
  (call $names_add %entry)
  {puts_code("names", "%entry", "(i64.extend_i32_u @accounts_end)")}
  (local.set $before @account)
  (call $begin_next)
  (if @keeps (then (call $tell_new)))
  (local.set $entry @account)
  (global.set $account %before)
  %entry)
(func $soil (export "soil") (i32.store $accounts @account (i32.or (i32.load $accounts @account) #{DIRTY | CHANGED})))
;; How many accounts are dirty.
(func (export "count_dirty") (result i32) (local $at i32) (local $dirty i32)
  (block $done (loop $next
    (br_if $done (i32.ge_u %at @accounts_end))
    (local.set $dirty (i32.add %dirty (i32.and (i32.load $accounts %at) #{DIRTY})))
    (local.set $at (i32.add %at #{self.stride}))
    (br $next)))
  %dirty)
(func $is_dirty (result i32) (i32.and (i32.load $accounts @account) #{DIRTY}))
;; How many accounts there are.
(func (export "count_accounts") (result i32) (i32.div_u @accounts_end #{self.stride}))
;; Begins every account anew but for its flags.
(func $begin_all (local $flags i32)
  (global.set $account #0)
  (block $done (loop $next
    (br_if $done (i32.ge_u @account @accounts_end))
    (local.set $flags (i32.load $accounts @account))
    (call $begin)
    (i32.store $accounts @account (i32.and %flags #{DIRTY}))
    (global.set $account (i32.add @account #{self.stride}))
    (br $next))))"""

    def _acts(self) -> str:
        """Writes what the rule that accepted an event does to clocks and periods."""
        lines = []
        for number, clock in enumerate(self.machine.clocks):
            named = {name: [act for c, act in r.clocks if c == clock.name] for name, r in self.rules.items()}
            if any(len(acts) > 1 for acts in named.values()):
                raise NotCovered("a rule does two things to a clock")
            table = self._by_rule(
                lambda r, named=named: next((_ACTS.index(a) + 1 for a in named[r.name] if a in _ACTS), 0)  # type: ignore[misc]
            )
            shown = self.dials + DIAL * number
            lines.append(f"(local.set $act (i32.load8_u offset={table} %rule))")
            if clock.of not in self.settings or self.settings[clock.of] != 0:
                lines.append(f"""(if (i32.eq %act #1) (then
    (call $first_{number} %at {self._time(clock)})
    (i64.store $accounts offset={shown} @account @due) (i64.store $accounts offset={shown + 8} @account @due)
    (i64.store $accounts offset={shown + 16} @account @aim)
    (i64.store $accounts offset={shown + 24} @account %at) (i64.store $accounts offset={shown + 32} @account %at)))""")
            lines.append(f"""(if (i32.and (i32.eq %act #2) (i64.ne (i64.load $accounts offset={shown} @account) ~{STOPPED})) (then
    (i64.store $accounts offset={shown} @account (i64.load $accounts offset={shown + 8} @account))
    (i64.store $accounts offset={shown + 32} @account %at)))
  (if (i32.and (i32.eq %act #3) (i64.ne (i64.load $accounts offset={shown} @account) ~{STOPPED})) (then
    (i64.store $accounts offset={shown + 32} @account %at)
    (i64.store $accounts offset={shown} @account ~{STOPPED}) (i64.store $accounts offset={shown + 8} @account ~{NEVER})))""")
        memory = self.machine.memory
        for number, period in enumerate(memory.periods if memory is not None else ()):
            table = self._by_rule(lambda r, by=period.ended_by: not set(r.clocks).isdisjoint(by))  # type: ignore[misc]
            at = self.ended + SLOT * number
            counted = f"(i64.add (i64.load $accounts offset={at} @account) (i64.load8_u offset={table} %rule))"
            lines.append(f"(i64.store $accounts offset={at} @account {counted})")
        return f"""(global $is_written (mut i32) #0)
(func $acts (param $rule i32) (param $at i64) (local $act i32)
  {" ".join(lines)})"""

    def _time(self, clock: Clock) -> str:
        """The time of day that a record brings; a job that runs by itself brings none."""
        calendar = calendar_under(clock.calendar, self.settings)
        if not isinstance(calendar, EveryDay):
            return "~0"
        return f"(select {self.times[calendar.key]} ~0 @is_written)"

    def _fire(self) -> str:
        repeats = self._by_event(lambda name: self.whole.event_named[name].repeats)
        has_acts = self._by_rule(lambda r: bool(r.clocks))
        step = "(call_indirect (type $event) #1 %event)"
        hears = f"(if (i32.load $accounts offset={self.further_at} @account) (then {self.hears}))" if self.hears else ""
        return f"""
(func $fire (param $event i32) (param $at i64) (result i32) (local $rule i32) (local $again i32) (local $runs i32)
  (block $done
    (local.set $rule {step})
    (br_if $done (i32.lt_s %rule #0))
    (if (i32.load8_u offset={has_acts} %rule) (then (call $acts %rule %at)))
    (br_if $done (i32.eqz (i32.load8_u offset={repeats} %event)))
    (loop $next
      (local.set $again {step})
      (if (i32.le_s %again #{NO_RULE}) (then (local.set $rule %again) (br $done)))
      (br_if $done (i32.lt_s %again #0))
      (call $acts %again %at)
      (local.set $runs (i32.add %runs #1))
      (br_if $next (i32.lt_u %runs #{_RUNS_MAX}))
      (local.set $rule #{NO_RULE})))
  {hears}
  %rule)"""

    def _fired(self, event: str, number: int) -> str:
        """An event at the instant at which a clock is due; ends where it is not covered."""
        return f"(if (i32.le_s (call $fire #{self.numbers[event]} %due_{number}) #{NO_RULE}) (then (return #1)))"

    def _advance(self, jumps: list[bool]) -> str:
        """Writes how time passes up to an instant: due instants in order, at one instant in the order of the clocks.

        A clock of spans whose job is written falls due once for all its instants before anything else happens.
        """
        clocks = self.machine.clocks
        lines, passes = [], []
        for number, clock in enumerate(clocks):
            shown = self.dials + DIAL * number
            others = [n for n in range(len(clocks)) if n != number]
            comes = "".join(
                f" (br_if $not_{number} (i64.{'ge' if n < number else 'gt'}_s %due_{number} %due_{n}))" for n in others
            )
            fires, keep = self._fired(clock.falls_due, number), f"(i64.store $accounts offset={shown + 8} @account @due)"
            move = f"(call $after_{number} %due_{number} (i64.load $accounts offset={shown + 16} @account))"
            if clock.name not in self.implied and jumps[number]:
                limits = "".join(f"(local.set $until {least(n, earlier=n < number)}) " for n in others)
                move = f"(local.set $until %at) {limits}(call $beyond_{number} %due_{number} %until)"
            else:
                keep += f" (i64.store $accounts offset={shown + 16} @account @aim)"
            if clock.name in self.implied:
                job = self._fired(clock.job, number)
                if not jumps[number]:
                    # An event at this very instant may take the place of the job. One that is due since an earlier instant
                    # waits for a written job, and so do later ones.
                    waits = f"(local.set $waits (i64.lt_s (i64.load $accounts offset={shown} @account) %due_{number}))"
                    move = f"{waits} (if (i64.eq %due_{number} %at) (then (return #1))) {move}"
                    job = f"(if (i32.eqz %waits) (then {job}))"
                fires = f"{fires} {job}"
            passes.append(f"(block $not_{number}{comes} {move} {keep} {fires} (br $next))")
            lines.append(f"(local.set $due_{number} (i64.load $accounts offset={shown + 8} @account))")
        locals_ = " ".join(f"(local $due_{n} i64)" for n in range(len(clocks)))
        nothing = "".join(f" (br_if $due (i64.le_s %due_{n} %at))" for n in range(len(clocks)))
        return f"""
;; Passes the time of the account up to an instant; 1 where that is not covered.
(func $advance (param $at i64) (result i32) {locals_} (local $until i64) (local $waits i32)
  (loop $next
    {" ".join(lines)}
    (block $due{nothing} (return #0))
    {" ".join(passes)})
  (unreachable))"""

    def _happens(self) -> str:
        """Writes an event that a record brings; where it reads the memory, its fingerprint is set and there is room."""
        memory = self.machine.memory
        recalls = notes = ""
        if memory is not None:
            reads = self._by_event(lambda name: name in self.reading)
            declared = {r.name: bool(r.notes) for e in self.machine.events for r in e.rules}
            writes = self._by_rule(lambda r: declared.get(r.name, False))
            recalls = f"(if (i32.load8_u offset={reads} %event) (then (call $recall)))"
            notes = f"(if (i32.ge_s %rule #0) (then (if (i32.load8_u offset={writes} %rule) (then (call $note)))))"
        return f"""
(func $happens (param $event i32) (param $at i64) (result i32) (local $rule i32)
  {recalls}
  (global.set $is_written #1)
  (local.set $rule (call $fire %event %at))
  (global.set $is_written #0)
  {notes}
  %rule)"""

    @cached_property
    def reading(self) -> frozenset[str]:
        """The events that read the entry they name."""
        memory = self.machine.memory
        return frozenset(e.name for e in self.machine.events if memory is not None and memory.reads(e))
