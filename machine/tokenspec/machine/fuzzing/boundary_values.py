"""Amounts worth trying: the numbers at which a machine in a given state changes its mind.

Worked out from the declaration: every number of tokens that a variable, a figure or a definition stands for just
now, one more, one less, half of it, and what is missing to the end of its range.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from hypothesis import strategies as st

from tokenspec.machine.interpreters.compiled import Row, Writer, defined
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.expr import Var, names_in
from tokenspec.machine.lang.outcome import Values
from tokenspec.machine.lang.types import Bool, Tokens, Type, Value
from tokenspec.machine.lang.validate import machine_scope

_KEPT = 1024
"""The number of states whose amounts are kept: many a state is met again, and a refusal leaves it as it was."""


class Amounts:
    """The amounts worth trying in each state of a machine under one choice of parameters."""

    def __init__(self, machine: Machine, parameters: Values) -> None:
        self._numbers, self._parameters = _numbers(machine), parameters
        self.of = lru_cache(maxsize=_KEPT)(self._of)
        """Gives the amounts of a type worth trying in a state, the plainest first, without repetition."""

    def _of(self, row: Row, kind: Tokens) -> list[int]:
        found = self._numbers(row, self._parameters)
        # Most stand in several places.
        each = list(dict.fromkeys(found))
        near = [n + d for n in each if n > 0 for d in (0, 1, -1)]
        far = [kind.hi, *(kind.hi - n + d for n in found[:8] for d in (0, 1)), 0, -1, kind.lo]
        halves = [n // 2 for n in each if n > 3]
        wanted = (1, *near, *halves, 2, 3, 10, 100, *far)
        return [n for n in dict.fromkeys(wanted) if kind.lo <= n <= kind.hi]

    def value(self, row: Row, kind: Type, die: int) -> Value:
        """The value of a field's type that a die (0 to 255, 0 for the plainest) stands for in the state `row`."""
        if isinstance(kind, Bool):
            return die % 2 == 0
        choices = self.of(row, kind) if isinstance(kind, Tokens) else kind.members
        return choices[die % len(choices)]


@lru_cache(maxsize=64)
def _numbers(machine: Machine) -> Callable[[Row, Values], list[int]]:
    """Every number of tokens that stands somewhere in a state, as one generated function."""
    scope = machine_scope(machine)
    fields = {f.name for e in machine.events for f in e.fields}
    definitions = [d.name for d in machine.definitions if d.name in scope and not set(names_in(d.expr)) & fields]
    names = [*(v.name for v in machine.variables), *definitions, *(p.name for p in machine.all_parameters)]
    numbers = [Var(name) for name in names if isinstance(scope[name], Tokens)]
    writer = Writer.of(machine)
    head, *lines = writer.head("numbers", machine)
    lines += [f"    {writer.name(p.name)} = parameters[{p.name!r}]" for p in machine.all_parameters]
    lines += [*writer.define(numbers, set(), "    "), f"    return [{', '.join(map(writer.text, numbers))}]"]
    numbers_of: Callable[[Row, Values], list[int]] = defined("\n".join([head.replace("row", "row, parameters"), *lines]), {})
    return numbers_of


def answers_of(machine: Machine) -> st.SearchStrategy[dict[str, Any]]:
    """Admissible settings of every policy; the defaults are the plainest."""
    choices = {p.name: st.sampled_from([answer for answer, _ in p.answers]) for p in machine.policies}
    return st.fixed_dictionaries(choices)
