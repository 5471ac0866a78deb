"""A default run meets each rule while some pool, whichever it is, holds just one token, just a figure, or as much as another."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sut.mistaken import LOOK, Message, Mistaken
from tokenspec.oracle.base.instants import parse_instant
from tokenspec.oracle.fuzz.conformance import conform
from tokenspec.oracle.fuzz.holdings import exact_holdings
from tokenspec.oracle.fuzz.pairs import RulePairs
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.sut.world import SutSettings
from tokenspec.oracle.wire.settings import policy_from
from tokenspec.spec.catalogue import DEFAULT

SETTING = SutSettings(policy_from({}), DEFAULT)
Balances = dict[str, int]
WRONG_WHILE: dict[str, tuple[str, Callable[[Balances], bool]]] = {
    "an upgrade while one large pack is held": ("upgrade", lambda held: held["topup"] == DEFAULT.packs["large"]),
    "an upgrade while two small packs are held": ("upgrade", lambda held: held["topup"] == 2 * DEFAULT.packs["small"]),
    "a renewal while one API token is held": ("renew", lambda held: held["api"] == 1),
    "a downgrade while the last token of the packs is held": ("downgrade", lambda held: held["topup"] == 1),
    "a daily reset while one monthly token is left": ("daily_reset", lambda held: held["fast"] == 1),
    "a renewal while the API has as much as is left of the month": ("renew", lambda held: held["api"] == held["fast"] > 0),
    "an end while the API has as much as the day brings": ("cancel", lambda held: held["api"] == DEFAULT.daily),
}
SUBSCRIBED = ({"event": "open_account"}, {"event": "subscribe", "plan": "artisan"})
RUNS = {
    "upgrades": (*SUBSCRIBED, {"event": "upgrade", "plan": "maestro"}),
    "downgrades": (*SUBSCRIBED, {"event": "downgrade", "plan": "apprentice"}),
    "schedules_end": (*SUBSCRIBED, {"event": "cancel"}),
    "renews": (*SUBSCRIBED, {"event": "renew"}),
    "resets_nothing": (*SUBSCRIBED, {"event": "daily_reset"}),
}
"""A run for each rule, of which the last record is two months later."""


class WrongWhile(Mistaken):
    """A token is lost by the event in the situation."""

    def __init__(self, event: str, when: Callable[[Balances], bool]) -> None:
        super().__init__()
        self._event, self._when = event, when

    def apply(self, request: Message) -> Message:
        before = self.server.handle({**LOOK, "account": request["account"], "at": request["at"]})["balances"]
        answer = super().apply(request)
        if request["event"] == self._event and answer["outcome"] == "accepted" and before and self._when(before):
            answer["balances"]["fast"] -= 1
        return answer


@pytest.fixture(scope="module")
def met() -> set[str]:
    """The situations that are met by the last record of a run."""
    start, later = parse_instant("2027-01-15T09:00:00Z"), parse_instant("2027-03-20T09:00:00Z")
    pairs = RulePairs()
    for rule, run in RUNS.items():
        jobs = run[-1]["event"] in ("renew", "daily_reset")
        ats = [start] * (len(run) - 1) + [later if jobs else start]
        pairs.reached["before", rule] = [{"account": "a", "at": at, **each} for at, each in zip(ats, run, strict=True)]
    oracle, found = Oracle(), set[str]()
    for *before, last in exact_holdings(pairs, oracle, lambda record, _: record):
        world = oracle.fork({})
        held = [world.apply(record) for record in before][-1].balances
        assert world.apply(last).outcome == "accepted"
        found |= {name for name, (event, when) in WRONG_WHILE.items() if last["event"] == event and when(held)}
    return found


@pytest.mark.parametrize("name", WRONG_WHILE)
def test_a_run_comes_to_the_situation(name: str, met: set[str]) -> None:
    assert name in met


@pytest.mark.slow
def test_a_wallet_that_is_wrong_there_is_found() -> None:
    found = conform(WrongWhile(*WRONG_WHILE["an upgrade while one large pack is held"]), SETTING, 2, 20, 1, required=0)
    assert found.counterexample is not None
    assert found.counterexample.is_reproduced
    assert len(found.counterexample.records) < 8
