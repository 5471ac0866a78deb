"""A claim's sentence says no more than its formulas: each policy that they turn on stands in it, and so do the bank's months."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import pytest
from prepaid.specification import PREPAID
from purse.specification import PURSE

from tokenspec.invariants.claims import claims
from tokenspec.invariants.specification import SPECIFICATION
from tokenspec.machine.lang.calendars import variants
from tokenspec.machine.lang.claims import CalendarPart, Claim
from tokenspec.machine.lang.declaration import Machine
from tokenspec.machine.lang.expr import Binary, BinaryOp, Expr, Ite, Lit, Not, Var, children, names_in
from tokenspec.machine.lang.specification import Specification
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT

SPECIFICATIONS = (SPECIFICATION, PREPAID, PURSE)
CHOICES = {policy.name: [choice for choice, _ in policy.answers] for each in SPECIFICATIONS for policy in each.policies}
CLAIMS = {claim.id: claim for claim in claims(DEFAULT.ranking)}
ALL = {f"{each.name}-{claim.id}": (each, claim) for each in SPECIFICATIONS for claim in each.claims(each.catalogue)}


def formulas(part: object) -> Iterator[Expr]:
    """Everything that a part states; the case that makes it interesting is no statement."""
    if isinstance(part, Binary | Not | Ite | Lit | Var):
        yield part
    elif isinstance(part, tuple):
        for inner in part:
            yield from formulas(inner)
    elif is_dataclass(part):
        for field in fields(part):
            if field.name != "witness":
                yield from formulas(getattr(part, field.name))


def chosen(expr: Expr) -> Iterator[tuple[str, str]]:
    match expr:
        case Binary(BinaryOp.EQ, Var(name), Lit(str(choice))) if name in CHOICES:
            yield name, choice
    for inner in children(expr):
        yield from chosen(inner)


def turned_on(claim: Claim, machine: Machine) -> set[str]:
    """The policies that the formulas of a claim read; `machine` has the clocks."""
    read = {name for part in claim.parts for expr in formulas(part) for name in names_in(expr) if name in CHOICES}
    clocks = {part.clock for part in claim.parts if isinstance(part, CalendarPart)}
    calendars = [clock.calendar for clock in machine.clocks if clock.name in clocks]
    return read | {name for calendar in calendars for settings, _ in variants(calendar) for name in settings}


@pytest.mark.parametrize(("specification", "claim"), ALL.values(), ids=ALL)
def test_the_policies_of_the_formulas_are_those_of_the_sentence(specification: Specification, claim: Claim) -> None:
    assert set(re.findall(r"`(\w+)(?: = \w+)?`", claim.sentence)) == turned_on(claim, specification.main())


@pytest.mark.parametrize("claim", [claim for _, claim in ALL.values()], ids=ALL)
def test_a_choice_in_a_sentence_is_one_that_a_formula_makes(claim: Claim) -> None:
    made = {choice for part in claim.parts for expr in formulas(part) for choice in chosen(expr)}
    for name, choice in re.findall(r"`(\w+) = (\w+)`", claim.sentence):
        assert choice in CHOICES[name]
        # A formula may name the other choices instead, where there are two.
        assert (name, choice) in made or len(CHOICES[name]) == 2


def test_there_are_claims_that_turn_on_policies() -> None:
    assert {"relaxed_only_when_empty", "plan_changes_mint_nothing", "late_equals_on_time"} <= {
        name for name, claim in CLAIMS.items() if turned_on(claim, account())
    }


def test_the_bank_is_told_by_the_catalogue_s_months() -> None:
    one, three, twelve = (next(c for c in claims(DEFAULT.ranking, months) if c.number == 2) for months in (1, 3, 12))
    assert one.sentence == three.sentence.replace(" 3 months", " 1 month")
    assert CLAIMS[three.id].sentence == three.sentence
    assert twelve.sentence == three.sentence.replace(" 3 months", " 12 months") != three.sentence
    assert any("bank_months" in names_in(expr) for part in three.parts for expr in formulas(part))
