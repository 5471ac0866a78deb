"""Faults of a specification beside its machines: names in it that nothing declares would be passed over in silence."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from keyword import iskeyword

from tokenspec.machine.lang.declaration import Machine, Origin, System
from tokenspec.machine.lang.derived.claimed import claimed_machines
from tokenspec.machine.lang.derived.validate_worlds import figure_faults, idle_parts, link_faults
from tokenspec.machine.lang.errors import DeclarationError, DeclarationErrors
from tokenspec.machine.lang.specification import HINTS, Specification
from tokenspec.machine.lang.typecheck import fits
from tokenspec.machine.lang.types import Bool
from tokenspec.machine.lang.validate import check_clauses, citations, machine_scope, validate_system
from tokenspec.machine.lang.validate_claims import validate_claims
from tokenspec.machine.lang.validate_memory import memory_scope
from tokenspec.machine.lang.validate_names import check_kinds, twice, unknown

_IN_EVERY_ANSWER = ("outcome", "reason", "balances", "duplicate", "total", "delta")
"""The fields of an answer that are not declared, with the sums that may be observed beside them."""
_IN_EVERY_RECORD = ("account", "at", "event", "id", "observed", "observed_as", "op")
"""The keys of a record, or of a request, that are not declared."""
_SNAPSHOT = "snapshot"
"""The record that begins an account in mid-life."""


def validate_specification(specification: Specification) -> None:
    """Raises `DeclarationErrors` with every fault of the specification, its machines and claims, under its own catalogue.

    Claims, and what names a part of a machine, are read where the machines themselves have no fault.
    """
    if faults := check_kinds(specification):
        raise DeclarationErrors(faults)
    faults += _hints(specification)
    try:
        system = specification.system(specification.catalogue)
        validate_system(system)
    except DeclarationErrors as found:
        raise DeclarationErrors([*found.errors, *faults]) from None
    about = claimed_machines(system, specification.counted_pools)
    claims = specification.claims(specification.catalogue)
    cited = {f"claim {claim.id}": claim.clauses for claim in claims}
    for machine in system.machines:
        cited |= citations(machine)
    for check in (partial(validate_claims, claims, about), partial(check_clauses, specification.clauses, cited)):
        try:
            check()
        except DeclarationErrors as found:
            faults += found.errors
    faults += [*_records(specification, system), *idle_parts(system), *link_faults(system), *_lemmas(specification, about)]
    # A scope that names what there is not has no values for it either.
    faults += [*_parts(specification, system)] or [*figure_faults(specification)]
    if faults:
        raise DeclarationErrors(faults)


def _records(s: Specification, system: System) -> Iterator[DeclarationError]:
    """Faults of what records come with: names that all of them have already, and facts that nobody knows."""
    for machine in system.machines:
        supplied = {*s.facts, *(memory_scope(machine.memory) if machine.memory is not None else ())}
        # The oracle knows the facts of sessions by their names.
        for event in machine.events if machine.name != s.session else ():
            for f in event.fields:
                if f.origin is Origin.FACT and f.name not in supplied:
                    where, fix = f"event {event.name!r}, field {f.name!r}", "Name it in `facts`, or let the memory hold it"
                    yield DeclarationError("TS101", where, "it is a fact that nothing supplies", fix)
    for event in system.events:
        place, sent = f"event {event.name!r}", [f.key for f in event.fields if f.origin is Origin.PAYLOAD]
        own = [*sent, *(key.name for key in event.keys)]
        yield from twice(own, place, "key")
        taken = [f"every record has a key {name!r}" for name in _IN_EVERY_RECORD if name in own]
        taken += ["such a record begins an account in mid-life"] if event.name == _SNAPSHOT else []
        for message in taken:
            yield DeclarationError("TS102", place, message, "Choose another name")
        for name in dict.fromkeys(own):
            if not name.isidentifier() or iskeyword(name) or name.startswith("_"):
                fix = "Write it with letters, digits and underscores, beginning with a letter"
                yield DeclarationError("TS115", place, f"{name!r} is no name for a key of a record", fix)


def _hints(specification: Specification) -> Iterator[DeclarationError]:
    for kind, place in specification.hints.items():
        where = f"specification {specification.name!r}, hint {kind!r}"
        yield from unknown([kind], HINTS, "TS122", where, "a kind of hint")
        module, colon, name = place.partition(":")
        if not (colon and name.isidentifier() and all(part.isidentifier() for part in module.split("."))):
            fix = "Write it as package.module:NAME"
            yield DeclarationError("TS122", where, f"{place!r} names nothing in a module", fix)


def _lemmas(specification: Specification, about: tuple[Machine, ...]) -> Iterator[DeclarationError]:
    by_name = {machine.name: machine for machine in about}
    yield from twice((lemma.name for lemma in specification.lemmas), f"specification {specification.name!r}, lemmas", "lemma")
    for lemma in specification.lemmas:
        place = f"specification {specification.name!r}, lemma {lemma.name!r}"
        yield from unknown([lemma.machine], by_name, "TS101", place, "a machine")
        if lemma.machine in by_name:
            for formula in (lemma.holds, lemma.witness):
                yield from fits(formula, machine_scope(by_name[lemma.machine]), place, Bool(), "TS202")


def _parts(s: Specification, system: System) -> Iterator[DeclarationError]:
    """Faults of the names by which the specification speaks of its machines, its catalogue and its records."""
    place, account, fields = f"specification {s.name!r}", system.machines[0], [f for e in system.events for f in e.fields]
    clocks, variables = [clock.name for clock in account.clocks], [v.name for v in account.variables]
    keys = sorted({f.key for f in fields} | {key.name for e in system.events for key in e.keys})
    facts = [f.name for f in fields if f.origin is Origin.FACT or f.instead]
    answers = [name for e in system.events for name in e.answers]
    # The parts of a charge are said together.
    said = ["charge" if name.startswith("charge_") else name for name in answers]
    shown = [*(each.variable for each in s.answer.state), *(each.variable for each in s.answer.lists)]
    for where, code, names, known, what in (
        ("session", "TS101", [s.session], [m.name for m in system.machines[1:]], "a machine beside the account's"),
        ("facts", "TS101", s.facts, facts, "a fact of an event, or a field that another key may replace"),
        ("names", "TS101", s.names, keys, "a key of a record"),
        ("names", "TS101", s.names.values(), s.form, "a key of the catalogue"),
        ("prices", "TS101", s.prices, keys, "a key of a record"),
        ("prices", "TS101", s.prices.values(), s.names, "a key that names an entry of a table"),
        ("other_account", "TS101", [s.other_account], keys, "a key of a record"),
        ("in_place_of_jobs", "TS111", s.in_place_of_jobs, clocks, "a clock of the account"),
        ("in_place_of_jobs", "TS111", s.in_place_of_jobs.values(), account.event_named, "an event of the account"),
        ("answer", "TS101", shown, variables, "a variable of the account"),
        ("answer", "TS111", s.answer.clocks, clocks, "a clock of the account"),
        ("answer", "TS101", s.answer.total, account.pools, "a pool"),
        ("answer", "TS101", s.answer.said, said, "an answer of a rule"),
    ):
        yield from unknown(filter(None, names), list(dict.fromkeys(known)), code, f"{place}, {where}", what)
    lists = [each.name for each in s.answer.lists]
    of_answer = [*_IN_EVERY_ANSWER, *dict.fromkeys(said), *(each.variable for each in s.answer.state), *lists]
    yield from twice((*of_answer, *s.answer.clocks.values()), f"{place}, answer", "field")
    yield from twice((scope.name for scope in s.scopes), place, "scope")
    held = [v.name for machine in system.machines for v in machine.variables]
    for scope in s.scopes:
        where = f"{place}, scope {scope.name!r}"
        yield from unknown(scope.values, list(dict.fromkeys(f.name for f in fields)), "TS101", where, "a field of an event")
        yield from unknown(scope.most, held, "TS101", where, "a variable")
