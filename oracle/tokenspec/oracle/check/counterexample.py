"""Counterexamples for readers: the settings, the shortest path, and the false formulas.

The reference reader derives everything from the trace alone, and shares nothing with the search that found it.
The same search gives the same counterexample, byte for byte.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tokenspec.machine.checkers.exploration import Exploration, Instance
from tokenspec.machine.checkers.prover.refutation import at_event
from tokenspec.machine.checkers.wording import given, listed, told
from tokenspec.machine.interpreters import reference
from tokenspec.machine.interpreters.reference import Bindings
from tokenspec.machine.lang.claims import Claim, LivenessPart, Part, RefusalPart, StatePart, StepPart, TwoRunPart
from tokenspec.machine.lang.counts import counted
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.errors import Gap
from tokenspec.machine.lang.expr import Expr
from tokenspec.machine.lang.outcome import Accepted, Happened, Refused, Values
from tokenspec.machine.lang.specification import Scope
from tokenspec.machine.lang.types import Bool, Tokens, Value
from tokenspec.oracle.base.provenance import stamp
from tokenspec.oracle.base.specification import DEFAULTS, claims, hint
from tokenspec.oracle.check.evidence import Evidence, Searched
from tokenspec.oracle.check.falsification import Reason, reasons


@dataclass(frozen=True)
class Counterexample:
    """A part of a claim that a search found broken, with the shortest trace that breaks it.

    `machine` is the declaration as it was searched, `parameters` all of its figures and policies, `policy` those settings
    that are not the default. `detail` is the engine's message.
    """

    claim: Claim
    part: str
    scope: Scope
    machine: Machine
    parameters: Values
    trace: tuple[Instance, ...]
    detail: str

    @property
    def policy(self) -> dict[str, str]:
        """The policies with another choice than the default."""
        chosen = {name: str(self.parameters[name]) for name in DEFAULTS}
        return {name: answer for name, answer in chosen.items() if answer != DEFAULTS[name]}

    @property
    def again(self) -> str:
        """Returns the command that reproduces the counterexample."""
        settings = [word for name, answer in self.policy.items() for word in ("--policy", f"{name}={answer}")]
        return shlex.join(["tokenspec", "check", "--scope", self.scope.name, *settings])

    @property
    def broken(self) -> Part | None:
        """The part itself; None for a property without a formula, such as that exactly one rule applies."""
        return next((p for p in self.claim.parts if p.name == self.part), None)

    @cached_property
    def first(self) -> Values:
        """The state before the first event."""
        return reference.initial_state(self.machine, self.parameters)

    @cached_property
    def steps(self) -> tuple[Happened, ...]:
        """The trace event by event, up to a gap in the declaration."""
        return tuple(_taken(self.machine, self.parameters, self.first, self.trace))

    @property
    def last(self) -> Values:
        """The state after the last event, or the first state."""
        return self.steps[-1].after if self.steps else self.first

    @property
    def _ends_in_a_gap(self) -> bool:
        return bool(self.steps) and self.steps[-1].outcome is None

    @cached_property
    def false(self) -> tuple[Reason, ...]:
        """Formulas that are false at the end of the trace, or at its last event."""
        match self.broken:
            case _ if self._ends_in_a_gap:
                return ()
            case StatePart(holds=holds):
                return reasons(holds, Bindings(self.machine, self.parameters, self.last))
            case StepPart() as part:
                return reasons(part.holds, self._at_last(part))
            case RefusalPart() as part if (wanted := self._first_false(part)) is not None:
                return reasons(wanted[1], self._before_last())
        return ()

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """Lines that show that the part does not hold, where no formula does."""
        if self._ends_in_a_gap:
            return (self._gap(),)
        try:
            match self.broken:
                case StatePart() | StepPart():
                    return ()
                case TwoRunPart() as part:
                    return tuple(self._ends(part))
                case RefusalPart() as part:
                    wanted = self._first_false(part)
                    return (f"it should be {'accepted' if wanted is None else f'refused, {wanted[0]}'}",)
                case LivenessPart() as part:
                    return (self._dead_end(part),)
        except Gap as gap:
            return (str(gap),)
        return (self.detail,)

    def lines(self) -> Iterator[str]:
        """Yields the counterexample as lines of text."""
        yield f"claim {self.claim.id} ({self.part}) does not hold: {self.claim.sentence}"
        settings = ", ".join(f"{name}={answer}" for name, answer in self.policy.items())
        yield f"  scope {self.scope.name}: {_figures(self.scope)}; {f'policies {settings}' if settings else 'default policies'}"
        yield from (f"  {number:>3}. {self.told(step)}" for number, step in enumerate(self.steps, 1))
        yield from (f"  false: {reason}" for reason in self.false)
        yield from (f"  {note}" for note in self.notes)
        yield f"  again: {self.again}"

    def told(self, step: Happened) -> str:
        """Describes an event and its changes."""
        return told(step, self.written(step.event, step.fields))

    def written(self, event: str, fields: Values) -> dict[str, Value]:
        """Returns the fields of an event under their names in a record."""
        return {f.key: fields[f.name] for f in self.machine.event_named[event].fields}

    def data(self) -> dict[str, Any]:
        """Returns the counterexample as data."""
        return {
            "claim": self.claim.id,
            "part": self.part,
            "sentence": self.claim.sentence,
            "scope": self.scope.name,
            "policy": self.policy,
            "trace": [
                {
                    "event": step.event,
                    "fields": self.written(step.event, step.fields),
                    "refused": step.outcome.code if isinstance(step.outcome, Refused) else None,
                    "changed": step.changed,
                }
                for step in self.steps
            ],
            "false": [{"formula": r.false, "where": list(r.where), "values": r.values} for r in self.false],
            "notes": list(self.notes),
            "again": self.again,
        }

    def _before_last(self) -> Bindings:
        """Returns the values that a requirement or a rule's condition may read at the last event."""
        return Bindings(self.machine, self.parameters, self.steps[-1].before, self.steps[-1].fields)

    def _at_last(self, part: StepPart) -> Bindings:
        """Returns the values that a step formula may read at the last event; the ghosts have followed the whole trace."""
        figures = Bindings(self.machine, self.parameters)
        ghosts = {g.name: reference.evaluate(g.initial, figures) for g in part.ghosts}
        for step in self.steps:
            reading = at_event(self.machine, self.parameters, part, step, ghosts)
            ghosts = {g.name: reading[f"new.{g.name}"] for g in part.ghosts}
        return reading

    def _first_false(self, part: RefusalPart) -> tuple[str, Expr] | None:
        """Returns the refusal that the last event should have met, by the claim."""
        scope = self._before_last()
        return next(((code, holds) for code, holds in part.refusals if not reference.evaluate(holds, scope)), None)

    def _ends(self, part: TwoRunPart) -> Iterator[str]:
        ends = [_end(self.machine, self.parameters, self.last, events) for events in (part.left, part.right)]
        differ = [name for name in part.agree if ends[0][name] != ends[1][name]]
        for events, end in zip((part.left, part.right), ends, strict=True):
            yield f"after {', '.join(events)}: {listed({name: end[name] for name in differ})}"

    def _dead_end(self, part: LivenessPart) -> str:
        """Describes everything that can still be reached, and the codes with which the goal is refused there."""
        seen, codes = [self.last], dict[str, None]()
        for state in seen:  # which grows
            goal = reference.step(self.machine, self.parameters, state, part.goal, dict(part.fields))
            codes |= {goal.code: None} if isinstance(goal, Refused) else {}
            for event in part.events:
                outcome = reference.step(self.machine, self.parameters, state, event, {})
                if isinstance(outcome, Accepted) and outcome.rule not in part.without:
                    is_within = all(int(outcome.state[name]) <= most for name, most in self.scope.most.items())
                    seen += [outcome.state] if outcome.state not in seen and is_within else []
        ways = ", ".join(part.events) + "".join(f", not {rule}" for rule in part.without)
        where = f"{counted(len(seen), 'state', form=',')} of the scope"
        goal_named = given(part.goal, dict(part.fields))
        return f"from there on {where} can be reached ({ways}), and {goal_named} is refused in each: {', '.join(codes)}"

    def _gap(self) -> str:
        """Names the rules that accept the last event, where exactly one should."""
        step = self.steps[-1]
        scope = self._before_last()
        rules = self.machine.event_named[step.event].rules
        fit = [r.name for r in rules if step.before[self.machine.control] in r.source and reference.evaluate(r.when, scope)]
        found = f"{' and '.join(fit)} apply to it" if fit else "it is not refused, and no rule applies to it"
        return f"{found}, in {listed(step.before)}"


