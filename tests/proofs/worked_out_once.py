"""Checks whose settings differ share what does not depend on them, which is most of their time; so do processes of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest

from made_once import made_once
from tokenspec.machine.checkers.calendars import CalendarFinding, calendar_findings
from tokenspec.machine.checkers.monitor import Tally
from tokenspec.machine.checkers.native.search import Budget
from tokenspec.machine.checkers.prover.induction import Induction, Obligation
from tokenspec.machine.lang.claims import Claim, StatePart
from tokenspec.machine.lang.declaration import Machine, Policy
from tokenspec.machine.lang.specification import Scope
from tokenspec.oracle.check import evidence as engines
from tokenspec.oracle.check.arising import Absence, absences
from tokenspec.oracle.check.evidence import CheckSettings, Evidence, Searched
from tokenspec.oracle.check.from_every_state import FromStates, from_every_state
from tokenspec.oracle.fuzz.campaign import Progress

_searches: dict[object, Searched] = {}
_search = engines._search


def _searched(evidence: Evidence, scope: Scope, policy: Mapping[str, str], opened: tuple[Policy, ...], budget: Budget) -> None:
    key = (scope, *policy.items(), opened, evidence.settings.keeps_states)
    if key not in _searches:

        def search() -> Searched:
            _search(evidence, scope, policy, opened, budget)
            return evidence.searches.pop()

        _searches[key] = made_once(("search", *key), search)
    evidence.searches.append(_searches[key])


@cache
def obligations(
    machine: Machine, claims: Sequence[Claim], lemmas: Sequence[StatePart], seconds: float = 10.0
) -> list[Obligation]:
    """What `Induction` yields."""
    asked = machine, claims, lemmas, seconds
    return made_once(("obligations", *asked), lambda: list(Induction(*asked).obligations()))


@cache
def ruled_out(policy: tuple[tuple[str, str], ...]) -> list[Absence]:
    """What cannot arise under settings of the policies, of all cases."""
    return made_once(("absences", policy), lambda: list(absences(Tally(), dict(policy), None, "")))


@cache
def calendars(*asked: Any) -> list[CalendarFinding]:
    """What `calendar_findings` yields."""
    return made_once(("calendars", *asked), lambda: list(calendar_findings(*asked)))


def from_states(policy: Mapping[str, str], *_: object) -> FromStates:
    """What is found of the code from every state, under one choice of policies."""
    return made_once(("from every state", sorted(policy.items())), lambda: from_every_state(policy))


@contextmanager
def worked_out_once() -> Iterator[None]:
    """What each engine but the fuzzer finds, which depends on what it is given alone, is taken from the first check."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "_search", _searched)
        patch.setattr(engines, "Induction", lambda *asked: SimpleNamespace(obligations=lambda: obligations(*asked)))
        patch.setattr(engines, "calendar_findings", calendars)
        patch.setattr(engines, "from_every_state", from_states)
        yield


def checked(settings: CheckSettings, progress: Progress | None = None) -> Evidence:
    """What a check under these settings gathers."""
    with worked_out_once():
        return made_once(("check", settings), lambda: engines.gather(settings, progress))
