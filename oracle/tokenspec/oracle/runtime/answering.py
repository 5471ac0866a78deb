"""The answers of an account, as the specification declares them. They are written as Python text, since each record has one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec import UNSET

from tokenspec.machine.interpreters.calendars import NEVER
from tokenspec.machine.interpreters.compiled import Row, defined
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.types import Enum, Value
from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.base.specification import ABSENT, POOLS, SPEC
from tokenspec.oracle.runtime.clocks import Dial
from tokenspec.oracle.runtime.journal import CLOCK_AT
from tokenspec.oracle.wire.answers import FIELDS, SAID, STATE, Answer

Answering: TypeAlias = Callable[[Row, Sequence[Dial | None], Any], Answer]
"""Gives an answer, of a row, the clocks, and what the rule answers or the code of the refusal."""
_CHARGE = "charge_"
_ABSENT = {name: "UNSET" if name in SAID else "None" if name in STATE else "{}" for name in FIELDS}


class Answers:
    """Writes the answers of accounts of one machine under one choice of parameters."""

    def __init__(self, machine: Machine, parameters: Mapping[str, Value]) -> None:
        self._at = {v.name: f"row[{place}]" for place, v in enumerate(machine.variables)}
        self._absent = f"{self._at[machine.control]} == {ABSENT!r}"
        kinds = {v.name: v.type for v in machine.variables}
        self._space: dict[str, Any] = {"Answer": Answer, "UNSET": UNSET, "NEVER": NEVER, "format_instant": format_instant}
        self._state = {
            shown.variable: f"(None if (v := {self._at[shown.variable]}) == {shown.null!r} else v)" for shown in SPEC.answer.state
        }
        for n, shown in enumerate(SPEC.answer.lists):
            if isinstance(kind := kinds[shown.variable], Enum):
                # A seeded fault may leave a value that is none; the claims about the state are to notice it.
                self._space[f"list_{n}"] = {member: shown.of(member, parameters) for member in kind.members}
                self._state[shown.name] = f"[*list_{n}.get({self._at[shown.variable]}, ())]"
        for clock, name in SPEC.answer.clocks.items():
            shows = f"(d := dials[{CLOCK_AT[clock]}]) is not None and d.shown < NEVER"
            self._state[name] = f"(format_instant(d.shown) if {shows} else None)"
        self._state["balances"] = f"{{{', '.join(f'{pool!r}: {self._at[pool]}' for pool in POOLS)}}}"
        self.refused = self._written([], {"outcome": "'refused'", "reason": "said"})

    def accepted(self, names: Sequence[str]) -> Answering:
        """Returns the function that answers where an event is accepted whose rules answer `names`."""
        charged = [(n, name.removeprefix(_CHARGE)) for n, name in enumerate(names) if name.startswith(_CHARGE)]
        first = ["charge = {}"] * bool(charged)
        first += [f"if said[{n}]: charge[{pool!r}] = said[{n}]" for n, pool in charged]
        given = {"outcome": "'accepted'"} | ({"charge": "charge or UNSET"} if charged else {})
        for n, name in enumerate(names):
            if not name.startswith(_CHARGE):
                given[name] = f"UNSET if said[{n}] is None else said[{n}]"
        return self._written(first, given)

    def _written(self, first: Sequence[str], given: Mapping[str, str]) -> Answering:
        """Returns the function that does `first`, and gives the fields `given` and the state."""

        def answer(fields: Mapping[str, str]) -> str:
            return f"Answer({', '.join(fields.get(name, _ABSENT[name]) for name in FIELDS)})"

        absent = f"if {self._absent}: return {answer(given)}"
        text = "\n    ".join(["def answer(row, dials, said):", *first, absent, f"return {answer({**given, **self._state})}"])
        written: Answering = defined(text, dict(self._space))
        return written
