"""Terms: what infix builds, what it refuses to mean, and what the words of `build` stand for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lang.machines import LEVEL, ladder
from tokenspec.machine.interpreters.reference import Bindings, evaluate
from tokenspec.machine.lang.build import (
    Term,
    all_of,
    any_of,
    eq,
    implies,
    ite,
    lift,
    lookup,
    maximum,
    minimum,
    ne,
    negation,
    one_of,
    posting,
    rule,
    total,
    var,
)
from tokenspec.machine.lang.declaration import Assign, Kind, Posting
from tokenspec.machine.lang.expr import TRUE, Binary, BinaryOp, Expr, Ite, Lit, Not, Var
from tokenspec.machine.lang.types import Value

a, b, c = var("a"), var("b"), var("c")
A, B, C = Var("a"), Var("b"), Var("c")


def value_of(term: Term, **values: Value) -> Value:
    return evaluate(term.expr, Bindings(ladder(), values))


# -- what infix builds -----------------------------------------------------------------------------------------------

BUILT: dict[str, tuple[Term, Expr]] = {
    "a + b": (a + b, Binary(BinaryOp.ADD, A, B)),
    "a - b": (a - b, Binary(BinaryOp.SUB, A, B)),
    "a * b": (a * b, Binary(BinaryOp.MUL, A, B)),
    "a < b": (a < b, Binary(BinaryOp.LT, A, B)),
    "a <= b": (a <= b, Binary(BinaryOp.LE, A, B)),
    "a > b is b < a": (a > b, Binary(BinaryOp.LT, B, A)),
    "a >= b is b <= a": (a >= b, Binary(BinaryOp.LE, B, A)),
    "a + 1": (a + 1, Binary(BinaryOp.ADD, A, Lit(1))),
    "a < 'high'": (a < "high", Binary(BinaryOp.LT, A, Lit("high"))),
    "1 < a": (1 < a, Binary(BinaryOp.LT, Lit(1), A)),  # noqa: SIM300
    "1 <= a": (1 <= a, Binary(BinaryOp.LE, Lit(1), A)),  # noqa: SIM300
    "1 > a": (1 > a, Binary(BinaryOp.LT, A, Lit(1))),  # noqa: SIM300
    "1 >= a": (1 >= a, Binary(BinaryOp.LE, A, Lit(1))),  # noqa: SIM300
    "a - b - c from the left": (a - b - c, Binary(BinaryOp.SUB, Binary(BinaryOp.SUB, A, B), C)),
    "a + b * c as in arithmetic": (a + b * c, Binary(BinaryOp.ADD, A, Binary(BinaryOp.MUL, B, C))),
    "a + b <= c as in arithmetic": (a + b <= c, Binary(BinaryOp.LE, Binary(BinaryOp.ADD, A, B), C)),
    "eq": (eq(a, 3), Binary(BinaryOp.EQ, A, Lit(3))),
    "ne": (ne(a, "low"), Not(Binary(BinaryOp.EQ, A, Lit("low")))),
    "negation": (negation(a), Not(A)),
    "implies": (implies(a, b), Binary(BinaryOp.OR, Not(A), B)),
    "ite": (ite(a, b, 0), Ite(A, B, Lit(0))),
    "minimum": (minimum(a, 1), Binary(BinaryOp.MIN, A, Lit(1))),
    "maximum": (maximum(0, b), Binary(BinaryOp.MAX, Lit(0), B)),
    "all_of of one is that one": (all_of(a), A),
    "all_of": (all_of(a, b, c), Binary(BinaryOp.AND, Binary(BinaryOp.AND, A, B), C)),
    "any_of": (any_of(a, b, True), Binary(BinaryOp.OR, Binary(BinaryOp.OR, A, B), Lit(True))),
    "total": (total(a, 2, b), Binary(BinaryOp.ADD, Binary(BinaryOp.ADD, A, Lit(2)), B)),
    "one_of": (
        one_of(a, "low", "top"),
        Binary(BinaryOp.OR, Binary(BinaryOp.EQ, A, Lit("low")), Binary(BinaryOp.EQ, A, Lit("top"))),
    ),
    "lookup asks for the first row first": (
        lookup(a, {"low": 1, "top": b}, 0),
        Ite(Binary(BinaryOp.EQ, A, Lit("low")), Lit(1), Ite(Binary(BinaryOp.EQ, A, Lit("top")), B, Lit(0))),
    ),
}


@pytest.mark.parametrize(("term", "expected"), BUILT.values(), ids=BUILT.keys())
def test_a_term_stands_for_the_expression_it_is_written_as(term: Term, expected: Expr) -> None:
    assert expected == term.expr


def test_lift_leaves_a_term_as_it_is_and_makes_a_literal_of_a_value() -> None:
    assert [A, Lit(True), Lit(7), Lit("low")] == [lift(a), lift(True), lift(7), lift("low")]


# -- what it refuses to mean -----------------------------------------------------------------------------------------

UNCLEAR: dict[str, Callable[[], object]] = {
    "bool": lambda: bool(a),
    "and": lambda: a and b,
    "or": lambda: a or b,
    "not": lambda: not a,
    "if": lambda: 1 if a < b else 2,
    "chained": lambda: a < b < c,
    "chained between numbers": lambda: 0 <= a <= 3,
    "assert": lambda: all([a, b]),
    "any": lambda: any([a, b]),
    "built-in min": lambda: min(a, b),
    "built-in max": lambda: max(a, b),
    "sorted": lambda: sorted([a, b]),
}


@pytest.mark.parametrize("unclear", UNCLEAR.values(), ids=UNCLEAR.keys())
def test_a_term_has_no_truth_value(unclear: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match="no truth value yet: write all_of, any_of, negation or ite"):
        unclear()


@pytest.mark.parametrize("literal", [Lit(True), Lit(False), Lit(0), Lit("low")], ids=repr)
def test_not_even_a_constant_term_has_a_truth_value(literal: Lit) -> None:
    with pytest.raises(TypeError, match="no truth value"):
        bool(Term(literal))


def test_an_if_statement_over_a_term_raises() -> None:
    with pytest.raises(TypeError, match="no truth value"):  # noqa: PT012
        if a < 3:
            pytest.fail("the branch was taken")


ABSENT: dict[str, Callable[[], object]] = {
    "number + term": lambda: 1 + a,  # type: ignore[operator]
    "number - term": lambda: 1 - a,  # type: ignore[operator]
    "number * term": lambda: 2 * a,  # type: ignore[operator]
    "-term": lambda: -a,  # type: ignore[operator]
    "/": lambda: a / 2,  # type: ignore[operator]
    "//": lambda: a // 2,  # type: ignore[operator]
    "%": lambda: a % 2,  # type: ignore[operator]
    "&": lambda: a & b,  # type: ignore[operator]
    "|": lambda: a | b,  # type: ignore[operator]
    "~": lambda: ~a,  # type: ignore[operator]
    "built-in sum": lambda: sum([a, b]),  # type: ignore[list-item]
    "in": lambda: a in b,  # type: ignore[operator]
    "iteration": lambda: list(a),  # type: ignore[call-overload]
}


@pytest.mark.parametrize("absent", ABSENT.values(), ids=ABSENT.keys())
def test_an_operator_that_terms_do_not_have_raises(absent: Callable[[], object]) -> None:
    with pytest.raises(TypeError):
        absent()


EQUALITY: dict[str, Callable[[], object]] = {"==": lambda: a == 3, "!=": lambda: a != "low", "== between terms": lambda: a == b}


@pytest.mark.parametrize("equals", EQUALITY.values(), ids=EQUALITY.keys())
def test_the_equality_signs_raise_instead_of_comparing_handles(equals: Callable[[], object]) -> None:
    """`requires(code, a == 3, ...)` would otherwise declare the constant False, and validate."""
    with pytest.raises(TypeError, match="terms are not compared by == or !=: write eq or ne"):
        equals()


def test_a_term_is_still_a_key_by_itself_alone() -> None:
    rows = {a: 1, var("a"): 2}
    assert [rows[a], len(rows)] == [1, 2]


@pytest.mark.parametrize("term", [a + 1, eq(a, 1), Term(Lit(3)), ite(a, b, c)], ids=lambda term: str(term.expr))
def test_only_a_variable_can_become_something(term: Term) -> None:
    with pytest.raises(TypeError, match="only a variable can become something, not "):
        term.becomes(1)


def test_becomes_is_the_effect_on_that_variable() -> None:
    assert [Assign("a", Binary(BinaryOp.ADD, B, Lit(1))), Assign("a", Lit("low"))] == [a.becomes(b + 1), a.becomes("low")]


def test_a_posting_names_a_pool() -> None:
    assert Posting(Kind.SPENT, "a", B) == posting(Kind.SPENT, a, b)
    with pytest.raises(AssertionError, match="a posting names a pool"):
        posting(Kind.SPENT, a + 1, b)


def test_a_rule_may_name_one_source_or_several() -> None:
    expected = [("on",), ("on", "off")]
    assert expected == [rule("r", "on", None, "").source, rule("r", ("on", "off"), None, "").source]


def test_a_rule_without_a_condition_always_applies() -> None:
    assert rule("r", "on", None, "").when == TRUE


# -- the words without arguments -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        pytest.param(all_of(), True, id="all_of"),
        pytest.param(any_of(), False, id="any_of"),
        pytest.param(one_of(a), False, id="one_of"),
        pytest.param(total(), 0, id="total"),
        pytest.param(lookup(a, {}, 7), 7, id="lookup"),
        pytest.param(lookup(a, {}, "low"), "low", id="lookup of a name"),
    ],
)
def test_a_word_without_arguments_is_its_neutral_value(term: Term, expected: Value) -> None:
    assert Lit(expected) == term.expr
    assert expected is value_of(term)


def test_lookup_without_rows_is_the_other_term_itself() -> None:
    expected = a.expr
    assert expected == lookup(b, {}, a).expr


# -- what the words mean to the reference reader ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "right", "smaller", "larger"),
    [
        (1, 2, 1, 2),
        (2, 1, 1, 2),
        (3, 3, 3, 3),
        (0, 0, 0, 0),
        (-2, 1, -2, 1),
        (-1, -2, -2, -1),
        (2**53, 2**53 - 1, 2**53 - 1, 2**53),
    ],
)
def test_minimum_is_the_smaller_and_maximum_the_larger(left: int, right: int, smaller: int, larger: int) -> None:
    assert (smaller, larger) == (value_of(minimum(a, b), a=left, b=right), value_of(maximum(a, b), a=left, b=right))


@pytest.mark.parametrize(("number", "expected"), [(-3, 0), (0, 0), (2, 2), (5, 5), (9, 5)])
def test_minimum_and_maximum_together_keep_a_number_in_bounds(number: int, expected: int) -> None:
    assert expected == value_of(maximum(0, minimum(a, 5)), a=number)


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("right", [False, True])
def test_connectives_have_their_truth_tables(left: bool, right: bool) -> None:
    terms = [all_of(a, b), any_of(a, b), implies(a, b), ne(a, b), negation(a)]
    expected = [left and right, left or right, not left or right, left is not right, not left]
    assert expected == [value_of(term, a=left, b=right) for term in terms]


@pytest.mark.parametrize(("key", "expected"), [("low", 1), ("middle", 2), ("high", 0), ("top", 0)])
def test_lookup_is_the_row_that_the_key_names(key: str, expected: int) -> None:
    assert expected == value_of(lookup(a, {"low": 1, "middle": 2}, 0), a=key)


@pytest.mark.parametrize("member", LEVEL.members)
def test_one_of_is_true_of_its_members_only(member: str) -> None:
    assert (member in ("low", "top")) is value_of(one_of(a, "low", "top"), a=member)


def test_total_is_the_sum() -> None:
    assert value_of(total(a, b, 10), a=1, b=-4) == 7


@pytest.mark.parametrize("low", LEVEL.members)
@pytest.mark.parametrize("high", LEVEL.members)
def test_members_are_ordered_as_their_enum_lists_them(low: str, high: str) -> None:
    level, asked = var("level"), var("asked")
    i, j = LEVEL.order.index(low), LEVEL.order.index(high)
    terms = [level < asked, level <= asked, level > asked, level >= asked]
    assert [i < j, i <= j, i > j, i >= j] == [value_of(term, level=low, asked=high) for term in terms]


def test_ite_evaluates_the_branch_it_takes_and_no_other() -> None:
    expected = [1, 2]
    assert expected == [value_of(ite(True, 1, var("nothing"))), value_of(ite(False, var("nothing"), 2))]
