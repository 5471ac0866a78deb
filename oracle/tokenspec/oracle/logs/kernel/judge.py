"""The judge of one record, in WebAssembly: what the oracle does with it, and whether what was observed is right.

An account at which anything is unusual, or anything differs, becomes dirty: the oracle looks at it from its first line on.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace

from tokenspec.machine.interpreters.batch.accounts import LOAD, SAVE
from tokenspec.machine.interpreters.batch.handover import Handover
from tokenspec.machine.interpreters.batch.remembering import BEGAN_BEFORE, DIRTY
from tokenspec.machine.interpreters.batch.short import NotCovered, long
from tokenspec.machine.interpreters.batch.tables import FingerprintTable, code_of, is_under, puts_code
from tokenspec.machine.interpreters.embedded.memory import ANY_NUMBER, NO_RULE, SLOT
from tokenspec.machine.lang.declaration import Origin, Shape
from tokenspec.machine.lang.types import Tokens
from tokenspec.oracle.logs.kernel.answers import AnswersTold, Role
from tokenspec.oracle.logs.kernel.compare import ObservedComparison
from tokenspec.oracle.logs.kernel.exchange import AccountExchange
from tokenspec.oracle.logs.kernel.forms import (
    ACCOUNT,
    END,
    ENTRY_1,
    ENTRY_2,
    HAS,
    ID_1,
    ID_2,
    LINE,
    NUMBER,
    POSITION,
    ROOT,
    SEEN,
    UNKNOWN,
    RowKey,
    signed,
)
from tokenspec.oracle.logs.kernel.names import WRONG_WORD, RecordNames, holds, marked, text_of, value_of
from tokenspec.oracle.logs.kernel.repeats import RepeatedIds
from tokenspec.oracle.logs.kernel.sessions import SessionsOfAccounts
from tokenspec.oracle.logs.kernel.told import Told
from tokenspec.oracle.runtime.memory import refers

UNKNOWN_NAMES_MAX = 64
"""The largest number of unknown names in the records of a log."""
HAS_NEW_NAMES = 1 << 62
"""In the position of a listed line: it is listed for its names alone."""
CONFORMS, IS_DIRTY, ASKS = 0, 1, 2
"""Verdicts on a row: the account is clean and it conforms; the account is dirty; facts are missing."""


class RecordJudge:
    """The judge of the records that `names` name."""

    def __init__(self, names: RecordNames, role: Role = Role.ALONE) -> None:
        self.names, self._accounts, self._space = names, names.accounts, names.space
        self.told = Told(names)
        self.exchange, self._handover = AccountExchange(names), Handover(self._accounts)
        self._comparison = ObservedComparison(names)
        self.repeats = RepeatedIds(names, self._comparison.comparable)
        comparable, are_answered = self._comparison.comparable, self.repeats.are_answered
        numbers, stride = self.exchange.answered, self._accounts.stride
        self.answers = AnswersTold.of(role, names.forms, numbers, stride, comparable, are_answered)
        self.sessions = SessionsOfAccounts(names)
        self._rules, self._codes = names.rules, names.codes
        self._counters = self._space.take(SLOT * (len(self._rules) + len(names.judged) * len(self._codes)))
        self.compared, self.nothing_observed = self._space.take(SLOT), self._space.take(SLOT)
        self.unknown = self._space.take(SLOT * UNKNOWN_NAMES_MAX)
        """The counts of unknown names, in the order in which they were met."""

    def parts(self) -> Iterator[str]:
        """The parts of the module that judge."""
        comparison = self._comparison
        yield from self._accounts.parts()
        yield self._accounts.remembered("ids").text()
        yield from self.told.parts()
        yield self._handover.text()
        yield self.sessions.text()
        yield self.exchange.tells_id()
        yield self.exchange.redoes()
        yield self._fields()
        yield long(comparison.text())
        yield self.repeats.text(comparison.holds_a_value)
        if self.answers.role is not Role.ALONE:
            yield self.answers.text(comparison.answered(), self.names, self._look_again())
        if self.answers.role is not Role.FOLLOWS:
            yield long(self._look_ahead())
            yield FingerprintTable("unknown").text()
            yield long(self._unknown())
        yield long(self._judge(comparison.comparable, comparison.holds_a_value))

    def _fields(self) -> str:
        """Writes, for each event that a record can bring, the function that gives its fields."""
        events, numbers = self._accounts.whole.events, self._accounts.numbers
        names = [f"$fields_{n}" if e.name in self.names.events else "$no_fields" for n, e in enumerate(events)]
        functions = [f"(func $fields_{numbers[name]} {self._given(name)})" for name in self.names.events]
        table = f"(table $fields {len(names)} funcref) (elem (table $fields) (i32.const 0) func {' '.join(names)})"
        return long("\n".join(["(func $no_fields)", table, "(type $gives (func))", *functions]))

    def _given(self, name: str) -> str:
        slots, told = self._accounts.interface.fields(name), self.told.fields.get(name, [])
        lines = []
        for f in self._accounts.whole.event_named[name].fields:
            value = self.told.value(name, f) if f in told else value_of(self.names.payload[f.key])
            lines.append(f"(i64.store #{slots[f.name].at} {value})")
        return " ".join(lines)

    def _bits(self, name: str) -> tuple[int, int]:
        """The bits of the names that a record of an event may hold, and of those that it must; others are looked at."""
        names, event = self.names, self.names.covered[name]
        must = names.account.bit | names.at.bit | names.event.bit
        may = must | names.id.bit | names.forms.keys[ROOT, "observed"].bit
        for f in event.fields:
            if f.origin is Origin.PAYLOAD:
                may |= names.payload[f.key].bit
                must |= 0 if f.instead else names.payload[f.key].bit
        for key in event.keys:
            if key.name in names.payload:
                may |= names.payload[key.name].bit
                must |= 0 if key.optional else names.payload[key.name].bit
            elif key.shape is Shape.POOLS and names.shown:
                may |= names.shown_all.bit | self._shown_bits
            elif not key.optional:
                raise NotCovered(f"{key.name} is of a form that is not covered")
        return may, must

    @property
    def _tables(self) -> list[tuple[str, RowKey, int, int]]:
        """The tables of what is remembered, the keys of their texts, and the places of their fingerprints in a row."""
        names, memory = self.names, self.names.oracle.machine.memory
        entries = [] if memory is None else [("entries", names.payload[memory.key], ENTRY_1, ENTRY_2)]
        return [("ids", names.id, ID_1, ID_2), *entries]

    @property
    def _rooms(self) -> str:
        return " ".join(f"(call ${table}_room)" for table, *_ in self._tables)

    def _each_row(self, lines: str) -> str:
        """The lines for each row from `%from` to `%end`."""
        next_row = f"(local.set $row (i32.add %row #{self.names.forms.row})) (br_if $next (i32.lt_u %row %end))"
        return f"(local.set $row %from) (loop $next {lines} {next_row})"

    def _touches(self, table: str, first: int) -> str:
        """The lines that touch what rows need of a table."""
        place = self._accounts.remembered(table).place_touched(f"(i64.load offset={first} %row)")
        return self._each_row(f"(local.set $sum (i64.xor %sum {place}))")

    @property
    def _touches_accounts(self) -> str:
        halves = (f"(i64.load $accounts offset={n} (i32.load offset={ACCOUNT} %row))" for n in (0, self._accounts.stride // 2))
        return self._each_row(" ".join(f"(local.set $sum (i64.xor %sum {half}))" for half in halves))

    def _look_again(self) -> str:
        """Writes the `$look_ahead` of a kernel that follows: accounts and fingerprints are in the rows."""
        return f"""
