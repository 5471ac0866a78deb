"""The comparison of what was observed, in WebAssembly: it finds whether `wire.answers.differences` would find anything."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from tokenspec.machine.interpreters.batch.accounts import DIAL
from tokenspec.machine.interpreters.batch.short import NotCovered
from tokenspec.machine.interpreters.embedded.memory import SLOT, Slot
from tokenspec.machine.lang.specification import ShownList
from tokenspec.machine.lang.types import Bool, Enum
from tokenspec.machine.wasm.ranks import number_of
from tokenspec.oracle.base.specification import ABSENT, POOLS, SPEC, TOTAL_POOLS
from tokenspec.oracle.logs.kernel.forms import HASH, signed
from tokenspec.oracle.logs.kernel.names import CHARGE, RecordNames, holds, value_of
from tokenspec.oracle.wire.answers import BY_POOL, DELTA, LISTS, SAID, SHOWN, STATE, TOTAL

_OF_ALL = ("reason", "charge", "duplicate")
"""Names that may be left out of an answer without being answers of some rules."""
_NOT_GIVEN = HASH[2]
"""In a fingerprint, in the place of an answer that a rule does not give."""


class ObservedComparison:
    """The comparison with the state of an account and with what its last step answered."""

    def __init__(self, names: RecordNames) -> None:
        self._names = names

    def text(self) -> str:
        """The function `$differs`: 1 where anything observed is not what the last step of an event did."""
        state = self._names.accounts.interface.state
        total = "~0"
        for pool in TOTAL_POOLS:
            total = f"(i64.add {total} (i64.load #{state[pool].at}))"
        return f"""(global $total_before (mut i64) ~0)
