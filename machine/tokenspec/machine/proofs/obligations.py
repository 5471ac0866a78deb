"""The obligations of a proof, as data: conditions that have to follow, and cases that have to be possible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tokenspec.machine.lang.claims import PairPart, RefusalPart, StatePart, StepPart, TwoRunPart
from tokenspec.machine.lang.declaration import Event
from tokenspec.machine.lang.expr import Expr
from tokenspec.machine.proofs.contexts import ProofContext

LEMMA = "lemma"
"""Stands where a claim's id would, for the lemmas, on which every proof rests."""
FIRST_STATE, WITNESS, TWO_RUNS = "first state", "witness", "two runs"
"""The subject of a condition that is about no event and no rule."""

Proves: TypeAlias = Callable[[ProofContext, Sequence[Expr]], Sequence[Expr]]
"""Those of some formulas that follow from a setting, as far as a solver can tell, in their order."""

Provable: TypeAlias = StatePart | StepPart | TwoRunPart | PairPart | RefusalPart
"""The kinds of parts that can be proved."""


@dataclass(frozen=True)
class Condition:
    """`goal` follows from `setting`. `about` is a rule, an event, or what the goal says of one.

    `bound` is the number of runs after which a job that repeats is taken to be refused, None where nothing is taken for
    granted. `of` and `event` are what values that break it are replayed with; a mere fact of a proof has neither.
    """

    claim: str
    part: str
    about: str
    setting: ProofContext
    goal: Expr
    bound: int | None = None
    of: Provable | None = None
    event: Event | None = None


@dataclass(frozen=True)
class Possibility:
    """In one of the `cases` at least, the formula can be true in its setting; otherwise a proof would be one of nothing."""

    claim: str
    part: str
    about: str
    cases: tuple[tuple[ProofContext, Expr], ...]
    bound: int | None = None
