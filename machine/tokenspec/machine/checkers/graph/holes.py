"""Holes of a declaration: events without exactly one outcome, and claims whose interesting case never occurs.

The compiled reader takes the first rule that applies, so that a search with it does not see a second one. `holes`
looks at every rule, and `vacuous` at what was counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from tokenspec.machine.checkers.monitor import Tally
from tokenspec.machine.checkers.search.reference import Instance
from tokenspec.machine.checkers.wording import given, listed
from tokenspec.machine.interpreters.compiled import Compiled, Fields, Row, Writer, made
from tokenspec.machine.lang import claims as c
from tokenspec.machine.lang.declaration import Event
from tokenspec.machine.lang.expr import Lit
from tokenspec.machine.lang.outcome import Values
from tokenspec.machine.lang.typecheck import show

_Fits: TypeAlias = Callable[[Row, Fields], tuple[bool, ...] | None]
"""For each rule of an event whether it applies; None where the event is refused."""


@dataclass(frozen=True)
class Hole:
    """An event that is not refused in some state, and to which no rule or more than one applies there."""

    event: str
    rules: tuple[str, ...]
    """Those that apply."""
    state: Values
    """The first of the states in which it is so."""
    fields: Values
    states: int

    def __str__(self) -> str:
        several = f"rules {' and '.join(self.rules)} apply" if self.rules else "no requirement fails and no rule applies"
        more = f" (one of {self.states:,} such states)" if self.states > 1 else ""
        return f"event {given(self.event, self.fields)}: {several}, in {listed(self.state)}{more}"


def holes(compiled: Compiled, events: Iterable[Instance], rows: Sequence[Row]) -> list[Hole]:
    """Each event of `events`, with each set of rules, that makes a hole in some of the states `rows`."""
    machine = compiled.machine
    fitting = {e.name: _fitting(compiled, e) for e in machine.events}
    found: dict[tuple[str, tuple[str, ...]], tuple[Row, Fields, set[Row]]] = {}
    for name, fields in events:
        fits, rules = fitting[name], machine.event_named[name].rules
        for row in rows:
            applies = fits(row, fields)
            if applies is not None and sum(applies) != 1:
                which = tuple(rule.name for rule, one in zip(rules, applies, strict=True) if one)
                found.setdefault((name, which), (row, fields, set()))[2].add(row)
    return [
        Hole(
            name,
            which,
            compiled.state(row),
            dict(zip((f.name for f in machine.event_named[name].fields), fields, strict=True)),
            len(states),
        )
        for (name, which), (row, fields, states) in found.items()
    ]


def _fitting(compiled: Compiled, event: Event) -> _Fits:
    machine = compiled.machine
    writer, known = Writer.of(machine, event.fields), set[str]()
    lines = writer.head("fits", machine, event)
    for need in event.requires:
        lines += writer.define([need.holds], known, "    ")
        lines.append(f"    if not {writer.text(need.holds)}: return None")
    lines += writer.define([rule.when for rule in event.rules], known, "    ")
    control = writer.name(machine.control)
    applies = "".join(f"{control} in {rule.source!r} and {writer.text(rule.when)}, " for rule in event.rules)
    fits: _Fits = made([*lines, f"    return ({applies})"], compiled, writer)
    return fits


@dataclass(frozen=True)
class Vacuous:
    """A part of a claim that was checked of nothing, because its witness was never met."""

    claim: str
    part: str
    witness: str

    def __str__(self) -> str:
        return f"claim {self.claim}, part {self.part}: its interesting case never occurs: {self.witness}"


def vacuous(claims: Iterable[c.Claim], tally: Tally) -> Iterator[Vacuous]:
    """Every part of `claims` whose witness `tally` has not counted."""
    for claim in claims:
        for part in claim.parts:
            if not tally.witnesses[claim.id, part.name]:
                yield Vacuous(claim.id, part.name, witness(part))


def witness(part: c.Part) -> str:
    """The case that has to occur, as one line of text."""
    match part:
        case c.StatePart() | c.StepPart() | c.PairPart():
            return show(part.witness)
        case c.TwoRunPart(assume=assume, unless=unless):
            return show(assume) if unless == Lit(False) else f"{show(assume)}, but not {show(unless)}"
        case c.LivenessPart():
            return f"{given(part.goal, dict(part.fields))} is refused"
        case c.LeadsToPart():
            return f"{show(part.premise)}, but not {show(part.goal)}"
        case c.RefusalPart():
            return f"{part.event} is refused with each of {', '.join(code for code, _ in part.refusals)}"
        case c.CalendarPart():
            return f"the instants of {part.clock} in the case that could go wrong"
        case c.LayerPart():
            return part.says
        case _:
            assert_never(part)
