"""A claim is called proved only where everything that its proof rests on is; and no verdict stands on less than it says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from proofs.worked_out_once import checked
from tokenspec.invariants.claims import claims
from tokenspec.invariants.scopes import TINY
from tokenspec.machine.checkers.exploration import Exploration
from tokenspec.machine.checkers.monitor import Tally, Violation
from tokenspec.machine.checkers.prover.induction import LEMMA, PROVED, REFUTED, UNKNOWN, VACUOUS
from tokenspec.machine.lang.claims import LayerPart
from tokenspec.machine.proofs.contexts import WITNESS
from tokenspec.oracle.check.arising import Absence
from tokenspec.oracle.check.evidence import CheckSettings, Evidence, Searched
from tokenspec.oracle.check.verdicts import disagreements, verdicts
from tokenspec.oracle.command.verbs.check import EXAMPLES
from tokenspec.oracle.report.check import exit_codes
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.system import system

pytestmark = pytest.mark.slow

PROVED_WHOLE = {1, 2, 3, 4, 6, 7, 8, 13, 14, 15, 16, 22, 23, 24, 26, 27, 29, 30, 31}


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return checked(CheckSettings(TINY, EXAMPLES[TINY.name], keeps_states=True))


def changed(evidence: Evidence, claim: str, **values: object) -> Evidence:
    index = next(i for i, o in enumerate(evidence.obligations) if o.claim == claim)
    obligations = list(evidence.obligations)
    obligations[index] = replace(obligations[index], **values)  # type: ignore[arg-type]
    return replace(evidence, obligations=obligations)


def with_first_search(evidence: Evidence, found: Exploration) -> Evidence:
    first: Searched = replace(evidence.searches[0], found=found)
    return replace(evidence, searches=[first, *evidence.searches[1:]])


def test_these_claims_are_proved_and_the_others_hold_as_far_as_their_row_says(evidence: Evidence) -> None:
    found = {v.claim.number: v.verdict for v in verdicts(evidence)}
    numbers = [claim.number for claim in claims(TINY.catalogue.ranking)]
    assert {number: "proved" if number in PROVED_WHOLE else "holds" for number in numbers} == found
    assert exit_codes(verdicts(evidence), evidence) == []


def test_what_is_not_proved_speaks_of_code_or_of_what_stays_possible(evidence: Evidence) -> None:
    for v in verdicts(evidence):
        if v.verdict == "holds":
            assert v.claim.id == "never_stuck" or any(isinstance(part, LayerPart) for part in v.claim.parts)
            assert v.scope.endswith(("random runs", "code and all")) or v.claim.id == "never_stuck"


def test_no_claim_rests_on_random_runs_alone(evidence: Evidence) -> None:
    for v in verdicts(evidence):
        assert v.method != "fuzz", v.claim.id


def test_every_machine_s_events_have_one_outcome(evidence: Evidence) -> None:
    about = {o.about for o in evidence.obligations if o.part == "one_outcome"}
    assert about >= {e.name for m in system().machines for e in m.events}


@pytest.mark.parametrize("verdict", [REFUTED, UNKNOWN, VACUOUS])
def test_nothing_is_proved_when_a_lemma_is_not(evidence: Evidence, verdict: str) -> None:
    weak = changed(evidence, LEMMA, verdict=verdict)
    assert "proved" not in {v.verdict for v in verdicts(weak)}
    assert 21 in exit_codes(verdicts(weak), weak)


def test_nothing_is_proved_when_a_state_claim_is_not(evidence: Evidence) -> None:
    assert "proved" not in {v.verdict for v in verdicts(changed(evidence, "pools_within_allowance", verdict=REFUTED))}


def test_a_step_claim_that_is_not_proved_leaves_the_others_proved(evidence: Evidence) -> None:
    found = {v.claim.id: v.verdict for v in verdicts(changed(evidence, "app_and_api_apart", verdict=UNKNOWN))}
    assert found["app_and_api_apart"] == "unknown"
    assert found["conservation"] == "proved"


def test_a_proof_within_a_bound_is_no_proof(evidence: Evidence) -> None:
    found = {v.claim.id: v.verdict for v in verdicts(changed(evidence, "conservation", bound=2))}
    assert found["conservation"] == "holds"


def test_a_claim_whose_witness_never_occurred_is_not_checked(evidence: Evidence) -> None:
    vacuous = without(evidence, "conservation", "each_pool")
    found = {v.claim.id: v.verdict for v in verdicts(vacuous)}
    assert found["conservation"] == "not_checked"
    assert 16 in exit_codes(verdicts(vacuous), vacuous)


def test_a_claim_that_is_true_of_nothing_is_not_checked_and_no_solver_is_blamed(evidence: Evidence) -> None:
    vacuous = changed(evidence, "conservation", verdict=VACUOUS)
    found = {v.claim.id: (v.verdict, "vacuous" in v.why) for v in verdicts(vacuous)}
    assert found["conservation"] == ("not_checked", True)
    assert exit_codes(verdicts(vacuous), vacuous) == [16]


def without(evidence: Evidence, claim: str, part: str) -> Evidence:
    """The same where no engine met a part's interesting case."""

    def less(tally: Tally) -> Tally:
        return replace(tally, witnesses=Counter({key: n for key, n in tally.witnesses.items() if key != (claim, part)}))

    searches = [
        replace(
            s,
            found=replace(s.found, tally=less(s.found.tally)),
            ghosts=None if s.ghosts is None else replace(s.ghosts, tally=less(s.ghosts.tally)),
        )
        for s in evidence.searches
    ]
    code = replace(evidence.from_states, tally=less(evidence.from_states.tally))
    fuzzed = replace(evidence.fuzzed, tally=less(evidence.fuzzed.tally))
    return replace(evidence, fuzzed=fuzzed, searches=searches, from_states=code)


