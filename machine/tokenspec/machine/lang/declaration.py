"""The parts of a machine. Everything here is data: no reader, no behaviour.

A machine has variables (one of them, `control`, says in which state of its lifecycle it is), parameters
that stay fixed over a run, definitions that give names to expressions, and events. An event brings fields,
is refused by the first of its requirements that fails, and is otherwise accepted by the one rule that
applies. `machine/README.md` gives the exact semantics.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import cached_property

from tokenspec.machine.lang.calendars import DeclaredCalendar
from tokenspec.machine.lang.expr import TRUE, Expr, Lit, reads
from tokenspec.machine.lang.ids import Ids
from tokenspec.machine.lang.types import Enum, Type, Value


@dataclass(frozen=True, slots=True)
class Variable:
    """A part of the state. `initial` may read parameters."""

    name: str
    type: Type
    initial: Expr
    says: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A figure that stays fixed over a run; a prover may leave it open. Without a default it has to be supplied."""

    name: str
    type: Type
    default: Value | None
    says: str


@dataclass(frozen=True, slots=True)
class Policy:
    """A question that the documents leave open: a parameter whose `answers` are all admissible, the default first."""

    parameter: Parameter
    answers: tuple[tuple[str, str], ...]
    """Each answer with what it means."""
    why: str
    clauses: tuple[str, ...]

    @property
    def name(self) -> str:
        """The policy's name."""
        return self.parameter.name


@dataclass(frozen=True, slots=True)
class Assumption:
    """A condition that every admissible choice of parameters satisfies; `breach` tells whoever breaks it."""

    holds: Expr
    breach: str


@dataclass(frozen=True, slots=True)
class Definition:
    """A name for an expression over variables, parameters, fields and earlier definitions."""

    name: str
    expr: Expr
    says: str


class Origin(enum.Enum):
    """The supplier of a field of an event."""

    PAYLOAD = "payload"
    """The one who sends the event."""
    FACT = "fact"
    """The journal or the catalogue: something remembered or looked up, under the field's own name."""


@dataclass(frozen=True, slots=True)
class Field:
    """A value that comes with an event."""

    name: str
    type: Type
    says: str
    origin: Origin = Origin.PAYLOAD
    wire: str = ""
    """Its name in a record, where that differs (a field may not share a variable's name)."""
    instead: str = ""
    """An optional key that a record may hold in its place, and then its value is looked up; one of the two is there."""

    @property
    def key(self) -> str:
        """The field's name in a record."""
        return self.wire or self.name


class Shape(enum.Enum):
    """The form of a key in a record."""

    TEXT = "text"
    TIME_OF_DAY = "time of day"
    POOLS = "tokens by pool"


@dataclass(frozen=True, slots=True)
class Key:
    """A part of a record that the machine never computes with: the layers around it look things up by it."""

    name: str
    says: str
    shape: Shape = Shape.TEXT
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Requirement:
    """A condition for the event to be accepted; `code` is the refusal, and reads as the sentence that failed."""

    code: str
    holds: Expr
    clauses: tuple[str, ...]
    because: str


@dataclass(frozen=True, slots=True)
class Assign:
    """The new value of a variable, computed from the state before."""

    name: str
    value: Expr


class Kind(enum.Enum):
    """The kinds of ledger lines of a pool. The first four add to the pool, the others take from it."""

    GRANTED = "granted"
    BOUGHT = "bought"
    REFUNDED = "refunded"
    MOVED_IN = "moved_in"
    SPENT = "spent"
    EXPIRED = "expired"
    MOVED_OUT = "moved_out"

    @property
    def adds(self) -> bool:
        """True if tokens come into the pool."""
        return self in (Kind.GRANTED, Kind.BOUGHT, Kind.REFUNDED, Kind.MOVED_IN)


@dataclass(frozen=True, slots=True)
class Posting:
    """A line of the ledger: `amount` tokens of `pool`, never negative, with the reason."""

    kind: Kind
    pool: str
    amount: Expr


class ClockAct(enum.Enum):
    """An effect of a rule on a clock; a rule that does not name a clock leaves it running."""

    KEEPS = "keeps"
    STARTS = "starts"
    """The instants at which it falls due are counted from now."""
    SETTLES = "settles"
    """Everything due up to now is done; the next due instant is the first one after now."""
    STOPS = "stops"
    """Nothing falls due any more."""


@dataclass(frozen=True, slots=True)
class Note:
    """The new value of what an entry of the memory holds, computed from the state before."""

    name: str
    value: Expr


@dataclass(frozen=True, slots=True)
class Rule:
    """A way of accepting an event in the states `source`, when `when` holds.

    `target` is the state after, None where it stays the same. Effects are simultaneous: each right side reads
    the state before, and a variable that no effect names keeps its value. `answer` holds what the event
    answers besides the state, `ledger` where tokens came from and went.
    """

    name: str
    source: tuple[str, ...]
    target: str | None
    why: str
    clauses: tuple[str, ...]
    when: Expr = TRUE
    effect: tuple[Assign, ...] = ()
    ledger: tuple[Posting, ...] = ()
    answer: tuple[Assign, ...] = ()
    clocks: tuple[tuple[str, ClockAct], ...] = ()
    notes: tuple[Note, ...] = ()
    """Written into the entry that the event's key names."""


