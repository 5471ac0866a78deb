"""Vectors run against an implementation of unknown settings.

Every vector is opened under the same settings, and its answers are compared under all remaining settings: a vector whose
answers are its own passes; one that is answered as under another remaining setting is about that setting; and where no
setting explains the answers together with those to the vectors before, the vector fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from tokenspec.oracle.base.specification import POLICIES
from tokenspec.oracle.logs.branches import Followed, Ran, Worlds
from tokenspec.oracle.logs.policy_sets import Settings, SettingSets
from tokenspec.oracle.sut.capabilities import BATCH, Capabilities
from tokenspec.oracle.sut.client import Client, Message
from tokenspec.oracle.sut.observed import Reasons, asking, observed
from tokenspec.oracle.sut.world import Openings, opening_of
from tokenspec.oracle.vectors.run import PASSED, SKIPPED, VectorResult, begin, play
from tokenspec.oracle.vectors.suite import Case, Step, Vector, record_of
from tokenspec.oracle.wire.answers import Answer, Difference, differences
from tokenspec.oracle.wire.resets import clock_jobs
from tokenspec.oracle.wire.settings import catalogue_from, policy_from

OTHER_SETTING = "it is about another setting than the implementation has shown"


class Inferring:
    """The settings that explain everything an implementation has answered to vectors. `known` are settings that are given."""

    def __init__(self, known: Mapping[str, str], reasons: Reasons | None = None) -> None:
        self.sets = SettingSets(POLICIES)
        self.left: Settings = self.sets.with_answers(known)
        self._known, self._reasons = dict(known), reasons
        self._worlds: dict[bytes, Worlds] = {}

    def run(self, client: Client, case: Case, openings: Openings | None = None) -> VectorResult:
        """Opens the vector's world and runs it, up to the first answer that no setting explains. The world is left open.

        `openings` are the worlds opened before. Raises `NotThere`, `WrongUsage`.
        """
        vector = case.vector
        begun = begin(openings or Openings(client, self._known), case, policy_from(self._known), self._known)
        if isinstance(begun, VectorResult):
            return begun
        terms, steps = begun
        world = Followed(self._worlds_of(vector, terms), self.left & self.sets.with_answers(terms.policy))
        is_as_told = True

        def wrong(step: Step, got: Message, said: Message) -> Sequence[Difference]:
            nonlocal is_as_told

            def compare(answer: Answer) -> list[Difference]:
                return differences(answer, observed(got, answer, terms, self._reasons))

            judged, found = world.judge(self._ran(world, record_of(step), terms), compare), differences(step.expect, said)
            is_as_told = is_as_told and not found
            return () if judged.left else found or judged.ways[0].differences

        def barred(step: Step) -> str:
            record = record_of(step)
            is_run = terms.jobs == BATCH and record["event"] in clock_jobs()
            ahead = self._ran(world.beside(record["account"]), record, terms) if terms.looks_ahead or is_run else []
            if is_run and any(answer.outcome == "refused" for answer, _ in ahead):
                return "a job runs in it that is not due under other settings that are left"
            return next((why for answer, _ in ahead if (why := terms.bars(answer))), "")

        result = play(client, case, steps, terms, self._reasons, wrong, barred)
        if result.result == PASSED:
            self.left = world.left
        return result if result.result != PASSED or is_as_told else replace(result, result=SKIPPED, why=OTHER_SETTING)

    def _ran(self, world: Followed, record: Mapping[str, Any], terms: Capabilities) -> Ran:
        if not terms.opens_accounts and record["account"] not in world.accounts:
            world.run(world.worlds.reader.convert(opening_of(record)))
        return world.run(world.worlds.reader.convert({**record, **asking(terms)}))

    def _worlds_of(self, vector: Vector, terms: Capabilities) -> Worlds:
        key = msgspec.json.encode((vector.catalogue, terms.catalogue, terms.resets))
        if key not in self._worlds:
            self._worlds[key] = Worlds(terms.catalogue_over(catalogue_from(vector.catalogue)), terms.resets)
        return self._worlds[key]
