"""A live object, driven by the means of `transitions`, does what the reference says: for every specification of the checkout.

Facts are not given here but remembered by the object. What they have to be is told by another machine: the declared one with one
entry of its memory as a plain part of its state, which the reference steps.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from prepaid.specification import PREPAID
from purse.specification import PURSE

from tokenspec.invariants.specification import SPECIFICATION
from tokenspec.machine.fuzzing.boundary_values import Amounts
from tokenspec.machine.interpreters import reference
from tokenspec.machine.interpreters.live import Live, live_account
from tokenspec.machine.lang.declaration import Event
from tokenspec.machine.lang.derived.entries import with_and_without_entry
from tokenspec.machine.lang.outcome import Accepted, Refused, Values
from tokenspec.machine.lang.specification import Specification
from tokenspec.machine.lang.types import Value

SPECIFICATIONS = {each.name: each for each in (SPECIFICATION, PREPAID, PURSE)}
FIRE: tuple[Callable[[Live, str, Values], bool], ...] = (
    lambda account, event, fields: bool(getattr(account, event)(**fields)),
    lambda account, event, fields: account.trigger(event, **fields),
    lambda account, event, fields: account.machine.events[event].trigger(account, **fields),
)
ASK: tuple[Callable[[Live, str, Values], bool], ...] = (
    lambda account, event, fields: getattr(account, f"may_{event}")(**fields),
    lambda account, event, fields: account.may_trigger(event, **fields),
)
ENTRY = "the one"
MOST_FIELDS = 24
each_specification = pytest.mark.parametrize("specification", SPECIFICATIONS.values(), ids=SPECIFICATIONS)
tried = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    # An account takes long to make: shrinking would take minutes.
    phases=[Phase.explicit, Phase.generate],
)


class Beside:
    """A live account with the state that the reference gives it: the declared one, and what one entry of the memory holds."""

    def __init__(self, specification: Specification, policy: dict[str, str]) -> None:
        self.account = live_account(specification, policy)
        self.declared = specification.main()
        *_, self.right = with_and_without_entry(self.declared)
        self.parameters = {**specification.catalogue.parameters(), **specification.defaults, **policy}
        self.state: Values = reference.initial_state(self.right, self.parameters)
        self._amounts = Amounts(self.right, self.parameters)

    def fields(self, event: Event, dice: bytes) -> dict[str, Value]:
        """The fields of an event of the right machine, which reads the facts of the entry in its own state."""
        thrown = zip(event.fields, dice, strict=False)
        return {f.name: self._amounts.value(tuple(self.state.values()), f.type, die) for f, die in thrown}

    def given(self, event: Event, fields: Values) -> dict[str, Value]:
        """The same fields under their names in a record, and the key of the entry."""
        memory = self.declared.memory
        entry = {memory.key: ENTRY} if memory is not None and memory.reads(event) else {}
        return {**{f.key: fields[f.name] for f in event.fields}, **entry}

    def agrees(self) -> None:
        assert {v.name: self.state[v.name] for v in self.declared.variables} == self.account.state_values


def happens(run: Beside, name: str, dice: bytes) -> None:
    """One event is asked about in every way and fired in one of them, at the account and at the reference."""
    event = run.right.event_named[name]
    fields = run.fields(event, dice)
    given, right = run.given(event, fields), reference.step(run.right, run.parameters, run.state, name, fields)
    accepted = isinstance(right, Accepted)
    assert [accepted] * len(ASK) == [ask(run.account, name, given) for ask in ASK]
    run.agrees()  # asking changes nothing
    assert accepted is FIRE[dice[-1] % len(FIRE)](run.account, name, given)
    if isinstance(right, Refused):
        assert (right.code, None, {}, []) == (run.account.refusal, run.account.rule, run.account.answer, run.account.ledger)
    else:
        run.state = right.state
        found = run.account.refusal, run.account.rule, run.account.answer, tuple(run.account.ledger)
        assert (None, right.rule, dict(right.answer), right.ledger) == found
    run.agrees()


def opened(specification: Specification, policy: dict[str, str] | None = None) -> Beside:
    run = Beside(specification, policy or {})
    happens(run, specification.opening.name, bytes(MOST_FIELDS))
    return run


def steps(specification: Specification, *, remembering: bool = True) -> st.SearchStrategy[list[tuple[str, bytes, bool]]]:
    """Some events, each with dice for its fields and a toss between two accounts."""
    account = specification.main()
    names = [e.name for e in account.events if remembering or account.memory is None or not account.memory.reads(e)]
    dice = st.binary(min_size=MOST_FIELDS, max_size=MOST_FIELDS)
    return st.lists(st.tuples(st.sampled_from(names), dice, st.booleans()), min_size=15, max_size=25)


def policies(specification: Specification) -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries({p.name: st.sampled_from([a for a, _ in p.answers]) for p in specification.policies})


@each_specification
@tried
@given(data=st.data())
def test_however_it_is_asked_or_fired_it_does_what_the_reference_does(specification: Specification, data: st.DataObject) -> None:
    run = opened(specification, data.draw(policies(specification)))
    for name, dice, _ in data.draw(steps(specification)):
        happens(run, name, dice)  # raises if not


@each_specification
@tried
@given(data=st.data())
def test_no_event_of_one_account_changes_another(specification: Specification, data: st.DataObject) -> None:
    """One account, a copy of it, and another model of its `transitions` machine, which share all that can be shared."""
    run, third = opened(specification), type("Third", (), {})()
    twin = copy(run)
    twin.account = copy(run.account)
    run.account.machine.add_model(third)
    initial = reference.initial_state(run.declared, run.parameters)
    for name, dice, heads in data.draw(steps(specification)):
        happens(run if heads else twin, name, dice)
        run.agrees()
        twin.agrees()
        assert initial == {name: getattr(third, name) for name in initial}


@each_specification
@tried
@given(data=st.data())
def test_it_decides_on_the_state_that_somebody_has_put_it_in(specification: Specification, data: st.DataObject) -> None:
    run = opened(specification)
    for name, dice, happens_elsewhere in data.draw(steps(specification, remembering=False)):
        if happens_elsewhere:
            event = run.right.event_named[name]
            step = reference.step(run.right, run.parameters, run.state, name, run.fields(event, dice))
            run.state = step.state if isinstance(step, Accepted) else run.state
            for variable in run.declared.variables:
                setattr(run.account, variable.name, run.state[variable.name])
        else:
            happens(run, name, dice)  # raises if not
