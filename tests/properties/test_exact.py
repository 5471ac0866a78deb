"""Products that outgrow 64 bits decide comparisons as numbers of any size do, or the declaration is not compiled."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenspec.machine.interpreters import reference
from tokenspec.machine.interpreters.embedded.host import Embedded, embedded
from tokenspec.machine.interpreters.embedded.memory import Interface
from tokenspec.machine.lang.build import Term, minimum, posting, requires, rule, var, variable
from tokenspec.machine.lang.declaration import Actor, Event, Field, Kind, Machine
from tokenspec.machine.lang.outcome import Accepted
from tokenspec.machine.lang.types import COUNTABLE_MAX, Enum, Tokens, Value
from tokenspec.machine.lang.validate import validate

ANY = Tokens(-COUNTABLE_MAX, COUNTABLE_MAX)
a, b, c, held = var("a"), var("b"), var("c"), var("held")


def shop(what: Term, most: Term) -> Machine:
    """One event that is accepted where `what` is at most `most`, and then adds `what`."""
    fields = tuple(Field(name, ANY, "a number") for name in "abc")
    needs = (requires("it_must_not_be_more", what <= most, ""),)
    lines, answer = [posting(Kind.BOUGHT, held, what)], {"by": what}
    rules = (rule("adds", "on", None, "", effect=[held.becomes(held + what)], ledger=lines, answer=answer),)
    machine = Machine(
        name="shop",
        says="Adds.",
        control="mode",
        variables=(variable("mode", Enum("Mode", ("on",)), "on", ""), variable("held", Tokens(), 0, "")),
        events=(Event("add", Actor.USER, "", fields, needs, rules),),
        pools=("held",),
    )
    validate(machine)
    return machine


@cache
def compiled(what: Term, most: Term) -> tuple[Machine, bytes]:
    machine = shop(what, most)
    return machine, embedded(Interface(machine), {}, {})


near = st.sampled_from([0, 1, 2**26, 2**27, 2**31, 2**32, 2**52, COUNTABLE_MAX]).flatmap(
    lambda n: st.integers(max(-COUNTABLE_MAX, n - 2), min(COUNTABLE_MAX, n + 2)) | st.just(-n)
)
whole = near | st.integers(-COUNTABLE_MAX, COUNTABLE_MAX)

PRODUCT, SUM, DIFFERENCE, SMALLER = (a * b, c), (a * b + held, c), (c - a * b, held), (minimum(a * b, c), held)


@pytest.mark.parametrize("terms", [PRODUCT, SUM, DIFFERENCE, SMALLER], ids=["product", "sum", "difference", "smaller"])
@given(numbers=st.tuples(whole, whole, whole), before=whole)
@settings(max_examples=60, deadline=None, database=None, derandomize=True)
def test_a_product_is_compared_and_stored_as_with_numbers_of_any_size(
    terms: tuple[Term, Term], numbers: tuple[int, int, int], before: int
) -> None:
    machine, module = compiled(*terms)
    reader = Embedded(module)
    state: dict[str, Value]
    fields: dict[str, Value]
    state, fields = {"mode": "on", "held": before}, dict(zip("abc", numbers, strict=True))
    right = reference.step(machine, {}, state, "add", fields)
    come_out = (right.state["held"], right.answer["by"]) if isinstance(right, Accepted) else ()
    if all(abs(int(n)) <= COUNTABLE_MAX for n in come_out):
        assert reader.step(state, "add", fields) == right
    else:
        with pytest.raises(OverflowError, match="2\\^53"):
            reader.step(state, "add", fields)


def test_the_numbers_tried_lie_on_both_sides() -> None:
    reader = Embedded(compiled(*PRODUCT)[1])
    outcomes = []
    for fields in ({"a": 3, "b": -5, "c": 0}, {"a": 2**40, "b": 2**40, "c": COUNTABLE_MAX}, {"a": -(2**40), "b": 2**40, "c": 0}):
        try:
            outcomes.append(type(reader.step({"mode": "on", "held": 0}, "add", fields)).__name__)
        except OverflowError:
            outcomes.append("too large")
    assert outcomes == ["Accepted", "Refused", "too large"]


@pytest.mark.parametrize(
    ("what", "most", "says"),
    [
        (a * b, c * held, "two parts that can outgrow"),
        (a * b * c, held, "a factor that can outgrow"),
        (a * b + a * b, held, "two parts that can outgrow"),
    ],
    ids=["two products", "three factors", "twice a product"],
)
def test_what_64_bits_may_not_decide_is_not_compiled(what: Term, most: Term, says: str) -> None:
    with pytest.raises(OverflowError, match=says):
        embedded(Interface(shop(what, most)), {}, {})


def test_a_range_that_no_host_could_write_is_not_compiled() -> None:
    machine = shop(a, c)
    fields = tuple(replace(field, type=Tokens(0, 2**60)) for field in machine.events[0].fields)
    with pytest.raises(OverflowError, match="wider than"):
        embedded(Interface(replace(machine, events=(replace(machine.events[0], fields=fields),))), {}, {})
