"""Verdicts on claims, derived from the evidence: the verdict, its engines, and its scope.

A proof holds for every catalogue, every policy and every reachable state; a search for its scope and the policies it
covers; a random run is evidence. A claim is *proved* only where all of its parts are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import TypeAlias

from tokenspec.machine.checkers.calendars import CalendarFinding
from tokenspec.machine.checkers.monitor import Violation
from tokenspec.machine.checkers.prover.induction import LEMMA, PROVED, VACUOUS
from tokenspec.machine.lang import claims as c
from tokenspec.machine.lang.derived.entries import WITH
from tokenspec.oracle.base.specification import DEFAULT, WHOLE, claims
from tokenspec.oracle.check.arising import cases, times_met
from tokenspec.oracle.check.evidence import Evidence
from tokenspec.oracle.check.from_every_state import checked_parts

Key: TypeAlias = tuple[str, str]
"""A claim's id and the name of one of its parts."""

ENGINES: dict[type[c.Part], tuple[str, ...]] = {
    c.StatePart: ("prover", "explorer", "fuzzer"),
    c.StepPart: ("prover", "explorer", "fuzzer"),
    c.TwoRunPart: ("prover", "explorer", "fuzzer"),
    c.PairPart: ("prover",),
    c.RefusalPart: ("prover", "explorer", "fuzzer"),
    c.LivenessPart: ("explorer", "fuzzer"),
    c.LeadsToPart: ("explorer",),
    c.CalendarPart: ("calendars",),
    c.LayerPart: ("fuzzer",),
}
"""The engines that fit each kind of part about a machine that is run."""


def engines_of(part: c.Part) -> tuple[str, ...]:
    """The engines that fit a part. What is made of a machine is made for proofs; all machines as one are searched too."""
    if isinstance(part, c.LayerPart) and part.name in {name for _, name in checked_parts()}:
        return ("every state", *ENGINES[c.LayerPart])
    machine = getattr(part, "machine", "")
    if machine == WHOLE and not getattr(part, "ghosts", ()):
        return ("prover", "explorer")
    return ("prover",) if WITH in machine else ENGINES[type(part)]


@dataclass(frozen=True)
class ClaimVerdict:
    """The verdict on a claim: `proved`, `holds` (within `scope`), `refuted`, `unknown`, `does_not_arise` or `not_checked`.

    It is `does_not_arise` where all of its parts are, otherwise the weakest verdict on the others. `twin_reached` is the
    number of times its rarest part's witness occurred, over all engines that count it. `why` is the reason why it is not
    proved; `does_not_arise` has the parts that the settings rule out, wholly or in a case, with the reason.
    """

    claim: c.Claim
    verdict: str
    method: str
    scope: str
    twin_reached: int
    why: str = ""
    does_not_arise: tuple[tuple[str, str], ...] = ()


def violations(evidence: Evidence) -> Iterator[Violation]:
    """Yields every violation of a claim that a search or a run found."""
    for searched in evidence.searches:
        yield from (found.violation for found in searched.explorations if found.violation is not None)
    for broken in (f for f in evidence.calendars if f.shown.broken):
        yield Violation(*broken.key, broken.claim.sentence, broken.shown.broken)
    for finding in evidence.findings:
        if finding.broken is not None:
            yield Violation(finding.claim.id, finding.part.name, finding.claim.sentence, "\n".join(finding.broken.lines()))
    if evidence.from_states.broken is not None:
        yield evidence.from_states.broken
    failure = evidence.fuzzed.failure
    if failure is not None and isinstance(failure.error, Violation):
        yield failure.error


def disagreements(evidence: Evidence) -> Iterator[str]:
    """Yields the parts that one engine proved and another one found broken: a bug of ours, whichever of the two is wrong."""
    proved = _proved(evidence)
    for violation in violations(evidence):
        if (violation.claim, violation.part) in proved:
            yield f"proved for all figures and policies, and yet: {violation}"


def discharged(evidence: Evidence) -> dict[str, set[Key]]:
    """Returns, for each engine, the parts that it checked; none for the explorer unless every search was complete."""
    searched, fuzzed = evidence.searched.checked, evidence.fuzzed.tally.checked
    return {
        "prove": _proved(evidence),
        "calendar": held(evidence.calendars),
        "explore": {key for key, times in searched.items() if evidence.is_searched_through and times},
        "states": evidence.from_states.held,
        "fuzz": {key for key, times in fuzzed.items() if times},
    }


def held(findings: Sequence[CalendarFinding]) -> set[Key]:
    """Returns the parts about calendars that hold of every calendar that the declaration gives their clock."""
    return {f.key for f in findings} - {f.key for f in findings if f.shown.broken}


class Cases:
    """The interesting cases of each part: their numbers of occurrences, and those that cannot arise."""

    def __init__(self, evidence: Evidence) -> None:
        self._tally = evidence.tally
        proved, sound = _proved(evidence), _is_sound(evidence)
        # A ghost's own invariant is proved with its part.
        ghostly = {(claim.id, p.name) for claim in claims() for p in claim.parts if isinstance(p, c.StepPart) and p.ghosts}
        self._absent = {
            a.case: a.reason
            for a in evidence.absences
            if not a.by_proof or (sound and (a.case[:2] not in ghostly or a.case[:2] in proved))
        }

    def rarest(self, claim: c.Claim, part: c.Part) -> int | None:
        """Returns the occurrences of the rarest case that can arise; None where no case can, or nothing counts it."""
        arising = [case for case in cases(claim, part) if case not in self._absent]
        counted = engines_of(part) != ("prover",)
        # The interesting case of such a part is one of its obligations; no search and no run counts it.
        return min(times_met(self._tally, case) for case in arising) if arising and counted else None

    def arises(self, claim: c.Claim, part: c.Part) -> bool:
        """Returns true unless every case of the part is known not to arise."""
        return any(case not in self._absent for case in cases(claim, part))

    def absent(self, claim: c.Claim, part: c.Part) -> Iterator[str]:
        """Yields the reasons why cases of the part cannot arise."""
        return (self._absent[case] for case in cases(claim, part) if case in self._absent)


