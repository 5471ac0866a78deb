"""Tables in WebAssembly: entries under the fingerprint of a text, one behind the other, and an index with open addressing.

A fingerprint has 128 bits, in the globals `$mark_1` (never 0) and `$mark_2`. An entry begins with it; where its first word is 0
there is no entry. The index has 4 bytes for each of its places, of which at most three quarters are taken: the number of the
entry, and above it as much of the fingerprint as there is room for. So a new entry mostly needs one line of memory that is in no
cache, and an old one two.
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
_PLACES_MAX = 1 << 31
"""The most places of an index: there is room for one bit of a fingerprint then."""
_PAGE = 65_536


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
  (local.set $a (select %a ~1 (i64.ne %a ~0)))"""
"""The lines that make `%a` and `%b` the fingerprint of the text at `%at`, of a size and an owner; for where a call takes long."""
MARK = long(f"""
(global $seed_1 (export "seed_1") (mut i64) ~0) (global $seed_2 (export "seed_2") (mut i64) ~0)
(global $mark_1 (mut i64) ~0) (global $mark_2 (mut i64) ~0)
(func $mixed (param $h i64) (result i64) {_mixed("h")} %h)
(func $mark (param $owner i32) (param $at i32) (param $size i32) (local $a i64) (local $b i64) (local $word i64)
  {MARKING}
  (global.set $mark_1 %a) (global.set $mark_2 %b))
""")


