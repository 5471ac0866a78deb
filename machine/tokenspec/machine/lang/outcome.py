"""Outcomes of an event: values, the same for every reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tokenspec.machine.lang.declaration import Kind
from tokenspec.machine.lang.types import Value

Values: TypeAlias = Mapping[str, Value]
"""Values by name: a state, the parameters, the fields of an event."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The event was accepted by `rule`; `state` is the state after, `ledger` what moved (zero lines left out)."""

    rule: str
    state: Values
    answer: Values
    ledger: tuple[tuple[Kind, str, int], ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The event was refused; the state stays as it was."""

    code: str


Step: TypeAlias = Accepted | Refused


@dataclass(frozen=True, slots=True)
class Happened:
    """An event with its fields, the state before, and what came of it: None where the declaration has a gap."""

    event: str
    fields: Values
    outcome: Step | None
    before: Values

    @property
    def after(self) -> Values:
        """The state after the event."""
        return self.outcome.state if isinstance(self.outcome, Accepted) else self.before

    @property
    def changed(self) -> dict[str, tuple[Value, Value]]:
        """Every variable that the event changes, with both values."""
        return {name: (value, self.after[name]) for name, value in self.before.items() if self.after[name] != value}
