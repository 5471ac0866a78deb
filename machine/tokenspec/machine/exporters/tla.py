"""A world as a TLA+ module with a configuration, for the model checker TLC.

An event is an operator with its fields as arguments, and an action for each choice of values. The bounds are a constraint
of the configuration: TLC checks the claims in a state beyond them, then drops it. So TLC finds exactly the
states of the world; the states that it says it generated are the first one and one for each accepted event, those that
lead out of the bounds included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import assert_never

from tokenspec.machine.exporters.bounded_model import LARGEST, BoundedModel, ModelWriter, Spelling, StepCheck, cited
from tokenspec.machine.lang.build import Term, all_of
from tokenspec.machine.lang.claims import primed_definitions
from tokenspec.machine.lang.declaration import Event, Rule
from tokenspec.machine.lang.expr import TRUE, Binary, BinaryOp, Expr, Ite, Lit, Var, substitute
from tokenspec.machine.lang.types import Bool, Enum, Tokens, Type, Value
from tokenspec.machine.proofs.contexts import folded

_INFIX = {BinaryOp.ADD: "+", BinaryOp.SUB: "-", BinaryOp.MUL: "*", BinaryOp.EQ: "=", BinaryOp.LT: "<", BinaryOp.LE: "<="}
_INFIX |= {BinaryOp.AND: "/\\", BinaryOp.OR: "\\/"}
_CALLS = {BinaryOp.MIN: "Min", BinaryOp.MAX: "Max"}

# The words of the language, what the module EXTENDS, and what every module written here defines.
_WORDS = """
ACTION ASSUME ASSUMPTION AXIOM BOOLEAN BY CASE CHOOSE CONSTANT CONSTANTS COROLLARY DEF DEFINE DEFS DOMAIN ELSE ENABLED
EXCEPT EXTENDS FALSE HAVE HIDE IF IN INSTANCE LAMBDA LEMMA LET LOCAL MODULE NEW OBVIOUS OMITTED ONLY OTHER PICK PROOF
PROPOSITION PROVE QED RECURSIVE SF_ STATE STRING SUBSET SUFFICES TAKE TEMPORAL THEN THEOREM TRUE UNCHANGED UNION USE
VARIABLE VARIABLES WF_ WITH WITNESS
Nat Int Integers Naturals
Holds Init Largest Max Min Next Spec TypeOK WithinBounds a b condition member vars
"""
_RESERVED = frozenset(_WORDS.split())


@dataclass(frozen=True)
class Module:
    """The text of a module, and of the configuration under which TLC checks it."""

    text: str
    configuration: str


def is_module_name(name: str) -> bool:
    """Returns whether a module may be called `name`."""
    spelt = re.fullmatch(r"[A-Za-z0-9_]*[A-Za-z][A-Za-z0-9_]*", name) is not None
    return spelt and name not in _RESERVED and not name.startswith(("WF_", "SF_"))


def tla(world: BoundedModel, name: str) -> Module:
    """A module called `name`. Raises `ValueError` where that is no name for one."""
    if not is_module_name(name):
        raise ValueError(f"{name!r} cannot be the name of a TLA+ module: letters, digits and underscores, no word of TLA+")
    written = _Tla(world, name)
    return Module(written.document(), written.configuration())


class _Tla(ModelWriter):
    def __init__(self, world: BoundedModel, name: str) -> None:
        truth = {True: "TRUE", False: "FALSE"}
        spelling = Spelling(_INFIX, _CALLS, "#", "~", "(IF {} THEN {} ELSE {})", True, truth, "Largest", _string)
        super().__init__(world, _RESERVED | {name}, spelling)
        self.name = name
        for each in self.machine.all_parameters:
            self.names(each.name)

    def document(self) -> str:
        """The module. Which members are compared is known when all is written, so its head is written last."""
        body = [*self._state(), *self._definitions(), *self._claims()]
        body += [line for event in self.machine.events for line in self._event(event)]
        body += [*self._applies(), *self._step_claims(), *self._behaviour()]
        constants = list(self._constants())
        ranks = [line for kind, name in self.ranks.items() for line in _rank(kind, name)]
        return "\n".join([*self._head(), *constants, *ranks, *body, "=" * 80]) + "\n"

    def _head(self) -> Iterator[str]:
        title = f" MODULE {self.name} "
        yield title.center(80, "-") if len(title) < 72 else f"----{title}----"
        yield from _remark("", f"{self.machine.name}: {self.machine.says}")
        for line in self.world.head:
            yield from _remark("", line)
        yield ""
        yield "EXTENDS Integers"
        yield ""
        yield f"Largest == {LARGEST} \\* stands for numbers that do not fit into 32 bits"
        yield "Min(a, b) == IF a <= b THEN a ELSE b"
        yield "Max(a, b) == IF a <= b THEN b ELSE a"
        yield from _remark("", "A condition is evaluated as a whole, so that an event is one step, however many ways it is true.")
        yield "Holds(condition) == condition = TRUE"
        yield ""

    def _constants(self) -> Iterator[str]:
        told = [(self.names(p.name), p.says) for p in self.machine.all_parameters]
        told += [(self.most(v), f"the most that {v} holds before a state is left unvisited") for v in self.bounded]
        if told:
            yield "CONSTANTS"
            for number, (name, says) in enumerate(told, 1):
                yield f"    {name}{',' if number < len(told) else ''} \\* {_plain(says)}"
            yield ""
        yield from (f"ASSUME {self._within(self.names(p.name), p.type)}" for p in self.machine.parameters)
        for policy in self.machine.policies:
            for answer, means in policy.answers:
                yield from _remark("", f"{policy.name} {answer}: {means}")
            yield f"ASSUME {self._within(self.names(policy.name), policy.parameter.type)}"
        for assumption in self.machine.assumptions:
            yield f"ASSUME {self.bare(assumption.holds)} \\* {_plain(assumption.breach)}"
        yield ""

    def _within(self, name: str, kind: Type) -> str:
        match kind:
            case Bool():
                return f"{name} \\in BOOLEAN"
            case Enum(_, members):
                return f"{name} \\in {_set(members)}"
            case Tokens(lo, hi):
                return f"{name} \\in {self.value(lo)}..{self.value(hi)}"
            case _:
                assert_never(kind)

    def _state(self) -> Iterator[str]:
        variables = self.machine.variables
        yield "VARIABLES"
        for number, v in enumerate(variables, 1):
            yield f"    {self.names(v.name)}{',' if number < len(variables) else ''} \\* {_plain(v.says)}"
        yield ""
        yield f"vars == <<{', '.join(self.names(v.name) for v in variables)}>>"
        yield ""
        yield from _listed("TypeOK", (self._within(self.names(v.name), v.type) for v in variables))
        bounds = [f"{self.names(name)} \\in 0..{self.most(name)}" for name in self.bounded]
        yield from _listed("WithinBounds", bounds or ["TRUE"])
        yield from _listed("Init", (f"{self.names(v.name)} = {self._value(v.initial)}" for v in variables))

    def _definitions(self) -> Iterator[str]:
        for d in self.machine.definitions:
            yield from _remark("", d.says)
            yield f"{self.text(Var(d.name))} == {self.bare(d.expr)}"
            yield ""

    def _claims(self) -> Iterator[str]:
        for claim, part in self.world.state_parts():
            yield from _remark("", f"{claim.sentence}{cited(claim.clauses)}")
            yield f"{self.claim_name(claim.id, part.name)} == {self.bare(part.holds)}"
            yield ""

    def _operator(self, event: Event) -> str:
        return self.names(f"event {event.name}", _camel(event.name))

    def _event(self, event: Event) -> Iterator[str]:
        yield from _remark("", f"{event.name}: {event.says}{cited(event.clauses)}")
        yield f"{self._call(self._operator(event), event)} =="
        for need in event.requires:
            yield from _remark("    ", f"{need.code}: {need.because}{cited(need.clauses)}")
            yield f"    /\\ {self._whole(need.holds)}"
        for number, rule in enumerate(event.rules):
            alone = len(event.rules) == 1
            yield from _remark("    " if alone else "       ", f"{rule.name}: {rule.why}{cited(rule.clauses)}")
            opening = "    /\\ " if alone else "       \\/ /\\ " if number else "    /\\ \\/ /\\ "
            first, *others = self._conjuncts(rule)
            yield f"{opening}{first}"
            yield from (f"{'    ' if alone else '          '}/\\ {other}" for other in others)
        yield ""

    def _conjuncts(self, rule: Rule) -> Iterator[str]:
        """When the rule applies, and the state after."""
        control = self.machine.control
        yield f"{self.names(control)} \\in {_set(rule.source)}"
        if rule.when != TRUE:
            yield self._whole(rule.when)
        new = {} if rule.target is None else {control: _string(rule.target)}
        new |= {a.name: self._value(a.value) for a in rule.effect}
        yield from (f"{self.names(name)}' = {value}" for name, value in new.items())
        kept = [self.names(v.name) for v in self.machine.variables if v.name not in new]
        if kept:
            yield f"UNCHANGED <<{', '.join(kept)}>>"

    def _value(self, expr: Expr) -> str:
        """Returns the right side of an equation. Only what binds more tightly than the sign of equality goes without brackets."""
        loose = isinstance(expr, Ite) or (isinstance(expr, Binary) and expr.op in (BinaryOp.ADD, BinaryOp.SUB, BinaryOp.MUL))
        return self.bare(expr) if loose else self.text(expr)

    def _whole(self, condition: Expr) -> str:
        """A condition of an action. TLC would make two steps of an action with a disjunction of which both sides hold."""
        return self.text(condition) if isinstance(condition, Lit) else f"Holds({self.bare(condition)})"

    def _call(self, name: str, event: Event, values: Iterable[Value] | None = None) -> str:
        given = self.given(event, values)
        return f"{name}({given})" if given else name

    def _applies(self) -> Iterator[str]:
        """For each rule that a claim is about, when it is taken."""
        for event, rule in dict.fromkeys((check.event, check.rule) for check in self.steps):
            guard = all_of(*(Term(need.holds) for need in event.requires), Term(rule.when)).expr
            parts = [f"{self.names(self.machine.control)} \\in {_set(rule.source)}", self.bare(folded(guard))]
            yield from _listed(self._call(self._takes(rule), event), parts)

    def _takes(self, rule: Rule) -> str:
        return self.names(f"rule {rule.name}", f"Takes_{rule.name}")

    def _step_claims(self) -> Iterator[str]:
        """The claims about each step, each as an invariant of the state before it, with the state after it put in.

        A property `[][A]_vars` would let every step pass that changes nothing, and relaxed generation is such a step.
        """
        for claim, part in self.world.step_parts():
            checks = [check for check in self.steps if check.part is part and check.claim is claim]
            yield from _remark("", f"{claim.sentence}{cited(claim.clauses)}")
            for event in dict.fromkeys(check.event for check in checks):
                told = [f"{self._call(self._takes(c.rule), event)} => {self._over_before(c)}" for c in checks if c.event is event]
                yield from _listed(self._call(self._of(claim.id, part.name, event), event), told)
            concerned = {check.event.name: check.event for check in checks}
            instances = [(concerned[name], values) for name, values in self.world.events if name in concerned]
            told = [self._call(self._of(claim.id, part.name, event), event, values) for event, values in instances]
            yield from _listed(self.claim_name(claim.id, part.name), told or ["TRUE"])

    def _over_before(self, check: StepCheck) -> str:
        """The formula of a check in the state before alone."""
        after: dict[str, Expr] = {f"new.{v.name}": Var(v.name) for v in self.machine.variables}
        if check.rule.target is not None:
            after[f"new.{self.machine.control}"] = Lit(check.rule.target)
        after |= {f"new.{a.name}": a.value for a in check.rule.effect}
        for name, expr in primed_definitions(self.machine).items():
            after[name] = folded(substitute(expr, after))
        return self.text(folded(substitute(check.holds, after)))

    def _of(self, claim: str, part: str, event: Event) -> str:
        return self.names(f"claim {claim} {part} {event.name}", f"{claim}_{part}_of_{event.name}")

    def _behaviour(self) -> Iterator[str]:
        steps = []
        several = self._several()
        for instance in self.world.events:
            event = self.machine.event_named[instance[0]]
            operator = self._operator(event)
            if not event.fields:
                steps.append(operator)
                continue
            told = [_word(v) for f, v in zip(event.fields, instance[1], strict=True) if (event.name, f.name) in several]
            steps.append(self.names(f"step {instance}", "_".join([operator, *told] if told else [operator, "happens"])))
            yield f"{steps[-1]} == {self._call(operator, event, instance[1])}"
        yield ""
        yield from _listed("Next", steps or ["FALSE"], "\\/")
        promises = list(self.world.leads_to_parts())
        if promises:
            yield from _remark("", "Nothing has to happen but the jobs and the time that the claims below take for granted.")
        fair = dict.fromkeys(self.machine.event_named[name] for _, part in promises for name in part.fair)
        yield "Spec == Init /\\ [][Next]_vars" + "".join(f" /\\ WF_vars({self._operator(event)})" for event in fair)
        yield ""
        for claim, part in promises:
            yield from _remark("", f"{claim.sentence}{cited(claim.clauses)}")
            yield f"{self.claim_name(claim.id, part.name)} == {self.text(part.premise)} ~> {self.text(part.goal)}"
            yield ""

    def _several(self) -> set[tuple[str, str]]:
        """The events and fields that take more than one value in this world."""
        values: dict[tuple[str, str], set[Value]] = {}
        for event, given in self.world.events:
            for f, value in zip(self.machine.event_named[event].fields, given, strict=True):
                values.setdefault((event, f.name), set()).add(value)
        return {place for place, found in values.items() if len(found) > 1}

    def configuration(self) -> str:
        """Returns the configuration of TLC: what it checks, and under which figures."""
        lines = [f"\\* {self.name}.cfg: what TLC checks of {self.name}.tla, under which figures and policies."]
        lines += ["\\* TLC also reports a state in which nothing is accepted; its option -deadlock turns that off."]
        lines += ["SPECIFICATION Spec", "CONSTRAINT WithinBounds", "INVARIANTS"]
        stated = [(c.id, p.name) for c, p in self.world.state_parts()] + [(c.id, p.name) for c, p in self.world.step_parts()]
        lines += [f"    {self.claim_name(*each)}" for each in stated]
        lines += ["    TypeOK"]
        promised = [f"    {self.claim_name(claim.id, part.name)}" for claim, part in self.world.leads_to_parts()]
        lines += ["PROPERTIES", *promised] if promised else []
        figures = [f"    {self.names(p.name)} = {self._figure(p.name)}" for p in self.machine.all_parameters]
        figures += [f"    {self.most(name)} = {self.world.most[name]}" for name in self.bounded]
        return "\n".join([*lines, *(["CONSTANTS", *figures] if figures else [])]) + "\n"

    def _figure(self, name: str) -> str:
        value = self.world.parameters[name]
        # A configuration takes a sign, and no brackets.
        return self.value(value).strip("()")


def _rank(kind: Enum, name: str) -> Iterator[str]:
    """Yields the operator that maps the members of an enum to their positions."""
    cases = (f"member = {_string(member)} -> {rank}" for rank, member in enumerate(kind.order))
    yield f"{name}(member) == CASE " + "\n    [] ".join(cases)
    yield ""


def _listed(name: str, parts: Iterable[str], bullet: str = "/\\") -> Iterator[str]:
    yield f"{name} =="
    yield from (f"    {bullet} {part}" for part in parts)
    yield ""


def _set(members: Iterable[str]) -> str:
    return "{" + ", ".join(map(_string, members)) + "}"


def _string(member: str) -> str:
    """A string of TLA+, which holds plain characters only."""
    return '"' + member.encode("unicode_escape").decode().replace("\\", "\\\\").replace('"', '\\"') + '"'


def _word(value: Value) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value < 0:
        return f"minus_{-value}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _plain(text: str) -> str:
    return " ".join(text.split())


def _remark(indent: str, text: str) -> Iterator[str]:
    yield f"{indent}\\* {_plain(text)}"
