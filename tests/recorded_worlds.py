"""Records of random runs of the account, which several tests read; one process of a run of the tests walks them for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from made_once import made_once
from tokenspec.machine.lang.catalogue import AnyCatalogue
from tokenspec.oracle.fuzz.campaign import default_watch, walk_worlds
from tokenspec.oracle.fuzz.worlds import FuzzWorld, world_fuzz

Records = list[dict[str, Any]]
Run = tuple[FuzzWorld, Records]


def recorded(walks: int, steps: int, seed: int, catalogue: AnyCatalogue | None = None) -> list[Run]:
    """The settings and the records, with the oracle's answers, of so many walks; empty ones are left out."""
    return made_once(("worlds", walks, steps, seed, catalogue), lambda: walked(walks, steps, seed, catalogue))


def walked(walks: int, steps: int, seed: int, catalogue: AnyCatalogue | None = None) -> list[Run]:
    """The same, walked anew."""
    runs = list[Run]()

    class Recorder(world_fuzz(watch=default_watch())):  # type: ignore[misc]
        fixed_catalogue = catalogue

        def open_world(self, policy: Mapping[str, str], figures: AnyCatalogue, resets: str) -> None:
            super().open_world(policy, figures, resets)
            runs.append((FuzzWorld(dict(self.oracle.policy), self.oracle.catalogue, resets), self.records))

    walk_worlds(Recorder, walks, steps, seed)
    return [run for run in runs if run[1]]
