"""The words of a declaration are lowered to the core, and a wrong use of one is refused where it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tokenspec.machine.interpreters.reference import Bindings, evaluate
from tokenspec.machine.lang.build import STAYS, Flows, eq, event, ite, lookup, policy, requires, rule, var
from tokenspec.machine.lang.declaration import Actor, ClockAct, Field, Kind, Machine, Parameter, Policy, Requirement
from tokenspec.machine.lang.expr import Expr, Lit, substitute
from tokenspec.machine.lang.phrases import (
    Definitions,
    Figure,
    Missing,
    buys,
    carries,
    choosing,
    gives_back,
    grants,
    in_full,
    includes,
    keeps,
    loses,
    settles,
    spends,
    starts,
    stops,
    unless,
    up_to,
)
from tokenspec.machine.lang.types import Enum, Tokens, Value

DRINK = Enum("Drink", ("tea", "coffee", "water"))
POLICY = Policy(Parameter("drink", DRINK, "tea", "open"), tuple((name, name) for name in DRINK.members), "open", ())
NOTHING = Bindings(Machine("nothing", "Nothing.", "none", (), ()))
by_policy, chosen = choosing([POLICY])
a, b, c = var("a"), var("b"), var("c")


def test_every_choice_of_a_policy_has_its_value_and_the_last_is_the_rest() -> None:
    is_tea, is_coffee, is_water = (eq(var("drink"), name) for name in DRINK.members)
    assert by_policy("drink", tea=1, coffee=2, water=3).expr == ite(is_tea, 1, ite(is_coffee, 2, 3)).expr
    assert by_policy("drink", water=a, tea=b, coffee=c).expr == ite(is_water, a, ite(is_tea, b, c)).expr


@pytest.mark.parametrize("values", [{"tea": 1, "coffee": 2}, {"tea": 1, "coffee": 2, "water": 3, "milk": 4}, {}])
def test_a_choice_that_is_left_out_or_made_up_is_refused(values: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="drink: a value for each of tea, coffee, water"):
        by_policy("drink", **values)


def test_a_policy_is_compared_with_its_own_choices_only() -> None:
    assert chosen("drink", "tea").expr == eq(var("drink"), "tea").expr
    with pytest.raises(ValueError, match="drink: one of tea, coffee, water; found milk"):
        chosen("drink", "milk")


@pytest.mark.parametrize(
    ("answers", "why", "said"),
    [
        ({}, "it is open", "policy refund: it has no answer"),
        ({"none": 3}, "it is open", "policy refund: none is a text; found 3"),
        ({"none": {"of": "it"}}, "it is open", "policy refund: none is a text"),
        ({"none": "nothing is given back"}, 7, "policy refund: why is a text; found 7"),
    ],
)
def test_a_policy_that_was_written_wrongly_is_named(answers: dict[str, Any], why: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        policy("refund", "F01", why, **answers)


@pytest.mark.parametrize("word", [lambda: by_policy("refnud", none=1), lambda: chosen("refnud", "none")])
def test_a_policy_that_nobody_declares_is_named_with_those_that_there_are(word: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=f"there is no policy refnud; there are {POLICY.name}"):
        word()


def test_a_figure_is_looked_up_among_the_members_that_there_are() -> None:
    price = Figure("price[{}]", Tokens(), "the price of {}")
    found = Definitions()
    total = found.define("total", price[var("which")] + price[var("other")], "both")
    assert total.expr == var("total").expr
    (lowered,) = found.lowered({price: ("tea", "coffee")})
    rows = {name: var(f"price[{name}]") for name in ("tea", "coffee")}
    assert lowered.expr == (lookup(var("which"), rows, 0) + lookup(var("other"), rows, 0)).expr
    assert price.parameter("tea").name == "price[tea]"
    assert price.parameter("tea").says == "the price of tea"


def test_the_one_missing_condition_is_named_and_a_weaker_one_may_stand_for_it() -> None:
    served, weaker = var("served"), var("weaker")
    first, second = unless(served, (a, b, c), Missing(a, "a_must_hold", "why"), Missing(b, "b_must_hold", "why", given=weaker))
    assert (first.code, second.code) == ("a_must_hold", "b_must_hold")
    all_hold = {"served": False, "a": True, "b": True, "c": True, "weaker": True}
    for requirement, name in ((first, "a"), (second, "b")):
        alone = all_hold | {name: False}
        assert holds(requirement, all_hold)
        assert not holds(requirement, alone)
        assert holds(requirement, alone | {"served": True})
        assert holds(requirement, alone | {"c": False})
    assert holds(second, all_hold | {"b": False, "weaker": False})


def holds(requirement: Requirement, truth: dict[str, bool]) -> bool:
    return bool(evaluate(substitute(requirement.holds, {name: Lit(value) for name, value in truth.items()}), NOTHING))


def test_a_flow_says_balance_ledger_and_answer_in_one() -> None:
    spent = spends({"fast": a})
    assert [(e.name, e.value) for e in spent.effect] == [("fast", (var("fast") - a).expr)]
    assert [(p.kind, p.pool, p.amount) for p in spent.ledger] == [(Kind.SPENT, "fast", a.expr)]
    assert spent.answer == {"charge_fast": a}
    assert [p.kind for p in buys(var("packs"), a).ledger] == [Kind.BOUGHT]
    assert [p.kind for p in includes(var("api"), a).ledger] == [Kind.GRANTED, Kind.EXPIRED]
    back = gives_back({"fast": a, "bank": b}, fast=up_to(c, var("lasts")), bank=in_full)
    kinds = [(p.kind, p.pool) for p in back.ledger]
    assert kinds == [(kind, pool) for kind in (Kind.REFUNDED, Kind.EXPIRED) for pool in ("fast", "bank")]
    assert {e.name for e in back.effect} == {"fast", "bank"}


@pytest.mark.parametrize(
    ("flow", "fast", "bank", "lines"),
    [
        (grants(var("fast"), a), 40, 7, {(Kind.GRANTED, "fast"): 40}),
        (keeps(var("fast"), a), 40, 7, {(Kind.EXPIRED, "fast"): 60}),
        (loses(var("fast")), 0, 7, {(Kind.EXPIRED, "fast"): 100}),
        (
            carries(var("fast"), var("bank"), a),
            100,
            40,
            {(Kind.MOVED_OUT, "fast"): 33, (Kind.MOVED_IN, "bank"): 33, (Kind.EXPIRED, "fast"): 67, (Kind.EXPIRED, "bank"): 0},
        ),
        (
            carries(var("fast"), var("bank"), b),
            100,
            2,
            {(Kind.MOVED_OUT, "fast"): 0, (Kind.MOVED_IN, "bank"): 0, (Kind.EXPIRED, "fast"): 100, (Kind.EXPIRED, "bank"): 5},
        ),
    ],
    ids=["grants", "keeps", "loses", "carries", "cuts"],
)
def test_a_flow_is_worth_what_it_says(flow: Flows, fast: int, bank: int, lines: dict[tuple[Kind, str], int]) -> None:
    before = {"fast": 100, "bank": 7, "a": 40, "b": 2}
    after = before | {effect.name: worth(effect.value, before) for effect in flow.effect}
    assert (after["fast"], after["bank"]) == (fast, bank)
    assert {(line.kind, line.pool): worth(line.amount, before) for line in flow.ledger} == lines


@pytest.mark.parametrize(("bank", "lasts", "after"), [(10, True, 30), (10, False, 10), (25, True, 35), (50, True, 50)])
def test_a_part_fills_its_pool_up_to_the_most_and_cuts_nothing(bank: int, lasts: bool, after: int) -> None:
    fits = up_to(35, var("lasts"))(var("bank"), a)
    assert worth(fits.expr, {"bank": bank, "a": 20, "lasts": lasts}) == after


def worth(expr: Expr, of: dict[str, int]) -> Value:
    return evaluate(substitute(expr, {name: Lit(value) for name, value in of.items()}), NOTHING)


def test_what_happens_is_one_list_and_each_kind_keeps_its_order() -> None:
    said = rule(
        "moves",
        "on",
        STAYS,
        "why",
        "C1",
        starts("day"),
        a.becomes(1),
        spends({"b": 2}),
        c.becomes(3),
        settles("month"),
        stops("year"),
    )
    by_kind = rule(
        "moves",
        "on",
        STAYS,
        "why",
        "C1",
        effect=[a.becomes(1), *spends({"b": 2}).effect, c.becomes(3)],
        ledger=spends({"b": 2}).ledger,
        answer={"charge_b": 2},
        clocks={"day": ClockAct.STARTS, "month": ClockAct.SETTLES, "year": ClockAct.STOPS},
    )
    assert said == by_kind


def test_an_event_is_a_list_of_its_parts_and_a_user_brings_it_about_unless_it_says_who() -> None:
    amount = Field("amount", Tokens(), "how many")
    first, second = requires("a_must_hold", a, "why"), requires("b_must_hold", b, "why")
    ways = rule("one", "on", STAYS, "why", when=c), rule("two", "on", STAYS, "why")
    found = event("happens", "Something happens.", "C1 C2", first, amount, ways[0], second, ways[1])
    assert (found.actor, found.fields, found.requires, found.rules) == (Actor.USER, (amount,), (first, second), ways)
    assert event("runs", "It runs.", "", Actor.JOB, ways[1]).actor is Actor.JOB
