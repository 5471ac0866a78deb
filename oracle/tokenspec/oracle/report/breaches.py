"""Violations found by a check, from every engine, as lines for every form of report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tokenspec.machine.checkers.monitor import Violation
from tokenspec.machine.checkers.prover.induction import LEMMA, PROVED
from tokenspec.oracle.base.specification import SPEC
from tokenspec.oracle.check.assumed import unsatisfied
from tokenspec.oracle.check.counterexample import Counterexample, counterexamples
from tokenspec.oracle.check.evidence import Evidence
from tokenspec.oracle.check.verdicts import Key, disagreements
from tokenspec.oracle.report.again import command_line
from tokenspec.oracle.report.fuzz import failure_lines


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
        again = command_line("fuzz", examples=settings.examples, seed=settings.seed, policy=settings.policy, catalogue=catalogue)
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
