"""Watches a run and says which claims it breaks: formulas compiled once, evaluated after every event.

The monitor works on the compiled reader's rows. It also counts, for each part of a claim, how often it was
evaluated and how often its interesting case occurred, so that a claim that held of nothing is seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from tokenspec.machine.checkers.breadth_first import BreadthFirst
from tokenspec.machine.interpreters.compiled import Compiled, Fields, Outcome, Row, Writer
from tokenspec.machine.lang import claims as c
from tokenspec.machine.lang.declaration import Event, Machine, Rule
from tokenspec.machine.lang.errors import Gap
from tokenspec.machine.lang.expr import TRUE, Expr, Var, names_in, substitute
from tokenspec.machine.lang.outcome import Values
from tokenspec.machine.lang.typecheck import show
from tokenspec.machine.lang.validate import machine_scope

_NEAREST = 500
"""The number of states that are looked at for one in which a goal is accepted."""


@dataclass
class Violation(AssertionError):
    """A part of a claim that is false: which, and what it says with the values it was false for."""

    claim: str
    part: str
    sentence: str
    detail: str

    def __post_init__(self) -> None:
        super().__init__(f"claim {self.claim} ({self.part}) does not hold: {self.sentence} {self.detail}")


def one_outcome(gap: Gap) -> Violation:
    """A gap in the declaration as what it is: a breach of the claim that every event has exactly one outcome."""
    sentence = "Every event in every state is accepted by one rule or refused with one code."
    return Violation(*c.ONE_OUTCOME, sentence, str(gap))


@dataclass
class Tally:
    """The number of times each part was evaluated and its witness met, by (claim, part)."""

    checked: Counter[tuple[str, str]] = field(default_factory=Counter)
    witnesses: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    """The number of times each code of a refusal part was met; its witness was met as often as the rarest of them."""

    def add(self, other: Tally) -> None:
        """Takes in the counts of another run."""
        self.checked.update(other.checked)
        self.witnesses.update(other.witnesses)
        for key, codes in other.refused.items():
            met = self.refused.setdefault(key, Counter())
            met.update(codes)
            self.witnesses[key] = min(met.values())

    def note_outcome(self, claim: str, part: c.RefusalPart, position: int) -> None:
        """The event of `part` was refused with its code at `position`, or accepted, where the position is past them all."""
        key = (claim, part.name)
        self.checked[key] += 1
        met = self.refused.setdefault(key, Counter(dict.fromkeys((code for code, _ in part.refusals), 0)))
        if position < len(part.refusals):
            met[part.refusals[position][0]] += 1
            self.witnesses[key] = min(met.values())


def _ghosts(machine: Machine, claims: Sequence[c.Claim]) -> list[c.Ghost]:
    """All of them: every event carries them on, those among them that their part says nothing about."""
    return list({g.name: g for _, p in c.parts_of(claims, machine, c.StepPart) for g in p.ghosts}.values())


class _Formulas:
    """The state and step parts that concern one rule, as one generated function."""

    def __init__(self, machine: Machine, claims: Sequence[c.Claim], event: Event, rule: Rule) -> None:
        self._machine, self._event, self.ghosts = machine, event, _ghosts(machine, claims)
        formulas = [(claim, p) for claim in claims for p in claim.parts if isinstance(p, c.StatePart | c.StepPart)]
        own = [(claim, p) for claim, p in formulas if p.machine == machine.name]
        self.parts = [(claim, p) for claim, p in own if isinstance(p, c.StatePart) or not p.events or event.name in p.events]
        scope = c.step_scope(machine, [event])
        scope |= {name: g.type for g in self.ghosts for name in (g.name, f"new.{g.name}")}
        primed = c.primed_definitions(machine)
        self._writer = Writer(scope, {d.name: d.expr for d in machine.definitions} | primed)
        constants = c.rule_constants(machine, event, rule)
        # A formula of a state is evaluated in the state after the event.
        names = [v.name for v in machine.variables] + [name.removeprefix("new.") for name in primed]
        later: dict[str, Expr] = {name: Var(f"new.{name}") for name in names}
        over = [(p, constants if isinstance(p, c.StepPart) else later) for _, p in self.parts]
        self._exprs = [(substitute(p.holds, by), substitute(p.witness, by)) for p, by in over]
        self._ghost_exprs = [substitute(g.after, constants) for g in self.ghosts]

    def source(self, name: str) -> str:
        variables = [v.name for v in self._machine.variables]
        n = self._writer.name
        lines = [f"    def {name}(row, fields, after, ghosts):"]
        lines.append(f"        {', '.join(map(n, variables))}, = row")
        lines.append(f"        {', '.join(n(f'new.{v}') for v in variables)}, = after")
        if self._event.fields:
            lines.append(f"        {', '.join(n(f.name) for f in self._event.fields)}, = fields")
        if self.ghosts:
            lines.append(f"        {', '.join(n(g.name) for g in self.ghosts)}, = ghosts")
        known: set[str] = set()
        lines += self._writer.define(self._ghost_exprs, known, "        ")
        lines += [
            f"        {n(f'new.{g.name}')} = {self._writer.text(e)}" for g, e in zip(self.ghosts, self._ghost_exprs, strict=True)
        ]
        lines += self._writer.define([e for pair in self._exprs for e in pair], known, "        ")
        holds = "".join(f"{self._writer.text(h)}, " for h, _ in self._exprs)
        witnesses = "".join(f"{self._writer.text(t)}, " for _, t in self._exprs)
        ghosts = "".join(n(f"new.{g.name}") + ", " for g in self.ghosts)
        lines.append(f"        return ({holds}), ({witnesses}), ({ghosts})")
        return "\n".join(lines)


class Watch:
    """The formulas of a machine's claims, written once and bound to parameters in microseconds.

    `events` are those that will be observed, all where nothing is given.
    """

    def __init__(self, machine: Machine, claims: Sequence[c.Claim], events: Collection[str] | None = None) -> None:
        self.machine, self.claims = machine, tuple(claims)
        watched = [e for e in machine.events if events is None or e.name in events]
        self.formulas = {r.name: _Formulas(machine, claims, e, r) for e in watched for r in e.rules}
        self.ghosts = _ghosts(machine, claims)
        self.two_runs = c.parts_of(claims, machine, c.TwoRunPart)
        self.liveness = c.parts_of(claims, machine, c.LivenessPart)
        self.refusals = c.parts_of(claims, machine, c.RefusalPart)
        self._bind = self._compile()

    def _refusal(self, writer: Writer, number: int, part: c.RefusalPart) -> Iterator[str]:
        """A function that gives the position of the first condition that is false, or their number where none is."""
        event = self.machine.event_named[part.event]
        yield from (f"    {line}" for line in writer.head(f"refusal_{number}", self.machine, event))
        known: set[str] = set()
        for position, (_, holds) in enumerate(part.refusals):
            yield from writer.define([holds], known, "        ")
            yield f"        if not {writer.text(holds)}: return {position}"
        yield f"        return {len(part.refusals)}"

    def _compile(self) -> Callable[[Values], tuple[dict[str, Any], Row, list[Any], list[Any], list[bool]]]:
        scope = c.step_scope(self.machine, []) | machine_scope(self.machine, [f for e in self.machine.events for f in e.fields])
        writer = Writer(scope, {d.name: d.expr for d in self.machine.definitions})
        lines = ["def bind(parameters):"]
        lines += [f"    {writer.name(p.name)} = parameters[{p.name!r}]" for p in self.machine.all_parameters]
        lines += [f.source(f"check_{rule}") for rule, f in self.formulas.items()]
        lines.append("    ghosts = (" + "".join(writer.text(g.initial) + ", " for g in self.ghosts) + ")")
        for index, (_, part) in enumerate(self.two_runs):
            lines += [f"    {line}" for line in writer.head(f"two_run_{index}", self.machine)]
            lines += writer.define([part.assume, part.unless], set(), "        ")
            lines.append(f"        return ({writer.text(part.assume)}) and not ({writer.text(part.unless)})")
        for number, (_, refusal) in enumerate(self.refusals):
            lines += self._refusal(writer, number, refusal)
        checks = ", ".join(f"{rule!r}: check_{rule}" for rule in self.formulas)
        runs = ", ".join(f"two_run_{index}" for index in range(len(self.two_runs)))
        # A claim may be about figures of another machine, and a run of this one knows nothing of them.
        known = {p.name for p in self.machine.all_parameters}
        wheres = [claim.where if known.issuperset(names_in(claim.where)) else TRUE for claim, _ in self.liveness]
        arise = "".join(f"({writer.text(where)}), " for where in wheres)
        refusals = ", ".join(f"refusal_{number}" for number in range(len(self.refusals)))
        lines.append(f"    return {{{checks}}}, ghosts, [{runs}], [{refusals}], [{arise}]")
        # One of a seeded fault is used once, and would fill a cache.
        space: dict[str, Any] = {}
        exec(compile("\n".join(lines), f"<tokenspec claims of {self.machine.name}>", "exec"), space)
        return space["bind"]  # type: ignore[no-any-return]

    def monitor(self, compiled: Compiled, tally: Tally | None = None) -> Monitor:
        """A monitor for runs of `compiled`."""
        return Monitor(self, compiled, tally or Tally())


class Monitor:
    """Evaluates the claims along a run. `events` is every event that runs go through, `Violation` what it raises."""

    def __init__(self, watch: Watch, compiled: Compiled, tally: Tally) -> None:
        self.watch, self.compiled, self.tally = watch, compiled, tally
        checks, self.initial_ghosts, runs, refusals, arise = watch._bind(compiled.parameters)
        self._liveness = [each for each, arises in zip(watch.liveness, arise, strict=True) if arises]
        names = [g.name for g in watch.ghosts]
        self._checks = {}
        for index, rule in enumerate(compiled.rules):
            if (formulas := watch.formulas.get(rule)) is not None:
                self._checks[index] = checks[rule], formulas, [names.index(g.name) for g in formulas.ghosts]
        self._two_runs: list[tuple[tuple[c.Claim, c.TwoRunPart], Any]] = list(zip(watch.two_runs, runs, strict=True))
        self._refusals: dict[str, list[tuple[c.Claim, c.RefusalPart, Any, list[int | None]]]] = {}
        for (claim, part), position_of in zip(watch.refusals, refusals, strict=True):
            known = {code: -1 - index for index, code in enumerate(compiled.codes)}
            # An accepted event is told by 0; a code that the machine does not have is never met.
            outcomes = [*(known.get(code) for code, _ in part.refusals), 0]
            self._refusals.setdefault(part.event, []).append((claim, part, position_of, outcomes))
        self._seen: set[Row] = set()

    def observe(self, event: str, fields: Fields, before: Row, outcome: Outcome, ghosts: Row) -> Row:
        """Checks one event of a run; the ghosts after it. Raises `Violation`."""
        index, after, _ = outcome
        for claim, refusal, position_of, outcomes in self._refusals.get(event, ()):
            position = position_of(before, fields)
            self.tally.note_outcome(claim.id, refusal, position)
            if outcomes[position] != min(index, 0):
                raise self._wrong_outcome(claim, refusal, position, index, before, fields)
        if index < 0:
            return ghosts
        check, formulas, positions = self._checks[index]
        holds, witnesses, new_ghosts = check(before, fields, after, tuple(ghosts[p] for p in positions))
        checked, met = self.tally.checked, self.tally.witnesses
        for number, (claim, part) in enumerate(formulas.parts):
            key = (claim.id, part.name)
            checked[key] += 1
            if witnesses[number]:
                met[key] += 1
            if not holds[number]:
                raise self._violation(claim, part, event, fields, before, after)
        updated = list(ghosts)
        for position, value in zip(positions, new_ghosts, strict=True):
            updated[position] = value
        if after not in self._seen:
            self._seen.add(after)
            self._go_on(after)
        return tuple(updated)

    def _go_on(self, row: Row) -> None:
        """The claims that look at how a state goes on, checked once for each state."""
        for (claim, part), applies in self._two_runs:
            if not applies(row):
                continue
            key = (claim.id, part.name)
            self.tally.checked[key] += 1
            self.tally.witnesses[key] += 1
            left, right = self._run(row, part.left), self._run(row, part.right)
            names = [v.name for v in self.watch.machine.variables]
            for name in part.agree:
                position = names.index(name)
                if left[position] != right[position]:
                    detail = f"After {' then '.join(part.left)}, {name} is {left[position]}; after {' then '.join(part.right)}, "
                    raise Violation(claim.id, part.name, claim.sentence, f"{detail}it is {right[position]}.")
        for claim, goal in self._liveness:
            self._stays_possible(claim, goal, row)

    def _run(self, row: Row, events: Sequence[str]) -> Row:
        for event in events:
            step = self.compiled.steps[event]
            for _ in range(self.compiled.machine.event_named[event].most_runs):
                index, after, _ = step(row, ())
                if index < 0:
                    break
                row = after
        return row

    def _stays_possible(self, claim: c.Claim, part: c.LivenessPart, row: Row) -> None:
        key = (claim.id, part.name)
        self.tally.checked[key] += 1
        fields = part.given(self.watch.machine.event_named[part.goal])
        goal = self.compiled.steps[part.goal]
        avoided = {self.compiled.rules.index(rule) for rule in part.without}
        if goal(row, fields)[0] >= 0:
            return
        self.tally.witnesses[key] += 1

        def successors(state: Row) -> Iterator[tuple[str, Row]]:
            for event in part.events:
                index, after, _ = self.compiled.steps[event](state, ())
                if index >= 0 and index not in avoided:
                    yield event, after

        if any(goal(state, fields)[0] >= 0 for state in islice(BreadthFirst([row], successors), _NEAREST)):
            return
        state = self.compiled.state(row)
        raise Violation(claim.id, part.name, claim.sentence, f"From {state} none of {', '.join(part.events)} leads there.")

    def _wrong_outcome(
        self, claim: c.Claim, part: c.RefusalPart, position: int, index: int, before: Row, fields: Fields
    ) -> Violation:
        codes = [*(f"refused with {code}" for code, _ in part.refusals), "accepted"]
        got = "accepted" if index >= 0 else f"refused with {self.compiled.codes[-1 - index]}"
        detail = f"In {self.compiled.state(before)}, {self._call(part.event, fields)} is {got}, and should be {codes[position]}."
        return Violation(claim.id, part.name, claim.sentence, detail)

    def _call(self, event: str, fields: Fields) -> str:
        names = [f.key for f in self.watch.machine.event_named[event].fields]
        return f"{event}({', '.join(f'{name}={value}' for name, value in zip(names, fields, strict=True))})"

    def _violation(
        self, claim: c.Claim, part: c.StatePart | c.StepPart, event: str, fields: Fields, before: Row, after: Row
    ) -> Violation:
        names = [v.name for v in self.watch.machine.variables]
        changed = [f"{n} {b} -> {a}" for n, b, a in zip(names, before, after, strict=True) if a != b]
        detail = f"{self._call(event, fields)}: {', '.join(changed) or 'nothing changed'}; false: {show(part.holds)}"
        return Violation(claim.id, part.name, claim.sentence, detail)
