"""One search that looks at many changed machines says of each what a plain walk over all states says."""

from __future__ import annotations

import pytest

from differential.compared import compare
from tokenspec.invariants.claims import claims
from tokenspec.invariants.scopes import TINY
from tokenspec.machine.checkers.compare.proved import breaches, changed_events
from tokenspec.machine.checkers.exploration import instances
from tokenspec.machine.checkers.native.search import Search, split
from tokenspec.machine.interpreters.compiled import Compiled, Row
from tokenspec.oracle.account.transplanted_bugs import FAULTS
from tokenspec.oracle.check.mutants.campaign import seeded
from tokenspec.oracle.check.scoped import scoped
from tokenspec.spec.account import account
from tokenspec.spec.policies import DEFAULTS

ORIGINAL = account(TINY.catalogue)
PARAMETERS = {**TINY.catalogue.parameters(), **DEFAULTS}
EVENTS = instances(ORIGINAL, TINY.values)
PLAIN, _ = split(claims(TINY.catalogue.ranking))
MUTANTS = (
    "boundary.upgrade.plan_must_be_higher",
    "boundary.downgrade.plan_must_be_lower",
    "requirements_exchanged.downgrade.plan_must_be_lower",
    "effect_dropped.gives_up_unpaid.scheduled_plan",
    "requirements_exchanged.upgrade.renewal_must_not_be_due",
    "row.allowance",
    "policy.refund.refunds_must_be_offered",
)


def answers_alike(one: Compiled, other: Compiled, row: Row, event: str, fields: Row) -> bool:
    outcomes = []
    for reader in (one, other):
        index, after, answers = reader.steps[event](row, fields)
        outcomes.append((after, answers) if index >= 0 else reader.codes[-1 - index])
    return outcomes[0] == outcomes[1]


@pytest.mark.slow
def test_two_machines_differ_in_as_many_states_as_a_walk_over_them_finds() -> None:
    others = [seeded(TINY.catalogue)[name].machine for name in MUTANTS]
    compared = compare(scoped(TINY, ()), others)
    walked = Search(scoped(TINY, ()))
    assert walked.run().complete
    names = [v.name for v in ORIGINAL.variables]
    layout = scoped(TINY, ()).layout
    rows = [tuple(layout.values(rank, names).values()) for rank in walked.ranks()]
    one = Compiled(ORIGINAL, PARAMETERS)
    for machine, differing in zip(others, compared.differing, strict=True):
        other, changed = Compiled(machine, PARAMETERS), changed_events(ORIGINAL, machine)
        asked = [(event, fields) for event, fields in EVENTS if event in changed]
        assert differing == sum(not all(answers_alike(one, other, row, *each) for each in asked) for row in rows)
    assert 0 in compared.differing
    assert any(compared.differing)


@pytest.mark.slow
def test_a_breach_found_among_many_is_found_alone_too_and_not_sooner() -> None:
    machines, original = [fault.seed(ORIGINAL) for fault in FAULTS[::8]], scoped(TINY, PLAIN)
    found = breaches(original, machines, 0)
    assert sum(breach is not None for breach in found) > len(machines) / 2
    for machine, breach in zip(machines, found, strict=True):
        if breach is not None:
            alone = Search(scoped(TINY, PLAIN, machine=machine, like=original)).run()
            assert alone.violation is not None
            assert len(alone.trace) <= len(breach.trace)


def test_the_original_breaks_nothing_and_differs_in_nothing() -> None:
    assert breaches(scoped(TINY, PLAIN), [ORIGINAL], 0) == [None]
    assert compare(scoped(TINY, ()), [ORIGINAL]).differing == [0]
