"""The numbers that stay exact in 64 bits, determined before the code runs.

A product of two balances can need twice the bits that there are. Such a product is computed so that it is exact up to
`LIMIT` and stands at `LIMIT`, with its sign, where it is further from 0. What is made of it is then *trusted* up to a bound:
within the bound it is exact, beyond it is at least that far from 0 and on the right side. That decides every comparison
with a number within the bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tokenspec.machine.lang.types import COUNTABLE_MAX
from tokenspec.machine.wasm.normal_form import Node, Nodes

LIMIT = 2**62

PRODUCT = f"""
(func $product (param $a i64) (param $b i64) (result i64)
  (local $wrapped i64)
  (if (i64.eqz (local.get $a)) (then (return (i64.const 0))))
  (local.set $wrapped (i64.mul (local.get $a) (local.get $b)))
  (if (i32.and
        (i64.eq (i64.div_s (local.get $wrapped) (local.get $a)) (local.get $b))
        (i64.le_u (i64.add (local.get $wrapped) (i64.const {LIMIT})) (i64.const {2 * LIMIT - 1})))
    (then (return (local.get $wrapped))))
  (select (i64.const -{LIMIT}) (i64.const {LIMIT}) (i64.lt_s (i64.xor (local.get $a) (local.get $b)) (i64.const 0))))
"""
"""The product of two numbers that are themselves within `LIMIT`; `LIMIT` with its sign where it is further from 0."""


def fits(least: int, most: int) -> bool:
    """Returns whether every number from `least` to `most` is within `LIMIT`."""
    return least >= -LIMIT and most <= LIMIT


@dataclass(frozen=True)
class _Reach:
    """The trust in a node (None: it is exact wherever it is), and the greatest distance of its computed value from 0."""

    trusted: int | None
    furthest: int


class Exactness:
    """Tells of the nodes of one `Nodes` how far they can be trusted."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._known: dict[Node, _Reach] = {}

    def check(self, node: Node) -> None:
        """Raises `OverflowError` where `node` may differ, within 2^53 - 1, from what it means with numbers of any size."""
        trusted = self._reach(node).trusted
        if trusted is not None and trusted < COUNTABLE_MAX:
            raise OverflowError("a number of the declaration can outgrow 64 bits before it is compared or limited")

    def _reach(self, node: Node) -> _Reach:
        if node not in self._known:
            found = self._worked_out(node)
            if found.furthest >= 2 * LIMIT:
                raise OverflowError("a sum of the declaration can outgrow 64 bits")
            self._known[node] = found
        return self._known[node]

    def _worked_out(self, node: Node) -> _Reach:
        nodes = self._nodes
        op, *args = nodes.parts[node]
        furthest = max(abs(nodes.least[node]), abs(nodes.most[node]))
        operands: Any = args
        match op:
            case "const" | "local":
                return _Reach(None, furthest)
            case "sum":
                return self._sum(*nodes.sum_of(node))
            case "mul":
                if any(not fits(nodes.least[part], nodes.most[part]) for part in operands):
                    raise OverflowError("a product of the declaration has a factor that can outgrow 64 bits")
                if any(self._reach(part).trusted is not None for part in operands):
                    raise OverflowError("a product of the declaration has a factor made of one that can outgrow 64 bits")
                return _Reach(None, furthest) if furthest <= LIMIT else _Reach(LIMIT, LIMIT)
            case "excess":
                return self._reach(operands[0])
            case "ite":
                self._reach(operands[0])
                reach = self._either(*(self._reach(part) for part in operands[1:]))
                # A number that lies within what is trusted is exact.
                return _Reach(None, furthest) if reach.trusted is not None and furthest <= reach.trusted else reach
            case "eq0" | "le0" | "not":
                self._reach(operands[0])
            case "and" | "or":
                for part in operands[0]:
                    self._reach(part)
            case _:
                raise AssertionError(f"no reach for {op}")
        return _Reach(None, 1)

    def _sum(self, constant: int, terms: tuple[tuple[Node, int], ...]) -> _Reach:
        reaches = [(self._reach(atom), abs(factor)) for atom, factor in terms]
        furthest = abs(constant) + sum(reach.furthest * factor for reach, factor in reaches)
        bounded = [(reach, factor) for reach, factor in reaches if reach.trusted is not None]
        if not bounded:
            return _Reach(None, furthest)
        if len(bounded) > 1 or bounded[0][1] != 1:
            raise OverflowError(
                "a sum of the declaration has two parts that can outgrow 64 bits, and may not tell which is larger"
            )
        trusted = bounded[0][0].trusted
        assert trusted is not None
        left = trusted - (furthest - bounded[0][0].furthest)
        if left < 0:
            raise OverflowError("a sum of the declaration can outgrow 64 bits")
        return _Reach(left, furthest)

    @staticmethod
    def _either(then: _Reach, orelse: _Reach) -> _Reach:
        bounds = [reach.trusted for reach in (then, orelse) if reach.trusted is not None]
        return _Reach(min(bounds, default=None), max(then.furthest, orelse.furthest))
