"""The changed machines, among many, that break a claim in one event from a state that the original reaches.

One search of the original looks at all of them at once, which is far cheaper than a search for each. What it finds is
replayed through the changed machine itself, since that may have gone another way before; so a breach is never a guess,
but a machine of which none is found may still break a claim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tokenspec.machine.checkers.exploration import Instance
from tokenspec.machine.checkers.monitor import Violation
from tokenspec.machine.checkers.native.search import Search, replay
from tokenspec.machine.checkers.native.transitions import Scoped
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.expr import reads
from tokenspec.machine.lang.types import Value
from tokenspec.machine.wasm.normal_form import Node


@dataclass(frozen=True)
class Breach:
    """A claim that a changed machine breaks with the last event of `trace`, where what was open has `parameters`."""

    violation: Violation
    trace: list[Instance]
    parameters: dict[str, Value]


def breaches(original: Scoped, others: Sequence[Machine], apart: int) -> list[Breach | None]:
    """The breach found for each of `others`, which have the variables, events and parameters of `original`.

    Looked at are the states that `original` reaches with at most `apart` open parameters at another value than theirs.
    """
    suspects = [_Suspect(original, machine) for machine in others]
    watched = Scoped(original.machine, original.parameters, original.instances, original.most, (), original.open, original)
    search = Search(watched, observed=suspects, apart=apart)
    found = search.run()
    return [
        suspect.breach(*search.trace(first)) if first >= 0 else None
        for suspect, first in zip(suspects, found.first_met, strict=True)
    ]


class _Suspect:
    """The condition on a state that a changed machine, if it is in that state, breaks a claim with its next event.

    Looked at is what the change is about: the rules that differ, and where the requirements or conditions of an event do,
    which outcome it has.
    """

    def __init__(self, original: Scoped, machine: Machine) -> None:
        words = changed_words(original.machine, machine)
        changed = [(original.machine.event_named[e], machine.event_named[e]) for e in changed_events(original.machine, machine)]
        events = {after.name for _, after in changed}
        self._events = [(name, fields) for name, fields in original.instances if name in events]
        self._scoped = Scoped(machine, original.parameters, self._events, original.most, original.claims, original.open, original)
        self._rules, self._asks_otherwise = set[str](), False
        for before, after in changed:
            self._rules |= {r.name for r in after.rules if r not in before.rules or not words.isdisjoint(reads(r))}
            conditions = [[e.requires, *((r.source, r.when) for r in e.rules)] for e in (before, after)]
            self._asks_otherwise |= conditions[0] != conditions[1] or not words.isdisjoint(reads(tuple(conditions[1])))

    def __call__(self, control: str) -> list[Node]:
        scoped, nodes = self._scoped, self._scoped.nodes
        broken = [nodes.both(t.guard, nodes.negate(t.holds)) for t in scoped.transitions(control, self._rules)]
        if self._asks_otherwise:
            broken += [condition for condition, _ in (*scoped.holes(control), *scoped.refused(control)[0])]
        return [condition for condition in dict.fromkeys(broken) if condition != nodes.false]

    def breach(self, trace: list[Instance], parameters: dict[str, Value]) -> Breach | None:
        """Returns the claims that `trace` and one event more break in the changed machine itself."""
        violation, events = replay(self._scoped, trace, parameters, self._events)
        return None if violation is None else Breach(violation, events, parameters)


def changed_words(original: Machine, other: Machine) -> set[str]:
    """The definitions of `other` that mean something else than in `original`, or read one that does."""
    before = {d.name: d.expr for d in original.definitions}
    changed = set[str]()
    for each in other.definitions:
        # A definition reads only those before it.
        if before.get(each.name) != each.expr or not changed.isdisjoint(reads(each)):
            changed.add(each.name)
    return changed


def changed_events(original: Machine, other: Machine) -> set[str]:
    """The events that two machines with the same events need not treat alike."""
    words = changed_words(original, other)
    every = zip(original.events, other.events, strict=True)
    return {one.name for one, two in every if one != two or not words.isdisjoint(reads(two))}
