"""Repeated ids, in WebAssembly: a record under a used id gets the first answer again, or is an event in time of its own.

Of each id the kernel keeps one number, 0 where the first use is not known: the rule that decided on that use, or the event and
the code, and in the other bits, which are 34 for the account that is declared, a fingerprint of what was observed of it. A repeat
conforms if the same was observed again, or nothing but the outcome and the code; an event in time if the state of now was
observed, and of the first answer no more than that. Of any other the kernel does not know.
"""

from __future__ import annotations

import struct

from tokenspec.machine.interpreters.batch.accounts import LOAD, SAVE
from tokenspec.machine.interpreters.batch.short import NotCovered, long
from tokenspec.machine.interpreters.batch.tables import LONG, bits_of, code_of, puts_code
from tokenspec.machine.interpreters.embedded.memory import SLOT
from tokenspec.machine.lang.ids import Repeat
from tokenspec.oracle.base.specification import IDS
from tokenspec.oracle.logs.kernel.answers import AnswersTold
from tokenspec.oracle.logs.kernel.forms import ID_1, ID_2, signed
from tokenspec.oracle.logs.kernel.names import RecordNames, holds, text_of, value_of
from tokenspec.oracle.wire.answers import BY_POOL, DELTA, SAID

_DECISION_BITS = 13
"""The most bits of what decided."""


