"""The memory of a machine in WebAssembly: the entry that an event names, read into the state and written."""

from __future__ import annotations

from tokenspec.machine.interpreters.batch.short import NotCovered, Space
from tokenspec.machine.interpreters.embedded.memory import SLOT, Interface
from tokenspec.machine.interpreters.recall import blank
from tokenspec.machine.lang.declaration import Memory
from tokenspec.machine.lang.types import Bool
from tokenspec.machine.wasm.ranks import number_of


def entries_text(memory: Memory, interface: Interface, space: Space, ended_at: int) -> str:
    """Returns how the entry under the present fingerprint is read into the state (`$recall`), and written (`$note`).

    `ended_at` is where an account counts ended periods. An entry is 24 bytes: its fingerprint and a code, which says all where
    at most one number is not 0 and none is large; else it is negative, and counts the entries that are kept in full.
    """
    state, holds, periods = interface.state, memory.holds, len(memory.periods)
    slots = [state[each.name] for each in holds]
    assert all(slot.at == slots[0].at + SLOT * n for n, slot in enumerate(slots)), "what an entry holds lies in one row"
    truths = [slot for slot in slots if isinstance(slot.kind, Bool)]
    numbers = [(n, slot) for n, slot in enumerate(slots) if not isinstance(slot.kind, Bool)]
    which = len(slots).bit_length()
    left = 63 - which - len(truths)
    large = left * 2 // 5
    count = (left - large) // max(periods, 1)
    if count < 8:
        raise NotCovered("the memory counts too many periods")
    since = [space.take(SLOT) for _ in range(periods)]
    ended = [f"(i64.load $accounts offset={ended_at + SLOT * n} @account)" for n in range(periods)]
    lasts = [state[each.lasts].at for each in memory.periods]
    size = SLOT * (len(slots) + periods)
    new = [f"(i64.store #{s.at} ~{number_of(s.kind, value)})" for s, value in zip(slots, blank(memory), strict=True)]
    read, code, limits = [], [], []
    for n, slot in numbers:
        read.append(f"(i64.store #{slot.at} ~0)")
        code.append(f"""(local.set $value (i64.load #{slot.at}))
  (if (i64.ne %value ~0) (then
    (if (i64.ne %code ~0) (then (return ~-1)))
    (if (i64.ge_u %value ~{2**large}) (then (return ~-1)))
    (local.set $code (i64.or %value ~{(n + 1) << large}))))""")
    shift = large + which
    found = f"(i64.and (i64.shr_u %code ~{{}}) ~{2**count - 1})"
    for slot in truths:
        read.append(f"(i64.store #{slot.at} (i64.and (i64.shr_u %code ~{shift}) ~1))")
        limits.append(f"(local.set $code (i64.or %code (i64.shl (i64.load #{slot.at}) ~{shift})))")
        shift += 1
    for at in since:
        read.append(f"(i64.store #{at} {found.format(shift)})")
        limits.append(f"(if (i64.ge_u (i64.load #{at}) ~{2**count}) (then (return ~-1)))")
        limits.append(f"(local.set $code (i64.or %code (i64.shl (i64.load #{at}) ~{shift})))")
        shift += count
    place = f"(i32.add #{slots[0].at - SLOT} (i32.shl %which #3))"
    read.append(f"(local.set $which (i32.and (i32.wrap_i64 (i64.shr_u %code ~{large})) #{2**which - 1}))")
    read.append(f"(if %which (then (i64.store {place} (i64.and %code ~{2**large - 1}))))")
    whole = [slot.at for slot in slots] + since
    full = [f"(i64.store #{at} (i64.load $full offset={SLOT * n} %at))" for n, at in enumerate(whole)]
    keep = [f"(i64.store $full offset={SLOT * n} %at (i64.load #{at}))" for n, at in enumerate(whole)]
    new += [f"(i64.store #{period} ~0)" for period in lasts]
    same = [
        f"(i64.store #{period} (i64.extend_i32_u (i64.eq (i64.load #{at}) {now})))"
        for at, period, now in zip(since, lasts, ended, strict=True)
    ]
    first = [f"(i64.store #{at} {now})" for at, now in zip(since, ended, strict=True)]
    return f"""
(memory $full 0) (global $full_end (mut i32) #0)
(global $entry (mut i32) #0)
(func $full_at (param $code i64) (result i32) (i32.mul (i32.wrap_i64 (i64.xor %code ~-1)) #{size}))
(func $recall (local $code i64) (local $which i32) (local $at i32)
  (global.set $entry (call $entries_find))
  (local.set $which (i64.eqz (i64.load $entries @entry)))
  (i64.store #{state[memory.is_new].at} (i64.extend_i32_u %which))
  (if %which (then {" ".join(new)} (return)))
  (local.set $code (i64.load $entries offset=16 @entry))
  (if (i64.lt_s %code ~0) (then (local.set $at (call $full_at %code)) {" ".join(full)})
  (else {" ".join(read)}))
  {" ".join(same)})
;; The code of the entry that the state holds, -1 where it does not say all.
(func $code (result i64) (local $code i64) (local $value i64)
  {" ".join(code)} {" ".join(limits)}
  %code)
;; Its periods stay those in which it was first written.
(func $note (local $code i64) (local $at i32)
  (if (i64.eqz (i64.load $entries @entry)) (then
    (call $entries_add @entry) (i64.store $entries offset=16 @entry ~0) {" ".join(first)}))
  (local.set $code (call $code))
  (if (i64.lt_s %code ~0) (then
    (local.set $code (i64.load $entries offset=16 @entry))
    (if (i64.ge_s %code ~0) (then
      (local.set $code (i64.sub ~-1 (i64.extend_i32_u (i32.div_u @full_end #{size}))))
      (global.set $full_end (i32.add @full_end #{size}))
      (if (i32.gt_u @full_end #{2**32 - 65_536 - size}) (then (unreachable)))
      (if (i32.gt_u (i32.add (i32.shr_u @full_end #16) #1) (memory.size $full)) (then
    (if (i32.lt_s (memory.grow $full (i32.add (i32.shr_u (memory.size $full) #2) #4)) #0) (then (unreachable)))))))
    (local.set $at (call $full_at %code))
    {" ".join(keep)}))
  (i64.store $entries offset=16 @entry %code))
(func $forget (call $entries_clear) (global.set $full_end #0))"""
