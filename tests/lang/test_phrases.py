"""The words of a declaration are lowered to the core, and a wrong use of one is refused where it is written."""

from __future__ import annotations

import pytest

from tokenspec.machine.interpreters.reference import Bindings, evaluate
from tokenspec.machine.lang.build import eq, ite, lookup, var
from tokenspec.machine.lang.declaration import Kind, Machine, Parameter, Policy, Requirement
from tokenspec.machine.lang.expr import Lit, substitute
from tokenspec.machine.lang.phrases import Definitions, Figure, Missing, buys, choosing, gives_back, includes, spends, unless
from tokenspec.machine.lang.types import Enum, Tokens

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
    back = gives_back({"fast": a, "bank": b}, {"fast": c, "bank": c})
    kinds = [(p.kind, p.pool) for p in back.ledger]
    assert kinds == [(kind, pool) for kind in (Kind.REFUNDED, Kind.EXPIRED) for pool in ("fast", "bank")]
