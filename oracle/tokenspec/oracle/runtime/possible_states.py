"""Separates states that no account is ever in from those that the declaration can reach."""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakKeyDictionary

from tokenspec.machine.interpreters.compiled import Compiled, Row
from tokenspec.machine.lang.claims import StatePart
from tokenspec.machine.lang.declaration import Actor, Event, Machine, Requirement, Rule
from tokenspec.machine.lang.outcome import Values
from tokenspec.machine.lang.types import Enum, Tokens, Type, Value
from tokenspec.oracle.base.nearest import did_you_mean
from tokenspec.oracle.base.specification import AnyCatalogue, claims, lemmas
from tokenspec.oracle.base.text import as_text


class PossibleStates:
    """The types, state claims and lemmas of one machine, each of them proved of every reachable state.

    All are compiled as the requirements of one event that changes nothing.
    """

    def __init__(self, machine: Machine, parameters: Values, catalogue: AnyCatalogue) -> None:
        parts = [(f"claim {c.number}, {c.id}", p) for c in claims(catalogue) for p in c.parts]
        parts += [("lemma", lemma) for lemma in lemmas()]
        stated = [(told, p) for told, p in parts if isinstance(p, StatePart) and p.machine == machine.name]
        needs = tuple(Requirement(f"{told}, {part.name}", part.holds, (), "") for told, part in stated)
        stays = Rule("stays", tuple(machine.states), None, "", ())
        event = Event("stands", Actor.CLOCK, "", (), needs, (stays,))
        self._variables = machine.variables
        self.event = event
        """The event that has them as its requirements."""
        self._compiled = Compiled(replace(machine, events=(event,)), parameters)

    def wrong_with(self, row: Row) -> str | None:
        """Returns the reason why no account is ever in the state `row`; None where one may be."""
        if len(row) != len(self._variables):
            return f"it has {len(row)} variables and not {len(self._variables)}"
        for variable, value in zip(self._variables, row, strict=True):
            if not variable.type.admits(value):
                told = f"it is {_told(variable.type, value)}, found {as_text(value)}"
                return f"{variable.name} has a value that it cannot have (claim 22): {told}"
        outcome, *_ = self._compiled.steps["stands"](row, ())
        return f"no account is ever like this: {self._compiled.codes[-1 - outcome]}" if outcome < 0 else None


def _told(kind: Type, value: Value) -> str:
    """Returns the values of a type, with the one that a text was most likely meant to be."""
    match kind:
        case Enum(members=members):
            return f"one of {', '.join(members)}{did_you_mean(value, members)}"
        case Tokens(lo, hi):
            return f"a whole number from {lo} to {hi}"
        case _:
            return "true or false"


_made = WeakKeyDictionary[Compiled, PossibleStates]()


def possible_states(compiled: Compiled, catalogue: AnyCatalogue) -> PossibleStates:
    """Returns the possible states of a compiled machine, that of `catalogue`, under its parameters; kept as long as it is."""
    found = _made.get(compiled)
    if found is None:
        found = _made[compiled] = PossibleStates(compiled.machine, compiled.parameters, catalogue)
    return found
