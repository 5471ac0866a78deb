"""The compiled reader: one Python function for each event, generated from the declaration.

The text is kept where tracebacks and debuggers find it, and `source` shows it. It is compiled once for a
machine and bound to parameters in microseconds, so that runs under many catalogues and policies are cheap.
The facts that an event turns on are worked out of one entry of the memory in the same way.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import CodeType
from typing import Any, Protocol, TypeAlias, assert_never

from tokenspec.machine.lang.declaration import Event, Field, Machine, Memory, Rule, Variable
from tokenspec.machine.lang.errors import Gap
from tokenspec.machine.lang.expr import TRUE, Binary, BinaryOp, Expr, Ite, Lit, Not, Var, names_in
from tokenspec.machine.lang.outcome import Accepted, Refused, Step, Values
from tokenspec.machine.lang.typecheck import common, type_of
from tokenspec.machine.lang.types import Enum, Type, Value
from tokenspec.machine.lang.validate import machine_scope
from tokenspec.machine.lang.validate_memory import memory_scope

Row: TypeAlias = tuple[Value, ...]
"""A state as the values of the variables, in the order of their declaration."""

Fields: TypeAlias = tuple[Value, ...]
"""The values of an event's fields, in the order of their declaration."""

Outcome: TypeAlias = tuple[int, Row, tuple[Value | None, ...]]
"""(index of the rule, state after, answers); a refusal has the index -1 - (index of the code), and no state."""

StepFunction: TypeAlias = Callable[[Row, Fields], Outcome]
LedgerFunction: TypeAlias = Callable[[Row, Fields], tuple[int, ...]]
NoteFunction: TypeAlias = Callable[[Row, Fields, Row, Sequence[Value | None]], Row]
"""Gives what an entry of the memory holds after a rule, from the state, the fields and what it held before, and the answers."""
Bound: TypeAlias = tuple[Row, dict[str, StepFunction], dict[str, LedgerFunction], dict[str, NoteFunction]]
"""The initial state, the step functions by event, the ledger functions by rule, and those of the rules that write notes."""


class Steps(Protocol):
    """A reader that runs a machine one event at a time under one choice of parameters: this one, or a replacement."""

    initial: Row
    steps: dict[str, StepFunction]
    rules: list[str]
    codes: list[str]


_INFIX = {BinaryOp.ADD: "+", BinaryOp.SUB: "-", BinaryOp.MUL: "*", BinaryOp.EQ: "==", BinaryOp.LT: "<", BinaryOp.LE: "<="}
_INFIX |= {BinaryOp.AND: "and", BinaryOp.OR: "or"}
_ORDERS = {BinaryOp.MIN: "<=", BinaryOp.MAX: ">="}
assert _INFIX.keys() | _ORDERS.keys() == set(BinaryOp), "compiled: an operator has no text"


class Writer:
    """Writes expressions of one machine as Python text; `scope` types every name they read.

    `definitions` are the names that stand for an expression; `define` writes out those that are needed.
    """

    def __init__(self, scope: dict[str, Type], definitions: Mapping[str, Expr] | None = None) -> None:
        self._scope = scope
        self._definitions = definitions or {}
        self._names: dict[str, str] = {}
        self._held_values = 0

    @classmethod
    def of(cls, machine: Machine, fields: Iterable[Field] = ()) -> Writer:
        """A writer for what is over the state of a machine, and over `fields`."""
        return cls(machine_scope(machine, fields), {d.name: d.expr for d in machine.definitions})

    def head(self, name: str, machine: Machine, event: Event | None = None) -> list[str]:
        """The first lines of a function of a state, and of the fields of an event where one is given."""
        lines = [f"def {name}(row{', fields' if event else ''}):", f"    {self._each(machine.variables)}, = row"]
        return [*lines, f"    {self._each(event.fields)}, = fields"] if event and event.fields else lines

    def _each(self, declared: Iterable[Variable | Field]) -> str:
        return ", ".join(self.name(each.name) for each in declared)

    def name(self, name: str) -> str:
        """A Python identifier for a declared name, the same each time and no two alike."""
        if name not in self._names:
            base = plain = "v_" + re.sub(r"\W+", "_", name).strip("_")
            taken = set(self._names.values())
            number = 2
            while plain in taken:
                plain, number = f"{base}_{number}", number + 1
            self._names[name] = plain
        return self._names[name]

    def text(self, expr: Expr) -> str:
        """`expr` as Python."""
        match expr:
            case Lit(value):
                return repr(value)
            case Var(name):
                return self.name(name)
            case Not(Binary(BinaryOp.EQ, left, right)):
                return f"({self.text(left)} != {self.text(right)})"
            case Not(arg):
                return f"(not {self.text(arg)})"
            case Ite(cond, then, orelse):
                return f"({self.text(then)} if {self.text(cond)} else {self.text(orelse)})"
            case Binary(BinaryOp.MIN | BinaryOp.MAX as op, left, right):
                (one, again), (other, otherwise) = self._held(left), self._held(right)
                return f"({again} if {one} {_ORDERS[op]} {other} else {otherwise})"
            case Binary(BinaryOp.LT | BinaryOp.LE as op, left, right):
                kind = common(type_of(left, self._scope, "<"), type_of(right, self._scope, "<"))
                if isinstance(kind, Enum):
                    ranks = {member: rank for rank, member in enumerate(kind.order)}
                    return f"({ranks}[{self.text(left)}] {_INFIX[op]} {ranks}[{self.text(right)}])"
                return f"({self.text(left)} {_INFIX[op]} {self.text(right)})"
            case Binary(op, left, right):
                return f"({self.text(left)} {_INFIX[op]} {self.text(right)})"
            case _:
                assert_never(expr)

    def _held(self, expr: Expr) -> tuple[str, str]:
        """`expr` as Python, and what stands for its value from then on: calls of `min` would take longer than all the rest."""
        if isinstance(expr, Lit | Var):
            return self.text(expr), self.text(expr)
        self._held_values += 1
        name = f"h_{self._held_values}"
        return f"({name} := {self.text(expr)})", name

    def define(self, exprs: Iterable[Expr], known: set[str], indent: str) -> Iterator[str]:
        """A line for each definition that `exprs` need and `known` lacks, after those it reads; `known` grows."""
        for expr in exprs:
            for name in names_in(expr):
                if name in self._definitions and name not in known:
                    known.add(name)
                    yield from self.define([self._definitions[name]], known, indent)
                    yield f"{indent}{self.name(name)} = {self.text(self._definitions[name])}"


