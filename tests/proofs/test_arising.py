"""What cannot arise under settings of one's own is told with the reason, is never met, and keeps no check from being green."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from catalogues import plan
from differential.walks import EFFORT, some_of
from proofs.worked_out_once import checked, ruled_out
from tokenspec.invariants.claims import claims
from tokenspec.invariants.lemmas import lemmas
from tokenspec.invariants.scopes import TINY
from tokenspec.invariants.specification import SPECIFICATION
from tokenspec.machine.checkers.monitor import Tally, Watch
from tokenspec.machine.checkers.prover.induction import Induction
from tokenspec.machine.interpreters.compiled import Compiled
from tokenspec.machine.lang.catalogue import Figures
from tokenspec.machine.proofs.contexts import WITNESS
from tokenspec.oracle.check.arising import Absence, absences, cases, times_met
from tokenspec.oracle.check.evidence import CheckSettings, Evidence
from tokenspec.oracle.check.verdicts import ClaimVerdict, verdicts
from tokenspec.oracle.fuzz.campaign import CampaignResult, run
from tokenspec.oracle.report.check import exit_codes
from tokenspec.oracle.wire.settings import catalogue_from
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS, POLICIES

OTHER_ANSWERS = [(p.name, answer) for p in POLICIES for answer, _ in p.answers if answer != DEFAULTS[p.name]]
ASKED = OTHER_ANSWERS if EFFORT >= 10 else [("refund", "none")]
"""Answers whose checks take long: by default one, whose check the tests of certificates need too."""
CASES = {case: part for c in claims(DEFAULT.ranking) for part in c.parts for case in cases(c, part)}


def all_met_but(*unmet: str) -> Tally:
    """A tally of every interesting case but those of some parts."""
    tally = Tally()
    tally.witnesses.update({(claim, part): 1 for claim, part, _ in CASES if part not in unmet})
    return tally


def own(*paid: Any, daily: int = 100, months: int = 2, packs: int = 1, prices: tuple[int, ...] = ()) -> Figures:
    """A catalogue of somebody's own with these paid plans."""
    names = [f"plan {n}" for n in range(len(paid))]
    made: Figures = catalogue_from(
        {
            "ranking": ["free", *names],
            "daily": daily,
            "bank_months": months,
            "plans": {"free": plan(0), **dict(zip(names, paid, strict=True))},
            "packs": {f"pack {n}": 500 for n in range(packs)},
            "prices": {f"action {price}": price for price in prices},
        }
    )
    return made


OWN = {
    "without prices": own(plan(1_000), plan(5_000, 0, ("image",)), plan(60_000)),
    "with prices": own(plan(1_000), plan(5_000, 0, ("image",)), plan(60_000), prices=(3,)),
    "with large allowances": own(
        plan(10**8, 7), plan(10**9, 0, ("video",)), plan(10**12, 0, ("image",)), daily=10**6, prices=(1, 10**9)
    ),
    "with one plan, no bank and no packs": own(plan(10**6), daily=10, months=0, packs=0),
    "with the free plan alone": own(daily=10, packs=0),
    "with plans of one allowance": own(plan(5), plan(5, 0, ("image", "video")), plan(5), daily=1, months=1),
    "without daily tokens": own(plan(1_000), plan(5_000, 0, ("image",)), daily=0, prices=(8,)),
    "with less a day than anything costs": own(plan(1_000), daily=7, prices=(8, 9)),
    "with just enough a day": own(plan(1_000), daily=8, prices=(9, 8)),
}
WITHOUT_TOKENS = own(daily=0, packs=0, prices=(24,))
"""Of no use to anybody, and admissible."""
OF_REFUNDS = {"kinds", "refunded", "no_more_than_was_paid"}
"""Parts of claims whose interesting case is a refund."""
OF_DAYS = {"never_stuck", "one_allowance_for_each_mark", "run_or_overdue_in_two_days"}


@pytest.mark.parametrize(
    ("name", "claims"),
    [
        ("without daily tokens", OF_DAYS),
        ("with less a day than anything costs", {"never_stuck"}),
        ("with just enough a day", set()),
        ("without tokens", OF_DAYS | {"named_action_costs_its_price", "quote_is_charged"}),
    ],
)
def test_a_claim_does_not_arise_in_a_world_that_it_is_not_about(name: str, claims: set[str]) -> None:
    """Whatever the scopes met, which have figures of their own."""
    found = list(absences(all_met_but(""), {}, OWN.get(name, WITHOUT_TOKENS), ""))
    assert {absence.case for absence in found} == {case for case in CASES if claims.intersection(case)}
    assert all("under this catalogue " in a.reason and "daily_allowance is " in a.reason for a in found)


@pytest.mark.parametrize(("name", "times"), [("with less a day than anything costs", 0), ("with just enough a day", 1)])
def test_a_run_is_not_held_to_a_claim_about_other_worlds(name: str, times: int) -> None:
    machine = account(OWN[name])
    compiled = Compiled(machine, {**OWN[name].parameters(), **DEFAULTS})
    never_stuck = [c for c in SPECIFICATION.claims(OWN[name]) if c.id == "never_stuck"]
    monitor = Watch(machine, never_stuck, ["open_account"]).monitor(compiled)
    opened = compiled.steps["open_account"](compiled.initial, ())
    monitor.observe("open_account", (), compiled.initial, opened, monitor.initial_ghosts)
    assert monitor.tally.checked["never_stuck", "generation"] == times


