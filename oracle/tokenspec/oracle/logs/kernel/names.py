"""The names of records and observations as keys of the scanner, and how their values stand in a row."""

from __future__ import annotations

from functools import cached_property

from tokenspec.machine.interpreters.batch.accounts import Accounts
from tokenspec.machine.interpreters.batch.short import NotCovered, Space
from tokenspec.machine.interpreters.batch.step_table import StepTable
from tokenspec.machine.interpreters.batch.tables import MARKING
from tokenspec.machine.interpreters.embedded.memory import SLOT, Slot
from tokenspec.machine.lang.catalogue import UNLISTED
from tokenspec.machine.lang.declaration import Actor, Event, Origin, Rule, Shape
from tokenspec.machine.lang.types import Bool, Enum, Tokens, Type
from tokenspec.machine.wasm.ranks import number_of
from tokenspec.oracle.base.specification import ABSENT, IDS, POOLS, SPEC, TOTAL_POOLS
from tokenspec.oracle.logs.kernel.forms import ODD, ROOT, Forms, RowKey, ValueKind, signed
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.answers import BY_POOL, FIELDS, INSTANTS, LISTS, NULLS, SAID, SUMS
from tokenspec.oracle.wire.records import RENAMED
from tokenspec.oracle.wire.resets import runs_by_itself

WRONG_WORD = -1
"""The value of an observed word that no answer has: it differs from every one. Also of an event that is not covered."""
SESSION, SHOWN = "session", "shown"
"""The keys of a record of a session."""
VERDICTS = ("current", "stale", "impossible")
"""The verdicts on the balances that a session shows, as the kernel numbers them."""
CHARGE = "charge_"
"""Before the name of a pool, in the name of an answer."""


