"""Sets of policy settings, as the bits of one integer: bit i stands for the i-th combination of choices.

Intersection is `&`, union `|`, and the choices that a set leaves of a policy are exact, whatever combinations it holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod

from tokenspec.machine.lang.declaration import Policy

Settings = int
"""A set of settings."""


class SettingSets:
    """The sets over the answers of `policies`. The first bit is every knob's first answer, its default."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._knobs = {p.name: tuple(answer for answer, _ in p.answers) for p in policies}
        self.count = prod(len(answers) for answers in self._knobs.values())
        self.every: Settings = (1 << self.count) - 1
        self.holding: dict[tuple[str, str], Settings] = {}
        """By knob and answer: all settings with that answer."""
        stride = 1
        for knob, answers in self._knobs.items():
            period = stride * len(answers)
            for index, answer in enumerate(answers):
                # Digits of base 2 are read in linear time, however many there are.
                once = "0" * (period - stride * (index + 1)) + "1" * stride + "0" * stride * index
                self.holding[knob, answer] = int(once * (self.count // period), 2)
            stride = period

    def answers(self, settings: Settings) -> dict[str, list[str]]:
        """By knob, each answer that some setting of the set has."""
        return {
            knob: [answer for answer in answers if settings & self.holding[knob, answer]] for knob, answers in self._knobs.items()
        }

    def first(self, settings: Settings) -> dict[str, str]:
        """One setting of a set that is not empty: the first, and so the defaults if they are in it."""
        bit = settings & -settings
        return {knob: found[0] for knob, found in self.answers(bit).items()}

    def nth(self, settings: Settings, n: int) -> dict[str, str]:
        """The `n`-th setting of a set that is not empty, counted round and round."""
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
        """All settings that have these answers."""
        found = self.every
        for setting in chosen.items():
            found &= self.holding[setting]
        return found
