"""Rules and refusals that what an implementation takes cannot meet are not asked for; those that it can meet are searched."""

from __future__ import annotations

import pytest

from tokenspec.oracle.fuzz.closed import closed_by
from tokenspec.oracle.fuzz.pairs import RulePairs, TakenSearch, search_pairs
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.sut.capabilities import capabilities_from, payload_keys
from tokenspec.oracle.sut.world import SutSettings
from tokenspec.oracle.wire.protocol import event_names
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import DEFAULTS
from tokenspec.spec.system import system

BY_API, TWICE, APP = "refused: api_jobs_cannot_be_refunded", "refused: job_must_not_be_refunded_already", "refunds"


@pytest.mark.parametrize(
    ("left_out", "closed", "possible"),
    [
        ([], [], [BY_API, TWICE, APP]),
        (["api_generate", "buy_api"], [BY_API], [TWICE, APP]),
        (["generate", "api_generate"], [BY_API, TWICE, APP], ["refused: job_must_have_been_charged"]),
    ],
)
def test_what_nothing_that_is_sent_can_be_remembered_as_is_not_asked_for(
    left_out: list[str], closed: list[str], possible: list[str]
) -> None:
    events = [name for name in event_names() if name not in left_out]
    terms = capabilities_from({"resets": "explicit", "events": events, "observes": ["outcome"]})
    never = {what for event, what in closed_by(terms, SutSettings(DEFAULTS, DEFAULT)) if event == "refund"}
    assert never & {BY_API, TWICE, APP} == set(closed)
    assert not never & set(possible)


def test_a_wallet_without_daily_tokens_is_searched_beyond_its_first_renewal() -> None:
    catalogue = DEFAULT.but(daily=0)
    taken = {"resets": "explicit", "events": ["open_account", "subscribe", "renew", "buy_topup"], "observes": ["outcome"]}
    terms, pairs = capabilities_from(taken), RulePairs()
    keys = {event.name: payload_keys(event) for machine in system(catalogue).machines for event in machine.events}
    for _ in search_pairs(pairs, TakenSearch(Oracle(DEFAULTS, catalogue, terms.resets), terms, keys, by_rules=True)):
        pass
    assert {("renewal_waits", "renews"), ("renews", "buys_packs"), ("renews", "renewal_waits")} <= pairs.reached.keys()
