"""The scanner of JSON lines, in WebAssembly: strict where it accepts, and every line that it does not is *odd*.

What it accepts is a part of JSON: one object, its names in any order and none twice, no escapes, no space but one behind a
colon or a comma. The values go to a row, and rows are judged some at a time: `$look_ahead` sees all, then `$judge` each.
"""

from __future__ import annotations

from tokenspec.machine.interpreters.batch.short import long
from tokenspec.oracle.logs.kernel.forms import END, HAS, LINE, NUMBER, ODD, POSITION, SEEN, SIZE, START, signed
from tokenspec.oracle.logs.kernel.values import NOT_AN_INSTANT, values_text
from tokenspec.oracle.wire.observations import MILLISECONDS_MIN

LISTED = 24
"""Bytes of a listed line: where it starts and ends, its number in the file, its position among all lines."""
ROWS = 16
"""The number of lines that are judged together, so that what they need of memory is fetched at once."""
LINE_MAX = 65_536
"""The longest line that is not odd."""
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
    return values_text(words_at, last) + long(f"""
(global $lines (mut i64) ~0) (global $number (export "number") (mut i64) ~0)
(global $position (export "position") (mut i64) ~0)
(global $listed (mut i32) #0) (global $lists_dirty (export "lists_dirty") (mut i32) #0)
(global $row (mut i32) #0) (global $rest_end (mut i32) #0)
(global $before_at (mut i32) #0) (global $before_size (mut i32) #0)
(global $identical (export "identical") (mut i64) ~0)
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