class RecordNames:
    """The keys of the records that `oracle` reads; `accounts` are the machine's, with tables of `bits`."""

    def __init__(self, oracle: Oracle, space: Space, forms: Forms, bits: int) -> None:
        self.oracle, self.space, self.forms = oracle, space, forms
        self._aliases = oracle.catalogue.aliases
        # An event that may come in place of a job that runs by itself is left to the oracle.
        odd = {event for clock, event in SPEC.in_place_of_jobs.items() if runs_by_itself(oracle.resets, clock)}
        self.events = {e.name: e for e in oracle.machine.events if e.actor is not Actor.CLOCK and e.name not in odd}
        self.account, self.id = (forms.key(ROOT, name, ValueKind.TEXT) for name in ("account", "id"))
        self.at = forms.key(ROOT, "at", ValueKind.INSTANT)
        # Whoever says how a record observes is read by the oracle.
        forms.key(ROOT, "observed_as", ValueKind.WORD)
        self.sessions = self._session_steps()
        self.payload = self._payload_keys()
        self.shown: dict[str, RowKey] = {}
        """The keys of the balances that a session shows, by pool."""
        if self.sessions is not None:
            pools = forms.context()
            self.shown_all = forms.key(ROOT, SHOWN, ValueKind.OBJECT, pools)
            self.shown = {pool: forms.key(pools, pool, ValueKind.NUMBER) for pool in TOTAL_POOLS}
        times = {name: value_of(key) for name, key in self.payload.items()}
        implied = frozenset(c.name for c in oracle.machine.clocks if runs_by_itself(oracle.resets, c.name))
        hears = "" if self.sessions is None else "(call $hear)"
        self.accounts = Accounts(oracle.machine, oracle.parameters, implied, times, space, bits, oracle.remember, hears)
        of_sessions = [] if self.sessions is None else self.sessions.events
        self.judged = [*self.accounts.whole.events, *of_sessions]
        """Every event, by number; those of sessions are the last ones."""
        self.covered = self.events | {event.name: event for event in of_sessions}
        """The events that the kernel judges, by name."""
        words = forms.meanings({event.name: n for n, event in enumerate(self.judged) if event.name in self.covered})
        self.event = forms.key(ROOT, "event", ValueKind.WORD, words, WRONG_WORD)
        self.observed = self._observed_keys()

    def _session_steps(self) -> StepTable | None:
        """The steps of sessions; None where there are none, or where they need what only the oracle has."""
        oracle, machine = self.oracle, self.oracle.session_machine
        facts = {"account_exists": (False, True), "verdict": VERDICTS}
        try:
            steps = StepTable(machine, facts, oracle.system.heard_by(machine.name))
        except NotCovered:
            return None
        keys = {(key.name, key.shape, key.optional) for event in steps.events for key in event.keys}
        has_room = steps.answered <= max(len(event.answers) for event in oracle.machine.events)
        is_known = keys <= {(SESSION, Shape.TEXT, False), (SHOWN, Shape.POOLS, False)}
        return steps if has_room and is_known else None

    def shows(self, event: Event) -> bool:
        """Returns whether an event of a session brings the balances that it shows."""
        return any(key.name == SHOWN and key.shape is Shape.POOLS for key in event.keys)

    def _payload_keys(self) -> dict[str, RowKey]:
        kinds: dict[str, tuple[ValueKind, Type | None]] = {}
        for event in (*self.events.values(), *self.oracle.session_machine.events):
            wanted: dict[str, tuple[ValueKind, Type | None]] = {
                f.key: (_kind_of(f.type), f.type) for f in event.fields if f.origin is Origin.PAYLOAD
            }
            shapes = {Shape.TEXT: ValueKind.TEXT, Shape.TIME_OF_DAY: ValueKind.TIME}
            wanted |= {key.name: (shapes[key.shape], None) for key in event.keys if key.shape in shapes}
            for name, kind in wanted.items():
                if kinds.setdefault(name, kind) != kind:
                    raise NotCovered(f"{name} has two forms")
        self.kinds = {name: kind for name, (kind, _) in kinds.items()}
        return {name: self._payload_key(name, kind, of) for name, (kind, of) in kinds.items()}

    def _payload_key(self, name: str, kind: ValueKind, of: Type | None) -> RowKey:
        if not isinstance(of, Enum):
            return self.forms.key(ROOT, name, kind)
        words = self._words(of, {UNLISTED}, name)
        return self.forms.key(ROOT, name, kind, words, number_of(of, UNLISTED) if UNLISTED in of.members else ODD)

    def _words(self, kind: Enum, without: set[str], name: str) -> int:
        numbers = {member: number_of(kind, member) for member in kind.members if member not in without}
        if name in RENAMED:
            numbers |= {alias: numbers[present] for alias, present in self._aliases.items() if present in numbers}
        return self.forms.meanings(numbers)

    def _observed_keys(self) -> dict[str, RowKey]:
        forms = self.forms
        observed, variables = forms.context(), {v.name: v.type for v in self.oracle.machine.variables}
        forms.key(ROOT, "observed", ValueKind.OBJECT, observed)
        members = dict.fromkeys(member for shown in LISTS.values() for member in shown.members)
        self.members = {member: number for number, member in enumerate(members)}
        keys: dict[str, RowKey] = {}
        for name in (*FIELDS, *SUMS):
            kind, words, other = ValueKind.WORD, ROOT, WRONG_WORD
            said = self.said.get(name)
            if name in BY_POOL:
                pools = forms.context(observed)
                keys[name] = forms.key(observed, name, ValueKind.OBJECT, pools, may_be_empty=name == "charge")
                keys |= {f"{name}.{pool}": forms.key(pools, pool, ValueKind.NUMBER) for pool in POOLS}
                continue
            if name in INSTANTS:
                kind = ValueKind.INSTANT
            elif name in SUMS or isinstance(said, Tokens):
                kind = ValueKind.NUMBER
            elif name == "duplicate":
                kind = ValueKind.TRUTH
            elif name in LISTS:
                kind, words = ValueKind.WORDS, forms.meanings(self.members)
            elif name == "outcome":
                words = forms.meanings({"refused": 0, "accepted": 1})
            elif name == "reason":
                words = forms.meanings((code, number) for number, code in enumerate(self.codes))
            elif name in variables:
                of = variables[name]
                kind = _kind_of(of)
                if isinstance(of, Enum):
                    words = self._words(of, {str(ABSENT), str(NULLS[name])}, name)
                elif of.admits(NULLS[name]):
                    raise NotCovered(f"{name} has a number that is answered as null")
            elif isinstance(said, Enum):
                words = self._words(said, set(), name)
            keys[name] = forms.key(observed, name, kind, words, other)
        return keys

    @cached_property
    def codes(self) -> list[str]:
        """The codes of refusals: those of the machine, that of a used id, those of sessions."""
        of_ids = [] if IDS is None else [IDS.code]
        of_sessions = [] if self.sessions is None else self.sessions.interface.codes
        return list(dict.fromkeys([*self.accounts.interface.codes, *of_ids, *of_sessions]))

    @cached_property
    def rules(self) -> list[Rule]:
        """The rules by number; those of sessions are the last ones."""
        of_sessions = {} if self.sessions is None else self.sessions.rules
        return [*(self.accounts.rules[name] for name in self.accounts.interface.rules), *of_sessions.values()]

    @property
    def decision(self) -> str:
        """The number of what decided on `%event`: `%rule`, or behind all rules a code and the event."""
        refused = f"(i32.sub (i32.add #{len(self.rules) - 1} (i32.mul %event #{len(self.codes)})) %rule)"
        return f"(select %rule {refused} (i32.ge_s %rule #0))"

    def answers(self, event: str) -> dict[str, Slot]:
        """Returns the places of what an event answers beside the state."""
        if event in self.accounts.numbers or self.sessions is None:
            return self.accounts.interface.answers(event)
        slots, first = self.sessions.interface.answers(event), self.accounts.interface.areas["answers"]
        return {name: Slot(name, slot.kind, first + SLOT * n) for n, (name, slot) in enumerate(slots.items())}

    @cached_property
    def columns(self) -> dict[str, RowKey]:
        """The keys that a column can hold, by name; those of an observation as `observed.outcome`, `observed.balances.POOL`."""
        named = {"account": self.account, "id": self.id, "at": self.at, "event": self.event, **self.payload}
        named |= {f"{SHOWN}.{pool}": key for pool, key in self.shown.items()}
        return named | {f"observed.{name}": key for name, key in self.observed.items() if key.kind is not ValueKind.OBJECT}

    @cached_property
    def said(self) -> dict[str, Type]:
        """The answers of events beside the state and the charge, by name."""
        found: dict[str, Type] = {}
        for name in self.covered:
            for said, slot in self.answers(name).items():
                if not said.startswith(CHARGE) and found.setdefault(said, slot.kind) != slot.kind:
                    raise NotCovered(f"{said} has two forms")
        if not found.keys() <= set(SAID):
            raise NotCovered("an answer has a name of its own")
        return found


def holds(key: RowKey, has: str = "%has") -> str:
    """True where a row holds a value under a key."""
    return f"(i64.ne (i64.and {has} ~{signed(key.bit)}) ~0)"


def value_of(key: RowKey) -> str:
    """The value under a key in the present row."""
    return f"(i64.load offset={key.slot} @row)"


def text_of(key: RowKey, row: str = "@row") -> str:
    """The address and the size of the text under a key in a row."""
    return f"(i32.load offset={key.slot} {row}) (i32.load offset={key.slot + 4} {row})"


def marked(key: RowKey, owner: str) -> str:
    """Makes `%a` and `%b` the fingerprint of the text that `%row` holds."""
    at, size = (f"(i32.load offset={key.slot + n} %row)" for n in (0, 4))
    return f"(local.set $owner {owner}) (local.set $at {at}) (local.set $size {size}) {MARKING}"


def _kind_of(kind: Type) -> ValueKind:
    match kind:
        case Bool():
            return ValueKind.TRUTH
        case Enum():
            return ValueKind.WORD
        case Tokens():
            return ValueKind.NUMBER
