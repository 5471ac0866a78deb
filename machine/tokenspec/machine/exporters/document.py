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
from typing import Any, TypeAlias, assert_never

from tokenspec.machine.lang import claims as c
from tokenspec.machine.lang.calendars import described
from tokenspec.machine.lang.declaration import Event, Field, Machine, Memory, Parameter, Policy, Rule, System
from tokenspec.machine.lang.expr import Binary, BinaryOp, Expr, Ite, Lit, Not, Var
from tokenspec.machine.lang.ids import Ids
from tokenspec.machine.lang.outcome import Values
from tokenspec.machine.lang.typecheck import common, show, type_of
from tokenspec.machine.lang.types import Bool, Enum, Tokens, Type
from tokenspec.machine.lang.validate import machine_scope
from tokenspec.machine.lang.validate_memory import memory_scope

Data: TypeAlias = dict[str, Any]
"""An object of the document."""

Kinds: TypeAlias = Mapping[str, Type]
"""The type of each name that an expression may read."""


def document(system: System, figures: Values, claims: Iterable[c.Claim] = (), claimed: Iterable[Machine] = ()) -> Data:
    """The machines of `system` with their links, and the claims, which are about those and about the machines `claimed`.

    `figures` are the values of the parameters.
    """
    about = {m.name: m for m in (*system.machines, *claimed)}
    return {
        "machines": [_machine(m, figures) for m in system.machines],
        "links": [{"when": link.when, "then": link.then} for link in system.links],
        "ids": _ids(system.ids) if system.ids is not None else None,
        "claims": [_claim(claim, about) for claim in claims],
    }


def _machine(m: Machine, figures: Values) -> Data:
    kinds = machine_scope(m, [f for e in m.events for f in e.fields])
    return {
        "name": m.name,
        "says": m.says,
        "control": m.control,
        "pools": list(m.pools),
        "variables": [
            {"name": v.name, "type": _type(v.type), "initial": _expr(v.initial, kinds), "says": v.says} for v in m.variables
        ],
        "parameters": [_parameter(p, figures) for p in m.parameters],
        "policies": [_policy(p, figures) for p in m.policies],
        "assumptions": [{"holds": _expr(a.holds, kinds), "breach": a.breach} for a in m.assumptions],
        "definitions": [{"name": d.name, "is": _expr(d.expr, kinds), "says": d.says} for d in m.definitions],
        "events": [_event(e, kinds) for e in m.events],
        "clocks": [
            {
                "name": clock.name,
                "falls_due": clock.falls_due,
                "job": clock.job,
                "calendar": described(clock.calendar),
                "says": clock.says,
                "overdue_ms": clock.overdue_ms,
                "overdue_since": clock.overdue_since.value,
                "clauses": list(clock.clauses),
            }
            for clock in m.clocks
        ],
        "memory": _memory(m.memory) if m.memory is not None else None,
        "timers": [{"event": t.event, "since": t.since, "after_ms": t.after_ms, "clauses": list(t.clauses)} for t in m.timers],
    }


def _memory(memory: Memory) -> Data:
    kinds = memory_scope(memory)
    return {
        "key": memory.key,
        "says": memory.says,
        "is_new": memory.is_new,
        "holds": [
            {"name": v.name, "type": _type(v.type), "initial": _expr(v.initial, kinds), "says": v.says} for v in memory.holds
        ],
        "periods": [
            {"lasts": p.lasts, "says": p.says, "ended_by": [{"clock": clock, "act": act.value} for clock, act in p.ended_by]}
            for p in memory.periods
        ],
        "facts": [{"name": f.name, "is": _expr(f.expr, kinds), "says": f.says} for f in memory.facts],
    }


def _ids(ids: Ids) -> Data:
    return {
        "key": ids.key,
        "says": ids.says,
        "repeated": ids.repeated,
        "refused": ids.refused,
        "code": ids.code,
        "because": ids.because,
        "clauses": list(ids.clauses),
    }


def _parameter(p: Parameter, figures: Values) -> Data:
    return {"name": p.name, "type": _type(p.type), "value": figures.get(p.name, p.default), "says": p.says}


def _policy(p: Policy, figures: Values) -> Data:
    return {
        "name": p.name,
        "type": _type(p.parameter.type),
        "value": figures.get(p.name, p.parameter.default),
        "default": p.parameter.default,
        "answers": [{"answer": answer, "means": means} for answer, means in p.answers],
        "why": p.why,
        "clauses": list(p.clauses),
    }


