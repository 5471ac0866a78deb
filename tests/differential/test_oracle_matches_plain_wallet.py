"""The oracle and a wallet written from the requirements alone, without the declaration, give the same answers.

TOKENSPEC_EFFORT multiplies the runs; at 100 it is millions of records.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from differential.walks import EFFORT
from oracle.plain_wallet import PlainWallet
from tokenspec.machine.lang.catalogue import Figures, variant_of
from tokenspec.oracle import Answer, Oracle
from tokenspec.oracle.fuzz.campaign import default_watch, walk_worlds
from tokenspec.oracle.fuzz.worlds import world_fuzz
from tokenspec.oracle.wire.settings import catalogue_on_the_wire
from tokenspec.spec.catalogue import DEFAULT
from tokenspec.spec.policies import POLICIES

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.jsonl"))


class Differential(world_fuzz(watch=default_watch())):  # type: ignore[misc]
    """The world fuzz with the plain wallet beside it."""

    def open_world(self, policy: Mapping[str, str], catalogue: Figures, resets: str) -> None:
        super().open_world(policy, catalogue, resets)
        self.plain = PlainWallet(dict(self.oracle.policy), catalogue_on_the_wire(self.oracle.catalogue), resets)

    def answered(self, record: dict[str, Any], answer: Answer) -> None:
        assert normal(self.plain.apply(record)) == normal(answer.as_dict())


@pytest.mark.parametrize("resets", ["explicit", "implied"])
def test_the_answers_are_the_same_where_a_day_brings_no_tokens(resets: str) -> None:
    catalogue = DEFAULT.but(daily=0)
    oracle, plain = Oracle(None, catalogue, resets), PlainWallet(None, catalogue_on_the_wire(catalogue), resets)
    refused = set()
    for path in EXAMPLES:
        for line in path.read_bytes().splitlines():
            record = msgspec.to_builtins(oracle.reader.decode(line)) | {"observed": None}
            answer = oracle.apply(record)
            assert normal(plain.apply(record)) == normal(answer.as_dict()), (path.name, record)
            assert answer.next_daily_reset_at is None
            refused |= {(record["event"], answer.reason)} if answer.outcome == "refused" else set()
    assert ("daily_reset", "daily_reset_must_be_due") in refused


@pytest.mark.parametrize(
    ("model", "origin"),
    [
        ("Veo 3", "third_party"),
        ("Veo 3.1", "third_party"),
        ("Veo 3 Fast", "third_party"),
        ("Veo 3-lite", "third_party"),
        ("Veo 3x", None),
        ("veo 3", None),
        ("Veo", None),
        ("", None),
        ("Own", "first_party"),
        ("Own 2", "third_party"),
        ("Own 2.5", "third_party"),
        ("Own 3", "first_party"),
    ],
)
def test_a_model_is_a_variant_of_the_longest_listed_name_that_it_begins_with(model: str, origin: str | None) -> None:
    models = {**DEFAULT.models, "Own": {"origin": "first_party"}, "Own 2": {"origin": "third_party"}}
    catalogue = DEFAULT.but(models=models)
    found, plain = variant_of(model, models), PlainWallet(None, catalogue_on_the_wire(catalogue)).listed_model(model)
    assert (found and models[found]["origin"]) == (plain and plain["origin"]) == origin


def normal(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what is the same as its absence."""
    return {key: value for key, value in answer.items() if value not in ({}, None)}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4 if EFFORT >= 10 else 2))
def test_the_answers_are_the_same_over_random_worlds(seed: int) -> None:
    before = Differential.count.steps
    walk_worlds(Differential, 150 * EFFORT, 60, seed)
    assert Differential.count.steps - before >= 150 * 60


@pytest.mark.parametrize("setting", [f"{p.name}={choice}" for p in POLICIES for choice, _ in p.answers])
def test_the_answers_are_the_same_on_every_example_under_every_policy(setting: str) -> None:
    name, _, choice = setting.partition("=")
    oracle, plain = Oracle({name: choice}), PlainWallet({name: choice}, catalogue_on_the_wire(DEFAULT))
    for path in EXAMPLES:
        for line in path.read_bytes().splitlines():
            record = msgspec.to_builtins(oracle.reader.decode(line)) | {"observed": None}
            assert normal(plain.apply(record)) == normal(oracle.apply(record).as_dict()), (path.name, record)
