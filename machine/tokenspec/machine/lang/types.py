"""The three types a declared variable, parameter or field can have.

Every type is finite or has a declared range, so that a prover, a model checker and a Python integer mean
the same by it. There is no text type: a name that comes from outside is a member of an enum, or the
enum's stand-in for "none of the listed".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = bool | int | str
"""The value of an expression: a truth value, a number of tokens, or the name of an enum's member."""

COUNTABLE_MAX = 2**53 - 1
"""The largest number of tokens any pool can hold: the largest integer that every JSON reader keeps exact."""


@dataclass(frozen=True, slots=True)
class Bool:
    """True or false."""

    def admits(self, value: Value) -> bool:
        """Returns whether `value` is a value of this type."""
        return isinstance(value, bool)

    def __str__(self) -> str:
        return "Bool"


@dataclass(frozen=True, slots=True)
class Enum:
    """One of `members`. Enums of one `name` share one order, `universe`, so that a variable may be
    limited to some members of it and still be compared with the others."""

    name: str
    members: tuple[str, ...]
    universe: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[str, ...]:
        """All members of the enum's family, lowest first; `<` follows it."""
        return self.universe or self.members

    def only(self, *members: str) -> Enum:
        """The same family, limited to `members` (kept in the family's order). Raises `ValueError` for any other name."""
        if unknown := [m for m in members if m not in self.order]:
            raise ValueError(f"{unknown[0]!r} is not a member of {self.name}: {', '.join(self.order)}")
        return Enum(self.name, tuple(m for m in self.order if m in members), self.order)

    def admits(self, value: Value) -> bool:
        """Returns whether `value` is one of the members."""
        return isinstance(value, str) and value in self.members

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.members)})"


@dataclass(frozen=True, slots=True)
class Tokens:
    """A whole number from `lo` to `hi`, both included."""

    lo: int = 0
    hi: int = COUNTABLE_MAX

    def admits(self, value: Value) -> bool:
        """Returns whether `value` is an integer within the range (a truth value is not)."""
        return isinstance(value, int) and not isinstance(value, bool) and self.lo <= value <= self.hi

    def nearest(self, number: int) -> int:
        """Returns the value that is nearest to `number`."""
        return max(self.lo, min(number, self.hi))

    def __str__(self) -> str:
        return f"Tokens({self.lo}..{self.hi})"


Type: TypeAlias = Bool | Enum | Tokens