(func $total (result i64) {total})
(func $differs (param $event i32) (param $rule i32) (param $has i64) (result i32) (local $place i32) (local $right i64)
  (local.set $place (i32.shl %event #2))
  {" ".join([*self._outcome(), *self._state(), *self._charge(), *self._said()])}
  #0)"""

    @property
    def before(self) -> str:
        """The lines before a step, without which its change of the total would not be known."""
        return f"(if {holds(self._names.observed[DELTA])} (then (global.set $total_before (call $total))))"

    def _unless(self, name: str, right: str) -> str:
        """The line that finds a value other than the right one."""
        key = self._names.observed[name]
        return f"(if {holds(key)} (then (if (i64.ne {value_of(key)} {right}) (then (return #1)))))"

    def _if_any(self, lines: Mapping[str, str]) -> str:
        """The lines of some names, for a record that observes one of them at least."""
        bits = 0
        for name in lines:
            bits |= self._names.observed[name].bit
        return f"(if (i64.ne (i64.and %has ~{signed(bits)}) ~0) (then {' '.join(lines.values())}))"

    def _outcome(self) -> list[str]:
        reason = self._names.observed["reason"]
        return [
            self._unless("outcome", "(i64.extend_i32_u (i32.ge_s %rule #0))"),
            f"(if (i32.and {holds(reason)} (i32.ge_s %rule #0)) (then (return #1)))",
            self._unless("reason", "(i64.extend_i32_s (i32.sub #-1 %rule))"),
            self._unless("duplicate", "~0"),
        ]

    def _state(self) -> list[str]:
        names, machine = self._names, self._names.oracle.machine
        state, control, of_state = names.accounts.interface.state, machine.control_variable, 0
        for name in (*STATE, "balances", TOTAL):
            of_state |= names.observed[name].bit
        if any(name not in state for name in (*SHOWN, *POOLS)):
            raise NotCovered("an answer tells of what the machine has not")
        # Where there is no account, none of it has a value.
        absent = f"(i64.eq (i64.load #{state[control.name].at}) ~{number_of(control.type, str(ABSENT))})"
        lines = [f"(if (i32.and {absent} (i64.ne (i64.and %has ~{signed(of_state)}) ~0)) (then (return #1)))"]
        shown = [(name.partition(".")[0] in BY_POOL, name, right) for name, right in self._shown()]
        for of_pool in (False, True):
            lines.append(self._if_any({name: self._unless(name, right) for is_of, name, right in shown if is_of == of_pool}))
        lines.append(self._unless(TOTAL, "(call $total)"))
        lines.append(self._unless(DELTA, "(i64.sub (call $total) @total_before)"))
        return lines

    def _shown(self) -> Iterator[tuple[str, str]]:
        """The answers about the state of an account, by name."""
        names, machine = self._names, self._names.oracle.machine
        state = names.accounts.interface.state
        yield from ((name, f"(i64.load #{state[name].at})") for name in STATE if name in state)
        for number, clock in enumerate(machine.clocks):
            shown = SPEC.answer.clocks.get(clock.name, "")
            if not shown:
                raise NotCovered(f"nothing is answered of {clock.name}")
            yield shown, f"(i64.load $accounts offset={names.accounts.dials + DIAL * number} @account)"
        for name, listed in LISTS.items():
            place = f"(i32.shl (i32.wrap_i64 (i64.load #{state[listed.variable].at})) #3)"
            yield name, f"(i64.load offset={self._listed(listed)} {place})"
        yield from ((f"balances.{pool}", f"(i64.load #{state[pool].at})") for pool in POOLS)

    def _drawn(self) -> Iterator[tuple[str, str]]:
        """The tokens drawn, by pool; a refusal draws none."""
        for pool in POOLS:
            drawn = f"(i64.load (i32.load offset={self._places(CHARGE + pool)} %place))"
            yield pool, f"(if (result i64) (i32.ge_s %rule #0) (then {drawn}) (else ~0))"

    def _given(self, name: str) -> tuple[str, str]:
        """True where the rule gives an answer beside the state and the charge, and what it gives."""
        names = self._names
        gives = names.space.flags(any(a.name == name for a in rule.answer) for rule in names.rules)
        is_given = f"(if (result i32) (i32.lt_s %rule #0) (then #0) (else (i32.load8_u offset={gives} %rule)))"
        return is_given, f"(i64.load (i32.load offset={self._places(name)} %place))"

    def answered(self) -> str:
        """The function `$answered`: a fingerprint of the answer to the last step of an event, but for its delta."""
        values = [right for _, right in (*self._shown(), *self._drawn())]
        for name in SAID:
            if name in self._names.said and name not in _OF_ALL:
                is_given, value = self._given(name)
                values.append(f"(if (result i64) {is_given} (then {value}) (else ~{signed(_NOT_GIVEN)}))")
        mixed = [f"(local.set $h (i64.mul (i64.rotl (i64.xor %h {value}) ~29) ~{signed(HASH[0])}))" for value in values]
        return f"""
(func $answered (param $event i32) (param $rule i32) (result i64) (local $place i32) (local $h i64)
  (local.set $place (i32.shl %event #2))
  (local.set $h (if (result i64) (i32.ge_s %rule #0) (then ~0) (else (i64.extend_i32_s %rule))))
  {" ".join(mixed)}
  (call $mixed %h))"""

    def _charge(self) -> list[str]:
        """The lines about what was drawn; an empty object says that nothing was."""
        keys = self._names.observed
        is_empty, lines = f"(i64.ne (i64.and %has ~{signed(keys['charge'].empty)}) ~0)", []
        for pool, drawn in self._drawn():
            lines.append(f"(local.set $right {drawn})")
            lines.append(self._unless(f"charge.{pool}", "%right"))
            lines.append(f"(if (i32.and {is_empty} (i64.ne %right ~0)) (then (return #1)))")
        bits = keys["charge"].empty | keys["charge"].bit
        return [f"(if (i64.ne (i64.and %has ~{signed(bits)}) ~0) (then {' '.join(lines)}))"]

    def _said(self) -> list[str]:
        """The lines about the other answers, which not every rule gives."""
        names, lines = self._names, dict[str, str]()
        for name in SAID:
            if name in _OF_ALL:
                continue
            if name not in names.said:
                lines[name] = f"(if {holds(names.observed[name])} (then (return #1)))"
                continue
            is_given, value = self._given(name)
            is_missing = f"(if {holds(names.observed[name])} (then (if (i32.eqz {is_given}) (then (return #1)))))"
            lines[name] = f"{is_missing} {self._unless(name, value)}"
        return [self._if_any(lines)]

    def _places(self, said: str) -> int:
        """A table of the place of an answer by event; where an event has none, it is that of a 0."""
        names = self._names
        nothing = Slot(said, Bool(), names.space.take(SLOT))
        found = (names.answers(e.name).get(said, nothing).at for e in names.judged)
        return names.space.put(b"".join(struct.pack("<I", at) for at in found))

    def _listed(self, shown: ShownList) -> int:
        """A table of the members that an answer lists, by value of the variable that decides."""
        names, oracle = self._names, self._names.oracle
        kind = next(v.type for v in oracle.machine.variables if v.name == shown.variable)
        assert isinstance(kind, Enum)
        lists = [shown.of(value, oracle.parameters) for value in kind.order]
        return names.space.put(b"".join(struct.pack("<q", sum(1 << names.members[m] for m in members)) for members in lists))

    @property
    def comparable(self) -> int:
        """The bits of everything that can be compared."""
        names = self._names
        keys, within = names.observed, {f"{name}.{pool}" for name in BY_POOL for pool in POOLS}
        bits = keys["charge"].empty
        for name, key in keys.items():
            if name in within or name not in BY_POOL:
                bits |= key.bit
        return bits

    @property
    def holds_a_value(self) -> str:
        """A number other than 0 where anything observed, and found right, holds a value: `wire.answers.can_be_compared`."""
        keys = self._names.observed
        drawn = [keys[f"charge.{pool}"] for pool in POOLS]
        equal_absence = keys["charge"].empty | keys["duplicate"].bit | sum(key.bit for key in drawn)
        text = "#0"
        for key in drawn:
            text = f"(i32.or {text} (i32.and {holds(key)} (i64.ne {value_of(key)} ~0)))"
        is_other = f"(i64.ne (i64.and %has ~{signed(self.comparable & ~equal_absence)}) ~0)"
        return f"(if (result i32) {is_other} (then #1) (else {text}))"
