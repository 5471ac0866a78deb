"""Sets of policy settings, as the bits of one integer: bit i represents the i-th combination of choices.

Intersection is `&`, union `|`, and the choices that a set leaves of a policy are exact, whatever combinations it holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod

from tokenspec.machine.lang.declaration import Policy

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
        bit = settings & -settings
        return {name: found[0] for name, found in self.answers(bit).items()}

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
        return self.first(1 << position)

    def with_answers(self, chosen: Mapping[str, str]) -> Settings:
        """Returns all settings that have these choices."""
        found = self.every
        for setting in chosen.items():
            found &= self.holding[setting]
        return found
