"""A declaration with a hole is refused by name: the event, the rules and the state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

import pytest

from tokenspec.invariants.claims import claims
from tokenspec.invariants.lemmas import lemmas
from tokenspec.invariants.scopes import TINY
from tokenspec.machine.checkers.exploration import Exploration, instances
from tokenspec.machine.checkers.native.search import Search
from tokenspec.machine.checkers.native.transitions import Scoped
from tokenspec.machine.checkers.prover.induction import REFUTED, Induction
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.expr import TRUE
from tokenspec.machine.lang.validate import validate
from tokenspec.machine.mutation.edits import with_event, with_rule
from tokenspec.oracle.check.scoped import scoped
from tokenspec.spec.account import account
from tokenspec.spec.policies import DEFAULTS
from tokenspec.spec.system import system
from tokenspec.spec.words import ACTIVE, relaxed_serves

Seed = Callable[[Machine], Machine]
FIRST_CLAIM = claims(TINY.catalogue.ranking)[:1]


@dataclass(frozen=True)
class Planted:
    """How a hole is planted, and what has to be said of it: the event, the rules that apply, and a state of the lifecycle."""

    seed: Seed
    event: str
    rules: tuple[str, ...]
    status: str
    policy: Mapping[str, str] = field(default_factory=dict)


def without_rule(event: str, name: str) -> Seed:
    return lambda m: with_event(m, event, lambda e: replace(e, rules=tuple(r for r in e.rules if r.name != name)))


PLANTED = {
    "one guard includes another": Planted(
        lambda m: with_rule(m, "resets_nothing", lambda r: replace(r, when=TRUE)),
        "daily_reset",
        ("resets_empty_subscriber", "resets_nothing"),
        "active",
    ),
    "a guard is dropped": Planted(
        lambda m: with_rule(m, "resets_empty_subscriber", lambda r: replace(r, when=TRUE)),
        "daily_reset",
        ("resets_empty_subscriber", "resets_nothing"),
        "active",
    ),
    "two rules start in one state": Planted(
        lambda m: with_rule(m, "ends_as_cancelled", lambda r: replace(r, source=(*r.source, "past_due"))),
        "renew",
        ("renews", "ends_as_cancelled"),
        "past_due",
    ),
    "guards overlap under one policy": Planted(
        lambda m: with_rule(m, "generates_relaxed", lambda r: replace(r, when=relaxed_serves.expr)),
        "generate",
        ("generates_for_tokens", "generates_relaxed"),
        "active",
        {"stranded_remainder": "relax"},
    ),
    "a state has neither rule nor refusal": Planted(
        lambda m: with_rule(m, "renews", lambda r: replace(r, source=(ACTIVE,))), "renew", (), "past_due"
    ),
    "a rule is missing": Planted(without_rule("cancel", "gives_up_unpaid"), "cancel", (), "past_due"),
}
each_hole = pytest.mark.parametrize("name", PLANTED)


def searched(machine: Machine, policy: Mapping[str, str]) -> Exploration:
    validate(machine)
    found = scoped(TINY, FIRST_CLAIM, {**DEFAULTS, **policy}, machine=machine)
    return Search(found).run()


@cache
def planted(name: str) -> Machine:
    return PLANTED[name].seed(account(TINY.catalogue))


def test_the_account_and_the_small_machines_have_no_hole() -> None:
    for stranded in ("refuse", "relax", "drain"):
        assert searched(account(TINY.catalogue), {"stranded_remainder": stranded}).violation is None
    for machine in system().machines[1:]:
        assert Search(Scoped(machine, {}, instances(machine, {}), {}, FIRST_CLAIM)).run().violation is None


@each_hole
def test_a_hole_is_found_where_the_reference_reader_finds_it(name: str) -> None:
    found, hole = searched(planted(name), PLANTED[name].policy), PLANTED[name]
    assert found.violation is not None
    assert found.violation.claim == "exactly_one_outcome"
    assert found.trace[-1][0] == hole.event
    assert f"{', '.join(hole.rules) or 'no rule'} applies" in found.violation.detail
    assert f"'status': '{hole.status}'" in found.violation.detail


def test_an_overlap_under_another_policy_is_not_in_the_scope() -> None:
    assert searched(planted("guards overlap under one policy"), {}).violation is None


@each_hole
def test_the_prover_names_the_event_too(name: str) -> None:
    obligations = Induction(planted(name), (), lemmas()).obligations()
    assert {PLANTED[name].event} == {o.about for o in obligations if o.claim == "exactly_one_outcome" and o.verdict == REFUTED}
