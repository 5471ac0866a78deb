"""Every transition of a machine within a scope as guard and new values, identical ones merged with their number.

Fields, fixed parameters and the state of the lifecycle are filled in, and what that decides disappears; two events that
then do the same under the same condition are one transition, counted as often as it stands for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tokenspec.machine.checkers.exploration import Instance
from tokenspec.machine.interpreters.compiled import rule_names
from tokenspec.machine.lang.claims import Claim, Ghost, RefusalPart, StatePart, StepPart, parts_of, rule_constants
from tokenspec.machine.lang.declaration import Event, Machine, Parameter, Rule
from tokenspec.machine.lang.expr import Expr, substitute
from tokenspec.machine.lang.outcome import Values
from tokenspec.machine.lang.types import Value
from tokenspec.machine.wasm.lower import Env, Lowering
from tokenspec.machine.wasm.normal_form import Node, Nodes
from tokenspec.machine.wasm.ranks import Layout, digit

WIDE = 2**28
"""The largest number where no bound is known."""


@dataclass
class Transition:
    """`rule` takes the machine to `new` where `guard` is 1; `holds` are the claims about it and about the state it leads to,
    `witnesses` the interesting cases of the former.

    `instance` is the first event that it stands for, `times` how many there are.
    """

    rule: int
    guard: Node
    new: dict[str, Node]
    holds: Node
    witnesses: dict[int, Node]
    instance: int
    times: int = 1


@dataclass
class Scoped:
    """A machine with what a search fixes and what it leaves open.

    `parameters` are the figures, `open` those of them that take every one of their values instead, `most` the bound of
    every variable that holds a number. The claims' ghosts have bounds of their own.
    """

    machine: Machine
    parameters: Values
    instances: Sequence[Instance]
    most: Mapping[str, int]
    claims: Sequence[Claim] = ()
    open: Sequence[Parameter] = ()
    like: Scoped | None = None
    """Another machine in the same scope, with the same claims: what the two have in common is worked out once."""

    def __post_init__(self) -> None:
        machine = self.machine
        self.steps = parts_of(self.claims, machine, StepPart)
        self.states = parts_of(self.claims, machine, StatePart)
        self.refusals = parts_of(self.claims, machine, RefusalPart)
        self.ghosts: list[Ghost] = list({g.name: g for _, p in self.steps for g in p.ghosts}.values())
        self.nodes: Nodes = self.like.nodes if self.like else Nodes()
        shared = self.like if self.like and self.like.machine.definitions == machine.definitions else None
        self.lowering: Lowering = shared.lowering if shared else Lowering.of_steps(self.nodes, machine, self.ghosts)
        # By rule, which is kept alive beside what was made of it.
        self._formulas: dict[int, tuple[Rule, list[tuple[str, Expr]], list[tuple[int, Expr, Expr]]]] = (
            shared._formulas if shared and shared.claims == self.claims else {}
        )
        self._types = {v.name: v.type for v in machine.variables} | {p.name: p.type for p in machine.all_parameters}
        most = {g.name: self.constant(g.most, self.parameters) for g in self.ghosts if g.most is not None}
        digits = [digit(p.name, p.type, {}) for p in self.open]
        digits += [digit(g.name, g.type, most) for g in self.ghosts]
        self.layout = Layout((*digits, *(digit(v.name, v.type, self.most) for v in machine.variables)))
        self.fixed = {
            name: self.nodes.const(self.lowering.number(value, self._types[name]))
            for name, value in self.parameters.items()
            if name not in {p.name for p in self.open}
        }
        self._rules = rule_names(machine)

    def env(self, control: str | None = None) -> dict[str, Node]:
        """Names in a state: locals, and constants for fixed values; `control` fixes the lifecycle's state."""
        env = dict(self.fixed)
        for each in self.layout.digits:
            env[each.name] = self.nodes.local(each.name, 0, each.most)
        if control is not None:
            kind = self._types[self.machine.control]
            env[self.machine.control] = self.nodes.const(self.lowering.number(control, kind))
        return env

    def constant(self, expr: Expr, parameters: Values) -> int:
        """The value of an expression over parameters alone."""
        env = {name: self.nodes.const(self.lowering.number(value, self._types[name])) for name, value in parameters.items()}
        value = self.nodes.value(self.lowering.node(expr, env))
        assert value is not None, "it reads more than parameters"
        return value

    def wide_env(self) -> dict[str, Node]:
        """The same for a run that may leave the bounds: nothing is known of a variable but its name."""
        names = [v.name for v in self.machine.variables]
        return self.env() | {name: self.nodes.local(f"g.{name}", -WIDE, WIDE) for name in names}

    def transitions(self, control: str, rules: Collection[str] | None = None) -> list[Transition]:
        """Every transition by one of `rules` out of states whose control variable is `control`, by rising first instance."""
        merged: dict[tuple[object, ...], Transition] = {}
        base = self.env(control)
        for number, (name, fields) in enumerate(self.instances):
            event = self.machine.event_named[name]
            for rule, guard, env in self.applicable(event, fields, base, control):
                if rules is not None and rule.name not in rules:
                    continue
                new = self.after(rule, env)
                holds, witnesses = self._claims(event, rule, env, new)
                holds = self.nodes.both(holds, self._holds_after(base, new))
                key = (rule.name, guard, *new.values(), holds, *sorted(witnesses.items()))
                if key in merged:
                    merged[key].times += 1
                else:
                    merged[key] = Transition(self._rules.index(rule.name), guard, new, holds, witnesses, number)
        return list(merged.values())

    def applicable(
        self, event: Event, fields: Sequence[Value], base: Env, control: str | None = None
    ) -> Iterator[tuple[Rule, Node, dict[str, Node]]]:
        """The rules that may accept `event` with `fields`, each with its condition and with what names stand for."""
        nodes = self.nodes
        env = self.given(event, fields, base)
        earlier = nodes.false
        for rule, fits in self._fitting(event, env, control):
            # Where several rules fit, which a sound declaration has none of, the first one counts, as for every reader.
            guard = self._unrefused(event, env, nodes.both(fits, nodes.negate(earlier)))
            earlier = nodes.either(earlier, fits)
            if guard != nodes.false:
                yield rule, guard, env

    def holes(self, control: str) -> list[tuple[Node, int]]:
        """When no requirement of an event fails and yet no rule fits, or more than one; with the first instance it is so for."""
        nodes, found = self.nodes, dict[Node, int]()
        for number, event, env in self._given(self.env(control)):
            none, some, several = nodes.true, nodes.false, nodes.false
            for _, fits in self._fitting(event, env, control):
                several = nodes.either(several, nodes.both(some, fits))
                some, none = nodes.either(some, fits), nodes.both(none, nodes.negate(fits))
            hole = nodes.either(none, several)
            for need in event.requires:
                hole = nodes.both(hole, self.lowering.node(need.holds, env))
            if hole != nodes.false:
                found.setdefault(hole, number)
        return [(hole, number) for hole, number in found.items()]

    def refused(self, control: str) -> tuple[list[tuple[Node, int]], dict[tuple[int, Node], int]]:
        """Returns the states in which a refusal part is wrong, each with the first instance; and those that meet each code.

        The second is by the code's number, counted through all refusal parts, with the number of instances that meet it.
        """
        wrong, met = dict[Node, int](), dict[tuple[int, Node], int]()
        for number, event, env in self._given(self.env(control)):
            first = 0
            for _, part in self.refusals:
                if part.event == event.name:
                    declared = self.first_false([(need.code, need.holds) for need in event.requires], env)
                    claimed = self.first_false(part.refusals, env)
                    for code in claimed | declared:
                        pair = (claimed.get(code, self.nodes.false), declared.get(code, self.nodes.false))
                        if (differ := self.nodes.negate(self.nodes.equal(*pair))) != self.nodes.false:
                            wrong.setdefault(differ, number)
                    for offset, (code, _) in enumerate(part.refusals):
                        if claimed[code] != self.nodes.false:
                            met[first + offset, claimed[code]] = met.get((first + offset, claimed[code]), 0) + 1
                first += len(part.refusals)
        return list(wrong.items()), met

    def first_false(self, conditions: Iterable[tuple[str, Expr]], env: Env) -> dict[str, Node]:
        """For each code, when its condition is the first that is false."""
        nodes, found, so_far = self.nodes, dict[str, Node](), self.nodes.true
        for code, holds in conditions:
            condition = self.lowering.node(holds, env, known=self._settled(so_far))
            fails = nodes.both(so_far, nodes.negate(condition))
            found[code] = nodes.either(found.get(code, nodes.false), fails)
            so_far = nodes.both(so_far, condition)
        return found

    def given(self, event: Event, fields: Sequence[Value], base: Env) -> dict[str, Node]:
        """`base` with the fields of an event."""
        number = self.lowering.number
        return dict(base) | {f.name: self.nodes.const(number(v, f.type)) for f, v in zip(event.fields, fields, strict=True)}

    def _given(self, base: Env) -> Iterator[tuple[int, Event, dict[str, Node]]]:
        for number, (name, fields) in enumerate(self.instances):
            event = self.machine.event_named[name]
            yield number, event, self.given(event, fields, base)

    def _fitting(self, event: Event, env: Env, control: str | None) -> Iterator[tuple[Rule, Node]]:
        """The rules whose source may be the present state, each with the condition that it fits."""
        order = self._types[self.machine.control]
        for rule in event.rules:
            if control is not None and control not in rule.source:
                continue
            from_here = self.nodes.false
            for source in rule.source:
                is_there = self.nodes.equal(env[self.machine.control], self.nodes.const(self.lowering.number(source, order)))
                from_here = self.nodes.either(from_here, is_there)
            yield rule, self.nodes.both(from_here, self.lowering.node(rule.when, env))

    def _unrefused(self, event: Event, env: Env, guard: Node) -> Node:
        """`guard`, and that no requirement of `event` fails; each is read knowing what comes before it."""
        for need in event.requires:
            if guard == self.nodes.false:
                break
            guard = self.nodes.both(guard, self.lowering.node(need.holds, env, known=self._settled(guard)))
        return guard

    def _settled(self, guard: Node) -> dict[Node, bool]:
        """Returns the facts that hold where `guard` is 1."""
        op, *arguments = self.nodes.parts[guard]
        facts: tuple[Node, ...] = arguments[0] if op == "and" else () if op == "const" else (guard,)  # type: ignore[assignment]
        return dict.fromkeys(facts, True) | dict.fromkeys(map(self.nodes.negate, facts), False)

    def after(self, rule: Rule, env: Env) -> dict[str, Node]:
        """The values after `rule`, of every variable."""
        new = {v.name: env[v.name] for v in self.machine.variables}
        if rule.target is not None:
            new[self.machine.control] = self.nodes.const(self.lowering.number(rule.target, self._types[self.machine.control]))
        for assign in rule.effect:
            new[assign.name] = self.lowering.node(assign.value, env, self._types[assign.name])
        return new

    def state_claims(self, env: Env) -> list[tuple[Node, Node]]:
        """The claims about states in `env`, each with its witness."""
        return [(self.lowering.node(p.holds, env), self.lowering.node(p.witness, env)) for _, p in self.states]

    def _holds_after(self, base: Env, new: Mapping[str, Node]) -> Node:
        """The claims about states after a transition. One that reads nothing changed holds as it did before."""
        holds, later = self.nodes.true, {**base, **new}
        for _, part in self.states:
            if (after := self.lowering.node(part.holds, later)) != self.lowering.node(part.holds, base):
                holds = self.nodes.both(holds, after)
        return holds

    def _claims(self, event: Event, rule: Rule, env: Env, new: dict[str, Node]) -> tuple[Node, dict[int, Node]]:
        """The claims about a step as one node, and the witnesses that may occur; `new` gains the ghosts."""
        nodes, read = self.nodes, self.lowering.node
        ghosts, parts = self._formulas_of(event, rule)
        later = {**env, **{f"new.{name}": node for name, node in new.items()}}
        for name, value in ghosts:
            new[name] = later[f"new.{name}"] = read(value, later)
        holds, witnesses = nodes.true, {}
        for number, formula, witness in parts:
            holds = nodes.both(holds, read(formula, later))
            if (occurs := read(witness, later)) != nodes.false:
                witnesses[number] = occurs
        return holds, witnesses

    def _formulas_of(self, event: Event, rule: Rule) -> tuple[list[tuple[str, Expr]], list[tuple[int, Expr, Expr]]]:
        if id(rule) not in self._formulas:
            constants = rule_constants(self.machine, event, rule)
            ghosts = [(g.name, substitute(g.after, constants)) for g in self.ghosts]
            parts = [
                (number, substitute(part.holds, constants), substitute(part.witness, constants))
                for number, (_, part) in enumerate(self.steps)
                if not part.events or event.name in part.events
            ]
            self._formulas[id(rule)] = rule, ghosts, parts
        return self._formulas[id(rule)][1:]
