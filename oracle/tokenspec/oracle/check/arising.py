"""What cannot arise under settings of one's own: interesting cases of claims that these settings rule out, each with the reason.

A case that no engine met is asked for: whether some state in which every invariant holds allows it (the prover, with every
figure open and the named policies fixed); of what speaks of clocks and journal, whether the events that it takes can be
accepted at all; of what stays possible, whether a search that came to its end met it. None of this is a list.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from tokenspec.invariants.claims import claims
from tokenspec.invariants.lemmas import lemmas
from tokenspec.machine.checkers.monitor import Tally
from tokenspec.machine.checkers.prover.induction import Induction
from tokenspec.machine.fuzzing.reachability import closed_off, decided
from tokenspec.machine.lang.build import assumption, eq, var
from tokenspec.machine.lang.claims import Claim, LayerPart, LeadsToPart, LivenessPart, Part, RefusalPart
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.typecheck import show
from tokenspec.machine.lang.types import Value
from tokenspec.machine.proofs.obligations import TWIN
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT, Catalogue
from tokenspec.spec.system import system

Case: TypeAlias = tuple[str, str, str]
"""A claim's id, the name of a part, and which of its interesting cases: as the prover calls it."""


@dataclass(frozen=True)
class Absence:
    """A case that cannot arise, and why. `by_proof`: it rests on the invariants, and stands only where they are proved."""

    case: Case
    reason: str
    by_proof: bool = False


def cases(claim: Claim, part: Part) -> list[Case]:
    """The interesting cases of a part: each code of a refusal, the one case of any other."""
    abouts = [f"{TWIN} {code}" for code, _ in part.refusals] if isinstance(part, RefusalPart) else [TWIN]
    return [(claim.id, part.name, about) for about in abouts]


def times_met(tally: Tally, case: Case) -> int:
    """Returns how often a case occurred."""
    claim, part, about = case
    codes = tally.refused.get((claim, part))
    return tally.twins[claim, part] if codes is None else codes[about.removeprefix(f"{TWIN} ")]


def absences(tally: Tally, policy: Mapping[str, str], catalogue: Catalogue | None, searched: str) -> Iterator[Absence]:
    """The cases that were not met and cannot be. `searched` tells of the searches where each came to its end; else empty."""
    if not policy and catalogue is None:
        return
    parts = {case: (c, p) for c in claims(DEFAULT.ranking) for p in c.parts for case in cases(c, p) if not times_met(tally, case)}
    provable = set[Case]()
    for case, (_, part) in parts.items():
        if isinstance(part, LayerPart):
            if reason := _closed(part, policy, catalogue):
                yield Absence(case, reason)
        elif isinstance(part, LivenessPart | LeadsToPart):
            if searched:
                yield Absence(case, f"it occurs nowhere in {searched}")
        else:
            provable.add(case)
    for machine in system().machines:
        yield from _impossible(machine, provable, policy)


def _impossible(machine: Machine, wanted: Collection[Case], policy: Mapping[str, str]) -> Iterator[Absence]:
    """Those of the cases that the prover finds impossible, with the setting that rules each out."""
    settings = {name: policy[name] for name in policy if name in {p.name for p in machine.policies}}
    left = _under(machine, settings, wanted) if settings else set()
    singly = [{name: answer} for name, answer in settings.items()] if len(settings) > 1 else []
    for some in (*singly, settings):
        found = _under(machine, some, left) if some != settings else left
        for case in sorted(found):
            what = "its case" if case[2] == TWIN else f"the refusal {case[2].removeprefix(TWIN).strip()}"
            yield Absence(case, f"{what} is impossible under {_told(some)}", by_proof=True)
        left = left - found


def _under(machine: Machine, settings: Mapping[str, str], wanted: Collection[Case]) -> set[Case]:
    if not wanted:
        return set()
    fixed = (assumption(eq(var(name), answer), f"{name}: it is {answer}") for name, answer in settings.items())
    narrowed = replace(machine, assumptions=(*machine.assumptions, *fixed))
    return Induction(narrowed, claims(DEFAULT.ranking), lemmas()).impossible(wanted)


def _closed(part: LayerPart, policy: Mapping[str, str], catalogue: Catalogue | None) -> str:
    """Why the events or the settings that a part about clocks and journal takes cannot be; empty where they can."""
    if decided(system().machines[0], part.where, policy) is False:
        return f"it takes {show(part.where)}, and not {_told({n: a for n, a in policy.items() if n in show(part.where)})}"
    figures: dict[str, Value] = {}
    if catalogue is not None:
        figures = catalogue.parameters() | ({} if catalogue.prices else {"price_is_listed": False})
    singly: Sequence[Mapping[str, Value]] = [{name: answer} for name, answer in policy.items()]
    machine = account(catalogue or DEFAULT)
    for some in (*singly, figures, {**policy, **figures}):
        closed = {rule for _, rule in closed_off(machine, some)} if part.after and some else set()
        if part.after and closed.issuperset(part.after):
            under = _told(some) if some in singly else "this catalogue" if some is figures else "these settings"
            return f"no event is accepted by {' or '.join(part.after)} under {under}"
    return ""


def _told(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={answer}" for name, answer in settings.items())
