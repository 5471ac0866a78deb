"""The answers of an account, as the specification declares them, and its sessions.

Answers are written as Python text, since each record has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec import UNSET

from tokenspec.machine.interpreters.calendars import NEVER
from tokenspec.machine.interpreters.compiled import Compiled, Fields, Outcome, Row, defined
from tokenspec.machine.lang.declaration import Actor, Machine, System
from tokenspec.machine.lang.types import Enum, Value
from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.base.specification import ABSENT, POOLS, SPEC
from tokenspec.oracle.runtime import journal
from tokenspec.oracle.runtime.clocks import Dial
from tokenspec.oracle.runtime.journal import CLOCK_AT, Account, Vector
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


class Sessions:
    """The machine of sessions, for all accounts, and the balances that each session may still show.

    What a session does with balances follows from the states that its rules lead to. In the first state it is out, and knows
    nothing; a rule that leads to another state fetches the true balances; one that stays looks at what is there.
    """

    def __init__(self, machine: Machine, system: System) -> None:
        self.compiled = Compiled(machine, {})
        self.steps = {e.name: self.compiled.steps[e.name] for e in machine.events if e.actor is not Actor.CLOCK}
        self.out = str(self.compiled.initial[0])
        targets = {rule.name: rule.target for event in machine.events for rule in event.rules}
        self._targets = [targets[name] for name in self.compiled.rules]
        self._hears = system.heard_by(machine.name)
        """The event that the declared link fires when an event of the account changes a balance."""

    def happens(self, account: Account, event: str, record: Any, fields: Fields, balances: Vector) -> Outcome:
        """Applies an event of the session that the record names, while the true balances are these."""
        known = account.sessions.get(record.session)
        outcome = self.steps[event]((known.state if known is not None else self.out,), fields)
        target = self._targets[outcome[0]] if outcome[0] >= 0 else None
        if target is not None:
            self.comes_to(account, record.session, target, balances)
        return outcome

    def comes_to(self, account: Account, session: str, state: str, balances: Vector) -> None:
        """Brings a session into a state: out it knows nothing, in any other it fetches the true balances."""
        if state != self.out:
            journal.fetch(account, session, state, balances)
            return
        del account.sessions[session]
        if not account.sessions:
            account.timeline.clear()

    def balances_change(self, account: Account, now: Vector) -> None:
        """Records the balances of `now`, and marks what the sessions of `account` show as outdated."""
        if account.sessions and account.timeline[-1] != now:
            # A session may still show older ones.
            account.timeline.append(now)
        for session in account.sessions.values():
            session.state = str(self.compiled.steps[self._hears]((session.state,), ())[1][0])
