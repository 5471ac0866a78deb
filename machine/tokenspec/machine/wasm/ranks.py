"""Each state as one number: a mixed-radix rank over what the declaration says every variable can hold.

Direct addressing by rank is what makes the native search fast: "visited" is a bit, not a look-up in a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from tokenspec.machine.lang.types import Bool, Enum, Tokens, Type, Value


def number_of(kind: Type, value: Value) -> int:
    """The number that stands for a value: a member's position in its order, 0 and 1 for truth values."""
    return kind.order.index(str(value)) if isinstance(kind, Enum) else int(value)


def value_of(kind: Type, number: int) -> Value:
    """The value that a number stands for."""
    match kind:
        case Enum():
            return kind.order[number]
        case Bool():
            return bool(number)
        case Tokens():
            return number


@dataclass(frozen=True)
class Digit:
    """A variable with the largest number that stands for one of its values."""

    name: str
    kind: Type
    most: int

    def number(self, value: Value) -> int:
        """The number that stands for `value`."""
        return number_of(self.kind, value)

    def value(self, number: int) -> Value:
        """The value that `number` stands for."""
        return value_of(self.kind, number)


def digit(name: str, kind: Type, most: Mapping[str, int]) -> Digit:
    """The digit of a variable. Raises `ValueError` for a number without a bound, or one that may be negative."""
    match kind:
        case Bool():
            return Digit(name, kind, 1)
        case Enum():
            return Digit(name, kind, max(kind.order.index(member) for member in kind.members))
        case Tokens(lo, _):
            if lo != 0 or name not in most:
                raise ValueError(f"{name!r} needs a bound, and to start at 0, before its states can be numbered")
            return Digit(name, kind, most[name])


@dataclass(frozen=True)
class Layout:
    """The digits of a state, the most significant first."""

    digits: tuple[Digit, ...]

    @cached_property
    def weights(self) -> dict[str, int]:
        """The amount that one step of each digit adds to the rank."""
        weights, weight = {}, 1
        for each in reversed(self.digits):
            weights[each.name] = weight
            weight *= each.most + 1
        return weights

    @cached_property
    def size(self) -> int:
        """The number of ranks there are."""
        first = self.digits[0]
        return self.weights[first.name] * (first.most + 1)

    def rank(self, values: Mapping[str, Value]) -> int:
        """The rank of a state."""
        return sum(each.number(values[each.name]) * self.weights[each.name] for each in self.digits)

    def values(self, rank: int, names: Iterable[str] | None = None) -> dict[str, Value]:
        """The state with that rank; only `names` of it where given."""
        wanted = set(names) if names is not None else None
        chosen = [each for each in self.digits if wanted is None or each.name in wanted]
        return {each.name: each.value(rank // self.weights[each.name] % (each.most + 1)) for each in chosen}
