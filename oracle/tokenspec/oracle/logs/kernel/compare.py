"""The comparison of what was observed, in WebAssembly: it finds whether `wire.answers.differences` would find anything."""

from __future__ import annotations

import struct

from tokenspec.machine.interpreters.batch.accounts import DIAL
from tokenspec.machine.interpreters.batch.short import NotCovered
from tokenspec.machine.interpreters.embedded.memory import SLOT, Slot
from tokenspec.machine.lang.types import Bool, Enum
from tokenspec.machine.wasm.ranks import number_of
from tokenspec.oracle.logs.kernel.forms import Key, signed
from tokenspec.oracle.logs.kernel.names import CHARGE, Names, holds, value_of
from tokenspec.oracle.wire.answers import BY_POOL, DELTA, SAID, STATE, TOTAL
from tokenspec.oracle.wire.observations import INSTANTS
from tokenspec.spec.words import ABSENT, APP_POOLS, POOLS


class Comparison:
    """The comparison with the state of an account and with what its last step answered."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def text(self) -> str:
        """Writes the comparison of what was observed with the state and with what the last step answered."""
        names, accounts, oracle = self._names, self._names.accounts, self._names.oracle
        state, keys = accounts.interface.state, names.observed
        of_state = 0
        lines = []

        def compare(key: Key, right: str) -> None:
            lines.append(f"(if {holds(key)} (then (if (i64.ne {value_of(key)} {right}) (then (return #1)))))")

        control = oracle.machine.control_variable
        for name in STATE:
            of_state |= keys[name].bit
        for name in ("balances", TOTAL):
            of_state |= keys[name].bit
        absent = f"(i64.eq (i64.load #{state[control.name].at}) ~{number_of(control.type, ABSENT)})"
        lines.append(f"(if (i32.and {absent} (i64.ne (i64.and %has ~{signed(of_state)}) ~0)) (then (return #1)))")
        compare(keys["outcome"], "(i64.extend_i32_u (i32.ge_s %rule #0))")
        lines.append(f"""(if {holds(keys["reason"])} (then
    (if (i32.ge_s %rule #0) (then (return #1)))
    (if (i64.ne {value_of(keys["reason"])} (i64.extend_i32_s (i32.sub #-1 %rule))) (then (return #1)))))""")
        for name in STATE:
            if name in state:
                compare(keys[name], f"(i64.load #{state[name].at})")
        for number, clock in enumerate(oracle.machine.clocks):
            name = next((n for n in INSTANTS if n in (f"next_{clock.name}_at", f"next_{clock.job}_at")), "")
            if not name:
                raise NotCovered(f"nothing is answered of {clock.name}")
            compare(keys[name], f"(i64.load $accounts offset={accounts.dials + DIAL * number} @account)")
        compare(
            keys["relaxed"], f"(i64.load offset={self._relaxed()} (i32.shl (i32.wrap_i64 (i64.load #{state['plan'].at})) #3))"
        )
        lines.append(f"(if {holds(keys['duplicate'])} (then (if (i64.ne {value_of(keys['duplicate'])} ~0) (then (return #1)))))")
        for pool in POOLS:
            compare(keys[f"balances.{pool}"], f"(i64.load #{state[pool].at})")
        compare(keys[TOTAL], "(call $total)")
        compare(keys[DELTA], "(i64.sub (call $total) @total_before)")
        charges = [(pool, self._places(CHARGE + pool)) for pool in POOLS]
        charged = 0
        for pool in POOLS:
            charged |= keys[f"charge.{pool}"].bit
        charged |= keys["charge"].empty
        inner = []
        for pool, places in charges:
            key, value = keys[f"charge.{pool}"], f"(i64.load (i32.load offset={places} %place))"
            right = f"(if (result i64) (i32.ge_s %rule #0) (then {value}) (else ~0))"
            inner.append(f"(local.set $right {right})")
            inner.append(f"(if {holds(key)} (then (if (i64.ne {value_of(key)} %right) (then (return #1)))))")
            none = f"(i32.and (i64.ne (i64.and %has ~{signed(keys['charge'].empty)}) ~0) (i64.ne %right ~0))"
            inner.append(f"(if {none} (then (return #1)))")
        lines.append(f"(if (i64.ne (i64.and %has ~{signed(charged)}) ~0) (then {' '.join(inner)}))")
        for name in SAID:
            if name in ("reason", "charge", "duplicate"):
                continue
            if name not in names.said:
                lines.append(f"(if {holds(keys[name])} (then (return #1)))")
                continue
            gives = names.space.flags(
                any(a.name == name for a in accounts.rules[rule].answer) for rule in accounts.interface.rules
            )
            value = f"(i64.load (i32.load offset={self._places(name)} %place))"
            lines.append(f"""(if {holds(keys[name])} (then
    (if (i32.lt_s %rule #0) (then (return #1)))
    (if (i32.eqz (i32.load8_u offset={gives} %rule)) (then (return #1)))
    (if (i64.ne {value_of(keys[name])} {value}) (then (return #1)))))""")
        total = "~0"
        for pool in APP_POOLS:
            total = f"(i64.add {total} (i64.load #{state[pool].at}))"
        return f"""(global $total_before (mut i64) ~0)
(func $total (result i64) {total})
;; 1 where anything observed is not what the last step of this event did.
(func $differs (param $event i32) (param $rule i32) (param $has i64) (result i32) (local $place i32) (local $right i64)
  (local.set $place (i32.shl %event #2))
  {" ".join(lines)}
  #0)"""

    def _places(self, said: str) -> int:
        """A table of the place of an answer by event; where an event has none, it is that of a 0."""
        names, accounts = self._names, self._names.accounts
        nothing = Slot(said, Bool(), names.space.take(SLOT))
        found = (accounts.interface.answers(e.name).get(said, nothing).at for e in accounts.whole.events)
        return names.space.put(b"".join(struct.pack("<I", at) for at in found))

    def _relaxed(self) -> int:
        """A table of the media of unlimited generation by plan."""
        names, oracle = self._names, self._names.oracle
        kind = next(v.type for v in oracle.machine.variables if v.name == "plan")
        assert isinstance(kind, Enum)
        plans = oracle.catalogue.plans
        listed = [plans[plan].relaxed if plan in plans else () for plan in kind.order]
        return names.space.put(b"".join(struct.pack("<q", sum(1 << names.media[m] for m in media)) for media in listed))

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
