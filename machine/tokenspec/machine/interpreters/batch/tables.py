"""Tables in WebAssembly: entries under the fingerprint of a text, one behind the other, and an ordered index.

A fingerprint has 128 bits, in the globals `$mark_1` and `$mark_2` (never 0). An entry begins with the second word, and where
that is 0 there is no entry; 34 bits of the first word follow, and a code. The upper 30 bits of the first word say a place in the
index, which has 5 bytes for each: the number of the entry, and above it as many of these bits as there is room for, from the
lowest on. The rest of them follows from the place. The index is in the order of these bits, and each content is at the place that
they say, or to the left of it, next to others.
So a look-up ends at the first content that is smaller, although the index is nearly full, and an index that grows is written anew
in place, in one pass from its end, without a look at an entry. A new entry mostly needs one line of memory that is in no cache,
and an old one two.
A table whose addresses have 64 bits is as large as the memory of the machine allows, and a little slower. One that cannot grow
traps.
"""

from __future__ import annotations

from dataclasses import dataclass

from tokenspec.machine.interpreters.batch.short import long

_FIRST = 1 << 10
"""The places that an index begins with."""
_SPARE = 128
"""The number of entries for which there is room behind the last one: more than are added between two looks for room."""
_COUNT_MAX = 1 << 31
"""The most entries of a table."""
_PAGE = 65_536
_LOW = 34
"""The bits of the first word that an entry holds."""
SHORT, LONG = 17, 18
"""Bytes of a fingerprint and a short code, of 38 bits, or a long one, of 46; they end with the code, which has a sign."""
LOADS = {SHORT: (72, 91), LONG: (84, 94)}
"""The percentages of places in the index that are taken behind growth and before it, by the bytes of an entry: with what belongs
to it in the index it takes at most 24. Where `growth` is known it grows to what will be needed, to twice as much at most."""
_HIGH = 64 - _LOW
_PLACE = 5
_LEFT = 512
"""Places to the left of the first one."""
_FAR = 240
"""The most places between the one that a fingerprint says and its own: less than half of those among which the bits in the index
tell apart, which are 512 at least. A table with an entry further away traps."""
_ROOM = 32
"""Bytes behind the last place, which may be read."""
_NUMBER = 3
"""Bytes before a place in the eight that are read of it."""
_OTHERS = -(1 << 8 * _NUMBER)


def _mixed(name: str) -> str:
    """The lines that mix the bits of a local variable; they are no function, to be faster."""
    by = (-49064778989728563, -4265267296055464877)
    lines = [f"(local.set ${name} (i64.mul (i64.xor %{name} (i64.shr_u %{name} ~33)) ~{factor}))" for factor in by]
    return " ".join([*lines, f"(local.set ${name} (i64.xor %{name} (i64.shr_u %{name} ~33)))"])


MARKING = f"""(local.set $a (i64.xor @seed_1 (i64.extend_i32_u %owner)))
  (local.set $b (i64.add @seed_2 (i64.extend_i32_u %size)))
  (block $marked (loop $word
    (br_if $marked (i32.eqz %size))
    (local.set $word (i64.load %at))
    (if (i32.lt_u %size #8) (then
      (local.set $word (i64.and %word (i64.sub (i64.shl ~1 (i64.extend_i32_u (i32.shl %size #3))) ~1)))))
    (local.set $a (i64.rotl (i64.mul (i64.xor %a %word) ~-7046029288634856825) ~29))
    (local.set $b (i64.mul (i64.add %b %word) ~-4417276706812531889))
    (local.set $b (i64.xor %b (i64.shr_u %b ~31)))
    (br_if $marked (i32.le_u %size #8))
    (local.set $at (i32.add %at #8)) (local.set $size (i32.sub %size #8)) (br $word)))
  (local.set $a (i64.add %a (i64.rotl %b ~17))) {_mixed("a")}
  (local.set $b (i64.xor (i64.add %b (i64.extend_i32_u %owner)) (i64.rotl %a ~41))) {_mixed("b")}
  (local.set $b (select %b ~1 (i64.ne %b ~0)))"""
