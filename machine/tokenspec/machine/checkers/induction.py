"""Proves claims for every reachable state, every choice of parameters and every policy, by induction over one step.

State parts and lemmas are proved together: they hold in the first state, and whatever event is accepted in a state
where all of them hold leads to a state where each of them holds. Step parts and two-run parts are then proved of
every state in which they hold.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import z3

from tokenspec.machine.backends.symbolic import Env, Symbolic, Term, in_range
from tokenspec.machine.lang.claims import Claim, StatePart, StepPart, TwoRunPart, primed_definitions, rule_constants, step_scope
from tokenspec.machine.lang.declaration import Event, Machine, Rule
from tokenspec.machine.lang.expr import Var, substitute
from tokenspec.machine.lang.step import Values
from tokenspec.machine.lang.types import Tokens
from tokenspec.machine.lang.validate import machine_scope

Show = Callable[[Any], tuple[Values, Values, Values]]
"""Reads state, fields and parameters out of a model."""

PROVED, REFUTED, UNKNOWN, VACUOUS = "proved", "refuted", "unknown", "vacuous"
LEMMA = "lemma"
"""Stands where a claim's id would, for the lemmas, on which every proof rests."""
RUNS = 2
"""How often a job that repeats is run in a two-run part; the obligation assumes that it then has nothing more to do."""


@dataclass(frozen=True)
class Obligation:
    """One query: the claim and part it belongs to, the rule or event it is about, and what came of it.

    `state` and `fields` are those of a model that breaks it. The state need not be reachable: it shows that the
    part does not follow from the lemmas, which is not the same as that it is false.
    """

    claim: str
    part: str
    about: str
    verdict: str
    seconds: float
    state: Values | None = None
    fields: Values | None = None
    parameters: Values | None = None


