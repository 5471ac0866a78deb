"""Expressions of a declaration as nodes: names of members become numbers, definitions are read where they are used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import assert_never

from tokenspec.machine.lang.claims import Ghost, primed_definitions, step_scope
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.expr import Binary, BinaryOp, Expr, Ite, Lit, Not, Var, names_in
from tokenspec.machine.lang.typecheck import Scope, common, type_of
from tokenspec.machine.lang.types import Enum, Type, Value
from tokenspec.machine.wasm.normal_form import Node, Nodes

Env = Mapping[str, Node]
"""The meaning of each name that is not a definition."""


class Lowering:
    """Turns expressions into nodes. `scope` types every name, `definitions` are the names that stand for an expression."""

    def __init__(self, nodes: Nodes, scope: Scope, definitions: Mapping[str, Expr]) -> None:
        self.nodes = nodes
        self._scope = scope
        self._definitions = definitions
        self._resolved: dict[int, tuple[Expr, Expr, tuple[str, ...]]] = {}
        self._memo: dict[tuple[object, ...], Node] = {}

    @classmethod
    def of_steps(cls, nodes: Nodes, machine: Machine, ghosts: Iterable[Ghost] = ()) -> Lowering:
        """For everything that is said of a machine's states and steps."""
        scope = step_scope(machine, ())
        for event in machine.events:
            scope |= step_scope(machine, [event])
        scope |= {name: g.type for g in ghosts for name in (g.name, f"new.{g.name}")}
        return cls(nodes, scope, {d.name: d.expr for d in machine.definitions} | primed_definitions(machine))

    def number(self, value: Value, kind: Type | None) -> int:
        """The number that stands for a value of `kind`: the position in its order for a member."""
        if not isinstance(value, str):
            return int(value)
        if isinstance(kind, Enum) and kind.name != "?":
            return kind.order.index(value)
        return self.nodes.word(value)

    def node(self, expr: Expr, env: Env, kind: Type | None = None, known: Mapping[Node, bool] | None = None) -> Node:
        """`expr` in `env`. `kind` tells whose member a name is that stands alone; `known` are conditions taken as settled."""
        if id(expr) not in self._resolved:
            plain = self._resolve(expr, kind)
            self._resolved[id(expr)] = expr, plain, tuple(self._reads(plain, set()))
        _, plain, reads = self._resolved[id(expr)]
        key = (id(expr), *(env[name] for name in reads), *sorted((known or {}).items()))
        if key not in self._memo:
            self._memo[key] = self._walk(plain, env, known or {})
        return self._memo[key]

    def _reads(self, expr: Expr, seen: set[str]) -> Iterable[str]:
        for name in names_in(expr):
            if name not in seen:
                seen.add(name)
                if name in self._definitions:
                    yield from self._reads(self._definitions[name], seen)
                else:
                    yield name

    def _resolve(self, expr: Expr, kind: Type | None = None) -> Expr:
        """`expr` with every literal a number."""
        match expr:
            case Lit(value):
                return Lit(self.number(value, kind))
            case Var():
                return expr
            case Not(arg):
                return Not(self._resolve(arg))
            case Ite(cond, then, orelse):
                inner = self._common(then, orelse)
                inner = kind if kind is not None and (inner is None or getattr(inner, "name", "") == "?") else inner
                return Ite(self._resolve(cond), self._resolve(then, inner), self._resolve(orelse, inner))
            case Binary(op, left, right):
                inner = self._common(left, right) if op in (BinaryOp.EQ, BinaryOp.LT, BinaryOp.LE) else None
                return Binary(op, self._resolve(left, inner), self._resolve(right, inner))
            case _:
                assert_never(expr)

    def _common(self, left: Expr, right: Expr) -> Type | None:
        return common(type_of(left, self._scope, ""), type_of(right, self._scope, ""))

    def _walk(self, expr: Expr, env: Env, known: Mapping[Node, bool]) -> Node:
        node = self._plain(expr, env, known)
        settled = known.get(node)
        return node if settled is None else self.nodes.const(settled)

    def _plain(self, expr: Expr, env: Env, known: Mapping[Node, bool]) -> Node:
        match expr:
            case Lit(value):
                return self.nodes.const(int(value))
            case Var(name):
                if name in env:
                    return env[name]
                return self.node(self._definitions[name], env, self._scope.get(name), known)
            case Not(arg):
                return self.nodes.negate(self._walk(arg, env, known))
            case Ite(cond, then, orelse):
                return self.nodes.ite(*(self._walk(part, env, known) for part in (cond, then, orelse)))
            case Binary(op, left, right):
                return self._binary(op, self._walk(left, env, known), self._walk(right, env, known))
            case _:
                assert_never(expr)

    def _binary(self, op: BinaryOp, left: Node, right: Node) -> Node:
        nodes = self.nodes
        match op:
            case BinaryOp.ADD:
                return nodes.add(left, right)
            case BinaryOp.SUB:
                return nodes.sub(left, right)
            case BinaryOp.MUL:
                return nodes.mul(left, right)
            case BinaryOp.MIN:
                return nodes.smaller(left, right)
            case BinaryOp.MAX:
                return nodes.larger(left, right)
            case BinaryOp.EQ:
                return nodes.equal(left, right)
            case BinaryOp.LT:
                return nodes.below(left, right)
            case BinaryOp.LE:
                return nodes.at_most(left, right)
            case BinaryOp.AND:
                return nodes.both(left, right)
            case BinaryOp.OR:
                return nodes.either(left, right)
            case _:
                assert_never(op)