def verdicts(evidence: Evidence) -> list[ClaimVerdict]:
    """Returns the verdict on each claim."""
    by_engine, met = discharged(evidence), Cases(evidence)
    broken = {violation.claim for violation in violations(evidence)}
    # What is true of nothing has been decided: no claim says it, and no proof may lean on it.
    left = [o for o in evidence.obligations if o.verdict != PROVED and (o.verdict != VACUOUS or o.claim == LEMMA)]
    open_claims = {o.claim for o in left}
    # No proof is valid without its lemmas.
    undecided = {o.claim for o in evidence.obligations} if LEMMA in open_claims else open_claims
    return [
        _verdict(claim, by_engine, met, evidence, claim.id in broken, claim.id in undecided)
        for claim in claims(evidence.settings.catalogue or DEFAULT)
    ]


def _shown(evidence: Evidence) -> dict[Key, bool]:
    """Returns the parts that have obligations, true for those proved without any bound."""
    found: dict[Key, bool] = {}
    for o in evidence.obligations:
        key = o.claim, o.part
        found[key] = found.get(key, True) and o.verdict == PROVED and o.bound is None
    return found


def _is_sound(evidence: Evidence) -> bool:
    """Returns true if the facts that every proof assumes are proved themselves. Facts left open by an interruption are not."""
    granted = {(claim.id, p.name) for claim in claims() for p in claim.parts if isinstance(p, c.StatePart)}
    found = _shown(evidence)
    lemmas = any(claim == LEMMA for claim, _ in found)
    return evidence.is_proved_through and lemmas and all(v for k, v in found.items() if k[0] == LEMMA or k in granted)


def _proved(evidence: Evidence) -> set[Key]:
    """Returns the parts proved without any bound; none where the facts that every proof assumes are not proved."""
    return {key for key, holds in _shown(evidence).items() if holds} if _is_sound(evidence) else set()


def _verdict(
    claim: c.Claim, by_engine: Mapping[str, set[Key]], met: Cases, evidence: Evidence, broken: bool, undecided: bool
) -> ClaimVerdict:
    absent = tuple((part.name, reason) for part in claim.parts for reason in met.absent(claim, part))
    parts = [part for part in claim.parts if met.arises(claim, part)]
    keys = [(claim.id, part.name) for part in parts]
    by = {engine: [key for key in keys if key in found] for engine, found in by_engine.items()}
    counts = {part.name: n for part in parts if (n := met.rarest(claim, part)) is not None}
    unseen = [part.name for part in parts if not any((claim.id, part.name) in found for found in by.values())]
    unmet = [name for name, times in counts.items() if not times]
    vacuous = {o.part: o.about for o in evidence.obligations if o.verdict == VACUOUS and (o.claim, o.part) in keys}
    unproved = [name for _, name in keys if (claim.id, name) not in {*by["prove"], *by["calendar"]}]
    if broken:
        verdict, why = "refuted", "a counterexample was found"
    elif undecided:
        # A refuted obligation may start in an unreachable state: the model refutes the proof, not the claim.
        verdict, why = "unknown", "the prover left an obligation open"
    elif not parts:
        verdict, why = "does_not_arise", "; ".join(dict.fromkeys(reason for _, reason in absent))
    elif unseen or unmet or vacuous:
        verdict = "not_checked"
        why = "; ".join(
            [f"no engine went through {', '.join(unseen)}"] * bool(unseen)
            + [f"the interesting case of {', '.join(unmet)} never occurred"] * bool(unmet)
            + [f"{name} is vacuous: there is no {about}" for name, about in vacuous.items()]
        )
    elif unproved:
        verdict, why = "holds", f"not proved for all: {', '.join(unproved)}"
    else:
        verdict, why = "proved", ""
    told = _scope(by, keys, evidence) if parts else ""
    return ClaimVerdict(claim, verdict, shares(by, len(keys)), told, min(counts.values(), default=0), why, absent)


def shares(by: Mapping[str, Sized], total: int) -> str:
    """Returns the engines that checked parts of a claim, with the number out of `total` where it was not all of them."""
    return ", ".join(f"{name} {len(n)}/{total}" if len(n) < total else name for name, n in by.items() if n)


def _scope(by: Mapping[str, list[Key]], keys: list[Key], evidence: Evidence) -> str:
    told = []
    if by["prove"]:
        told.append("all price lists, all policies")
    if by["calendar"]:
        told.append("every start of a clock, all policies")
    rest = [key for key in keys if key not in {*by["prove"], *by["calendar"]}]
    if any(key in by["explore"] for key in rest):
        apart = [each for each in evidence.searches if not each.is_together]
        narrow = [f"{each.scope.name} scope, {each.told}" for each in apart if each.policies == 1]
        # Several searches share the open policies, so that every pair of choices occurs in one.
        wide = [each for each in apart if each.policies > 1]
        told += [*narrow, f"{wide[0].scope.name} scope, every two answers of the policies"] if wide else narrow
    if any(key in by["states"] for key in rest):
        told.append("every state of the tiny scope, code and all")
    if any(key not in by["explore"] and key not in by["states"] for key in rest):
        told.append("random runs")
    return "; ".join(told)
