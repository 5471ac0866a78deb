"""Proves that two declarations of one machine answer everything alike, for every choice of figures and policies.

Both begin alike, and in every state in which the invariants of the first hold, each event is refused with the same code
or accepted with the same answer, ledger and next state. So they stay in one state, whatever happens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from tokenspec.machine.checkers.exploration import Instance
from tokenspec.machine.checkers.monitor import Violation
from tokenspec.machine.checkers.native.search import Search, replay
from tokenspec.machine.checkers.native.transitions import Scoped
from tokenspec.machine.interpreters.symbolic import Solver
from tokenspec.machine.lang.build import Term, all_of, any_of, eq, exactly_one, negation
from tokenspec.machine.lang.claims import Claim, StatePart, rule_constants
from tokenspec.machine.lang.declaration import Event, Machine, Rule
from tokenspec.machine.lang.expr import Expr, Lit, Not, Var, reads, substitute
from tokenspec.machine.lang.types import Value
from tokenspec.machine.proofs.contexts import OTHER, ProofContext, ProofContexts, folded
from tokenspec.machine.proofs.of_claims import invariants, refused_alike
from tokenspec.machine.wasm.normal_form import Node


def proved_equivalent(
    original: Machine, other: Machine, claims: Sequence[Claim], lemmas: Sequence[StatePart], seconds: float = 10.0
) -> bool:
    """Returns whether it is proved that `other` answers as `original` does. The invariants of `original` are taken as proved.

    False also where no proof is found, or where the two differ in more than definitions, requirements and rules.
    """
    if _frame(original) != _frame(other):
        return False
    solver = Solver(seconds)
    holds = tuple(part.holds for _, part in invariants(original, claims, lemmas))
    return all(solver.possible(context, Not(goal)) is False for context, goal in _goals(original, other, holds))


def _frame(machine: Machine) -> list[object]:
    """All that is declared of the machine but what is compared case by case."""
    declared = [getattr(machine, each.name) for each in fields(machine) if each.name not in ("definitions", "events")]
    return [*declared, *(replace(event, requires=(), rules=()) for event in machine.events)]


def _goals(original: Machine, other: Machine, holds: tuple[Expr, ...]) -> Iterator[tuple[ProofContext, Expr]]:
    contexts = ProofContexts(original, holds)
    differing, words = changed_events(original, other), changed_words(original, other)
    renamed = {name: Var(OTHER + name) for name in words}
    meanings = {d.name: d.expr for d in other.definitions}
    for event, changed in zip(original.events, other.events, strict=True):
        if event.name not in differing:
            continue
        asked = contexts.asked(event)
        types = {OTHER + name: asked.scope[name] for name in words if name in asked.scope}
        defines = {OTHER + name: substitute(meanings[name], renamed) for name in words if name in asked.scope}
        both = ProofContext("with what the other one means", types, defines, outer=asked)
        needs = [(need.code, substitute(need.holds, renamed)) for need in changed.requires]
        yield both, refused_alike([(need.code, need.holds) for need in event.requires], needs)
        accepted = both.within(f"{event.name} is accepted", *(need.holds for need in event.requires))
        applies = {rule.name: Term(substitute(contexts.applies(rule).expr, renamed)) for rule in changed.rules}
        yield accepted, exactly_one(applies.values()).expr
        for rule in event.rules:
            for each in changed.rules:
                told = [_told(contexts, original, event, rule, {}), _told(contexts, other, changed, each, renamed)]
                same = _alike(*told)
                together = all_of(contexts.applies(rule), applies[each.name])
                yield accepted, folded(any_of(negation(together), same).expr)


def _told(contexts: ProofContexts, machine: Machine, event: Event, rule: Rule, renamed: Mapping[str, Expr]) -> dict[str, Expr]:
    """The next state and whatever else an observer sees of a rule; its name is not seen."""
    told = {name: value for name, value in rule_constants(machine, event, rule).items() if name not in ("event", "rule")}
    return {name: substitute(value, renamed) for name, value in (told | contexts.after(rule)).items()}


def _alike(one: Mapping[str, Expr], other: Mapping[str, Expr]) -> Term:
    if one.keys() != other.keys():
        return Term(Lit(False))
    return all_of(*(eq(Term(one[name]), Term(other[name])) for name in one if one[name] != other[name]))


@dataclass(frozen=True)
class Breach:
    """A claim that a changed machine breaks with the last event of `trace`, where what was open has `parameters`."""

    violation: Violation
    trace: list[Instance]
    parameters: dict[str, Value]


def breaches(original: Scoped, others: Sequence[Machine], apart: int) -> list[Breach | None]:
    """The breach of a claim that each of `others` commits in one event; they have the variables and parameters of `original`.

    One search of the original looks at all of them at once, which is far cheaper than a search for each. What it finds is
    replayed through the changed machine itself, since that may have gone another way before; so a breach is never a guess,
    but a machine of which none is found may still break a claim.

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
