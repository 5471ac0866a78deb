"""Proves claims for every reachable state, every choice of parameters and every policy, by induction over one step.

State parts and lemmas are proved together: they hold in the first state, and whatever event is accepted in a state
where all of them hold leads to a state where each of them holds. The other parts are then proved of every state in which
they hold. What is to be proved is data (`lang.proofs`); here it is put to z3.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tokenspec.machine.backends.symbolic import Solver
from tokenspec.machine.checkers.witness import Witness, replay
from tokenspec.machine.lang.claims import Claim, StatePart
from tokenspec.machine.lang.conditions import LEMMA, Condition, Possibility
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.expr import Expr, Not
from tokenspec.machine.lang.proofs import conditions
from tokenspec.machine.lang.runs import RUNS
from tokenspec.machine.lang.settings import Setting

__all__ = ["LEMMA", "PROVED", "REFUTED", "RUNS", "UNKNOWN", "VACUOUS", "Induction", "Obligation"]

PROVED, REFUTED, UNKNOWN, VACUOUS = "proved", "refuted", "unknown", "vacuous"


@dataclass(frozen=True)
class Obligation:
    """One query: the claim and part it belongs to, the rule or event it is about, and what came of it.

    `bound` is the number of runs after which a job that repeats is taken to have no more to do; None where nothing is
    taken for granted. `witness` is what breaks it, replayed through the reference reader. Its state need not be
    reachable: it shows that the part does not follow from the lemmas, which is not the same as that it is false.
    """

    claim: str
    part: str
    about: str
    verdict: str
    seconds: float
    bound: int | None = None
    witness: Witness | None = None


class Induction:
    """The obligations of one machine. `seconds` is the time limit of each query."""

    def __init__(self, machine: Machine, claims: Sequence[Claim], lemmas: Sequence[StatePart], seconds: float = 10.0) -> None:
        self._machine, self._claims, self._lemmas = machine, claims, lemmas
        self._solver = Solver(seconds)

    def obligations(self) -> Iterator[Obligation]:
        """Discharges everything, one obligation after the other. A possibility is told of only where there is none."""
        for each in conditions(self._machine, self._claims, self._lemmas, self.proves):
            if isinstance(each, Condition):
                yield self._prove(each)
            else:
                yield from self._find(each)

    def proves(self, setting: Setting, goal: Expr) -> bool:
        """Whether `goal` is found to follow from `setting` within the time limit."""
        return self._solver.possible(setting, Not(goal)) is False

    def _prove(self, condition: Condition) -> Obligation:
        started = time.perf_counter()
        broken = self._solver.possible(condition.setting, Not(condition.goal))
        seconds = time.perf_counter() - started
        verdict = UNKNOWN if broken is None else REFUTED if broken else PROVED
        witness = replay(self._machine, condition, self._solver.values()) if broken else None
        return Obligation(condition.claim, condition.part, condition.about, verdict, seconds, condition.bound, witness)

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
