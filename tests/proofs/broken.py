"""Worlds with a seeded fault, searched; and what a check would have gathered from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from plain_search import explore
from tokenspec.invariants.claims import claims
from tokenspec.invariants.scopes import TINY
from tokenspec.machine.checkers.monitor import Tally, Violation, Watch
from tokenspec.machine.checkers.native.search import split
from tokenspec.machine.checkers.native.transitions import Scoped
from tokenspec.machine.checkers.prover.induction import LEMMA, PROVED, Obligation
from tokenspec.machine.fuzzing.coverage import Coverage
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.lang.claims import LayerPart, LeadsToPart, LivenessPart
from tokenspec.oracle.account.transplanted_bugs import FAULTS
from tokenspec.oracle.check import scoped as scoping
from tokenspec.oracle.check.counterexample import Counterexample, from_search
from tokenspec.oracle.check.evidence import CheckSettings, Evidence, Searched
from tokenspec.oracle.fuzz.campaign import CampaignResult
from tokenspec.oracle.fuzz.worlds import Failure
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS
from tokenspec.spec.system import system

EVERY_PART = [(c.id, p) for c in claims(DEFAULT.ranking) for p in c.parts]


def scoped(fault: str, claim: str, policy: Mapping[str, str] = DEFAULTS) -> Scoped:
    """The tiny scope with a fault in it, and the one claim that counts."""
    machine = next(f for f in FAULTS if f.id == fault).seed(account(TINY.catalogue))
    plain, with_ghosts = split(c for c in claims(TINY.catalogue.ranking) if c.id == claim)
    return scoping.scoped(TINY, [*plain, *with_ghosts], {**DEFAULTS, **policy}, machine=machine)


@cache
def broken(fault: str, claim: str = "") -> Searched:
    """A search that finds what `fault` breaks: the claim that it is known for, if no other is named."""
    world = scoped(fault, claim or next(f.claim for f in FAULTS if f.id == fault))
    reader = Compiled(world.machine, world.parameters)
    found = explore(reader, world.instances, TINY.most, Watch(world.machine, world.claims).monitor(reader))
    return Searched(TINY, 1, world, found)


def example(fault: str, claim: str = "") -> Counterexample:
    searched = broken(fault, claim)
    return from_search(searched, searched.found)


def gathered(searches: Iterable[Searched] = (), failure: Failure | None = None) -> Evidence:
    """What a check would have gathered that proved everything, met everything, and found broken what is given."""
    coverage, tally = Coverage(system().machines), Tally()
    for claim, part in EVERY_PART:
        tally.checked[claim, part.name] = tally.witnesses[claim, part.name] = 1
    met = frozenset((event, what) for event, what, _ in coverage.rows())
    proved = [(c, p.name) for c, p in EVERY_PART if not isinstance(p, LayerPart | LivenessPart | LeadsToPart)]
    evidence = Evidence(CheckSettings(TINY, 120), CampaignResult(coverage, tally, met, failure=failure), is_proved_through=True)
    evidence.obligations = [Obligation(c, p, "everything", PROVED, 0.0) for c, p in [(LEMMA, "countable"), *proved]]
    evidence.searches += searches
    # What is broken has not been proved.
    errors = [s.found.violation for s in evidence.searches] + [failure.error if failure is not None else None]
    found = {(error.claim, error.part) for error in errors if isinstance(error, Violation)}
    evidence.obligations = [o for o in evidence.obligations if (o.claim, o.part) not in found]
    return evidence
