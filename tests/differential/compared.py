"""Tells two declarations of one machine apart by a search, as an observer would: whatever is asked, in every state reached.

From a state in which both agree on every event they go on to one and the same state; so it is enough to visit the states
of one of them and to compare, in each, what both would answer. The prover, which is compared with this, does not use it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tokenspec.machine.checkers.compare.proved import changed_events
from tokenspec.machine.checkers.exploration import Exploration
from tokenspec.machine.checkers.native.search import Search
from tokenspec.machine.checkers.native.transitions import Scoped
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.lang.claims import answer_types, rule_constants
from tokenspec.machine.lang.declaration import Event, Machine
from tokenspec.machine.lang.types import Value
from tokenspec.machine.wasm.lower import Env
from tokenspec.machine.wasm.normal_form import Node


@dataclass(frozen=True)
class Comparison:
    """`differing[n]`: in how many states machine n answers some event differently. Only a complete search shows a 0."""

    differing: list[int]
    exploration: Exploration


def compare(original: Scoped, others: Sequence[Machine]) -> Comparison:
    """Compares `original` with each of `others`, which have the same variables, events and parameters."""
    readers = [Scoped(m, original.parameters, original.instances, original.most, (), original.open, original) for m in others]
    differ = [_Differ(original, reader) for reader in readers]
    found = Search(original, observed=differ).run()
    first = [Compiled(m, original.parameters).initial != Compiled(original.machine, original.parameters).initial for m in others]
    return Comparison([n + begins for n, begins in zip(found.observed, first, strict=True)], found)


class _Differ:
    """The condition on a state that two machines answer some event differently."""

    def __init__(self, left: Scoped, right: Scoped) -> None:
        self._sides = left, right
        self._events = changed_events(left.machine, right.machine)

    def __call__(self, control: str) -> list[Node]:
        nodes = self._sides[0].nodes
        found = list[Node]()
        for name, fields in self._sides[0].instances:
            if name not in self._events:
                continue
            one, other = (
                _Outcome(side, side.machine.event_named[name], fields, side.env(control), control) for side in self._sides
            )
            if (differs := one.differs(other)) != nodes.false:
                found.append(differs)
        return found


class _Outcome:
    """One event in one state, as nodes: the codes of its refusals, and its effect where it is accepted."""

    def __init__(self, scoped: Scoped, event: Event, fields: Sequence[Value], base: Env, control: str) -> None:
        self.nodes = scoped.nodes
        given = scoped.given(event, fields, base)
        self.refused = scoped.first_false([(need.code, need.holds) for need in event.requires], given)
        self.accepted: list[tuple[Node, Mapping[str, Node]]] = []
        for rule, guard, env in scoped.applicable(event, fields, base, control):
            told: dict[str, Node] = {f"new.{name}": node for name, node in scoped.after(rule, env).items()}
            for name, value in rule_constants(scoped.machine, event, rule).items():
                if name not in ("event", "rule"):
                    told[name] = scoped.lowering.node(value, env, answer_types(scoped.machine).get(name.removeprefix("answer.")))
            self.accepted.append((guard, told))

    def differs(self, other: _Outcome) -> Node:
        """When two outcomes are not the same."""
        nodes = self.nodes
        result = nodes.false
        for code in self.refused | other.refused:
            mine, theirs = self.refused.get(code, nodes.false), other.refused.get(code, nodes.false)
            result = nodes.either(result, nodes.negate(nodes.equal(mine, theirs)))
        names = {name: None for side in (self, other) for _, told in side.accepted for name in told}
        for name in names:
            result = nodes.either(result, nodes.negate(nodes.equal(self._told(name), other._told(name))))
        accepted = [side._told("") for side in (self, other)]
        return nodes.either(result, nodes.negate(nodes.equal(*accepted)))

    def _told(self, name: str) -> Node:
        """Returns the answer under `name`, -1 where the event is not accepted; without a name, 1 where it is accepted."""
        result = self.nodes.const(-1)
        for guard, told in reversed(self.accepted):
            result = self.nodes.ite(guard, told[name] if name else self.nodes.true, result)
        return result
