"""Nodes as WebAssembly text: one function at a time, what is used twice computed once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from tokenspec.machine.wasm.normal_form import Node, Nodes
from tokenspec.machine.wasm.overflow import fits

_TRUTHS = ("eq0", "le0", "not", "and", "or")


class Function:
    """A function being written. `lines` is its body; locals appear as they are used.

    A number is of type `width`, a truth value always an i32.
    """

    def __init__(self, nodes: Nodes, head: str, width: str = "i32") -> None:
        self.nodes, self._head, self._width = nodes, head, width
        self.lines: list[str] = []
        self._locals: dict[str, str] = {}
        self._home: dict[Node, str] = {}

    def local(self, name: str, kind: str = "i32") -> str:
        """A local variable of that name, declared once."""
        plain = "$" + re.sub(r"[^A-Za-z0-9_.]", "_", name)
        self._locals[plain] = kind
        return plain

    def _kind(self, node: Node) -> str:
        return "i32" if self.nodes.parts[node][0] in _TRUTHS else self._width

    @property
    def locals(self) -> tuple[str, ...]:
        """Every local variable so far, as the text names it, in order of first use."""
        return tuple(self._locals)

    def text(self) -> str:
        """The whole function."""
        declared = " ".join(f"(local {name} {kind})" for name, kind in self._locals.items())
        return "\n".join([f"(func {self._head} {declared}", *self.lines, ")"])

    def add(self, *lines: str) -> None:
        """Writes lines."""
        self.lines += lines

    def share(self, roots: Iterable[Node], times: int = 2) -> None:
        """Computes, here, every node that `roots` use at least `times` times and that is not computed yet."""
        uses: Counter[Node] = Counter()
        order: list[Node] = []

        def visit(node: Node) -> None:
            uses[node] += 1
            if uses[node] == 1 and node not in self._home:
                for part in self._children(node):
                    visit(part)
                order.append(node)

        for root in roots:
            visit(root)
        for node in order:
            if uses[node] >= times and self._children(node) and node not in self._home:
                home = self.local(f"t{node}", self._kind(node))
                self.add(f"(local.set {home} {self.expr(node)})")
                self._home[node] = home

    def scope(self) -> dict[Node, str]:
        """Returns what is computed so far; give it back to `leave` where a branch ends."""
        return dict(self._home)

    def leave(self, scope: dict[Node, str]) -> None:
        """Forgets what was computed since `scope`."""
        self._home = scope

    def _children(self, node: Node) -> tuple[Node, ...]:
        op, *args = self.nodes.parts[node]
        match op:
            case "const" | "local":
                return ()
            case "sum":
                return tuple(atom for atom, _ in args[1])  # type: ignore[attr-defined]
            case "and" | "or":
                return args[0]  # type: ignore[return-value]
            case _:
                return tuple(args)  # type: ignore[arg-type]

    def number(self, node: Node) -> str:
        """`node` as an expression of the width that numbers have."""
        text = self.expr(node)
        return text if self._kind(node) == self._width else f"(i64.extend_i32_u {text})"

    def truth(self, node: Node) -> str:
        """`node`, which is 0 or 1, as an expression of type i32."""
        if (known := self.nodes.value(node)) is not None:
            return f"(i32.const {known})"
        text = self.expr(node)
        return text if self._kind(node) == "i32" else f"(i32.wrap_i64 {text})"

    def expr(self, node: Node) -> str:
        """`node` as an expression of its own type."""
        if node in self._home:
            return f"(local.get {self._home[node]})"
        op, *args = self.nodes.parts[node]
        match op:
            case "const":
                return self._const(self.nodes.least[node])
            case "local":
                return f"(local.get {self.local(str(args[0]), self._width)})"
            case "sum":
                return self._sum(*self.nodes.sum_of(node))
            case "mul":
                return self._product(node, *args)  # type: ignore[arg-type]
            case "excess":
                kept = self.local(f"x{node}", self._width)
                value = f"(local.tee {kept} {self.number(args[0])})"  # type: ignore[arg-type]
                is_above = f"({self._width}.gt_s (local.get {kept}) {self._const(0)})"
                return f"(select {value} {self._const(0)} {is_above})"
            case "ite":
                cond, then, orelse = args
                return f"(select {self.number(then)} {self.number(orelse)} {self.truth(cond)})"  # type: ignore[arg-type]
            case "eq0" | "le0":
                return self._test("eq" if op == "eq0" else "le_s", args[0])  # type: ignore[arg-type]
            case "not":
                return f"(i32.eqz {self.truth(args[0])})"  # type: ignore[arg-type]
            case "and" | "or":
                first, *rest = (self.truth(part) for part in args[0])  # type: ignore[attr-defined]
                for each in rest:
                    first = f"(i32.{op} {first} {each})"
                return first
            case _:
                raise AssertionError(f"no text for {op}")

    def _product(self, node: Node, left: Node, right: Node) -> str:
        is_wide = self._width == "i64" and not fits(self.nodes.least[node], self.nodes.most[node])
        return f"({'call $product' if is_wide else f'{self._width}.mul'} {self.number(left)} {self.number(right)})"

    def _sum(self, constant: int, terms: tuple[tuple[Node, int], ...]) -> str:
        ordered = sorted(terms, key=lambda term: term[1] < 0)
        text = self._const(constant) if constant or ordered[0][1] < 0 else ""
        for atom, factor in ordered:
            value = (
                self.number(atom) if abs(factor) == 1 else f"({self._width}.mul {self.number(atom)} {self._const(abs(factor))})"
            )
            text = f"({self._width}.{'sub' if factor < 0 else 'add'} {text} {value})" if text else value
        return text

    def _test(self, op: str, gap: Node) -> str:
        if gap in self._home:
            return f"({self._width}.{op} {self.number(gap)} {self._const(0)})"
        constant, terms = self.nodes.sum_of(gap)
        left = tuple(term for term in terms if term[1] > 0)
        right = tuple((atom, -factor) for atom, factor in terms if factor < 0)
        sides = [
            self._sum(k, side) if side else self._const(k) for k, side in ((max(constant, 0), left), (max(-constant, 0), right))
        ]
        return f"({self._width}.{op} {sides[0]} {sides[1]})"

    def _const(self, value: int) -> str:
        if self._width == "i32" and not -(2**31) <= value < 2**31:
            raise OverflowError(f"{value} does not fit the native tier's 32 bits: the scope leaves a number too large")
        return f"({self._width}.const {value})"
