"""A claim is called proved only where everything that its proof rests on is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tokenspec.invariants.claims import claims
from tokenspec.machine.checkers.induction import LEMMA, PROVED, REFUTED, UNKNOWN, VACUOUS
from tokenspec.oracle.command.check import _codes
from tokenspec.oracle.discharge import Evidence, discharge, verdicts
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.system import system

PROVED_WHOLE = {1, 2, 3, 4, 6, 7, 8, 13, 14, 16}


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return discharge(100)


def changed(evidence: Evidence, claim: str, verdict: str) -> Evidence:
    index = next(i for i, o in enumerate(evidence.obligations) if o.claim == claim)
    obligations = list(evidence.obligations)
    obligations[index] = replace(obligations[index], verdict=verdict)
    return replace(evidence, obligations=obligations)


def test_these_claims_are_proved_and_the_others_hold_as_far_as_their_row_says(evidence: Evidence) -> None:
    found = {v.claim.number: v.verdict for v in verdicts(evidence)}
    assert {number: "proved" if number in PROVED_WHOLE else "holds" for number in range(1, 22)} == found
    assert _codes(verdicts(evidence), evidence) == []


def test_every_machine_s_events_have_one_outcome(evidence: Evidence) -> None:
    about = {o.about for o in evidence.obligations if o.part == "one_outcome"}
    assert about == {e.name for m in system().machines for e in m.events}


@pytest.mark.parametrize("verdict", [REFUTED, UNKNOWN, VACUOUS])
def test_nothing_is_proved_when_a_lemma_is_not(evidence: Evidence, verdict: str) -> None:
    weak = changed(evidence, LEMMA, verdict)
    assert "proved" not in {v.verdict for v in verdicts(weak)}
    assert 21 in _codes(verdicts(weak), weak)


def test_nothing_is_proved_when_a_state_claim_is_not(evidence: Evidence) -> None:
    assert "proved" not in {v.verdict for v in verdicts(changed(evidence, "pools_within_allowance", REFUTED))}


def test_a_step_claim_that_is_not_proved_leaves_the_others_proved(evidence: Evidence) -> None:
    found = {v.claim.id: v.verdict for v in verdicts(changed(evidence, "app_and_api_apart", UNKNOWN))}
    assert found["app_and_api_apart"] == "unknown"
    assert found["conservation"] == "proved"


def test_a_claim_whose_twin_never_occurred_is_not_checked(evidence: Evidence) -> None:
    tally = replace(evidence.fuzzed.tally, twins=evidence.fuzzed.tally.twins.copy())
    tally.twins["conservation", "each_pool"] = 0
    vacuous = replace(evidence, fuzzed=replace(evidence.fuzzed, tally=tally))
    found = {v.claim.id: v.verdict for v in verdicts(vacuous)}
    assert found["conservation"] == "not_checked"
    assert 16 in _codes(verdicts(vacuous), vacuous)


def test_a_search_that_ended_early_gives_no_verdict(evidence: Evidence) -> None:
    early = replace(evidence, exploration=replace(evidence.exploration, complete=False))
    assert 20 in _codes(verdicts(early), early)


def test_every_claim_has_a_verdict(evidence: Evidence) -> None:
    assert [c.id for c in claims(DEFAULT.ranking)] == [v.claim.id for v in verdicts(evidence)]
    assert all(o.verdict == PROVED for o in evidence.obligations)
