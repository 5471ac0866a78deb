"""The report of a check: every claim, and how it was discharged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from textwrap import wrap
from typing import Any

from tokenspec.machine.checkers.exploration import Exploration
from tokenspec.machine.checkers.monitor import Violation
from tokenspec.machine.checkers.prover.induction import LEMMA, PROVED
from tokenspec.machine.lang.claims import Claim, Part
from tokenspec.machine.lang.counts import counted
from tokenspec.machine.lang.typecheck import show
from tokenspec.oracle.base.specification import SPEC
from tokenspec.oracle.check.arising import assumptions, unsatisfied
from tokenspec.oracle.check.counterexample import Counterexample, counterexamples
from tokenspec.oracle.check.evidence import Evidence, Searched
from tokenspec.oracle.check.mutants.recorded import kills
from tokenspec.oracle.check.verdicts import Cases, ClaimVerdict, Key, disagreements, discharged, violations
from tokenspec.oracle.report.config import command_line
from tokenspec.oracle.report.exits import BUG, COVERAGE, LIVENESS, NO_VERDICT, SAFETY, UNKNOWN, code_of_signal, gravest
from tokenspec.oracle.report.fuzz import exit_of, exit_of_violation, failure_lines
from tokenspec.oracle.report.model import (
    Block,
    Check,
    FindingRule,
    Notes,
    Outcome,
    ReportFinding,
    ReportTable,
    RunReport,
    Verbatim,
)
from tokenspec.oracle.wire.settings import as_options

_HEADINGS = ("no", "claim and what it says", "verdict", "by (parts)", "for", "witness", "faults")
_LEGEND = """\
proved: of every reachable state; holds: within the scope under 'for'. Random runs are evidence, not proof.
states: clocks, journal and sessions, which are code around the declared machines, tried from each state of a small world.
witness: how often the claim's interesting case occurred, the rarest of its parts (-: the prover alone shows that it can);
faults: how many seeded faults the claim was the first to kill (tokenspec mutants).
"""
_WORDS = {
    0: "holds",
    SAFETY: "violated",
    LIVENESS: "violated",
    BUG: "the engines disagree: a bug of tokenspec, please report it",
    NO_VERDICT: "no verdict: a budget ran out",
}


@dataclass(frozen=True)
class BrokenClaim:
    """A part of a claim that an engine (`explore`, `states` or `fuzz`) found broken, with the story and the bare trace."""

    claim: str
    part: str
    engine: str
    lines: tuple[str, ...]
    trace: tuple[str, ...] = ()
    example: Counterexample | None = None

    @property
    def key(self) -> Key:
        """The claim and the part."""
        return self.claim, self.part


def breaches(evidence: Evidence, catalogue: str | None) -> list[BrokenClaim]:
    """Returns everything found broken: by the searches, then by random runs. `catalogue` is the file of the runs' figures.

    Readers that disagree break no claim; they are reported under the name of their error.
    """
    found = []
    for each in counterexamples(evidence):
        trace = tuple(map(each.told, each.steps))
        found.append(BrokenClaim(each.claim.id, each.part, "explore", tuple(each.lines()), trace, each))
    for finding in evidence.findings:
        if finding.broken is not None:
            found.append(BrokenClaim(finding.claim.id, finding.part.name, "explore", tuple(finding.lines())))
    if (of_code := evidence.from_states.broken) is not None:
        found.append(BrokenClaim(of_code.claim, of_code.part, "states", (str(of_code),)))
    failure = evidence.fuzzed.failure
    if failure is not None:
        settings = evidence.settings
        again = command_line(
            "fuzz", examples=settings.examples, seed=settings.seed, policy=as_options(settings.policy), catalogue=catalogue
        )
        lines = (*[line for line in failure_lines(failure) if line], f"  again: {again}")
        error = failure.error
        key = (error.claim, error.part) if isinstance(error, Violation) else (type(error).__name__, "")
        found.append(BrokenClaim(*key, "fuzz", lines))
    return found


def open_obligations(evidence: Evidence) -> Iterator[tuple[Key, tuple[str, ...]]]:
    """Yields the obligations that the prover left open or refuted, with the story of the refutation."""
    for o in evidence.obligations:
        if o.verdict != PROVED:
            story = o.refutation.story() if o.refutation else ()
            head = f"{o.verdict}: claim {o.claim}, part {o.part}, at {o.about}"
            yield (o.claim, o.part), (head, *(f"  {line}" for line in story))


def gates(evidence: Evidence) -> dict[str, list[str]]:
    """Returns the requirements of a check beside the claims, each with its faults."""
    ended = [
        f"{searched.scope.name} scope, {searched.told}: ended by its budget of {each.ended_by}"
        for searched in evidence.searches
        for each in searched.explorations
        if each.ended_by
    ]
    interrupted = ["interrupted: these are the findings up to then"] if evidence.interrupted else []
    # A run that ended early had no time to meet everything.
    cold = [] if evidence.interrupted or evidence.fuzzed.failure is not None else evidence.fuzzed.cold
    lemmas = [line for (claim, _), lines in open_obligations(evidence) if claim == LEMMA for line in lines]
    scopes = evidence.settings.scope, SPEC.scopes[0]
    return {
        "every_lemma_is_proved": lemmas,
        "every_assumption_is_satisfied": list(unsatisfied(scopes, evidence.settings.catalogue)),
        "engines_agree": [f"engines disagree: {line}" for line in disagreements(evidence)],
        "no_deadlock": [f"deadlock: {state}" for state in evidence.deadlocks],
        "every_outcome_occurs": [f"never met: {event}, {what}" for event, what in cold],
        "every_engine_ends": ended + interrupted,
    }


def check_report(found: Sequence[ClaimVerdict], evidence: Evidence, broken: Sequence[BrokenClaim]) -> RunReport:
    """Returns the report on each claim: a check for each part and engine, and for each gate."""
    settings, codes = evidence.settings, exit_codes(found, evidence)
    code, verdict = gravest(codes), _WORDS.get(gravest(codes), "not everything was checked")
    if code == NO_VERDICT and not found:
        verdict = "no verdict: the specification makes no claim"
    if evidence.interrupted:
        verdict = "interrupted: these are the findings up to then"
        code = code if {BUG, SAFETY, LIVENESS} & set(codes) else code_of_signal(evidence.interrupted)
    return RunReport(
        verb="check",
        code=code,
        verdict=verdict,
        made={"scope": settings.scope.name, "seed": settings.seed},
        properties={"policy": dict(settings.policy)},
        body=lambda: _body(found, evidence, broken),
        data=lambda: _data(found, evidence, broken),
        checks=lambda: _checks(found, evidence, broken),
        kinds={"failure": "violated", "error": "undecided"},
        rules=[_rule(v) for v in found],
    )


def _body(found: Sequence[ClaimVerdict], evidence: Evidence, broken: Sequence[BrokenClaim]) -> Iterator[Block]:
    """Yields the table of claims, everything broken or left open, and the figures."""
    yield ReportTable(_HEADINGS, [_row(v) for v in found])
    yield Notes([*_LEGEND.splitlines(), ""])
    yield Verbatim(list(_against(evidence, broken)))
    yield Notes(list(_figures(evidence)))
    told = "; ".join(show(assumption.holds) for assumption in assumptions(evidence.settings.catalogue))
    yield Notes(wrap(f"assumed    of figures, each within its type: {told}", 120, subsequent_indent=" " * 11))


def _against(evidence: Evidence, broken: Sequence[BrokenClaim]) -> Iterator[str]:
    """Yields counterexamples, open obligations, and whatever else keeps the table from being green."""
    wrong = gates(evidence)
    yield from (*wrong["engines_agree"], *wrong["every_assumption_is_satisfied"])
    for breach in broken:
        yield from (*breach.lines, "")
    for _, lines in open_obligations(evidence):
        yield from lines
    yield from (*wrong["no_deadlock"], *wrong["every_outcome_occurs"])


def _checks(found: Sequence[ClaimVerdict], evidence: Evidence, broken: Sequence[BrokenClaim]) -> Iterator[Check]:
    """Yields the checks: failures are counterexamples, errors are open obligations; unchecked parts are skipped."""
    parts = _Parts(evidence, broken)
    for v in found:
        for part in v.claim.parts:
            yield from parts.checks(v, part)
    claims = {v.claim.id for v in found}
    wrong = gates(evidence) | {each.claim: list(each.lines) for each in broken if each.claim not in claims}
    for name, lines in wrong.items():
        yield Check("gates", name, "failure" if lines else "", lines)


class _Parts:
    """The results of each part of each claim."""

    def __init__(self, evidence: Evidence, broken: Sequence[BrokenClaim]) -> None:
        self._broken, self._through, self._cases = broken, discharged(evidence), Cases(evidence)
        self._left_open: dict[Key, list[str]] = {}
        for key, lines in open_obligations(evidence):
            self._left_open.setdefault(key, []).extend(lines)

    def checks(self, v: ClaimVerdict, part: Part) -> Iterator[Check]:
        """Yields a check for each engine that has a result for a part."""
        key = v.claim.id, part.name
        for engine, parts in self._through.items():
            against = [
                _finding(v, key, engine, each.lines, "error", each.trace)
                for each in self._broken
                if (each.key, each.engine) == (key, engine)
            ]
            undecided = self._left_open.get(key, []) if engine == "prove" else []
            opened = [_finding(v, key, engine, undecided, "warning")] if undecided else []
            if against or opened or key in parts:
                outcome: Outcome = "failure" if against else "error" if opened else ""
                yield Check(v.claim.id, f"{part.name} ({engine})", outcome, (), [*against, *opened])
        if absent := list(self._cases.absent(v.claim, part)):
            # A note that does not fail the check.
            yield Check(v.claim.id, part.name, "skipped", [f"does not arise: {reason}" for reason in absent])
        if missing := self._missing(v.claim, part):
            lines = [f"claim {key[0]}, part {key[1]}: {missing}"]
            yield Check(v.claim.id, part.name, "skipped", lines, [_finding(v, key, "none", lines, "warning")])

    def _missing(self, claim: Claim, part: Part) -> str:
        """Returns the reason why a part counts as not checked; empty where it was checked, found broken or left open."""
        key = claim.id, part.name
        if key in self._left_open or any(breach.key == key for breach in self._broken):
            return ""
        if not self._cases.arises(claim, part):
            return ""
        if not any(key in parts for parts in self._through.values()):
            return "not checked: no engine went through it"
        return "not checked: its interesting case never occurred" if self._cases.rarest(claim, part) == 0 else ""


def _data(found: Sequence[ClaimVerdict], evidence: Evidence, broken: Sequence[BrokenClaim]) -> dict[str, Any]:
    """Returns the report as one object; `exploration` is of the requested scope.

    `counterexamples` are those of the searches, `counterexample` the records of a random run that failed.
    """
    fuzzed = evidence.fuzzed
    failure = fuzzed.failure
    return {
        "seed": evidence.settings.seed,
        "policy": dict(evidence.settings.policy),
        "claims": [
            {
                "number": v.claim.number,
                "id": v.claim.id,
                "sentence": v.claim.sentence,
                "clauses": list(v.claim.clauses),
                "verdict": v.verdict,
                "why": v.why,
                "does_not_arise": [{"part": part, "reason": reason} for part, reason in v.does_not_arise],
                "method": v.method,
                "scope": v.scope,
                "twin_reached": v.twin_reached,
                "faults_killed": _killed(v.claim),
            }
            for v in found
        ],
        "assumptions": [{"holds": show(a.holds), "says": a.breach} for a in assumptions(evidence.settings.catalogue)],
        "exploration": _search_data(evidence.searches[0]) if evidence.searches else None,
        "searches": [_search_data(each) for each in evidence.searches],
        "obligations": {
            "total": len(evidence.obligations),
            "proved": sum(o.verdict == PROVED for o in evidence.obligations),
            "seconds": round(evidence.prove_seconds, 2),
            "open": [
                {"claim": o.claim, "part": o.part, "about": o.about, "verdict": o.verdict}
                for o in evidence.obligations
                if o.verdict != PROVED
            ],
        },
        "fuzz": {
            "examples": fuzzed.count.examples,
            "steps": fuzzed.count.steps,
            "seconds": round(fuzzed.seconds, 2),
            "cold": [{"event": event, "outcome": what} for event, what in fuzzed.cold],
        },
        "counterexamples": [breach.example.data() for breach in broken if breach.example is not None],
        "counterexample": failure.records if failure else None,
        "interrupted": evidence.interrupted is not None,
    }


def exit_codes(found: Sequence[ClaimVerdict], evidence: Evidence) -> list[int]:
    """Returns every exit code that applies."""
    codes = [exit_of(evidence.fuzzed.failure)] if evidence.fuzzed.failure else []
    codes += map(exit_of_violation, violations(evidence))
    codes += [BUG] * any(disagreements(evidence))
    if (not evidence.is_whole or not found) and not codes:
        codes.append(NO_VERDICT)
    if any(v.verdict == "not_checked" for v in found) and evidence.is_whole:
        codes.append(COVERAGE)
    if evidence.fuzzed.cold or evidence.deadlocks or gates(evidence)["every_assumption_is_satisfied"]:
        codes.append(COVERAGE)
    # Lemmas, and that every event has one outcome, need not be claims of the specification.
    beside = {o.claim for o in evidence.obligations if o.verdict != PROVED} - {v.claim.id for v in found}
    return codes + [UNKNOWN] * (bool(beside) or any(v.verdict == "unknown" for v in found))


def _row(v: ClaimVerdict) -> list[str]:
    faults = _killed(v.claim)
    says = "\n".join((v.claim.id, v.claim.sentence, *(f"{part} does not arise: {reason}" for part, reason in v.does_not_arise)))
    is_counted = v.twin_reached or v.verdict not in ("proved", "holds")
    counts = [f"{v.twin_reached:,}" if is_counted else "-", "-" if faults is None else str(faults)]
    return [str(v.claim.number), says, v.verdict.replace("_", " "), v.method, v.scope, *counts]


def _rule(v: ClaimVerdict) -> FindingRule:
    return FindingRule(v.claim.id, v.claim.sentence, v.claim.clauses, {"number": v.claim.number, "verdict": v.verdict})


def _finding(
    v: ClaimVerdict, key: Key, engine: str, lines: Sequence[str], level: str, trace: Sequence[str] = ()
) -> ReportFinding:
    fingerprint = {"claimPartEngine/v1": "/".join((*key, engine))}
    return ReportFinding(_rule(v), lines, *_declared(key[0]), fingerprint, {"part": key[1], "engine": engine}, level, trace)


@cache
def _declared(claim: str) -> tuple[str, int]:
    """Returns the file in the repository that declares a claim, and the line of its id."""
    for file in sorted(files("tokenspec.invariants").iterdir(), key=lambda each: each.name):
        if file.name.endswith(".py"):
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                if line.strip() == f'"{claim}",':
                    return f"invariants/tokenspec/invariants/{file.name}", number
    return "invariants/tokenspec/invariants/claims.py", 1


def _killed(claim: Claim) -> int | None:
    """Returns the number of recorded seeded faults that the claim killed, None where the declaration has changed since."""
    counts = kills()
    return None if counts is None else counts[claim.id]


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


def _figures(evidence: Evidence) -> Iterator[str]:
    """Yields the work of each engine, a line each."""
    proved, obligations = sum(o.verdict == PROVED for o in evidence.obligations), counted(len(evidence.obligations), "obligation")
    lemmas = counted(len({o.part for o in evidence.obligations if o.claim == LEMMA}), "lemma")
    yield (
        f"prover     {proved} of {obligations} proved, those of {lemmas} among them, figures "
        f"and policies open, {evidence.prove_seconds:.1f} s"
    )
    for searched in evidence.searches:
        for each in searched.explorations:
            rule, times = _coldest(each)
            end = f"its budget of {each.ended_by}" if each.ended_by else "a violation"
            how = "" if each.complete else f"; ended by {end}"
            yield (
                f"explorer   {searched.scope.name}, {searched.told}{' (claims with ghosts)' if each is searched.ghosts else ''}: "
                f"{each.states:,} states, {each.transitions:,} transitions, depth {each.depth}, {each.seconds:.1f} s "
                f"({each.states / max(each.seconds, 0.001):,.0f} states/s), {each.memory / 2**20:,.0f} MiB, coldest rule {rule} "
                f"({times:,}){how}"
            )
    fuzzed = evidence.fuzzed
    yield (
        f"fuzzer     {counted(fuzzed.count.steps, 'event', form=',')} of "
        f"{counted(fuzzed.count.examples, 'random run', form=',')}, {fuzzed.seconds:.0f} s "
        f"({fuzzed.count.steps / max(fuzzed.seconds, 0.001):,.0f}/s), seed {fuzzed.seed}"
    )
