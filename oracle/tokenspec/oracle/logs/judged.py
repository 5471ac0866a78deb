"""Records held against observations under many settings at once: the choices ruled out, and the reason where none is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from tokenspec.oracle.logs.policy_sets import Settings, SettingSets
from tokenspec.oracle.wire.answers import Answer, Difference
from tokenspec.oracle.wire.records import Record

At = TypeVar("At")
"""The place of a record: its line in a log, or its number in a run."""


class RuledOut(NamedTuple, Generic[At]):
    """A choice that no setting left had, once the record `by` had been compared."""

    policy: str
    answer: str
    by: At


class Mismatch(NamedTuple):
    """The differences between answer and observation under the settings with these choices."""

    policies: dict[str, list[str]]
    differences: list[Difference]


@dataclass(frozen=True)
class Unexplained(Generic[At]):
    """The first record that no setting explains together with all records before it."""

    by: At
    record: Record
    possible: dict[str, list[str]]
    """By policy, the choices that were possible up to the record before."""
    example: dict[str, str]
    """The first of the settings that were possible up to the record before."""
    differing: list[Mismatch]


class Compared(NamedTuple):
    """The answer to a record under some of the settings, and the fields in which the observation differs from it."""

    answer: Answer
    settings: Settings
    differences: list[Difference]


@dataclass(frozen=True)
class Judged:
    """A comparison of a record's answer with its observation, under all settings of `before`."""

    sets: SettingSets
    before: Settings
    ways: list[Compared]
    all_can_run: bool = True
    """False where time goes back under some of the settings."""

    @property
    def left(self) -> Settings:
        """The settings under which nothing differs."""
        if self.all_can_run and not any(way.differences for way in self.ways):
            return self.before
        # No setting is in two branches of an account, so that a sum is a union.
        return sum(way.settings for way in self.ways if not way.differences)

    def ruled_out(self, by: At) -> list[RuledOut[At]]:
        """Returns the choices that some setting had before and no remaining setting has."""
        if self.before is (left := self.left) or self.before == left:
            return []
        kept = self.sets.answers(left)
        return [
            RuledOut(name, a, by)
            for name, answers in self.sets.answers(self.before).items()
            for a in answers
            if a not in kept[name]
        ]

    def unexplained(self, by: At, record: Record) -> Unexplained[At]:
        """Returns the report of a record that no setting explains."""
        return Unexplained(by, record, self.sets.answers(self.before), self.sets.first(self.before), self._differing())

    def _differing(self) -> list[Mismatch]:
        """Returns each way to differ once, with the choices that not all settings share."""
        kinds: list[tuple[list[Difference], Settings]] = []
        for _, settings, found in self.ways:
            same = next((n for n, (others, _) in enumerate(kinds) if others == found), None)
            if same is None:
                kinds.append((found, settings))
            else:
                kinds[same] = (found, kinds[same][1] | settings)
        possible = self.sets.answers(self.before)
        return [Mismatch({k: a for k, a in self.sets.answers(of).items() if a != possible[k]}, found) for found, of in kinds]