@dataclass(frozen=True)
class FingerprintTable:
    """A table with entries of `size` bytes at addresses of so many `bits`.

    `dies` is true of an entry, at `%from`, that need not be kept; before the table grows those are cleared, by `buries` each.
    """

    name: str
    size: int
    bits: int = 32
    dies: str = ""
    buries: str = ""

    @property
    def _i(self) -> str:
        """The type of an address."""
        return f"i{self.bits}"

    @property
    def _c(self) -> str:
        """The sign of a constant address."""
        return "#" if self.bits == 32 else "~"

    def _place(self, mark: str) -> str:
        """The first place in the index under a mark."""
        narrow = f"(i32.wrap_i64 {mark})" if self.bits == 32 else mark
        return f"({self._i}.and ({self._i}.shl {narrow} {self._c}2) @{self.name}_last)"

    def _entry(self, number: str) -> str:
        """The address of the entry of a number."""
        narrow = f"(i32.wrap_i64 {number})" if self.bits == 32 else number
        return f"({self._i}.mul {narrow} {self._c}{self.size})"

    def _above(self, mark: str) -> str:
        """The part of a mark that stands above the number of its entry in the index, where it stands there."""
        return f"(i64.shl (i64.shr_u {mark} (i64.add @{self.name}_bits ~32)) @{self.name}_bits)"

    @property
    def _behind(self) -> str:
        """The address behind the last entry."""
        return f"({self._i}.mul ({self._i}.add @{self.name}_count {self._c}1) {self._c}{self.size})"

    @property
    def _all_places(self) -> str:
        """Bytes of the index."""
        return f"({self._i}.add @{self.name}_last {self._c}4)"

    @property
    def _following(self) -> str:
        """The lines that go on to the next place: around a line of memory from the first one on, then the next line."""
        i, c = self._i, self._c
        return f"""(local.set $place ({i}.or ({i}.and %place {c}-64) ({i}.and ({i}.add %place {c}4) {c}60)))
    (if ({i}.eq %place %first) (then
      (local.set $first ({i}.and ({i}.add %place {c}64) @{self.name}_last)) (local.set $place %first)))"""

    def place_touched(self, mark: str) -> str:
        """Reads the first place under a mark: so little is done for it that more of these than of any others are on their way."""
        return long(f"(i64.load32_u ${self.name}_index {self._place(mark)})")

    def touched(self, mark: str) -> str:
        """Reads what `$NAME_find` of a mark most likely will."""
        return long(f"(i64.load ${self.name} {self.likely(mark)})")

    def likely(self, mark: str) -> str:
        """The address of the entry that a mark most likely has, by its first place; `%found` is of 64 bits.

        There is no branch in it, and no call, so that many of these are on their way at once.
        """
        found = f"(i64.xor (i64.load32_u ${self.name}_index {self._place(mark)}) {self._above(mark)})"
        return long(self._entry(f"(select (local.tee $found {found}) ~0 (i64.le_u %found @{self.name}_numbers))"))

    def text(self) -> str:
        """The memories of the table and its functions.

        `$NAME_find` returns the address of the entry under the present fingerprint, or of the place behind the last entry; there
        `$NAME_add` writes the fingerprint, unless another one was looked for since. `$NAME_room` is called before, and may move
        every entry. `$NAME_clear` empties it.
        """
        name, i, c = self.name, self._i, self._c
        kind, count = ("i64 ", f"@{name}_count") if self.bits == 64 else ("", f"(i64.extend_i32_u @{name}_count)")
        bits = _FIRST.bit_length() - 1
        return long(f"""
(memory ${name} (export "{name}") {kind}{-(-_SPARE * self.size // _PAGE)})
(memory ${name}_index (export "{name}_index") {kind}{-(-4 * _FIRST // _PAGE)})
(global ${name}_bits (mut i64) ~{bits}) (global ${name}_numbers (mut i64) ~{_FIRST - 1})
(global ${name}_last (mut {i}) {c}{4 * _FIRST - 4}) (global ${name}_count (export "{name}_count") (mut {i}) {c}0)
(global ${name}_place (mut {i}) {c}0)
(func ${name}_find (result {i}) (local $place {i}) (local $first {i}) (local $at {i}) (local $found i64) (local $above i64)
  (local.set $place (local.tee $first {self._place("@mark_1")}))
  (local.set $above {self._above("@mark_1")})
  (block $new (loop $next
    (local.set $found (i64.load32_u ${name}_index %place))
    (br_if $new (i64.eqz %found))
    (local.set $found (i64.xor %found %above))
    (if (i64.le_u %found @{name}_numbers) (then
      (local.set $at {self._entry("%found")})
      (if (i32.and (i64.eq (i64.load ${name} %at) @mark_1) (i64.eq (i64.load ${name} offset=8 %at) @mark_2))
        (then (return %at)))))
    {self._following}
    (br $next)))
  (global.set ${name}_place %place)
  {self._behind})
(func ${name}_add (param $at {i})
  (i64.store ${name} %at @mark_1) (i64.store ${name} offset=8 %at @mark_2)
  (global.set ${name}_count ({i}.add @{name}_count {c}1))
  (i64.store32 ${name}_index @{name}_place (i64.or {self._above("@mark_1")} {count})))
(func ${name}_clear
  (memory.fill ${name} {c}0 #0 {self._behind})
  (memory.fill ${name}_index {c}0 #0 {self._all_places})
  (global.set ${name}_count {c}0))
{self._room()}""")

    def _room(self) -> str:
        name, i, c = self.name, self._i, self._c
        most = min(_PLACES_MAX // 4 * 3, (2**self.bits - _PAGE) // self.size) - _SPARE
        return f"""(func ${name}_room (local $from {i}) (local $end {i}) (local $wanted {i}) (local $at {i}) (local $number i64)
  (local $place {i}) (local $first {i}) (local $mark i64)
  (if ({i}.gt_u @{name}_count {c}{most}) (then (unreachable)))
  (local.set $wanted ({i}.shr_u ({i}.mul ({i}.add @{name}_count {c}{_SPARE}) {c}{self.size}) {c}16))
  (if ({i}.ge_u %wanted (memory.size ${name})) (then
    (if ({i}.lt_s (memory.grow ${name} ({i}.add ({i}.shr_u (memory.size ${name}) {c}2) {c}1)) {c}0) (then
      (if ({i}.lt_s (memory.grow ${name} {c}1) {c}0) (then (unreachable)))))))
  (if ({i}.lt_u @{name}_count ({i}.mul ({i}.shr_u @{name}_last {c}4) {c}3)) (then (return)))
  {self._forgets() if self.dies else ""}
  (local.set $wanted ({i}.shr_u ({i}.add ({i}.mul {self._all_places} {c}2) {c}{_PAGE - 1}) {c}16))
  (if ({i}.gt_u %wanted (memory.size ${name}_index)) (then
    (if ({i}.lt_s (memory.grow ${name}_index ({i}.sub %wanted (memory.size ${name}_index))) {c}0) (then (unreachable)))))
  (global.set ${name}_last ({i}.sub ({i}.mul {self._all_places} {c}2) {c}4))
  (global.set ${name}_bits (i64.add @{name}_bits ~1))
  (global.set ${name}_numbers (i64.sub (i64.shl ~1 @{name}_bits) ~1))
  (memory.fill ${name}_index {c}0 #0 {self._all_places})
  (local.set $from {c}{self.size}) (local.set $end {self._behind}) (local.set $number ~1)
  (loop $next
    (local.set $mark (i64.load ${name} %from))
    (local.set $place (local.tee $first {self._place("%mark")}))
    (block $free (loop $taken
      (br_if $free (i32.eqz (i32.load ${name}_index %place)))
      {self._following}
      (br $taken)))
    (i64.store32 ${name}_index %place (i64.or {self._above("%mark")} %number))
    (local.set $number (i64.add %number ~1))
    (local.set $from ({i}.add %from {c}{self.size}))
    (br_if $next ({i}.lt_u %from %end))))
"""

    def _forgets(self) -> str:
        """The lines that clear the table of what is not kept, and return where that is enough."""
        name, i, c = self.name, self._i, self._c
        words = range(16, self.size, 8)
        moves = " ".join(f"(i64.store ${name} offset={n} %at (i64.load ${name} offset={n} %from))" for n in words)
        return f"""(local.set $end {self._behind}) (local.set $from {c}{self.size})
  (memory.fill ${name}_index {c}0 #0 {self._all_places})
  (global.set ${name}_count {c}0)
  (block $done (loop $next
    (br_if $done ({i}.ge_u %from %end))
    (if {self.dies} (then {self.buries}) (else
      (global.set $mark_1 (i64.load ${name} %from)) (global.set $mark_2 (i64.load ${name} offset=8 %from))
      (local.set $at (call ${name}_find))
      (call ${name}_add %at)
      {moves}))
    (local.set $from ({i}.add %from {c}{self.size}))
    (br $next)))
  (local.set $at {self._behind})
  (memory.fill ${name} %at #0 ({i}.sub %end %at))
  (if ({i}.lt_u @{name}_count ({i}.shr_u @{name}_last {c}3)) (then (return)))"""
