"""Common parts of the exporters for model checkers: a small world, names, and expressions as text.

The tools count in 32 bits, a declaration does not. A world holds small numbers only, so that whatever is computed in it
fits; a literal beyond 32 bits is written as the largest number there is, which no number of the world comes near.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from tokenspec.machine.lang.claims import Claim, LeadsToPart, StatePart, StepPart, parts_of, rule_constants
from tokenspec.machine.lang.declaration import Event, Machine, Rule
from tokenspec.machine.lang.expr import TRUE, Binary, BinaryOp, Expr, Ite, Lit, Not, Var, names_in, substitute
from tokenspec.machine.lang.outcome import Values
from tokenspec.machine.lang.typecheck import common, type_of
from tokenspec.machine.lang.types import Enum, Value
from tokenspec.machine.lang.validate import machine_scope
from tokenspec.machine.proofs.contexts import folded

Instance: TypeAlias = tuple[str, tuple[Value, ...]]
"""An event with values for its fields, in the order of their declaration."""

LARGEST = 2**31 - 1
"""The largest number the tools can count to."""

_MOST = 2**15 - 1
"""The largest number that may stand in a world: a product of two of them still fits."""

_CHAINED = (BinaryOp.ADD, BinaryOp.AND, BinaryOp.OR)
"""`(a op b) op c` needs no inner brackets."""


@dataclass(frozen=True)
class BoundedModel:
    """A machine under one choice of parameters, with the events that happen in it and the bounds that make it finite.

    A state in which a variable of `most` is below 0 or above its bound is checked against the claims, but not visited; of
    `claims` the state parts are written, and the step parts that need no ghost. `head` is what the document says of itself.
    Raises `ValueError` where a figure, a field's value or a bound is above 32,767.
    """

    machine: Machine
    parameters: Values
    events: Sequence[Instance]
    most: Mapping[str, int]
    claims: Sequence[Claim] = ()
    head: Sequence[str] = ()

    def __post_init__(self) -> None:
        numbers: list[tuple[str, Value]] = [*self.parameters.items(), *self.most.items()]
        numbers += [(event, value) for event, fields in self.events for value in fields]
        for name, value in numbers:
            if isinstance(value, int) and abs(value) > _MOST:
                raise ValueError(f"{name}: {value:,} is too large for a world that is visited state by state; at most {_MOST:,}")

    def state_parts(self) -> list[tuple[Claim, StatePart]]:
        """Claims about every state of the machine."""
        return parts_of(self.claims, self.machine, StatePart)

    def step_parts(self) -> list[tuple[Claim, StepPart]]:
        """The claims about every accepted event of the machine that need no value which the machine does not have."""
        return [(claim, part) for claim, part in parts_of(self.claims, self.machine, StepPart) if not part.ghosts]

    def leads_to_parts(self) -> list[tuple[Claim, LeadsToPart]]:
        """The claims that something comes to pass in every fair run.

        Raises `ValueError` where an event that is to be fair has fields.
        """
        found = parts_of(self.claims, self.machine, LeadsToPart)
        for claim, part in found:
            if named := [name for name in part.fair if self.machine.event_named[name].fields]:
                raise ValueError(f"{claim.id}, {part.name}: {named[0]} has fields, and fairness is of one event as a whole")
        return found

    def step_checks(self) -> Iterator[StepCheck]:
        """The step parts, rule by rule, where they are not true of the rule by its form alone."""
        for claim, part in self.step_parts():
            for event in self.machine.events:
                for rule in event.rules if not part.events or event.name in part.events else ():
                    holds = folded(substitute(part.holds, rule_constants(self.machine, event, rule)))
                    if holds != TRUE:
                        yield StepCheck(claim, part, event, rule, holds)


@dataclass(frozen=True)
class StepCheck:
    """A step part for one rule of one event: `holds` reads the state before, `new.x` after, and the event's fields."""

    claim: Claim
    part: StepPart
    event: Event
    rule: Rule
    holds: Expr


class Names:
    """Identifiers for declared names: each the same every time, no two alike, none of them `reserved`."""

    def __init__(self, reserved: Iterable[str]) -> None:
        self._reserved = frozenset(reserved)
        self._taken: set[str] = set()
        self._given: dict[str, str] = {}

    def __call__(self, key: str, wish: str | None = None) -> str:
        """The identifier of `key`: `wish`, at first `key` itself, as far as it can be spelt and is free."""
        if key not in self._given:
            plain = re.sub(r"[^A-Za-z0-9]+", "_", key if wish is None else wish).strip("_")
            base = plain if plain[:1].isalpha() and plain[:3] not in ("WF_", "SF_") else f"x_{plain}"
            base = found = f"{base}_" if base in self._reserved else base
            number = 2
            while found in self._taken:
                found, number = f"{base}_{number}", number + 1
            self._taken.add(found)
            self._given[key] = found
        return self._given[key]


@dataclass(frozen=True)
class Spelling:
    """A tool's spelling of what every tool has.

    `choice` has places for condition, then and else, in brackets; `open_choice` says whether it is understood without them.
    """

    infix: Mapping[BinaryOp, str]
    calls: Mapping[BinaryOp, str]
    differs: str
    negation: str
    choice: str
    open_choice: bool
    truth: Mapping[bool, str]
    largest: str
    member: Callable[[str], str]


