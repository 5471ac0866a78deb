"""The answers of two kernels to the same lines, in WebAssembly: one *leads* and writes down a fingerprint of each, one *follows*.

The one that follows has other settings. It compares its own answers, whatever was observed, and counts by account those that
differ. Of an account of which it does not know the other answer it knows nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tokenspec.machine.interpreters.batch.short import NotCovered, Space, long
from tokenspec.oracle.logs.kernel.forms import POSITION, signed

ANSWERS_MAX = 1 << 16
"""The largest number of lines in a block, of which one kernel tells the other."""
DIFFERING = 16
"""Bytes of an account's count of differing answers, with the position of the first."""
_REPEAT, _OTHERS = 1, 2
"""In the place of a fingerprint: a first answer again, and the bit of any other. Where nothing is known of the answer it is 0."""
_ANSWER = f"(i64.or (call $answered %event %rule) ~{_OTHERS})"


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
    """The place of the answers to the lines of a block."""
    stride: int
    comparable: int

    @classmethod
    def of(cls, role: Role, space: Space, stride: int, comparable: int, repeats_are_answered: bool) -> AnswersTold:
        """Returns the lines with a place for answers. Raises `NotCovered` where repeats are events in time."""
        if role is not Role.ALONE and not repeats_are_answered:
            raise NotCovered("a repeated id is no first answer again")
        return cls(role, space.take(8 * ANSWERS_MAX) if role is not Role.ALONE else 0, stride, comparable)

    def text(self, answered: str) -> str:
        """The functions of a kernel that is not alone; `answered` is that of the fingerprint."""
        place = f"""
(global $base (export "base") (mut i64) ~0)
(func $answer_at (result i32) (local $n i64)
  (local.set $n (i64.sub (i64.load offset={POSITION} @row) @base))
  (if (i64.ge_u %n ~{ANSWERS_MAX}) (then (unreachable)))
  (i32.add #{self.at} (i32.shl (i32.wrap_i64 %n) #3)))"""
        if self.role is Role.LEADS:
            return long(answered + place)
        return long(f"""{answered}{place}
(memory $differing (export "differing") 1)
(global $differed (mut i32) #0)
(func $note_difference (local $at i32)
  (global.set $differed #1)
  (local.set $at (i32.mul (i32.div_u @account #{self.stride}) #{DIFFERING}))
  (loop $again
    (if (i32.ge_u (i32.shr_u %at #16) (memory.size $differing)) (then
      (if (i32.lt_s (memory.grow $differing (i32.add (i32.shr_u (memory.size $differing) #1) #1)) #0) (then (unreachable)))
      (br $again))))
  (if (i64.eqz (i64.load $differing %at)) (then (i64.store $differing offset=8 %at (i64.load offset={POSITION} @row))))
  (i64.store $differing %at (i64.add (i64.load $differing %at) ~1)))
;; 1 where the other answer is not known.
(func $compare (param $answer i64) (result i32) (local $other i64)
  (local.set $other (i64.load (call $answer_at)))
  (global.set $differed #0)
  (if (i64.eqz (i64.and %other ~{_OTHERS})) (then (return #1)))
  (if (i64.ne %other %answer) (then (call $note_difference)))
  #0)""")

    @property
    def observes(self) -> str:
        """The lines without which something observed would be compared."""
        return f"(local.set $has (i64.and %has ~{signed(~self.comparable & (2**64 - 1))}))" if self.role is Role.FOLLOWS else ""

    def at_event(self, soiled: str) -> str:
        """The lines behind a step of an event; `soiled` are those for an account of which nothing is known."""
        if self.role is Role.LEADS:
            return f"(i64.store (call $answer_at) {_ANSWER})"
        return f"(if (call $compare {_ANSWER}) {soiled})" if self.role is Role.FOLLOWS else ""

    def at_repeat(self, code: str) -> str:
        """The lines at a first answer that is given again; `code` is what is remembered of it."""
        if self.role is Role.LEADS:
            return f"(i64.store (call $answer_at) ~{_REPEAT})"
        if self.role is Role.ALONE:
            return ""
        return f"""(if (i64.ne (i64.load (call $answer_at)) ~{_REPEAT}) (then (call $soil) (return #1)))
        (if (i64.lt_s {code} ~0) (then (call $note_difference)))"""

    def remembered(self, code: str) -> str:
        """The code of a first answer; its first bit says whether it differed."""
        if self.role is not Role.FOLLOWS:
            return code
        return f"(i64.or (i64.and {code} ~{2**63 - 1}) (i64.shl (i64.extend_i32_u @differed) ~63))"
