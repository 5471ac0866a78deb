"""What a check came to, in the forms that continuous integration shows: JUnit XML, SARIF 2.1.0 and Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from tokenspec.machine.lang.claims import Claim, Part
from tokenspec.oracle.base.provenance import stamp
from tokenspec.oracle.check.evidence import Evidence
from tokenspec.oracle.check.verdicts import ENGINES, ClaimVerdict, Key, discharged, twins
from tokenspec.oracle.report.breaches import BrokenClaim, gates, open_obligations
from tokenspec.oracle.report.check_text import against, figures, killed
from tokenspec.oracle.report.ci import Case, fenced, junit, markdown, sarif, sarif_place, sarif_result, sarif_rule


class _Parts:
    """What came of each part of each claim."""

    def __init__(self, evidence: Evidence, broken: Sequence[BrokenClaim]) -> None:
        self.through, self.broken = discharged(evidence), broken
        self.left_open: dict[Key, list[str]] = {}
        for key, lines in open_obligations(evidence):
            self.left_open.setdefault(key, []).extend(lines)
        self._met = twins(evidence)

    def missing(self, claim: Claim, part: Part) -> str:
        """Why a part counts as not checked; nothing where it was, or was found broken or left open."""
        key = claim.id, part.name
        if key in self.left_open or any(breach.key == key for breach in self.broken):
            return ""
        if not any(key in parts for parts in self.through.values()):
            return "not checked: no engine went through it"
        is_met = self._met[key] or ENGINES[type(part)] == ("prover",)
        return "" if is_met else "not checked: its interesting case never occurred"

    def cases(self, v: ClaimVerdict) -> Iterator[Case]:
        """A test case for each part of a claim and each engine that has something to say of it."""
        for part in v.claim.parts:
            key = v.claim.id, part.name
            for engine, parts in self.through.items():
                against = [
                    line for breach in self.broken if (breach.key, breach.engine) == (key, engine) for line in breach.lines
                ]
                undecided = self.left_open.get(key, []) if engine == "prove" else []
                if against or undecided or key in parts:
                    yield f"{part.name} ({engine})", "failure" if against else "error" if undecided else "", against or undecided
            if missing := self.missing(v.claim, part):
                yield part.name, "skipped", [missing]


def as_junit(found: Sequence[ClaimVerdict], evidence: Evidence, broken: Sequence[BrokenClaim]) -> str:
    """A suite for each claim, and in it a case for each part and engine that went through it; the gates are a suite too.

    A failure is a counterexample, an error what the prover left open; a part that nothing checked is skipped.
    """
    parts = _Parts(evidence, broken)
    suites: dict[str, list[Case]] = {v.claim.id: list(parts.cases(v)) for v in found}
    wrong = gates(evidence) | {breach.claim: list(breach.lines) for breach in broken if breach.claim not in suites}
    suites["gates"] = [(name, "failure" if lines else "", lines) for name, lines in wrong.items()]
    return junit("tokenspec check", suites, {"failure": "violated", "error": "undecided"}, _made(evidence))


def as_sarif(found: Sequence[ClaimVerdict], evidence: Evidence, broken: Sequence[BrokenClaim]) -> dict[str, Any]:
    """A rule for each claim; a result for what is broken (error), and for what is open or not checked (warning)."""
    parts = _Parts(evidence, broken)
    properties = _made(evidence) | {"policy": dict(evidence.settings.policy)}
    wrong = [line for lines in gates(evidence).values() for line in lines]
    return sarif([_rule(v) for v in found], [result for v in found for result in _results(v, parts)], properties, wrong)


def as_markdown(found: Sequence[ClaimVerdict], evidence: Evidence, broken: Sequence[BrokenClaim], verdict: str) -> str:
    """The table of claims for a document, with what is broken as it is in the text, and the figures below it."""
    from tokenspec.diagrams.markup import markdown_table

    rows = [
        (
            str(v.claim.number),
            f"`{v.claim.id}`",
            v.claim.sentence,
            v.verdict.replace("_", " "),
            v.method,
            v.scope,
            f"{v.twin_reached:,}",
            str(killed(v.claim) if killed(v.claim) is not None else "-"),
        )
        for v in found
    ]
    table = markdown_table(("no", "claim", "what it says", "verdict", "by (parts)", "for", "twin", "faults"), rows)
    listed = "\n".join(f"- {line}" for line in figures(evidence))
    return markdown("tokenspec check", verdict, [table, fenced(against(evidence, broken)), listed], _made(evidence))


def _made(evidence: Evidence) -> dict[str, Any]:
    settings = evidence.settings
    return {**stamp(), "scope": settings.scope.name, "seed": settings.seed}


def _rule(v: ClaimVerdict) -> dict[str, Any]:
    return sarif_rule(v.claim.id, v.claim.sentence, v.claim.clauses, number=v.claim.number, verdict=v.verdict)


def _results(v: ClaimVerdict, parts: _Parts) -> Iterator[dict[str, Any]]:
    for breach in parts.broken:
        if breach.claim == v.claim.id:
            yield _result(breach.key, breach.engine, "error", breach.lines, breach.trace)
    for part in v.claim.parts:
        key = v.claim.id, part.name
        if key in parts.left_open:
            yield _result(key, "prove", "warning", parts.left_open[key])
        if missing := parts.missing(v.claim, part):
            yield _result(key, "none", "warning", [f"claim {key[0]}, part {key[1]}: {missing}"])


def _result(key: Key, engine: str, level: str, lines: Sequence[str], trace: Sequence[str] = ()) -> dict[str, Any]:
    fingerprint, properties = {"claimPartEngine/v1": "/".join((*key, engine))}, {"part": key[1], "engine": engine}
    return sarif_result(key[0], lines, sarif_place(*_declared(key[0])), fingerprint, properties, level, trace)


@cache
def _declared(claim: str) -> tuple[str, int]:
    """The file in the repository that declares a claim, and the line of its id."""
    for file in sorted(files("tokenspec.invariants").iterdir(), key=lambda each: each.name):
        if file.name.endswith(".py"):
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                if line.strip() == f'"{claim}",':
                    return f"invariants/tokenspec/invariants/{file.name}", number
    return "invariants/tokenspec/invariants/claims.py", 1
