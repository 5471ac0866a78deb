"""Faults of a declaration, each under a code that stays the same.

A message says the code, the place, what is wrong with the values, and what to do. `CODES` is the register:
each code is raised somewhere, and tests/lang holds a wrong declaration for each (test_wrong_declarations.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

CODES: dict[str, str] = {
    "TS101": "a name is used that nothing declares",
    "TS102": "a name is declared twice",
    "TS103": "an effect gives one variable two new values",
    "TS104": "a rule starts or ends in a state that the machine does not have",
    "TS105": "the control variable is changed by an effect instead of by the rule's target",
    "TS106": "a requirement has no code, or the code is not a sentence in snake_case",
    "TS107": "a clause that nothing cites",
    "TS108": "a clause is cited that the register does not hold",
    "TS109": "an event without rules",
    "TS110": "a definition reads a later definition",
    "TS111": "a clock or a link names what the machine does not have",
    "TS112": "a rule without a target starts in no state, or a rule has no source",
    "TS113": "one code stands for two different requirements of an event",
    "TS114": "one field name has two types in a machine",
    "TS115": "a name that Python, or the live object, has no room for",
    "TS116": "an entry of the memory begins with a value that has to be worked out",
    "TS117": "a period of the memory that nothing ends",
    "TS118": "a fact of the memory is read, or a note written, without a key that names the entry",
    "TS119": "a clock is not moved by the events that it names",
    "TS120": "a calendar is chosen by what is no policy, or not once for each of its answers",
    "TS121": "a calendar takes the time of day from a key that a starting event does not have",
    "TS122": "a hint of a kind that nothing reads, or one that names nothing in a module",
    "TS123": "a policy, or a variable, that changes nothing or never changes",
    "TS124": "a value is of another kind than its place in the declaration takes",
    "TS201": "an expression is ill typed",
    "TS202": "a requirement, a condition or a claim is not a truth value",
    "TS203": "a value does not fit the declared type",
    "TS204": "a value is given that is not one of its type's values, or not the one that has to be",
    "TS205": "a type has no values",
    "TS206": "a calendar with a span of no length, or of more than three years; a wait of less than none",
    "TS301": "a claim without a witness",
    "TS302": "two claims share an id or a number",
    "TS303": "a claim speaks of an event that the machine does not have",
}


@dataclass(unsafe_hash=True)
class DeclarationError(Exception):
    """A declaration that cannot be read: `code` of the register, `place`, `message` and `fix`."""

    code: str
    place: str
    message: str
    fix: str

    def __post_init__(self) -> None:
        assert self.code in CODES, f"unregistered code {self.code}"
        # What an exception is given here is what it is made from again when it is unpickled.
        super().__init__(self.code, self.place, self.message, self.fix)

    def __str__(self) -> str:
        return f"[{self.code}] {self.place}: {self.message}. {self.fix}."


class DeclarationErrors(Exception):
    """Every fault found in a declaration, in the order of the declaration."""

    def __init__(self, errors: Iterable[DeclarationError]) -> None:
        self.errors = tuple(errors)
        super().__init__(self.errors)

    def __str__(self) -> str:
        return "\n".join(map(str, self.errors))


class Gap(Exception):
    """An event that in some state is neither accepted by exactly one rule nor refused: a bug of the declaration."""
