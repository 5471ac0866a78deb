"""The native search visits what the readable one visits: the same states, transitions, depth, rules, witnesses and violations."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import replace
from itertools import product

import pytest

from plain_search import explore
from tokenspec.invariants.claims import claims
from tokenspec.invariants.scopes import SCOPES, SMALL, TINY
from tokenspec.invariants.words import state
from tokenspec.machine.checkers.exploration import Exploration, instances
from tokenspec.machine.checkers.monitor import Tally, Watch
from tokenspec.machine.checkers.native.search import Budget, Search, split
from tokenspec.machine.checkers.native.transitions import Scoped
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.lang.build import eq, ite, ne, requires, rule, var, variable
from tokenspec.machine.lang.claims import ONE_OUTCOME, Claim, claim
from tokenspec.machine.lang.declaration import Actor, Event, Machine, Policy
from tokenspec.machine.lang.expr import TRUE
from tokenspec.machine.lang.specification import Scope
from tokenspec.machine.lang.types import Enum, Tokens
from tokenspec.machine.mutation.edits import with_rule
from tokenspec.oracle.account.transplanted_bugs import FAULTS, Fault
from tokenspec.oracle.check.scoped import scoped
from tokenspec.spec.account import account
from tokenspec.spec.policies import DEFAULTS, POLICIES
from tokenspec.spec.system import system

PLAIN, GHOSTLY = split(claims(TINY.catalogue.ranking))
TURNS = 8


def drawn(policy: Policy) -> list[str]:
    """An answer for each turn, beside others of the other policies each time; each is given at least twice."""
    answers = [policy.answers[turn % len(policy.answers)][0] for turn in range(TURNS)]
    return random.Random(policy.name).sample(answers, TURNS)


def readable(
    scope: Scope, only: list[Claim], machine: Machine | None = None, answers: Mapping[str, str] = DEFAULTS
) -> Exploration:
    machine = machine or account(scope.catalogue)
    reader, tally = Compiled(machine, {**scope.catalogue.parameters(), **DEFAULTS, **answers}), Tally()
    monitor = Watch(machine, only).monitor(reader, tally) if only else None
    found = explore(reader, instances(machine, scope.values), scope.most, monitor)
    found.tally = tally
    return found


def counts(found: Exploration) -> tuple[object, ...]:
    return found.states, found.transitions, found.depth, found.rules, found.complete


@pytest.mark.slow
def test_both_tiers_count_the_same() -> None:
    expected = counts(readable(SMALL, []))
    assert counts(Search(scoped(SMALL, [])).run()) == expected
    assert counts(Search(scoped(SMALL, []), hashed=True).run()) == expected


def test_the_standard_scope_has_more_than_a_million_states() -> None:
    found = Search(scoped(SCOPES["standard"], [])).run()
    assert (found.states, found.transitions, found.depth) == (1_180_873, 60_191_797, 26)


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(TURNS))
def test_both_tiers_count_the_same_under_every_answer(turn: int) -> None:
    answers = {p.name: drawn(p)[turn] for p in POLICIES}
    assert counts(Search(scoped(TINY, [], answers)).run()) == counts(readable(TINY, [], answers=answers))


@pytest.mark.slow
def test_claims_leave_the_counts_alone_and_their_witnesses_occur_in_both_or_in_neither() -> None:
    native, slow = Search(scoped(TINY, PLAIN)).run(), readable(TINY, PLAIN)
    assert native.violation is slow.violation is None
    assert counts(native) == counts(slow)
    assert slow.complete
    assert slow.tally.witnesses["never_stuck", "generation"] > 0
    # That each event has one outcome is looked at by the native search alone.
    assert {key for key, n in native.tally.witnesses.items() if n} - {ONE_OUTCOME} == {
        k for k, n in slow.tally.witnesses.items() if n
    }
    assert {key for key, times in native.tally.checked.items() if times} - {ONE_OUTCOME} == {
        k for k, n in slow.tally.checked.items() if n
    }


@pytest.mark.slow
def test_ghosts_are_searched_alike() -> None:
    native, slow = Search(scoped(TINY, GHOSTLY)).run(), readable(TINY, GHOSTLY)
    assert native.violation is slow.violation is None
    assert native.complete
    assert slow.complete
    assert native.transitions == slow.transitions
    assert GHOSTLY


@pytest.mark.slow
def test_open_policies_are_the_sum_of_their_answers() -> None:
    opened = tuple(p for p in POLICIES if p.name in {"upgrade_grant", "lapse_bank", "past_due_spending"})
    whole = Search(scoped(TINY, PLAIN, left_open=opened)).run()
    names = [p.name for p in opened]
    each = [
        Search(scoped(TINY, [], {**DEFAULTS, **dict(zip(names, answers, strict=True))})).run()
        for answers in product(*([a for a, _ in p.answers] for p in opened))
    ]
    assert len(each) == math.prod(len(p.answers) for p in opened) > 1
    assert whole.violation is None
    assert whole.states == sum(found.states for found in each)
    assert whole.transitions == sum(found.transitions for found in each)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [*FAULTS[::4], *(f for f in FAULTS if f.id == "two_rules_at_once")], ids=lambda f: f.id)
def test_both_tiers_find_the_same_violation(fault: Fault) -> None:
    machine = fault.seed(account(TINY.catalogue))
    only = [c for c in PLAIN if c.id == fault.claim]
    native, slow = Search(scoped(TINY, only, machine=machine)).run(), readable(TINY, only, machine)
    if slow.violation is None:
        # That two rules fit is seen by the native tier alone: the compiled reader takes the first.
        assert native.violation is None or (fault.id, native.violation.claim) == ("two_rules_at_once", "exactly_one_outcome")
    else:
        assert native.violation is not None
        assert (native.violation.claim, native.violation.part) == (slow.violation.claim, slow.violation.part)
        assert native.trace == slow.trace or slow.violation.claim == "never_stuck"


def test_a_claim_that_is_false_from_the_first_is_named() -> None:
    never = claim(1, "opened", "It is always open.", "", state("open", ne(var("status"), "absent"), eq(var("status"), "free")))
    found = Search(scoped(TINY, [never])).run()
    assert found.violation is not None
    assert (found.violation.claim, found.trace) == ("opened", [])


def test_two_rules_that_fit_are_an_outcome_too_many() -> None:
    machine = with_rule(account(TINY.catalogue), "resets_nothing", lambda r: replace(r, when=TRUE))
    found = Search(scoped(TINY, PLAIN, machine=machine)).run()
    assert found.violation is not None
    assert found.violation.claim == "exactly_one_outcome"
    assert "resets_empty_subscriber, resets_nothing" in found.violation.detail


@pytest.mark.slow
def test_a_rule_that_leaves_a_gap_is_found_by_both_tiers() -> None:
    machine = with_rule(account(TINY.catalogue), "renewal_waits", lambda r: replace(r, source=("active", "cancelling")))
    for found in (Search(scoped(TINY, PLAIN, machine=machine)).run(), readable(TINY, PLAIN, machine)):
        assert found.violation is not None
        assert found.violation.claim == "exactly_one_outcome"


@pytest.mark.parametrize("budget", [Budget(states=60_000), Budget(seconds=0.0)], ids=["states", "seconds"])
def test_a_budget_ends_the_search_and_it_says_so(budget: Budget) -> None:
    found = Search(scoped(SCOPES["standard"], [])).run(budget)
    assert not found.complete
    assert found.ended_by
    assert 0 < found.states < 1_180_873


def counter(most: int) -> Machine:
    """Counts up and starts again; half of it odd: enough to need every operator of the text."""
    n, odd = var("n"), var("side")
    up = rule("climbs", ("low", "high"), None, "it counts", when=n < most, effect=[n.becomes(n + 1)])
    over = rule("starts_again", ("low", "high"), "low", "it is full", when=eq(n, most), effect=[n.becomes(0)])
    turn = rule("turns", "low", "high", "sides change", effect=[n.becomes(ite(eq(odd, "low"), n, 0))])
    return Machine(
        "counter", "counts", "side",
        (variable("side", Enum("Side", ("low", "high")), "low", "side"), variable("n", Tokens(), 0, "number")),
        (
            Event("count", Actor.USER, "count", (), (), (up, over)),
            Event("turn", Actor.USER, "turn", (), (requires("must_be_low", ne(odd, "high"), "once"),), (turn,)),
        ),
    )  # fmt: skip


@pytest.mark.parametrize("hashed", [False, True])
def test_a_table_grows_with_what_it_holds(hashed: bool) -> None:
    machine = counter(99_999)
    found = Search(Scoped(machine, {}, instances(machine, {}), {"n": 99_999}), hashed).run()
    assert (found.states, found.complete) == (200_000, True)


def test_small_machines_count_alike() -> None:
    for machine in (*system().machines[1:], counter(7)):
        most = {"n": 7}
        slow = explore(Compiled(machine, {}), instances(machine, {}), most)
        native = Search(Scoped(machine, {}, instances(machine, {}), most)).run()
        assert counts(native) == counts(slow)


def test_a_number_without_a_bound_is_refused_by_name() -> None:
    machine = counter(7)
    with pytest.raises(ValueError, match="'n' needs a bound"):
        Scoped(machine, {}, instances(machine, {}), {})
