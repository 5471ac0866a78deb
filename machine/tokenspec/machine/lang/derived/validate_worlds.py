"""Faults of what a specification is run with: its figures, its scopes, its open questions, clocks and links.

Each would be passed over in silence, or stop a verb half way: a figure out of its range, a question that nothing asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tokenspec.machine.lang.calendars import CalendarByPolicy, DeclaredCalendar
from tokenspec.machine.lang.catalogue import Cell, Entries, Number, Ranking
from tokenspec.machine.lang.declaration import ClockAct, System
from tokenspec.machine.lang.errors import DeclarationError
from tokenspec.machine.lang.expr import Lit, reads
from tokenspec.machine.lang.specification import Scope, Specification
from tokenspec.machine.lang.typecheck import show
from tokenspec.machine.lang.types import COUNTABLE_MAX, Tokens, Type
from tokenspec.machine.lang.validate_names import unknown


def figure_faults(s: Specification) -> Iterator[DeclarationError]:
    """Yields what keeps the specification's own catalogue, and those of its scopes, from being one that a user may write."""
    place = f"specification {s.name!r}"
    yield from _catalogue(s, s.catalogue, f"{place}, catalogue")
    for scope in s.scopes:
        where = f"{place}, scope {scope.name!r}"
        found = [*_catalogue(s, scope.catalogue, where)]
        yield from found or _scope(scope, s.system(scope.catalogue), where)


def _catalogue(s: Specification, catalogue: Any, place: str) -> Iterator[DeclarationError]:
    written = catalogue.written()
    yield from unknown(written, s.form, "TS101", place, "a key of the form")
    missing = [key for key in s.form if key not in written]
    for key in missing:
        yield DeclarationError("TS101", place, f"it says nothing of {key!r}", "Give it a value, or take it out of the form")
    if missing:
        return
    for name, number, value in _numbers(s, written):
        if not Tokens(number.least).admits(value):
            kind = f"a whole number from {number.least} to {COUNTABLE_MAX}"
            yield DeclarationError("TS204", place, f"{name} is {value!r}, not {kind}", "Give it one of these")
            return
    figures, read = catalogue.parameters(), s.catalogue_of(written)
    if read is None or read.parameters() != figures:
        fix = "Let it make a catalogue of all that was read"
        yield DeclarationError("TS204", place, "`catalogue_of` makes other figures of what is written there", fix)
    for each in s.system(catalogue).machines[0].parameters:
        if each.name not in figures:
            fix = "Give the form a key of its name, or one whose `parameter` it is"
            yield DeclarationError("TS101", place, f"it gives no figure for the parameter {each.name!r}", fix)
    for name, value, of in s.out_of_range(catalogue):
        fix = "Give one of its values, or mend the declared type"
        yield DeclarationError("TS204", place, f"{name} is {value!r}, not a {of}", fix)


def _numbers(s: Specification, written: Mapping[str, Any]) -> Iterator[tuple[str, Number, Any]]:
    """Every number of a catalogue, with its place in it and its form."""
    for key, kind in s.form.items():
        if isinstance(kind, Number):
            yield key, kind, written[key]
        elif isinstance(kind, Entries):
            cells: Mapping[str, Cell] = kind.cells if isinstance(kind.cells, Mapping) else {"": kind.cells}
            for name, entry in written[key].items():
                for cell, its in cells.items():
                    if isinstance(its, Number):
                        yield ".".join(filter(None, (key, name, cell))), its, entry[cell] if cell else entry
        else:
            assert isinstance(kind, Ranking), "the form has three kinds of keys"


