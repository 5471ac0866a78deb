"""What every proof assumes of figures is true of whatever is searched, shipped or accepted, and a report lists it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given

from proofs.broken import gathered
from tokenspec.invariants.scopes import SCOPES
from tokenspec.machine.lang.build import assumption, eq, var
from tokenspec.machine.lang.catalogue import Figures
from tokenspec.machine.lang.declaration import Assumption, Machine
from tokenspec.machine.lang.typecheck import show
from tokenspec.machine.lang.types import COUNTABLE_MAX
from tokenspec.oracle.account.figures import EXCHANGED, SMALL, WITHOUT_BANK, catalogues
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.check.arising import unsatisfied
from tokenspec.oracle.check.evidence import Evidence
from tokenspec.oracle.check.verdicts import verdicts
from tokenspec.oracle.report.check import check_report, exit_codes, gates
from tokenspec.oracle.report.forms import RENDERERS
from tokenspec.oracle.report.text import text
from tokenspec.oracle.wire import settings
from tokenspec.oracle.wire.settings import broken_assumptions, catalogue_from, catalogue_on_the_wire
from tokenspec.spec.account import account
from tokenspec.spec.catalogue import DEFAULT

FIGURES = (-1, 0, 1, 10**6, COUNTABLE_MAX, COUNTABLE_MAX + 1)


def others() -> Iterator[Figures]:
    """The shipped catalogue with one figure changed."""
    for figure in FIGURES:
        yield DEFAULT.but(daily=figure)
        yield DEFAULT.but(bank_months=figure)
        for name in DEFAULT.packs:
            yield DEFAULT.but(packs={**DEFAULT.packs, name: figure})
        for name, plan in DEFAULT.plans.items():
            yield DEFAULT.but(plans={**DEFAULT.plans, name: plan | {"allowance": figure}})
            yield DEFAULT.but(plans={**DEFAULT.plans, name: plan | {"api": figure}})


OTHERS = list(others())


@pytest.mark.parametrize("assumed", account().assumptions, ids=lambda a: show(a.holds))
def test_no_catalogue_is_accepted_that_breaks_an_assumption(assumed: Assumption) -> None:
    breaking = [each for each in OTHERS if assumed in broken_assumptions(each)]
    assert breaking
    for each in breaking:
        with pytest.raises(BadSetting):
            catalogue_from(catalogue_on_the_wire(each))


def test_a_catalogue_is_refused_by_key_and_rule_of_what_it_breaks() -> None:
    falling = DEFAULT.but(plans={**DEFAULT.plans, "ultimate": DEFAULT.plans["ultimate"] | {"allowance": 1}})
    with pytest.raises(BadSetting, match=r"plans\.ultimate\.allowance.* below that of premium"):
        catalogue_from(catalogue_on_the_wire(falling))


@pytest.mark.parametrize("used", [DEFAULT, SMALL, EXCHANGED, WITHOUT_BANK, *(scope.catalogue for scope in SCOPES.values())])
def test_what_is_shipped_searched_and_run_satisfies_every_assumption(used: Figures) -> None:
    assert broken_assumptions(used) == []


@given(catalogues())
def test_the_catalogues_of_random_runs_satisfy_every_assumption(drawn: Figures) -> None:
    assert broken_assumptions(drawn) == []


def told(evidence: Evidence) -> str:
    """The report as text, wherever its lines end."""
    to = io.StringIO()
    text(check_report(verdicts(evidence), evidence, []), to)
    return " ".join(to.getvalue().split())


@pytest.fixture
def narrowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The declaration assumes more than the scopes satisfy."""

    def account_of(catalogue: Figures = DEFAULT) -> Machine:
        machine = account(catalogue)
        return replace(machine, assumptions=(*machine.assumptions, assumption(eq(var("daily_allowance"), 150), "x: it is 150")))

    monkeypatch.setattr(settings, "account", account_of)


@pytest.mark.usefixtures("narrowed")
def test_an_assumption_that_a_scope_breaks_fails_a_check() -> None:
    evidence = gathered()
    (line,) = gates(evidence)["every_assumption_is_satisfied"]
    assert line.startswith("the tiny scope breaks what every proof assumes, daily_allowance = 150")
    assert exit_codes(verdicts(evidence), evidence) == [16]
    assert " ".join(line.split()) in told(evidence)


@pytest.mark.usefixtures("narrowed")
def test_an_assumption_that_only_one_s_own_catalogue_breaks_is_told_of_it() -> None:
    told = list(unsatisfied([], DEFAULT.but(daily=149)))
    assert [line.partition(" breaks ")[0] for line in told] == ["the catalogue"]


def test_a_report_lists_what_is_assumed() -> None:
    evidence = gathered()
    report = check_report(verdicts(evidence), evidence, [])
    listed = json.loads(RENDERERS["json"](report))["assumptions"]
    assert [each["holds"] for each in listed] == [show(a.holds) for a in account().assumptions]
    assert [each["holds"] for each in listed if each["holds"] not in told(evidence)] == []