def counterexamples(evidence: Evidence) -> list[Counterexample]:
    """Returns the counterexamples of the searches: for each part the one with the shortest trace."""
    found: dict[tuple[str, str], Counterexample] = {}
    for searched in evidence.searches:
        for exploration in searched.explorations:
            if exploration.violation is not None:
                each = from_search(searched, exploration)
                key = each.claim.id, each.part
                if key not in found or len(each.trace) < len(found[key].trace):
                    found[key] = each
    return list(found.values())


def from_search(searched: Searched, found: Exploration) -> Counterexample:
    """Returns the counterexample of a search that found one."""
    violation, scope = found.violation, searched.scope
    assert violation is not None, "nothing is broken"
    of_engine = Claim(0, violation.claim, violation.sentence, (), ())  # one that every machine has, declared or not
    claim = next((c for c in claims(scope.catalogue) if c.id == violation.claim), of_engine)
    parameters = {**searched.scoped.parameters, **found.parameters}
    return Counterexample(claim, violation.part, scope, searched.scoped.machine, parameters, tuple(found.trace), violation.detail)


def _taken(machine: Machine, parameters: Values, state: Values, trace: Sequence[Instance]) -> Iterator[Happened]:
    for event, values in trace:
        fields = {f.name: value for f, value in zip(machine.event_named[event].fields, values, strict=True)}
        try:
            step = Happened(event, fields, reference.step(machine, parameters, state, event, fields), state)
        except Gap:
            yield Happened(event, fields, None, state)
            return
        yield step
        state = step.after


