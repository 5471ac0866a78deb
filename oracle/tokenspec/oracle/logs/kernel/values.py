"""The values in JSON lines, in WebAssembly: strings, words, whole numbers, times of day and instants."""

from __future__ import annotations

from tokenspec.machine.interpreters.batch.short import long
from tokenspec.machine.interpreters.dates import DAY_MS
from tokenspec.machine.lang.types import COUNTABLE_MAX
from tokenspec.oracle.logs.kernel.forms import HASH, signed
from tokenspec.oracle.wire.observations import FIRST_INSTANT, LAST_INSTANT

NOT_AN_INSTANT = -(2**63)
_EIGHT, _EIGHT_PAIRS = 0x0101010101010101, 0x00FF00FF00FF00FF


def values_text(words_at: int, last: int) -> str:
    """The functions that read values; `words_at` is where the table of words is, and `last` the number of its last place."""
    k1, k2, k3 = map(signed, HASH)
    return long(f"""
(global $behind (mut i32) #0)
;; Where a string ends that starts here: at its closing quote; 0 where it holds an escape or a control character.
(func $string_end (param $at i32) (result i32) (local $here v128) (local $found i32)
  (block $done (loop $next
    (local.set $here (v128.load %at))
    (local.set $found (i8x16.bitmask (v128.or
      (v128.or (i8x16.eq %here (i8x16.splat #34)) (i8x16.eq %here (i8x16.splat #92)))
      (i8x16.lt_u %here (i8x16.splat #32)))))
    (br_if $done %found)
    (local.set $at (i32.add %at #16)) (br $next)))
  (local.set $at (i32.add %at (i32.ctz %found)))
  (select %at #0 (i32.eq (i32.load8_u %at) #34)))
(func $line_end (param $at i32) (result i32) (local $found i32)
  (block $done (loop $next
    (local.set $found (i8x16.bitmask (i8x16.eq (v128.load %at) (i8x16.splat #10))))
    (br_if $done %found)
    (local.set $at (i32.add %at #16)) (br $next)))
  (i32.add %at (i32.ctz %found)))
(func $head (param $at i32) (param $size i32) (result i64)
  (if (result i64) (i32.ge_u %size #8) (then (i64.load %at)) (else
    (i64.and (i64.load %at) (i64.sub (i64.shl ~1 (i64.extend_i32_u (i32.shl %size #3))) ~1)))))
;; A mask of as many bytes of eight.
(func $first_bytes (param $size i32) (result i64)
  (if (i32.ge_s %size #8) (then (return ~-1)))
  (if (i32.le_s %size #0) (then (return ~0)))
  (i64.sub (i64.shl ~1 (i64.extend_i32_u (i32.shl %size #3))) ~1))
(func $same (param $a i32) (param $b i32) (param $size i32) (result i32)
  (loop $next
    (if (i64.ne (call $head %a %size) (call $head %b %size)) (then (return #0)))
    (if (i32.gt_u %size #8) (then
      (local.set $a (i32.add %a #8)) (local.set $b (i32.add %b #8)) (local.set $size (i32.sub %size #8)) (br $next))))
  #1)
;; The meaning of a text in a context, -1 where it has none.
(func $word (param $context i32) (param $at i32) (param $size i32) (result i32)
  (local $first i64) (local $final i64) (local $label i32) (local $hash i32) (local $place i32)
  (local.set $first (call $head %at %size))
  (if (i32.gt_u %size #8) (then (local.set $final (i64.load (i32.sub (i32.add %at %size) #8)))))
  (local.set $label (i32.or (i32.add %size #1) (i32.shl %context #16)))
  (if (i32.ge_u %size #65535) (then (return #-1)))
  (local.set $hash (i32.wrap_i64 (i64.shr_u (i64.mul (i64.xor (i64.xor %first (i64.mul %final ~{k2}))
    (i64.mul (i64.extend_i32_u (i32.or (i32.shl %size #16) %context)) ~{k3})) ~{k1}) ~32)))
  (loop $next
    (local.set $place (i32.add #{words_at} (i32.shl (i32.and %hash #{last}) #5)))
    (if (i32.eqz (i32.load offset=16 %place)) (then (return #-1)))
    (if (i32.and (i32.eq (i32.load offset=16 %place) %label)
          (i32.and (i64.eq (i64.load %place) %first) (i64.eq (i64.load offset=8 %place) %final))) (then
      (if (i32.le_u %size #16) (then (return (i32.load offset=20 %place))))
      (if (call $same (i32.load offset=24 %place) %at %size) (then (return (i32.load offset=20 %place))))))
    (local.set $hash (i32.add %hash #1))
    (br $next))
  (unreachable))
;; A whole number; $behind is where it ends, 0 where there is none within 2^53 - 1.
(func $integer (param $at i32) (result i64) (local $is_minus i32) (local $value i64) (local $digit i32) (local $start i32)
  (local $word i64) (local $marks i64)
  (global.set $behind #0)
  (local.set $is_minus (i32.eq (i32.load8_u %at) #45))
  (local.set $start (local.tee $at (i32.add %at %is_minus)))
  ;; Up to seven digits at once: a byte that is no digit has its high bit set in $marks.
  (local.set $word (i64.xor (i64.load %at) ~{_EIGHT * 0x30}))
  (local.set $marks (i64.and (i64.or (i64.add %word ~{_EIGHT * 0x76}) %word) ~{signed(_EIGHT * 0x80)}))
  (if (i64.ne %marks ~0) (then
    (local.set $marks (i64.and (i64.ctz %marks) ~56))
    (if (i64.eqz %marks) (then (return ~0)))
    (local.set $word (i64.shl %word (i64.sub ~64 %marks)))
    (local.set $word (i64.shr_u (i64.mul %word ~{(10 << 8) + 1}) ~8))
    (local.set $word (i64.shr_u (i64.mul (i64.and %word ~{_EIGHT_PAIRS}) ~{(100 << 16) + 1}) ~16))
    (local.set $word (i64.shr_u (i64.mul (i64.and %word ~{0xFFFF0000FFFF}) ~{(10_000 << 32) + 1}) ~32))
    (if (i32.eq (i32.load8_u %start) #48) (then (if (i32.or %is_minus (i64.ne %marks ~8)) (then (return ~0)))))
    (global.set $behind (i32.add %at (i32.wrap_i64 (i64.shr_u %marks ~3))))
    (return (select (i64.sub ~0 %word) %word %is_minus))))
  (block $done (loop $next
    (local.set $digit (i32.sub (i32.load8_u %at) #48))
    (br_if $done (i32.gt_u %digit #9))
    (local.set $value (i64.add (i64.mul %value ~10) (i64.extend_i32_u %digit)))
    (local.set $at (i32.add %at #1))
    (br_if $next (i32.lt_u (i32.sub %at %start) #17))))
  (if (i32.or (i32.eq %at %start) (i64.gt_u %value ~{COUNTABLE_MAX})) (then (return ~0)))
  (if (i32.and (i32.eq (i32.load8_u %start) #48) (i32.or %is_minus (i32.ne (i32.sub %at %start) #1))) (then (return ~0)))
  (global.set $behind %at)
  (select (i64.sub ~0 %value) %value %is_minus))
(func $two (param $at i32) (result i32) (local $a i32) (local $b i32)
  (local.set $a (i32.sub (i32.load8_u %at) #48)) (local.set $b (i32.sub (i32.load8_u offset=1 %at) #48))
  (select (i32.add (i32.mul %a #10) %b) #1000 (i32.and (i32.le_u %a #9) (i32.le_u %b #9))))
(func $is (param $at i32) (param $byte i32) (result i32) (i32.eq (i32.load8_u %at) %byte))
(func $time_of_day (param $at i32) (result i32) (local $h i32) (local $m i32)
  (local.set $h (call $two %at)) (local.set $m (call $two (i32.add %at #3)))
  (if (i32.or (i32.or (i32.gt_u %h #23) (i32.gt_u %m #59)) (i32.eqz (call $is (i32.add %at #2) #58))) (then (return #-1)))
  (i32.add (i32.mul %h #60) %m))
(func $within (param $at i64) (param $least i64) (result i64)
  (select %at ~{NOT_AN_INSTANT} (i32.and (i64.ge_s %at %least) (i64.le_s %at ~{LAST_INSTANT}))))
(func $instant (param $at i32) (param $size i32) (result i64)
  (local $end i32) (local $y i32) (local $m i32) (local $d i32) (local $minutes i32) (local $s i32)
  (local $digit i32) (local $weight i32) (local $shift i32) (local $parts i32) (local $zone i32)
  (if (i32.lt_u %size #20) (then (return ~{NOT_AN_INSTANT})))
  (local.set $end (i32.add %at %size))
  (local.set $y (call $two %at)) (local.set $digit (call $two (i32.add %at #2)))
  (local.set $m (call $two (i32.add %at #5))) (local.set $d (call $two (i32.add %at #8)))
  (local.set $minutes (call $time_of_day (i32.add %at #11)))
  (local.set $s (call $two (i32.add %at #17)))
  (if (i32.or (i32.or (i32.gt_u %y #99) (i32.gt_u %digit #99)) (i32.or (i32.gt_u %s #59) (i32.lt_s %minutes #0)))
    (then (return ~{NOT_AN_INSTANT})))
  (if (i32.eqz (i32.and (i32.and (call $is (i32.add %at #4) #45) (call $is (i32.add %at #7) #45))
        (i32.and (call $is (i32.add %at #10) #84) (call $is (i32.add %at #16) #58))))
    (then (return ~{NOT_AN_INSTANT})))
  (local.set $y (i32.add (i32.mul %y #100) %digit))
  (if (i32.or (i32.gt_u (i32.sub %m #1) #11) (i32.eqz %d)) (then (return ~{NOT_AN_INSTANT})))
  (if (i32.gt_u %d (call $days_in %y %m)) (then (return ~{NOT_AN_INSTANT})))
  (local.set $at (i32.add %at #19))
  (if (call $is %at #46) (then
    (local.set $weight #100)
    (local.set $at (i32.add %at #1))
    (if (i32.gt_u (i32.sub (i32.load8_u %at) #48) #9) (then (return ~{NOT_AN_INSTANT})))
    (block $done (loop $next
      (local.set $digit (i32.sub (i32.load8_u %at) #48))
      (br_if $done (i32.gt_u %digit #9))
      (local.set $parts (i32.add %parts (i32.mul %digit %weight)))
      (local.set $weight (i32.div_u %weight #10))
      (local.set $at (i32.add %at #1)) (br $next)))))
  (local.set $zone (i32.load8_u %at))
  (if (i32.eq %zone #90) (then (if (i32.ne (i32.add %at #1) %end) (then (return ~{NOT_AN_INSTANT})))) (else
    (if (i32.or (i32.ne (i32.add %at #6) %end) (i32.and (i32.ne %zone #43) (i32.ne %zone #45)))
      (then (return ~{NOT_AN_INSTANT})))
    (local.set $shift (call $time_of_day (i32.add %at #1)))
    (if (i32.lt_s %shift #0) (then (return ~{NOT_AN_INSTANT})))
    (if (i32.eq %zone #45) (then (local.set $shift (i32.sub #0 %shift))))))
  (call $within (i64.add (i64.mul (i64.extend_i32_s (call $days_of %y %m %d)) ~{DAY_MS}) (i64.extend_i32_s
    (i32.add (i32.mul (i32.add (i32.mul (i32.sub %minutes %shift) #60) %s) #1000) %parts))) ~{FIRST_INSTANT}))
""")
