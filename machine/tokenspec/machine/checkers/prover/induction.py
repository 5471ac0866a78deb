"""Proves claims for every reachable state, every choice of parameters and every policy, by induction over one step.

State parts and lemmas are proved together: they hold in the first state, and whatever event is accepted in a state
where all of them hold leads to a state where each of them holds. The other parts are then proved of every state in which
they hold. What is to be proved is data (`lang.proofs`); here it is put to z3.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from tokenspec.machine.checkers.prover.refutation import Refutation, replay
from tokenspec.machine.interpreters.symbolic import Solver
from tokenspec.machine.lang.build import Term, all_of
from tokenspec.machine.lang.claims import Claim, StatePart
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.expr import Expr, Not
from tokenspec.machine.proofs.contexts import LEMMA, Condition, Possibility, ProofContext
from tokenspec.machine.proofs.of_claims import conditions, witnesses
from tokenspec.machine.proofs.of_repeated_jobs import RUNS

__all__ = ["LEMMA", "PROVED", "REFUTED", "RUNS", "UNKNOWN", "VACUOUS", "Induction", "Obligation"]

PROVED, REFUTED, UNKNOWN, VACUOUS = "proved", "refuted", "unknown", "vacuous"


@dataclass(frozen=True)
class Obligation:
    """One thing to show: the claim and part it belongs to, the rule or event it is about, and its verdict.

    `seconds` is the time it took, or its share where several were shown at once.
    `bound` is the number of runs after which a job that repeats is taken to have no more to do; None where nothing is
    taken for granted. `refutation` is what breaks it, replayed through the reference reader. Its state need not be
    reachable: it shows that the part does not follow from the lemmas, which is not the same as that it is false.
    """

    claim: str
    part: str
    about: str
    verdict: str
    seconds: float
    bound: int | None = None
    refutation: Refutation | None = None


class Induction:
    """The obligations of one machine. `seconds` is the time limit of each query."""

    def __init__(self, machine: Machine, claims: Sequence[Claim], lemmas: Sequence[StatePart], seconds: float = 10.0) -> None:
        self._machine, self._claims, self._lemmas = machine, claims, lemmas
        self._solver = Solver(seconds)

    def obligations(self) -> Iterator[Obligation]:
        """Discharges everything, one obligation after the other. A possibility is told of only where there is none."""
        everything = conditions(self._machine, self._claims, self._lemmas, self.proves)
        for setting, each in groupby(everything, key=lambda c: c.setting if isinstance(c, Condition) else None):
            if setting is None:
                yield from (o for c in each if isinstance(c, Possibility) for o in self._find(c))
            else:
                yield from self._prove([c for c in each if isinstance(c, Condition)], setting)

    def impossible(self, cases: Collection[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
        """Those witnesses among `cases` (claim, part, and what `witnesses` says it is about) that no reachable state allows.

        This rests on the invariants, which have to be proved.
        """
        asked = (t for t in witnesses(self._machine, self._claims, self._lemmas) if (t.claim, t.part, t.about) in cases)
        return {(t.claim, t.part, t.about) for t in asked if any(o.verdict == VACUOUS for o in self._find(t))}

    def proves(self, setting: ProofContext, goals: Sequence[Expr]) -> list[Expr]:
        """Those of `goals` that are found to follow from `setting`, with the time limit for each query."""
        left = list(goals)
        while left:
            broken = self._solver.possible(setting, Not(all_of(*map(Term, left)).expr))
            if broken is False:
                break
            # What one answer shows to be false need not be asked about.
            left = [goal for goal in left if broken and self._solver.is_true(goal)]
        return left

    def _prove(self, together: list[Condition], setting: ProofContext) -> Iterator[Obligation]:
        """Conditions in one setting. They are asked at once, and one by one only where not all of them are found to follow."""
        started = time.perf_counter()
        goals = [c.goal for c in together]
        if len(goals) > 1 and self._solver.possible(setting, Not(all_of(*map(Term, goals)).expr)) is False:
            seconds = (time.perf_counter() - started) / len(goals)
            yield from (Obligation(c.claim, c.part, c.about, PROVED, seconds, c.bound) for c in together)
        else:
            yield from map(self._prove_one, together)

    def _prove_one(self, condition: Condition) -> Obligation:
        started = time.perf_counter()
        broken = self._solver.possible(condition.setting, Not(condition.goal))
        seconds = time.perf_counter() - started
        verdict = UNKNOWN if broken is None else REFUTED if broken else PROVED
        refutation = replay(self._machine, condition, self._solver.values()) if broken else None
        return Obligation(condition.claim, condition.part, condition.about, verdict, seconds, condition.bound, refutation)

    def _find(self, possibility: Possibility) -> Iterator[Obligation]:
        started = time.perf_counter()
        undecided = False
        for setting, formula in possibility.cases:
            found = self._solver.possible(setting, formula)
            if found:
                return
            undecided |= found is None
        verdict, seconds = UNKNOWN if undecided else VACUOUS, time.perf_counter() - started
        yield Obligation(possibility.claim, possibility.part, possibility.about, verdict, seconds, possibility.bound)
