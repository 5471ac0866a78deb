"""`tokenspec check`: every claim, and how it was discharged."""

from __future__ import annotations

from importlib.metadata import version
from typing import IO, Any

import click

from tokenspec.invariants.claims import claims
from tokenspec.machine.checkers.induction import PROVED
from tokenspec.machine.lang.claims import validate_claims
from tokenspec.machine.lang.digest import digest
from tokenspec.machine.lang.validate import check_clauses, citations, validate_system
from tokenspec.oracle.command.exits import COVERAGE, LIVENESS, NO_VERDICT, SAFETY, UNKNOWN, gravest
from tokenspec.oracle.command.files import check_files, output
from tokenspec.oracle.command.fuzz import LIVENESS_CLAIMS, exit_of, show_failure
from tokenspec.oracle.command.options import as_json, output_options, progress, table
from tokenspec.oracle.discharge import Evidence, Verdict, discharge, verdicts
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.clauses import CLAUSES
from tokenspec.spec.system import system

SCOPES = {"tiny": 120, "small": 300, "standard": 2_000}
"""Fuzz examples of each scope."""


@click.command()
@click.option("--scope", type=click.Choice(list(SCOPES)), default="small", show_default=True, help="How much is fuzzed.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same runs.")
@output_options("text", "json")
def command(scope: str, seed: int, form: str, output_file: str | None, quiet: bool) -> int:
    """Checks every claim about the declared account and prints a table: the claim, its verdict, and how it was reached.

    A prover takes every figure and every policy at once; a search visits every state of a small world; random runs
    go through the clocks and the journal as well. A claim counts only if its interesting case occurred.

    \b
    tokenspec check
    tokenspec check --scope standard --format json -o report.json
    """
    check_files((), {}, output_file)
    _validate()
    examples = SCOPES[scope]
    with progress("checking", 2 * examples) as tick:
        evidence = discharge(examples, seed, tick)
    found = verdicts(evidence)
    with output(output_file) as to:
        if form == "json":
            to.write(as_json(_report(found, evidence, seed)))
        else:
            _text(found, evidence, scope, to, quiet)
    return gravest(_codes(found, evidence))


def _validate() -> None:
    """The declaration itself: names, types, links, clauses, claims. A fault here is ours, and raises."""
    whole, all_claims = system(), claims(DEFAULT.ranking)
    validate_system(whole)
    validate_claims(all_claims, whole.machines)
    cited: dict[str, tuple[str, ...]] = {f"claim {c.id}": c.clauses for c in all_claims}
    for machine in whole.machines:
        cited |= citations(machine)
    check_clauses(CLAUSES, cited)


def _codes(found: list[Verdict], evidence: Evidence) -> list[int]:
    codes = [exit_of(evidence.fuzzed.failure)] if evidence.fuzzed.failure else []
    violation = evidence.exploration.violation
    if violation is not None:
        codes.append(LIVENESS if violation.claim in LIVENESS_CLAIMS else SAFETY)
    elif not evidence.exploration.complete:
        codes.append(NO_VERDICT)
    if any(v.verdict == "not_checked" for v in found) or evidence.fuzzed.cold:
        codes.append(COVERAGE)
    return codes + [UNKNOWN] * any(v.verdict == "unknown" for v in found)


def _report(found: list[Verdict], evidence: Evidence, seed: int) -> dict[str, Any]:
    explored, fuzzed = evidence.exploration, evidence.fuzzed
    return {
        "digest": digest(system()),
        "version": version("tokenspec"),
        "seed": seed,
        "policy": {},
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
                "awaits": v.awaits,
            }
            for v in found
        ],
        "exploration": {
            "states": explored.states,
            "transitions": explored.transitions,
            "depth": explored.depth,
            "seconds": round(explored.seconds, 2),
            "states_per_second": round(explored.states / max(explored.seconds, 0.001)),
            "complete": explored.complete,
        },
        "obligations": {
            "total": len(evidence.obligations),
            "proved": sum(o.verdict == PROVED for o in evidence.obligations),
            "seconds": round(evidence.prove_seconds, 2),
        },
        "fuzz": {
            "examples": fuzzed.count.examples,
            "steps": fuzzed.count.steps,
            "seconds": round(fuzzed.seconds, 2),
            "cold": [{"event": event, "outcome": what} for event, what in fuzzed.cold],
        },
        "counterexample": fuzzed.failure.records if fuzzed.failure else None,
    }


def _text(found: list[Verdict], evidence: Evidence, scope: str, to: IO[str], quiet: bool) -> None:
    if not quiet:
        _details(found, evidence, scope, to)
    codes = _codes(found, evidence)
    to.write({0: "holds", SAFETY: "violated", LIVENESS: "violated"}.get(gravest(codes), "not everything was checked") + "\n")


def _details(found: list[Verdict], evidence: Evidence, scope: str, to: IO[str]) -> None:
    shown = [
        [str(v.claim.number), v.claim.id, v.claim.sentence, v.verdict.replace("_", " "), v.method, v.scope, f"{v.twin_reached:,}"]
        for v in found
    ]
    table("", ["no", "claim", "what it says", "verdict", "by (parts)", "for", "twin"], shown, to)
    to.write("proved: of every reachable state; holds: as far as 'for' says. Random runs are evidence, not proof.\n")
    to.write("twin: how often the claim's interesting case occurred in random runs, the rarest of its parts.\n\n")
    if evidence.exploration.violation is not None:
        to.write(f"{evidence.exploration.violation}\n")
        to.write("".join(f"  {event} {fields or ''}\n" for event, fields in evidence.exploration.trace))
    for o in evidence.obligations:
        if o.verdict != PROVED:
            to.write(f"{o.verdict}: {o.claim}, {o.part}, at {o.about}: from {o.state} with {o.fields}\n")
    if evidence.fuzzed.failure is not None:
        show_failure(evidence.fuzzed.failure, to)
    for event, what in evidence.fuzzed.cold:
        to.write(f"never met: {event}, {what}\n")
    _figures(evidence, scope, to)


def _figures(evidence: Evidence, scope: str, to: IO[str]) -> None:
    explored, fuzzed = evidence.exploration, evidence.fuzzed
    proved = sum(o.verdict == PROVED for o in evidence.obligations)
    to.write(
        f"prover     {proved} of {len(evidence.obligations)} obligations proved, figures and policies open, "
        f"{evidence.prove_seconds:.1f} s\n"
        f"explorer   {explored.states:,} states, {explored.transitions:,} transitions, depth {explored.depth}, every claim on "
        f"every transition, {explored.seconds:.1f} s\n"
        f"fuzzer     {fuzzed.count.steps:,} events of {fuzzed.count.examples:,} random runs, {fuzzed.seconds:.0f} s "
        f"({fuzzed.count.steps / max(fuzzed.seconds, 0.001):,.0f}/s), scope {scope}, seed {fuzzed.seed}\n"
    )
