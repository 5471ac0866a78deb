"""Reads a TLA+ module and its configuration as TLC does, and visits every state. It shares no code with the declaration.

It knows the part of the language that the exporter writes: units that begin in the first column, lists of bullets, IF,
CASE, sets, ranges, operators with arguments, actions that give each variable its value once, properties
`P ~> Q` under weak fairness of actions. Whatever else raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from typing import Any

Node = tuple[Any, ...]
Row = tuple[Any, ...]

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\w+|/\\|\\/|\\in|==|=>|~>|\.\.|<=|<<|>>|->|\[\]|[-=#<+*~\'(),{}\[\]]')
_RELATIONS = {"=": "==", "#": "!=", "<": "<", "<=": "<=", "\\in": "in"}
_AND, _OR = _JUNCTIONS = ("/\\", "\\/")
_LEVELS = (("..",), ("+", "-"), ("*",))


@dataclass(frozen=True)
class Found:
    """What TLC reports: distinct states, states generated, and the invariant or property that does not hold, if any."""

    distinct: int
    generated: int
    violated: str | None = None


def _units(module: str) -> list[list[tuple[str, int]]]:
    """The tokens of each unit, with their columns."""
    units: list[list[tuple[str, int]]] = []
    for line in module.split("\n", 1)[1].split("\n====")[0].split("\n"):
        code = re.sub(r"\\\*.*", "", line)
        assert not _TOKEN.sub("", code).strip(), f"not understood: {line!r}"
        for match in _TOKEN.finditer(code):
            units += [[]] if match.start() == 0 else []
            units[-1].append((match.group(), match.start()))
    return units


class _Parser:
    """Parses one expression; a token that stands no further right than the present bullet ends it."""

    def __init__(self, tokens: list[tuple[str, int]]) -> None:
        self.tokens, self.at, self.limit = [*tokens, ("", -1)], 0, -1

    def whole(self) -> Node:
        found = self.expr()
        assert self.at == len(self.tokens) - 1, f"left over: {self.tokens[self.at :]}"
        return found

    def peek(self) -> str:
        text, column = self.tokens[self.at]
        return text if column > self.limit else ""

    def take(self, *wanted: str) -> str:
        text = self.peek()
        assert text in (wanted or (text or "more",)), f"{text!r} instead of {wanted} after {self.tokens[: self.at]}"
        self.at += 1
        return text

    def listed(self, close: str) -> list[Node]:
        found: list[Node] = []
        while not (self.peek() == close and self.take()):
            found += [self.expr()] if not found or self.take(",") else []
        return found

    def expr(self) -> Node:
        if self.peek() in _JUNCTIONS:
            return self.bullets()
        parts, sign = [self.relation()], self.peek()
        while sign in _JUNCTIONS and self.peek() == sign:
            self.take()
            parts.append(self.relation())
        assert self.peek() not in _JUNCTIONS, "conjunction and disjunction without brackets"
        found = (sign, parts) if len(parts) > 1 else parts[0]
        return (self.take(), found, self.expr()) if self.peek() in ("=>", "~>") else found

    def bullets(self) -> Node:
        sign, column = self.tokens[self.at]
        outer, items = self.limit, []
        while self.tokens[self.at] == (sign, column):
            self.at, self.limit = self.at + 1, column
            items.append(self.expr())
            self.limit = outer
        return (sign, items)

    def relation(self) -> Node:
        if self.peek() == "~" and self.take():
            return ("~", self.relation())
        left = self.infix(_LEVELS)
        return (self.take(), left, self.infix(_LEVELS)) if self.peek() in _RELATIONS else left

    def infix(self, levels: tuple[tuple[str, ...], ...]) -> Node:
        if not levels:
            return self.primary()
        left = self.infix(levels[1:])
        while self.peek() in levels[0]:
            left = (self.take(), left, self.infix(levels[1:]))
        return left

    def primary(self) -> Node:
        text = self.take()
        if text == "(":
            (inside,) = self.listed(")")
            return inside
        if text in ("{", "<<"):
            return ("set", self.listed("}" if text == "{" else ">>"))
        if text == "IF":
            return ("if", self.expr(), self.take("THEN"), self.expr(), self.take("ELSE"), self.expr())
        if text == "CASE":
            arms: list[Node] = []
            while not arms or (self.peek() == "[]" and self.take()):
                arms.append((self.expr(), self.take("->"), self.expr()))
            return ("case", arms)
        if text == "UNCHANGED":
            return ("unchanged", self.primary()[1])
        if text[0] == '"':
            return ("value", re.sub(r"\\(.)", r"\1", text[1:-1]))
        if text.isdigit() or text in ("TRUE", "FALSE"):
            return ("value", text == "TRUE" if text.isalpha() else int(text))
        assert text.isidentifier(), f"{text!r} begins no expression"
        arguments = self.listed(")") if self.peek() == "(" and self.take() else []
        return ("prime", text) if self.peek() == "'" and self.take() else ("name", text, arguments)


class _Once:
    """A definition without parameters."""

    def __init__(self, name: str, value: Callable[[Row], Any]) -> None:
        self.name, self.value = name, value

    def __get__(self, state: Row, _: object) -> Any:
        found = state.__dict__[self.name] = self.value(state)
        return found


class Module:
    """A module under the constants of a configuration."""

    def __init__(self, module: str, configuration: str) -> None:
        lines = [line for line in configuration.splitlines() if not line.startswith("\\*")]
        assert lines[:3] == ["SPECIFICATION Spec", "CONSTRAINT WithinBounds", "INVARIANTS"]
        given = dict(line.split(" = ") for line in map(str.strip, lines[3:]) if "=" in line)
        listed = [line.strip() for line in lines[2:] if "=" not in line and line != "CONSTANTS"]
        at = listed.index("PROPERTIES") if "PROPERTIES" in listed else len(listed)
        self.invariants, self.properties = listed[1:at], listed[at + 1 :]
        self.fair: list[str] = []
        constants = {name: _Parser([(token, 0) for token in _TOKEN.findall(text)]).whole() for name, text in given.items()}
        self.definitions: dict[str, tuple[list[str], Node]] = {name: ([], value) for name, value in constants.items()}
        self.variables: list[str] = []
        self.space: dict[str, Any] = {}
        self._acting: dict[str, bool] = {}
        assumptions: list[Node] = []
        for unit in _units(module):
            words = [text for text, _ in unit]
            if words[0] == "VARIABLES":
                self.variables = words[1::2]
            elif words[0] == "CONSTANTS":
                assert set(words[1::2]) == given.keys(), "the configuration gives other constants than are declared"
            elif words[0] == "ASSUME":
                assumptions.append(_Parser(unit[1:]).whole())
            elif words[0] == "Spec":
                spec, *fair = "".join(words).split(r"/\WF_vars(")
                assert spec == r"Spec==Init/\[][Next]_vars"
                self.fair = [name.removesuffix(")") for name in fair]
            elif words != ["EXTENDS", "Integers"]:
                mark = words.index("==")
                assert words[0] not in self.definitions, f"{words[0]} is defined twice"
                self.definitions[words[0]] = (words[2 : mark - 1 : 2], _Parser(unit[mark + 1 :]).whole())
        known: dict[str, Any] = {}
        for name, (parameters, body) in self.definitions.items():
            if name not in ("vars", *self.properties) and not self._acts(body):
                self.space[name] = found = self._function(parameters, self.text(body, parameters))
                if not parameters:
                    known[name] = _Once(name, found)
        self.state: Callable[[Row], Row] = type("State", (tuple,), known)
        """A state in which each definition without parameters is worked out once."""
        for name in known:
            # What is worked out without a look at any variable is the same in every state.
            with suppress(IndexError, ZeroDivisionError):
                setattr(self.state, name, self.space[name](self.state(())))
        assert all(self.constant(a) for a in assumptions), "an assumption does not hold"

    def constant(self, node: Node) -> Any:
        """The value of an expression that reads no variable."""
        return eval(self.text(node, []), self.space, {"s": self.state(())})

    def _function(self, parameters: list[str], text: str) -> Callable[..., Any]:
        return eval(f"lambda {', '.join(['s', *parameters])}: {text}", self.space)  # type: ignore[no-any-return]

    def _acts(self, node: Any) -> bool:
        """Whether an expression speaks of the state after."""
        if not isinstance(node, tuple | list):
            return node in ("prime", "unchanged")
        if node[:1] == ("name",) and node[1] in self.definitions:
            if node[1] not in self._acting:
                self._acting[node[1]] = self._acts(self.definitions[node[1]][1])
            if self._acting[node[1]]:
                return True
        return any(map(self._acts, node))

    def text(self, node: Node, parameters: list[str]) -> str:
        """The value of an expression in the state `s`, as Python."""
        kind, *parts = node
        sub = [self.text(part, parameters) for part in parts if isinstance(part, tuple)]
        match kind:
            case "value":
                return repr(parts[0])
            case "name" if parts[0] in parameters:
                return str(parts[0])
            case "name" if parts[0] in self.variables:
                return f"s[{self.variables.index(parts[0])}]"
            case "name" if parts[0] == "BOOLEAN":
                return "(False, True)"
            case "name":
                wanted, body = self.definitions[parts[0]]
                given = [self.text(argument, parameters) for argument in parts[1]]
                assert len(wanted) == len(given), f"{parts[0]} is given {len(given)} arguments"
                if body in [("name", name, []) for name in wanted]:
                    # An operator that is one of its arguments.
                    return given[wanted.index(body[1])]
                return f"{parts[0]}({', '.join(['s', *given])})" if given else f"s.{parts[0]}"
            case "=>":
                return f"(not {sub[0]} or {sub[1]})"
            case _ if kind in _JUNCTIONS:
                return f"({(' and ' if kind == _AND else ' or ').join(self.text(part, parameters) for part in parts[0])})"
            case "~":
                return f"(not {sub[0]})"
            case "if":
                return f"({sub[1]} if {sub[0]} else {sub[2]})"
            case "case":
                arms = [f"{self.text(v, parameters)} if {self.text(c, parameters)} else " for c, _, v in parts[0]]
                return f"({''.join(arms)}1 // 0)"
            case "set":
                return "(" + "".join(f"{self.text(part, parameters)}, " for part in parts[0]) + ")"
            case "..":
                return f"range({sub[0]}, {sub[1]} + 1)"
            case _:
                return f"({sub[0]} {_RELATIONS.get(kind, kind)} {sub[1]})"

    def branches(self, node: Node, parameters: list[str], values: Row) -> list[tuple[Callable[..., Any], Row]]:
        """The ways to take an action: as TLC, one for each side of a disjunction, whatever the sides are."""
        if node[0] == _OR:
            return [branch for part in node[1] for branch in self.branches(part, parameters, values)]
        if node[0] == "name" and node[1] in self.definitions and node[1] != "Holds":
            inner, body = self.definitions[node[1]]
            return self.branches(body, inner, tuple(map(self.constant, node[2])))
        ways = product(*(part[1] if part[0] == _OR else [part] for part in (node[1] if node[0] == _AND else [node])))
        return [(self._branch(conjuncts, parameters), values) for conjuncts in ways]

    def _branch(self, conjuncts: Iterable[Node], parameters: list[str]) -> Callable[..., Any]:
        guards: list[str] = []
        new: dict[str, str] = {}
        for node in conjuncts:
            for part in node[1] if node[0] == _AND else [node]:
                if part[0] == "=" and part[1][0] == "prime":
                    found = {part[1][1]: self.text(part[2], parameters)}
                elif part[0] == "unchanged":
                    found = {name: f"s[{self.variables.index(name)}]" for _, name, _ in part[1]}
                else:
                    guards.append(self.text(part, parameters))
                    continue
                assert not new.keys() & found.keys(), "a variable is given two values"
                new |= found
        after = "(" + "".join(f"{new.get(name, '1 // 0')}, " for name in self.variables) + ")"
        return self._function(parameters, f"{after} if {' and '.join(guards) or 'True'} else None")

    def visit(self) -> Found:
        """Breadth first. A state beyond the constraint is checked, and not counted."""
        starts = {part[1][1]: self.constant(part[2]) for part in self.definitions["Init"][1][1]}
        first = self.state(tuple(starts[name] for name in self.variables))
        steps = self.branches(("name", "Next", []), [], ())
        holds = [(name, self.space[name]) for name in self.invariants]
        seen, frontier, generated, within = {first}, [first], 1, self.space["WithinBounds"]
        graph: dict[Row, list[Row]] = {}
        broken = next((name for name, invariant in holds if not invariant(first)), None)
        while frontier and broken is None:
            taken = [(s, after) for s in frontier for step, values in steps if (after := step(s, *values)) is not None]
            generated += len(taken)
            new = list(map(self.state, dict.fromkeys(after for _, after in taken if after not in seen)))
            broken = next((name for after in new for name, invariant in holds if not invariant(after)), None)
            frontier = [after for after in new if within(after)]
            seen.update(frontier)
            for s, t in taken:
                graph.setdefault(s, []).append(t)
        leads = ((name, self.definitions[name][1]) for name in self.properties)
        broken = broken or next((name for name, body in leads if not self._leads_to(body, seen, graph)), None)
        return Found(len(seen), generated, broken)

    def _leads_to(self, body: Node, seen: set[Row], graph: dict[Row, list[Row]]) -> bool:
        """Whether no fair run stays away from the goal for ever after the premise. A run may stop wherever that is fair."""
        premise, goal = (self._function([], self.text(part, [])) for part in body[1:])
        away = {s for s in seen if not goal(s)}
        fair = [self.branches(("name", name, []), [], ()) for name in self.fair]
        ways = {s: {t for t in graph.get(s, []) if t in away} for s in away}
        reach = {s: _reached(s, ways) for s in away}
        for s in away:
            # The states that a run can come back to for ever, with s among them.
            ring = {t for t in reach[s] if s in reach[t]} | {s}
            closed = all(
                any(all(step(t, *values) is None for step, values in action) for t in ring)
                or any(step(t, *values) in ring for t in ring for step, values in action)
                for action in fair
            )
            if closed and any(premise(t) and (s == t or s in reach[t]) for t in away):
                return False
        return True


def _reached(start: Row, ways: dict[Row, set[Row]]) -> set[Row]:
    found: set[Row] = set()
    frontier = [start]
    while frontier:
        frontier = [t for s in frontier for t in ways[s] if t not in found]
        found.update(frontier)
    return found
