"""A world as Promela, for the model checker Spin.

One process; each event with its fields, by each of its rules, is one step of it. A step is possible where the
requirements hold and the rule applies. It works out the state after in hidden variables, which are no part of the state
that Spin stores, checks the claims about states and about steps there, and takes it over if it is within the bounds. So
Spin stores exactly the states of the world; of its transitions one is the check of the first state, and those that lead
out of the bounds are counted too. What comes to pass in every fair run is a formula of temporal logic; a world with one
also stores which fair event was taken last, and may stand still.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import assert_never

from tokenspec.machine.exporters.bounded_model import LARGEST, BoundedModel, ModelWriter, Spelling, StepCheck, cited
from tokenspec.machine.lang.claims import primed_definitions
from tokenspec.machine.lang.declaration import Event, Rule
from tokenspec.machine.lang.expr import TRUE, BinaryOp, Expr, Var, names_in, substitute
from tokenspec.machine.lang.typecheck import show
from tokenspec.machine.lang.types import Bool, Enum, Tokens, Type, Value

_INFIX = {BinaryOp.ADD: "+", BinaryOp.SUB: "-", BinaryOp.MUL: "*", BinaryOp.EQ: "==", BinaryOp.LT: "<", BinaryOp.LE: "<="}
_INFIX |= {BinaryOp.AND: "&&", BinaryOp.OR: "||"}
_CALLS = {BinaryOp.MIN: "MIN", BinaryOp.MAX: "MAX"}

# The words of Promela, of C, into which Spin translates it, and of the preprocessor that runs before it.
_WORDS = """
active assert atomic bit bool byte c_code c_decl c_expr c_state c_track chan cond d_proctype d_step do else empty enabled
eval false fi for full get_p get_priority goto hidden if in init inline int len local ltl mtype nempty never nfull notrace
np_ od of pc_value pid print printf printm priority proctype provided return run select set_p set_priority short show skip
timeout trace true typedef unless unsigned xr xs always eventually until weakuntil release next implies equivalent
auto break case char const continue default double enum extern float long register signed sizeof static struct switch
union void volatile while asm typeof linux unix main now this depth errors
MIN MAX LARGEST stay settle initially within_bounds type_ok taken
"""
_RESERVED = frozenset(_WORDS.split())

_MTYPES_MOST = 255

_CHECKS_AT_ONCE = 4
"""Checks in one inline; Spin has room for 64 KB in each, with all macros written out."""


def promela(world: BoundedModel) -> str:
    """The text of a model for Spin. Raises `ValueError` where the world is larger than Spin's numbers and names allow."""
    return _Promela(world).document()


