"""The limits and the result of a run of races and crashes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tokenspec.machine.fuzzing.coverage import Coverage, Met
from tokenspec.oracle.races.judge import NotLinearizable
from tokenspec.oracle.races.playing import Played, Record
from tokenspec.oracle.sut.capabilities import Capabilities
from tokenspec.oracle.sut.world import Diverged

Pair = tuple[str, str]
"""The rules or refusals of two requests that overlapped, in the order of their names."""


@dataclass(frozen=True)
class Race:
    """The number of clients, the encounters that a verdict needs, and the limits of the search."""

    clients: int
    overlaps: bool
    kills: bool
    examples: int | None
    """Worlds; None where time alone ends the search."""
    seconds: float | None
    seed: int


@dataclass
class RaceFinding:
    """A history that no order explains, or a request that failed; `why` says which."""

    played: Played
    why: NotLinearizable | Diverged
    shown: int = 1
    tries: int = 1
    """It showed in so many of so many tries."""
    seed: str = ""
    """The seed of the schedule in which it was found."""
    records: list[Record] = field(default_factory=list)
    """The history as a file holds it."""


@dataclass
class RaceResult:
    """The result of a run."""

    terms: Capabilities | None = None
    policy: Mapping[str, str] = field(default_factory=dict)
    worlds: int = 0
    requests: int = 0
    wholes: int = 0
    """The number of times that a given history was played to its end."""
    kills: int = 0
    """Kills after something had been accepted."""
    compared: int = 0
    held: set[str] = field(default_factory=set)
    overlaps: Counter[Pair] = field(default_factory=Counter)
    coverage: Coverage = field(default_factory=lambda: Coverage(()))
    """The rules and refusals that decided answers; none where settings are inferred, since several may explain one."""
    closed: frozenset[Met] = frozenset()
    """Rules and refusals that cannot be met with what the implementation takes."""
    finding: RaceFinding | None = None
    policies: dict[str, list[str]] | None = None
    """By policy, the choices of the settings that explain everything, where settings are inferred."""
    settings: int = 1
    why_none: str = ""
    is_interrupted: bool = False
    ended_by: str = ""
    """The reason that the search ended, unless a finding or the number of worlds ended it."""
    left_out: frozenset[str] = frozenset()
    figures: Mapping[str, Any] = field(default_factory=dict)
    """The figures that the implementation has fixed, by their keys in a catalogue."""
    seconds: float = 0.0
    search_seconds: float = 0.0
    """Those of them until something was found."""

    @property
    def word(self) -> str:
        """`conforms`, `diverges` or `no_verdict`."""
        return "diverges" if self.finding is not None else "no_verdict" if self.why_none else "conforms"
