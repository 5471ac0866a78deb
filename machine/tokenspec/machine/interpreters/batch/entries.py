"""The memory of a machine in WebAssembly: the entry that an event names, read into the state and written.

An entry is a fingerprint and a code, which says all where at most one number is not 0 and none is large; else the code is
negative, and counts the entries that are kept in full.
"""

from __future__ import annotations

from tokenspec.machine.interpreters.batch.remembering import Remembering
from tokenspec.machine.interpreters.batch.short import NotCovered, Space
from tokenspec.machine.interpreters.batch.tables import SHORT, bits_of, code_of, puts_code
from tokenspec.machine.interpreters.compiled import blank
from tokenspec.machine.interpreters.embedded.memory import SLOT, Interface
from tokenspec.machine.lang.declaration import Memory
from tokenspec.machine.lang.types import Bool
from tokenspec.machine.wasm.ranks import number_of

_COUNT_BITS = 4
"""The fewest bits of a count of periods."""


class EntryTable:
    """The entries of `memory`; the state of the machine with one entry is in `interface`.

    `accounts` say where a record counts ended periods, and for how long an entry is remembered.
    """

    def __init__(self, memory: Memory, interface: Interface, space: Space, accounts: Remembering) -> None:
        self._accounts, ended_at = accounts, accounts.ended
        self._memory, self._is_new = memory, interface.state[memory.is_new].at
        self._slots = slots = [interface.state[each.name] for each in memory.holds]
        assert all(slot.at == slots[0].at + SLOT * n for n, slot in enumerate(slots)), "what an entry holds lies in one row"
        self._lasts = [interface.state[each.lasts].at for each in memory.periods]
        self._since = [space.take(SLOT) for _ in memory.periods]
        self._ended = [f"(i64.load $accounts offset={ended_at + SLOT * n} @account)" for n in range(len(self._since))]
        # The parts of a code, from the lowest bit: a number, which one it is, the truth values, the counts of periods.
        truths = sum(isinstance(slot.kind, Bool) for slot in slots)
        self._which_bits = len(slots).bit_length()
        left = bits_of(SHORT) - 1 - self._which_bits - truths
        self._number_bits = left * 2 // 5
        # A period that ends each day is counted with twice the bits.
        shares = [1 + any(clock in accounts.each_day for clock, _ in period.ended_by) for period in memory.periods]
        bits = (left - self._number_bits) // max(sum(shares), 1)
        if bits < _COUNT_BITS:
            raise NotCovered("the memory counts too many periods")
        self._count_bits = [bits * share for share in shares]
        self.kept = [slot.at for slot in slots] + self._since
        """The addresses of what is kept of an entry: what it holds, then the count of each period when it was first written."""
        self._size = SLOT * len(self.kept)

    def _flags(self) -> list[tuple[int, int, int]]:
        """The upper part of a code: of each value its address, its first bit, and the number of its bits."""
        found, shift = [], self._number_bits + self._which_bits
        for slot in self._slots:
            if isinstance(slot.kind, Bool):
                found.append((slot.at, shift, 1))
                shift += 1
        for at, bits in zip(self._since, self._count_bits, strict=True):
            found.append((at, shift, bits))
            shift += bits
        return found

    def text(self) -> str:
        """The functions `$recall` and `$note` of the present fingerprint, and `$forget`."""
        address = self._accounts.address
        return f"""
(memory $full 0) (global $full_end (export "full_end") (mut i32) #0) (global $full_free (mut i64) ~0)
(func $bury (param $code i64)
  (if (i64.ge_s %code ~0) (then (return)))
  (i64.store $full (call $full_at %code) @full_free)
  (global.set $full_free %code))
(global $entry (mut {address}) ({address}.const 0)) (global $is_noted (mut i32) #0)
(func $full_at (param $code i64) (result i32) (i32.mul (i32.wrap_i64 (i64.xor %code ~-1)) #{self._size}))
(func $forget (call $entries_clear) (global.set $full_end #0) (global.set $full_free ~0))
{self._recall()}
{self._code()}
{self._note()}"""

    @property
    def buries(self) -> str:
        """The lines for an entry, at `%from`, that is kept no more: its place among those in full is free again."""
        return f"(call $bury {code_of('entries', '%from', SHORT)})"

    def _recall(self) -> str:
        values = zip(self._slots, blank(self._memory), strict=True)
        new = [f"(i64.store #{slot.at} ~{number_of(slot.kind, value)})" for slot, value in values]
        new += [f"(i64.store #{at} ~0)" for at in self._lasts]
        read = [f"(i64.store #{slot.at} ~0)" for slot in self._slots]
        for at, shift, bits in self._flags():
            read.append(f"(i64.store #{at} (i64.and (i64.shr_u %code ~{shift}) ~{2**bits - 1}))")
        which = f"(i32.and (i32.wrap_i64 (i64.shr_u %code ~{self._number_bits})) #{2**self._which_bits - 1})"
        place = f"(i32.add #{self._slots[0].at - SLOT} (i32.shl %which #3))"
        read.append(f"(local.set $which {which})")
        read.append(f"(if %which (then (i64.store {place} (i64.and %code ~{2**self._number_bits - 1}))))")
        full = [f"(i64.store #{at} (i64.load $full offset={SLOT * n} %at))" for n, at in enumerate(self.kept)]
        lasts = [
            f"(i64.store #{at} (i64.extend_i32_u (i64.eq (i64.load #{since}) {now})))"
            for since, at, now in zip(self._since, self._lasts, self._ended, strict=True)
        ]
        return f"""
(func $recall (local $code i64) (local $which i32) (local $at i32)
  (global.set $entry (call $entries_find))
  (local.set $which (i64.eqz (i64.load $entries @entry)))
  {self._forgets()}
  (i64.store #{self._is_new} (i64.extend_i32_u %which))
  (if %which (then {" ".join(new)} (return)))
  (local.set $code {code_of("entries", "@entry", SHORT)})
  (if (i64.lt_s %code ~0) (then (local.set $at (call $full_at %code)) {" ".join(full)})
  (else {" ".join(read)}))
  {" ".join(lasts)})"""

    def _code(self) -> str:
        lines = []
        for n, slot in enumerate(self._slots, 1):
            if not isinstance(slot.kind, Bool):
                lines.append(f"""(local.set $value (i64.load #{slot.at}))
  (if (i64.ne %value ~0) (then
    (if (i64.ne %code ~0) (then (return ~-1)))
    (if (i64.ge_u %value ~{2**self._number_bits}) (then (return ~-1)))
    (local.set $code (i64.or %value ~{n << self._number_bits}))))""")
        for at, shift, bits in self._flags():
            lines.append(f"(if (i64.ge_u (i64.load #{at}) ~{2**bits}) (then (return ~-1)))")
            lines.append(f"(local.set $code (i64.or %code (i64.shl (i64.load #{at}) ~{shift})))")
        return f"""
;; The code of the entry that the state holds, -1 where it does not say all.
(func $code (result i64) (local $code i64) (local $value i64)
  {" ".join(lines)}
  %code)"""

    def _forgets(self) -> str:
        """The lines that take an entry for a new one where it is not remembered any more."""
        if self._accounts.remember is None:
            return ""
        lasts = self._accounts.is_remembered("entries", "@entry", "(i64.load $accounts offset=8 @account)")
        return f"(if (i32.eqz %which) (then (local.set $which (i32.eqz {lasts}))))"

    def _note(self) -> str:
        now = "(i64.load $accounts offset=8 @account)"
        since = self._accounts.remembers("entries", "@entry", now)
        is_anew = f"(i32.wrap_i64 (i64.load #{self._is_new}))" if since else "#0"
        first = [f"(i64.store #{at} {now})" for at, now in zip(self._since, self._ended, strict=True)]
        keep = [f"(i64.store $full offset={SLOT * n} %at (i64.load #{at}))" for n, at in enumerate(self.kept)]
        return f"""
;; Its periods stay those in which it was first written.
(func $note
  (global.set $is_noted #1)
  (if (i32.or (i64.eqz (i64.load $entries @entry)) {is_anew}) (then
    (if (i64.eqz (i64.load $entries @entry)) (then (call $entries_add @entry)))
    {since} {" ".join(first)}))
  (call $keep_entry))
(func $keep_entry (local $code i64) (local $at i32)
  (local.set $code (call $code))
  (if (i64.lt_s %code ~0) (then
    (local.set $code {code_of("entries", "@entry", SHORT)})
    (if (i64.ge_s %code ~0) (then
      (local.set $code @full_free)
      (if (i64.lt_s %code ~0) (then (global.set $full_free (i64.load $full (call $full_at %code))))
      (else
      (local.set $code (i64.sub ~-1 (i64.extend_i32_u (i32.div_u @full_end #{self._size}))))
      (global.set $full_end (i32.add @full_end #{self._size}))
      (if (i32.gt_u @full_end #{2**32 - 65_536 - self._size}) (then (unreachable)))
      (if (i32.gt_u (i32.add (i32.shr_u @full_end #16) #1) (memory.size $full)) (then
        (if (i32.lt_s (memory.grow $full (i32.add (i32.shr_u (memory.size $full) #2) #4)) #0) (then (unreachable)))))))))
    (local.set $at (call $full_at %code))
    {" ".join(keep)}))
  {puts_code("entries", "@entry", "%code", SHORT)})"""