"""The lines that make `%a` and `%b` the fingerprint of the text at `%at`, of a size and an owner; for where a call takes long."""
POINT, TIMES = 20, 1024
"""The bits behind the point in `growth`, and the most that it says: how many times as many entries as there are will be all."""


MARK = long(f"""
(global $seed_1 (export "seed_1") (mut i64) ~0) (global $seed_2 (export "seed_2") (mut i64) ~0)
(global $mark_1 (mut i64) ~0) (global $mark_2 (mut i64) ~0)
(global $growth (export "growth") (mut i64) ~{TIMES << POINT})
(func $mixed (param $h i64) (result i64) {_mixed("h")} %h)
(func $mark (param $owner i32) (param $at i32) (param $size i32) (local $a i64) (local $b i64) (local $word i64)
  {MARKING}
  (global.set $mark_1 %a) (global.set $mark_2 %b))
""")


def bits_of(head: int) -> int:
    """The bits of a code that ends with a byte."""
    return 8 * head - 64 - _LOW


def part(table: str, at: str, end: int, bits: int) -> str:
    """The signed number in the last `bits` before a byte of an entry."""
    return f"(i64.shr_s (i64.load ${table} offset={end - 8} {at}) ~{64 - bits})"


def puts(table: str, at: str, end: int, bits: int, value: str) -> str:
    """The line that writes such a number; the bits of the eight bytes before it stay."""
    before = f"(i64.and (i64.load ${table} offset={end - 8} {at}) ~{2 ** (64 - bits) - 1})"
    return f"(i64.store ${table} offset={end - 8} {at} (i64.or {before} (i64.shl {value} ~{64 - bits})))"


def code_of(table: str, at: str, end: int = LONG) -> str:
    """The code of an entry; that of a new one is 0."""
    return part(table, at, end, bits_of(end))


def puts_code(table: str, at: str, value: str, end: int = LONG) -> str:
    """The line that writes the code of the entry under the present fingerprint; nothing of it is read for that."""
    bits = bits_of(end)
    mark = f"(i64.and (i64.shr_u @mark_1 ~{_LOW + bits - 64}) ~{2 ** (64 - bits) - 1})"
    return f"(i64.store ${table} offset={end - 8} {at} (i64.or {mark} (i64.shl {value} ~{64 - bits})))"


def is_under(table: str, at: str, first: str, second: str) -> str:
    """True where an entry is under a fingerprint, by all that it holds of it."""
    low = f"(i64.eqz (i64.shl (i64.xor (i64.load ${table} offset=8 {at}) {first}) ~{_HIGH}))"
    return f"(i32.and (i64.eq (i64.load ${table} {at}) {second}) {low})"