@pytest.mark.slow
def test_what_the_settings_rule_out_is_possible_without_them() -> None:
    cases = {a.case for asked in ASKED for a in ruled_out((asked,)) if a.by_proof}
    assert {part for _, part, _ in cases} >= OF_REFUNDS
    assert Induction(account(), claims(DEFAULT.ranking), lemmas()).impossible(cases) == set()


def test_types_and_other_accounts_are_spoken_of_where_nothing_is_scheduled() -> None:
    always = {("within_types", "account", WITNESS), ("no_gifting", "other_account", WITNESS)}
    asked = all_met_but("account", "other_account")
    assert always <= {case for case in CASES if not times_met(asked, case)}
    assert not list(absences(asked, {"downgrade_timing": "at_once"}, None, ""))


@pytest.mark.slow
def test_of_several_settings_the_one_is_named_that_rules_a_case_out() -> None:
    settings = {"burn_order": "rollover_fast_topup", "refund": "none", "month_end": "stay_clamped"}
    reasons = {a.reason for a in absences(all_met_but(*OF_REFUNDS), settings, None, "")}
    assert "its case is impossible under refund=none" in reasons
    assert not any("burn_order" in reason or "month_end" in reason for reason in reasons)


@cache
def runs_under(policy: tuple[tuple[str, str], ...], catalogue: str | None) -> CampaignResult:
    return run(30, policy=dict(policy), catalogue=OWN[catalogue] if catalogue else None)


def test_nothing_is_ruled_out_where_nothing_is_settled() -> None:
    assert list(absences(Tally(), {}, None, "the tiny scope")) == []


def test_what_no_search_meets_stays_possible_only_where_every_search_came_to_its_end() -> None:
    stuck = ("never_stuck", "generation", WITNESS)
    policy, tally = {"refund": "none"}, all_met_but("generation")
    assert list(absences(tally, policy, None, "")) == []
    (found,) = absences(tally, policy, None, "the tiny scope under one policy")
    assert found == Absence(stuck, "it occurs nowhere in the tiny scope under one policy")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "catalogue", "part", "reason"),
    [
        ({"missed_renewals": "once"}, None, "late_equals_on_time", "missed_renewals=once"),
        ({}, "without prices", "quote_is_charged", "this catalogue"),
        ({}, "with the free plan alone", "date_stands", "this catalogue"),
        ({}, "with the free plan alone", "periods_tile", "this catalogue"),
    ],
)
def test_random_runs_never_meet_what_clocks_and_journal_are_said_not_to_come_to(
    policy: dict[str, str], catalogue: str | None, part: str, reason: str
) -> None:
    (found,) = absences(all_met_but(part), policy, OWN[catalogue] if catalogue else None, "")
    assert reason in found.reason
    result = runs_under(tuple(policy.items()), catalogue)
    assert result.failure is None
    assert times_met(result.tally, found.case) == 0
    assert times_met(runs_under((), None).tally, found.case) > 0


# A whole check


def told(evidence: Evidence) -> dict[str, ClaimVerdict]:
    found = verdicts(evidence)
    assert exit_codes(found, evidence) == [], [(v.claim.id, v.verdict, v.why) for v in found] + list(evidence.fuzzed.cold)
    return {v.claim.id: v for v in found}


@pytest.mark.slow
@pytest.mark.parametrize(("policy", "answer"), ASKED)
def test_a_check_is_green_under_every_answer_and_meets_nothing_that_is_said_not_to_arise(policy: str, answer: str) -> None:
    evidence = checked(CheckSettings(TINY, 120, policy={policy: answer}, keeps_states=True))
    # No single choice leaves a claim without any meaning.
    assert [name for name, found in told(evidence).items() if found.verdict == "does_not_arise"] == []
    told_of = ruled_out(((policy, answer),))
    assert {a.case: times_met(evidence.tally, a.case) for a in told_of if times_met(evidence.tally, a.case)} == {}
    assert all(f"{policy}={answer}" in a.reason for a in told_of)


@pytest.mark.slow
@pytest.mark.parametrize("name", some_of(OWN, 1))
def test_a_check_is_green_with_a_catalogue_of_one_s_own(name: str) -> None:
    # Searches, which do not depend on the catalogue, are those of other tests.
    evidence = checked(CheckSettings(TINY, 120, catalogue=OWN[name], keeps_states=True))
    found = told(evidence)
    assert all("this catalogue" in absence.reason for absence in evidence.absences)
    assert all(not times_met(evidence.fuzzed.tally, absence.case) for absence in evidence.absences)
    if name == "without daily tokens":
        assert {claim for claim, verdict in found.items() if verdict.verdict == "does_not_arise"} >= OF_DAYS
    if name == "with the free plan alone":
        # Days go on; what is said of billing periods is about nothing here.
        assert found["periods_tile"].verdict == "proved"
        parts = dict(found["periods_tile"].does_not_arise)
        assert parts == {"periods_tile": "no event is accepted by subscribes under this catalogue"}
