"""Claims as they are written: faults that would make one mean nothing, or something else, are told by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tokenspec.machine.lang.claims import (
    CalendarPart,
    Claim,
    LayerPart,
    LeadsToPart,
    LivenessPart,
    PairPart,
    Part,
    RefusalPart,
    StatePart,
    StepPart,
    TwoRunPart,
    pair_scope,
    step_scope,
)
from tokenspec.machine.lang.declaration import Event, Machine
from tokenspec.machine.lang.errors import DeclarationError, DeclarationErrors
from tokenspec.machine.lang.expr import Expr, Lit
from tokenspec.machine.lang.typecheck import fits, show
from tokenspec.machine.lang.types import Bool, Tokens, Type, Value
from tokenspec.machine.lang.validate import machine_scope
from tokenspec.machine.lang.validate_names import check_kinds, twice, unknown


def validate_claims(claims: Iterable[Claim], machines: Iterable[Machine]) -> None:
    """Raises `DeclarationErrors` with every fault of the claims; the machines are taken to have passed `validate`."""
    claims = list(claims)
    if faults := [fault for each in claims for fault in check_kinds(each)]:
        raise DeclarationErrors(faults)
    by_name = {m.name: m for m in machines}
    figures = {p.name: p.type for m in by_name.values() for p in m.all_parameters}
    seen: set[str | int] = set()
    for each in claims:
        place = f"claim {each.id!r}"
        for what, taken in (("id", each.id), ("number", each.number)):
            if taken in seen:
                faults.append(DeclarationError("TS302", place, f"the {what} {taken!r} is taken", "Give it another"))
            seen.add(taken)
        if not each.parts:
            faults.append(DeclarationError("TS301", place, "it has no part and no witness", "Say what holds"))
        faults += [*twice((part.name for part in each.parts), place, "part"), *fits(each.where, figures, place, Bool(), "TS202")]
        for part in each.parts:
            where = f"{place}, part {part.name!r}"
            if isinstance(part, LayerPart):
                rules = [rule.name for m in by_name.values() for e in m.events for rule in e.rules]
                faults += [
                    *unknown(part.after, rules, "TS101", where, "a rule"),
                    *fits(part.where, figures, where, Bool(), "TS202"),
                ]
            else:
                faults += unknown([part.machine], by_name, "TS101", where, "a machine")
                faults += _part_faults(where, part, by_name[part.machine]) if part.machine in by_name else ()
    if faults:
        raise DeclarationErrors(faults)


def _part_faults(place: str, part: Part, m: Machine) -> Iterator[DeclarationError]:
    events: tuple[str, ...] = ()
    formulas: tuple[Expr, ...] = ()
    scope: dict[str, Type] = machine_scope(m)
    match part:
        case StatePart(_, _, holds, witness):
            formulas = holds, witness
        case StepPart(_, _, holds, witness, events, ghosts, keeps):
            formulas = holds, witness, keeps
            known = [m.event_named[e] for e in events if e in m.event_named] or list(m.events)
            scope = step_scope(m, known)
            yield from twice((*scope, *(g.name for g in ghosts)), place, "name")
            scope |= {g.name: g.type for g in ghosts}
            figures = {p.name: p.type for p in m.all_parameters}
            for g in ghosts:
                yield from fits(g.initial, figures, f"{place}, ghost {g.name!r}, initial value", g.type)
                yield from fits(g.after, scope, f"{place}, ghost {g.name!r}, value after", g.type)
                yield from fits(g.most, figures, f"{place}, ghost {g.name!r}, most", Tokens()) if g.most else ()
            scope |= {f"new.{g.name}": g.type for g in ghosts}
        case PairPart(_, _, holds, witness):
            formulas, scope = (holds, witness), pair_scope(m, m.events)
        case TwoRunPart(_, _, assume, left, right, agree, unless):
            events, formulas = (*left, *right), (assume, unless)
            yield from unknown(agree, [v.name for v in m.variables], "TS101", place, "a variable")
            if not agree or left == right:
                message = "it compares no variable" if not agree else "it compares a run with itself"
                yield DeclarationError("TS301", place, message, "Say in what two different runs agree")
            yield from _with_fields(place, m, events)
        case LivenessPart(_, _, goal, given, others, without):
            events = (goal, *others)
            yield from _with_fields(place, m, others)
            yield from unknown(without, [r.name for e in m.events for r in e.rules], "TS101", place, "a rule")
            if goal in m.event_named:
                yield from _goal_faults(place, m.event_named[goal], dict(given))
        case CalendarPart(_, _, clock, _):
            yield from unknown([clock], [c.name for c in m.clocks], "TS111", place, f"a clock of {m.name!r}")
        case LeadsToPart(_, _, premise, reached, events):
            formulas = premise, reached
        case RefusalPart(_, _, event, refusals):
            codes, events = [code for code, _ in refusals], (event,)
            if not refusals:
                yield DeclarationError("TS301", place, f"it names no refusal of {event!r}", "Name each code with its condition")
            yield from twice(codes, place, "code")
            if event in m.event_named:
                formulas, scope = tuple(holds for _, holds in refusals), machine_scope(m, m.event_named[event].fields)
                yield from unknown(codes, [n.code for n in m.event_named[event].requires], "TS101", place, f"a code of {event!r}")
    yield from unknown(events, m.event_named, "TS303", place, f"an event of {m.name!r}")
    if isinstance(part, StatePart | StepPart | PairPart) and isinstance(part.witness, Lit):
        message = f"its witness is always {show(part.witness)}"
        yield DeclarationError("TS301", place, message, "Name the case that makes it interesting")
    for formula in formulas:
        yield from fits(formula, scope, place, Bool(), "TS202")


def _with_fields(place: str, m: Machine, events: Iterable[str]) -> Iterator[DeclarationError]:
    """A fault for each field of events that are taken without any."""
    for event in dict.fromkeys(name for name in events if name in m.event_named):
        for f in m.event_named[event].fields:
            message = f"{event!r} comes with {f.name!r}, and here it would come with nothing"
            yield DeclarationError("TS204", place, message, "Name events without fields, or say it as a step")


def _goal_faults(place: str, goal: Event, given: dict[str, Value]) -> Iterator[DeclarationError]:
    yield from unknown(given, [f.name for f in goal.fields], "TS101", place, f"a field of {goal.name!r}")
    for f in goal.fields:
        if f.name not in given or not f.type.admits(given[f.name]):
            message = f"{f.name!r} is given {given.get(f.name)!r}, not a {f.type}"
            yield DeclarationError("TS204", place, message, "Give one of its values")
