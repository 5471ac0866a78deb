"""Systematic faults: so many, each one small change, each readable or said not to be, and the claims that find some of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from lang.turnstile import turnstile
from plain_search import explore
from tokenspec.invariants.claims import claims
from tokenspec.invariants.scopes import TINY
from tokenspec.machine.checkers.exploration import instances
from tokenspec.machine.checkers.monitor import Watch
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.lang.build import Term, any_of, eq, ite, lookup, maximum, var
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.typecheck import show
from tokenspec.machine.lang.validate import machine_scope
from tokenspec.machine.mutation.expressions import Rewriter, replaced
from tokenspec.machine.mutation.operators import OPERATORS, Mutant, mutants
from tokenspec.spec.account import account
from tokenspec.spec.policies import DEFAULTS

ORIGINAL = account(TINY.catalogue)


@cache
def every_mutant() -> dict[str, Mutant]:
    return {m.id: m for m in mutants(ORIGINAL)}


def changed_parts(original: Machine, mutant: Machine) -> list[object]:
    pairs = zip(
        (*original.events, *original.definitions, *original.variables, original.memory),
        (*mutant.events, *mutant.definitions, *mutant.variables, mutant.memory),
        strict=True,
    )
    return [new for old, new in pairs if old != new]


def test_every_operator_makes_some() -> None:
    assert {m.operator for m in every_mutant().values()} == OPERATORS.keys()


def test_each_changes_one_part_and_no_two_change_it_alike() -> None:
    changes = [changed_parts(ORIGINAL, m.machine) for m in every_mutant().values()]
    assert {len(parts) for parts in changes} == {1}
    assert len({parts[0] for parts in changes}) == len(every_mutant())


def test_they_are_the_same_each_time_and_each_has_a_name_of_its_own() -> None:
    again = mutants(account(TINY.catalogue))
    assert [(m.id, m.fault) for m in again] == [(m.id, m.fault) for m in every_mutant().values()]


@pytest.mark.slow
def test_only_these_operators_make_what_validation_refuses() -> None:
    """Only an event that has lost its only rule, one that was never accepted and now is, a value that its variable cannot
    have, a clock that begins where nothing says at which time of day.
    """
    refused = [m for m in every_mutant().values() if m.refused]
    operators = {"rule_dropped", "requirement_dropped", "requirement_negated", "initial", "constant", "clock"}
    assert {m.operator for m in refused} == operators
    assert all(any(f"[{code}]" in m.refused for code in ("TS109", "TS121", "TS204")) for m in refused)


def test_any_machine_has_mutants() -> None:
    found = mutants(turnstile())
    assert {m.operator for m in found} >= {"requirement_dropped", "effect_dropped", "policy", "boundary", "clock", "posting_kind"}
    assert {len(changed_parts(turnstile(), m.machine)) for m in found} == {1}


REWRITER = Rewriter(ORIGINAL, machine_scope(ORIGINAL))
FAST, DUE, IS_DUE = var("fast"), var("renewals_due"), var("daily_reset_due")
NO_REFUND = eq(var("refund"), "none")


@pytest.mark.parametrize(
    ("expr", "becomes"),
    [
        (DUE < 3, ["renewals_due <= 3", "(renewals_due + 1) < 3", "not (renewals_due < 3)"]),
        (var("plan") < "higher", ["plan <= higher", "not (plan < higher)"]),
        (eq(DUE, 2), ["renewals_due != 2", "renewals_due = 1"]),
        (
            any_of(IS_DUE, NO_REFUND),
            [
                "refund = none",
                "daily_reset_due",
                "(not daily_reset_due) or (refund = none)",
                "daily_reset_due or (refund != none)",
                "daily_reset_due or true",
                "daily_reset_due or false",
            ],
        ),
        (
            ite(IS_DUE, DUE, FAST),
            [
                "renewals_due",
                "fast",
                "(fast if daily_reset_due else renewals_due)",
                "(renewals_due if daily_reset_due else rollover)",
            ],
        ),
        (maximum(FAST, 1), ["fast", "1", "max(rollover, 1)", "max(fast, 0)", "max(fast, 2)"]),
        (FAST - DUE, ["fast + renewals_due", "rollover - renewals_due"]),
        (
            lookup(var("plan"), {"free": 1, "lower": FAST, "higher": DUE}, 0),
            [
                "(fast if plan = free else (fast if plan = lower else (renewals_due if plan = higher else 0)))",
                "(1 if plan = free else (renewals_due if plan = lower else (renewals_due if plan = higher else 0)))",
                "(1 if plan = free else (fast if plan = lower else (fast if plan = higher else 0)))",
            ],
        ),
    ],
    ids=["order", "order of members", "equality", "conditions", "choice", "maximum", "difference", "table"],
)
def test_an_expression_is_changed_in_these_ways(expr: Term, becomes: list[str]) -> None:
    assert [show(replaced(expr.expr, r.before, r.after)) for r in REWRITER.rewrites(expr.expr)] == becomes


@pytest.mark.parametrize(
    ("name", "claim", "part"),
    [
        ("requirements_exchanged.upgrade.renewal_must_not_be_due", "exactly_one_outcome", "upgrade"),
        ("boundary.api_generate.api_tokens_must_cover_cost", "exactly_one_outcome", "api_generate"),
        ("target.subscribes.target.2", "exactly_one_outcome", "status"),
        ("effect_dropped.upgrades.plan", "plan_changes_keep_the_date", "asked"),
        ("effect_dropped.resumes.scheduled_plan", "plan_changes_keep_the_date", "otherwise"),
        ("clock.upgrades.renewal", "one_grant_per_due_date", "clocks"),
        ("posting_kind.opens.granted_daily", "conservation", "kinds"),
        ("branch.refunds.daily.2", "conservation", "refunded"),
        ("row.allowance", "pools_within_allowance", "figure"),
        ("branch.qualifies_for_daily", "pools_within_allowance", "day"),
        ("side.subscribes.rollover.2", "bank_within_three_months", "comes_back"),
        ("answer_dropped.generates_relaxed.answer_mode", "charge_equals_price", "mode"),
    ],
)
def test_these_are_found_by_the_part_that_says_it_again(name: str, claim: str, part: str) -> None:
    mutant = every_mutant()[name]
    (only,) = (
        replace(c, parts=tuple(p for p in c.parts if p.name == part)) for c in claims(TINY.catalogue.ranking) if c.id == claim
    )
    reader = Compiled(mutant.machine, {**TINY.catalogue.parameters(), **DEFAULTS})
    monitor = Watch(mutant.machine, [only]).monitor(reader)
    found = explore(reader, instances(mutant.machine, TINY.values), TINY.most, monitor)
    assert found.violation is not None, mutant.fault
    assert (found.violation.claim, found.violation.part) == (claim, part)
