"""Interesting cases of claims that the user's settings rule out, each with the reason.

A claim says itself in which worlds it arises. Each other case that no engine met is examined: the prover looks for a state
in which every invariant holds and that allows it (with every figure open and the named policies fixed); for a part about
clocks and journal, its events must be accepted somewhere; for liveness, a complete search must have met it. None of this is
a list.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from tokenspec.machine.checkers.monitor import Tally
from tokenspec.machine.checkers.prover.induction import Induction
from tokenspec.machine.fuzzing.reachability import closed_off, decided
from tokenspec.machine.lang.build import assumption, eq, requires, var
from tokenspec.machine.lang.claims import Claim, LayerPart, LeadsToPart, LivenessPart, Part, RefusalPart
from tokenspec.machine.lang.declaration import Assumption, Event, Machine
from tokenspec.machine.lang.expr import names_in
from tokenspec.machine.lang.specification import Scope
from tokenspec.machine.lang.typecheck import show
from tokenspec.machine.lang.types import Value
from tokenspec.machine.proofs.contexts import WITNESS
from tokenspec.oracle.base.specification import DEFAULT, SPEC, AnyCatalogue, account, claimed_machines, claims, lemmas, system
from tokenspec.oracle.wire.settings import broken_assumptions

Case: TypeAlias = tuple[str, str, str]
"""A claim's id, the name of a part, and the prover's name of one of its interesting cases."""


@dataclass(frozen=True)
class Absence:
    """A case that cannot arise, and the reason. `by_proof`: the reason is valid only where the invariants are proved."""

    case: Case
    reason: str
    by_proof: bool = False


def cases(claim: Claim, part: Part) -> list[Case]:
    """Returns the interesting cases of a part: each code of a refusal, the one case of any other."""
    abouts = [f"{WITNESS} {code}" for code, _ in part.refusals] if isinstance(part, RefusalPart) else [WITNESS]
    return [(claim.id, part.name, about) for about in abouts]


def times_met(tally: Tally, case: Case) -> int:
    """Returns the number of times a case occurred."""
    claim, part, about = case
    codes = tally.refused.get((claim, part))
    return tally.witnesses[claim, part] if codes is None else codes[about.removeprefix(f"{WITNESS} ")]


def absences(tally: Tally, policy: Mapping[str, str], catalogue: AnyCatalogue | None, searched: str) -> Iterator[Absence]:
    """Yields the cases that were not met and cannot be. `searched` names the searches if all were complete; else empty."""
    if not policy and catalogue is None:
        return
    elsewhere = dict(_elsewhere(policy, catalogue))
    closed = list(_closed(policy, catalogue))
    yield from (Absence(case, reason) for case, reason in elsewhere.items())
    unmet = ((case, (c, p)) for c in claims() for p in c.parts for case in cases(c, p) if not times_met(tally, case))
    parts = {case: about for case, about in unmet if case not in elsewhere}
    provable = set[Case]()
    for case, (_, part) in parts.items():
        if isinstance(part, LayerPart):
            if part.after and (under := _ruled_out_by(part.after, closed)):
                yield Absence(case, f"no event is accepted by {' or '.join(part.after)} under {under}")
        elif isinstance(part, RefusalPart) and (reason := _never_refused(part, case, closed)):
            yield Absence(case, reason)
        elif isinstance(part, LivenessPart | LeadsToPart):
            if searched:
                yield Absence(case, f"it occurs nowhere in {searched}")
        else:
            provable.add(case)
    for machine in claimed_machines(system(catalogue or DEFAULT)):
        yield from _impossible(machine, provable, policy, catalogue)


def _elsewhere(policy: Mapping[str, str], catalogue: AnyCatalogue | None) -> Iterator[tuple[Case, str]]:
    """Yields each case of claims, and parts, that are about worlds with other figures or policies, with the reason."""
    figures = {**policy, **({} if catalogue is None else catalogue.parameters())}
    for claim in claims(catalogue or DEFAULT):
        for part in claim.parts:
            wheres = (claim.where, part.where) if isinstance(part, LayerPart) else (claim.where,)
            wrong = next((w for w in wheres if decided(system().machines[0], w, figures) is False), None)
            if wrong is not None:
                named = sorted(set(names_in(wrong)) & figures.keys())
                told = " and ".join(f"{n}={policy[n]}" if n in policy else f"{n} is {figures[n]}" for n in named)
                reason = f"it takes {show(wrong)}, and under {'this catalogue' if catalogue else 'these settings'} {told}"
                yield from ((case, reason) for case in cases(claim, part))


def _impossible(
    machine: Machine, wanted: Collection[Case], policy: Mapping[str, str], catalogue: AnyCatalogue | None
) -> Iterator[Absence]:
    """Yields the cases that the prover finds impossible, with the setting that rules each out.

    `machine` is declared for the plans and packs of the catalogue, whose facts are true of every event with such a field.
    """
    facts = {} if catalogue is None else SPEC.unnamed(catalogue)
    own = {p.name for p in machine.policies} | {f.name for event in machine.events for f in event.fields}
    fixed = {name: answer for name, answer in policy.items() if name in own}
    settings: dict[str, Value] = {**fixed, **{name: value for name, value in facts.items() if name in own}}
    left = _under(machine, catalogue, settings, wanted) if settings or catalogue is not None else set()
    groups: list[Mapping[str, Value]] = [{}, facts] if catalogue is not None else []
    groups += [{name: answer} for name, answer in fixed.items()]
    for some in (*(group for group in groups if group != settings), settings):
        found = _under(machine, catalogue, some, left) if some != settings else left
        under = "this catalogue" if some.keys() <= facts.keys() else _told({n: v for n, v in some.items() if n in fixed})
        for case in sorted(found):
            what = "its case" if case[2] == WITNESS else f"the refusal {case[2].removeprefix(WITNESS).strip()}"
            yield Absence(case, f"{what} is impossible under {under}", by_proof=True)
        left = left - found


def _under(
    machine: Machine, catalogue: AnyCatalogue | None, settings: Mapping[str, Value], wanted: Collection[Case]
) -> set[Case]:
    if not wanted:
        return set()
    of_policies = {p.name for p in machine.policies}
    fixed = (assumption(eq(var(n), v), f"{n}: it is {v}") for n, v in settings.items() if n in of_policies)
    narrowed = replace(
        machine, assumptions=(*machine.assumptions, *fixed), events=tuple(_given(event, settings) for event in machine.events)
    )
    return Induction(narrowed, claims(catalogue or DEFAULT), lemmas()).impossible(wanted)


def _given(event: Event, facts: Mapping[str, Value]) -> Event:
    """Returns the event with its fields fixed to these values."""
    given = (requires(f"{f.name}_is_given", eq(var(f.name), facts[f.name]), "") for f in event.fields if f.name in facts)
    return replace(event, requires=(*given, *event.requires))


def _never_refused(part: RefusalPart, case: Case, closed: Iterable[tuple[str, set[str]]]) -> str:
    """Returns the reason why `part`'s event is never refused with the code of the case; empty where it may be."""
    code = case[2].removeprefix(WITNESS).strip()
    under = _ruled_out_by((f"{part.event}, refused: {code}",), closed)
    return f"{part.event} is never refused with {code} under {under}" if under else ""


