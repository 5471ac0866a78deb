"""Proves that two declarations of one machine answer everything alike, for every choice of figures and policies.

Both begin alike, and in every state in which the invariants of the first hold, each event is refused with the same code
or accepted with the same answer, ledger and next state. So they stay in one state, whatever happens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace

from tokenspec.machine.checkers.compare.breaches import changed_events, changed_words
from tokenspec.machine.interpreters.symbolic import Solver
from tokenspec.machine.lang.build import Term, all_of, any_of, eq, exactly_one, negation
from tokenspec.machine.lang.claims import Claim, StatePart, rule_constants
from tokenspec.machine.lang.declaration import Event, Machine, Rule
from tokenspec.machine.lang.expr import Expr, Lit, Not, Var, substitute
from tokenspec.machine.proofs.contexts import OTHER, ProofContext, ProofContexts, folded
from tokenspec.machine.proofs.of_claims import invariants, refused_alike


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
