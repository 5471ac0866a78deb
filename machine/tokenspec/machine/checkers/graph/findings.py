"""The result of searching a whole graph, and its wording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tokenspec.machine.checkers.wording import listed, told
from tokenspec.machine.lang.claims import Claim, LeadsToPart, LivenessPart
from tokenspec.machine.lang.counts import counted
from tokenspec.machine.lang.outcome import Happened, Values


@dataclass(frozen=True)
class Dead:
    """States from which nothing allowed leads to the goal."""

    goal: str
    states: int
    way: tuple[Happened, ...]
    """A shortest way into them."""
    end: Values
    """One of those in which a run ends up, whatever it does."""
    around: int
    """The number of states the allowed events lead to from there, itself included."""
    code: str
    """The codes that refuse the goal there."""

    def lines(self) -> Iterator[str]:
        """The way event by event, with only what each changed."""
        yield f"From {counted(self.states, 'state', form=',')} nothing allowed leads to {self.goal}. The nearest of them:"
        yield from _numbered(self.way, 1)
        yield f"     -> what is allowed from here ends up in {listed(self.end)}"
        yield f"        and stays within {counted(self.around, 'state', form=',')}; the goal is refused there: {self.code}"


@dataclass(frozen=True)
class Lasso:
    """A fair run that meets the premise and never the goal: `stem`, and then `loop` again and again.

    Without a loop the run stops, where no fair event is possible.
    """

    premise: str
    goal: str
    stem: tuple[Happened, ...]
    since: int
    """The number of events before the state in which the premise holds."""
    loop: tuple[Happened, ...]
    end: Values
    """The state in which the loop begins, or the run stops."""

    def lines(self) -> Iterator[str]:
        """The run event by event, with only what each changed."""
        yield f"A fair run never comes to {self.goal}:"
        yield from _numbered(self.stem[: self.since], 1)
        yield f"     -> {self.premise}"
        yield from _numbered(self.stem[self.since :], self.since + 1)
        if self.loop:
            yield f"     -> and from {listed(self.end)} for ever round:"
            yield from _numbered(self.loop, len(self.stem) + 1)
        else:
            yield f"     -> and the run stops in {listed(self.end)}, where no fair event is possible"


@dataclass(frozen=True)
class Finding:
    """The verdict on one part of a claim within the scope of a graph."""

    claim: Claim
    part: LivenessPart | LeadsToPart
    states: int
    """The number of states that were searched."""
    witnesses: int
    """In how many of them the goal is still to be waited for."""
    broken: Dead | Lasso | None = None
    undecided: int = 0
    """From how many states all that is allowed and might lead to the goal leads out of the scope."""

    @property
    def verdict(self) -> str:
        """`holds` within the scope, `refuted`, or `unknown` where a way out of the scope might lead to the goal."""
        return "refuted" if self.broken is not None else "unknown" if self.undecided else "holds"

    def lines(self) -> Iterator[str]:
        """Yields the verdict in words, with the counterexample where there is one."""
        place, states = f"claim {self.claim.id} ({self.part.name})", counted(self.states, "state", form=",")
        if self.broken is not None:
            yield f"{place} does not hold: {self.claim.sentence}"
            yield from self.broken.lines()
        elif self.undecided:
            yield f"{place} is undecided: from {self.undecided:,} of {states} the only way leads out of the scope."
        else:
            yield f"{place} holds in {states}, in {self.witnesses:,} of which there is something to wait for."


def _numbered(way: tuple[Happened, ...], first: int) -> Iterator[str]:
    for number, taken in enumerate(way, first):
        yield f"{number:>3}. {told(taken)}"
