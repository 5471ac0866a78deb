"""The prover proves what is true of every price list and policy, refutes what is false, and says so when it cannot tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from purse.specification import PURSE

from proofs import worked_out_once
from tokenspec.invariants.claims import claims
from tokenspec.invariants.lemmas import lemmas
from tokenspec.invariants.words import pair, state, step, two_runs
from tokenspec.machine.checkers.prover.induction import PROVED, REFUTED, UNKNOWN, VACUOUS, Induction, Obligation
from tokenspec.machine.lang.build import Termlike, all_of, eq, implies, lift, minimum, ne, requires, rule, var, variable
from tokenspec.machine.lang.claims import Claim, StatePart, answered, claim, new, other
from tokenspec.machine.lang.declaration import Actor, Assign, Event, Field, Machine
from tokenspec.machine.lang.types import Enum, Tokens
from tokenspec.machine.mutation.edits import with_event, without_requirement
from tokenspec.machine.proofs.contexts import LEMMA, Provable
from tokenspec.oracle.account.transplanted_bugs import FAULTS
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.words import ABSENT, FREE, OPENED, amount, daily, fast, status, topup

ALL = claims(DEFAULT.ranking)
UNSEEN = {"refunded_twice", "ended_still_renews", "free_day_never_comes", "granted_at_creation"}
"""Faults that only the layers or a search can see."""


@pytest.fixture
def obligations() -> list[Obligation]:
    return worked_out_once.obligations(account(), ALL, lemmas())


def prove(
    machine: Machine, only: Sequence[Claim] = ALL, with_lemmas: Sequence[StatePart] | None = None, seconds: float = 10.0
) -> list[Obligation]:
    return list(Induction(machine, only, lemmas() if with_lemmas is None else with_lemmas, seconds).obligations())


def leaning(name: str) -> list[Claim]:
    """A claim, and of the others what its proof may lean on."""
    return [c if c.id == name else replace(c, parts=tuple(p for p in c.parts if isinstance(p, StatePart))) for c in ALL]


def broken(machine: Machine, claim: str, part: str) -> set[str]:
    """The rules and events of which a part is refuted."""
    return {o.about for o in prove(machine, leaning(claim)) if (o.claim, o.part, o.verdict) == (claim, part, REFUTED)}


def first_refuted(machine: Machine, only: Sequence[Claim], with_lemmas: Sequence[StatePart], name: str) -> Obligation:
    """The first obligation that is refuted, of a claim or a part of this name; the others are not asked about."""
    every = Induction(machine, only, with_lemmas).obligations()
    return next(o for o in every if name in (o.claim, o.part) and o.verdict == REFUTED)


@pytest.mark.slow
def test_everything_that_can_be_stated_of_one_machine_is_proved(obligations: list[Obligation]) -> None:
    assert [o for o in obligations if o.verdict != PROVED or o.bound is not None] == []


def test_there_is_an_obligation_for_every_part_and_every_rule(obligations: list[Obligation]) -> None:
    done = {(o.claim, o.part) for o in obligations}
    wanted = {(c.id, p.name) for c in ALL for p in c.parts if isinstance(p, Provable) and p.machine == "account"}
    assert wanted <= done
    rules = [r.name for e in account().events for r in e.rules]
    for about, part, more in [
        ("balances_never_negative", "pools", ["first state"]),
        ("balances_never_negative", "countable", ["first state"]),
        (LEMMA, "dues_counted", ["first state"]),
        ("conservation", "each_pool", []),
        ("conservation", "since_opening", ["first state"]),
        ("no_gifting", "other_account", []),
    ]:
        assert Counter(o.about for o in obligations if (o.claim, o.part) == (about, part)) == Counter([*more, *rules])


def test_every_event_has_exactly_one_outcome(obligations: list[Obligation]) -> None:
    about = {o.about for o in obligations if o.part == "one_outcome"}
    assert about == {e.name for e in account().events}


def test_a_false_claim_is_refuted_and_not_unknown() -> None:
    false = claim(99, "daily_is_full", "The day is always full.", "F03", state("full", eq(daily, 0), eq(fast, 1)))
    found = [o for o in prove(account(), (false,)) if o.claim == "daily_is_full"]
    assert REFUTED in {o.verdict for o in found}
    assert UNKNOWN not in {o.verdict for o in found}


@pytest.mark.slow
@pytest.mark.parametrize("name", [f.id for f in FAULTS if f.id not in UNSEEN])
def test_seeded_faults_are_refuted_by_their_own_claim(name: str) -> None:
    """Each model is replayed through the reference reader on the way (`refutation`), or this would raise."""
    fault = next(f for f in FAULTS if f.id == name)
    found = first_refuted(fault.seed(account()), leaning(fault.claim), lemmas(), fault.claim)
    assert found.refutation is not None


@pytest.mark.slow
@pytest.mark.parametrize("event", ["buy_topup", "buy_api"])
def test_a_purchase_beyond_what_can_be_counted_breaks_the_first_claim(event: str) -> None:
    machine = without_requirement(account(), event, "balance_must_stay_countable")
    rules = {r.name for r in machine.event_named[event].rules}
    assert broken(machine, "balances_never_negative", "countable") == rules


@pytest.mark.slow
def test_a_transfer_to_another_account_breaks_the_claim_about_two_of_them() -> None:
    """A rule with an effect on `other.topup`, which the declaration of one account could not even name."""
    gives = rule(
        "gives", OPENED, None, "", effect=[topup.becomes(topup - amount), Assign("other.topup", lift(other(topup) + amount))]
    )
    needs = (requires("amount_must_be_there", all_of(amount >= 1, amount <= topup, ne(status, ABSENT)), ""),)
    machine = with_event(account(), "transfer", lambda e: replace(e, requires=needs, rules=(gives,)))
    found = {(o.part, o.about) for o in prove(machine, leaning("no_gifting")) if (o.claim, o.verdict) == ("no_gifting", REFUTED)}
    assert {about for _, about in found} == {"gives"}
    assert {part for part, _ in found} >= {"other_account", "nothing_passes"}


@pytest.mark.slow
def test_a_lemma_that_is_false_is_refuted() -> None:
    wrong = StatePart("nothing_is_fast", "account", lift(eq(fast, 0)), lift(eq(fast, 0)))
    assert first_refuted(account(), ALL, (*lemmas(), wrong), "nothing_is_fast").refutation is not None


@pytest.mark.slow
def test_a_machine_without_its_assumptions_is_not_proved() -> None:
    """An allowance that falls along the ranking breaks what upgrades rely on."""
    loose = replace(account(), assumptions=())
    assert any(o.verdict == REFUTED for o in Induction(loose, ALL, lemmas()).obligations())


NEVER = all_of(eq(status, FREE), fast > 0)


@pytest.mark.slow
def test_a_part_whose_interesting_case_cannot_occur_is_vacuous() -> None:
    parts = (
        state("state", daily >= 0, NEVER),
        step("step", new(daily) >= 0, all_of(eq(var("event"), "quote"), new(daily) > daily)),
        step("event without rules", new(daily) >= 0, daily > 0, "transfer"),
        pair("pair", eq(new(other(daily)), other(daily)), all_of(NEVER, other(daily) > 0)),
        two_runs("two runs", NEVER, ("daily_reset",), ("daily_reset", "daily_reset"), ("daily",)),
    )
    found = prove(account(), [*ALL, claim(99, "idle", "Nothing.", "", *parts)])
    assert {o.part for o in found if (o.claim, o.verdict) == ("idle", VACUOUS)} == {part.name for part in parts}
    assert {o.verdict for o in found if o.claim != "idle"} == {PROVED}


# -- products -----------------------------------------------------------------------------------------------------------

area = var("area")


def field_of(result: Termlike) -> Machine:
    """A field is measured; `result` is what becomes its area."""
    sides = tuple(Field(side, Tokens(-9, 9), "") for side in ("a", "b", "c"))
    measured = rule("measures", "on", None, "", effect=[area.becomes(result)], answer={"area": result})
    return Machine(
        "field",
        "",
        "mode",
        (variable("mode", Enum("Mode", ("on",)), "on", ""), variable("area", Tokens(), 0, "")),
        (Event("measure", Actor.USER, "", sides, (), (measured,)),),
    )


a, b, c = var("a"), var("b"), var("c")


@pytest.mark.parametrize(
    ("result", "holds", "verdict"),
    [
        (a * b, implies(all_of(a >= 1, b >= 1), new(area) >= 1), PROVED),  # from the signs alone
        (a * b, implies(eq(a, 0), eq(new(area), 0)), PROVED),
        (a * 3, eq(new(area), a + a + a), PROVED),  # a product with a number is no open product
        (a * b, implies(all_of(eq(a, 2), eq(b, 3)), eq(new(area), 6)), PROVED),  # from true products only
        (a * b, new(area) <= 80, REFUTED),
        (minimum(a, b), eq(answered("area"), a), REFUTED),
    ],
)
def test_products_are_told_by_their_sign_and_refuted_by_their_value(result: Termlike, holds: Termlike, verdict: str) -> None:
    part = step("p", holds, a > 1, machine="field")
    found = prove(field_of(result), [claim(1, "measured", "", "", part)], [])
    assert {o.verdict for o in found if o.part == "p"} == {verdict}


def test_what_takes_too_long_is_unknown() -> None:
    wide = field_of(a * a * a + b * b * b - c * c * c)
    limits = tuple(replace(f, type=Tokens(1)) for f in wide.event_named["measure"].fields)
    machine = with_event(wide, "measure", lambda e: replace(e, fields=limits))
    part = step("p", ne(new(area), 0), a > 1, machine="field")
    found = prove(machine, [claim(1, "fermat", "", "", part)], [], seconds=0.3)
    assert [o.verdict for o in found if o.part == "p"] == [UNKNOWN]


def test_a_premise_that_is_never_true_is_told() -> None:
    """The witness occurs, and the formula says nothing all the same: of a state, and of a step."""
    never, often = all_of(var("given") > 5, var("given") < 3), var("given") > 0
    parts = (
        state("state", implies(never, eq(var("bought"), 7)), often, machine="purse"),
        step("step", implies(eq(var("rule"), "robs"), often), often, machine="purse"),
        state("right", implies(var("given") > 5, often), often, machine="purse"),
        state("forbids", implies(never, False), often, machine="purse"),
        state("one of two", all_of(implies(never, often), implies(var("given") > 5, often)), often, machine="purse"),
    )
    of_nothing = claim(9, "of_nothing", "x.", "", *parts)
    found = Induction(PURSE.main(), (*PURSE.claims(PURSE.catalogue), of_nothing), PURSE.lemmas).obligations()
    told = {(o.part, o.about) for o in found if o.verdict != PROVED and "premise" in o.about}
    assert told == {
        ("state", "witness of the premise (5 < given) and (given < 3)"),
        ("step", "witness of the premise rule = robs"),
    }
