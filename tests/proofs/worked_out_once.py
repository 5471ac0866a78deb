"""Checks whose settings differ share what does not depend on them, which is most of their time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest

from tokenspec.machine.checkers.calendars import CalendarFinding, calendar_findings
from tokenspec.machine.checkers.native.search import Budget
from tokenspec.machine.checkers.prover.induction import Induction, Obligation
from tokenspec.machine.lang.declaration import Policy
from tokenspec.machine.lang.specification import Scope
from tokenspec.oracle.check import evidence as engines
from tokenspec.oracle.check.evidence import Evidence, Searched

_searches: dict[object, Searched] = {}
_search = engines._search


def _searched(evidence: Evidence, scope: Scope, policy: Mapping[str, str], opened: tuple[Policy, ...], budget: Budget) -> None:
    key = (scope, *policy.items(), opened, evidence.settings.keeps_states)
    if key not in _searches:
        _search(evidence, scope, policy, opened, budget)
        _searches[key] = evidence.searches.pop()
    evidence.searches.append(_searches[key])


@cache
def _obligations(*asked: Any) -> list[Obligation]:
    return list(Induction(*asked).obligations())


@cache
def calendars(*asked: Any) -> list[CalendarFinding]:
    """What `calendar_findings` yields."""
    return list(calendar_findings(*asked))


@contextmanager
def worked_out_once() -> Iterator[None]:
    """Proofs, searches and laws of calendars, each of which depends on what it is given alone, are taken from the first check."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "_search", _searched)
        patch.setattr(engines, "Induction", lambda *asked: SimpleNamespace(obligations=lambda: _obligations(*asked)))
        patch.setattr(engines, "calendar_findings", calendars)
        yield
