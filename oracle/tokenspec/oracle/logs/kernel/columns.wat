(global $next_cell (mut i32) #0) (global $identity (mut i64) ~0) (global $odd_cells (mut i64) ~0) (global $has_of_all (mut i64) ~0)
(func $is_valid (param $column i32) (param $n i32) (result i32)
  (if (i32.eqz (i32.load offset=16 %column)) (then (return #1)))
  (call $bit_of (i32.load offset=16 %column) %n))
(func $bit_of (param $data i32) (param $n i32) (result i32)
  (i32.and #1 (i32.shr_u (i32.load8_u (i32.add %data (i32.shr_u %n #3))) (i32.and %n #7))))
;; 64 bits, the lowest one that of %n.
(func $bits_from (param $data i32) (param $n i32) (result i64) (local $shift i64)
  (local.set $data (i32.add %data (i32.shr_u %n #3)))
  (local.set $shift (i64.extend_i32_u (i32.and %n #7)))
  (i64.or (i64.shr_u (i64.load %data) %shift)
    (i64.shl (i64.shl (i64.load8_u offset=8 %data) (i64.sub ~63 %shift)) ~1)))
;; 1 where a cell holds what the one before it does.
(func $is_same_cell (param $column i32) (param $i i32) (result i32)
  (local $n i32) (local $s i32) (local $size i32) (local $data i32) (local $shift i32)
  (local.set $n (i32.add %i (i32.load offset=20 %column)))
  (if (i32.ne (call $is_valid %column %n) (call $is_valid %column (i32.sub %n #1))) (then (return #0)))
  (if (i32.eqz (call $is_valid %column %n)) (then (return #1)))
  (local.set $data (i32.load offset=8 %column))
  (if (i32.load offset=12 %column) (then
    (local.set $n (i32.sub %i #1))
    (if (i32.eq (i32.load offset=4 %column) #{name}) (then
      (local.set $n (i32.load (i32.add %data (i32.shl %n #2))))
      (local.set $i (i32.load (i32.add %data (i32.shl %i #2))))
      (local.set $data (i32.load offset=24 %column))))
    (local.set $s (i32.add (i32.load offset=12 %column) (i32.shl %i #2)))
    (local.set $n (i32.add (i32.load offset=12 %column) (i32.shl %n #2)))
    (local.set $size (i32.sub (i32.load offset=4 %s) (i32.load %s)))
    (if (i32.ne %size (i32.sub (i32.load offset=4 %n) (i32.load %n))) (then (return #0)))
    ;; The cells of a list have four bytes each.
    (local.set $shift (select #2 #0 (i32.eq (i32.load offset=4 %column) #{list})))
    (return (call $same (i32.add %data (i32.shl (i32.load %s) %shift)) (i32.add %data (i32.shl (i32.load %n) %shift))
      (i32.shl %size %shift)))))
  (if (i32.eq (i32.load offset=4 %column) #{code}) (then
    (local.set $s (i32.add %data (i32.shl %i #2)))
    (return (i32.eq (i32.load %s) (i32.load (i32.sub %s #4))))))
  (if (i32.eq (i32.load offset=4 %column) #{truth}) (then
    (return (i32.eq (call $bit_of %data %n) (call $bit_of %data (i32.sub %n #1))))))
  (local.set $s (i32.add %data (i32.shl %i #3)))
  (i64.eq (i64.load %s) (i64.load (i32.sub %s #8))))
;; Those of the rows from %from on with these bits that hold what the row before them does.
(func $same_rows (param $from i32) (param $bits i64) (param $end i32) (result i64) (local $column i32) (local $left i64)
  (if (i32.eqz %from) (then (local.set $bits (i64.and %bits ~-2))))
  (local.set $column #{columns})
  (block $done (loop $columns
    (br_if $done (i32.or (i64.eqz %bits) (i32.ge_u %column %end)))
    (local.set $left %bits)
    (block $through (loop $next
      (br_if $through (i64.eqz %left))
      (if (i32.eqz (call $is_same_cell %column (i32.add %from (i32.wrap_i64 (i64.ctz %left))))) (then
        (local.set $bits (i64.xor %bits (i64.and %left (i64.sub ~0 %left))))))
      (local.set $left (i64.and %left (i64.sub %left ~1)))
      (br $next)))
    (local.set $column (i32.add %column #{column_size}))
    (br $columns)))
  %bits)
;; Puts the cells of a column from %from on, of rows with these bits, into the rows that are made.
(func $fill (param $column i32) (param $from i32) (param $left i64) (local $all i64)
  (local $key i32) (local $n i32) (local $data i32) (local $offsets i32) (local $bit i64) (local $rows i32)
  (local $i i32) (local $s i32) (local $size i32) (local $found i32) (local $value i64) (local $is_odd i32) (local $divisor i64)
  (local.set $all %left)
  (local.set $n (i32.add %from (i32.load offset=20 %column)))
  (if (i32.load offset=16 %column) (then
    (local.set $left (i64.and %left (call $bits_from (i32.load offset=16 %column) %n)))))
  (if (i64.eqz %left) (then (return)))
  (local.set $key (i32.load %column)) (local.set $bit (i64.load %key))
  ;; An odd value is in a row that is left to the oracle, whatever else that says.
  (if (i64.eq %left %all) (then (global.set $has_of_all (i64.or @has_of_all %bit)) (local.set $bit ~0)))
  (local.set $rows (i32.add #{rows_at} (i32.load offset=8 %key)))
  (local.set $data (i32.load offset=8 %column)) (local.set $offsets (i32.load offset=12 %column))
  (local.set $divisor (i64.load offset=24 %column))
  (block $name (block $list (block $code (block $truth (block $instant (block $milliseconds (block $number (block $time (block $written (block $word (block $text
    (br_table $text $word $written $time $number $milliseconds $instant $truth $code $list $name (i32.load offset=4 %column)))
    {each_text}
    (local.set $value (i64.or (i64.extend_i32_u %s) (i64.shl (i64.extend_i32_u %size) ~32)))
    {to_row} (return))
    {each_text}
    (local.set $found (call $word (i32.load offset=16 %key) %s %size))
    (if (i32.lt_s %found #0) (then (local.set $found (i32.load offset=20 %key))))
    (local.set $value (i64.extend_i32_s %found)) (local.set $is_odd (i32.eq %found #{odd}))
    {to_row} (return))
    {each_text}
    (local.set $value (call $instant %s %size)) (local.set $is_odd (i64.eq %value ~{not_an_instant}))
    {to_row} (return))
    {each_text}
    (if (i32.eq %size #5) (then (local.set $found (call $time_of_day %s))) (else (local.set $found #-1)))
    (local.set $value (i64.extend_i32_u (i32.mul %found #60000))) (local.set $is_odd (i32.lt_s %found #0))
    {to_row} (return))
    {each_row}
    (local.set $value (i64.load (i32.add %data (i32.shl (i32.add %from %i) #3))))
    (local.set $is_odd (i64.gt_u (i64.add %value ~{largest}) ~{twice_largest}))
    {to_row} (return))
    {each_row}
    (local.set $value (call $within (i64.load (i32.add %data (i32.shl (i32.add %from %i) #3))) ~{milliseconds_min}))
    (local.set $is_odd (i64.eq %value ~{not_an_instant}))
    {to_row} (return))
    {each_row}
    (local.set $value (i64.load (i32.add %data (i32.shl (i32.add %from %i) #3))))
    (if (i64.ne %divisor ~1) (then (local.set $value (call $floored %value %divisor))))
    (local.set $value (call $within %value ~{first_instant}))
    (local.set $is_odd (i64.eq %value ~{not_an_instant}))
    {to_row} (return))
    {each_row}
    (local.set $value (i64.extend_i32_u (call $bit_of %data (i32.add %n %i))))
    {to_row} (return))
    {each_row}
    (local.set $found (i32.load (i32.add (i32.wrap_i64 %divisor) (i32.shl {code_of_row} #2))))
    (local.set $value (i64.extend_i32_s %found)) (local.set $is_odd (i32.eq %found #{odd}))
    {to_row} (return))
  {each_list}
  (local.set $value ~0) (local.set $is_odd #0)
  (block $ends (loop $more
    (br_if $ends (i32.eqz %size))
    (local.set $size (i32.sub %size #1))
    (local.set $found (i32.load (i32.add (i32.wrap_i64 %divisor) (i32.shl (i32.load (i32.add %s (i32.shl %size #2))) #2))))
    (local.set $is_odd (i32.or %is_odd (i32.lt_s %found #0)))
    (local.set $value (i64.or %value (i64.shl ~1 (i64.extend_i32_u %found))))
    (br $more)))
  {to_row} (return))
  {each_name}
  (local.set $value (i64.or (i64.extend_i32_u %s) (i64.shl (i64.extend_i32_u %size) ~32)))
  {to_row})
;; The whole part of a quotient, towards the past. A division by a number that is known is a multiplication.
(func $floored (param $value i64) (param $divisor i64) (result i64) (local $found i64)
  (local.set $found (if (result i64) (i64.eq %divisor ~1000) (then (i64.div_s %value ~1000)) (else (i64.div_s %value %divisor))))
  (i64.sub %found (i64.extend_i32_u (i64.lt_s %value (i64.mul %found %divisor)))))
;; Makes rows of as many cells from %from on. Returns where they end; a row without an account is listed.
(func $make_rows (param $from i32) (param $count i32) (param $end i32) (result i32)
  (local $bits i64) (local $column i32) (local $row i32) (local $to i32) (local $has i64) (local $s i32)
  (local.set $bits (i64.shr_u ~-1 (i64.extend_i32_u (i32.sub #64 %count))))
  (global.set $odd_cells ~0) (global.set $has_of_all ~0)
  (memory.fill #{has_of_rows} #0 #{has_size})
  (local.set $column #{columns})
  (block $filled (loop $next
    (br_if $filled (i32.ge_u %column %end))
    (call $fill %column %from %bits)
    (local.set $column (i32.add %column #{column_size})) (br $next)))
  (local.set $bits (call $same_rows %from %bits %end))
  (local.set $row #{rows_at}) (local.set $to %row) (local.set $s #{has_of_rows}) (local.set $count (i32.add %from %count))
  (loop $rows
    ;; In place of its bytes a row has a number, which is another one unless it holds what the row before it does.
    (global.set $identity (i64.add @identity (i64.and ~1 (i64.xor %bits ~1))))
    (local.set $has (i64.or (i64.load %s) @has_of_all))
    (if (i64.eqz (i64.and %has ~{account})) (then (call $list %from %from (i64.extend_i32_u %from) @position)) (else
      (if (i32.ne %row %to) (then (memory.copy %to %row #{row_size})))
      (i64.store offset={has} %to %has)
      ;; No event may hold every name, so that a row with an odd value is left to the oracle.
      (i64.store offset={seen} %to (i64.or %has (i64.sub ~0 (i64.and ~1 @odd_cells))))
      (i32.store offset={line} %to %from) (i32.store offset={behind} %to %from) (i32.store offset={unknown} %to #0)
      (local.set $column (i32.add #{identities} (i32.shl (i32.and %from #{last_identity}) #3)))
      (i64.store %column @identity)
      (i32.store offset={start} %to %column) (i32.store offset={size} %to #8)
      (i64.store offset={number} %to (i64.extend_i32_u %from)) (i64.store offset={position} %to @position)
      (local.set $to (i32.add %to #{row_size}))))
    (local.set $bits (i64.shr_u %bits ~1)) (global.set $odd_cells (i64.shr_u @odd_cells ~1))
    (local.set $row (i32.add %row #{row_size})) (local.set $s (i32.add %s #8))
    (global.set $position (i64.add @position ~1))
    (br_if $rows (i32.lt_u (local.tee $from (i32.add %from #1)) %count)))
  %to)
(func (export "columns") (param $from i32) (param $count i32) (param $end i32) (result i32) (local $row i32) (local $size i32)
  (global.set $listed #0)
  (if @rest_end (then (if (call $judge_rows @row @rest_end) (then (i32.store #{listed} @listed) (return #1))))
  (else (global.set $next_cell %from) (global.set $before_size #-1)))
  (block $done (loop $next
    (br_if $done (i32.ge_u @next_cell %count))
    (local.set $size (i32.sub %count @next_cell))
    (if (i32.gt_u %size #{rows}) (then (local.set $size #{rows})))
    (local.set $row (call $make_rows @next_cell %size %end))
    (global.set $next_cell (i32.add @next_cell %size))
    (if (call $judge_rows #{rows_at} %row) (then (i32.store #{listed} @listed) (return #1)))
    (br $next)))
  (i32.store #{listed} @listed)
  #0)