class _Promela(ModelWriter):
    def __init__(self, world: BoundedModel) -> None:
        self.members: dict[str, str] = {}
        truth = {True: "true", False: "false"}
        super().__init__(
            world, _RESERVED, Spelling(_INFIX, _CALLS, "!=", "!", "({} -> {} : {})", False, truth, "LARGEST", self._member)
        )
        self.promises = list(world.leads_to_parts())
        fair = dict.fromkeys(name for _, part in self.promises for name in part.fair)
        self.fair = [self.machine.event_named[name] for name in fair]
        self.primed = primed_definitions(self.machine)
        for name in [f"new.{v.name}" for v in self.machine.variables] + list(self.primed):
            self.names(name, f"{name.removeprefix('new.')}_after")
            self.kinds[name] = self.kinds[name.removeprefix("new.")]

    def _member(self, member: str) -> str:
        return self.members.setdefault(member, self.names(f"member {member}", member))

    def document(self) -> str:
        """The whole document. What it names is collected on the way, so its head is written last."""
        state = [*self._state(), *self._definitions(), *self._claims()]
        events = [line for event in self.machine.events for line in self._event(event)]
        process = list(self._process())
        figures = list(self._figures())
        ranks = [f"#define {name}(member) {self._rank(kind)}" for kind, name in self.ranks.items()]
        if len(self.members) > _MTYPES_MOST:
            raise ValueError(f"{len(self.members)} members of enums are named; Promela has room for {_MTYPES_MOST}")
        names = wrap(", ".join(self.members.values()), 110, initial_indent="\t", subsequent_indent="\t")
        mtype = ["mtype = {", *names, "};", *self._renamed(), ""]
        lines = [*self._head(), *mtype, *self._tools(ranks), *figures, *state, *events, *process, *self._comes_to_pass()]
        return "\n".join(lines) + "\n"

    def _head(self) -> Iterator[str]:
        yield f"/* {_plain(self.machine.name)}: {_plain(self.machine.says)}"
        yield from (f" * {_plain(line)}" for line in self.world.head)
        yield " *"
        yield " * spin -a FILE && gcc -O2 -DSAFETY -DNOREDUCE -o pan pan.c && ./pan -m1000000"
        for claim, part in self.promises:
            name = self.claim_name(claim.id, part.name)
            yield f" * spin -a FILE && gcc -O2 -DNOREDUCE -o pan pan.c && ./pan -a -N {name}"
        yield " * After an error: spin -t FILE shows the events that lead to it. Built with -DREACH, pan -i looks for fewer."
        yield " */"
        yield ""

    def _renamed(self) -> Iterator[str]:
        for member, name in self.members.items():
            if member != name:
                yield f"/* {name} is {_plain(member)} */"

    def _tools(self, ranks: Iterable[str]) -> Iterator[str]:
        yield "#define MIN(a, b) ((a) <= (b) -> (a) : (b))"
        yield "#define MAX(a, b) ((a) <= (b) -> (b) : (a))"
        yield f"#define LARGEST {LARGEST} /* stands for numbers that do not fit into 32 bits */"
        yield from ranks
        yield ""

    def _rank(self, kind: Enum) -> str:
        text = "0"
        for rank, member in reversed(list(enumerate(kind.order))[1:]):
            text = f"((member) == {self._member(member)} -> {rank} : {text})"
        return text

    def _figures(self) -> Iterator[str]:
        yield "/* Figures and policies. */"
        for p in self.machine.parameters:
            yield f"#define {self.names(p.name)} {self.value(self.world.parameters[p.name])} /* {_plain(p.says)} */"
        for policy in self.machine.policies:
            answer = self.world.parameters[policy.name]
            others = ", ".join(other for other, _ in policy.answers if other != answer)
            means = f"{dict(policy.answers).get(str(answer), '')}; other answers: {others}"
            yield f"#define {self.names(policy.name)} {self.value(answer)} /* {_plain(means)} */"
        yield ""
        yield "/* The most a variable holds before a state is left unvisited. */"
        for name in self.bounded:
            yield f"#define {self.most(name)} {self.world.most[name]}"
        yield ""

    def _state(self) -> Iterator[str]:
        yield "/* The state. */"
        for v in self.machine.variables:
            kind = _stored(v.type, self.world.most.get(v.name))
            yield f"{kind} {self.names(v.name)} = {self.bare(v.initial)}; /* {_plain(v.says)} */"
        yield ""
        if self.fair:
            told = [f"{n}: {event.name}" for n, event in enumerate(self.fair, 1)]
            yield f"byte taken; /* {', '.join(told)}, 0: another event, or none */"
            yield ""
        yield "/* The state after an event, worked out in full range. */"
        for v in self.machine.variables:
            yield f"hidden {_wide(v.type)} {self._after(v.name)};"
        yield ""
        begins = " && ".join(f"{self.names(v.name)} == {self.text(v.initial)}" for v in self.machine.variables)
        yield f"#define initially ({begins})"
        yield ""

    def _after(self, name: str) -> str:
        return self.names(f"new.{name}")

    def _definitions(self) -> Iterator[str]:
        yield "/* Words. */"
        for d in self.machine.definitions:
            yield f"/* {_plain(d.says)} */"
            yield f"#define {self.text(Var(d.name))} {self.text(d.expr)}"
        yield ""

    def _claims(self) -> Iterator[str]:
        """The claims, and how an event is brought to its end."""
        over_after: dict[str, Expr] = {v.name: Var(f"new.{v.name}") for v in self.machine.variables}
        over_after |= {name.removeprefix("new."): Var(name) for name in self.primed}
        holds = {part: substitute(part.holds, over_after) for _, part in self.world.state_parts()}
        read = {name for expr in (*holds.values(), *(check.holds for check in self.steps)) for name in names_in(expr)}
        for name, expr in reversed(self.primed.items()):
            read |= set(names_in(expr)) if name in read else set()
        yield "/* Words that the claims read, in the state after. */"
        for name in (n for n in self.primed if n in read):
            yield f"#define {self.text(Var(name))} {self.text(self.primed[name])}"
        yield ""
        yield "/* What holds in every state. */"
        checks = []
        for claim, part in self.world.state_parts():
            name = self.claim_name(claim.id, part.name)
            checks.append(name)
            yield f"/* {_plain(claim.sentence)}{cited(claim.clauses)} {_plain(show(part.holds))} */"
            yield f"#define {name} {self.text(holds[part])}"
        yield ""
        yield "/* What holds of every accepted event, rule by rule. */"
        for claim, stepwise in self.world.step_parts():
            yield f"/* {_plain(claim.sentence)}{cited(claim.clauses)} {_plain(show(stepwise.holds))} */"
            for check in (each for each in self.steps if each.part is stepwise and each.claim is claim):
                yield f"#define {self._checks(check)} {self.text(check.holds)}"
        yield ""
        yield f"#define type_ok ({' && '.join(self._in_range(self._after(v.name), v.type) for v in self.machine.variables)})"
        bounds = [f"0 <= {self._after(n)} && {self._after(n)} <= {self.most(n)}" for n in self.bounded]
        yield f"#define within_bounds ({' && '.join(bounds) or 'true'})"
        yield ""
        yield "/* What no effect names keeps its value. */"
        yield "inline stay() {"
        yield from (f"\t{self._after(v.name)} = {self.names(v.name)};" for v in self.machine.variables)
        yield "}"
        yield ""
        yield "/* Where an event led to is checked first; only then is it left out if it is beyond the bounds. */"
        yield "inline settle() {"
        yield from (f"\tassert({check});" for check in [*checks, "type_ok"])
        yield "\tif"
        yield "\t:: within_bounds ->"
        yield from (f"\t\t{self.names(v.name)} = {self._after(v.name)};" for v in self.machine.variables)
        yield "\t:: else"
        yield "\tfi"
        yield "}"
        yield ""

    def _in_range(self, name: str, kind: Type) -> str:
        match kind:
            case Bool():
                return f"({name} == false || {name} == true)"
            case Enum(_, members):
                return "(" + " || ".join(f"{name} == {self._member(member)}" for member in members) + ")"
            case Tokens(lo, hi):
                return f"({self.value(lo)} <= {name} && {name} <= {self.value(hi)})"

    def _call(self, key: str, wish: str, event: Event, values: Iterable[Value] | None = None) -> str:
        return f"{self.names(key, wish)}({self.given(event, values)})"

    def _event(self, event: Event) -> Iterator[str]:
        yield f"/* {event.name}: {_plain(event.says)}{cited(event.clauses)}"
        for need in event.requires:
            yield f" * {need.code}: {_plain(need.because)}{cited(need.clauses)}"
        yield " */"
        needs = [self.text(need.holds) for need in event.requires] or ["true"]
        yield f"#define {self._accepts(event)} ( \\"
        yield from _continued("\t", needs)
        for rule in event.rules:
            yield from self._rule(event, rule)
        yield ""

    def _accepts(self, event: Event) -> str:
        return self._call(f"event {event.name}", f"{event.name}_accepted", event)

    def _applies(self, event: Event, rule: Rule, values: Iterable[Value] | None = None) -> str:
        return self._call(f"when {rule.name}", f"{rule.name}_applies", event, values)

    def _carries_out(self, event: Event, rule: Rule, values: Iterable[Value] | None = None) -> str:
        return self._call(f"rule {rule.name}", rule.name, event, values)

    def _checks(self, check: StepCheck) -> str:
        wish = f"{check.claim.id}_{check.part.name}_of_{check.rule.name}"
        return self._call(f"claim {check.claim.id} {check.part.name} {check.rule.name}", wish, check.event)

    def _rule(self, event: Event, rule: Rule) -> Iterator[str]:
        yield f"/* {rule.name}: {_plain(rule.why)}{cited(rule.clauses)} */"
        control = self.names(self.machine.control)
        source = " || ".join(f"{control} == {self._member(state)}" for state in rule.source)
        parts = [self._accepts(event), source if len(rule.source) == 1 else f"({source})"]
        parts += [] if rule.when == TRUE else [self.text(rule.when)]
        yield f"#define {self._applies(event, rule)} ({' && '.join(parts)})"
        checks = [self._checks(check) for check in self.steps if check.rule is rule]
        batches: dict[str, list[str]] = {}
        for number, first in enumerate(range(0, len(checks), _CHECKS_AT_ONCE), 1):
            name = self._call(f"checks {rule.name} {number}", f"{rule.name}_checks_{number}", event)
            batches[name] = checks[first : first + _CHECKS_AT_ONCE]
        for name, batch in batches.items():
            yield f"inline {name} {{"
            yield from (f"\tassert({check});" for check in batch)
            yield "}"
        yield f"inline {self._carries_out(event, rule)} {{"
        yield f"\t{self._prints(event, rule)};"
        if self.fair:
            yield f"\ttaken = {self.fair.index(event) + 1 if event in self.fair else 0};"
        yield "\tstay();"
        if rule.target is not None:
            yield f"\t{self._after(self.machine.control)} = {self._member(rule.target)};"
        yield from (f"\t{self._after(a.name)} = {self.bare(a.value)};" for a in rule.effect)
        yield from (f"\t{name};" for name in batches)
        yield "\tsettle()"
        yield "}"

    def _prints(self, event: Event, rule: Rule) -> str:
        """Returns the line by which the simulation of a trail shows an event."""
        shown = ", ".join(f"{_printed(f.name)} = {'%e' if isinstance(f.type, Enum) else '%d'}" for f in event.fields)
        values = "".join(f", {self.names(f.name)}" for f in event.fields)
        return f'printf("{_printed(event.name)}({shown}): {_printed(rule.name)}\\n"{values})'

    def _process(self) -> Iterator[str]:
        yield f"active proctype {self.names('process', self.machine.name)}() {{"
        yield "\tdo"
        yield "\t:: d_step { initially -> stay(); settle() }"
        for instance in self.world.events:
            event = self.machine.event_named[instance[0]]
            for rule in event.rules:
                does = self._carries_out(event, rule, instance[1])
                yield f"\t:: d_step {{ {self._applies(event, rule, instance[1])} -> {does} }}"
        if self.fair:
            yield "\t:: taken = 0 /* nothing happens */"
        yield "\tod"
        yield "}"

    def _comes_to_pass(self) -> Iterator[str]:
        for claim, part in self.promises:
            yield ""
            yield f"/* {_plain(claim.sentence)}{cited(claim.clauses)} */"
            fair = [self.machine.event_named[name] for name in part.fair]
            taken = [f"([]<>(taken == {self.fair.index(event) + 1} || !({self._possible(event)})))" for event in fair]
            promise = f"[]({self.text(part.premise)} -> <>{self.text(part.goal)})"
            name = self.claim_name(claim.id, part.name)
            yield f"ltl {name} {{ ({' && '.join(taken) or 'true'}) -> {promise} }}"

    def _possible(self, event: Event) -> str:
        return " || ".join(self._applies(event, rule) for rule in event.rules)


def _continued(indent: str, parts: list[str]) -> Iterator[str]:
    """The parts of a macro, joined by and, each on its line."""
    for number, part in enumerate(parts):
        yield f"{indent}{'&& ' if number else ''}{part} \\"
    yield f"{indent})"


def _stored(kind: Type, most: int | None) -> str:
    """The type of a variable in the state vector: as narrow as its bound allows."""
    match kind:
        case Bool():
            return "bool"
        case Enum():
            return "mtype"
        case Tokens():
            return "int" if most is None else "byte" if most <= 255 else "short"
        case _:
            assert_never(kind)


def _wide(kind: Type) -> str:
    """The type of a hidden variable: wide enough for what lies beyond the bounds (Spin hides no bit)."""
    return "byte" if isinstance(kind, Bool) else _stored(kind, None)


def _plain(text: str) -> str:
    """`text` as it may stand in a comment."""
    return " ".join(text.split()).replace("*/", "* /").replace("/*", "/ *")


def _printed(name: str) -> str:
    """A declared name as it may stand in a format string."""
    return ascii(name)[1:-1].replace("\\", "\\\\")