class Induction:
    """The obligations of one machine."""

    def __init__(self, machine: Machine, claims: Sequence[Claim], lemmas: Sequence[StatePart], seconds: float = 10.0) -> None:
        self.machine, self.claims = machine, claims
        self._symbolic = Symbolic(machine)
        self._invariants = [(LEMMA, lemma) for lemma in lemmas if lemma.machine == machine.name]
        self._invariants += [(c.id, p) for c in claims for p in c.parts if isinstance(p, StatePart) and p.machine == machine.name]
        self._state_names = {v.name for v in machine.variables}
        self._state_names |= {name.removeprefix("new.") for name in primed_definitions(machine)}
        self._solver = z3.SolverFor("QF_UFLIA")
        self._solver.set("timeout", int(seconds * 1000))
        self._solver.add(*self._symbolic.given)

    def obligations(self) -> Iterator[Obligation]:
        """Discharges everything, one obligation after the other."""
        yield from self._first_state()
        state = self._symbolic.state()
        self._solver.push()
        env = self._symbolic.env(state)
        self._solver.add(*(env.encode(p.holds) for _, p in self._invariants), *self._in_types(state))
        for event in self.machine.events:
            yield from self._event(event, state)
        yield from self._two_runs(state)
        self._solver.pop()

    def _in_types(self, state: dict[str, Term]) -> list[Term]:
        return [in_range(state[v.name], v.type) for v in self.machine.variables if not isinstance(v.type, Tokens)]

    def _first_state(self) -> Iterator[Obligation]:
        env = self._symbolic.env(self._symbolic.initial())
        for claim, part in self._invariants:
            yield self._prove(claim, part.name, "first state", [], env.encode(part.holds), env)
        for claim_ in self.claims:
            for part_ in claim_.parts:
                if isinstance(part_, StepPart) and part_.ghosts and part_.machine == self.machine.name:
                    types = machine_scope(self.machine) | {g.name: g.type for g in part_.ghosts}
                    begun = {g.name: env.encode(g.initial, g.type) for g in part_.ghosts}
                    first = Env({**env.terms, **begun}, types, self._symbolic.definitions)
                    yield self._prove(claim_.id, part_.name, "first state", [], first.encode(part_.keeps), first)

    def _event(self, event: Event, state: dict[str, Term]) -> Iterator[Obligation]:
        fields, typed = self._symbolic.fields(event)
        env = self._symbolic.env(state, event, fields)
        accepted = self._symbolic.accepted(event, env)
        fitting = [self._symbolic.applies(rule, env) for rule in event.rules]
        exactly_one = z3.PbEq([(f, 1) for f in fitting], 1) if fitting else z3.BoolVal(False)
        show = self._show(state, event, fields)
        self._solver.push()
        self._solver.add(*typed, accepted)
        yield self._prove("exactly_one_outcome", "one_outcome", event.name, [], exactly_one, env, show)
        for rule, fits in zip(event.rules, fitting, strict=True):
            self._solver.push()
            self._solver.add(fits, *env.side)
            if self._solver.check() == z3.unsat:
                # Whatever follows would be proved of nothing.
                yield Obligation("exactly_one_outcome", "one_outcome", rule.name, VACUOUS, 0.0)
            yield from self._rule(event, rule, env, state, show)
            self._solver.pop()
        self._solver.pop()

    def _rule(self, event: Event, rule: Rule, env: Env, state: dict[str, Term], show: Show) -> Iterator[Obligation]:
        after = self._symbolic.after(rule, env, state)
        later = self._symbolic.env(after)
        for claim, part in self._invariants:
            yield self._prove(claim, part.name, rule.name, env.side, later.encode(part.holds), later, show)
        for claim_ in self.claims:
            for part_ in claim_.parts:
                if not (isinstance(part_, StepPart) and part_.machine == self.machine.name):
                    continue
                if not part_.events or event.name in part_.events:
                    yield self._step(claim_.id, part_, event, rule, env, after, show)

    def _step(
        self, claim: str, part: StepPart, event: Event, rule: Rule, env: Env, after: dict[str, Term], show: Show
    ) -> Obligation:
        scope = step_scope(self.machine, [event]) | {g.name: g.type for g in part.ghosts}
        scope |= {f"new.{g.name}": g.type for g in part.ghosts}
        terms = {**env.terms, **{f"new.{name}": term for name, term in after.items()}}
        ghosts = {g.name: z3.Int(f"ghost.{g.name}") for g in part.ghosts}
        definitions = {d.name: d.expr for d in self.machine.definitions} | primed_definitions(self.machine)
        both = Env({**terms, **ghosts}, scope, definitions)
        constants = rule_constants(self.machine, event, rule)
        for g in part.ghosts:
            both.terms[f"new.{g.name}"] = both.encode(substitute(g.after, constants))
        later = {name: Var(f"new.{name}") for name in self._state_names | ghosts.keys()}
        keeps = both.encode(substitute(part.keeps, later))
        goal = z3.And(both.encode(substitute(part.holds, constants)), keeps)
        return self._prove(claim, part.name, rule.name, [*env.side, both.encode(part.keeps)], goal, both, show)

    def _two_runs(self, state: dict[str, Term]) -> Iterator[Obligation]:
        env = self._symbolic.env(state)
        for claim in self.claims:
            for part in claim.parts:
                if isinstance(part, TwoRunPart) and part.machine == self.machine.name:
                    left, more = self._symbolic.run(state, part.left, RUNS)
                    right, further = self._symbolic.run(state, part.right, RUNS)
                    known = [env.encode(part.assume), z3.Not(env.encode(part.unless)), *more, *further]
                    goal = z3.And(*(left[name] == right[name] for name in part.agree))
                    self._solver.push()
                    self._solver.add(*known)
                    if self._solver.check() == z3.unsat:
                        yield Obligation(claim.id, part.name, "two runs", VACUOUS, 0.0)
                    yield self._prove(claim.id, part.name, "two runs", [], goal, env, self._show(state))
                    self._solver.pop()

    def _show(self, state: dict[str, Term], event: Event | None = None, fields: dict[str, Term] | None = None) -> Show:
        types = {v.name: v.type for v in self.machine.variables}

        figures = {p.name: p.type for p in self.machine.all_parameters}

        def show(model: Any) -> tuple[Values, Values, Values]:
            of = {f.name: f.type for f in event.fields} if event else {}
            decode = self._symbolic.decode
            return (
                decode(model, state, types),
                decode(model, fields or {}, of),
                decode(model, self._symbolic.parameters, figures),
            )

        return show

    def _prove(
        self, claim: str, part: str, about: str, known: Iterable[Term], goal: Term, env: Env, show: Show | None = None
    ) -> Obligation:
        started = time.perf_counter()
        self._solver.push()
        self._solver.add(*known, *env.side, z3.Not(goal))
        found = self._solver.check()
        verdict = PROVED if found == z3.unsat else REFUTED if found == z3.sat else UNKNOWN
        model = show(self._solver.model()) if found == z3.sat and show is not None else ()
        self._solver.pop()
        return Obligation(claim, part, about, verdict, time.perf_counter() - started, *model)
