"""The results of every seeded fault in the last run of `tokenspec mutants`, kept beside the claims."""

from __future__ import annotations

from collections import Counter
from functools import cache
from importlib.resources import files

import msgspec

from tokenspec.oracle.base.provenance import declaration

KILLED, EQUIVALENT, SURVIVED = "killed", "equivalent", "survived"
ENGINES = ("validation", "explorer", "prover", "fuzzer")


class Fate(msgspec.Struct, frozen=True, array_like=True):
    """The result of a fault. `steps` are the events of the trace found, the shortest for a search, 1 for a proof that fails."""

    id: str
    operator: str
    fault: str
    verdict: str
    claim: str = ""
    engine: str = ""
    steps: int = 0


class RecordedMutants(msgspec.Struct, frozen=True):
    """Every fate, and the digest of the declaration that the faults were seeded into."""

    digest: str
    fates: tuple[Fate, ...]


def recorded() -> RecordedMutants:
    """Returns the last recorded run."""
    content = files("tokenspec.invariants").joinpath("mutants.json").read_bytes()
    return msgspec.json.decode(content, type=RecordedMutants)


def as_record(fates: list[Fate]) -> bytes:
    """Returns a run as kept: one fault a line."""
    lines = b",\n".join(msgspec.json.encode(fate) for fate in fates)
    return b'{"digest":"' + declaration().encode() + b'","fates":[\n' + lines + b"\n]}\n"


@cache
def kills() -> Counter[str] | None:
    """Returns the number of faults each claim killed, None where the declaration has changed since."""
    last = recorded()
    if last.digest != declaration():
        return None
    return Counter(fate.claim for fate in last.fates if fate.verdict == KILLED)


def by_operator(fates: list[Fate] | tuple[Fate, ...]) -> list[tuple[str, ...]]:
    """Returns, for each operator, the numbers of faults, of those killed by each engine, equivalent, survived; and sums."""
    operators = dict.fromkeys(fate.operator for fate in fates)
    rows = [(name.replace("_", " "), *_counts([f for f in fates if f.operator == name])) for name in operators]
    return [*rows, ("all", *_counts(list(fates)))]


def _counts(fates: list[Fate]) -> list[str]:
    engines = [sum(fate.verdict == KILLED and fate.engine == engine for fate in fates) for engine in ENGINES]
    return [str(n) for n in (len(fates), *engines, *(sum(f.verdict == v for f in fates) for v in (EQUIVALENT, SURVIVED)))]
