"""Integer expressions in a normal form: equal ones are one node, and what its range decides is decided at once.

A number is a sum of atoms with factors and a constant; a comparison is "sum <= 0" or "sum = 0"; truth is 0 or 1. Every
node knows the least and the most it can be, so that a `min` that cannot bite or a guard that cannot fail disappears. Two
formulas that differ only in how a sum is written become one node, which is what lets identical transitions be merged.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import TypeAlias

Node: TypeAlias = int
"""The number of a node within its `Nodes`."""
Sum: TypeAlias = tuple[int, tuple[tuple[Node, int], ...]]
"""A constant, and atoms with their factors, by rising number."""

_FIRST_WORD = 1_000
_CASES_MAX = 4
"""The number of excesses of one sum that are looked into; each doubles the work."""


class Nodes:
    """Makes nodes. `parts[n]` is the operator of node n with its arguments, `least[n]` and `most[n]` its range."""

    def __init__(self) -> None:
        self.parts: list[tuple[object, ...]] = []
        self.least: list[int] = []
        self.most: list[int] = []
        self._known: dict[tuple[object, ...], Node] = {}
        self._words: dict[str, int] = {}
        self.false, self.true = self.const(0), self.const(1)

    def _make(self, parts: tuple[object, ...], least: int, most: int) -> Node:
        node = self._known.get(parts)
        if node is None:
            if least == most and parts[0] != "const":
                return self.const(least)
            node = self._known[parts] = len(self.parts)
            self.parts.append(parts)
            self.least.append(least)
            self.most.append(most)
        return node

    def word(self, text: str) -> int:
        """A number for a name of no declared enum (an event, a rule), apart from every member's position."""
        return self._words.setdefault(text, _FIRST_WORD + len(self._words))

    def const(self, value: int) -> Node:
        """A number; truth values are 0 and 1."""
        return self._make(("const", int(value)), int(value), int(value))

    def local(self, name: str, least: int, most: int) -> Node:
        """A value known only when the code runs, between `least` and `most`."""
        node = self._make(("local", name), least, most)
        assert (self.least[node], self.most[node]) == (least, most), f"{name} is of another range elsewhere"
        return node

    def value(self, node: Node) -> int | None:
        """The number that `node` always is, None where it varies."""
        return self.least[node] if self.least[node] == self.most[node] else None

    def sum_of(self, node: Node) -> Sum:
        """`node` as a sum."""
        parts = self.parts[node]
        if parts[0] == "const":
            return self.least[node], ()
        if parts[0] == "sum":
            return parts[1], parts[2]  # type: ignore[return-value]
        return 0, ((node, 1),)

    def _from_sum(self, constant: int, factors: dict[Node, int]) -> Node:
        terms = tuple(sorted((atom, factor) for atom, factor in factors.items() if factor))
        if not terms:
            return self.const(constant)
        if constant == 0 and len(terms) == 1 and terms[0][1] == 1:
            return terms[0][0]
        parts = ("sum", constant, terms)
        known = self._known.get(parts)
        return known if known is not None else self._make(parts, *self._range(constant, terms))

    def _range(self, constant: int, terms: tuple[tuple[Node, int], ...]) -> tuple[int, int]:
        """The range of a sum. An excess is 0 or what it is the excess of: the sum lies between the two cases."""
        ends = [(f * self.least[a], f * self.most[a]) for a, f in terms]
        least, most = constant + sum(min(e) for e in ends), constant + sum(max(e) for e in ends)
        excesses = [(a, f) for a, f in terms if self.parts[a][0] == "excess"]
        if 1 <= len(excesses) <= _CASES_MAX and len(terms) > 1:
            atom, factor = excesses[-1]
            without = self._from_sum(constant, {a: f for a, f in terms if a != atom})
            within = self.add(without, self.parts[atom][1], factor)  # type: ignore[arg-type]
            pick = min if factor < 0 else max
            least = max(least, pick(self.least[without], self.least[within]))
            most = min(most, pick(self.most[without], self.most[within]))
        return least, most

    def add(self, left: Node, right: Node, factor: int = 1) -> Node:
        """`left + factor * right`."""
        (constant, terms), (more, others) = self.sum_of(left), self.sum_of(right)
        factors = dict(terms)
        for atom, times in others:
            factors[atom] = factors.get(atom, 0) + factor * times
        return self._from_sum(constant + factor * more, factors)

    def sub(self, left: Node, right: Node) -> Node:
        """`left - right`."""
        return self.add(left, right, -1)

    def mul(self, left: Node, right: Node) -> Node:
        """`left * right`."""
        for a, b in ((left, right), (right, left)):
            if (times := self.value(a)) is not None:
                return self.add(self.false, b, times)
        ends = [a * b for a in (self.least[left], self.most[left]) for b in (self.least[right], self.most[right])]
        return self._make(("mul", min(left, right), max(left, right)), min(ends), max(ends))

    def excess(self, number: Node) -> Node:
        """`number` where it is above 0, else 0. Every minimum and maximum is written with it, so that equal ones meet."""
        if self.most[number] <= 0 or self.least[number] >= 0:
            return self.false if self.most[number] <= 0 else number
        _, terms = self.sum_of(number)
        if terms[0][1] < 0:
            return self.add(self.excess(self.add(self.false, number, -1)), number)
        return self._make(("excess", number), 0, self.most[number])

    def smaller(self, left: Node, right: Node) -> Node:
        """The smaller of two numbers."""
        for limit, number in ((left, right), (right, left)):
            if (most := self.value(limit)) is not None and self.parts[number][0] == "mul" and most < self.most[number]:
                # What a product stands at is exact as far as the limit, which no sum of two that may not be exact is.
                chosen = ("ite", self.at_most(number, limit), number, limit)
                return self._make(chosen, min(most, self.least[number]), most)
        return self.sub(left, self.excess(self.sub(left, right)))

    def larger(self, left: Node, right: Node) -> Node:
        """The larger of two numbers."""
        return self.add(right, self.excess(self.sub(left, right)))

    def equal(self, left: Node, right: Node) -> Node:
        """1 iff both are the same number."""
        gap = self.sub(left, right)
        if self.least[gap] > 0 or self.most[gap] < 0:
            return self.false
        return self._test("eq0", gap)

    def at_most(self, left: Node, right: Node) -> Node:
        """1 iff `left <= right`."""
        return self._test("le0", self.sub(left, right))

    def below(self, left: Node, right: Node) -> Node:
        """1 iff `left < right`."""
        return self._test("le0", self.add(self.sub(left, right), self.true))

    def _test(self, op: str, gap: Node) -> Node:
        if op == "eq0" and 0 in (self.least[gap], self.most[gap]):
            # Where 0 is the least or the most there is, to be 0 is to be at most or at least 0, and such tests are compared.
            return self._test("le0", gap if self.least[gap] == 0 else self.add(self.false, gap, -1))
        constant, terms = self.sum_of(gap)
        if op == "le0" and (self.most[gap] <= 0 or self.least[gap] > 0):
            return self.const(self.most[gap] <= 0)
        if not terms:
            return self.const(constant == 0)
        if len(terms) == 1:
            atom, factor = terms[0]
            parts = self.parts[atom]
            if parts[0] == "ite":
                # A test of one of two constants is a test of the condition.
                _, cond, then, orelse = parts
                chosen = [self.value(branch) for branch in (then, orelse)]  # type: ignore[arg-type]
                if None not in chosen:
                    results = [self._test(op, self.const(constant + factor * k)) for k in chosen if k is not None]
                    return self.ite(cond, *results)  # type: ignore[arg-type]
            if self.least[atom] >= 0 and self.most[atom] <= 1:
                holds = [self._test(op, self.const(constant + factor * k)) for k in (1, 0)]
                return atom if holds == [self.true, self.false] else self.negate(atom)
        if op == "eq0" and terms[0][1] < 0:
            gap = self.add(self.false, gap, -1)
        return self._make((op, gap), 0, 1)

    def negate(self, node: Node) -> Node:
        """1 iff `node` is 0."""
        parts = self.parts[node]
        if parts[0] == "const":
            return self.const(not self.least[node])
        if parts[0] == "not":
            return parts[1]  # type: ignore[return-value]
        if parts[0] == "le0":
            return self.below(self.false, parts[1])  # type: ignore[arg-type]
        return self._make(("not", node), 0, 1)

    def both(self, left: Node, right: Node) -> Node:
        """1 iff both are."""
        return self._many("and", left, right, self.true, self.false)

    def either(self, left: Node, right: Node) -> Node:
        """1 iff one of them is."""
        return self._many("or", left, right, self.false, self.true)

    def _many(self, op: str, left: Node, right: Node, neutral: Node, absorbing: Node) -> Node:
        if absorbing in (left, right):
            return absorbing
        args: dict[Node, None] = {}
        for side in (left, right):
            parts = self.parts[side]
            args.update(dict.fromkeys(parts[1] if parts[0] == op else (side,)))  # type: ignore[call-overload]
        args.pop(neutral, None)
        if not self._strongest(args, op == "and") or any(self.negate(a) in args for a in args):
            return absorbing
        other = "or" if op == "and" else "and"
        for node in args:
            if self.parts[node][0] == other:
                # What the other arguments already decide is no part of this one.
                inner: tuple[Node, ...] = self.parts[node][1]  # type: ignore[assignment]
                open_parts = [a for a in inner if self.negate(a) not in args]
                if len(open_parts) < len(inner):
                    rest = self._all(op, [a for a in args if a != node])
                    return self._all(op, [rest, self._all(other, open_parts)])
        return self._make((op, tuple(sorted(args))), 0, 1) if len(args) > 1 else next(iter(args), neutral)

    def _all(self, op: str, nodes: Iterable[Node]) -> Node:
        join, start = (self.both, self.true) if op == "and" else (self.either, self.false)
        return reduce(join, nodes, start)

    def _strongest(self, args: dict[Node, None], every: bool) -> bool:
        """Leaves of several bounds on a sum the one that decides; False where two bounds leave no number, or every one."""
        bounds: dict[tuple[tuple[Node, int], ...], tuple[int, Node]] = {}
        for node in [a for a in args if self.parts[a][0] == "le0"]:
            constant, terms = self.sum_of(self.parts[node][1])  # type: ignore[arg-type]
            kept = bounds.get(terms)
            if kept is not None and (kept[0] > constant) == every:
                del args[node]
                continue
            if kept is not None:
                del args[kept[1]]
            bounds[terms] = constant, node
        for terms, (constant, _) in bounds.items():
            opposite = bounds.get(tuple((atom, -factor) for atom, factor in terms))
            if opposite is not None and (constant + opposite[0] > 0 if every else constant + opposite[0] <= 1):
                return False
        return True

    def ite(self, cond: Node, then: Node, orelse: Node) -> Node:
        """`then` where `cond` is 1, `orelse` elsewhere."""
        if (known := self.value(cond)) is not None:
            return then if known else orelse
        if then == orelse:
            return then
        if (then, orelse) == (self.true, self.false):
            return cond
        if (then, orelse) == (self.false, self.true):
            return self.negate(cond)
        if self.least[then] >= 0 and self.most[then] <= 1 and self.least[orelse] >= 0 and self.most[orelse] <= 1:
            yes, no = self.both(cond, then), self.both(self.negate(cond), orelse)
            if self.true in (then, orelse) or self.false in (then, orelse):
                return self.either(yes, no) if self.true not in (then, orelse) else self._where_true(cond, then, orelse)
        least, most = min(self.least[then], self.least[orelse]), max(self.most[then], self.most[orelse])
        return self._make(("ite", cond, then, orelse), least, most)

    def _where_true(self, cond: Node, then: Node, orelse: Node) -> Node:
        return self.either(cond, orelse) if then == self.true else self.either(self.negate(cond), then)