def _end(machine: Machine, parameters: Values, state: Values, events: Sequence[str]) -> Values:
    """Returns the state after `events`; refused ones are skipped, and a repeating job runs for as long as it is accepted."""
    for event in events:
        for _ in range(machine.event_named[event].most_runs):
            outcome = reference.step(machine, parameters, state, event, {})
            if isinstance(outcome, Refused):
                break
            state = outcome.state
    return state


def _figures(scope: Scope) -> str:
    """Describes a scope's catalogue in a few words."""
    in_words = hint("figures_in_words")
    if in_words is not None:
        return str(in_words(scope.catalogue))
    return ", ".join(f"{name} {value}" for name, value in scope.catalogue.parameters().items())


ACTION, PICKS = "mbt::actionTaken", "mbt::nondetPicks"


def itf(example: Counterexample) -> dict[str, Any]:
    """Returns the trace in the Informal Trace Format (ITF, ADR-015 of Apalache), for trace viewers and model-based testing.

    Beside the variables, each state has the two that quint writes with `--mbt`: `mbt::actionTaken`, the event that led to it,
    and `mbt::nondetPicks`, the fields that the event came with, each as `Some`; those of other events, which quint lists as
    `None`, are left out. Figures and policies are in the first state. An event without an outcome leads to no state, and is
    only in the description.
    """
    machine = example.machine
    taken = [step for step in example.steps if step.outcome is not None]
    parameters = {p.name: _value(example.parameters[p.name]) for p in machine.all_parameters}
    states = [_state(0, example.first, "init", {}) | parameters]
    states += [
        _state(number, step.after, step.event, example.written(step.event, step.fields)) for number, step in enumerate(taken, 1)
    ]
    return {
        "#meta": {
            "format": "ITF",
            "format-description": "https://apalache-mc.org/docs/adr/015adr-trace.html",
            "source": example.again,
            "status": "violation",
            "description": "\n".join(example.lines()),
            "varTypes": _types(machine),
            "claim": example.claim.id,
            "part": example.part,
            **stamp(),
        },
        "params": list(parameters),
        "vars": [*(v.name for v in machine.variables), ACTION, PICKS],
        "states": states,
    }


def _state(number: int, values: Values, action: str, fields: Values) -> dict[str, Any]:
    written = {name: _value(value) for name, value in values.items()}
    picks = {name: {"tag": "Some", "value": _value(value)} for name, value in fields.items()}
    return {"#meta": {"index": number}, **written, ACTION: action, PICKS: picks}


def _value(value: Value) -> Any:
    """Returns truth values and names as they are; numbers as text, since readers differ in the range of their numbers."""
    return {"#bigint": str(value)} if isinstance(value, int) and not isinstance(value, bool) else value


def _types(machine: Machine) -> dict[str, str]:
    kinds = {Bool: "Bool", Tokens: "Int"}
    return {v.name: kinds.get(type(v.type), "Str") for v in machine.variables} | {ACTION: "Str"}
