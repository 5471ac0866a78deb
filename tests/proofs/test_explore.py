"""The explorer visits every state of a scope; the counts are pinned, and change only with the meaning."""

from __future__ import annotations

import pytest

from plain_search import explore
from tokenspec.invariants.claims import claims
from tokenspec.invariants.scopes import TINY
from tokenspec.machine.checkers.exploration import instances
from tokenspec.machine.checkers.monitor import Watch
from tokenspec.machine.interpreters import reference
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.outcome import Accepted
from tokenspec.oracle.account.transplanted_bugs import FAULTS
from tokenspec.spec.account import account
from tokenspec.spec.policies import DEFAULTS
from tokenspec.spec.system import system


def compiled(machine: Machine | None = None, **answers: str) -> Compiled:
    return Compiled(machine or account(TINY.catalogue), {**TINY.catalogue.parameters(), **DEFAULTS, **answers})


def test_the_account_has_as_many_states_at_the_tiny_scope_as_are_pinned_here() -> None:
    reader = compiled()
    found = explore(reader, instances(reader.machine, TINY.values), TINY.most)
    assert found.complete
    assert (found.states, found.transitions, found.depth) == (3_905, 150_797, 16)
    assert {rule for rule, times in found.rules.items() if not times} == {"downgrades", "refunds_api"}


def test_the_rules_that_the_default_answers_leave_idle_apply_under_the_others() -> None:
    reader = compiled(downgrade_timing="at_once", api_refund="to_source")
    found = explore(reader, instances(reader.machine, TINY.values), TINY.most)
    assert found.complete
    assert {rule for rule, times in found.rules.items() if not times} == {"schedules_downgrade"}


def test_the_small_machines_have_as_many_states_as_are_pinned_here() -> None:
    counts = {}
    for machine in system().machines[1:]:
        found = explore(Compiled(machine, {}), instances(machine, {}), {})
        counts[machine.name] = (found.states, found.transitions)
    assert counts == {"daily_job": (4, 9), "session": (3, 14)}


@pytest.mark.parametrize("name", ["bank_without_ceiling", "packs_die_at_lapse", "free_day_never_comes", "day_granted_twice"])
def test_a_fault_is_found_with_a_trace_that_the_reference_reader_can_follow(name: str) -> None:
    fault = next(f for f in FAULTS if f.id == name)
    reader = compiled(fault.seed(account(TINY.catalogue)))
    watch = Watch(reader.machine, [c for c in claims(TINY.catalogue.ranking) if c.id == fault.claim])
    found = explore(reader, instances(reader.machine, TINY.values), TINY.most, watch.monitor(reader))
    assert found.violation is not None
    assert not found.complete
    state = reference.initial_state(reader.machine, reader.parameters)
    for event, fields in found.trace:
        names = [f.name for f in reader.machine.event_named[event].fields]
        step = reference.step(reader.machine, reader.parameters, state, event, dict(zip(names, fields, strict=True)))
        assert isinstance(step, Accepted)
        state = dict(step.state)


def test_a_search_that_a_budget_ended_has_shown_nothing() -> None:
    reader = compiled()
    found = explore(reader, instances(reader.machine, TINY.values), TINY.most, max_states=100)
    assert not found.complete
    assert found.states > 100


def test_a_scope_that_leaves_a_field_open_is_refused() -> None:
    with pytest.raises(ValueError, match="gives no values for"):
        instances(account(TINY.catalogue), {})
