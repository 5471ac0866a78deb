"""What became of seeded faults, and how they are counted."""

from __future__ import annotations

from dataclasses import dataclass

KILLED, EQUIVALENT, SURVIVED = "killed", "equivalent", "survived"
ENGINES = ("validation", "explorer", "prover", "fuzzer")


@dataclass(frozen=True)
class Fate:
    """What became of a fault. `steps` are the events of the trace found, the shortest for a search, 1 for a proof that fails."""

    id: str
    operator: str
    fault: str
    verdict: str
    claim: str = ""
    engine: str = ""
    steps: int = 0


def by_operator(fates: list[Fate]) -> list[tuple[str, ...]]:
    """For each operator: how many faults, killed by which engine first, equivalent, survived; and a last row of sums."""
    operators = dict.fromkeys(fate.operator for fate in fates)
    rows = [(name.replace("_", " "), *_counts([f for f in fates if f.operator == name])) for name in operators]
    return [*rows, ("all", *_counts(fates))]


def _counts(fates: list[Fate]) -> list[str]:
    engines = [sum(fate.verdict == KILLED and fate.engine == engine for fate in fates) for engine in ENGINES]
    return [str(n) for n in (len(fates), *engines, *(sum(f.verdict == v for f in fates) for v in (EQUIVALENT, SURVIVED)))]
