"""Faults of what an answer shows of an account: each makes an oracle that says one thing otherwise, and is right in all else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET, structs

from tokenspec.machine.interpreters.calendars import NEVER
from tokenspec.machine.interpreters.compiled import Outcome
from tokenspec.machine.lang.types import Enum, Value
from tokenspec.machine.mutation.edits import SeededFault
from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.base.specification import ABSENT, DEFAULTS, POOLS, SPEC, account
from tokenspec.oracle.check.from_every_state import checked_parts, from_every_state
from tokenspec.oracle.check.mutants.engines import by_random_runs, killed
from tokenspec.oracle.check.mutants.recorded import Fate
from tokenspec.oracle.runtime.journal import CLOCK_AT, Account
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.answers import Answer

ANSWER_OPERATORS: dict[str, str] = {
    "shown_hidden": "an answer does not show something of the account",
    "shown_exchanged": "an answer shows one thing where another one should be",
    "shown_null": "an answer shows null for another value, or says the value that null stands for",
    "shown_list": "a list that an answer shows has a member less",
    "shown_instant": "an answer shows the instant that comes, where one has passed that no job has run for",
    "shown_repeat": "an answer to a repeat is not marked as one",
}
"""Every operator, with what its mutants have in common."""

_Change = Callable[[Account, Answer], dict[str, Any]]
"""The fields of an answer that are other ones."""


@dataclass(frozen=True)
class AnswerMutant(SeededFault):
    """An oracle whose answers have one fault."""

    kind: type[Oracle]


def answer_mutants() -> list[AnswerMutant]:
    """Every fault of the declared form of answers, always in the same order; none where no claim is about it."""
    if not any(part == _CLAIMED for _, part in checked_parts()):
        return []
    found = [_mutant(*each) for each in (*_hidden(), *_exchanged(), *_nulls(), *_lists(), *_instants())]
    return [*found, _repeats_unmarked()]


_CLAIMED = "answer_is_the_state"
"""The part of a claim that says that an answer is the state."""


def settled(fault: AnswerMutant) -> Fate | None:
    """Returns the claim that an oracle with this fault breaks in some state of a small world or a random run; else None."""
    if (broken := from_every_state(DEFAULTS, kind=fault.kind).broken) is not None:
        return killed(fault, broken.claim, "explorer", 1)
    return by_random_runs(fault, oracle=fault.kind)


def _mutant(operator: str, place: str, before: str, after: str, change: _Change) -> AnswerMutant:
    class Misanswers(Oracle):
        """An oracle that shows one thing otherwise."""

        def answer_of(self, account: Account, event: str, outcome: Outcome, decided_by: str) -> Answer:
            right = super().answer_of(account, event, outcome, decided_by)
            is_there = account.row[self.control] != ABSENT
            return structs.replace(right, **change(account, right)) if is_there else right

    return AnswerMutant(f"{operator}.{place}", operator, place, f"{place}: {before} becomes {after}", Misanswers)


def _repeats_unmarked() -> AnswerMutant:
    class Unmarked(Oracle):
        """An oracle that answers a repeat as if it were none."""

        def decide(self, record: Any, account: Account | None = None) -> tuple[Answer, str | None]:
            answer, by = super().decide(record, account)
            return structs.replace(answer, duplicate=UNSET), by

        def step(self, record: Any, account: Account | None = None) -> Any:
            stepped = super().step(record, account)
            return structs.replace(stepped, answer=structs.replace(stepped.answer, duplicate=UNSET))

    return AnswerMutant("shown_repeat.duplicate", "shown_repeat", "duplicate", "duplicate: true becomes nothing", Unmarked)


_VARIABLES = tuple(shown.variable for shown in SPEC.answer.state)
_INSTANTS = tuple(SPEC.answer.clocks.values())
_LISTS = tuple(shown.name for shown in SPEC.answer.lists)


def _hidden() -> Iterator[tuple[str, str, str, str, _Change]]:
    for name in (*_VARIABLES, *_LISTS, *_INSTANTS):
        yield "shown_hidden", name, name, "null", lambda _, right, name=name: {name: None}  # type: ignore[misc]
    for pool in POOLS:

        def without(_: Account, right: Answer, pool: str = pool) -> dict[str, Any]:
            return {"balances": {name: tokens for name, tokens in right.balances.items() if name != pool}}

        yield "shown_hidden", pool, pool, "nothing", without


def _exchanged() -> Iterator[tuple[str, str, str, str, _Change]]:
    kinds = {v.name: v.type for v in account().variables}
    alike = {name: tuple(n for n in _VARIABLES if _members(kinds[n]) & _members(kinds[name])) for name in _VARIABLES}
    for group in (*dict.fromkeys(alike.values()), _INSTANTS):
        for name, other in _pairs(group):
            yield "shown_exchanged", name, name, other, lambda _, right, n=name, o=other: {n: getattr(right, o)}  # type: ignore[misc]
    for pool, other in _pairs(POOLS):

        def exchanged(_: Account, right: Answer, pool: str = pool, other: str = other) -> dict[str, Any]:
            return {"balances": right.balances | {pool: right.balances[other]}}

        yield "shown_exchanged", pool, pool, other, exchanged


def _members(kind: object) -> frozenset[Value]:
    return frozenset(kind.members) if isinstance(kind, Enum) else frozenset()


def _pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Each name with the next one, and the last with the first."""
    return list(zip(names, (*names[1:], *names[:1]), strict=True)) if len(names) > 1 else []


def _nulls() -> Iterator[tuple[str, str, str, str, _Change]]:
    kinds = {v.name: v.type for v in account().variables}
    for shown in SPEC.answer.state:
        members = [m for m in getattr(kinds[shown.variable], "members", ()) if m not in (shown.null, ABSENT)]
        if not members:
            continue
        # The first and the last member may be ones that the variable never has.
        name, null, other = shown.variable, shown.null, members[len(members) // 2]

        def hides(_: Account, right: Answer, name: str = name, other: Value = other) -> dict[str, Any]:
            return {name: None} if getattr(right, name) == other else {}

        yield "shown_null", name, str(other), "null", hides
        if null in getattr(kinds[name], "members", ()):

            def says(_: Account, right: Answer, name: str = name, null: Value = null) -> dict[str, Any]:
                return {name: null} if getattr(right, name) is None else {}

            yield "shown_null", f"{name}.said", "null", str(null), says


def _lists() -> Iterator[tuple[str, str, str, str, _Change]]:
    for shown in SPEC.answer.lists:
        for member in shown.members:

            def without(_: Account, right: Answer, name: str = shown.name, member: str = member) -> dict[str, Any]:
                return {name: [each for each in getattr(right, name) or () if each != member]}

            yield "shown_list", f"{shown.name}.{member}", member, "nothing", without


def _instants() -> Iterator[tuple[str, str, str, str, _Change]]:
    for clock, name in SPEC.answer.clocks.items():

        def coming(account: Account, _: Answer, at: int = CLOCK_AT[clock], name: str = name) -> dict[str, Any]:
            dial = account.dials[at]
            return {} if dial is None or dial.upcoming >= NEVER else {name: format_instant(dial.upcoming)}

        yield "shown_instant", name, "what is late", "what comes", coming