class _Generator:
    """Writes the whole module of a machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.writer = Writer.of(machine, [f for e in machine.events for f in e.fields])
        self.rules, self.codes = rule_names(machine), refusal_codes(machine)

    def module(self) -> str:
        lines = ["def bind(parameters):"]
        lines += [f"    {self.writer.name(p.name)} = parameters[{p.name!r}]" for p in self.machine.all_parameters]
        initial = ", ".join(self.writer.text(v.initial) for v in self.machine.variables)
        lines += [f"    initial = ({initial},)"]
        for event in self.machine.events:
            lines += [f"    {line}" for line in self._event(event)]
            for rule in event.rules:
                lines += [f"    {line}" for line in (*self._ledger(event, rule), *self._notes(event, rule))]
        steps = ", ".join(f"{e.name!r}: step_{e.name}" for e in self.machine.events)
        ledgers = ", ".join(f"{r.name!r}: ledger_{r.name}" for e in self.machine.events for r in e.rules)
        notes = ", ".join(f"{r.name!r}: note_{r.name}" for e in self.machine.events for r in e.rules if r.notes)
        return "\n".join([*lines, f"    return initial, {{{steps}}}, {{{ledgers}}}, {{{notes}}}", ""])

    def _event(self, event: Event) -> Iterator[str]:
        yield from self.writer.head(f"step_{event.name}", self.machine, event)
        known: set[str] = set()
        for need in event.requires:
            yield from self.writer.define([need.holds], known, "    ")
            refusal = f"({-1 - self.codes.index(need.code)}, (), ())"
            yield f"    if not {self.writer.text(need.holds)}: return {refusal}  # {need.code}"
        control = self.writer.name(self.machine.control)
        yield from self.writer.define([r.when for r in event.rules], known, "    ")
        for rule in event.rules:
            states = f"{control} in {rule.source!r}" if len(rule.source) > 1 else f"{control} == {rule.source[0]!r}"
            when = "" if rule.when == TRUE else f" and {self.writer.text(rule.when)}"
            yield f"    if {states}{when}:"
            values = [a.value for a in (*rule.effect, *rule.answer)]
            yield from self.writer.define(values, set(known), "        ")
            yield f"        return ({self.rules.index(rule.name)}, {self._after(rule)}, {self._answers(event, rule)})"
        told = f"{event.name!r} + ' in ' + repr(row) + ' with ' + repr(fields)"
        yield f"    raise Gap({told} + ': no rule applies, where exactly one must')"

    def _after(self, rule: Rule) -> str:
        new = {a.name: self.writer.text(a.value) for a in rule.effect}
        if rule.target is not None:
            new[self.machine.control] = repr(rule.target)
        if not new:
            return "row"
        return "(" + ", ".join(new.get(v.name, self.writer.name(v.name)) for v in self.machine.variables) + ",)"

    def _answers(self, event: Event, rule: Rule) -> str:
        given = {a.name: self.writer.text(a.value) for a in rule.answer}
        return "(" + "".join(given.get(name, "None") + ", " for name in event.answers) + ")"

    def _ledger(self, event: Event, rule: Rule) -> Iterator[str]:
        yield from self.writer.head(f"ledger_{rule.name}", self.machine, event)
        yield from self.writer.define([line.amount for line in rule.ledger], set(), "    ")
        yield "    return (" + "".join(self.writer.text(line.amount) + ", " for line in rule.ledger) + ")"

    def _notes(self, event: Event, rule: Rule) -> Iterator[str]:
        if not rule.notes or self.machine.memory is None:
            return
        answered = {answer.value: f"said[{event.answers.index(answer.name)}]" for answer in rule.answer}
        first, *rest = self.writer.head(f"note_{rule.name}", self.machine, event)
        yield first.replace("(row, fields)", "(row, fields, held, said)")
        # What was answered is not worked out a second time.
        others = [note.value for note in rule.notes if note.value not in answered]
        yield from rest if others else ()
        yield from self.writer.define(others, set(), "    ")
        new = {note.name: answered.get(note.value) or self.writer.text(note.value) for note in rule.notes}
        held = (new.get(each.name, f"held[{n}]") for n, each in enumerate(self.machine.memory.holds))
        yield f"    return ({''.join(f'{value}, ' for value in held)})"


def defined(text: str, space: dict[str, Any]) -> Any:
    """The function that `text` defines, over the names of `space`."""
    exec(_code(text), space)
    return space[text.removeprefix("def ").partition("(")[0]]


@lru_cache(maxsize=1024)
def _code(text: str) -> CodeType:
    return compile(text, "<tokenspec>", "exec")


@lru_cache(maxsize=256)
def _bind(text: str, name: str) -> Callable[[Values], Bound]:
    filename = f"<tokenspec compiled {name} {hash(text) & 0xFFFFFFFF:08x}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    space: dict[str, object] = {"Gap": Gap}
    exec(compile(text, filename, "exec"), space)
    return space["bind"]  # type: ignore[return-value]


def rule_names(machine: Machine) -> list[str]:
    """Every rule, in the order of declaration; the compiled reader numbers them so."""
    return [r.name for e in machine.events for r in e.rules]


def refusal_codes(machine: Machine) -> list[str]:
    """Every refusal code, in the order of declaration; the compiled reader numbers them so."""
    return list(dict.fromkeys(n.code for e in machine.events for n in e.requires))


@lru_cache(maxsize=256)
def source(machine: Machine) -> str:
    """The Python text that `Compiled` runs for `machine`."""
    return _Generator(machine).module()


class Compiled:
    """`machine` under one choice of parameters."""

    def __init__(self, machine: Machine, parameters: Values) -> None:
        self.machine = machine
        self.rules, self.codes = rule_names(machine), refusal_codes(machine)
        self._bind = _bind(source(machine), machine.name)
        self.bind(parameters)
        self._rules = {r.name: r for e in machine.events for r in e.rules}
        self._variables = tuple(v.name for v in machine.variables)

    def bind(self, parameters: Values) -> None:
        """Goes over to other parameters, in microseconds."""
        self.parameters = parameters
        self.initial, self.steps, self.ledgers, self.notes = self._bind(parameters)

    def state(self, row: Row) -> dict[str, Value]:
        """The values of a row by the names of the variables."""
        return dict(zip(self._variables, row, strict=True))

    def step(self, state: Values, event_name: str, fields: Values) -> Step:
        """The same as `reference.step`, for tests and tools; hot loops call `steps[event](row, fields)`."""
        event = self.machine.event_named[event_name]
        row = tuple(state[name] for name in self._variables)
        given = tuple(fields[f.name] for f in event.fields)
        index, after, answers = self.steps[event_name](row, given)
        if index < 0:
            return Refused(self.codes[-1 - index])
        rule = self._rules[self.rules[index]]
        names = {a.name for a in rule.answer}
        answer = {name: a for name, a in zip(event.answers, answers, strict=True) if name in names and a is not None}
        ledger = zip(rule.ledger, self.ledgers[rule.name](row, given), strict=True)
        lines = tuple((line.kind, line.pool, n) for line, n in ledger if n)
        return Accepted(rule.name, self.state(after), answer, lines)


Recalled: TypeAlias = Callable[[Row, Sequence[bool], bool], Row]
"""Facts, of what an entry holds, which of its periods last, and whether nothing was written under its key."""


def blank(memory: Memory) -> Row:
    """The values that an entry holds where nothing was written."""
    values: list[Value] = []
    for each in memory.holds:
        assert isinstance(each.initial, Lit), "an entry begins with values that stand in the declaration"
        values.append(each.initial.value)
    return tuple(values)


def recalled(memory: Memory, names: Sequence[str]) -> Recalled:
    """The function that gives the facts `names`, in their order."""
    writer = Writer(memory_scope(memory), {fact.name: fact.expr for fact in memory.facts})
    lines = ["def recall(held, lasts, is_new):"]
    lines += [f"    {''.join(f'{writer.name(each.name)}, ' for each in memory.holds)}= held"] * bool(memory.holds)
    lines += [f"    {''.join(f'{writer.name(each.lasts)}, ' for each in memory.periods)}= lasts"] * bool(memory.periods)
    lines += [f"    {writer.name(memory.is_new)} = is_new"]
    lines += writer.define(map(Var, names), set(), "    ")
    lines += [f"    return ({''.join(f'{writer.name(name)}, ' for name in names)})"]
    written: Recalled = defined("\n".join(lines), {})
    return written