def _event(e: Event, kinds: Kinds) -> Data:
    return {
        "name": e.name,
        "actor": e.actor.value,
        "says": e.says,
        "clauses": list(e.clauses),
        "repeats": e.repeats,
        "fields": [_field(f) for f in e.fields],
        "keys": [{"name": k.name, "shape": k.shape.value, "optional": k.optional, "says": k.says} for k in e.keys],
        "requires": [
            {"code": n.code, "holds": _expr(n.holds, kinds), "because": n.because, "clauses": list(n.clauses)} for n in e.requires
        ],
        "rules": [_rule(r, kinds) for r in e.rules],
    }


def _field(f: Field) -> Data:
    return {"name": f.name, "key": f.key, "type": _type(f.type), "origin": f.origin.value, "says": f.says}


def _rule(r: Rule, kinds: Kinds) -> Data:
    return {
        "name": r.name,
        "source": list(r.source),
        "target": r.target,
        "when": _expr(r.when, kinds),
        "effect": [{"variable": a.name, "becomes": _expr(a.value, kinds)} for a in r.effect],
        "ledger": [{"kind": p.kind.value, "pool": p.pool, "amount": _expr(p.amount, kinds)} for p in r.ledger],
        "answer": [{"name": a.name, "is": _expr(a.value, kinds)} for a in r.answer],
        "clocks": [{"clock": clock, "act": act.value} for clock, act in r.clocks],
        "notes": [{"name": n.name, "becomes": _expr(n.value, kinds)} for n in r.notes],
        "why": r.why,
        "clauses": list(r.clauses),
    }


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


def _expr(expr: Expr, kinds: Kinds) -> Data:
    return {"text": show(expr), "tree": _tree(expr, kinds)}


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
    return {
        "number": claim.number,
        "id": claim.id,
        "sentence": claim.sentence,
        "clauses": list(claim.clauses),
        "parts": [_part(p, machines) for p in claim.parts],
    }


def _part(part: c.Part, machines: Mapping[str, Machine]) -> Data:
    """A part with its kind. A formula of a step reads the names that `machine/README.md` lists."""
    match part:
        case c.StatePart(name, machine, holds, witness):
            kinds = machine_scope(machines[machine])
            return _named("state", name, machine, holds=_expr(holds, kinds), twin=_expr(witness, kinds))
        case c.StepPart(name, machine, _, _, events):
            return _named("step", name, machine, events=list(events), **_step(part, machines[machine]))
        case c.PairPart(name, machine, holds, witness):
            kinds = c.pair_scope(machines[machine], machines[machine].events)
            return _named("pair", name, machine, holds=_expr(holds, kinds), twin=_expr(witness, kinds))
        case c.TwoRunPart(name, machine, assume, left, right, agree, unless):
            kinds = machine_scope(machines[machine])
            runs = {"left": list(left), "right": list(right), "agree": list(agree)}
            return _named("two_runs", name, machine, assume=_expr(assume, kinds), unless=_expr(unless, kinds), **runs)
        case c.LivenessPart(name, machine, goal, fields, events, without):
            ways = {"events": list(events), "without": list(without)}
            return _named("liveness", name, machine, goal=goal, fields=dict(fields), **ways)
        case c.LeadsToPart(name, machine, premise, goal, fair):
            kinds = machine_scope(machines[machine])
            formulas = {"premise": _expr(premise, kinds), "goal": _expr(goal, kinds)}
            return _named("leads_to", name, machine, **formulas, fair=list(fair))
        case c.RefusalPart(name, machine, event, refusals):
            kinds = machine_scope(machines[machine], machines[machine].event_named[event].fields)
            codes = [{"code": code, "holds": _expr(holds, kinds)} for code, holds in refusals]
            return _named("refusal", name, machine, event=event, refusals=codes)
        case c.CalendarPart(name, machine, clock, law):
            return _named("calendar", name, machine, clock=clock, law=law.value)
        case c.LayerPart(name, says):
            return _named("layer", name, None, says=says)
        case _:
            assert_never(part)


def _named(kind: str, name: str, machine: str | None, **of: Any) -> Data:
    return {"kind": kind, "name": name, "machine": machine, **of}


def _step(part: c.StepPart, machine: Machine) -> Data:
    kinds = c.step_scope(machine, [machine.event_named[e] for e in part.events] or machine.events)
    kinds |= {name: g.type for g in part.ghosts for name in (g.name, f"new.{g.name}")}
    return {
        "holds": _expr(part.holds, kinds),
        "twin": _expr(part.witness, kinds),
        "keeps": _expr(part.keeps, kinds),
        "ghosts": [_ghost(g, kinds) for g in part.ghosts],
    }


def _ghost(g: c.Ghost, kinds: Kinds) -> Data:
    return {
        "name": g.name,
        "type": _type(g.type),
        "initial": _expr(g.initial, kinds),
        "after": _expr(g.after, kinds),
        "most": None if g.most is None else _expr(g.most, kinds),
    }