;; Begins every account up to one at a place.
(func $reach (export "reach") (param $place i32)
  (block $done (loop $next
    (br_if $done (i32.lt_u %place @accounts_end))
    (call $begin_next) (br $next))))
(global $touched (mut i64) ~0)
(func $look_ahead (param $from i32) (param $end i32) (local $row i32) (local $sum i64) (local $found i64)
  (if (i32.ge_u %from %end) (then (return)))
  {self._rooms}
  {self._each_row(f"(call $reach (i32.load offset={ACCOUNT} %row))")}
  {self._touches_accounts}
  {" ".join(self._touches(table, first) for table, _, first, _ in self._tables)}
  (global.set $touched %sum))"""

    @property
    def _shown_bits(self) -> int:
        return sum(key.bit for key in self.names.shown.values())

    def _unless_shown(self, soiled: str) -> str:
        """The lines for a record that has to show balances, and shows none."""
        names = self.names
        if not names.shown:
            return ""
        shows = self._space.flags(names.shows(event) for event in names.judged)
        is_empty = f"(i64.eqz (i64.and %has ~{signed(self._shown_bits)}))"
        return f"(if (i32.and (i32.load8_u offset={shows} %event) {is_empty}) {soiled})"

    def _unless_in_range(self, soiled: str) -> str:
        """The lines for a record with a number that the declared type of its field does not have."""
        lines = []
        for number, event in enumerate(self.names.judged):
            for f in event.fields if event.name in self.names.covered else ():
                if f.origin is Origin.PAYLOAD and isinstance(f.type, Tokens) and f.type != ANY_NUMBER:
                    value = value_of(self.names.payload[f.key])
                    outside = f"(i32.or (i64.lt_s {value} ~{f.type.lo}) (i64.gt_s {value} ~{f.type.hi}))"
                    lines.append(f"(if (i32.and (i32.eq %event #{number}) {outside}) {soiled})")
        return " ".join(lines)

    def _look_ahead(self) -> str:
        names = self.names
        marks = " ".join(
            f"""(if {holds(key, f"(i64.load offset={HAS} %row)")} (then
      {marked(key, f"(i32.load offset={ACCOUNT} %row)")}
      (local.set $any_{table} #1)
      (i64.store offset={first} %row %a) (i64.store offset={second} %row %b))
    (else (i64.store offset={first} %row ~0)))"""
            for table, key, first, second in self._tables
        )
        name = f"{marked(names.account, '#0')} (i64.store offset={ENTRY_1} %row %a) (i64.store offset={ENTRY_2} %row %b)"
        likely = FingerprintTable("names").likely(f"(i64.load offset={ENTRY_1} %row)")
        touched = f"""(i32.store offset={ACCOUNT} %row (local.tee $at {likely}))
    (local.set $sum (i64.xor %sum (i64.load $names %at)))"""
        account = f"""
    (local.set $a (i64.load offset={ENTRY_1} %row)) (local.set $b (i64.load offset={ENTRY_2} %row))
    (local.set $at (i32.load offset={ACCOUNT} %row))
    (if {is_under("names", "%at", "%a", "%b")}
      (then (local.set $at (i32.wrap_i64 {code_of("names", "%at")})))
      (else (global.set $mark_1 %a) (global.set $mark_2 %b) (local.set $at (call $account_of))))
    (i32.store offset={ACCOUNT} %row %at) {marks}"""
        touches = " ".join(f"(if %any_{table} (then {self._touches(table, first)}))" for table, _, first, _ in self._tables)
        return f"""
(global $touched (mut i64) ~0)
;; Finds the accounts of rows, and touches what they need: all of it is on its way at once, and in a cache when it is needed.
(func $look_ahead (param $from i32) (param $end i32) (local $row i32) (local $sum i64) (local $found i64)
  (local $owner i32) (local $at i32) (local $size i32) (local $a i64) (local $b i64) (local $word i64)
  {" ".join(f"(local $any_{table} i32)" for table, *_ in self._tables)}
  (if (i32.ge_u %from %end) (then (return)))
  ;; As many rows as are judged together are too few to fill a table that has room.
  (call $names_room) {self._rooms}
  {self._each_row(name)}
  {self._each_row(touched)}
  {self._each_row(account)}
  {self._touches_accounts}
  {touches}
  (global.set $touched %sum))"""

    def _unknown(self) -> str:
        """Writes how unknown names are counted. At a new one the line is listed, so that somebody reads the names in it."""
        name = "(i32.add @row (i32.shl %n #3))"
        counted = puts_code("unknown", "%place", "(i64.extend_i32_u @unknown_names)")
        return f"""
(global $unknown_names (mut i32) #0)
(func $forget_unknown (call $unknown_clear) (global.set $unknown_names #0))
(func (export "know") (param $at i32) (param $size i32) (local $place i32)
  (call $unknown_room) (call $mark #0 %at %size)
  (local.set $place (call $unknown_find))
  (call $unknown_add %place)
  {counted}
  (global.set $unknown_names (i32.add @unknown_names #1)))
(func $note_unknown (local $n i32) (local $place i32) (local $is_new i32)
  (loop $next
    (call $unknown_room)
    (call $mark #0 (i32.load offset={UNKNOWN + 4} {name}) (i32.load offset={UNKNOWN + 8} {name}))
    (local.set $place (call $unknown_find))
    (if (i64.eqz (i64.load $unknown %place)) (then
      (if (i32.ge_u @unknown_names #{UNKNOWN_NAMES_MAX}) (then (unreachable)))
      (call $unknown_add %place)
      {counted}
      (i64.store (i32.add #{self.unknown} (i32.shl @unknown_names #3)) ~0)
      (global.set $unknown_names (i32.add @unknown_names #1))
      (local.set $is_new #1)))
    (call $bump (i32.add #{self.unknown} (i32.shl (i32.wrap_i64 {code_of("unknown", "%place")}) #3)))
    (local.set $n (i32.add %n #1))
    (br_if $next (i32.lt_u %n (i32.load offset={UNKNOWN} @row))))
  (if %is_new (then
    (call $list (i32.load offset={LINE} @row) (i32.load offset={END} @row)
      (i64.load offset={NUMBER} @row) (i64.or (i64.load offset={POSITION} @row) ~{HAS_NEW_NAMES})))))"""

    def _judge(self, comparable: int, holds_a_value: str) -> str:
        names, events = self.names, self.names.judged
        bits = [self._bits(e.name) if e.name in names.covered else (0, 0) for e in events]
        of_record = self._shown_bits
        for (context, _), key in names.forms.keys.items():
            if context == ROOT:
                of_record |= key.bit
        may_not = self._space.put(b"".join(struct.pack("<Q", of_record & ~may) for may, _ in bits))
        must = self._space.put(b"".join(struct.pack("<Q", must) for _, must in bits))
        soiled = f"(then (call $soil) (return #{IS_DIRTY}))"
        remembers, tells, before_the_log = self._of_entries(soiled)
        return f"""
(func $counts_twice (result i32) (i32.eqz {holds(names.id, f"(i64.load offset={HAS} @row)")}))
(func $judge (result i32)
  (local $has i64) (local $event i32) (local $at i64) (local $rule i32) (local $id {self._accounts.address}) (local $must i64)
  (local $count i32)
  {self.answers.begins}
  (global.set $account (i32.load offset={ACCOUNT} @row))
  (if (i32.and (i32.load $accounts @account) #{DIRTY}) (then (return #{IS_DIRTY})))
  (local.set $has (i64.load offset={HAS} @row))
  (if (i32.eqz {holds(names.event)}) {soiled})
  (local.set $event (i32.wrap_i64 {value_of(names.event)}))
  (if (i32.eq %event #{WRONG_WORD}) {soiled})
  (if (i64.ne (i64.and (i64.load offset={SEEN} @row) (i64.load offset={may_not} (i32.shl %event #3))) ~0) {soiled})
  (local.set $must (i64.load offset={must} (i32.shl %event #3)))
  (if (i64.ne %must (i64.and %has %must)) {soiled})
  {self._unless_shown(soiled)}
  {self._unless_in_range(soiled)}
  (local.set $at {value_of(names.at)})
  (local.set $rule (call $told %event %has))
  (if (i32.eq %rule #2) {soiled})
  (if %rule (then (return #{ASKS})))
  {self.answers.observes}
  (local.set $id {self._accounts.nowhere})
  {self.repeats.met(CONFORMS, self.answers)}
  (if (i64.lt_s %at (i64.load $accounts offset=8 @account)) {soiled})
  (i64.store $accounts offset=8 @account %at)
  {self._accounts.forgets("%at")}
  {self._accounts.copies(LOAD)}
  (if (call $advance %at) {soiled})
  {self._comparison.before}
  {self._times_absent()}
  {remembers}
  (local.set $rule {self.sessions.happens("(call_indirect $fields (type $gives) %event) (call $happens %event %at)")})
  (if (i32.le_s %rule #{NO_RULE}) {soiled})
  {before_the_log}
  {self._accounts.copies(SAVE)}
  (if @keeps (then {tells}))
  {self.answers.at_event(soiled)}
  {self.repeats.used(self.answers)}
  (local.set $count #{self.nothing_observed})
  (if (i64.ne (i64.and %has ~{signed(comparable)}) ~0) (then
    (if (call $differs %event %rule %has) {soiled})
    (if {holds_a_value} (then (local.set $count #{self.compared})))))
  (i64.store %count (i64.add (i64.load %count) ~1))
  (local.set $count (i32.shl {self.names.decision} #3))
  (i64.store offset={self._counters} %count (i64.add (i64.load offset={self._counters} %count) ~1))
  {self.answers.counts_unknown}
  #{CONFORMS})"""

    def _of_entries(self, soiled: str) -> tuple[str, str, str]:
        """Returns the parts about the entry that a record names: before its event, after it, and if it is older than the log."""
        names, tells = self.names, f"(call $tell_account {text_of(self.names.account)})"
        memory = names.oracle.machine.memory
        if memory is None:
            return "", tells, ""
        remembers = (
            f"(global.set $mark_1 (i64.load offset={ENTRY_1} @row)) (global.set $mark_2 (i64.load offset={ENTRY_2} @row))"
            " (global.set $is_noted #0)"
        )
        tells += f" (if @is_noted (then (call $tell_entry {text_of(names.payload[memory.key])})))"
        refers_to = self._space.flags(refers(e.name) for e in names.judged)
        before_the_log = f"""(if (i32.and (i32.load $accounts @account) #{BEGAN_BEFORE}) (then
    (if (i32.and (i32.load8_u offset={refers_to} %event)
          (i64.ne (i64.load #{self._accounts.interface.state[memory.is_new].at}) ~0)) {soiled})))"""
        return remembers, tells, before_the_log

    def _times_absent(self) -> str:
        """Sets the time of day that a record did not bring to 0."""
        keys = [k.name for e in self.names.events.values() for k in e.keys if k.shape is Shape.TIME_OF_DAY]
        slots = [self.names.payload[name] for name in dict.fromkeys(keys)]
        return " ".join(f"(if (i32.eqz {holds(key)}) (then (i64.store offset={key.slot} @row ~0)))" for key in slots)

    def reads_rows_of(self, other: RecordJudge) -> bool:
        """Returns true where the rows that another judge is given hold what this one's do."""
        ours, theirs = ([replace(key, at=0) for key in each.names.forms.keys.values()] for each in (self, other))
        strides = {self._accounts.stride, other._accounts.stride}
        return ours == theirs and self.names.forms.row == other.names.forms.row and len(strides) == 1

    # The counts

    @property
    def sums(self) -> tuple[int, ...]:
        """The places of the counts of records."""
        return self.compared, self.nothing_observed, self.repeats.compared, self.repeats.not_compared, self.repeats.same

    def counted(self) -> list[tuple[int, str, str]]:
        """Returns the place of each count of hits, with the event and the rule or the code."""
        of = {r.name: e.name for e in (*self.names.oracle.session_machine.events, *self.names.judged) for r in e.rules}
        found = [(self._counters + SLOT * n, of[rule.name], rule.name) for n, rule in enumerate(self._rules)]
        first = self._counters + SLOT * len(self._rules)
        for number, event in enumerate(self.names.judged):
            for n, code in enumerate(self._codes):
                found.append((first + SLOT * (number * len(self._codes) + n), event.name, code))
        return found
