"""Sets of policy settings, as the bits of one integer: bit i represents the i-th combination of choices.

Intersection is `&`, union `|`, and the choices that a set leaves of a policy are exact, whatever combinations it holds.
A record that is held against an observation under all of a set leaves some, and rules out choices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Generic, NamedTuple, TypeVar

from tokenspec.machine.lang.declaration import Policy
from tokenspec.oracle.wire.answers import Answer, Difference
from tokenspec.oracle.wire.records import Record

Settings = int
"""A set of settings."""


class SettingSets:
    """The sets over the choices of `policies`. The first bit is every policy's first choice, its default.

    `fixed` are known settings, and nothing depends on the policies `idle`: neither takes bits, which keeps the sets small.
    """

    def __init__(self, policies: Sequence[Policy], fixed: Mapping[str, str] | None = None, idle: Iterable[str] = ()) -> None:
        known, apart = dict(fixed or {}), {*(fixed or {}), *idle}
        every = {p.name: (known[p.name],) if p.name in known else tuple(choice for choice, _ in p.answers) for p in policies}
        self._apart = {name: choices for name, choices in every.items() if name in apart}
        self._order = tuple(every)
        self._choices = {name: choices for name, choices in every.items() if name not in apart}
        self.count = prod(len(choices) for choices in self._choices.values())
        self.every: Settings = (1 << self.count) - 1
        self.holding: dict[tuple[str, str], Settings] = {}
        """By policy and choice: all settings with that choice."""
        stride = 1
        for name, choices in self._choices.items():
            period = stride * len(choices)
            for index, choice in enumerate(choices):
                found, width = ((1 << stride) - 1) << stride * index, period
                while width < self.count:
                    found, width = found | found << width, 2 * width
                self.holding[name, choice] = found & self.every
            stride = period
        for policy in policies:
            for answer, _ in policy.answers if policy.name in self._apart else ():
                self.holding[policy.name, answer] = self.every if answer in self._apart[policy.name] else 0

    def answers(self, settings: Settings) -> dict[str, list[str]]:
        """Returns, by policy, each choice that some setting of the set has."""
        return {
            name: [choice for choice in self._apart.get(name) or self._choices[name] if settings & self.holding[name, choice]]
            for name in self._order
        }

    def size(self, settings: Settings) -> int:
        """The number of settings in a set, those of idle policies included."""
        return settings.bit_count() * prod(len(answers) for answers in self._apart.values())

    def first(self, settings: Settings) -> dict[str, str]:
        """Returns the first setting of a set that is not empty, and so the defaults if they are in it."""
        return self._at((settings & -settings).bit_length() - 1)

    def nth(self, settings: Settings, n: int) -> dict[str, str]:
        """Returns the setting at index `n` modulo the size of a set that is not empty."""
        n, position, width = n % settings.bit_count(), 0, self.count
        while width > 1:
            half = width // 2
            lower = settings & ((1 << half) - 1)
            if n < lower.bit_count():
                settings, width = lower, half
            else:
                n, settings = n - lower.bit_count(), settings >> half
                position, width = position + half, width - half
        return self._at(position)

    def _at(self, position: int) -> dict[str, str]:
        """Returns the setting of a bit."""
        found = {name: choices[0] for name, choices in self._apart.items()}
        for name, choices in self._choices.items():
            position, index = divmod(position, len(choices))
            found[name] = choices[index]
        return {name: found[name] for name in self._order}

    def with_answers(self, chosen: Mapping[str, str]) -> Settings:
        """Returns all settings that have these choices."""
        found = self.every
        for setting in chosen.items():
            found &= self.holding[setting]
        return found


class ListedSettings(SettingSets):
    """The sets over a few settings alone, each of which answers every one of `policies`. Bit i is the i-th of them."""

    def __init__(self, policies: Sequence[Policy], settings: Sequence[Mapping[str, str]]) -> None:
        self._apart, self._choices = {}, {p.name: tuple(choice for choice, _ in p.answers) for p in policies}
        self._order = tuple(self._choices)
        self.count, self._listed = len(settings), settings
        self.every = (1 << self.count) - 1
        self.holding = {
            (name, choice): sum(1 << n for n, setting in enumerate(settings) if setting[name] == choice)
            for name, choices in self._choices.items()
            for choice in choices
        }

    def _at(self, position: int) -> dict[str, str]:
        return {name: self._listed[position][name] for name in self._order}


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
