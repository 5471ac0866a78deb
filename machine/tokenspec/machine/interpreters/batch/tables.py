"""Tables in WebAssembly: entries under the fingerprint of a text, open addressing, each table in a memory of its own.

A fingerprint has 128 bits, in the globals `$mark_1` (never 0) and `$mark_2`. An entry begins with it; where its first word is 0
there is no entry. At most three quarters of the places are taken. A table that cannot grow traps.
"""

from __future__ import annotations

from tokenspec.machine.interpreters.batch.short import long

_FIRST = 1 << 10
"""The places that a table begins with."""
_PAGE = 65_536

MARK = long("""
(global $seed_1 (export "seed_1") (mut i64) ~0) (global $seed_2 (export "seed_2") (mut i64) ~0)
(global $mark_1 (mut i64) ~0) (global $mark_2 (mut i64) ~0)
(func $mixed (param $h i64) (result i64)
  (local.set $h (i64.mul (i64.xor %h (i64.shr_u %h ~33)) ~-49064778989728563))
  (local.set $h (i64.mul (i64.xor %h (i64.shr_u %h ~33)) ~-4265267296055464877))
  (i64.xor %h (i64.shr_u %h ~33)))
(func $mark (param $owner i32) (param $at i32) (param $size i32) (local $a i64) (local $b i64) (local $word i64)
  (local.set $a (i64.xor @seed_1 (i64.extend_i32_u %owner)))
  (local.set $b (i64.add @seed_2 (i64.extend_i32_u %size)))
  (loop $next
    (if (i32.ne %size #0) (then
      (local.set $word (i64.load %at))
      (if (i32.lt_u %size #8) (then
        (local.set $word (i64.and %word (i64.sub (i64.shl ~1 (i64.extend_i32_u (i32.shl %size #3))) ~1)))))
      (local.set $a (i64.rotl (i64.mul (i64.xor %a %word) ~-7046029288634856825) ~29))
      (local.set $b (i64.mul (i64.add %b %word) ~-4417276706812531889))
      (local.set $b (i64.xor %b (i64.shr_u %b ~31)))
      (if (i32.gt_u %size #8) (then
        (local.set $at (i32.add %at #8)) (local.set $size (i32.sub %size #8)) (br $next))))))
  (local.set $a (call $mixed (i64.add %a (i64.rotl %b ~17))))
  (global.set $mark_1 (select %a ~1 (i64.ne %a ~0)))
  (global.set $mark_2 (call $mixed (i64.xor (i64.add %b (i64.extend_i32_u %owner)) (i64.rotl %a ~41)))))
""")


def table_text(name: str, size: int) -> str:
    """The memory of a table with entries of `size` bytes, and its functions.

    `$NAME_find` returns the address of the entry under the present fingerprint, or of the place where it belongs; there
    `$NAME_add` writes the fingerprint. `$NAME_room` is called before, and may move every entry. `$NAME_clear` empties it.
    """
    words = range(0, size, 8)
    moves = " ".join(f"(i64.store ${name} offset={n} %at (i64.load ${name} offset={n} %from))" for n in words)
    pages = -(-_FIRST * size // _PAGE)
    return long(f"""
(memory ${name} {pages})
(global ${name}_last (mut i32) #{_FIRST - 1}) (global ${name}_count (mut i32) #0)
(func ${name}_find (result i32) (local $place i32) (local $at i32) (local $found i64)
  (local.set $place (i32.and (i32.wrap_i64 @mark_1) @{name}_last))
  (loop $next
    (local.set $found (i64.load ${name} (local.tee $at (i32.mul %place #{size}))))
    (if (i32.or (i64.eqz %found)
          (i32.and (i64.eq %found @mark_1) (i64.eq (i64.load ${name} offset=8 %at) @mark_2)))
      (then (return %at)))
    (local.set $place (i32.and (i32.add %place #1) @{name}_last))
    (br $next))
  (unreachable))
(func ${name}_touch (param $mark i64) (result i64)
  (i64.load ${name} (i32.mul (i32.and (i32.wrap_i64 %mark) @{name}_last) #{size})))
(func ${name}_add (param $at i32)
  (i64.store ${name} %at @mark_1) (i64.store ${name} offset=8 %at @mark_2)
  (global.set ${name}_count (i32.add @{name}_count #1)))
(func ${name}_clear
  (memory.fill ${name} #0 #0 (i32.mul (i32.add @{name}_last #1) #{size}))
  (global.set ${name}_count #0))
(func ${name}_room (local $half i32) (local $from i32) (local $end i32) (local $wanted i32) (local $at i32)
  (if (i32.lt_u (i32.mul @{name}_count #4) (i32.mul (i32.add @{name}_last #1) #3)) (then (return)))
  (local.set $half (i32.mul (i32.add @{name}_last #1) #{size}))
  (if (i32.gt_u %half #{2**30}) (then (unreachable)))
  ;; The old entries stand behind the new places while they are brought in.
  (local.set $from (i32.mul %half #2))
  (local.set $end (i32.add %from %half))
  (local.set $wanted (i32.shr_u (i32.add %end #{_PAGE - 1}) #16))
  (if (i32.gt_u %wanted (memory.size ${name})) (then
    (if (i32.lt_s (memory.grow ${name} (i32.sub %wanted (memory.size ${name}))) #0) (then (unreachable)))))
  (memory.copy ${name} ${name} %from #0 %half)
  (memory.fill ${name} #0 #0 %from)
  (global.set ${name}_last (i32.add (i32.mul @{name}_last #2) #1))
  (loop $next
    (global.set $mark_1 (i64.load ${name} %from))
    (if (i64.ne @mark_1 ~0) (then
      (global.set $mark_2 (i64.load ${name} offset=8 %from))
      (local.set $at (call ${name}_find))
      {moves}))
    (local.set $from (i32.add %from #{size}))
    (br_if $next (i32.lt_u %from %end))))
""")
