"""The answers of two kernels to the same rows, in WebAssembly: one *leads* and writes each into its row, one *follows*.

The one that follows has other settings, and no memory of its own but for accounts: it judges the rows that the leading one has
made, some at a time. It compares its own answers, whatever was observed, and counts by account those that differ; of the first
of an account it tells both. Of an account of which it does not know the other answer it knows nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from tokenspec.machine.interpreters.batch.handover import DIFFERS
from tokenspec.machine.interpreters.batch.short import NotCovered, long
from tokenspec.machine.interpreters.batch.tables import LONG, bits_of
from tokenspec.machine.interpreters.embedded.memory import SLOT
from tokenspec.oracle.logs.kernel.forms import ACCOUNT, LINE, NUMBER, POSITION, UNKNOWN, Forms, signed
from tokenspec.oracle.logs.kernel.names import RecordNames, text_of, value_of

DIFFERING = 8
"""Bytes of an account's count of differing answers."""
_REPEAT, _OTHERS = 1, 2
"""In the place of a fingerprint: a first answer again, and the bit of any other. Where nothing is known of the answer it is 0."""


class Role(Enum):
    """The part of a kernel in a comparison of settings."""

    ALONE = "alone"
    LEADS = "leads"
    FOLLOWS = "follows"


@dataclass(frozen=True)
class AnswersTold:
    """The lines of a judge in its role; `stride` are the bytes of an account, `comparable` the bits of what is observed."""

    role: Role
    at: int
    """The place of an answer in a row: its fingerprint, its rule, its numbers."""
    numbers: Sequence[str]
    """The state that an answer shows, and what the rule says."""
    stride: int
    comparable: int

    @classmethod
    def of(
        cls, role: Role, forms: Forms, numbers: Iterable[str], stride: int, comparable: int, repeats_are_answered: bool
    ) -> AnswersTold:
        """Returns the lines with a place for answers in rows. Raises `NotCovered` where repeats are events in time."""
        if role is not Role.ALONE and not repeats_are_answered:
            raise NotCovered("a repeated id is no first answer again")
        made = cls(role, forms.row, tuple(numbers), stride, comparable)
        if role is not Role.ALONE:
            forms.row += SLOT * (2 + len(made.numbers))
        return made

    def text(self, answered: str, names: RecordNames, look_ahead: str) -> str:
        """The functions of a kernel that is not alone; `answered` is that of a fingerprint, `look_ahead` of one that follows."""
        numbers = [f"(i64.store offset={self.at + SLOT * (2 + n)} @row {number})" for n, number in enumerate(self.numbers)]
        if self.role is Role.LEADS:
            return long(f"""{answered}
(type $follows (func (param i32 i32)))
(table $follower (export "follower") 1 funcref)
(global $is_followed (export "is_followed") (mut i32) #0)
(func $note_answer (param $event i32) (param $rule i32)
  (if (i32.eqz @is_followed) (then (return)))
  (i64.store offset={self.at} @row (i64.or (call $answered %event %rule) ~{_OTHERS}))
  (i64.store offset={self.at + SLOT} @row (i64.extend_i32_s %rule)) {" ".join(numbers)})
(func $lead (param $from i32) (param $end i32)
  (if @is_followed (then (call_indirect $follower (type $follows) %from %end #0))))""")
        theirs = [f"(i64.load offset={self.at + SLOT * (1 + n)} @row)" for n in range(1 + len(self.numbers))]
        known = [f"(i64.load offset={POSITION} @row)", f"(i64.load offset={NUMBER} @row)", f"(i64.load offset={LINE} @row)"]
        told = [*known, value_of(names.at), "(i64.extend_i32_u %event)", "(i64.extend_i32_s %rule)", *self.numbers, *theirs]
        return long(f"""{answered}{look_ahead}
(global $row (mut i32) #0)
(memory $differing (export "differing") 1)
(global $differed (mut i32) #0)
(func $count_difference (result i64) (local $at i32) (local $count i64)
  (global.set $differed #1)
  (local.set $at (i32.mul (i32.div_u @account #{self.stride}) #{DIFFERING}))
  (loop $again
    (if (i32.ge_u (i32.shr_u %at #16) (memory.size $differing)) (then
      (if (i32.lt_s (memory.grow $differing (i32.add (i32.shr_u (memory.size $differing) #1) #1)) #0) (then (unreachable)))
      (br $again))))
  (local.set $count (i64.add (i64.load $differing %at) ~1))
  (i64.store $differing %at %count)
  %count)
;; 1 where the other answer is not known.
(func $compare (param $event i32) (param $rule i32) (result i32) (local $other i64)
  (local.set $other (i64.load offset={self.at} @row))
  (global.set $differed #0)
  (if (i64.eqz (i64.and %other ~{_OTHERS})) (then (return #1)))
  (if (i64.ne %other (i64.or (call $answered %event %rule) ~{_OTHERS})) (then
    (if (i64.eq (call $count_difference) ~1) (then
      (call $journal #{DIFFERS} {text_of(names.account)}) {" ".join(f"(call $tell_number {number})" for number in told)}))))
  #0)
;; Judges rows that were judged by another one; where that one knows no answer, it knows nothing of the account.
(func (export "follow") (param $from i32) (param $end i32)
  (call $look_ahead %from %end)
  (global.set $row %from)
  (block $done (loop $next
    (br_if $done (i32.ge_u @row %end))
    (if (i64.ne (i64.load offset={self.at} @row) ~0) (then
      (if (call $judge) (then (global.set $account (i32.load offset={ACCOUNT} @row)) (call $soil)))))
    (global.set $row (i32.add @row #{names.forms.row}))
    (br $next))))""")

    @property
    def begins(self) -> str:
        """The lines before everything else: nothing is known of the answer."""
        return f"(i64.store offset={self.at} @row ~0)" if self.role is Role.LEADS else ""

    @property
    def leads(self) -> str:
        """The lines behind rows that were judged, from `%from` to `@row`."""
        return long("(call $lead %from @row)") if self.role is Role.LEADS else ""

    @property
    def observes(self) -> str:
        """The lines without which something observed would be compared."""
        return f"(local.set $has (i64.and %has ~{signed(~self.comparable & (2**64 - 1))}))" if self.role is Role.FOLLOWS else ""

    @property
    def counts_unknown(self) -> str:
        """The lines that count the unknown names of a record; one kernel does."""
        return "" if self.role is Role.FOLLOWS else f"(if (i32.load offset={UNKNOWN} @row) (then (call $note_unknown)))"

    def at_event(self, soiled: str) -> str:
        """The lines behind a step of an event; `soiled` are those for an account of which nothing is known."""
        if self.role is Role.LEADS:
            return "(call $note_answer %event %rule)"
        return f"(if (call $compare %event %rule) {soiled})" if self.role is Role.FOLLOWS else ""

    def at_repeat(self, code: str) -> str:
        """The lines at a first answer that is given again; `code` is what is remembered of it."""
        if self.role is Role.LEADS:
            return f"(i64.store offset={self.at} @row ~{_REPEAT})"
        if self.role is Role.ALONE:
            return ""
        return f"""(if (i64.ne (i64.load offset={self.at} @row) ~{_REPEAT}) (then (call $soil) (return #1)))
        (if (i64.lt_s {code} ~0) (then (drop (call $count_difference))))"""

    def remembered(self, code: str) -> str:
        """The code of a first answer; it is negative where that differed."""
        if self.role is not Role.FOLLOWS:
            return code
        return f"(i64.or {code} (i64.shl (i64.extend_i32_u @differed) ~{bits_of(LONG) - 1}))"
