"""Stateful fuzzing of any declared machine with Hypothesis: a rule for each event, payloads from the types.

    TestDoor = fuzz_class(door, claims, parameters).TestCase      # plain pytest

Every step is taken by the reference, the compiled and the live reader, which must agree, and every claim about the
machine is checked after it. Refused events are fired as well; that is how refusals are met.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tokenspec.machine.checkers.monitor import Tally, Watch
from tokenspec.machine.fuzzing.boundary_values import Amounts, answers_of
from tokenspec.machine.fuzzing.coverage import Coverage
from tokenspec.machine.interpreters import reference
from tokenspec.machine.interpreters.compiled import Compiled, Row
from tokenspec.machine.interpreters.live_reader import LiveReader
from tokenspec.machine.lang.claims import Claim
from tokenspec.machine.lang.declaration import Event, Machine
from tokenspec.machine.lang.outcome import Accepted, Step, Values

_Run = TypeVar("_Run", bound=RuleBasedStateMachine)


class ReadersDisagree(AssertionError):
    """Two readers of one declaration give different outcomes: a bug of ours."""


def agreed(event: str, steps: dict[str, Step]) -> Step:
    """The step that all readers took. Raises `ReadersDisagree`."""
    (first, one), *others = steps.items()
    for name, other in others:
        same = (
            isinstance(one, Accepted)
            and isinstance(other, Accepted)
            and (one.rule, dict(one.state), dict(one.answer), one.ledger)
            == (other.rule, dict(other.state), dict(other.answer), other.ledger)
        ) or (not isinstance(one, Accepted) and one == other)
        if not same:
            raise ReadersDisagree(f"{event}: the {first} reader says {one}, the {name} reader {other}")
    return one


class MachineFuzz(RuleBasedStateMachine):
    """One run of a declared machine. `fuzz_class` makes the subclass for a machine; subclass that to add rules of your own."""

    machine: Machine
    watch: Watch
    coverage: Coverage
    tally: Tally
    figures: Values
    facts: Values
    """Fields that are not drawn."""

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Settings are drawn and the run begins."""
        self.open(data.draw(answers_of(self.machine), label="policy"))

    def open(self, policy: Values) -> None:
        """The run begins under the given settings."""
        parameters = {**self.figures, **policy}
        self.compiled = Compiled(self.machine, parameters)
        self._live = LiveReader(self.machine, parameters)
        self._amounts = Amounts(self.machine, parameters)
        self._monitor = self.watch.monitor(self.compiled, self.tally)
        self._ghosts = self._monitor.initial_ghosts
        self.row: Row = self.compiled.initial

    def fire(self, event: Event, dice: bytes) -> None:
        """`event` happens with the fields that the dice stand for in the present state."""
        thrown = zip(event.fields, dice, strict=True)
        fields = {f.name: self.facts.get(f.name, self._amounts.value(self.row, f.type, die)) for f, die in thrown}
        state = self.compiled.state(self.row)
        steps = {
            "reference": reference.step(self.machine, self.compiled.parameters, state, event.name, fields),
            "compiled": self.compiled.step(state, event.name, fields),
            "live": self._live.step(state, event.name, fields),
        }
        agreed(event.name, steps)
        before, values = self.row, tuple(fields.values())
        outcome = self.compiled.steps[event.name](before, values)
        self.coverage.note(self.compiled, event.name, outcome)
        self._ghosts = self._monitor.observe(event.name, values, before, outcome, self._ghosts)
        if outcome[0] >= 0:
            self.row = outcome[1]


def event_rule(event: Event, dice: int, act: Callable[[Any, Event, bytes], None]) -> Any:
    """A Hypothesis rule that throws `dice` dice of 256 sides and calls `act(self, event, thrown)`.

    One draw a step is what makes stateful fuzzing fast (benchmarks/README.md); bytes still shrink one by one.
    """

    def fired(self: Any, thrown: bytes) -> None:
        act(self, event, thrown)

    fired.__name__, fired.__doc__ = event.name, event.says
    return rule(thrown=st.binary(min_size=dice, max_size=dice))(fired)


def alone(kind: type[_Run]) -> _Run:
    """Returns a run that Hypothesis does not drive: its preparations cost more than a step, and leave cycles of objects."""
    return kind.__new__(kind)


def weight(event: Event) -> int:
    """The number of rules for one event: the more outcomes it can have, the more often it is to be fired."""
    return 1 + (len(event.rules) + len(event.requires)) // 3


def names_by_weight(event: Event) -> list[str]:
    """Names for the rules of one event."""
    # An event may be called `open`, as a method of the run is; stories name the function, without the line.
    return [f"{event.name}_", *(f"{event.name}_{number}_" for number in range(2, weight(event) + 1))]


def fuzz_class(
    machine: Machine,
    claims: Sequence[Claim],
    figures: Values | None = None,
    watch: Watch | None = None,
    facts: Values | None = None,
) -> type[MachineFuzz]:
    """A Hypothesis state machine for `machine` with fixed `figures`, random policies, and the fields of `facts` fixed."""
    rules = {
        name: event_rule(event, len(event.fields), lambda run, event, dice: run.fire(event, dice))
        for event in machine.events
        for name in names_by_weight(event)
    }
    own: dict[str, Any] = {
        "machine": machine,
        "watch": watch or Watch(machine, claims),
        "coverage": Coverage((machine,)),
        "tally": Tally(),
        "figures": dict(figures or {}),
        "facts": dict(facts or {}),
    }
    return type(f"Fuzz_{machine.name}", (MachineFuzz,), {**rules, **own})
