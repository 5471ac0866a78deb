"""The scanner of JSON lines, in WebAssembly: strict where it accepts, and every line that it does not is *odd*.

What it accepts is a part of JSON: one object, its names in any order and none twice, no escapes, no space but one behind a
colon or a comma. The values go to a row, and rows are judged some at a time: `$look_ahead` sees all, then `$judge` each.
"""

from __future__ import annotations

from tokenspec.machine.interpreters.batch.short import long
from tokenspec.machine.interpreters.dates import DAY_MS
from tokenspec.machine.lang.types import COUNTABLE_MAX
from tokenspec.oracle.logs.kernel.forms import END, HAS, HASH, LINE, NUMBER, ODD, POSITION, SEEN, SIZE, START, signed
from tokenspec.oracle.wire.observations import FIRST_INSTANT, LAST_INSTANT, MILLISECONDS_MIN

LISTED = 24
"""Bytes of a listed line: where it starts and ends, its number in the file, its position among all lines."""
ROWS = 16
"""The number of lines that are judged together, so that what they need of memory is fetched at once."""
LINE_MAX = 65_536
"""The longest line that is not odd."""
_EIGHT, _EIGHT_PAIRS = 0x0101010101010101, 0x00FF00FF00FF00FF
NOT_AN_INSTANT = -(2**63)
_TRUE, _FALS, _NULL = (int.from_bytes(word, "little") for word in (b"true", b"fals", b"null"))


def _unlike(start: int) -> str:
    """What differs between eight bytes and those that the expected name has there."""
    right = f"offset={48 + 2 * start}"
    return f"(i64.and (i64.xor (i64.load offset={start} %at) (i64.load {right} %key)) (i64.load offset={56 + 2 * start} %key))"


