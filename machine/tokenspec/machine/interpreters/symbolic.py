"""The symbolic reader: settings and formulas as z3 terms, and one solver that goes from setting to setting.

Members of an enum are their positions in its order. A product of two open numbers stands for itself: all that is
said of it is its sign and its order among products of the same factor, which keeps everything else linear; whatever is
proved holds of the true product too. Where a formula turns out to be possible with products that are not the true ones,
it is asked about the true ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple, TypeAlias, assert_never

import z3

from tokenspec.machine.lang.expr import Binary, BinaryOp, Expr, Ite, Lit, Not, Var, operands
from tokenspec.machine.lang.types import Bool, Enum, Type, Value
from tokenspec.machine.proofs.contexts import COMPARISONS, ProofContext

_CONTEXT = z3.main_ctx()

Term: TypeAlias = Any
"""A z3 expression; z3 carries no types that a checker could use."""


class Product(NamedTuple):
    """Two factors, the term that stands for their product, and what is known of its sign and its order among others."""

    left: Term
    right: Term
    term: Term
    known: Term


class SymbolicTerms:
    """The terms of one setting. A definition is encoded when it is first read."""

    def __init__(self, setting: ProofContext, outer: SymbolicTerms | None) -> None:
        self._setting, self._outer = setting, outer
        self._terms = {name: _open(name, kind) for name, kind in setting.opens.items()}
        self.products: dict[int, Product] = {}
        """Products so far, by the number that z3 gives to the product."""
        self.known = [self.encode(known) for known in setting.known]

    def __getitem__(self, name: str) -> Term:
        if name not in self._terms:
            if name not in self._setting.defines:
                assert self._outer is not None, f"{name} is not among the names of {self._setting.says}"
                return self._outer[name]
            self._terms[name] = self.encode(self._setting.defines[name], self._setting.family(Var(name)))
        return self._terms[name]

    def encode(self, expr: Expr, of: Enum | None = None) -> Term:
        """`expr` as a term; `of` tells whose member a name is that stands alone."""
        match expr:
            case Lit(bool(value)):
                return z3.BoolVal(value)
            case Lit(int(value)):
                return _number(value)
            case Lit(value):
                assert of is not None, f"nothing says whose member {value!r} is"
                return _number(of.order.index(value))
            case Var(name):
                return self._named(name, of)
            case Not(arg):
                return _not(self.encode(arg))
            case Ite(cond, then, orelse):
                inner = of or self._setting.family(then, orelse)
                return _if(self.encode(cond), self.encode(then, inner), self.encode(orelse, inner))
            case Binary(op, left, right):
                of = self._setting.family(left, right) if op in COMPARISONS else None
                parts = operands(expr, op) if op in (BinaryOp.AND, BinaryOp.OR) else (left, right)
                return self._operation(op, [self.encode(part, of) for part in parts])
            case _:
                assert_never(expr)

    def _named(self, name: str, of: Enum | None) -> Term:
        kind, definition = self._setting.scope[name], self._setting.definition(name)
        if isinstance(kind, Enum) and of is not None and kind.order != of.order and definition is not None:
            # It stands for bare names, whose positions depend on what they are compared with.
            return self.encode(definition, of)
        return self[name]

    def _operation(self, op: BinaryOp, terms: list[Term]) -> Term:
        a, b, *_ = terms
        match op:
            case BinaryOp.ADD:
                return a + b
            case BinaryOp.SUB:
                return a - b
            case BinaryOp.MUL:
                return self._product(a, b)
            case BinaryOp.MIN | BinaryOp.MAX:
                return _if(_compared(z3.Z3_mk_le, a, b), *((a, b) if op is BinaryOp.MIN else (b, a)))
            case BinaryOp.EQ | BinaryOp.LT | BinaryOp.LE:
                return _compared(_MADE[op], a, b)
            case BinaryOp.AND | BinaryOp.OR:
                return _chained(_MADE[op], terms)
            case _:
                assert_never(op)

    def _product(self, a: Term, b: Term) -> Term:
        if z3.is_int_value(a) or z3.is_int_value(b):
            return a * b
        product = z3.Function("product", z3.IntSort(), z3.IntSort(), z3.IntSort())(a, b)
        number = product.get_id()
        if number not in self.products:
            known = [_signs(a, b, product), *(_order(p, b, product) for p in self._all_products() if p.left.eq(a))]
            self.products[number] = Product(a, b, product, z3.And(known))
        return product

    def _all_products(self) -> Iterator[Product]:
        yield from self.products.values()
        yield from self._outer._all_products() if self._outer else ()


# z3's own operators look each argument over, which would take more time than all the proofs.


_MADE = {BinaryOp.EQ: z3.Z3_mk_eq, BinaryOp.LT: z3.Z3_mk_lt, BinaryOp.LE: z3.Z3_mk_le}
_MADE |= {BinaryOp.AND: z3.Z3_mk_and, BinaryOp.OR: z3.Z3_mk_or}


def _not(term: Term) -> Term:
    return z3.BoolRef(z3.Z3_mk_not(_CONTEXT.ref(), term.ast), _CONTEXT)


def _compared(make: Any, left: Term, right: Term) -> Term:
    return z3.BoolRef(make(_CONTEXT.ref(), left.ast, right.ast), _CONTEXT)


def _if(cond: Term, then: Term, orelse: Term) -> Term:
    kind = z3.BoolRef if z3.is_bool(then) else z3.ArithRef
    return kind(z3.Z3_mk_ite(_CONTEXT.ref(), cond.ast, then.ast, orelse.ast), _CONTEXT)


def _chained(make: Any, terms: list[Term]) -> Term:
    return z3.BoolRef(make(_CONTEXT.ref(), len(terms), (z3.Ast * len(terms))(*(term.ast for term in terms))), _CONTEXT)


@cache
def _number(value: int) -> Term:
    return z3.IntVal(value)


def _open(name: str, kind: Type) -> Term:
    return z3.Bool(name) if isinstance(kind, Bool) else z3.Int(name)


def _signs(a: Term, b: Term, product: Term) -> Term:
    positive, zero = z3.Implies(z3.And(a >= 1, b >= 1), product >= 1), z3.Implies(z3.Or(a == 0, b == 0), product == 0)
    return z3.And(positive, zero)


def _order(other: Product, b: Term, product: Term) -> Term:
    """Two products of one factor that is not negative are in the order of their other factors."""
    order = z3.And(z3.Implies(other.right <= b, other.term <= product), z3.Implies(b <= other.right, product <= other.term))
    return z3.Implies(other.left >= 0, order)


class Solver:
    """Says whether formulas are possible. What a setting says is told once, and forgotten where another one is asked about."""

    def __init__(self, seconds: float) -> None:
        self._limit = int(seconds * 1000)
        self._solver = self._limited(z3.SolverFor("QF_UFLIA"))
        self._terms: dict[ProofContext, SymbolicTerms] = {}
        self._entered: list[ProofContext] = []
        self._model: Any = None

    def possible(self, setting: ProofContext, formula: Expr) -> bool | None:
        """Returns whether `formula` can be true in `setting`; None where the time did not suffice to tell."""
        self._enter(setting)
        term = self._terms[setting].encode(formula)
        products = list({number: p for s in setting.chain for number, p in self._terms[s].products.items()}.values())
        self._solver.push()
        self._solver.add(*(p.known for p in products), term)
        found = self._asked(self._solver)
        if found and not all(self._is_true_product(p) for p in products):
            found = self._with_true_products(products)
        self._solver.pop()
        return found

    def _is_true_product(self, product: Product) -> bool:
        a, b, found = (self._model.eval(term, model_completion=True).as_long() for term in product[:3])
        return bool(found == a * b)

    def _with_true_products(self, products: list[Product]) -> bool | None:
        """The same question of true products: first with the factors that were found, which keeps it linear."""
        left = [self._model.eval(p.left, model_completion=True) for p in products]
        self._solver.push()
        self._solver.add(*(p.left == value for p, value in zip(products, left, strict=True)))
        self._solver.add(*(p.term == value * p.right for p, value in zip(products, left, strict=True)))
        found = self._asked(self._solver)
        self._solver.pop()
        if found:
            return found
        true = self._limited(z3.Solver())
        true.add(*self._solver.assertions(), *(p.term == p.left * p.right for p in products))
        return self._asked(true)

    def is_true(self, formula: Expr) -> bool:
        """Returns whether `formula` is true, in the setting last asked about, where the formula asked about is."""
        return bool(z3.is_true(self._model.eval(self._terms[self._entered[-1]].encode(formula), model_completion=True)))

    def values(self) -> dict[str, Value]:
        """The values of the open names of the setting last asked about, for which the formula was true."""
        found: dict[str, Value] = {}
        for setting in self._entered:
            for name, kind in setting.opens.items():
                value = self._model.eval(self._terms[setting][name], model_completion=True)
                number = z3.is_true(value) if isinstance(kind, Bool) else value.as_long()
                found[name] = kind.order[number] if isinstance(kind, Enum) else number
        return found

    def _limited(self, solver: Any) -> Any:
        solver.set("timeout", self._limit)
        # Or z3 keeps a Ctrl-C that comes during a query to itself.
        solver.set("ctrl_c", False)
        return solver

    def _asked(self, solver: Any) -> bool | None:
        answer = solver.check()
        self._model = solver.model() if answer == z3.sat else None
        return None if answer == z3.unknown else bool(answer == z3.sat)

    def _enter(self, setting: ProofContext) -> None:
        while self._entered and self._entered[-1] not in setting.chain:
            self._entered.pop()
            self._solver.pop()
        for each in setting.chain[len(self._entered) :]:
            if each not in self._terms:
                self._terms[each] = SymbolicTerms(each, self._terms[each.outer] if each.outer else None)
            self._entered.append(each)
            self._solver.push()
            self._solver.add(*self._terms[each].known)
