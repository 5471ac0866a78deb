"""Breadth-first search, for every search that Python makes: told where to begin and how a state goes on, it finds all there is.

The native search is generated code with a loop of its own; it visits the same states in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Generic, TypeAlias, TypeVar

State = TypeVar("State", bound=Hashable)
Move = TypeVar("Move")

Successors: TypeAlias = Callable[[State], Iterable[tuple[Move, State]]]
"""Every move that leaves a state, with the state it leads to."""


class BreadthFirst(Generic[State, Move]):
    """One search; iterating visits the states that `starts` lead to, the nearest first. `successors` is asked once for each."""

    def __init__(self, starts: Iterable[State], successors: Successors[State, Move]) -> None:
        self._successors = successors
        self.came_by: dict[State, tuple[State, Move] | None] = dict.fromkeys(starts)
        """Every state found so far, in the order found, with the state before it and the move; None for a start."""

    def levels(self) -> Iterator[list[State]]:
        """The states by their distance from a start; successors of one level are found when the next is asked for."""
        level, came_by = list(self.came_by), self.came_by
        while level:
            yield level
            reached: list[State] = []
            for state in level:
                for move, after in self._successors(state):
                    if after not in came_by:
                        came_by[after] = state, move
                        reached.append(after)
            level = reached

    def __iter__(self) -> Iterator[State]:
        for level in self.levels():
            yield from level

    def way_to(self, state: State) -> list[Move]:
        """The moves of a shortest way from a start to a state that was found."""
        way: list[Move] = []
        while (step := self.came_by[state]) is not None:
            state, move = step
            way.append(move)
        return way[::-1]
