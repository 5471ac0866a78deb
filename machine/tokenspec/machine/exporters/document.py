"""Whole machines, and what is claimed of them, as plain data for a JSON document.

Nothing is left out that a step depends on, so that a reader of the document needs no other source. An expression is an
object with `text`, for people, and `tree`, for programs. A tree is one of

    {"value": true | 5 | "active"}                 a constant
    {"name": "fast"}                               a variable, parameter, field or definition
    {"not": tree}
    {"op": "+" | "-" | "*" | "min" | "max" | "=" | "<" | "<=" | "and" | "or", "left": tree, "right": tree}
    {"if": tree, "then": tree, "else": tree}

Where `<` or `<=` compares members of an enum, `order` lists them from lowest to highest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias, assert_never

from tokenspec.machine.lang import claims as c
from tokenspec.machine.lang.declaration import Machine, Parameter, Policy, System
from tokenspec.machine.lang.expr import Binary, BinaryOp, Expr, Ite, Lit, Not, Var
from tokenspec.machine.lang.outcome import Values
from tokenspec.machine.lang.surroundings import plain
from tokenspec.machine.lang.typecheck import common, show, type_of
from tokenspec.machine.lang.types import Bool, Enum, Tokens, Type
from tokenspec.machine.lang.validate import machine_scope
from tokenspec.machine.lang.validate_memory import memory_scope

Data: TypeAlias = dict[str, Any]
"""An object of the document."""

Kinds: TypeAlias = Mapping[str, Type]
"""The type of each name that an expression may read."""

_KINDS_OF_PARTS: dict[type[c.Part], str] = {
    c.StatePart: "state",
    c.StepPart: "step",
    c.PairPart: "pair",
    c.TwoRunPart: "two_runs",
    c.LivenessPart: "liveness",
    c.LeadsToPart: "leads_to",
    c.RefusalPart: "refusal",
    c.CalendarPart: "calendar",
    c.LayerPart: "layer",
}


def document(system: System, figures: Values, claims: Iterable[c.Claim] = (), claimed: Iterable[Machine] = ()) -> Data:
    """The machines of `system` with their links, and the claims, which are about those and about the machines `claimed`.

    `figures` are the values of the parameters.
    """
    about = {m.name: m for m in (*system.machines, *claimed)}
    return {
        "machines": [_machine(m, figures) for m in system.machines],
        "links": _plain(system.links, {}),
        "ids": _plain(system.ids, {}),
        "claims": [_claim(claim, about) for claim in claims],
    }


def _plain(part: object, kinds: Kinds, within: str = "") -> Any:
    return plain(part, lambda expr: {"text": show(expr), "tree": _tree(expr, kinds)}, _type, within)


def _machine(m: Machine, figures: Values) -> Data:
    kinds = machine_scope(m, [f for e in m.events for f in e.fields])
    plain = ("name", "says", "control", "pools", "variables", "assumptions", "definitions", "events", "timers")
    return {
        **{name: _plain(getattr(m, name), kinds, name) for name in plain},
        "parameters": [_parameter(p, figures) for p in m.parameters],
        "policies": [_policy(p, figures) for p in m.policies],
        "clocks": [_plain(clock, {}) | {"counts": m.counts(clock), "of": clock.of or None} for clock in m.clocks],
        "memory": _plain(m.memory, memory_scope(m.memory)) if m.memory is not None else None,
    }


def _parameter(p: Parameter, figures: Values) -> Data:
    return {"name": p.name, "type": _type(p.type), "value": figures.get(p.name, p.default), "says": p.says}


def _policy(p: Policy, figures: Values) -> Data:
    value = figures.get(p.name, p.parameter.default)
    told = {"name": p.name, "type": _type(p.parameter.type), "value": value, "default": p.parameter.default}
    return told | {key: said for key, said in _plain(p, {}).items() if key != "parameter"}


def _type(kind: Type) -> Data:
    match kind:
        case Bool():
            return {"type": "bool"}
        case Enum(name, members):
            return {"type": "enum", "name": name, "members": list(members), "order": list(kind.order)}
        case Tokens(lo, hi):
            return {"type": "tokens", "lo": lo, "hi": hi}
        case _:
            assert_never(kind)


def _tree(expr: Expr, kinds: Kinds) -> Data:
    match expr:
        case Lit(value):
            return {"value": value}
        case Var(name):
            return {"name": name}
        case Not(arg):
            return {"not": _tree(arg, kinds)}
        case Binary(op, left, right):
            node: Data = {"op": op.value, "left": _tree(left, kinds), "right": _tree(right, kinds)}
            if op in (BinaryOp.LT, BinaryOp.LE):
                kind = common(type_of(left, kinds, op.value), type_of(right, kinds, op.value))
                node |= {"order": list(kind.order)} if isinstance(kind, Enum) else {}
            return node
        case Ite(cond, then, orelse):
            return {"if": _tree(cond, kinds), "then": _tree(then, kinds), "else": _tree(orelse, kinds)}
        case _:
            assert_never(expr)


def _claim(claim: c.Claim, machines: Mapping[str, Machine]) -> Data:
    figures = {p.name: p.type for machine in machines.values() for p in machine.all_parameters}
    return {**_plain(replace(claim, parts=()), figures), "parts": [_part(part, machines) for part in claim.parts]}


def _part(part: c.Part, machines: Mapping[str, Machine]) -> Data:
    """A part with its kind. A formula of a step reads the names that `machine/README.md` lists."""
    kind = {"kind": _KINDS_OF_PARTS[type(part)]}
    if isinstance(part, c.LayerPart):
        return kind | {"name": part.name, "machine": None, "says": part.says}
    told: Data = kind | _plain(part, _kinds(part, machines[part.machine]), "part")
    if isinstance(part, c.LivenessPart):
        return told | {"fields": dict(part.fields)}
    follows = told.pop("follows", None)
    return told if follows is None else told | {"calendar": follows}


def _kinds(part: c.Part, machine: Machine) -> Kinds:
    match part:
        case c.StepPart(events=events, ghosts=ghosts):
            kinds = c.step_scope(machine, [machine.event_named[e] for e in events] or machine.events)
            return kinds | {name: g.type for g in ghosts for name in (g.name, f"new.{g.name}")}
        case c.PairPart():
            return c.pair_scope(machine, machine.events)
        case c.RefusalPart(event=event):
            return machine_scope(machine, machine.event_named[event].fields)
        case _:
            return machine_scope(machine)
