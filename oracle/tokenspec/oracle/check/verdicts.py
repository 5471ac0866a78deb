"""Verdicts on claims, read from the evidence: the verdict, by which engines, and how far it reaches.

A proof holds for every catalogue, every policy and every reachable state; a search for its scope and the policies it
covers; a random run is evidence. A claim is *proved* only where all of its parts are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tokenspec.invariants.claims import claims
from tokenspec.machine.checkers.monitor import Violation
from tokenspec.machine.checkers.prover.induction import LEMMA, PROVED
from tokenspec.machine.lang.claims import (
    Claim,
    LayerPart,
    LeadsToPart,
    LivenessPart,
    PairPart,
    Part,
    RefusalPart,
    StatePart,
    StepPart,
    TwoRunPart,
)
from tokenspec.oracle.check.evidence import Evidence
from tokenspec.spec.catalogue import DEFAULT

Key: TypeAlias = tuple[str, str]
"""A claim's id and the name of one of its parts."""

ENGINES: dict[type[Part], tuple[str, ...]] = {
    StatePart: ("prover", "explorer", "fuzzer"),
    StepPart: ("prover", "explorer", "fuzzer"),
    TwoRunPart: ("prover", "explorer", "fuzzer"),
    PairPart: ("prover",),
    RefusalPart: ("prover", "explorer", "fuzzer"),
    LivenessPart: ("explorer", "fuzzer"),
    LeadsToPart: ("explorer",),
    LayerPart: ("fuzzer",),
}
"""The engines that fit each kind of part."""


@dataclass(frozen=True)
class ClaimVerdict:
    """One claim: `proved`, `holds` (within the scope told), `refuted`, `unknown` or `not_checked`.

    `twin_reached` is how often the interesting case of its rarest part occurred, over all engines that count it.
    """

    claim: Claim
    verdict: str
    method: str
    scope: str
    twin_reached: int


def violations(evidence: Evidence) -> Iterator[Violation]:
    """Every breach of a claim that a search or a run found."""
    for searched in evidence.searches:
        yield from (found.violation for found in searched.explorations if found.violation is not None)
    for finding in evidence.findings:
        if finding.broken is not None:
            yield Violation(finding.claim.id, finding.part.name, finding.claim.sentence, "\n".join(finding.broken.lines()))
    failure = evidence.fuzzed.failure
    if failure is not None and isinstance(failure.error, Violation):
        yield failure.error


def disagreements(evidence: Evidence) -> Iterator[str]:
    """Parts that one engine proved and another one found broken: a bug of ours, whichever of the two is wrong."""
    proved = _proved(evidence)
    for violation in violations(evidence):
        if (violation.claim, violation.part) in proved:
            yield f"proved for all figures and policies, and yet: {violation}"


def discharged(evidence: Evidence) -> dict[str, set[Key]]:
    """For each engine the parts that it went through; none for the explorer unless every search came to its end."""
    through = all(each.complete for each in evidence.searches) and bool(evidence.searches)
    searched, fuzzed = evidence.searched.checked, evidence.fuzzed.tally.checked
    return {
        "prove": _proved(evidence),
        "explore": {key for key, times in searched.items() if through and times},
        "fuzz": {key for key, times in fuzzed.items() if times},
    }


def twins(evidence: Evidence) -> Counter[Key]:
    """Returns how often the interesting case of each part occurred, over all engines that count it."""
    return evidence.searched.twins + evidence.fuzzed.tally.twins


def verdicts(evidence: Evidence) -> list[ClaimVerdict]:
    """The verdict on each claim."""
    by_engine, met = discharged(evidence), twins(evidence)
    broken = {violation.claim for violation in violations(evidence)}
    open_claims = {o.claim for o in evidence.obligations if o.verdict != PROVED}
    # Without its lemmas no proof stands.
    undecided = {o.claim for o in evidence.obligations} if LEMMA in open_claims else open_claims
    return [_verdict(claim, by_engine, met, evidence, claim.id in broken, claim.id in undecided) for claim in _all()]


def _all() -> tuple[Claim, ...]:
    return claims(DEFAULT.ranking)


def _proved(evidence: Evidence) -> set[Key]:
    """The parts proved without any bound; none where what every proof takes for granted is not proved itself."""
    granted = {(c.id, p.name) for c in _all() for p in c.parts if isinstance(p, StatePart)}
    found: dict[Key, bool] = {}
    for o in evidence.obligations:
        key = o.claim, o.part
        found[key] = found.get(key, True) and o.verdict == PROVED and o.bound is None
    sound = any(claim == LEMMA for claim, _ in found)
    sound &= all(holds for key, holds in found.items() if key[0] == LEMMA or key in granted)
    # What an interruption left undone is not proved.
    return {key for key, holds in found.items() if holds} if sound and evidence.is_proved_through else set()


def _verdict(
    claim: Claim, by_engine: Mapping[str, set[Key]], met: Counter[Key], evidence: Evidence, broken: bool, undecided: bool
) -> ClaimVerdict:
    keys = [(claim.id, part.name) for part in claim.parts]
    by = {engine: [key for key in keys if key in found] for engine, found in by_engine.items()}
    # That the interesting case of a pair can occur is one of its obligations; no search and no run counts it.
    rarest = min(met[claim.id, part.name] for part in claim.parts if ENGINES[type(part)] != ("prover",))
    covered = all(any(key in found for found in by.values()) for key in keys) and rarest > 0
    if broken:
        verdict = "refuted"
    elif undecided:
        # A model that breaks an obligation may start in a state that is never reached: it refutes the proof, not the claim.
        verdict = "unknown"
    elif not covered:
        verdict = "not_checked"
    else:
        verdict = "proved" if len(by["prove"]) == len(keys) else "holds"
    share = {name: f"{name} {len(found)}/{len(keys)}" if len(found) < len(keys) else name for name, found in by.items() if found}
    return ClaimVerdict(claim, verdict, ", ".join(share.values()), _scope(by, keys, evidence), rarest)


def _scope(by: Mapping[str, list[Key]], keys: list[Key], evidence: Evidence) -> str:
    told = []
    if by["prove"]:
        told.append("all price lists, all policies")
    rest = [key for key in keys if key not in by["prove"]]
    if any(key in by["explore"] for key in rest):
        narrow = [f"{each.scope.name} scope, {each.told}" for each in evidence.searches if each.policies == 1]
        # Several searches share the policies that are left open, so that every two answers stand together in one.
        wide = [each for each in evidence.searches if each.policies > 1]
        told += [*narrow, f"{wide[0].scope.name} scope, every two answers of the policies"] if wide else narrow
    if any(key not in by["explore"] for key in rest):
        told.append("random runs")
    return "; ".join(told)