def scanner_text(
    words: tuple[int, int],
    parents: int,
    nothing: int,
    rows: tuple[int, int],
    account: int,
    kept: int,
    listed: int,
    most: int,
    told: int,
) -> str:
    """The functions that scan. `words` is the table of words, `parents` that of contexts, `nothing` describes no key.

    `rows` is where the rows are, and the size of one; `account` is the bit of the name that each must have. `kept` has room
    for a line, and `listed` for as many as are listed at once, at `most`; their number stands before them.
    A line that needs facts is at `told`: where it starts and ends.
    """
    (words_at, last), (rows_at, row_size) = words, rows
    k1, k2, k3 = map(signed, HASH)
    return long(f"""
(global $lines (mut i64) ~0) (global $number (export "number") (mut i64) ~0)
(global $position (export "position") (mut i64) ~0)
(global $listed (mut i32) #0) (global $lists_dirty (export "lists_dirty") (mut i32) #0)
(global $row (mut i32) #0) (global $rest_end (mut i32) #0)
(global $before_at (mut i32) #0) (global $before_size (mut i32) #0)
(global $identical (export "identical") (mut i64) ~0)
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
(func $list (param $start i32) (param $end i32) (param $number i64) (param $position i64) (local $at i32)
  (local.set $at (i32.add #{listed} (i32.mul @listed #{LISTED})))
  (i32.store %at %start) (i32.store offset=4 %at %end)
  (i64.store offset=8 %at %number) (i64.store offset=16 %at %position)
  (global.set $listed (i32.add @listed #1)))
(func (export "new_file") (global.set $number ~0) (global.set $before_size #0))
(func (export "is_ascii") (param $at i32) (param $end i32) (result i32) (local $all v128)
  (block $done (loop $next
    (br_if $done (i32.ge_u %at %end))
    (local.set $all (v128.or (local.get $all) (v128.load %at)))
    (local.set $at (i32.add %at #16)) (br $next)))
  (i32.eqz (i8x16.bitmask (local.get $all))))
;; Judges rows in order; 1 where one of them needs facts, and then it goes on with it when it is called for the rest.
(func $judge_rows (param $from i32) (param $end i32) (result i32) (local $start i32) (local $size i32) (local $found i32)
  (call $look_ahead %from %end)
  (global.set $row %from)
  (block $done (loop $next
    (br_if $done (i32.ge_u @row %end))
    (local.set $start (i32.load offset={START} @row)) (local.set $size (i32.load offset={SIZE} @row))
    (local.set $found (call $judge))
    (if (i32.eq %found #2) (then
      (i64.store #{told} (i64.load offset={LINE} @row))
      (global.set $rest_end %end)
      (return #1)))
    (if %found (then (if @lists_dirty (then
      (call $list (i32.load offset={LINE} @row) (i32.load offset={END} @row)
        (i64.load offset={NUMBER} @row) (i64.load offset={POSITION} @row))))) (else
      (if (i32.and (i32.eq %size @before_size) (call $counts_twice)) (then
        (if (call $same @before_at %start %size) (then (global.set $identical (i64.add @identical ~1))))))))
    (global.set $before_at %start) (global.set $before_size %size)
    (global.set $row (i32.add @row #{row_size}))
    (br $next)))
  (global.set $rest_end #0)
  #0)
;; Scans and judges lines, each of which ends with a line feed; returns where it stopped: at the end, with a full list, or at a
;; line that needs facts.
(func (export "scan") (param $at i32) (param $end i32) (result i32)
  (local $line i32) (local $start i32) (local $context i32) (local $key i32) (local $s i32) (local $e i32) (local $byte i32)
  (local $seen i64) (local $has i64) (local $bit i64) (local $value i64) (local $size i32) (local $found i32)
  (local $last i32) (local $row i32)
  (global.set $listed #0)
  (i64.store #{told} ~0)
  (local.set $row #{rows_at})
  (block $stop
  (if @rest_end (then (br_if $stop (call $judge_rows @row @rest_end))))
  (block $all (loop $next
    (br_if $all (i32.or (i32.ge_u %at %end) (i32.ge_u @listed #{most - ROWS})))
    (local.set $line %at)
    (global.set $number (i64.add @number ~1))
    (loop $blank
      (local.set $byte (i32.load8_u %at))
      (if (i32.or (i32.eq %byte #32) (i32.or (i32.eq %byte #9) (i32.eq %byte #13))) (then
        (local.set $at (i32.add %at #1)) (br $blank))))
    (if (i32.eq %byte #10) (then (local.set $at (i32.add %at #1)) (br $next)))
    (local.set $start %at)
    (block $odd
      (br_if $odd (i32.ne %byte #123))
      (local.set $seen ~0) (local.set $has ~0) (local.set $context #0) (local.set $last #{nothing})
      (local.set $at (i32.add %at #1))
      (loop $member
        (block $known
          ;; The key that came behind this one last is most likely the next.
          (local.set $key (i32.load offset=36 %last))
          (block $unknown
            (br_if $unknown (i32.ne (i32.load offset=32 %key) %context))
            (br_if $unknown (i64.ne ~0 (i64.or {_unlike(0)} (i64.or {_unlike(8)} {_unlike(16)}))))
            (local.set $at (i32.add %at (i32.load offset=40 %key)))
            (br $known))
          (br_if $odd (i32.ne (i32.load8_u %at) #34))
          (local.set $s (i32.add %at #1))
          (br_if $odd (i32.eqz (local.tee $e (call $string_end %s))))
          (br_if $odd (i32.lt_s (local.tee $key (call $word %context %s (i32.sub %e %s))) #0))
          (br_if $odd (i32.ne (i32.load8_u offset=1 %e) #58))
          (local.set $at (i32.add %e #2))
          (i32.store offset=36 %last %key))
        (local.set $last %key)
        (local.set $at (i32.add %at (i32.eq (i32.load8_u %at) #32)))
        (local.set $bit (i64.load %key))
        (br_if $odd (i64.ne (i64.and %seen %bit) ~0))
        (local.set $seen (i64.or %seen %bit))
        (local.set $byte (i32.load8_u %at))
        (block $closes
          (block $null
            (block $object (block $words (block $truth (block $time (block $instant (block $number (block $word (block $text
              (br_table $text $word $number $instant $time $truth $words $object (i32.load offset=12 %key)))
              (br_if $null (i32.ne %byte #34))
              (local.set $s (i32.add %at #1))
              (br_if $odd (i32.eqz (local.tee $e (call $string_end %s))))
              (i64.store (i32.add %row (i32.load offset=8 %key))
                (i64.or (i64.extend_i32_u %s) (i64.shl (i64.extend_i32_u (i32.sub %e %s)) ~32)))
              (local.set $has (i64.or %has %bit))
              (local.set $at (i32.add %e #1)) (br $closes))
              (local.set $has (i64.or %has %bit))
              ;; Most likely it is the word that stood here last.
              (if (i64.eqz (i64.or
                    (i64.and (i64.xor (i64.load %at) (i64.load offset=96 %key)) (i64.load offset=104 %key))
                    (i64.and (i64.xor (i64.load offset=8 %at) (i64.load offset=112 %key)) (i64.load offset=120 %key)))) (then
                (if (i32.load offset=128 %key) (then
                  (i64.store (i32.add %row (i32.load offset=8 %key)) (i64.load offset=136 %key))
                  (local.set $at (i32.add %at (i32.load offset=128 %key))) (br $closes)))))
              (local.set $has (i64.xor %has %bit))
              (br_if $null (i32.ne %byte #34))
              (local.set $s (i32.add %at #1))
              (br_if $odd (i32.eqz (local.tee $e (call $string_end %s))))
              (local.set $found (call $word (i32.load offset=16 %key) %s (i32.sub %e %s)))
              (if (i32.lt_s %found #0) (then (local.set $found (i32.load offset=20 %key))))
              (br_if $odd (i32.eq %found #{ODD}))
              (i64.store (i32.add %row (i32.load offset=8 %key)) (i64.extend_i32_s %found))
              (local.set $has (i64.or %has %bit))
              (local.set $size (i32.sub (i32.add %e #1) %at))
              (if (i32.le_u %size #16) (then
                (i64.store offset=104 %key (call $first_bytes %size))
                (i64.store offset=120 %key (call $first_bytes (i32.sub %size #8)))
                (i64.store offset=96 %key (i64.load %at)) (i64.store offset=112 %key (i64.load offset=8 %at))
                (i32.store offset=128 %key %size) (i64.store offset=136 %key (i64.extend_i32_s %found))))
              (local.set $at (i32.add %e #1)) (br $closes))
              (br_if $null (i32.eq %byte #110))
              (i64.store (i32.add %row (i32.load offset=8 %key)) (call $integer %at))
              (br_if $odd (i32.eqz @behind))
              (local.set $has (i64.or %has %bit))
              (local.set $at @behind) (br $closes))
              (if (i32.eq %byte #34) (then
                (local.set $s (i32.add %at #1))
                (br_if $odd (i32.eqz (local.tee $e (call $string_end %s))))
                (local.set $value (call $instant %s (i32.sub %e %s)))
                (local.set $at (i32.add %e #1))
              ) (else
                (br_if $null (i32.eq %byte #110))
                (local.set $value (call $within (call $integer %at) ~{MILLISECONDS_MIN}))
                (br_if $odd (i32.eqz @behind))
                (local.set $at @behind)))
              (br_if $odd (i64.eq %value ~{NOT_AN_INSTANT}))
              (i64.store (i32.add %row (i32.load offset=8 %key)) %value)
              (local.set $has (i64.or %has %bit)) (br $closes))
              (br_if $null (i32.ne %byte #34))
              (local.set $s (i32.add %at #1))
              (br_if $odd (i32.ne (call $string_end %s) (i32.add %at #6)))
              (br_if $odd (i32.lt_s (local.tee $found (call $time_of_day %s)) #0))
              (i64.store (i32.add %row (i32.load offset=8 %key)) (i64.extend_i32_u (i32.mul %found #60000)))
              (local.set $has (i64.or %has %bit))
              (local.set $at (i32.add %at #7)) (br $closes))
              (br_if $null (i32.eq %byte #110))
              (local.set $found (i32.eq (i32.load %at) #{_TRUE}))
              (if (i32.eqz %found) (then
                (br_if $odd (i32.or (i32.ne (i32.load %at) #{_FALS}) (i32.ne (i32.load8_u offset=4 %at) #101)))))
              (i64.store (i32.add %row (i32.load offset=8 %key)) (i64.extend_i32_u %found))
              (local.set $has (i64.or %has %bit))
              (local.set $at (i32.sub (i32.add %at #5) %found)) (br $closes))
              (br_if $null (i32.ne %byte #91))
              (local.set $value ~0)
              (local.set $at (i32.add %at #1))
              (block $ends
                (br_if $ends (i32.eq (i32.load8_u %at) #93))
                (loop $more
                  (br_if $odd (i32.ne (i32.load8_u %at) #34))
                  (local.set $s (i32.add %at #1))
                  (br_if $odd (i32.eqz (local.tee $e (call $string_end %s))))
                  (local.set $found (call $word (i32.load offset=16 %key) %s (i32.sub %e %s)))
                  (br_if $odd (i32.lt_s %found #0))
                  (local.set $value (i64.or %value (i64.shl ~1 (i64.extend_i32_u %found))))
                  (local.set $at (i32.add %e #1))
                  (br_if $ends (i32.eq (i32.load8_u %at) #93))
                  (br_if $odd (i32.ne (i32.load8_u %at) #44))
                  (local.set $at (i32.add %at #1))
                  (local.set $at (i32.add %at (i32.eq (i32.load8_u %at) #32)))
                  (br $more)))
              (local.set $at (i32.add %at #1))
              (i64.store (i32.add %row (i32.load offset=8 %key)) %value)
              (local.set $has (i64.or %has %bit)) (br $closes))
            (br_if $null (i32.ne %byte #123))
            (local.set $at (i32.add %at #1))
            (if (i32.eq (i32.load8_u %at) #125) (then
              (local.set $has (i64.or %has (i64.load offset=24 %key)))
              (local.set $at (i32.add %at #1)) (br $closes)))
            (local.set $has (i64.or %has %bit))
            (local.set $context (i32.load offset=16 %key)) (br $member))
          (br_if $odd (i32.ne (i32.load %at) #{_NULL}))
          (local.set $at (i32.add %at #4)))
        (loop $close
          (local.set $byte (i32.load8_u %at))
          (local.set $at (i32.add %at #1))
          (if (i32.eq %byte #44) (then
            (local.set $at (i32.add %at (i32.eq (i32.load8_u %at) #32))) (br $member)))
          (br_if $odd (i32.ne %byte #125))
          (if %context (then (local.set $context (i32.load8_u offset={parents} %context)) (br $close)))))
      (local.set $size (i32.sub %at %start))
      (loop $blank
        (local.set $byte (i32.load8_u %at))
        (local.set $at (i32.add %at #1))
        (br_if $blank (i32.or (i32.eq %byte #32) (i32.or (i32.eq %byte #9) (i32.eq %byte #13)))))
      (br_if $odd (i32.ne %byte #10))
      (br_if $odd (i32.gt_u %size #{LINE_MAX}))
      (i64.store offset={SEEN} %row %seen) (i64.store offset={HAS} %row %has)
      (i32.store offset={LINE} %row %line) (i32.store offset={END} %row (i32.sub %at #1))
      (i32.store offset={START} %row %start) (i32.store offset={SIZE} %row %size)
      (i64.store offset={NUMBER} %row @number) (i64.store offset={POSITION} %row @position)
      (br_if $odd (i64.eqz (i64.and %has ~{signed(account)})))
      (global.set $position (i64.add @position ~1))
      (local.set $row (i32.add %row #{row_size}))
      (if (i32.ge_u %row #{rows_at + ROWS * row_size}) (then
        (local.set $row #{rows_at}) (br_if $stop (call $judge_rows #{rows_at} #{rows_at + ROWS * row_size}))))
      (br $next))
    (local.set $found (call $judge_rows #{rows_at} %row))
    (local.set $row #{rows_at})
    (if %found (then
      (local.set $at %line) (global.set $number (i64.sub @number ~1)) (br $stop)))
    (local.set $at (call $line_end %start))
    (call $list %line %at @number @position)
    (global.set $position (i64.add @position ~1))
    (global.set $before_size #0)
    (local.set $at (i32.add %at #1))
    (br $next)))
  (br_if $stop (call $judge_rows #{rows_at} %row))
  ;; Other bytes will stand in the place of the last line.
  (if (i32.ge_u %at %end) (then
    (memory.copy #{kept} @before_at @before_size) (global.set $before_at #{kept}))))
  (i32.store #{listed - 8} @listed)
  %at)
""")
