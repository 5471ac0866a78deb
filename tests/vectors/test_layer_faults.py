"""Vectors aim at what an implementation remembers: of ids, of jobs, of days of the month; and at what its answers show."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from tokenspec.machine.mutation.operators import Mutant
from tokenspec.oracle.base.specification import account
from tokenspec.oracle.check.mutants.campaign import seeded
from tokenspec.oracle.serve.server import Server
from tokenspec.oracle.sut.client import Client
from tokenspec.oracle.sut.world import Openings, SutSettings
from tokenspec.oracle.vectors.build.faulty_oracle import OracleFault, shows_nothing
from tokenspec.oracle.vectors.build.for_sut import OneImplementation
from tokenspec.oracle.vectors.build.goals import Candidate
from tokenspec.oracle.vectors.build.layer_faults import LayerFault, layer_faults
from tokenspec.oracle.vectors.build.lists import listed, plain
from tokenspec.oracle.vectors.build.scenarios import SCENARIOS
from tokenspec.oracle.vectors.build.schedules import finds, scheduled, shorter
from tokenspec.oracle.vectors.build.suite import LISTS
from tokenspec.oracle.vectors.build.target import BuildTarget, candidate_of
from tokenspec.oracle.wire.settings import policy_from
from tokenspec.spec.catalogue import DEFAULT

Message = dict[str, Any]
FAULTS = {fault.id: fault for fault in layer_faults()}
TARGET = BuildTarget("explicit")


@cache
def of_memory() -> list[Mutant]:
    return [m for m in seeded(DEFAULT).values() if m.operator == "period" or ".note_" in m.id]


def scenario(name: str) -> Candidate:
    return next(candidate_of(each, "explicit") for each in SCENARIOS if each.id == name)


def test_each_has_a_name_of_its_own() -> None:
    assert len(FAULTS) == len(layer_faults()) > 80


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("refund-after-three-days", "entries.day_lasts_2"),
        ("refund-after-three-ends", "entries.subscription_lasts_3"),
        ("refund-of-the-first-of-twelve", "entries.last_10"),
        ("names-that-are-nearly-the-same", "ids.without_zeros"),
        ("names-that-are-nearly-the-same", "entries.without_length"),
        ("month-end-stays-clamped-at-the-start-of-the-day", "calendar.account.renewal.stay_clamped.start_of_day"),
        ("month-end-stays-clamped-in-a-leap-year", "clock.renewal.to_28"),
        ("job-belongs-to-its-account", "entries.shared"),
    ],
)
def test_a_scenario_shows_what_it_is_about(name: str, fault: str) -> None:
    assert finds(scenario(name).played, FAULTS[fault])
    assert not finds(scenario("december-is-followed-by-january").played, FAULTS["entries.last_10"])


def test_what_is_noted_wrongly_is_shown_by_the_refund_alone() -> None:
    drained = scenario("refund-of-a-drained-remainder").played
    faults = {m.id: OracleFault(m.id, account(), m.machine) for m in of_memory()}
    for pool in ("daily", "fast", "rollover", "topup"):
        assert finds(drained, faults[f"note_dropped.generates_relaxed.note_{pool}_part"])
    assert not any(finds(scenario("december-is-followed-by-january").played, fault) for fault in faults.values())


def test_a_fault_of_the_memory_is_not_taken_for_one_of_the_ledger() -> None:
    assert of_memory()
    assert not any(shows_nothing(account(), mutant.machine) for mutant in of_memory())


@pytest.mark.parametrize("name", ["ids.last_2", "ids.refreshed_after_a_job", "entries.month_lasts_2", "ids.without_case"])
def test_random_runs_come_to_what_no_scenario_shows_and_are_made_short(name: str) -> None:
    (found,) = scheduled(TARGET, [FAULTS[name]])
    assert finds(found.played, FAULTS[name])
    assert len(found.played.records) < 12
    assert shorter(TARGET, found.played, FAULTS[name]).records == found.played.records


class Takes(Client):
    """A right implementation that takes and observes some things alone."""

    def __init__(self, says: Message) -> None:
        self._says, self._server = says, Server()

    def ask(self, request: Message) -> Message:
        answer = self._server.handle(request)
        return answer | self._says if request["op"] == "open" else answer

    def end(self) -> None: ...


ONE_BALANCE = {"events": ["open_account", "generate"], "observes": ["outcome", "delta"], "repeats": "same_request"}
NO_IDS = {"events": ["open_account", "subscribe", "generate", "refund"], "observes": ["outcome", "balances"], "repeats": "none"}
JOBS = [f"entries.without_{way}" for way in ("case", "blanks", "zeros", "length")]
IDS = ["ids.last_0", "ids.last_10", "ids.last_1000", *(f"ids.without_{way}" for way in ("case", "blanks", "zeros", "length"))]


@pytest.mark.slow
@pytest.mark.parametrize(("says", "names"), [(ONE_BALANCE, [*JOBS, *IDS]), (NO_IDS, JOBS)])
def test_runs_for_one_implementation_are_about_names(says: Message, names: list[str]) -> None:
    target = OneImplementation(Openings(Takes(says)), SutSettings(policy_from({}), DEFAULT))
    begun = plain(target)
    assert begun is not None
    runs = [run for lists in LISTS for run in listed(target, lists(target, begun))]
    assert {name for name in names if any(finds(run.played, FAULTS[name]) for run in runs)} == set(names)
    assert all(target.takes(run.played) for run in runs)


@pytest.mark.slow
@pytest.mark.parametrize(("says", "names"), [
    (ONE_BALANCE, ["ids.shared", "entries.used_up"]),
    (NO_IDS, ["entries.shared", "entries.swapped_parts"]),
])  # fmt: skip
def test_random_runs_for_one_implementation_are_what_it_takes(says: Message, names: list[str]) -> None:
    target = OneImplementation(Openings(Takes(says)), SutSettings(policy_from({}), DEFAULT))
    assert {fault.id for fault in target.layer_faults()} >= set(names)
    assert ("ids.shared" in {fault.id for fault in target.layer_faults()}) is (says is ONE_BALANCE)
    runs = scheduled(target, [FAULTS[name] for name in names], 40)
    assert {name for name in names if any(finds(run.played, FAULTS[name]) for run in runs)} == set(names)
    assert all(target.takes(run.played) for run in runs)


def test_a_right_implementation_is_never_at_fault() -> None:
    right = LayerFault("right", "nothing is wrong", FAULTS["ids.last_1000"].make)
    assert not any(finds(candidate_of(each, "explicit").played, right) for each in SCENARIOS)
