"""The obligations of a machine, as a script for any solver that reads SMT-LIB 2, such as cvc5 and z3.

It is printed from the same settings and formulas that the prover encodes, by a printer of its own. Each condition is
negated and comes with the answer that proves it, `unsat`; each case that has to be possible, with `sat`. (Where one of
several cases would do, none is written.) Members of an enum are their positions in its order, under their names. A product
of two open numbers is an uninterpreted function of which only the sign and the order are said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

from tokenspec.machine.lang.claims import Claim, StatePart
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.expr import Binary, BinaryOp, Expr, Ite, Lit, Not, Var
from tokenspec.machine.lang.types import Bool, Enum, Type
from tokenspec.machine.proofs.contexts import COMPARISONS, Condition, Possibility, ProofContext, Proves
from tokenspec.machine.proofs.of_claims import conditions

_WIDTH = 110
_SIMPLE = re.compile(r"[A-Za-z~!@$%^&*_+=<>.?/-][0-9A-Za-z~!@$%^&*_+=<>.?/-]*")
_WORDS = "_ ! abs and as assert distinct div exists false forall ite let match max min mod not or par product true xor"
_TAKEN = frozenset(_WORDS.split())
"""Words that mean something else in a script, or that the script defines."""
# What a script writes as the language does.
_OPERATIONS = {op: op.value for op in (BinaryOp.ADD, BinaryOp.SUB, BinaryOp.MUL, BinaryOp.MIN, BinaryOp.MAX)}
_OPERATIONS |= {op: op.value for op in (BinaryOp.EQ, BinaryOp.LT, BinaryOp.LE, BinaryOp.AND, BinaryOp.OR)}
assert _OPERATIONS.keys() == set(BinaryOp), "smtlib: an operator has no text"

_Node: TypeAlias = "str | tuple[_Node, ...]"
"""A symbol, or a list."""


@dataclass(frozen=True)
class Script:
    """One check by itself: the claim and part it belongs to, what it is about, the answer that is to come, and the text.

    `bound` is the number of runs after which a job that repeats is taken to be refused, None where nothing is.
    """

    claim: str
    part: str
    about: str
    status: str
    text: str
    bound: int | None = None


def _nothing(setting: ProofContext, goals: Sequence[Expr]) -> Sequence[Expr]:
    """Obligations proved without a solver."""
    return ()


def smtlib(machine: Machine, claims: Sequence[Claim], lemmas: Sequence[StatePart], proves: Proves = _nothing) -> str:
    """One script with every check of `machine`. The same arguments give the same text.

    A two-run part in which a job repeats without bound rests on facts that a solver has to find: `Induction(...).proves`
    does. Without it such a part is written for a bounded number of runs, and says so.
    """
    writer = _SmtWriter(machine)
    lines = [
        f"; What has to be proved of the machine {machine.name!r}: each answer is to be the status before it.",
        "; Run it with: cvc5 --incremental FILE, or: z3 FILE",
        *writer.head,
    ]
    for of, setting, formula, status in _checks(conditions(machine, claims, lemmas, proves)):
        lines += writer.enter(setting)
        definitions, check = writer.check(of, setting, formula, status)
        lines += [*definitions, "(push 1)", *check, "(pop 1)"]
    return "\n".join([*lines, "(exit)", ""])


def scripts(
    machine: Machine, claims: Sequence[Claim], lemmas: Sequence[StatePart], proves: Proves = _nothing
) -> Iterator[Script]:
    """Every check of `machine` as a script of its own; see `smtlib`."""
    writer = _SmtWriter(machine)
    for of, setting, formula, status in _checks(conditions(machine, claims, lemmas, proves)):
        writer.enter(setting)
        _, check = writer.check(of, setting, formula, status)
        yield Script(of.claim, of.part, of.about, status, "\n".join([*writer.head, *writer.entered(), *check, ""]), of.bound)


def _checks(proof: Iterator[Condition | Possibility]) -> Iterator[tuple[Condition | Possibility, ProofContext, Expr, str]]:
    """A question to a solver, its place, and the expected answer."""
    for each in proof:
        if isinstance(each, Condition):
            yield each, each.setting, Not(each.goal), "unsat"
        elif len(each.cases) == 1:
            yield each, *each.cases[0], "sat"


@dataclass
class _Level:
    """A setting that has been entered, the lines that say it, and what has been defined in them."""

    setting: ProofContext
    lines: list[str] = field(default_factory=list)
    defined: set[str] = field(default_factory=set)
    products: list[tuple[_Node, _Node]] = field(default_factory=list)


class _SmtWriter:
    """Goes from setting to setting, each a level on the solver's stack, and writes definitions where they are first read."""

    def __init__(self, machine: Machine) -> None:
        kinds: list[Type] = [v.type for v in machine.variables] + [p.type for p in machine.all_parameters]
        kinds += [f.type for e in machine.events for f in e.fields]
        self._families = {kind.name: kind for kind in kinds if isinstance(kind, Enum)}
        self._levels: list[_Level] = []
        members = [(kind, member) for kind in self._families.values() for member in kind.order]
        self.head = [
            "(set-info :smt-lib-version 2.6)",
            "(set-logic QF_UFLIA)",
            *(f"(define-fun {self._member(kind, member)} () Int {kind.order.index(member)})" for kind, member in members),
            "(define-fun min ((a Int) (b Int)) Int (ite (<= a b) a b))",
            "(define-fun max ((a Int) (b Int)) Int (ite (<= a b) b a))",
            "(declare-fun product (Int Int) Int)",
        ]

    def entered(self) -> list[str]:
        """All that has been said of the setting that was entered last."""
        return [line for level in self._levels for line in level.lines]

    def enter(self, setting: ProofContext) -> list[str]:
        """Goes to a setting; the lines that lead there from the one before."""
        kept = [level for level in self._levels if level.setting in setting.chain]
        lines = ["(pop 1)"] * (len(self._levels) - len(kept))
        self._levels = kept
        for each in setting.chain[len(kept) :]:
            self._levels.append(_Level(each, [f"; -- {each.says}"]))
            for name, kind in each.opens.items():
                self._say(("declare-const", _symbol(name), _sort(kind)))
            for known in each.known:
                self._say(("assert", self._node(known, each)))
            lines += ["(push 1)", *self._levels[-1].lines]
        return lines

    def check(
        self, of: Condition | Possibility, setting: ProofContext, formula: Expr, status: str
    ) -> tuple[list[str], list[str]]:
        """Returns the definitions that come first, and the lines of one check."""
        said = self._levels[-1].lines
        before = len(said)
        asked = _laid_out(("assert", self._node(formula, setting)), 0)
        title = f"{of.claim}, {of.part}: {of.about}" + (" is possible" if status == "sat" else "")
        bound = [f"; Taken for granted: a job that repeats is refused after {of.bound} runs."] if of.bound is not None else []
        return said[before:], [f'(echo "{title}")', *bound, asked, f"(set-info :status {status})", "(check-sat)"]

    def _node(self, expr: Expr, setting: ProofContext, of: Enum | None = None) -> _Node:
        match expr:
            case Lit(bool(value)):
                return "true" if value else "false"
            case Lit(int(value)):
                return str(value) if value >= 0 else ("-", str(-value))
            case Lit(value):
                assert of is not None, f"nothing says whose member {value!r} is"
                return self._member(of, str(value))
            case Var(name):
                return self._name(name, setting, of)
            case Not(arg):
                return ("not", self._node(arg, setting))
            case Ite(cond, then, orelse):
                inner = of or setting.family(then, orelse)
                return ("ite", self._node(cond, setting), self._node(then, setting, inner), self._node(orelse, setting, inner))
            case Binary(op, left, right):
                of = setting.family(left, right) if op in COMPARISONS else None
                return self._operation(op, self._node(left, setting, of), self._node(right, setting, of))
            case _:
                assert_never(expr)

    def _operation(self, op: BinaryOp, left: _Node, right: _Node) -> _Node:
        if op is BinaryOp.MUL and not (_is_number(left) or _is_number(right)):
            product: _Node = ("product", left, right)
            self._say(("assert", ("=>", ("and", (">=", left, "1"), (">=", right, "1")), (">=", product, "1"))))
            self._say(("assert", ("=>", ("or", ("=", left, "0"), ("=", right, "0")), ("=", product, "0"))))
            for other in [factor for level in self._levels for same, factor in level.products if same == left]:
                for a, b in ((other, right), (right, other)):
                    is_ordered: _Node = ("<=", ("product", left, a), ("product", left, b))
                    self._say(("assert", ("=>", ("and", (">=", left, "0"), ("<=", a, b)), is_ordered)))
            self._levels[-1].products.append((left, right))
            return product
        word = _OPERATIONS[op]
        if op in (BinaryOp.AND, BinaryOp.OR) and isinstance(left, tuple) and left[0] == word:
            return (*left, right)
        return (word, left, right)

    def _name(self, name: str, setting: ProofContext, of: Enum | None) -> _Node:
        definition = setting.definition(name)
        if definition is None:
            return _symbol(name)
        kind = setting.scope[name]
        if isinstance(kind, Enum) and of is not None and kind.order != of.order:
            # It stands for bare names, whose positions depend on what they are compared with.
            return self._node(definition, setting, of)
        if not any(name in level.defined for level in self._levels):
            node = self._node(definition, setting, setting.family(Var(name)))
            self._say(("define-fun", _symbol(name), "()", _sort(kind), node))
            self._levels[-1].defined.add(name)
        return _symbol(name)

    def _member(self, kind: Enum, member: str) -> _Node:
        known = self._families.get(kind.name)
        return _symbol(f"{kind.name}.{member}") if known and known.order == kind.order else str(kind.order.index(member))

    def _say(self, node: _Node) -> None:
        self._levels[-1].lines.append(_laid_out(node, 0))


def _is_number(node: _Node) -> bool:
    return (isinstance(node, str) and node.isdigit()) or (isinstance(node, tuple) and node[0] == "-" and len(node) == 2)


def _sort(kind: Type) -> str:
    return "Bool" if isinstance(kind, Bool) else "Int"


def _symbol(name: str) -> str:
    if name in _TAKEN:
        return f"|{name} |"
    return name if _SIMPLE.fullmatch(name) else f"|{name}|"


def _laid_out(node: _Node, indent: int) -> str:
    """The node on one line, or its parts below each other where it is too long for one."""
    if isinstance(node, str):
        return node
    line = f"({' '.join(_laid_out(part, 0) for part in node)})"
    if indent + len(line) <= _WIDTH and "\n" not in line:
        return line
    head = 0
    while head < len(node) and isinstance(node[head], str):
        head += 1
    first = " ".join(_laid_out(part, 0) for part in node[:head])
    margin = "\n" + " " * (indent + 2)
    return f"({first}" + "".join(margin + _laid_out(part, indent + 2) for part in node[head:]) + ")"
