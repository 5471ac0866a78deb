"""`tokenspec check`: every claim, and how it was discharged."""

from __future__ import annotations

from importlib.metadata import version
from typing import IO, Any

import click

from tokenspec.invariants.claims import claims
from tokenspec.machine.lang.claims import Claim
from tokenspec.machine.lang.digest import digest
from tokenspec.machine.testing.monitor import Violation
from tokenspec.oracle.campaign import Result, run
from tokenspec.oracle.command.exits import COVERAGE, HOLDS
from tokenspec.oracle.command.fuzz import exit_of, show_failure
from tokenspec.oracle.command.options import as_json, output, output_options, progress, table
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.clauses import CLAUSES
from tokenspec.spec.system import system

SCOPES = {"tiny": 120, "small": 300, "standard": 2_000}
"""Fuzz examples of each scope."""


@click.command()
@click.option("--scope", type=click.Choice(list(SCOPES)), default="small", show_default=True, help="How much is run.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same runs.")
@output_options("text", "json")
def command(scope: str, seed: int, form: str, output_file: str | None, quiet: bool) -> int:
    """Checks every claim about the declared account and prints a table: the claim, its verdict, and how it was reached.

    A claim holds only if its interesting case occurred. What is checked by fuzzing is not proved, and says so.

    \b
    tokenspec check
    tokenspec check --scope standard --format json -o report.json
    """
    system_, all_claims = system(), claims(DEFAULT.ranking)
    _validate()
    examples = SCOPES[scope]
    with progress("checking", 2 * examples) as tick:
        result = run(examples, seed_number=seed, progress=tick)
    rows = [_row(claim, result, scope) for claim in all_claims]
    with output(output_file) as to:
        if form == "json":
            to.write(as_json(_report(digest(system_), seed, rows, result)))
        else:
            _text(rows, result, scope, to, quiet)
    if result.failure is not None:
        return exit_of(result.failure)
    idle = any(row["verdict"] == "not_checked" for row in rows)
    return COVERAGE if idle or result.cold else HOLDS


def _validate() -> None:
    """The declaration itself: names, types, clauses, claims. A fault here is ours, and raises."""
    from tokenspec.machine.lang.claims import validate_claims
    from tokenspec.machine.lang.validate import check_clauses, citations, validate

    machines, all_claims = system().machines, claims(DEFAULT.ranking)
    cited: dict[str, tuple[str, ...]] = {f"claim {c.id}": c.clauses for c in all_claims}
    for machine in machines:
        validate(machine)
        cited |= citations(machine)
    validate_claims(all_claims, machines)
    check_clauses(CLAUSES, cited)


def _row(claim: Claim, result: Result, scope: str) -> dict[str, Any]:
    checked = [result.tally.checked[claim.id, part.name] for part in claim.parts]
    twins = [result.tally.twins[claim.id, part.name] for part in claim.parts]
    broken = result.failure is not None and getattr(result.failure.error, "claim", None) == claim.id
    verdict = "refuted" if broken else "holds" if all(checked) and all(twins) and not result.failure else "not_checked"
    return {
        "number": claim.number,
        "id": claim.id,
        "sentence": claim.sentence,
        "clauses": list(claim.clauses),
        "verdict": verdict,
        "method": "fuzz",
        "scope": f"{scope}: {sum(checked):,} checks on random runs",
        "twin_reached": min(twins),
        "awaits": [method.value for method in claim.awaits],
    }


def _report(of: str, seed: int, rows: list[dict[str, Any]], result: Result) -> dict[str, Any]:
    failure = result.failure
    return {
        "digest": of,
        "version": version("tokenspec"),
        "seed": seed,
        "policy": {},
        "fixed": {},
        "claims": rows,
        "exploration": None,
        "obligations": None,
        "fuzz": {
            "examples": result.count.examples,
            "steps": result.count.steps,
            "seconds": round(result.seconds, 2),
            "cold": [{"event": event, "outcome": what} for event, what in result.cold],
        },
        "counterexample": failure.records if failure else None,
    }


def _text(rows: list[dict[str, Any]], result: Result, scope: str, to: IO[str], quiet: bool) -> None:
    if not quiet:
        shown = [
            [
                str(row["number"]),
                row["id"],
                row["sentence"],
                f"{row['verdict'].replace('_', ' ')} (fuzz)",
                f"{row['twin_reached']:,}",
                " ".join(row["awaits"]) or "-",
            ]
            for row in rows
        ]
        table("", ["no", "claim", "what it says", "verdict", "twin", "awaits"], shown, to)
        to.write("twin: how often the claim's interesting case occurred, the rarest of its parts.\n")
        to.write("awaits: stronger methods that fit the claim and are still to come. Fuzzing is evidence, not proof.\n\n")
    if result.failure is not None:
        show_failure(result.failure, to)
    for event, what in result.cold:
        to.write(f"never met: {event}, {what}\n")
    holding = sum(row["verdict"] == "holds" for row in rows)
    rate = result.count.steps / max(result.seconds, 0.001)
    to.write(
        f"{holding} of {len(rows)} claims hold on {result.count.steps:,} events of {result.count.examples:,} random runs "
        f"({result.seconds:.0f} s, {rate:,.0f}/s, scope {scope}, seed {result.seed})\n"
    )
    whole = holding == len(rows) and not result.cold
    claimed = isinstance(getattr(result.failure, "error", None), Violation)
    to.write("holds\n" if whole else "violated\n" if claimed else "not everything was checked\n")
