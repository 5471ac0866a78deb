"""A counterexample to an obligation, told as a story and replayed through the reference reader.

A solver answers with values for open names. They are believed only after the reference reader, which knows nothing of
settings or terms, has gone through the same events and found the formula false.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tokenspec.machine.interpreters import reference
from tokenspec.machine.lang import claims as c
from tokenspec.machine.lang.declaration import Event, Machine
from tokenspec.machine.lang.errors import Gap
from tokenspec.machine.lang.expr import Expr, Var, names_in, substitute
from tokenspec.machine.lang.outcome import Accepted, Happened, Refused, Step, Values
from tokenspec.machine.lang.typecheck import show
from tokenspec.machine.proofs.contexts import NEW, OTHER, Condition, Provable, conjuncts


class UnreplayableError(Exception):
    """The reference reader does not find what the solver found: one of the two, or what lies between, is wrong."""


@dataclass(frozen=True)
class Refutation:
    """A state that meets everything an obligation assumes, what happens in it, and the formula that is then false.

    `parameters` are all of them, `matter` those that any formula of the story reads. `state` may hold names of another
    copy of the machine (`other.x`), and of ghosts. A step has one run of one event, a two-run part two runs, and the first
    state none.
    """

    parameters: Values
    matter: tuple[str, ...]
    state: Values
    runs: tuple[tuple[Happened, ...], ...]
    false: str
    """The condition that fails."""

    def story(self) -> list[str]:
        """The refutation in lines of text."""
        matter = _listed({name: self.parameters[name] for name in self.matter})
        told = [f"figures and policies: {matter or 'none that matter'}"]
        told.append("state: " + _listed(self.state))
        told += [f"{each.event}({_listed(each.fields)}): {_came_of(each)}" for run in self.runs for each in run]
        return [*told, f"false: {self.false}"]


def replay(machine: Machine, condition: Condition, values: Values) -> Refutation | None:
    """Returns the counterexample that `values` make of a condition's open names; None for a fact that no run shows.

    Raises `UnreplayableError` where they do not meet the setting, or where the reference reader breaks nothing with them.
    """
    again = _Replay(machine, condition, values)
    again.check()
    if isinstance(condition.of, c.TwoRunPart):
        return again.two_runs(condition.of)
    if condition.event is not None:
        return again.step(condition.event)
    return None if condition.of is None else again.first_state(condition.of)


class _Replay:
    def __init__(self, machine: Machine, condition: Condition, values: Values) -> None:
        self._machine, self._condition, self._values = machine, condition, values
        self._figures = {p.name: values[p.name] for p in machine.all_parameters}

    def check(self) -> None:
        """All that is known is true and the goal is false, as the reference reader evaluates them."""
        setting = self._condition.setting
        definitions = {name: expr for s in setting.chain for name, expr in s.defines.items()}
        scope = reference.Bindings(self._machine, self._values, types=setting.scope, definitions=definitions)
        for known in (k for s in setting.chain for k in s.known):
            self._demand(reference.evaluate(known, scope), f"{show(known)} is false")
        self._demand(not reference.evaluate(self._condition.goal, scope), f"{show(self._condition.goal)} is true")

    def first_state(self, part: Provable) -> Refutation:
        """The first state, where the part is false."""
        state = dict(reference.initial_state(self._machine, self._figures))
        assert isinstance(part, c.StatePart | c.StepPart)
        if isinstance(part, c.StepPart):
            figures = reference.Bindings(self._machine, self._figures)
            state |= {g.name: reference.evaluate(g.initial, figures) for g in part.ghosts}
        formula = part.keeps if isinstance(part, c.StepPart) else part.holds
        false = self._false(formula, reference.Bindings(self._machine, self._figures, state))
        return self._refutation(state, (), " and ".join(map(show, false)), *false)

    def step(self, event: Event) -> Refutation:
        """One event, of which the part is false, or which has no outcome, or more than one."""
        part = self._condition.of
        ghosts = {g.name: self._values[g.name] for g in part.ghosts} if isinstance(part, c.StepPart) else {}
        fields = {f.name: self._values[f.name] for f in event.fields}
        known = {name: v for name, v in self._values.items() if name not in self._figures and name not in fields}
        state = {name: v for name, v in known.items() if name not in ghosts}
        outcome = self._outcome(state, event.name, fields)
        happened = Happened(event.name, fields, outcome, state)
        run = (happened,)
        if outcome is None:
            return self._refutation(known, (run,), "exactly one rule applies")
        self._demand(part is not None, "exactly one rule applies")
        if isinstance(part, c.RefusalPart):
            return self._refutation(known, (run,), self._misjudged(part, {**state, **fields}, outcome))
        self._demand(isinstance(outcome, Accepted) and outcome.rule == self._condition.about, f"it comes to {outcome}")
        false = self._broken(part, happened, ghosts)
        return self._refutation(known, (run,), " and ".join(map(show, false)), *false)

    def _outcome(self, state: Values, event: str, fields: Values) -> Step | None:
        """Returns the outcome of an event; None where no rule applies, or more than one.

        A rule that reaches another copy finds one in the same state, and what it does there is left out, unless the part
        is about both.
        """
        another = {OTHER + name: value for name, value in state.items()}
        try:
            outcome = reference.step(self._machine, self._figures, {**another, **state}, event, fields)
        except Gap:
            return None
        if isinstance(outcome, Refused):
            return outcome
        return replace(outcome, state={name: value for name, value in outcome.state.items() if name in state})

    def _misjudged(self, part: c.RefusalPart, values: Values, outcome: Step) -> str:
        """Returns the outcome that the event should have had."""
        scope = reference.Bindings(self._machine, self._figures, values)
        due = next((code for code, holds in part.refusals if not reference.evaluate(holds, scope)), None)
        self._demand(due != (outcome.code if isinstance(outcome, Refused) else None), f"it comes to {outcome}, as it should")
        return f"it is refused with {due}" if due else "it is accepted"

    def _broken(self, part: object, happened: Happened, ghosts: Values) -> tuple[Expr, ...]:
        """The formulas of the part that are false once the event has been accepted."""
        if isinstance(part, c.StatePart):
            return self._false(part.holds, reference.Bindings(self._machine, self._figures, happened.after))
        assert isinstance(part, c.StepPart | c.PairPart)
        scope = at_event(self._machine, self._figures, part, happened, ghosts)
        # An event that the part is not about may break what its ghosts keep, and has not the fields that `holds` reads.
        is_about = isinstance(part, c.PairPart) or not part.events or happened.event in part.events
        if isinstance(part, c.PairPart) or (is_about and not reference.evaluate(part.holds, scope)):
            return self._false(part.holds, scope)
        return self._false(substitute(part.keeps, {name: Var(NEW + name) for name in self._own_names(part)}), scope)

    def _false(self, formula: Expr, scope: reference.Bindings) -> tuple[Expr, ...]:
        """The parts of `formula` that are false."""
        parts = [part for part in conjuncts(formula) if not reference.evaluate(part, scope)]
        self._demand(parts, f"{show(formula)} is true")
        return tuple(parts)

    def _own_names(self, part: c.StepPart) -> list[str]:
        names = [v.name for v in self._machine.variables] + [n.removeprefix(NEW) for n in c.primed_definitions(self._machine)]
        return names + [g.name for g in part.ghosts]

    def two_runs(self, part: c.TwoRunPart) -> Refutation:
        """Two runs from one state, which end differently."""
        state = {v.name: self._values[v.name] for v in self._machine.variables}
        runs = self._run(state, part.left), self._run(state, part.right)
        left, right = (_end(run, state) for run in runs)
        differ = [name for name in part.agree if left[name] != right[name]]
        self._demand(differ, "both runs end alike")
        ends = (_listed({name: end[name] for name in differ}) for end in (left, right))
        return self._refutation(state, runs, " is the same as ".join(ends))

    def _run(self, state: Values, events: tuple[str, ...]) -> tuple[Happened, ...]:
        happened: list[Happened] = []
        for name in events:
            for _ in range(self._machine.event_named[name].most_runs):
                before = _end(happened, state)
                happened.append(Happened(name, {}, self._outcome(before, name, {}), before))
                if not isinstance(happened[-1].outcome, Accepted):
                    break
        return tuple(happened)

    def _refutation(self, state: Values, runs: tuple[tuple[Happened, ...], ...], false: str, *formulas: Expr) -> Refutation:
        events = {h.event for run in runs for h in run}
        return Refutation(self._figures, _matter(self._machine, events, formulas), state, runs, false)

    def _demand(self, met: object, detail: str) -> None:
        if not met:
            of = self._condition
            place = f"{of.claim}, {of.part}, {of.about}"
            raise UnreplayableError(f"{place}: the solver's answer cannot be replayed: {detail}. It is {_listed(self._values)}")


def at_event(
    machine: Machine, parameters: Values, part: c.StepPart | c.PairPart, happened: Happened, ghosts: Values
) -> reference.Bindings:
    """Returns the values that a formula of `part` may read at an accepted event; `ghosts` are those before it."""
    assert isinstance(happened.outcome, Accepted), "such a part is about accepted events"
    event, named = machine.event_named[happened.event], happened.outcome.rule
    rule = next(r for r in event.rules if r.name == named)
    followed = part.ghosts if isinstance(part, c.StepPart) else ()
    types = c.pair_scope(machine, [event]) | {name: g.type for g in followed for name in (g.name, NEW + g.name)}
    definitions = {d.name: d.expr for d in machine.definitions} | c.rule_constants(machine, event, rule)
    for prefix in (NEW, OTHER, NEW + OTHER):
        definitions |= c.primed_definitions(machine, prefix)
    definitions |= {NEW + g.name: g.after for g in followed}
    after = {NEW + name: value for name, value in happened.after.items()}
    known = parameters, happened.before, happened.fields, after, ghosts
    return reference.Bindings(machine, *known, types=types, definitions=definitions)


def _end(run: Sequence[Happened], state: Values) -> Values:
    return run[-1].after if run else state


def _matter(machine: Machine, events: set[str], formulas: Sequence[Expr]) -> tuple[str, ...]:
    """The parameters that are read, through whatever definitions, by the events and the formulas."""
    chosen = [machine.event_named[name] for name in events]
    exprs = [*formulas, *(need.holds for e in chosen for need in e.requires), *(r.when for e in chosen for r in e.rules)]
    exprs += [a.value for e in chosen for r in e.rules for a in r.effect] or [v.initial for v in machine.variables]
    definitions = {d.name: d.expr for d in machine.definitions}
    read: set[str] = set()
    while exprs:
        for name in {n.removeprefix(NEW).removeprefix(OTHER) for n in names_in(exprs.pop())} - read:
            read.add(name)
            exprs += [definitions[name]] if name in definitions else []
    return tuple(p.name for p in machine.all_parameters if p.name in read)


def _came_of(happened: Happened) -> str:
    match happened.outcome:
        case Accepted(rule):
            changed = {name: after for name, (_, after) in happened.changed.items()}
            return f"{rule}; then {_listed(changed) or 'everything is as it was'}"
        case Refused(code):
            return f"refused, {code}"
        case None:
            return "no rule applies, or more than one"


def _listed(values: Values) -> str:
    return ", ".join(f"{name} = {str(v).lower() if isinstance(v, bool) else v}" for name, v in values.items())
