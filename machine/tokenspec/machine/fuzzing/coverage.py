"""The rules and refusals that a run has met, and those that it has not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from tokenspec.machine.interpreters.compiled import Compiled, Outcome
from tokenspec.machine.lang.declaration import Machine

Met = tuple[str, str]
"""An event and what became of it: a rule's name, or `refused: ` and a code."""


@dataclass
class Coverage:
    """Hits of each rule, and of each refusal of each event, over `machines`."""

    machines: tuple[Machine, ...]
    rules: Counter[str] = field(default_factory=Counter)
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._event_of = {rule.name: event.name for machine in self.machines for event in machine.events for rule in event.rules}
        for machine in self.machines:
            for event in machine.events:
                self.rules.update({r.name: 0 for r in event.rules})
                self.refusals.update({(event.name, n.code): 0 for n in event.requires})

    def note(self, compiled: Compiled, event: str, outcome: Outcome) -> None:
        """Counts the outcome of one event."""
        index = outcome[0]
        self.note_name(event, compiled.rules[index] if index >= 0 else compiled.codes[-1 - index])

    def note_name(self, event: str, outcome: str) -> None:
        """Counts one event that `outcome`, a rule or a refusal, became of."""
        if outcome in self.rules:
            self.rules[outcome] += 1
        else:
            self.refusals[event, outcome] += 1

    def add(self, other: Coverage) -> None:
        """Takes in the hits of another run."""
        self.rules.update(other.rules)
        self.refusals.update(other.refusals)

    def met_seldom(self, often: int) -> set[str]:
        """Returns the events with a rule or refusal that was met less than so often."""
        refused = {event for (event, _), hits in self.refusals.items() if hits < often}
        return refused | {self._event_of[rule] for rule, hits in self.rules.items() if hits < often}

    def rows(self) -> list[tuple[str, str, int]]:
        """(event, rule or refusal, hits), the coldest first."""
        rows = [(self._event_of[rule], rule, hits) for rule, hits in self.rules.items()]
        rows += [(event, f"refused: {code}", hits) for (event, code), hits in self.refusals.items()]
        return sorted(rows, key=lambda row: (row[2], row[0], row[1]))

    def as_data(self) -> list[dict[str, str | int]]:
        """The rows as a report holds them."""
        return [{"event": event, "outcome": what, "hits": hits} for event, what, hits in self.rows()]

    def cold(self, closed: Collection[Met] = ()) -> list[Met]:
        """Everything that was never met, less what is `closed` off."""
        return [(event, what) for event, what, hits in self.rows() if hits == 0 and (event, what) not in closed]
