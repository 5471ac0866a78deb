"""What a check came to, as text and as data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, Any

from tokenspec.machine.checkers.prover.induction import LEMMA, PROVED, Obligation
from tokenspec.machine.checkers.search.reference import Exploration
from tokenspec.machine.lang.claims import Claim
from tokenspec.oracle.base.provenance import stamp
from tokenspec.oracle.check.evidence import Evidence, Searched
from tokenspec.oracle.check.mutants.recorded import kills
from tokenspec.oracle.check.verdicts import ClaimVerdict
from tokenspec.oracle.report.breaches import BrokenClaim, gates, open_obligations
from tokenspec.oracle.report.text import table


def as_data(found: list[ClaimVerdict], evidence: Evidence, broken: Sequence[BrokenClaim]) -> dict[str, Any]:
    """Returns the report as data; `exploration` is of the scope asked for.

    `counterexamples` are those of the searches, `counterexample` the records of a random run that failed.
    """
    fuzzed = evidence.fuzzed
    failure = fuzzed.failure
    return {
        **stamp(),
        "seed": evidence.settings.seed,
        "policy": dict(evidence.settings.policy),
        "fixed": {},
        "claims": [
            {
                "number": v.claim.number,
                "id": v.claim.id,
                "sentence": v.claim.sentence,
                "clauses": list(v.claim.clauses),
                "verdict": v.verdict,
                "method": v.method,
                "scope": v.scope,
                "twin_reached": v.twin_reached,
                "faults_killed": killed(v.claim),
            }
            for v in found
        ],
        "exploration": _search_data(evidence.searches[0]) if evidence.searches else None,
        "searches": [_search_data(each) for each in evidence.searches],
        "obligations": {
            "total": len(evidence.obligations),
            "proved": sum(o.verdict == PROVED for o in evidence.obligations),
            "seconds": round(evidence.prove_seconds, 2),
            "open": [_open(o) for o in evidence.obligations if o.verdict != PROVED],
        },
        "fuzz": {
            "examples": fuzzed.count.examples,
            "steps": fuzzed.count.steps,
            "seconds": round(fuzzed.seconds, 2),
            "cold": [{"event": event, "outcome": what} for event, what in fuzzed.cold],
        },
        "counterexamples": [breach.example.data() for breach in broken if breach.example is not None],
        "counterexample": failure.records if failure else None,
        "interrupted": evidence.interrupted,
    }


def killed(claim: Claim) -> int | None:
    """How many seeded faults the claim killed when that was last recorded, None where the declaration has changed since."""
    counts = kills()
    return None if counts is None else counts[claim.id]


def _open(o: Obligation) -> dict[str, Any]:
    return {"claim": o.claim, "part": o.part, "about": o.about, "verdict": o.verdict}


def _search_data(searched: Searched) -> dict[str, Any]:
    found = searched.found
    return {
        "scope": searched.scope.name,
        "policies": searched.policies,
        "states": found.states,
        "transitions": found.transitions,
        "depth": found.depth,
        "seconds": round(found.seconds, 2),
        "states_per_second": round(found.states / max(found.seconds, 0.001)),
        "memory": found.memory,
        "coldest_rule": list(_coldest(found)),
        "complete": searched.complete,
    }


def _coldest(found: Exploration) -> tuple[str, int]:
    return min(found.rules.items(), key=lambda rule: rule[1], default=("", 0))


def as_text(found: list[ClaimVerdict], evidence: Evidence, broken: Sequence[BrokenClaim], to: IO[str]) -> None:
    """The table of claims, what is broken or left open, and the figures."""
    shown = [
        [
            str(v.claim.number),
            f"{v.claim.id}\n{v.claim.sentence}",
            v.verdict.replace("_", " "),
            v.method,
            v.scope,
            f"{v.twin_reached:,}",
            str(killed(v.claim) if killed(v.claim) is not None else "-"),
        ]
        for v in found
    ]
    table("", ["no", "claim and what it says", "verdict", "by (parts)", "for", "twin", "faults"], shown, to)
    to.write(
        "proved: of every reachable state; holds: as far as 'for' says. Random runs are evidence, not proof; they stand alone\n"
    )
    to.write("where a claim speaks of clocks, journal or sessions, which are code around the declared machine.\n")
    to.write("twin: how often the claim's interesting case occurred, the rarest of its parts; faults: how many seeded faults\n")
    to.write("the claim was the first to kill (tokenspec mutants).\n\n")
    for line in (*against(evidence, broken), *figures(evidence)):
        to.write(f"{line}\n")


def against(evidence: Evidence, broken: Sequence[BrokenClaim]) -> Iterator[str]:
    """Counterexamples, open obligations, and whatever else keeps the table from being green."""
    wrong = gates(evidence)
    yield from wrong["engines_agree"]
    for breach in broken:
        yield from (*breach.lines, "")
    for _, lines in open_obligations(evidence):
        yield from lines
    yield from (*wrong["no_deadlock"], *wrong["every_outcome_occurs"])


def figures(evidence: Evidence) -> Iterator[str]:
    """What each engine did, a line each."""
    proved = sum(o.verdict == PROVED for o in evidence.obligations)
    lemmas = len({o.part for o in evidence.obligations if o.claim == LEMMA})
    yield (
        f"prover     {proved} of {len(evidence.obligations)} obligations proved, those of {lemmas} lemmas among them, figures "
        f"and policies open, {evidence.prove_seconds:.1f} s"
    )
    for searched in evidence.searches:
        for each in searched.explorations:
            rule, times = _coldest(each)
            how = (
                ""
                if each.complete
                else f"; ended by its budget of {each.ended_by}"
                if each.ended_by
                else "; ended by a violation"
            )
            yield (
                f"explorer   {searched.scope.name}, {searched.told}{' (claims with ghosts)' if each is searched.ghosts else ''}: "
                f"{each.states:,} states, {each.transitions:,} transitions, depth {each.depth}, {each.seconds:.1f} s "
                f"({each.states / max(each.seconds, 0.001):,.0f} states/s), {each.memory / 2**20:,.0f} MiB, coldest rule {rule} "
                f"({times:,}){how}"
            )
    fuzzed = evidence.fuzzed
    yield (
        f"fuzzer     {fuzzed.count.steps:,} events of {fuzzed.count.examples:,} random runs, {fuzzed.seconds:.0f} s "
        f"({fuzzed.count.steps / max(fuzzed.seconds, 0.001):,.0f}/s), seed {fuzzed.seed}"
    )
