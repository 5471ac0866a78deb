"""Discharges the claims by every engine that fits them, and says for each claim what was used and how far it reaches.

Proofs hold for every catalogue, every policy and every reachable state. A search of a small scope holds for that scope
under the default policies. Fuzzing is evidence. A claim is *proved* only where all of its parts are.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from tokenspec.invariants.claims import claims
from tokenspec.invariants.lemmas import lemmas
from tokenspec.machine.backends.compiled import Compiled
from tokenspec.machine.checkers.explore import Exploration, explore, instances
from tokenspec.machine.checkers.induction import LEMMA, PROVED, RUNS, Induction, Obligation
from tokenspec.machine.checkers.monitor import Tally, Watch
from tokenspec.machine.lang.claims import Claim, LayerPart, LeadsToPart, LivenessPart, Part, StatePart, StepPart, TwoRunPart
from tokenspec.oracle.campaign import Progress, Result, run
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS
from tokenspec.spec.scopes import TINY
from tokenspec.spec.system import system

ENGINES: dict[type[Part], tuple[str, ...]] = {
    StatePart: ("prover", "explorer", "fuzzer"),
    StepPart: ("prover", "explorer", "fuzzer"),
    TwoRunPart: ("prover", "explorer", "fuzzer"),
    LivenessPart: ("explorer", "fuzzer"),
    LeadsToPart: ("explorer",),
    LayerPart: ("fuzzer",),
}
"""Which engines fit which kind of part."""

_BOUNDED = (TwoRunPart,)
"""Parts whose proof assumes that at most RUNS renewals are due."""


@dataclass
class Evidence:
    """Everything that the engines came to."""

    obligations: list[Obligation]
    prove_seconds: float
    exploration: Exploration
    explored: Tally
    fuzzed: Result


@dataclass(frozen=True)
class Verdict:
    """One claim: `proved`, `holds` (within the scope told), `refuted`, `unknown` or `not_checked`."""

    claim: Claim
    verdict: str
    method: str
    scope: str
    twin_reached: int
    awaits: list[str] = field(default_factory=list)


def discharge(examples: int, seed: int = 0, progress: Progress | None = None) -> Evidence:
    """Runs the prover, the search of the tiny scope, and `examples` runs of the fuzzer."""
    started = time.perf_counter()
    obligations = [
        o for machine in system().machines for o in Induction(machine, claims(DEFAULT.ranking), lemmas()).obligations()
    ]
    seconds = time.perf_counter() - started
    tally = Tally()
    reader = Compiled(account(TINY.catalogue), {**TINY.catalogue.parameters(), **DEFAULTS})
    watch = Watch(reader.machine, claims(TINY.catalogue.ranking))
    found = explore(reader, instances(reader.machine, TINY.values), TINY.most, watch.monitor(reader, tally))
    return Evidence(obligations, seconds, found, tally, run(examples, seed_number=seed, progress=progress))


def verdicts(evidence: Evidence) -> list[Verdict]:
    """What each claim came to."""
    sound = _is_sound(evidence.obligations)
    return [_verdict(c, evidence, sound) for c in claims(DEFAULT.ranking)]


def _is_sound(obligations: list[Obligation]) -> bool:
    """Whether what every proof takes for granted has been proved: the lemmas, and the state parts of all claims."""
    states = {(c.id, p.name) for c in claims(DEFAULT.ranking) for p in c.parts if isinstance(p, StatePart)}
    granted = [o for o in obligations if o.claim == LEMMA or (o.claim, o.part) in states]
    return bool(granted) and all(o.verdict == PROVED for o in granted)


def _verdict(claim: Claim, evidence: Evidence, sound: bool) -> Verdict:
    proofs: dict[str, set[str]] = {}
    for o in evidence.obligations:
        if o.claim == claim.id:
            proofs.setdefault(o.part, set()).add(o.verdict)
    proved = [p for p in claim.parts if sound and proofs.get(p.name) == {PROVED}]
    whole = [p for p in proved if not isinstance(p, _BOUNDED)]
    searched = [p for p in claim.parts if evidence.exploration.complete and evidence.explored.checked[claim.id, p.name]]
    tally = evidence.fuzzed.tally
    fuzzed = [p for p in claim.parts if tally.checked[claim.id, p.name]]
    twin = min(tally.twins[claim.id, p.name] for p in claim.parts)
    broken = {getattr(evidence.fuzzed.failure.error, "claim", None)} if evidence.fuzzed.failure else set()
    broken |= {evidence.exploration.violation.claim} if evidence.exploration.violation else set()
    # A model that breaks an obligation may start in a state that cannot be reached, so it refutes the proof, not the claim.
    unproved = bool(proofs) and not (sound and all(found == {PROVED} for found in proofs.values()))
    covered = all(p in proved or p in fuzzed for p in claim.parts) and twin > 0 and evidence.fuzzed.failure is None
    verdict = (
        "refuted"
        if claim.id in broken
        else "unknown"
        if unproved
        else "not_checked"
        if not covered
        else "proved"
        if len(whole) == len(claim.parts)
        else "holds"
    )
    methods = [("prove", proved), ("explore", searched), ("fuzz", fuzzed)]
    total = len(claim.parts)
    method = ", ".join(name + _share(parts, total) for name, parts in methods if parts)
    return Verdict(claim, verdict, method, _scope(claim, proved), twin, _awaits(claim, proved))


def _share(parts: list[Part], total: int) -> str:
    return "" if len(parts) == total else f" {len(parts)}/{total}"


def _scope(claim: Claim, proved: list[Part]) -> str:
    if not proved:
        searched = f"the {TINY.name} scope, " if any(isinstance(p, LivenessPart) for p in claim.parts) else ""
        return f"{searched}random runs"
    limited = f", at most {RUNS} renewals due" if any(isinstance(p, _BOUNDED) for p in proved) else ""
    rest = "" if len(proved) == len(claim.parts) else "; the rest on random runs"
    return f"all figures, all policies{limited}{rest}"


def _awaits(claim: Claim, proved: list[Part]) -> list[str]:
    """What is still missing: a proof without a bound, or one at all, where the part is of a kind that can be proved."""
    provable = [p for p in claim.parts if "prover" in ENGINES[type(p)]]
    missing = [p for p in provable if p not in proved]
    bounded = [p for p in proved if isinstance(p, _BOUNDED)]
    return ["proof"] * bool(missing) + ["proof without a bound"] * bool(bounded and not missing)
