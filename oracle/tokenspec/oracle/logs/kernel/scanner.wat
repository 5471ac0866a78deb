(global $lines (mut i64) ~0) (global $number (export "number") (mut i64) ~0)
(global $position (export "position") (mut i64) ~0)
(global $listed (mut i32) #0) (global $lists_dirty (export "lists_dirty") (mut i32) #0)
(global $row (mut i32) #0) (global $rest_end (mut i32) #0)
(global $before_at (mut i32) #0) (global $before_size (export "before_size") (mut i32) #0)
(global $is_odd (export "is_odd") (mut i32) #0)
;; 1 where lines held bytes that are not ASCII.
(global $has_wide (export "has_wide") (mut i32) #0)
(global $identical (export "identical") (mut i64) ~0)
(func $list (param $start i32) (param $end i32) (param $number i64) (param $position i64) (local $at i32)
  (local.set $at (i32.add #{listed} (i32.mul @listed #{listed_size})))
  (i32.store %at %start) (i32.store offset=4 %at %end)
  (i64.store offset=8 %at %number) (i64.store offset=16 %at %position)
  (global.set $listed (i32.add @listed #1)))
;; 1 where a name is one of the unknown ones that a row has already.
(func $is_twice (param $row i32) (param $count i32) (param $at i32) (param $size i32) (result i32)
  (loop $next
    (if (i32.eqz %count) (then (return #0)))
    (local.set $count (i32.sub %count #1))
    (if (i32.eq (i32.load offset={unknown_sizes} (i32.add %row (i32.shl %count #3))) %size) (then
      (if (call $same (i32.load offset={unknown_names} (i32.add %row (i32.shl %count #3))) %at %size) (then (return #1)))))
    (br $next))
  (unreachable))
;; Where a value that is no object and no list ends, 0 where there is none.
(func $scalar_end (param $at i32) (result i32) (local $end i32)
  (if (i32.eq (i32.load8_u %at) #34) (then
    (local.set $end (call $string_end (i32.add %at #1)))
    (return (select (i32.add %end #1) #0 %end))))
  (if (i32.or (i32.eq (i32.load %at) #{null}) (i32.eq (i32.load %at) #{true})) (then (return (i32.add %at #4))))
  (if (i32.and (i32.eq (i32.load %at) #{fals}) (i32.eq (i32.load8_u offset=4 %at) #101)) (then (return (i32.add %at #5))))
  (call $integer %at) (local.set $end) (drop)
  %end)
(func (export "new_file") (global.set $number ~0) (global.set $before_size #0))
;; No line is met before the first one: no text is as the bytes that are written here.
(start $begin_places)
(func $begin_places (memory.fill #{met} #255 #{met_all}))
(func $met_at (param $place i32) (param $at i32) (result i32)
  ;; Of a word the bytes behind the first eight count too: most of what begins alike goes on to another name.
  (i32.add (i32.load offset=4 %place) (i32.mul #{met_size} (i32.wrap_i64 (i64.shr_u (i64.mul
    (i64.xor (i64.load %at) (i64.mul (i64.load offset=8 %at) (i64.extend_i32_u (i32.and (i32.load offset=12 %place) #{of_word}))))
    ~{k1}) ~{met_shift})))))
;; What a place met before, though not last, that stands here; 0 where it met none.
(func $met_before (param $place i32) (param $at i32) (result i32) (local $met i32)
  (local.set $met (call $met_at %place %at))
  (if {unlike} (then (return #0)))
  (i32.store %place %met)
  %met)
;; Notes what a place meets: the bytes that start and end here, and what they lead to.
(func $note_met (param $place i32) (param $at i32) (param $end i32) (param $key i32) (param $value i64) (param $has i64)
  (local $mask i32) (local $met i32)
  (if (i32.gt_u (i32.sub %end %at) #{met_max}) (then (return)))
  (local.set $met (call $met_at %place %at))
  (local.set $mask (i32.sub (i32.add #{masks} #{met_max}) (i32.sub %end %at)))
  (v128.store %met (v128.load %at)) (v128.store offset=16 %met (v128.load offset=16 %at))
  (v128.store offset=32 %met (v128.load %mask)) (v128.store offset=48 %met (v128.load offset=16 %mask))
  (i32.store offset=64 %met %key) (i32.store offset=68 %met (i32.sub %end %at)) (i64.store offset=72 %met %value)
  (i64.store offset=80 %met %has)
  (i32.store %place %met))
;; Judges rows in order; 1 where one of them needs facts, and then it goes on with it when it is called for the rest.
(func $judge_rows (param $from i32) (param $end i32) (result i32) (local $start i32) (local $size i32) (local $found i32)
  (call $look_ahead %from %end)
  (global.set $row %from)
  (block $done (loop $next
    (br_if $done (i32.ge_u @row %end))
    (local.set $start (i32.load offset={start} @row)) (local.set $size (i32.load offset={size} @row))
    (local.set $found (call $judge))
    (if (i32.eq %found #2) (then
      (i64.store #{told} (i64.load offset={line} @row))
      (global.set $rest_end %end)
      {leads}
      (return #1)))
    (if %found (then (if @lists_dirty (then
      (call $list (i32.load offset={line} @row) (i32.load offset={behind} @row)
        (i64.load offset={number} @row) (i64.load offset={position} @row))))) (else
      (if (i32.eq %size @before_size) (then (if (call $counts_twice) (then
        (if (call $same @before_at %start %size) (then (global.set $identical (i64.add @identical ~1))))))))))
    (global.set $before_at %start) (global.set $before_size %size)
    (global.set $row (i32.add @row #{row_size}))
    (br $next)))
  (global.set $rest_end #0)
  {leads}
  #0)
;; Scans and judges lines, each of which ends with a line feed; returns where it stopped: at the end, with a full list, or at a
;; line that is odd or needs facts.
(func (export "scan") (param $at i32) (param $end i32) (result i32)
  (local $line i32) (local $start i32) (local $context i32) (local $key i32) (local $s i32) (local $e i32) (local $byte i32)
  (local $seen i64) (local $has i64) (local $bit i64) (local $value i64) (local $size i32) (local $found i32)
  (local $last i32) (local $met i32) (local $first i32) (local $bits i64) (local $row i32) (local $unknown i32)
  ;; The word before, where it was not met before with the name behind it.
  (local $word i32) (local $word_end i32) (local $word_place i32) (local $word_bit i64)
  (global.set $listed #0) (global.set $is_odd #0) (global.set $has_wide #0)
  (i64.store #{told} ~0)
  (local.set $row #{rows_at})
  (block $stop
  (if @rest_end (then (br_if $stop (call $judge_rows @row @rest_end))))
  (block $all (loop $next
    (br_if $all (i32.or (i32.ge_u %at %end) (i32.ge_u @listed #{most})))
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
      (local.set $seen ~0) (local.set $has ~0) (local.set $last #{start_place}) (local.set $unknown #0) (local.set $word #0)
      (local.set $at (i32.add %at #1))
      (block $ended (loop $member
        (block $closes
        (block $known
          (local.set $met (i32.load %last))
          (if {unlike} (then (local.set $met (call $met_before %last %at))))
          (if %met (then
            (local.set $key (i32.load offset=64 %met))
            (local.set $at (i32.add %at (i32.load offset=68 %met)))
            (br $known)))
          (local.set $first %at)
          (local.set $context (i32.load offset=8 %last))
          (if (i32.eqz (i32.load offset=12 %last)) (then
            (loop $close
              (local.set $byte (i32.load8_u %at))
              (local.set $at (i32.add %at #1))
              (if (i32.ne %byte #44) (then
                (br_if $odd (i32.ne %byte #125))
                (if %context (then (local.set $context (i32.load8_u offset={parents} %context)) (br $close)))
                (local.set $size (i32.sub %at %start))
                (if (i32.eq (i32.load8_u %at) #10) (then
                  (call $note_met %last %first (i32.add %at #1) #{end_key} ~0 ~0)))
                (loop $blank
                  (local.set $byte (i32.load8_u %at))
                  (local.set $at (i32.add %at #1))
                  (br_if $blank (i32.or (i32.eq %byte #32) (i32.or (i32.eq %byte #9) (i32.eq %byte #13)))))
                (br_if $odd (i32.ne %byte #10))
                (br $ended))))
            (if (i32.eq (i32.load8_u %at) #32) (then (local.set $at (i32.add %at #1))))))
          (br_if $odd (i32.ne (i32.load8_u %at) #34))
          (local.set $s (i32.add %at #1))
          (br_if $odd (i32.eqz (local.tee $e (call $string_end %s))))
          (br_if $odd (i32.ne (i32.load8_u offset=1 %e) #58))
          (local.set $at (i32.add %e #2))
          (local.set $key (call $word %context %s (i32.sub %e %s)))
          (if (i32.lt_s %key #0) (then
            ;; A record may hold names that nobody knows; they are counted, and what they hold is passed over.
            (br_if $odd (i32.or (i32.ne %context #0) (i32.ge_u %unknown #{unknown_max})))
            (br_if $odd (call $is_twice %row %unknown %s (i32.sub %e %s)))
            (i64.store offset={unknown_names} (i32.add %row (i32.shl %unknown #3))
              (i64.or (i64.extend_i32_u %s) (i64.shl (i64.extend_i32_u (i32.sub %e %s)) ~32)))
            (local.set $unknown (i32.add %unknown #1))
            (if (i32.eq (i32.load8_u %at) #32) (then (local.set $at (i32.add %at #1))))
            (br_if $odd (i32.eqz (local.tee $at (call $scalar_end %at))))
            (local.set $last #{later_place}) (local.set $word #0)
            (br $closes)))
          (call $note_met %last %first %at %key ~0 ~0))
        (if %word (then
          (if (i32.le_u (i32.sub %at %word) #{met_max})
            (then (call $note_met %word_place %word %at %key %value %word_bit))
            (else (call $note_met %word_place %word %word_end #0 %value %word_bit)))
          (local.set $word #0)))
        (loop $named
        (local.set $last (i32.add %key #{behind_key}))
        (local.set $bit (i64.load %key))
        (br_if $odd (i64.ne (i64.and %seen %bit) ~0))
        (local.set $seen (i64.or %seen %bit))
        (local.set $byte (i32.load8_u %at))
        (if (i32.eq %byte #32) (then
          (local.set $at (i32.add %at #1))
          (local.set $byte (i32.load8_u %at))))
          (block $null
            (block $end (block $object (block $words (block $truth (block $time (block $instant (block $number (block $word
              (block $text
              (br_table $text $word $number $instant $time $truth $words $object $end (i32.load offset=12 %key)))
              (br_if $null (i32.ne %byte #34))
              (local.set $s (i32.add %at #1))
              (br_if $odd (i32.eqz (local.tee $e (call $string_end %s))))
              (i64.store (i32.add %row (i32.load offset=8 %key))
                (i64.or (i64.extend_i32_u %s) (i64.shl (i64.extend_i32_u (i32.sub %e %s)) ~32)))
              (local.set $has (i64.or %has %bit))
              (local.set $at (i32.add %e #1)) (br $closes))
              {as_met}
              (br_if $null (i32.ne %byte #34))
              (local.set $s (i32.add %at #1))
              (br_if $odd (i32.eqz (local.tee $e (call $string_end %s))))
              (local.set $found (call $word (i32.load offset=16 %key) %s (i32.sub %e %s)))
              (if (i32.lt_s %found #0) (then (local.set $found (i32.load offset=20 %key))))
              (br_if $odd (i32.eq %found #{odd}))
              (local.set $value (i64.extend_i32_s %found))
              (i64.store (i32.add %row (i32.load offset=8 %key)) %value)
              (local.set $has (i64.or %has %bit))
              (local.set $word %at) (local.set $word_place (i32.add %key #{words})) (local.set $word_bit %bit)
              (local.set $at (local.tee $word_end (i32.add %e #1))) (br $closes))
              ;; Up to seven digits at once, as in $integer.
              (local.set $value (i64.xor (i64.load %at) ~{zeros}))
              (local.set $bits (i64.and ~56 (i64.ctz
                (i64.and (i64.or (i64.add %value ~{above_nine}) %value) ~{high_bits}))))
              (if (i32.or (i64.eqz %bits) (i32.and (i32.eq %byte #48) (i64.ne %bits ~8))) (then
                (br_if $null (i32.eq %byte #110))
                (call $integer %at) (local.set $at) (local.set $value)
                (br_if $odd (i32.eqz %at)))
              (else
                (local.set $value {digits})
                (local.set $at (i32.add %at (i32.wrap_i64 (i64.shr_u %bits ~3))))))
              (i64.store (i32.add %row (i32.load offset=8 %key)) %value)
              (local.set $has (i64.or %has %bit)) (br $closes))
              (if (i32.and (i32.eq %byte #34) (i32.eq (i32.load16_u offset=20 %at) #{z_quote})) (then
                (local.set $value (call $second (i32.add %at #1)))
                (local.set $at (i32.add %at #22)))
              (else (if (i32.eq %byte #34) (then
                (local.set $s (i32.add %at #1))
                (br_if $odd (i32.eqz (local.tee $e (call $string_end %s))))
                (local.set $value (call $instant %s (i32.sub %e %s)))
                (local.set $at (i32.add %e #1))
              ) (else
                (br_if $null (i32.eq %byte #110))
                (call $integer %at) (local.set $at) (local.set $value)
                (br_if $odd (i32.eqz %at))
                (local.set $value (call $within %value ~{milliseconds_min}))))))
              (br_if $odd (i64.eq %value ~{not_an_instant}))
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
              (local.set $found (i32.eq (i32.load %at) #{true}))
              (if (i32.eqz %found) (then
                (br_if $odd (i32.or (i32.ne (i32.load %at) #{fals}) (i32.ne (i32.load8_u offset=4 %at) #101)))))
              (i64.store (i32.add %row (i32.load offset=8 %key)) (i64.extend_i32_u %found))
              (local.set $has (i64.or %has %bit))
              (local.set $at (i32.sub (i32.add %at #5) %found)) (br $closes))
              {as_met}
              (br_if $null (i32.ne %byte #91))
              (local.set $first %at)
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
                  (if (i32.eq (i32.load8_u %at) #32) (then (local.set $at (i32.add %at #1))))
                  (br $more)))
              (local.set $at (i32.add %at #1))
              (local.set $word %first) (local.set $word_end %at) (local.set $word_place (i32.add %key #{words}))
              (local.set $word_bit %bit)
              (i64.store (i32.add %row (i32.load offset=8 %key)) %value)
              (local.set $has (i64.or %has %bit)) (br $closes))
            (br_if $null (i32.ne %byte #123))
            (local.set $at (i32.add %at #1))
            (if (i32.eq (i32.load8_u %at) #125) (then
              (local.set $has (i64.or %has (i64.load offset=24 %key)))
              (local.set $at (i32.add %at #1)) (br $closes)))
            (local.set $has (i64.or %has %bit))
            (local.set $last (i32.add %key #{inside_key})) (br $member))
            (local.set $size (i32.sub (i32.sub %at #1) %start)) (br $ended))
          (br_if $odd (i32.ne (i32.load %at) #{null}))
          (if (i32.load offset={met_of_words} %key) (then
            (local.set $word %at) (local.set $word_place (i32.add %key #{words})) (local.set $word_bit ~0)
            (local.set $word_end (i32.add %at #4))))
          (local.set $at (i32.add %at #4))))
        (br $member)))
      (br_if $odd (i32.gt_u %size #{line_max}))
      (i64.store offset={seen} %row %seen) (i64.store offset={has} %row %has)
      (i32.store offset={line} %row %line) (i32.store offset={behind} %row (i32.sub %at #1))
      (i32.store offset={start} %row %start) (i32.store offset={size} %row %size)
      (i32.store offset={unknown} %row %unknown)
      (i64.store offset={number} %row @number) (i64.store offset={position} %row @position)
      (br_if $odd (i64.eqz (i64.and %has ~{account})))
      (global.set $position (i64.add @position ~1))
      (local.set $row (i32.add %row #{row_size}))
      (if (i32.ge_u %row #{rows_end}) (then
        (local.set $row #{rows_at}) (br_if $stop (call $judge_rows #{rows_at} #{rows_end}))))
      (br $next))
    (local.set $found (call $judge_rows #{rows_at} %row))
    (local.set $row #{rows_at})
    (if %found (then
      (local.set $at %line) (global.set $number (i64.sub @number ~1)) (br $stop)))
    (local.set $at (call $line_end %start))
    (i32.store #{told} %line) (i32.store offset=4 #{told} %at)
    (global.set $is_odd #1)
    (global.set $position (i64.add @position ~1))
    (global.set $before_size #0)
    (local.set $at (i32.add %at #1))
    (br $stop)))
  (br_if $stop (call $judge_rows #{rows_at} %row))
  ;; Other bytes will stand in the place of the last line.
  (if (i32.ge_u %at %end) (then
    (memory.copy #{kept} @before_at @before_size) (global.set $before_at #{kept}))))
  (i32.store #{listed_count} @listed)
  %at)