class Actor(enum.Enum):
    """The originator of an event."""

    USER = "user"
    JOB = "job"
    CLOCK = "clock"
    """Time itself; such an event is never written in a log."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens to the machine. `repeats`: a job that is run again for as long as it is accepted."""

    name: str
    actor: Actor
    says: str
    fields: tuple[Field, ...]
    requires: tuple[Requirement, ...]
    rules: tuple[Rule, ...]
    clauses: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()
    repeats: bool = False

    @property
    def answers(self) -> tuple[str, ...]:
        """The names of everything that some rule of the event answers, in order of first use."""
        return tuple(dict.fromkeys(a.name for r in self.rules for a in r.answer))

    @property
    def most_runs(self) -> int:
        """The largest number of runs in a row where one is asked for; a job with more to do than this is faulty."""
        return 10_000 if self.repeats else 1


class Since(enum.Enum):
    """The instant that a wait is counted from."""

    FALLS_DUE = "falls_due"
    LAST_RUN = "last_run"
    """Or the start of the clock, where no job has run yet."""
    END_OF_DAY = "end_of_day"
    """The end of the UTC day on which it fell due."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Something that falls due at the instants of a calendar: `falls_due` is fired then, and `job` is what should run.

    A job that is due and has not run `overdue_ms` milliseconds after `overdue_since` is a case for support.
    """

    name: str
    falls_due: str
    job: str
    calendar: DeclaredCalendar
    says: str
    overdue_ms: int
    clauses: tuple[str, ...]
    overdue_since: Since = Since.FALLS_DUE
    of: str = ""
    """The figure that it is about: where that is 0, nothing ever falls due by this clock. None where it is empty."""


@dataclass(frozen=True, slots=True)
class Timer:
    """`event` is fired when it is longer than `after_ms` milliseconds since `since` was last fired, or since the beginning."""

    event: str
    since: str
    after_ms: int
    clauses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time that ends with a rule that does one of `ended_by` to a clock; the next one begins at once.

    `lasts` names the fact that the period in which an entry was first written has not ended.
    """

    lasts: str
    says: str
    ended_by: tuple[tuple[str, ClockAct], ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """Entries by key, kept beside the state. `holds` is what each has, with its value where nothing was written yet.

    An event that has the key reads the entry of that key as facts: what it holds, `is_new`, the `lasts` of each period, and
    `facts`, which are worked out of these. The rule that accepts it writes that entry by its notes, and no other one.
    """

    key: str
    says: str
    is_new: str
    """The fact that nothing was written under the key."""
    holds: tuple[Variable, ...]
    periods: tuple[Period, ...] = ()
    facts: tuple[Definition, ...] = ()

    def reads(self, event: Event) -> bool:
        """Returns whether `event` names an entry."""
        return any(key.name == self.key for key in event.keys)


@dataclass(frozen=True, eq=False)
class Machine:
    """A whole declaration. Two machines are equal when they are the same object; `digest` compares content."""

    name: str
    says: str
    control: str
    variables: tuple[Variable, ...]
    events: tuple[Event, ...]
    parameters: tuple[Parameter, ...] = ()
    policies: tuple[Policy, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    definitions: tuple[Definition, ...] = ()
    clocks: tuple[Clock, ...] = ()
    timers: tuple[Timer, ...] = ()
    pools: tuple[str, ...] = ()
    """The variables that hold tokens, which the ledger speaks of."""
    memory: Memory | None = None
    of: str = ""
    """The machine that this one is with more to it: what holds in every state of that one holds in every state of this one."""

    @cached_property
    def event_named(self) -> dict[str, Event]:
        """The events by name."""
        return {e.name: e for e in self.events}

    @cached_property
    def read_by(self) -> dict[str, frozenset[str]]:
        """The names that each event reads."""
        return {e.name: frozenset(reads(e)) for e in self.events}

    @cached_property
    def all_parameters(self) -> tuple[Parameter, ...]:
        """The parameters, policies included."""
        return (*self.parameters, *(p.parameter for p in self.policies))

    def counts(self, clock: Clock) -> bool:
        """Returns true if falling due a second time changes more than the first time: then every due instant is an event."""
        return not all(isinstance(a.value, Lit) for rule in self.event_named[clock.falls_due].rules for a in rule.effect)

    @property
    def control_variable(self) -> Variable:
        """The variable whose values are the states of the lifecycle."""
        return next(v for v in self.variables if v.name == self.control)

    @property
    def states(self) -> tuple[str, ...]:
        """The states of the lifecycle; none where the control variable is undeclared or of no enum."""
        kind = next((v.type for v in self.variables if v.name == self.control), None)
        return kind.members if isinstance(kind, Enum) else ()


@dataclass(frozen=True, slots=True)
class Link:
    """When `when` is accepted in one machine, `then` is fired in another.

    It is `machine.event`; or `machine.*` for any event that changes what is shown of that machine (`AnswerForm.total`).
    """

    when: str
    then: str


@dataclass(frozen=True)
class System:
    """Several machines, the links by which one drives another, and what is remembered of the ids of their events."""

    machines: tuple[Machine, ...]
    links: tuple[Link, ...]
    ids: Ids | None = None

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """The events of all machines, in the order of declaration."""
        return tuple(event for machine in self.machines for event in machine.events)

    def heard_by(self, machine: str) -> str:
        """Returns the event of `machine` that a link fires first of all; empty where none does."""
        thens = (link.then.partition(".") for link in self.links)
        return next((event for name, _, event in thens if name == machine), "")

    @cached_property
    def event_named(self) -> dict[str, Event]:
        """The events of all machines by name."""
        return {event.name: event for event in self.events}
