"""The comparison of what was observed, in WebAssembly: it finds whether `wire.answers.differences` would find anything."""

from __future__ import annotations

import struct

from tokenspec.machine.interpreters.batch.accounts import DIAL
from tokenspec.machine.interpreters.batch.short import NotCovered
from tokenspec.machine.interpreters.embedded.memory import SLOT, Slot
from tokenspec.machine.lang.specification import ShownList
from tokenspec.machine.lang.types import Bool, Enum
from tokenspec.machine.wasm.ranks import number_of
from tokenspec.oracle.base.specification import ABSENT, POOLS, SPEC, TOTAL_POOLS
from tokenspec.oracle.logs.kernel.forms import signed
from tokenspec.oracle.logs.kernel.names import CHARGE, RecordNames, holds, value_of
from tokenspec.oracle.wire.answers import BY_POOL, DELTA, LISTS, SAID, SHOWN, STATE, TOTAL


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

    def _unless(self, name: str, right: str) -> str:
        """The line that finds a value other than the right one."""
        key = self._names.observed[name]
        return f"(if {holds(key)} (then (if (i64.ne {value_of(key)} {right}) (then (return #1)))))"

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
        lines += [self._unless(name, f"(i64.load #{state[name].at})") for name in STATE if name in state]
        for number, clock in enumerate(machine.clocks):
            shown = SPEC.answer.clocks.get(clock.name, "")
            if not shown:
                raise NotCovered(f"nothing is answered of {clock.name}")
            lines.append(self._unless(shown, f"(i64.load $accounts offset={names.accounts.dials + DIAL * number} @account)"))
        for name, listed in LISTS.items():
            place = f"(i32.shl (i32.wrap_i64 (i64.load #{state[listed.variable].at})) #3)"
            lines.append(self._unless(name, f"(i64.load offset={self._listed(listed)} {place})"))
        lines += [self._unless(f"balances.{pool}", f"(i64.load #{state[pool].at})") for pool in POOLS]
        lines.append(self._unless(TOTAL, "(call $total)"))
        lines.append(self._unless(DELTA, "(i64.sub (call $total) @total_before)"))
        return lines

    def _charge(self) -> list[str]:
        """The lines about what was drawn; an empty object says that nothing was."""
        keys = self._names.observed
        is_empty, lines = f"(i64.ne (i64.and %has ~{signed(keys['charge'].empty)}) ~0)", []
        for pool in POOLS:
            drawn = f"(i64.load (i32.load offset={self._places(CHARGE + pool)} %place))"
            lines.append(f"(local.set $right (if (result i64) (i32.ge_s %rule #0) (then {drawn}) (else ~0)))")
            lines.append(self._unless(f"charge.{pool}", "%right"))
            lines.append(f"(if (i32.and {is_empty} (i64.ne %right ~0)) (then (return #1)))")
        bits = keys["charge"].empty | keys["charge"].bit
        return [f"(if (i64.ne (i64.and %has ~{signed(bits)}) ~0) (then {' '.join(lines)}))"]

    def _said(self) -> list[str]:
        """The lines about the other answers, which not every rule gives."""
        names, interface = self._names, self._names.accounts.interface
        lines = []
        for name in SAID:
            if name in ("reason", "charge", "duplicate"):
                continue
            key = names.observed[name]
            if name not in names.said:
                lines.append(f"(if {holds(key)} (then (return #1)))")
                continue
            rules = names.accounts.rules
            gives = names.space.flags(any(a.name == name for a in rules[rule].answer) for rule in interface.rules)
            lines.append(f"""(if {holds(key)} (then
    (if (i32.lt_s %rule #0) (then (return #1)))
    (if (i32.eqz (i32.load8_u offset={gives} %rule)) (then (return #1)))))""")
            lines.append(self._unless(name, f"(i64.load (i32.load offset={self._places(name)} %place))"))
        return lines

    def _places(self, said: str) -> int:
        """A table of the place of an answer by event; where an event has none, it is that of a 0."""
        names, accounts = self._names, self._names.accounts
        nothing = Slot(said, Bool(), names.space.take(SLOT))
        found = (accounts.interface.answers(e.name).get(said, nothing).at for e in accounts.whole.events)
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