class ModelWriter:
    """Writes expressions of a world's machine, and names what its document has beside what is declared.

    `kinds` types every name that is read; `ranks` are the enums of which two members are compared, with the names of their ranks.
    """

    def __init__(self, world: BoundedModel, reserved: Iterable[str], spelling: Spelling) -> None:
        assert spelling.infix.keys() | spelling.calls.keys() == set(BinaryOp), "an operator has no text"
        self.world, self.machine, self.spelling, self.names = world, world.machine, spelling, Names(reserved)
        fields = [f for e in self.machine.events for f in e.fields]
        for name in (
            [v.name for v in self.machine.variables] + [d.name for d in self.machine.definitions] + [f.name for f in fields]
        ):
            self.names(name)
        self.kinds = machine_scope(self.machine, fields)
        self.steps = list(world.step_checks())
        self.bounded = [v.name for v in self.machine.variables if v.name in world.most]
        self.ranks: dict[Enum, str] = {}
        self._reads = _fields_read(self.machine)

    def most(self, name: str) -> str:
        """The name of the most that a variable holds."""
        return self.names(f"most {name}", f"most_{name}")

    def claim_name(self, claim: str, part: str) -> str:
        """The name of a part of a claim."""
        return self.names(f"claim {claim} {part}", f"{claim}_{part}")

    def given(self, event: Event, values: Iterable[Value] | None = None) -> str:
        """The arguments of an event, in their order: its fields by name, or these values."""
        return ", ".join(map(self.names, (f.name for f in event.fields)) if values is None else map(self.value, values))

    def value(self, value: Value) -> str:
        """A constant."""
        if isinstance(value, bool):
            return self.spelling.truth[value]
        if isinstance(value, int):
            size = self.spelling.largest if abs(value) > LARGEST else str(abs(value))
            return f"(-{size})" if value < 0 else size
        return self.spelling.member(value)

    def text(self, expr: Expr) -> str:
        """`expr`: a single word, a call, or in brackets. Raises `ValueError` where it adds up more than the tools can count."""
        match expr:
            case Lit(value):
                return self.value(value)
            case Var(name):
                fields = ", ".join(map(self.names, self._reads.get(name, ())))
                return f"{self.names(name)}({fields})" if fields else self.names(name)
            case Not(Binary(BinaryOp.EQ, left, right)):
                return f"({self.text(left)} {self.spelling.differs} {self.text(right)})"
            case Not(arg):
                return f"({self.spelling.negation}{self.text(arg)})"
            case Ite(cond, then, orelse):
                return self.spelling.choice.format(self.bare(cond), self.bare(then), self.bare(orelse))
            case Binary(op, left, right):
                return self._binary(op, left, right)
            case _:
                assert_never(expr)

    def bare(self, expr: Expr) -> str:
        """`expr` without the brackets around it, for where nothing follows that could be taken as a part of it."""
        text = self.text(expr)
        in_brackets = isinstance(expr, Binary | Not) or (isinstance(expr, Ite) and self.spelling.open_choice)
        return text[1:-1] if in_brackets and text.startswith("(") else text

    def _binary(self, op: BinaryOp, left: Expr, right: Expr) -> str:
        a, b = self.text(left), self.text(right)
        if op in (BinaryOp.LT, BinaryOp.LE):
            kind = common(type_of(left, self.kinds, op.value), type_of(right, self.kinds, op.value))
            if isinstance(kind, Enum):
                family = Enum(kind.name, kind.order)
                rank = self.ranks.setdefault(family, self.names(f"rank {family}", f"{kind.name}_rank"))
                a, b = f"{rank}({a})", f"{rank}({b})"
        if op in (BinaryOp.ADD, BinaryOp.SUB, BinaryOp.MUL):
            for part in (left, right):
                if isinstance(part, Lit) and isinstance(part.value, int) and abs(part.value) > LARGEST:
                    raise ValueError(f"{part.value:,} is added, subtracted or multiplied, and does not fit into 32 bits")
        if op in self.spelling.calls:
            return f"{self.spelling.calls[op]}({self.bare(left)}, {self.bare(right)})"
        if op in _CHAINED and isinstance(left, Binary) and left.op is op:
            a = a[1:-1]
        return f"({a} {self.spelling.infix[op]} {b})"


def _fields_read(machine: Machine) -> dict[str, tuple[str, ...]]:
    """For each definition the fields that it reads, itself or by way of other definitions."""
    order = list(dict.fromkeys(f.name for e in machine.events for f in e.fields))
    found: dict[str, tuple[str, ...]] = {}
    for definition in machine.definitions:
        names = set(names_in(definition.expr))
        read = names | {field for name in names for field in found.get(name, ())}
        found[definition.name] = tuple(field for field in order if field in read)
    return found


def cited(clauses: Sequence[str]) -> str:
    """The clauses in brackets, behind what rests on them."""
    return f" ({' '.join(clauses)})" if clauses else ""