class RepeatedIds:
    """The memory of ids, and the judge of repeats; `comparable` has the bits of what can be compared."""

    def __init__(self, names: RecordNames, comparable: int) -> None:
        self._names, self._comparable = names, comparable
        self.are_answered = names.oracle.repeat is Repeat.FIRST_ANSWER
        self.compared, self.not_compared, self.same = (names.space.take(SLOT) for _ in range(3))
        self.bits = (len(names.rules) + len(names.judged) * len(names.codes)).bit_length()
        """Those of what decided on an id's first use."""
        if self.bits > _DECISION_BITS:
            raise NotCovered("there are too many rules or events")

    def text(self, holds_a_value: str) -> str:
        """The functions `$id_code` of a first use, and `$repeats`: 1 where a repeat conforms.

        One that `holds_a_value`, or says that it is a repeat, is compared.
        """
        keys = self._names.observed
        apart = keys["duplicate"].bit | keys[DELTA].bit
        brief = apart | keys["outcome"].bit | keys["reason"].bit
        pools = {name for name in keys if name.partition(".")[0] in BY_POOL and "." in name}
        mixed = []
        for name, key in keys.items():
            if not key.bit & apart and (name in pools or name not in BY_POOL):
                mixed.append(f"(if {holds(key)} (then (local.set $h (call $mixed (i64.xor (i64.rotl %h ~7) {value_of(key)})))))")
        upper, rules, codes = 2 ** (bits_of(LONG) - 1) - 2**self.bits, len(self._names.rules), len(self._names.codes)
        numbers = {r.name: number for number, event in enumerate(self._names.judged) for r in event.rules}
        of_rules = [numbers.get(rule.name, 2**16 - 1) for rule in self._names.rules]
        event_of = self._names.space.put(struct.pack(f"<{rules}H", *of_rules))
        known = f"(if (i32.eq (local.tee $rule (call $first %event %code)) #{rules}) (then (return #0)))"
        return long(f"""
(func $bump (param $at i32) (i64.store %at (i64.add (i64.load %at) ~1)))
;; A fingerprint of what the present row observes, above what decided.
(func $observed (param $has i64) (result i64) (local $h i64)
  (local.set $h (call $mixed (i64.xor @seed_1 (i64.and %has ~{signed(self._comparable & ~apart)}))))
  {" ".join(mixed)}
  (i64.and (i64.shl %h ~{self.bits}) ~{upper}))
(func $id_code (param $event i32) (param $rule i32) (param $has i64) (result i64)
  (i64.or (call $observed %has) (i64.extend_i32_u (i32.add {self._names.decision} #1))))
;; The rule or the code that decided on the first use; as many as there are rules where that is not known, or of another event.
(func $first (param $event i32) (param $code i64) (result i32) (local $rule i32)
  (local.set $rule (i32.sub (i32.and (i32.wrap_i64 %code) #{2**self.bits - 1}) #1))
  (if (i32.lt_s %rule #0) (then (return #{rules})))
  (if (i32.lt_s %rule #{rules}) (then
    (return (select %rule #{rules} (i32.eq (i32.load16_u offset={event_of} (i32.shl %rule #1)) %event)))))
  (local.set $rule (i32.sub (i32.add #{rules - 1} (i32.mul %event #{codes})) %rule))
  (select %rule #{rules} (i32.lt_u (i32.sub #-1 %rule) #{codes})))
(func $repeats (param $event i32) (param $has i64) (param $code i64) (result i32) (local $rule i32)
  {known}
  (if (i64.eqz (i64.and %has ~{signed(self._comparable)})) (then (call $bump #{self.not_compared})) (else
    (if {holds(keys["duplicate"])} (then (if (i64.ne {value_of(keys["duplicate"])} ~1) (then (return #0)))))
    (if {holds(keys[DELTA])} (then (if (i64.ne {value_of(keys[DELTA])} ~0) (then (return #0)))))
    (if (i64.eqz (i64.and %has ~{signed(self._comparable & ~brief)})) (then
      (if {holds(keys["outcome"])} (then
        (if (i64.ne {value_of(keys["outcome"])} (i64.extend_i32_u (i32.ge_s %rule #0))) (then (return #0)))))
      (if {holds(keys["reason"])} (then
        (if (i32.ge_s %rule #0) (then (return #0)))
        (if (i64.ne {value_of(keys["reason"])} (i64.extend_i32_s (i32.sub #-1 %rule))) (then (return #0))))))
    (else (if (i64.ne (i64.and (i64.xor (call $observed %has) %code) ~{upper}) ~0) (then (return #0)))))
    (call $bump (select #{self.compared} #{self.not_compared} (i32.or {holds_a_value} {holds(keys["duplicate"])})))))
  (call $bump #{self.same})
  #1){"" if self.are_answered else self._in_time(holds_a_value, known)}""")

    def _in_time(self, holds_a_value: str, known: str) -> str:
        """The function `$repeats_in_time`: 1 where a repeat that is an event in time conforms."""
        names, keys = self._names, self._names.observed
        duplicate, said = keys["duplicate"], 0
        for name, key in keys.items():
            if name.partition(".")[0] in SAID and name not in ("reason", "duplicate"):
                said |= key.bit | key.empty
        if names.oracle.repeat is Repeat.REFUSED:
            assert IDS is not None, "a specification without ids answers each record"
            known += f" (local.set $rule #{-1 - names.codes.index(IDS.code)})"
        return f"""
(func $repeats_in_time (param $event i32) (param $has i64) (param $at i64) (param $code i64) (result i32) (local $rule i32)
  {known}
  (if (i64.lt_s %at (i64.load $accounts offset=8 @account)) (then (return #0)))
  (i64.store $accounts offset=8 @account %at)
  {names.accounts.forgets("%at")}
  {names.accounts.copies(LOAD)}
  (if (call $advance %at) (then (return #0)))
  (global.set $total_before (call $total))
  {names.accounts.copies(SAVE)}
  (if @keeps (then (call $tell_account {text_of(names.account)})))
  (if (i64.eqz (i64.and %has ~{signed(self._comparable)})) (then (call $bump #{self.not_compared})) (else
    (if {holds(duplicate)} (then (if (i64.ne {value_of(duplicate)} ~1) (then (return #0)))))
    (if (i32.ge_s %rule #0) (then (if (i64.ne (i64.and %has ~{signed(said)}) ~0) (then (return #0)))))
    (if (call $differs %event %rule (i64.and %has ~{~signed(duplicate.bit)})) (then (return #0)))
    (call $bump (select #{self.compared} #{self.not_compared} (i32.or {holds_a_value} {holds(duplicate)})))))
  (call $bump #{self.same})
  #1)"""

    def met(self, conforms: int, answers: AnswersTold) -> str:
        """The lines of the judge at a record with an id: what is left is the place of a new one, in `%id`."""
        lasts = self._names.accounts.is_remembered("ids", "%id", "%at")
        repeats = "$repeats %event %has" if self.are_answered else "$repeats_in_time %event %has %at"
        known = f"""(then
      (if (call {repeats} {code_of("ids", "%id")}) (then
        {answers.at_repeat(code_of("ids", "%id"))}
        {answers.counts_unknown}
        (return #{conforms})))
      (call $soil) (return #1))"""
        return f"""(if {holds(self._names.id)} (then
    (global.set $mark_1 (i64.load offset={ID_1} @row)) (global.set $mark_2 (i64.load offset={ID_2} @row))
    (local.set $id (call $ids_find))
    (if (if (result i32) (i64.ne (i64.load $ids %id) ~0) (then {lasts}) (else #0)) {known})))"""

    def used(self, answers: AnswersTold) -> str:
        """The lines of the judge that note the first use of an id."""
        oracle, accounts = self._names.oracle, self._names.accounts
        uses_it_up = "#1" if oracle.uses_id_up("refused") else "(i32.ge_s %rule #0)"
        return f"""(if (i32.and ({accounts.address}.ne %id {accounts.nowhere}) {uses_it_up}) (then
    (global.set $mark_1 (i64.load offset={ID_1} @row)) (global.set $mark_2 (i64.load offset={ID_2} @row))
    (if (i64.eqz (i64.load $ids %id)) (then (call $ids_add %id)))
    {puts_code("ids", "%id", answers.remembered("(call $id_code %event %rule %has)"))}
    {accounts.remembers("ids", "%id", "%at")}
    (if @keeps (then (call $tell_id {text_of(self._names.id)} %id %event %rule)))))"""
