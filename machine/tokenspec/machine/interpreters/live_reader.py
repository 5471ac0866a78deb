"""The live object behind the interface of the other readers, for differential tests and benchmarks."""

from __future__ import annotations

from collections.abc import Mapping

from tokenspec.machine.interpreters.live import live
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.outcome import Accepted, Refused, Step, Values
from tokenspec.machine.lang.types import Value


class LiveReader:
    """Steps of a live machine from any state."""

    def __init__(self, machine: Machine, parameters: Values) -> None:
        self._live = live(machine, parameters)

    def bound_to(self, parameters: Values) -> LiveReader:
        """The same reader under other parameters; building a `transitions` machine anew would take milliseconds."""
        self._live.machine.compiled.bind(dict(parameters))
        return self

    def step(self, state: Mapping[str, Value], event_name: str, fields: Values) -> Step:
        """The same as `reference.step`."""
        for name, value in state.items():
            setattr(self._live, name, value)
        if not getattr(self._live, event_name)(**fields):
            assert self._live.refusal is not None
            return Refused(self._live.refusal)
        assert self._live.rule is not None
        return Accepted(self._live.rule, self._live.state_values, self._live.answer, tuple(self._live.ledger))
