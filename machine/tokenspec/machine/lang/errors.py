"""What can be wrong with a declaration, each under a code that stays the same.

A message says the code, the place, what is wrong with the values, and what to do. `CODES` is the register:
each code is raised somewhere, and tests/negative holds a wrong declaration for each.
"""

from __future__ import annotations

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
    "TS111": "a clock names an event that the machine does not have",
    "TS112": "a rule without a target starts in no state, or a rule has no source",
    "TS113": "one code stands for two different requirements of an event",
    "TS201": "an expression is ill typed",
    "TS202": "a requirement, a condition or a claim is not a truth value",
    "TS203": "a value does not fit the declared type",
    "TS204": "a value is given that is not a value of the variable's type",
    "TS205": "a type has no values",
    "TS301": "a claim without a twin",
    "TS302": "two claims share an id",
    "TS303": "a claim speaks of an event that the machine does not have",
}


@dataclass
class DeclarationError(Exception):
    """A declaration that cannot be read: `code` of the register, `place`, `message` and `fix`."""

    code: str
    place: str
    message: str
    fix: str

    def __post_init__(self) -> None:
        assert self.code in CODES, f"unregistered code {self.code}"
        super().__init__(str(self))

    def __str__(self) -> str:
        return f"[{self.code}] {self.place}: {self.message}. {self.fix}."


class DeclarationErrors(Exception):
    """Every fault found in a declaration, in the order of the declaration."""

    def __init__(self, errors: list[DeclarationError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(map(str, errors)))


class Gap(Exception):
    """An event that in some state is neither accepted by exactly one rule nor refused: a bug of the declaration."""
