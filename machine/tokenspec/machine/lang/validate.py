"""Whether a declaration can be read at all. Every fault is reported, not only the first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache

from tokenspec.machine.lang import declaration as d
from tokenspec.machine.lang.errors import DeclarationError, DeclarationErrors
from tokenspec.machine.lang.expr import Expr, Lit
from tokenspec.machine.lang.typecheck import Scope, common, show, type_of
from tokenspec.machine.lang.types import Bool, Enum, Tokens, Type

_SENTENCE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")


def validate(machine: d.Machine) -> None:
    """Raises `DeclarationErrors` with every fault of `machine`; returns where there is none."""
    faults = list(_faults(machine))
    if faults:
        raise DeclarationErrors(faults)


def machine_scope(machine: d.Machine, fields: Iterable[d.Field] = ()) -> dict[str, Type]:
    """The type of each name that an expression of `machine` may read beside `fields`: variables, parameters, definitions.

    A definition stands in it only where `fields` has all that it reads.
    """
    return dict(_scope(machine, tuple(fields)))


@lru_cache(maxsize=512)
def _scope(machine: d.Machine, fields: tuple[d.Field, ...]) -> dict[str, Type]:
    scope: dict[str, Type] = {v.name: v.type for v in machine.variables}
    scope |= {p.name: p.type for p in machine.all_parameters}
    scope |= {f.name: f.type for f in fields}
    for definition in machine.definitions:
        try:
            scope[definition.name] = type_of(definition.expr, scope, definition.name)
        except DeclarationError:
            continue
    return scope


def _faults(m: d.Machine) -> Iterator[DeclarationError]:
    yield from _names(m)
    yield from _types(m)
    yield from _definitions(m)
    yield from _clocks(m)
    for event in m.events:
        yield from _event(m, event)


def _try(check: Callable[[], object]) -> Iterator[DeclarationError]:
    try:
        check()
    except DeclarationError as fault:
        yield fault


def _names(m: d.Machine) -> Iterator[DeclarationError]:
    shared = [v.name for v in m.variables] + [p.name for p in m.all_parameters] + [x.name for x in m.definitions]
    for event in m.events:
        names = shared + [f.name for f in event.fields]
        yield from _twice(names, f"machine {m.name!r}, event {event.name!r}", "name")
    yield from _twice(shared, f"machine {m.name!r}", "name")
    yield from _twice([e.name for e in m.events], f"machine {m.name!r}", "event")
    yield from _twice([r.name for e in m.events for r in e.rules], f"machine {m.name!r}", "rule")


def _twice(names: list[str], place: str, what: str) -> Iterator[DeclarationError]:
    for name, count in Counter(names).items():
        if count > 1:
            yield DeclarationError("TS102", place, f"{what} {name!r} is declared {count} times", "Rename one of them")


def _types(m: d.Machine) -> Iterator[DeclarationError]:
    typed = [(f"variable {v.name!r}", v.type) for v in m.variables]
    typed += [(f"parameter {p.name!r}", p.type) for p in m.all_parameters]
    typed += [(f"event {e.name!r}, field {f.name!r}", f.type) for e in m.events for f in e.fields]
    for place, kind in typed:
        if (isinstance(kind, Enum) and not kind.members) or (isinstance(kind, Tokens) and kind.lo > kind.hi):
            yield DeclarationError("TS205", place, f"{kind} has no values", "Give it one")
    for p in m.all_parameters:
        if p.default is not None and not p.type.admits(p.default):
            yield DeclarationError("TS204", f"parameter {p.name!r}", f"{p.default!r} is not a {p.type}", "Mend the default")
    parameters: Scope = {p.name: p.type for p in m.all_parameters}
    for v in m.variables:
        yield from _fits(v.initial, v.type, parameters, f"variable {v.name!r}, initial value")
    if m.control not in {v.name for v in m.variables}:
        yield DeclarationError("TS101", f"machine {m.name!r}", f"control {m.control!r} is not declared", "Name a variable")
    for pool in m.pools:
        if pool not in {v.name for v in m.variables}:
            yield DeclarationError("TS101", f"machine {m.name!r}", f"pool {pool!r} is not declared", "Name a variable")


def _fits(expr: Expr, kind: Type, scope: Scope, place: str) -> Iterator[DeclarationError]:
    try:
        found = type_of(expr, scope, place)
    except DeclarationError as fault:
        yield fault
        return
    if common(found, kind) is None:
        yield DeclarationError("TS203", place, f"{show(expr)} is {found}, not {kind}", "Give a value of that type")


def _holds(expr: Expr, scope: Scope, place: str) -> Iterator[DeclarationError]:
    try:
        found = type_of(expr, scope, place)
    except DeclarationError as fault:
        yield fault
        return
    if not isinstance(found, Bool):
        yield DeclarationError("TS202", place, f"{show(expr)} is {found}", "A truth value is needed here")


def _definitions(m: d.Machine) -> Iterator[DeclarationError]:
    fields = {f.name: f.type for e in m.events for f in e.fields}
    scope: dict[str, Type] = {v.name: v.type for v in m.variables} | {p.name: p.type for p in m.all_parameters} | fields
    later = {x.name for x in m.definitions}
    for x in m.definitions:
        place = f"definition {x.name!r}"
        try:
            scope[x.name] = type_of(x.expr, scope, place)
        except DeclarationError as fault:
            if fault.code == "TS101" and any(repr(name) in fault.message for name in later):
                fault = DeclarationError("TS110", place, f"{fault.message} yet", "Move it behind what it reads")
            yield fault
        later.discard(x.name)
    for a in m.assumptions:
        yield from _holds(a.holds, {p.name: p.type for p in m.all_parameters}, f"assumption {a.breach!r}")


def _clocks(m: d.Machine) -> Iterator[DeclarationError]:
    named = [(f"clock {c.name!r}", e) for c in m.clocks for e in (c.falls_due, c.job)]
    named += [(f"timer of {t.event!r}", e) for t in m.timers for e in (t.event, t.since)]
    for place, event in named:
        if event not in m.event_named:
            yield DeclarationError("TS111", place, f"{event!r} is not an event of {m.name!r}", "Declare it")


def _event(m: d.Machine, event: d.Event) -> Iterator[DeclarationError]:
    place = f"event {event.name!r}"
    scope = machine_scope(m, event.fields)
    if not event.rules and all(need.holds != Lit(False) for need in event.requires):
        fix = "Say what it does, or give it a requirement that never holds"
        yield DeclarationError("TS109", place, "it has no rule, yet nothing refuses it", fix)
    seen: dict[str, Expr] = {}
    for need in event.requires:
        where = f"{place}, requirement {need.code!r}"
        if not _SENTENCE.fullmatch(need.code):
            yield DeclarationError("TS106", where, f"{need.code!r} is no sentence", "Write it as words_joined_by_underscores")
        if seen.setdefault(need.code, need.holds) != need.holds:
            yield DeclarationError("TS113", where, "the code stands for two requirements", "Give each its own")
        yield from _holds(need.holds, scope, where)
    for rule in event.rules:
        yield from _rule(m, rule, scope, f"{place}, rule {rule.name!r}")


def _rule(m: d.Machine, rule: d.Rule, scope: Mapping[str, Type], place: str) -> Iterator[DeclarationError]:
    for state in (*rule.source, *([rule.target] if rule.target else [])):
        if state not in m.states:
            yield DeclarationError("TS104", place, f"{state!r} is not a state", f"States: {', '.join(m.states)}")
    if not rule.source:
        yield DeclarationError("TS112", place, "it starts in no state", "Name its source states")
    yield from _holds(rule.when, scope, f"{place}, condition")
    types = {v.name: v.type for v in m.variables}
    for name, count in Counter(a.name for a in rule.effect).items():
        if count > 1:
            fix = "Effects are simultaneous, so one variable has one new value: merge them"
            yield DeclarationError("TS103", place, f"{name!r} is given {count} new values", fix)
    for assign in rule.effect:
        if assign.name == m.control:
            yield DeclarationError("TS105", place, f"the effect sets {assign.name!r}", "Name the state as the rule's target")
        elif assign.name not in types:
            yield DeclarationError("TS101", place, f"{assign.name!r} is not a variable", "Only variables have effects")
        else:
            yield from _fits(assign.value, types[assign.name], scope, f"{place}, effect on {assign.name!r}")
    for line in rule.ledger:
        if line.pool not in m.pools:
            yield DeclarationError("TS101", place, f"{line.pool!r} is not a pool", f"Pools: {', '.join(m.pools)}")
        yield from _fits(line.amount, Tokens(), scope, f"{place}, {line.kind.value} {line.pool}")
    for answer in rule.answer:
        yield from _try(lambda answer=answer: type_of(answer.value, scope, f"{place}, answer {answer.name!r}"))  # type: ignore[misc]
    clocks = {c.name for c in m.clocks}
    for clock, _ in rule.clocks:
        if clock not in clocks:
            yield DeclarationError("TS111", place, f"{clock!r} is not a clock", f"Clocks: {', '.join(sorted(clocks)) or 'none'}")


def check_clauses(register: Mapping[str, str], cited: Mapping[str, Iterable[str]]) -> None:
    """Raises `DeclarationErrors` unless each clause of `register` is cited and each one cited is registered.

    `cited` maps a place to the clauses it cites.
    """
    faults = [
        DeclarationError("TS108", place, f"{clause!r} is not in the register", "Mend the id or register the clause")
        for place, clauses in cited.items()
        for clause in clauses
        if clause not in register
    ]
    used = {clause for clauses in cited.values() for clause in clauses}
    faults += [
        DeclarationError("TS107", f"clause {clause}", "nothing cites it", "Cite it where a rule or a claim rests on it")
        for clause in register
        if clause not in used
    ]
    if faults:
        raise DeclarationErrors(faults)


def citations(machine: d.Machine) -> dict[str, tuple[str, ...]]:
    """Each place of `machine` that cites clauses, with the clauses."""
    places: dict[str, tuple[str, ...]] = {f"policy {p.name}": p.clauses for p in machine.policies}
    places |= {f"clock {c.name}": c.clauses for c in machine.clocks}
    places |= {f"timer {t.event}": t.clauses for t in machine.timers}
    for e in machine.events:
        places[f"event {e.name}"] = e.clauses
        places |= {f"event {e.name}, {r.code}": r.clauses for r in e.requires}
        places |= {f"rule {r.name}": r.clauses for r in e.rules}
    return {place: clauses for place, clauses in places.items() if clauses}
