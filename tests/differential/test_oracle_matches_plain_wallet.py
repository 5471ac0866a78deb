"""The oracle and a wallet written from the requirements alone, without the declaration, give the same answers.

TOKENSPEC_EFFORT multiplies the runs; at 100 it is millions of records.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from oracle.plain_wallet import PlainWallet
from tokenspec.oracle import Answer, Oracle
from tokenspec.oracle.fuzz.campaign import default_watch, walk_worlds
from tokenspec.oracle.fuzz.worlds import world_fuzz
from tokenspec.oracle.wire.settings import catalogue_on_the_wire
from tokenspec.spec.catalogue import DEFAULT, Catalogue
from tokenspec.spec.policies import POLICIES

EFFORT = int(os.environ.get("TOKENSPEC_EFFORT", "1"))
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.jsonl"))


class Differential(world_fuzz(watch=default_watch())):  # type: ignore[misc]
    """The world fuzz with the plain wallet beside it."""

    def open_world(self, policy: Mapping[str, str], catalogue: Catalogue, resets: str) -> None:
        super().open_world(policy, catalogue, resets)
        self.plain = PlainWallet(dict(self.oracle.policy), catalogue_on_the_wire(self.oracle.catalogue), resets)

    def answered(self, record: dict[str, Any], answer: Answer) -> None:
        assert normal(self.plain.apply(record)) == normal(answer.as_dict())


def normal(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what is the same as its absence."""
    return {key: value for key, value in answer.items() if value not in ({}, None)}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_the_answers_are_the_same_over_random_worlds(seed: int) -> None:
    before = Differential.count.steps
    walk_worlds(Differential, 150 * EFFORT, 60, seed)
    assert Differential.count.steps - before >= 150 * 60


@pytest.mark.parametrize("knob", [f"{p.name}={answer}" for p in POLICIES for answer, _ in p.answers])
def test_the_answers_are_the_same_on_every_example_under_every_policy(knob: str) -> None:
    name, _, choice = knob.partition("=")
    oracle, plain = Oracle({name: choice}), PlainWallet({name: choice}, catalogue_on_the_wire(DEFAULT))
    for path in EXAMPLES:
        for line in path.read_bytes().splitlines():
            record = msgspec.to_builtins(oracle.reader.decode(line)) | {"observed": None}
            assert normal(plain.apply(record)) == normal(oracle.apply(record).as_dict()), (path.name, record)
