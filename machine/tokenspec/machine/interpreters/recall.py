"""The memory of a machine, read: the facts that an event turns on, worked out of one entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from tokenspec.machine.interpreters.compiled import Row, Writer, defined
from tokenspec.machine.lang.declaration import Memory
from tokenspec.machine.lang.expr import Lit, Var
from tokenspec.machine.lang.types import Value
from tokenspec.machine.lang.validate_memory import memory_scope

Recalled: TypeAlias = Callable[[Row, Sequence[bool], bool], Row]
"""Facts, of what an entry holds, which of its periods last, and whether nothing was written under its key."""


def blank(memory: Memory) -> Row:
    """The values that an entry holds where nothing was written."""
    values: list[Value] = []
    for each in memory.holds:
        assert isinstance(each.initial, Lit), "an entry begins with values that stand in the declaration"
        values.append(each.initial.value)
    return tuple(values)


def recalled(memory: Memory, names: Sequence[str]) -> Recalled:
    """The function that gives the facts `names`, in their order."""
    writer = Writer(memory_scope(memory), {fact.name: fact.expr for fact in memory.facts})
    lines = ["def recall(held, lasts, is_new):"]
    lines += [f"    {''.join(f'{writer.name(each.name)}, ' for each in memory.holds)}= held"] * bool(memory.holds)
    lines += [f"    {''.join(f'{writer.name(each.lasts)}, ' for each in memory.periods)}= lasts"] * bool(memory.periods)
    lines += [f"    {writer.name(memory.is_new)} = is_new"]
    lines += writer.define(map(Var, names), set(), "    ")
    lines += [f"    return ({''.join(f'{writer.name(name)}, ' for name in names)})"]
    written: Recalled = defined("\n".join(lines), {})
    return written
