"""The judge of one record, in WebAssembly: what the oracle does with it and what `wire.answers.differences` finds.

An account at which anything is unusual, or anything differs, becomes dirty: the oracle looks at it from its first line on.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cached_property
from types import SimpleNamespace

from tokenspec.machine.interpreters.batch.accounts import Accounts, NotCovered
from tokenspec.machine.interpreters.batch.short import Space, long
from tokenspec.machine.interpreters.batch.tables import table_text
from tokenspec.machine.interpreters.embedded.memory import NO_RULE, SLOT, Slot
from tokenspec.machine.lang.declaration import Actor, Event, Field, Origin, Shape
from tokenspec.machine.lang.types import Bool, Enum, Tokens, Type
from tokenspec.machine.lang.validate_memory import memory_scope
from tokenspec.machine.wasm.ranks import number_of
from tokenspec.oracle.logs.kernel.forms import ACCOUNT, ENTRY_1, ENTRY_2, HAS, ID_1, ID_2, ODD, ROOT, SEEN, Forms, Key, Kind
from tokenspec.oracle.runtime.facts import fact
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.answers import BY_POOL, DELTA, FIELDS, SAID, STATE, SUMS, TOTAL
from tokenspec.oracle.wire.observations import INSTANTS
from tokenspec.oracle.wire.resets import runs_by_itself
from tokenspec.spec.words import ABSENT, APP_POOLS, NONE, POOLS, UNLISTED

WRONG_WORD = -1
"""The value of an observed word that no answer has: it differs from every one."""
_ALIASED = ("plan", "scheduled_plan")
_CHARGE = "charge_"


class Judge:
    """The judge of records under the settings of `oracle`."""

    def __init__(self, oracle: Oracle, space: Space, forms: Forms) -> None:
        self.oracle, self.space, self.forms = oracle, space, forms
        self._aliases = oracle.catalogue.aliases
        self._events = {e.name: e for e in oracle.machine.events if e.actor is not Actor.CLOCK}
        account = {name: forms.key(ROOT, name, Kind.TEXT) for name in ("account", "id")}
        self.account, self._id = account["account"], account["id"]
        self._at = forms.key(ROOT, "at", Kind.INSTANT)
        self._payload = self._payload_keys()
        times = {name: _value(key) for name, key in self._payload.items()}
        implied = frozenset(c.name for c in oracle.machine.clocks if runs_by_itself(oracle.resets, c.name))
        self.accounts = Accounts(oracle.machine, oracle.parameters, implied, times, space)
        numbers = self.accounts.numbers
        self._event = forms.key(
            ROOT, "event", Kind.WORD, forms.meanings({name: numbers[name] for name in self._events}), WRONG_WORD
        )
        self._observed = self._observed_keys()
        self._rules, self._codes = self.accounts.interface.rules, self.accounts.interface.codes
        self.counters = space.take(SLOT * (len(self._rules) + len(numbers) * len(self._codes)))
        self.compared, self.nothing_observed = space.take(SLOT), space.take(SLOT)

    # The names of a record

    def _payload_keys(self) -> dict[str, Key]:
        kinds: dict[str, tuple[Kind, Type | None]] = {}
        for event in (*self._events.values(), *self.oracle.session_machine.events):
            wanted: dict[str, tuple[Kind, Type | None]] = {
                f.key: (_kind_of(f.type), f.type) for f in event.fields if f.origin is Origin.PAYLOAD
            }
            shapes = {Shape.TEXT: Kind.TEXT, Shape.TIME_OF_DAY: Kind.TIME}
            wanted |= {key.name: (shapes[key.shape], None) for key in event.keys if key.shape in shapes}
            for name, kind in wanted.items():
                if kinds.setdefault(name, kind) != kind:
                    raise NotCovered(f"{name} has two forms")
        return {name: self._payload_key(name, kind, of) for name, (kind, of) in kinds.items()}

    def _payload_key(self, name: str, kind: Kind, of: Type | None) -> Key:
        if not isinstance(of, Enum):
            return self.forms.key(ROOT, name, kind)
        words = self._words(of, {UNLISTED}, name)
        return self.forms.key(ROOT, name, kind, words, number_of(of, UNLISTED) if UNLISTED in of.members else ODD)

    def _words(self, kind: Enum, without: set[str], name: str) -> int:
        numbers = {member: number_of(kind, member) for member in kind.members if member not in without}
        if name in _ALIASED:
            numbers |= {alias: numbers[plan] for alias, plan in self._aliases.items() if plan in numbers}
        return self.forms.meanings(numbers)

    def _observed_keys(self) -> dict[str, Key]:
        forms, interface = self.forms, self.accounts.interface
        observed, variables = forms.context(), {v.name: v.type for v in self.oracle.machine.variables}
        forms.key(ROOT, "observed", Kind.OBJECT, observed)
        media = sorted({medium for plan in self.oracle.catalogue.plans.values() for medium in plan.relaxed})
        self._media = {medium: number for number, medium in enumerate(media)}
        keys: dict[str, Key] = {}
        for name in (*FIELDS, *SUMS):
            kind, words, other = Kind.WORD, ROOT, WRONG_WORD
            said = self._said.get(name)
            if name in BY_POOL:
                pools = forms.context(observed)
                keys[name] = forms.key(observed, name, Kind.OBJECT, pools, may_be_empty=name == "charge")
                keys |= {f"{name}.{pool}": forms.key(pools, pool, Kind.NUMBER) for pool in POOLS}
                continue
            if name in INSTANTS:
                kind = Kind.INSTANT
            elif name in SUMS or isinstance(said, Tokens):
                kind = Kind.NUMBER
            elif name == "duplicate":
                kind = Kind.TRUTH
            elif name == "relaxed":
                kind, words = Kind.WORDS, forms.meanings(self._media)
            elif name == "outcome":
                words = forms.meanings({"refused": 0, "accepted": 1})
            elif name == "reason":
                words = forms.meanings((code, number) for number, code in enumerate(interface.codes))
            elif name in variables:
                of = variables[name]
                assert isinstance(of, Enum), "a state field that is no pool is one of a list"
                words = self._words(of, {ABSENT, NONE}, name)
            elif isinstance(said, Enum):
                words = self._words(said, set(), name)
            keys[name] = forms.key(observed, name, kind, words, other)
        return keys

    @cached_property
    def _said(self) -> dict[str, Type]:
        """What events answer beside the state and the charge, by name."""
        found: dict[str, Type] = {}
        for name in self._events:
            for said, slot in self.accounts.interface.answers(name).items():
                if not said.startswith(_CHARGE) and found.setdefault(said, slot.kind) != slot.kind:
                    raise NotCovered(f"{said} has two forms")
        if not found.keys() <= set(SAID):
            raise NotCovered("an answer has a name of its own")
        return found

    # The text

    def parts(self) -> Iterator[str]:
        """The parts of the module that judge."""
        yield from self.accounts.parts()
        yield table_text("ids", 16)
        yield self._fields()
        yield long(self._differs())
        yield long(self._judge())

    def _fields(self) -> str:
        """Writes, for each event that a record can bring, the function that gives its fields."""
        events, numbers = self.accounts.whole.events, self.accounts.numbers
        names = [f"$fields_{n}" if e.name in self._events else "$no_fields" for n, e in enumerate(events)]
        functions = [f"(func $fields_{numbers[name]} {self._given(name)})" for name in self._events]
        table = f"(table $fields {len(names)} funcref) (elem (table $fields) (i32.const 0) func {' '.join(names)})"
        return long("\n".join(["(func $no_fields)", table, "(type $gives (func))", *functions]))

    def _given(self, name: str) -> str:
        slots, fields = self.accounts.interface.fields(name), self.accounts.whole.event_named[name].fields
        values = [(slots[f.name], self._value(f)) for f in fields]
        return " ".join(f"(i64.store #{slot.at} {value})" for slot, value in values)

    def _value(self, f: Field) -> str:
        if f.origin is Origin.PAYLOAD:
            return _value(self._payload[f.key])
        return f"~{self._known(f)}"

    def _known(self, f: Field) -> int:
        """A fact that the catalogue alone decides, of a record that names nothing."""
        nothing = SimpleNamespace(**dict.fromkeys(self._payload))
        try:
            value = fact(f.name, self.oracle.catalogue, self.oracle.app_balances)(None, nothing)  # type: ignore[arg-type]
        except (KeyError, AttributeError):
            raise NotCovered(f"{f.name} is not a fact of the catalogue") from None
        return number_of(f.type, value)

    def _names(self, name: str) -> tuple[int, int]:
        """The bits of the names that a record of an event may hold, and of those that it must; others are looked at."""
        event = self._events[name]
        always = self.account.bit | self._at.bit | self._event.bit
        may = always | self._id.bit | self.forms.keys[ROOT, "observed"].bit
        must = always
        for f in event.fields:
            if f.origin is Origin.PAYLOAD:
                may |= self._payload[f.key].bit
                must |= self._payload[f.key].bit
        for key in event.keys:
            bit = self._payload[key.name].bit if key.name in self._payload else 0
            if not key.optional:
                must |= bit
            if not self._tells_facts(event) or key.name == self._memory_key:
                may |= bit
        return may, must

    @property
    def _memory_key(self) -> str:
        memory = self.oracle.machine.memory
        return memory.key if memory is not None else ""

    def _tells_facts(self, event: Event) -> bool:
        """Returns whether facts are looked up by the keys of an event, other than in the memory."""
        memory = self.oracle.machine.memory
        remembered = memory_scope(memory) if memory is not None else {}
        return any(f.instead or (f.origin is Origin.FACT and f.name not in remembered) for f in event.fields)

    def _differs(self) -> str:
        """Writes the comparison of what was observed with the state and with what the last step answered."""
        state, keys = self.accounts.interface.state, self._observed
        of_state = 0
        lines = []

        def compare(key: Key, right: str) -> None:
            lines.append(f"(if {_holds(key)} (then (if (i64.ne {_value(key)} {right}) (then (return #1)))))")

        control = self.oracle.machine.control_variable
        for name in STATE:
            of_state |= keys[name].bit
        for name in ("balances", TOTAL):
            of_state |= keys[name].bit
        absent = f"(i64.eq (i64.load #{state[control.name].at}) ~{number_of(control.type, ABSENT)})"
        lines.append(f"(if (i32.and {absent} (i64.ne (i64.and %has ~{_signed(of_state)}) ~0)) (then (return #1)))")
        compare(keys["outcome"], "(i64.extend_i32_u (i32.ge_s %rule #0))")
        lines.append(f"""(if {_holds(keys["reason"])} (then
    (if (i32.ge_s %rule #0) (then (return #1)))
    (if (i64.ne {_value(keys["reason"])} (i64.extend_i32_s (i32.sub #-1 %rule))) (then (return #1)))))""")
        for name in STATE:
            if name in state:
                compare(keys[name], f"(i64.load #{state[name].at})")
        for number, clock in enumerate(self.oracle.machine.clocks):
            name = next((n for n in INSTANTS if n in (f"next_{clock.name}_at", f"next_{clock.job}_at")), "")
            if not name:
                raise NotCovered(f"nothing is answered of {clock.name}")
            compare(keys[name], f"(i64.load $accounts offset={self.accounts.dials + 24 * number} @account)")
        compare(
            keys["relaxed"], f"(i64.load offset={self._relaxed()} (i32.shl (i32.wrap_i64 (i64.load #{state['plan'].at})) #3))"
        )
        lines.append(
            f"(if {_holds(keys['duplicate'])} (then (if (i64.ne {_value(keys['duplicate'])} ~0) (then (return #1)))))"
        )
        for pool in POOLS:
            compare(keys[f"balances.{pool}"], f"(i64.load #{state[pool].at})")
        compare(keys[TOTAL], "(call $total)")
        compare(keys[DELTA], "(i64.sub (call $total) @total_before)")
        charges = [(pool, self._places(_CHARGE + pool)) for pool in POOLS]
        charged = 0
        for pool in POOLS:
            charged |= keys[f"charge.{pool}"].bit
        charged |= keys["charge"].empty
        inner = []
        for pool, places in charges:
            key, value = keys[f"charge.{pool}"], f"(i64.load (i32.load offset={places} %place))"
            right = f"(if (result i64) (i32.ge_s %rule #0) (then {value}) (else ~0))"
            inner.append(f"(local.set $right {right})")
            inner.append(f"(if {_holds(key)} (then (if (i64.ne {_value(key)} %right) (then (return #1)))))")
            none = f"(i32.and (i64.ne (i64.and %has ~{_signed(keys['charge'].empty)}) ~0) (i64.ne %right ~0))"
            inner.append(f"(if {none} (then (return #1)))")
        lines.append(f"(if (i64.ne (i64.and %has ~{_signed(charged)}) ~0) (then {' '.join(inner)}))")
        for name in SAID:
            if name in ("reason", "charge", "duplicate"):
                continue
            if name not in self._said:
                lines.append(f"(if {_holds(keys[name])} (then (return #1)))")
                continue
            gives = self.space.flags(
                any(a.name == name for a in self.accounts.rules[rule].answer) for rule in self.accounts.interface.rules
            )
            value = f"(i64.load (i32.load offset={self._places(name)} %place))"
            lines.append(f"""(if {_holds(keys[name])} (then
    (if (i32.lt_s %rule #0) (then (return #1)))
    (if (i32.eqz (i32.load8_u offset={gives} %rule)) (then (return #1)))
    (if (i64.ne {_value(keys[name])} {value}) (then (return #1)))))""")
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
        nothing = Slot(said, Bool(), self.space.take(SLOT))
        found = (self.accounts.interface.answers(e.name).get(said, nothing).at for e in self.accounts.whole.events)
        return self.space.put(b"".join(struct.pack("<I", at) for at in found))

    def _relaxed(self) -> int:
        """A table of the media of unlimited generation by plan."""
        kind = next(v.type for v in self.oracle.machine.variables if v.name == "plan")
        assert isinstance(kind, Enum)
        plans = self.oracle.catalogue.plans
        listed = [plans[plan].relaxed if plan in plans else () for plan in kind.order]
        return self.space.put(b"".join(struct.pack("<q", sum(1 << self._media[m] for m in media)) for media in listed))

    @property
    def _comparable(self) -> int:
        keys, within = self._observed, {f"{name}.{pool}" for name in BY_POOL for pool in POOLS}
        bits = keys["charge"].empty
        for name, key in keys.items():
            if name in within or name not in BY_POOL:
                bits |= key.bit
        return bits

    def _judge(self) -> str:
        names = [self._names(e.name) if e.name in self._events else (0, 0) for e in self.accounts.whole.events]
        of_record = 0
        for (context, _), key in self.forms.keys.items():
            if context == ROOT:
                of_record |= key.bit
        may = self.space.put(b"".join(struct.pack("<Q", of_record & ~may) for may, _ in names))
        must = self.space.put(b"".join(struct.pack("<Q", must) for _, must in names))
        codes, rules = len(self._codes), len(self._rules)
        marks = touches = remembers = ""
        if self.oracle.machine.memory is not None:
            key = self._payload[self._memory_key]
            marks = f"""(if (i64.ne (i64.and (i64.load offset={HAS} %row) ~{_signed(key.bit)}) ~0) (then
    (call $entries_room)
    {_marked(key, "(i32.load offset=" + str(ACCOUNT) + " %row)")}
    (i64.store offset={ENTRY_1} %row @mark_1) (i64.store offset={ENTRY_2} %row @mark_2)))"""
            touches = f"""(local.set $row %from)
  (loop $next
    (if (i64.ne (i64.and (i64.load offset={HAS} %row) ~{_signed(key.bit)}) ~0) (then
      (local.set $sum (i64.xor %sum (call $entries_touch (i64.load offset={ENTRY_1} %row))))))
    (local.set $row (i32.add %row #{self.forms.row}))
    (br_if $next (i32.lt_u %row %end)))"""
            remembers = (
                f"(global.set $mark_1 (i64.load offset={ENTRY_1} @row)) (global.set $mark_2 (i64.load offset={ENTRY_2} @row))"
            )
        uses = "#1" if self.oracle.uses_id_up("refused") else "(i32.ge_s %rule #0)"
        soiled = "(then (call $soil) (return #1))"
        return f"""
(global $touched (mut i64) ~0)
(func $bump (param $at i32) (i64.store %at (i64.add (i64.load %at) ~1)))
(func $counts_twice (result i32) (i64.eqz (i64.and (i64.load offset={HAS} @row) ~{_signed(self._id.bit)})))
;; Finds the accounts of rows, and touches what they need: all of it is on its way at once, and in a cache when it is needed.
(func $look_ahead (param $from i32) (param $end i32) (local $row i32) (local $sum i64)
  (if (i32.ge_u %from %end) (then (return)))
  (local.set $row %from)
  (loop $next
    (call $names_room)
    {_marked(self.account, "#0")}
    (i64.store offset={ENTRY_1} %row @mark_1) (i64.store offset={ENTRY_2} %row @mark_2)
    (local.set $sum (i64.xor %sum (call $names_touch @mark_1)))
    (local.set $row (i32.add %row #{self.forms.row}))
    (br_if $next (i32.lt_u %row %end)))
  (local.set $row %from)
  (loop $next
    (call $names_room)
    (global.set $mark_1 (i64.load offset={ENTRY_1} %row)) (global.set $mark_2 (i64.load offset={ENTRY_2} %row))
    (i32.store offset={ACCOUNT} %row (call $account_of))
    (local.set $sum (i64.xor %sum (i64.load $accounts (i32.load offset={ACCOUNT} %row))))
    (local.set $sum (i64.xor %sum (i64.load $accounts offset={self.accounts.stride // 2} (i32.load offset={ACCOUNT} %row))))
    {marks}
    (if (i64.ne (i64.and (i64.load offset={HAS} %row) ~{_signed(self._id.bit)}) ~0) (then
      (call $ids_room)
      {_marked(self._id, "(i32.load offset=" + str(ACCOUNT) + " %row)")}
      (i64.store offset={ID_1} %row @mark_1) (i64.store offset={ID_2} %row @mark_2)
      (local.set $sum (i64.xor %sum (call $ids_touch @mark_1)))))
    (local.set $row (i32.add %row #{self.forms.row}))
    (br_if $next (i32.lt_u %row %end)))
  {touches}
  (global.set $touched %sum))
;; 0 for a row of a clean account that conforms, 1 for one of a dirty account.
(func $judge (result i32)
  (local $seen i64) (local $has i64) (local $event i32) (local $at i64) (local $rule i32) (local $id i32)
  (global.set $account (i32.load offset={ACCOUNT} @row))
  (if (call $is_dirty) (then (return #1)))
  (local.set $seen (i64.load offset={SEEN} @row)) (local.set $has (i64.load offset={HAS} @row))
  (if (i64.eqz (i64.and %has ~{_signed(self._event.bit)})) {soiled})
  (local.set $event (i32.wrap_i64 {_value(self._event)}))
  (if (i32.eq %event #{WRONG_WORD}) {soiled})
  (if (i64.ne (i64.and %seen (i64.load offset={may} (i32.shl %event #3))) ~0) {soiled})
  (if (i64.ne (i64.load offset={must} (i32.shl %event #3)) (i64.and %has (i64.load offset={must} (i32.shl %event #3)))) {soiled})
  (local.set $at {_value(self._at)})
  (if (i64.lt_s %at (i64.load $accounts offset=8 @account)) {soiled})
  (local.set $id #-1)
  (if (i64.ne (i64.and %has ~{_signed(self._id.bit)}) ~0) (then
    (global.set $mark_1 (i64.load offset={ID_1} @row)) (global.set $mark_2 (i64.load offset={ID_2} @row))
    (local.set $id (call $ids_find))
    (if (i64.ne (i64.load $ids %id) ~0) {soiled})))
  (i64.store $accounts offset=8 @account %at)
  (call $load)
  (if (call $advance %at) {soiled})
  (global.set $total_before (call $total))
  {self._times_absent()}
  (call_indirect $fields (type $gives) %event)
  {remembers}
  (local.set $rule (call $happens %event %at))
  (if (i32.le_s %rule #{NO_RULE}) {soiled})
  (call $save)
  (if (i32.and (i32.ne %id #-1) {uses}) (then
    (global.set $mark_1 (i64.load offset={ID_1} @row)) (global.set $mark_2 (i64.load offset={ID_2} @row))
    (call $ids_add %id)))
  (if (i64.eqz (i64.and %has ~{_signed(self._comparable)})) (then (call $bump #{self.nothing_observed})) (else
    (if (call $differs %event %rule %has) {soiled})
    (call $bump #{self.compared})))
  (call $bump (i32.add #{self.counters} (i32.shl (select %rule
    (i32.add #{rules} (i32.sub (i32.mul %event #{codes}) (i32.add %rule #1))) (i32.ge_s %rule #0)) #3)))
  #0)"""

    def _times_absent(self) -> str:
        """Sets the time of day that a record did not bring to 0."""
        keys = [k.name for e in self._events.values() for k in e.keys if k.shape is Shape.TIME_OF_DAY]
        slots = [self._payload[name] for name in dict.fromkeys(keys)]
        return " ".join(f"(if (i32.eqz {_holds(key)}) (then (i64.store offset={key.slot} @row ~0)))" for key in slots)

    # The counts

    def counted(self) -> list[tuple[int, str, str]]:
        """Returns the place of each count of hits, with the event and the rule or the code."""
        of = {r.name: e.name for e in self.accounts.whole.events for r in e.rules}
        found = [(self.counters + SLOT * n, of[rule], rule) for n, rule in enumerate(self._rules)]
        first = self.counters + SLOT * len(self._rules)
        for event, number in self.accounts.numbers.items():
            for n, code in enumerate(self._codes):
                found.append((first + SLOT * (number * len(self._codes) + n), event, code))
        return found


def _holds(key: Key) -> str:
    return f"(i64.ne (i64.and %has ~{_signed(key.bit)}) ~0)"


def _value(key: Key) -> str:
    return f"(i64.load offset={key.slot} @row)"


def _marked(key: Key, owner: str) -> str:
    """Sets the fingerprint of the text that a row holds."""
    return f"(call $mark {owner} (i32.load offset={key.slot} %row) (i32.load offset={key.slot + 4} %row))"


def _signed(bits: int) -> int:
    return bits - 2**64 if bits >= 2**63 else bits


def _kind_of(kind: Type) -> Kind:
    match kind:
        case Bool():
            return Kind.TRUTH
        case Enum():
            return Kind.WORD
        case Tokens():
            return Kind.NUMBER