def _ruled_out_by(outcomes: Collection[str], closed: Iterable[tuple[str, set[str]]]) -> str:
    """Returns the settings under which none of the outcomes can be met; empty where there are none."""
    return next((told for told, unmet in closed if unmet.issuperset(outcomes)), "")


def _closed(policy: Mapping[str, str], catalogue: AnyCatalogue | None) -> Iterator[tuple[str, set[str]]]:
    """Yields the settings in words, one by one and then together, each with the outcomes that cannot be met under them.

    An outcome is a rule by its name, or a refusal with its event.
    """
    figures = {} if catalogue is None else catalogue.parameters() | SPEC.unnamed(catalogue)
    asked: list[tuple[str, Mapping[str, Value]]] = [(_told({name: answer}), {name: answer}) for name, answer in policy.items()]
    asked += [("this catalogue", figures)] if figures else []
    asked += [("these settings", {**policy, **figures})] if len(asked) > 1 else []
    machine = account(catalogue or DEFAULT)
    for told, some in asked:
        closed = closed_off(machine, some)
        yield told, {what if ":" not in what else f"{event}, {what}" for event, what in closed}


def _told(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={answer}" for name, answer in settings.items())


def assumptions(catalogue: AnyCatalogue | None) -> tuple[Assumption, ...]:
    """Returns the assumptions about the figures of `catalogue`, of the shipped one where None."""
    return account(catalogue or DEFAULT).assumptions


def unsatisfied(scopes: Iterable[Scope], catalogue: AnyCatalogue | None) -> Iterator[str]:
    """Yields the assumptions that the searched scopes, the shipped catalogue or the one in use break."""
    used = {f"the {scope.name} scope": scope.catalogue for scope in scopes} | {"the shipped catalogue": DEFAULT}
    for name, figures in (used | ({"the catalogue": catalogue} if catalogue is not None else {})).items():
        for each in broken_assumptions(figures):
            yield f"{name} breaks what every proof assumes, {show(each.holds)}: what is proved says nothing of it"