@dataclass(frozen=True)
class FingerprintTable:
    """A table with entries of `size` bytes at addresses of so many `bits`; `loads` are those of its index, as in `LOADS`.

    `dies` is true of an entry, at `%from`, that need not be kept; before the table grows those are cleared, by `buries` each. An
    entry has the upper bits of its first word in the four bytes at `upper_at` then.
    """

    name: str
    size: int = LONG
    bits: int = 32
    loads: tuple[int, int] = (30, 60)
    dies: str = ""
    buries: str = ""
    upper_at: int = 0

    @property
    def _i(self) -> str:
        """The type of an address."""
        return f"i{self.bits}"

    @property
    def _c(self) -> str:
        """The sign of a constant address."""
        return "#" if self.bits == 32 else "~"

    def _narrow(self, value: str) -> str:
        """A number of 64 bits as an address."""
        return f"(i32.wrap_i64 {value})" if self.bits == 32 else value

    def _place(self, upper: str) -> str:
        """The address of the place that the upper bits of a first word say."""
        place = self._narrow(f"(i64.shr_u (i64.mul {upper} @{self.name}_places) ~{_HIGH})")
        return f"({self._i}.add ({self._i}.mul {place} {self._c}{_PLACE}) {self._c}{_PLACE * _LEFT})"

    def _entry(self, number: str) -> str:
        """The address of the entry of a number."""
        return f"({self._i}.mul {self._narrow(number)} {self._c}{self.size})"

    def _content(self, place: str) -> str:
        """The content of a place, in the upper bits."""
        return f"(i64.and (i64.load ${self.name}_index {place}) ~{_OTHERS})"

    def _put(self, place: str, content: str) -> str:
        """The lines that write it."""
        lower = f"(i32.wrap_i64 (i64.shr_u {content} ~{8 * _NUMBER}))"
        upper = f"(i32.wrap_i64 (i64.shr_u {content} ~{8 * _NUMBER + 32}))"
        index = f"${self.name}_index"
        return f"(i32.store {index} offset={_NUMBER} {place} {lower}) (i32.store8 {index} offset={_NUMBER + 4} {place} {upper})"

    @property
    def _behind(self) -> str:
        """The address behind the last entry."""
        return f"({self._i}.mul ({self._i}.add @{self.name}_count {self._c}1) {self._c}{self.size})"

    @property
    def _all_places(self) -> str:
        """Bytes of the index."""
        return self._narrow(f"(i64.add (i64.mul @{self.name}_places ~{_PLACE}) ~{_PLACE * _LEFT + _ROOM})")

    def place_touched(self, mark: str) -> str:
        """Reads the place that a mark says: so little is done for it that more of these than of any others are on their way."""
        return long(f"(i64.load ${self.name}_index {self._place(f'(i64.shr_u {mark} ~{_LOW})')})")

    def likely(self, mark: str) -> str:
        """The address of the entry that a mark most likely has, by the place that it says; `%found` is of 64 bits.

        There is no branch in it, and no call, so that many of these are on their way at once.
        """
        upper = f"(i64.shr_u {mark} ~{_LOW})"
        found = f"(i64.sub {self._content(self._place(upper))} (i64.shl {upper} @{self.name}_bits))"
        number = f"(select (local.tee $found {found}) ~0 (i64.le_u %found @{self.name}_numbers))"
        return long(self._entry(f"(i64.shr_u {number} ~{8 * _NUMBER})"))

    def text(self) -> str:
        """The memories of the table and its functions.

        `$NAME_find` returns the address of the entry under the present fingerprint, or of the place behind the last entry; there
        `$NAME_add` writes the fingerprint, unless another one was looked for since. `$NAME_room` is called before, and may move
        every entry. `$NAME_clear` empties it.
        """
        name, i, c = self.name, self._i, self._c
        kind, count = ("i64 ", f"@{name}_count") if self.bits == 64 else ("", f"(i64.extend_i32_u @{name}_count)")
        bits = _FIRST.bit_length() + 8 * _NUMBER
        lower = f"(i64.and @mark_1 ~{2**_LOW - 1})"
        upper = f"(i32.store ${name} offset={self.upper_at} %at (i32.wrap_i64 (i64.shr_u @mark_1 ~{_LOW})))" if self.dies else ""
        return long(f"""
(memory ${name} (export "{name}") {kind}{-(-_SPARE * self.size // _PAGE)})
(memory ${name}_index (export "{name}_index") {kind}{-(-(_PLACE * (_FIRST + _LEFT) + _ROOM) // _PAGE)})
;; The lower bits of what stands at a place, which are a number, and the largest value of them; the tag of what was not found.
(global ${name}_bits (mut i64) ~{bits}) (global ${name}_numbers (mut i64) ~{2**bits - 1}) (global ${name}_tag (mut i64) ~0)
(global ${name}_places (export "{name}_places") (mut i64) ~{_FIRST}) (global ${name}_count (export "{name}_count") (mut {i}) {c}0)
(global ${name}_place (mut {i}) {c}0)
(func ${name}_find (result {i}) (local $place {i}) (local $first {i}) (local $at {i}) (local $found i64) (local $tag i64)
  (local.set $found (i64.shr_u @mark_1 ~{_LOW}))
  (local.set $tag (i64.shl %found @{name}_bits))
  (local.set $place (local.tee $first {self._place("%found")}))
  (block $new (loop $next
    (local.set $found {self._content("%place")})
    (br_if $new (i64.eqz %found))
    (local.set $found (i64.sub %found %tag))
    (br_if $new (i64.lt_s %found ~0))
    (if (i64.le_u %found @{name}_numbers) (then
      (local.set $at {self._entry(f"(i64.shr_u %found ~{8 * _NUMBER})")})
      (if {is_under(name, "%at", "@mark_1", "@mark_2")} (then (return %at)))))
    (local.set $place ({i}.sub %place {c}{_PLACE}))
    (br $next)))
  (if ({i}.gt_u ({i}.sub %first %place) {c}{_PLACE * _FAR}) (then (unreachable)))
  (global.set ${name}_place %place) (global.set ${name}_tag %tag)
  {self._behind})
(func ${name}_add (param $at {i}) (local $free {i}) (local $found i64) (local $behind v128)
  (i64.store ${name} %at @mark_2) {upper}
  (i64.store ${name} offset=8 %at (i64.or {lower} (i64.and (i64.load ${name} offset=8 %at) ~{-(2**_LOW)})))
  (global.set ${name}_count ({i}.add @{name}_count {c}1))
  (local.set $free @{name}_place)
  (block $found (loop $taken
    (br_if $found (i64.eqz {self._content("%free")}))
    (local.set $free ({i}.sub %free {c}{_PLACE}))
    (br $taken)))
  (if ({i}.ne %free @{name}_place) (then
    ;; Sixteen bytes at once; what the last of them are too many is written again.
    (local.set $behind (v128.load ${name}_index offset={_NUMBER + _PLACE} @{name}_place))
    (loop $more
      (v128.store ${name}_index offset={_NUMBER} %free (v128.load ${name}_index offset={_NUMBER + _PLACE} %free))
      (local.set $free ({i}.add %free {c}16))
      (br_if $more ({i}.lt_u %free @{name}_place)))
    (v128.store ${name}_index offset={_NUMBER + _PLACE} @{name}_place %behind)))
  (local.set $found (i64.or @{name}_tag (i64.shl {count} ~{8 * _NUMBER})))
  {self._put(f"@{name}_place", "%found")})
(func ${name}_clear
  (memory.fill ${name} {c}0 #0 {self._behind})
  (memory.fill ${name}_index {c}0 #0 {self._all_places})
  (global.set ${name}_count {c}0))
{self._room()}""")

    def _room(self) -> str:
        name, i, c = self.name, self._i, self._c
        least, most = self.loads
        entries = min(_COUNT_MAX, (2**self.bits - _PAGE) // self.size) - _SPARE
        count = f"(i64.add {f'@{name}_count' if i == 'i64' else f'(i64.extend_i32_u @{name}_count)'} ~{_SPARE})"
        fits = f"(i64.le_u (i64.mul {count} ~100) (i64.mul @{name}_places ~{{}}))".format
        return f"""(func ${name}_room (local $places i64) (local $most i64)
  (local $wanted {i}) (local $from {i}) (local $end {i}) (local $at {i})
  (if ({i}.gt_u @{name}_count {c}{entries}) (then (unreachable)))
  (local.set $wanted ({i}.shr_u ({i}.mul ({i}.add @{name}_count {c}{_SPARE}) {c}{self.size}) {c}16))
  (if ({i}.ge_u %wanted (memory.size ${name})) (then
    (if ({i}.lt_s (memory.grow ${name} ({i}.add ({i}.shr_u (memory.size ${name}) {c}2) {c}1)) {c}0) (then
      (if ({i}.lt_s (memory.grow ${name} {c}1) {c}0) (then (unreachable)))))))
  (loop $more
  (if {fits(most)} (then (return)))
  {self._forgets(fits(most // 2)) if self.dies else ""}
  (local.set $places (i64.div_u (i64.mul (i64.shr_u (i64.mul {count} @growth) ~{POINT}) ~100) ~{(least + most) // 2}))
  (local.set $most (i64.div_u (i64.mul {count} ~100) (select ~{least} ~{most // 2} (i64.eq @growth ~{TIMES << POINT}))))
  (call ${name}_grow (select %places %most (i64.lt_u (i64.sub %places @{name}_places) (i64.sub %most @{name}_places))))
  (br $more)))
;; Writes the index anew: from its last place on, each content goes to the place that it says, or next to the one before.
(func ${name}_grow (param $places i64) (local $wanted {i}) (local $at {i}) (local $next {i}) (local $to {i}) (local $bits i64)
  (local $sum i64) (local $step i64) (local $number i64) (local $found i64) (local $upper i64)
  (local.set $number (i64.sub @{name}_places ~1)) (local.set $bits @{name}_bits)
  (local.set $at ({i}.sub {self._all_places} {c}{_PLACE + _ROOM}))
  (local.set $step (i64.div_u ~{-(2**63)} @{name}_places))
  (local.set $sum (i64.mul %number %step))
  (global.set ${name}_places %places)
  (global.set ${name}_bits (i64.sub ~{64 + 8 * _NUMBER} (i64.clz %places)))
  (global.set ${name}_numbers (i64.sub (i64.shl ~1 @{name}_bits) ~1))
  (local.set $wanted ({i}.shr_u ({i}.add {self._all_places} {c}{_PAGE - 1}) {c}16))
  (if ({i}.gt_u %wanted (memory.size ${name}_index)) (then
    (if ({i}.lt_s (memory.grow ${name}_index ({i}.sub %wanted (memory.size ${name}_index))) {c}0) (then (unreachable)))))
  (local.set $next {self._all_places})
  (loop $more
    (local.set $found {self._content("%at")})
    (if (i64.ne %found ~0) (then
      {self._put("%at", "~0")}
      ;; The least that the place allows, then up to the bits that stand there.
      (local.set $upper (i64.shr_s %sum ~{63 - _HIGH}))
      (local.set $upper (i64.add %upper
        (i64.and (i64.sub (i64.shr_u %found %bits) %upper) (i64.shr_u ~-1 %bits))))
      (local.set $to {self._place("%upper")})
      (local.set $next (select %to %next ({i}.lt_u %to %next)))
      (local.set $found (i64.or (i64.shl %upper @{name}_bits) (i64.and %found (i64.sub (i64.shl ~1 %bits) ~1))))
      {self._put("%next", "%found")}
      (local.set $next ({i}.sub %next {c}{_PLACE}))))
    (local.set $at ({i}.sub %at {c}{_PLACE})) (local.set $number (i64.sub %number ~1)) (local.set $sum (i64.sub %sum %step))
    (br_if $more (i64.gt_s %number ~{-_LEFT}))))
"""

    def _forgets(self, is_enough: str) -> str:
        """The lines that clear the table of what is not kept, and return where that is enough."""
        name, i, c = self.name, self._i, self._c
        words = range(8, self.size, 8)
        moves = " ".join(f"(i64.store ${name} offset={n} %at (i64.load ${name} offset={n} %from))" for n in words)
        upper = f"(i64.shl (i64.load32_u ${name} offset={self.upper_at} %from) ~{_LOW})"
        lower = f"(i64.and (i64.load ${name} offset=8 %from) ~{2**_LOW - 1})"
        return f"""(local.set $end {self._behind}) (local.set $from {c}{self.size})
  (memory.fill ${name}_index {c}0 #0 {self._all_places})
  (global.set ${name}_count {c}0)
  (block $done (loop $next
    (br_if $done ({i}.ge_u %from %end))
    (if {self.dies} (then {self.buries}) (else
      (global.set $mark_1 (i64.or {upper} {lower})) (global.set $mark_2 (i64.load ${name} %from))
      (local.set $at (call ${name}_find))
      {moves}
      (call ${name}_add %at)))
    (local.set $from ({i}.add %from {c}{self.size}))
    (br $next)))
  (local.set $at {self._behind})
  (memory.fill ${name} %at #0 ({i}.sub %end %at))
  (if {is_enough} (then (return)))"""
