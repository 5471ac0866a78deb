"""The prover proves what is true of every price list and policy, refutes what is false, and says so when it cannot tell."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from quality.faults import FAULTS
from tokenspec.invariants.claims import claims
from tokenspec.invariants.lemmas import lemmas
from tokenspec.machine.backends import reference
from tokenspec.machine.checkers.induction import PROVED, REFUTED, UNKNOWN, Induction, Obligation
from tokenspec.machine.lang.build import eq, lift, var
from tokenspec.machine.lang.claims import Claim, LayerPart, LivenessPart, StatePart, claim, state
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.step import Accepted
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT

ALL = claims(DEFAULT.ranking)


@pytest.fixture(scope="module")
def obligations() -> list[Obligation]:
    return list(Induction(account(), ALL, lemmas()).obligations())


def prove(machine: Machine, only: tuple[Claim, ...] = ALL, with_lemmas: tuple[StatePart, ...] | None = None) -> list[Obligation]:
    return list(Induction(machine, only, lemmas() if with_lemmas is None else with_lemmas).obligations())


def test_everything_that_can_be_stated_of_one_machine_is_proved(obligations: list[Obligation]) -> None:
    assert [o for o in obligations if o.verdict != PROVED] == []


def test_there_is_an_obligation_for_every_part_and_every_rule(obligations: list[Obligation]) -> None:
    done = {(o.claim, o.part) for o in obligations}
    for c in ALL:
        for part in c.parts:
            if not isinstance(part, LayerPart | LivenessPart):
                assert (c.id, part.name) in done
    states = Counter(o.about for o in obligations if (o.claim, o.part) == ("balances_never_negative", "pools"))
    rules = [r.name for e in account().events for r in e.rules]
    assert states == Counter(["first state", *rules])


def test_every_event_has_exactly_one_outcome(obligations: list[Obligation]) -> None:
    about = {o.about for o in obligations if o.part == "one_outcome"}
    assert about == {e.name for e in account().events}


def test_a_false_claim_is_refuted_and_not_unknown() -> None:
    false = claim(99, "daily_is_full", "The day is always full.", "F03", state("full", eq(var("daily"), 0), eq(var("fast"), 1)))
    found = [o for o in prove(account(), (false,)) if o.claim == "daily_is_full"]
    assert REFUTED in {o.verdict for o in found}
    assert UNKNOWN not in {o.verdict for o in found}


def test_a_refutation_can_be_replayed_through_the_reference_reader() -> None:
    """The model's state, figures and fields, taken through the reader that means what the declaration means."""
    fault = next(f for f in FAULTS if f.id == "check_dropped")
    machine = fault.seed(account())
    refuted = [o for o in prove(machine) if o.verdict == REFUTED and o.claim == fault.claim]
    assert refuted
    for o in refuted:
        assert o.state is not None
        assert o.fields is not None
        assert o.parameters is not None
        event = next(e.name for e in machine.events for r in e.rules if r.name == o.about)
        step = reference.step(machine, o.parameters, o.state, event, o.fields)
        assert isinstance(step, Accepted)
        assert step.rule == o.about
        assert int(step.state["api"]) < 0


@pytest.mark.parametrize(
    "name",
    [f.id for f in FAULTS if f.id not in {"refunded_twice", "ended_still_renews", "free_day_never_comes", "granted_at_creation"}],
)
def test_seeded_faults_are_refuted_too(name: str) -> None:
    """All but those that only the layers or a search can see."""
    fault = next(f for f in FAULTS if f.id == name)
    assert REFUTED in {o.verdict for o in prove(fault.seed(account()))}


def test_a_lemma_that_is_false_is_refuted() -> None:
    wrong = StatePart("nothing_is_fast", "account", lift(eq(var("fast"), 0)), lift(eq(var("fast"), 0)))
    found = prove(account(), ALL, (*lemmas(), wrong))
    assert REFUTED in {o.verdict for o in found if o.part == "nothing_is_fast"}


def test_a_machine_without_its_assumptions_is_not_proved() -> None:
    """An allowance that falls along the ranking breaks what upgrades rely on."""
    loose = replace(account(), assumptions=())
    assert REFUTED in {o.verdict for o in prove(loose)}
