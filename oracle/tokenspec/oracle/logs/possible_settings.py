"""The settings under which an account may be in a given state, for accounts that begin in mid-life."""

from __future__ import annotations

from collections.abc import Callable

from tokenspec.machine.interpreters.compiled import Row
from tokenspec.machine.lang.declaration import Event
from tokenspec.oracle.logs.policy_sets import Settings, SettingSets
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.runtime.possible_states import PossibleStates


class PossibleSettings:
    """The claims about states under every combination of choices that they read.

    `combinations` returns those for the policies that an event reads.
    """

    def __init__(self, sets: SettingSets, oracle: Oracle, combinations: Callable[[Event], list[dict[str, str]]]) -> None:
        read = combinations(PossibleStates(oracle.machine, oracle.parameters, oracle.catalogue).event)
        self._states = [
            (sets.with_answers(chosen), PossibleStates(oracle.machine, {**oracle.parameters, **chosen}, oracle.catalogue))
            for chosen in read
        ]

    def of(self, row: Row) -> Settings:
        """Returns the settings under which an account may be in the state `row`."""
        # No setting is in two of them, so that a sum is a union.
        return sum(settings for settings, states in self._states if states.wrong_with(row) is None)