def absent(claim: str, *parts: str, by_proof: bool = True) -> list[Absence]:
    return [Absence((claim, part, WITNESS), f"{part} cannot be", by_proof) for part in parts]


def test_a_claim_is_what_its_parts_are_that_can_arise(evidence: Evidence) -> None:
    unmet = without(evidence, "conservation", "refunded")
    less = replace(unmet, absences=absent("conservation", "refunded"))
    found = next(v for v in verdicts(less) if v.claim.id == "conservation")
    assert (found.verdict, found.does_not_arise) == ("proved", (("refunded", "refunded cannot be"),))
    assert exit_codes(verdicts(less), less) == []
    assert {v.claim.id: v.verdict for v in verdicts(unmet)}["conservation"] == "not_checked"


def test_a_claim_of_which_no_part_can_arise_does_not_arise(evidence: Evidence) -> None:
    none = replace(
        without(evidence, "refused_changes_nothing", "refused_changes_nothing"),
        absences=absent("refused_changes_nothing", "refused_changes_nothing", by_proof=False),
    )
    found = next(v for v in verdicts(none) if v.claim.id == "refused_changes_nothing")
    assert (found.verdict, found.why, found.scope) == ("does_not_arise", "refused_changes_nothing cannot be", "")
    assert exit_codes(verdicts(none), none) == []


def test_what_cannot_arise_by_proof_stands_only_where_the_invariants_are_proved(evidence: Evidence) -> None:
    unmet = replace(without(evidence, "conservation", "kinds"), absences=absent("conservation", "kinds"))
    weak = changed(unmet, "pools_within_allowance", bound=2)
    found = {v.claim.id: v for v in verdicts(weak)}
    assert found["conservation"].does_not_arise == ()
    assert found["conservation"].verdict == "not_checked"
    assert found["conservation"].why == "the interesting case of kinds never occurred"


def test_what_is_broken_is_refuted_whatever_cannot_arise(evidence: Evidence) -> None:
    violation = Violation("periods_tile", "periods_tile", "Sentence.", "detail")
    broken = with_first_search(evidence, replace(evidence.searches[0].found, violation=violation, complete=False))
    broken = replace(broken, absences=absent("periods_tile", "periods_tile", by_proof=False))
    assert {v.claim.id for v in verdicts(broken) if v.verdict == "refuted"} == {"periods_tile"}


def test_a_verdict_that_is_not_proved_says_why(evidence: Evidence) -> None:
    for v in verdicts(evidence):
        assert bool(v.why) == (v.verdict != "proved")


def test_a_search_that_ended_early_gives_no_verdict(evidence: Evidence) -> None:
    early = with_first_search(evidence, replace(evidence.searches[0].found, complete=False, ended_by="60,000 states"))
    assert 20 in exit_codes(verdicts(early), early)


def test_an_interrupted_check_proves_nothing_that_it_had_not_finished(evidence: Evidence) -> None:
    early = replace(evidence, obligations=evidence.obligations[:300], is_proved_through=False, interrupted=KeyboardInterrupt())
    assert "proved" not in {v.verdict for v in verdicts(early)}


def test_engines_that_disagree_are_a_bug_of_ours(evidence: Evidence) -> None:
    violation = Violation("conservation", "each_pool", "Sentence.", "detail")
    broken = with_first_search(evidence, replace(evidence.searches[0].found, violation=violation, complete=False))
    assert list(disagreements(broken))
    assert 70 in exit_codes(verdicts(broken), broken)
    assert {v.claim.id for v in verdicts(broken) if v.verdict == "refuted"} == {"conservation"}


def test_every_claim_has_a_verdict(evidence: Evidence) -> None:
    assert [c.id for c in claims(DEFAULT.ranking)] == [v.claim.id for v in verdicts(evidence)]
    assert all(o.verdict == PROVED for o in evidence.obligations)
    assert evidence.is_whole


def test_the_bank_is_told_by_the_months_of_the_catalogue_that_is_checked(evidence: Evidence) -> None:
    for months in (3, 12):
        mine = replace(evidence, settings=replace(evidence.settings, catalogue=DEFAULT.but(bank_months=months)))
        (bank,) = (v.claim for v in verdicts(mine) if v.claim.number == 2)
        assert f"at most {months} months" in bank.sentence
