"""Pieces of WebAssembly text that every search needs: the set of ranks seen, as a bitmap or as a table, and counters."""

from __future__ import annotations

PAGE = 65_536
RECORD = 16
"""Bytes of a record: the rank (8), the record before it (4), the event (4)."""
TABLE_PAGES = 16
"""The first size of a table of ranks; it doubles when half full."""


def narrow(number: str, word: str) -> str:
    """Returns a value computed in the type `word`, as an i32."""
    return number if word == "i32" else f"(i32.wrap_i64 {number})"


def set_bit(memory: str, rank: str, word: str) -> str:
    """Puts a rank of type `word` into a bitmap."""
    at = narrow(f"({word}.shr_u {rank} ({word}.const 3))", word)
    bit = f"(i32.shl (i32.const 1) {narrow(f'({word}.and {rank} ({word}.const 7))', word)})"
    return f"(i32.store8 {memory} {at} (i32.or (i32.load8_u {memory} {at}) {bit}))"


BASE = "BASE"
"""Stands in the text below for where records begin."""

TABLE = f"""
(global $mask (mut i32) (i32.const {TABLE_PAGES * PAGE // 8 - 1}))
(func $slot (param $rank i64) (result i32)
  (local $at i32) (local $key i64)
  (local.set $at (i32.wrap_i64 (i64.shr_u (i64.mul (local.get $rank) (i64.const -7046029254386353131)) (i64.const 20))))
  (loop $probe
    (local.set $at (i32.and (local.get $at) (global.get $mask)))
    (local.set $key (i64.load $seen (i32.mul (local.get $at) (i32.const 8))))
    (if (i64.eqz (local.get $key)) (then (return (i32.mul (local.get $at) (i32.const 8)))))
    (if (i64.eq (local.get $key) (i64.add (local.get $rank) (i64.const 1)))
      (then (return (i32.mul (local.get $at) (i32.const 8)))))
    (local.set $at (i32.add (local.get $at) (i32.const 1)))
    (br $probe))
  unreachable)
(func $contains (param $rank i64) (result i32)
  (i32.eqz (i64.eqz (i64.load $seen (call $slot (local.get $rank))))))
(func $put (param $rank i64)
  (i64.store $seen (call $slot (local.get $rank)) (i64.add (local.get $rank) (i64.const 1))))
(func $insert (param $rank i64)
  (local $index i32)
  (if (i32.gt_u (i32.mul (global.get $tail) (i32.const 2)) (global.get $mask)) (then
    (if (i32.eq (memory.grow $seen (memory.size $seen)) (i32.const -1)) (then unreachable))
    (memory.fill $seen (i32.const 0) (i32.const 0) (i32.mul (memory.size $seen) (i32.const {PAGE})))
    (global.set $mask (i32.or (i32.shl (global.get $mask) (i32.const 1)) (i32.const 1)))
    (block $end (loop $next
      (br_if $end (i32.eq (local.get $index) (global.get $tail)))
      (call $put (i64.load $records (i32.add (i32.const BASE) (i32.mul (local.get $index) (i32.const {RECORD})))))
      (local.set $index (i32.add (local.get $index) (i32.const 1)))
      (br $next)))))
  (call $put (local.get $rank)))
"""


def count(counter: int, by: int = 1, when: str = "") -> str:
    """Adds to a counter, `when` (an i32 of 0 or 1) where given."""
    more = f"(i64.const {by})"
    if when:
        more = f"(i64.extend_i32_u {when})" if by == 1 else f"(i64.mul (i64.extend_i32_u {when}) {more})"
    at = f"(i32.const {8 * counter})"
    return f"(i64.store $records {at} (i64.add (i64.load $records {at}) {more}))"


def first_met(counter: int) -> str:
    """Keeps the number of the present state, counted from 1, unless the counter holds one."""
    at = f"(i32.const {8 * counter})"
    store = f"(i64.store $records {at} (i64.add (i64.extend_i32_u (local.get $index)) (i64.const 1)))"
    return f"(if (i64.eqz (i64.load $records {at})) (then {store}))"


def broken_by(instance: int) -> str:
    """Leaves a visit: event `instance` from the state at `$index` breaks a claim."""
    return f"(global.set $broken_from (local.get $index)) (global.set $broken_by (i32.const {instance})) (return (i32.const 1))"


def contains(memory: str, rank: str, hashed: bool, word: str) -> str:
    """Returns whether a set holds a rank of type `word`."""
    if hashed:
        return f"(call $contains {rank})"
    byte = f"(i32.load8_u {memory} {narrow(f'({word}.shr_u {rank} ({word}.const 3))', word)})"
    return f"(i32.and (i32.const 1) (i32.shr_u {byte} {narrow(f'({word}.and {rank} ({word}.const 7))', word)}))"


def record_at(index: str, base: int) -> str:
    """The address of a record."""
    return f"(i32.add (i32.const {base}) (i32.mul {index} (i32.const {RECORD})))"