def _scope(scope: Scope, system: System, place: str) -> Iterator[DeclarationError]:
    fields: dict[str, Type] = {f.name: f.type for e in system.events for f in e.fields}
    for name, kind in fields.items():
        values = scope.values.get(name)
        if values is None:
            if isinstance(kind, Tokens):
                yield DeclarationError("TS204", place, f"it has no values for {name!r}, a {kind}", "Give it some")
        elif not values:
            yield DeclarationError("TS204", place, f"its list of values for {name!r} is empty", "Give it some")
        else:
            for value in values:
                if not kind.admits(value):
                    yield DeclarationError("TS204", place, f"{value!r} for {name!r} is not a {kind}", "Give one of its values")
    for v in system.machines[0].variables:
        if not isinstance(v.type, Tokens):
            continue
        if v.type.lo:
            message = f"{v.name!r} is a {v.type}, and a search counts from 0"
            yield DeclarationError("TS204", place, message, "Let the range begin at 0, or leave the scopes out")
        most = scope.most.get(v.name)
        if most is None:
            yield DeclarationError("TS204", place, f"it has no bound for {v.name!r}", "Say in `most` how far it is searched")
        elif not Tokens().admits(most):
            yield DeclarationError("TS204", place, f"its bound for {v.name!r} is {most!r}", "Give a whole number from 0 on")


def idle_parts(system: System) -> Iterator[DeclarationError]:
    """Yields the open questions that nothing asks, the variables that nothing sets, and the clocks that nothing runs."""
    account = system.machines[0]
    first = account.control_variable.initial
    if not any(
        first == Lit(state) and rule.target not in (None, state)
        for e in account.events
        for rule in e.rules
        for state in rule.source
    ):
        message = f"no rule leads out of its first value, {show(first)}, in which there is no account yet"
        fix = "Let it begin in one state, and let an event open the account"
        yield DeclarationError("TS123", f"machine {account.name!r}, variable {account.control!r}", message, fix)
    read = {name for m in system.machines for name in reads((m.variables, m.definitions, m.memory, m.events))}
    if system.ids is not None:
        read |= {system.ids.repeated, system.ids.refused}
    for machine in system.machines:
        place = f"machine {machine.name!r}"
        asked = read.union(*(_choosers(clock.calendar) for clock in machine.clocks))
        for policy in machine.policies:
            if policy.name not in asked:
                fix = "Let a rule or a calendar depend on it, or leave it out"
                yield DeclarationError("TS123", f"{place}, policy {policy.name!r}", "no answer to it changes anything", fix)
        rules = [rule for event in machine.events for rule in event.rules]
        moved = {machine.control, *(effect.name for rule in rules for effect in rule.effect)}
        for v in machine.variables:
            if v.name not in moved:
                fix = "Let a rule set it, or make it a parameter"
                yield DeclarationError("TS123", f"{place}, variable {v.name!r}", "no rule gives it a value", fix)
        acts = {act for rule in rules for act in rule.clocks}
        for period in machine.memory.periods if machine.memory is not None else ():
            if acts.isdisjoint(period.ended_by):
                fix = "Name what a rule does to a clock that ends it"
                yield DeclarationError("TS117", f"{place}, period {period.lasts!r}", "no rule ever ends it", fix)
        for clock in machine.clocks:
            where = f"{place}, clock {clock.name!r}"
            if (clock.name, ClockAct.STARTS) not in acts:
                fix = f"Let the rule with which it begins say starts({clock.name!r})"
                yield DeclarationError("TS119", where, "no rule starts it, so nothing ever falls due", fix)
            for rule in machine.event_named[clock.job].rules:
                if clock.name not in dict(rule.clocks):
                    fix = f"Let it say settles({clock.name!r}), or what was due stays due"
                    yield DeclarationError("TS119", where, f"the rule {rule.name!r} of its job leaves it as it is", fix)


def link_faults(system: System) -> Iterator[DeclarationError]:
    """Yields the links that cannot do what they say."""
    for link in system.links:
        place = f"link of {link.when!r} to {link.then!r}"
        own, (name, _, then) = link.when.partition(".")[0], link.then.partition(".")
        event = system.event_named[then]
        if name == own:
            fix = "Let the rule itself do it, or fire an event of another machine"
            yield DeclarationError("TS111", place, "it leads back into its own machine", fix)
        elif comes_with := [*(f.name for f in event.fields), *(key.name for key in event.keys)]:
            message = f"{then!r} comes with {', '.join(map(repr, comes_with))}, which a link cannot give"
            yield DeclarationError("TS111", place, message, "Fire an event that comes with nothing")


def _choosers(calendar: DeclaredCalendar) -> set[str]:
    """The policies by which a calendar is chosen."""
    if not isinstance(calendar, CalendarByPolicy):
        return set()
    return {calendar.policy}.union(*(_choosers(each) for _, each in calendar.answers))
