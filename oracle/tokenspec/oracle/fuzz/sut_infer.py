"""Fuzzing an implementation of unknown settings: it conforms as long as some setting explains all of its answers.

An implementation has one setting, so that a setting ruled out by one world stays ruled out in the next. The records are
generated for a setting that is still possible, another one for each world.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from tokenspec.oracle.base.instants import parse_instant
from tokenspec.oracle.fuzz.sut import SutFuzz
from tokenspec.oracle.fuzz.worlds import FuzzWorld
from tokenspec.oracle.logs.branches import Followed, Names, Ran, Worlds
from tokenspec.oracle.logs.policy_sets import RuledOut, Settings, Unexplained
from tokenspec.oracle.runtime.steps import Stepped
from tokenspec.oracle.sut.capabilities import Capabilities
from tokenspec.oracle.sut.client import Message
from tokenspec.oracle.sut.observed import asking, observed
from tokenspec.oracle.sut.world import DIFFERS, Diverged, SutSettings, opening_of
from tokenspec.oracle.wire.answers import Answer, Difference, differences
from tokenspec.oracle.wire.records import asked

_STRIDE = 7_919
"""The distance between the settings of successive worlds; a prime, so that all settings of a set take their turn."""


class Exchange(NamedTuple):
    """A record with the compared part of its answer, and the answer; None where the record was assumed and not sent."""

    record: dict[str, Any]
    got: Message | None


class NoSettingLeft(Diverged):
    """An answer that no remaining setting explains. `expected` and `differences` are those of one of them."""

    def __init__(self, right: Stepped, found: list[Difference], why: Unexplained[int], out: list[RuledOut[int]]) -> None:
        super().__init__(right.answer, right.decided_by, found)
        self.why, self.ruled_out = why, out
        """The reason, and the choices ruled out by earlier records of the shown world; each by the number of its record."""

    @property
    def kind(self) -> tuple[str, ...]:
        """Returns one kind for all fields: the differing field depends on the setting."""
        return (DIFFERS, "policy")


class Possible:
    """The settings that explain everything an implementation has answered, in all of its worlds."""

    def __init__(self, terms: Capabilities, setting: SutSettings) -> None:
        self._terms, self._setting = terms, setting
        # Without `duplicate` no repeat is sent, and no id is read again.
        names = None if "duplicate" in terms.observes else Names()
        self.worlds = Worlds(setting.catalogue, terms.resets, {**(setting.known or {}), **terms.policy}, names)
        self.every = self.left = self.worlds.sets.every
        self.excluding: list[list[Exchange]] = []
        """The records of each world that ruled settings out, up to the record that did."""

    def part(self, got: Message, answer: Answer) -> dict[str, Any]:
        """Returns the compared part of `got`, where `answer` is the right one."""
        return observed(got, answer, self._terms, self._setting.reasons)

    def differences(self, got: Message, answer: Answer) -> list[Difference]:
        """Returns the fields in which `got` differs from `answer`."""
        return differences(answer, self.part(got, answer))

    def needed(self, last: list[Exchange]) -> list[list[Exchange]]:
        """Returns the worlds, `last` among them, that no setting explains together; as few as a greedy choice finds."""
        left, chosen = self._explaining(last), list[list[Exchange]]()
        explained = [(self._explaining(world), world) for world in self.excluding if left]
        while left:
            settings, best = min(explained, key=lambda each: (left & each[0]).bit_count())
            assert left & settings != left, "the worlds that were kept are those that ruled settings out"
            left &= settings
            chosen.append(best)
        return [*sorted(chosen, key=self.excluding.index), last]

    def _explaining(self, world: list[Exchange]) -> Settings:
        followed = Followed(self.worlds, self.every)
        for record, got in world:
            ran = followed.run(self.worlds.reader.convert({**record, **asking(self._terms)}))
            if got is not None:
                followed.judge(ran, partial(self.differences, got))
        return followed.left


class InferringFuzz(SutFuzz):
    """One run of an implementation beside all remaining settings. Made by `sut_fuzz`."""

    possible: Possible
    last: list[Exchange]
    """The records of the world of the latest failure."""
    _followed: Followed
    _ran: Ran
    _told: list[Exchange]
    _out: list[RuledOut[int]]

    def _settings(self) -> Mapping[str, str]:
        possible = self.possible
        self._followed, self._told, self._out = Followed(possible.worlds, possible.left), [], []
        return possible.worlds.sets.nth(possible.left, type(self).count.examples * _STRIDE)

    def _ahead(self, record: dict[str, Any]) -> list[Answer]:
        name, convert = record["account"], self.possible.worlds.reader.convert
        followed = self._followed.beside(name)
        if name not in followed.accounts and not self.terms.opens_accounts:
            followed.run(convert(opening_of(record)))
        return [answer for answer, _ in followed.run(convert(record))]

    def _send(self, fitted: dict[str, Any]) -> None:
        super()._send(fitted)
        # What is sent next depends on the settings that are left.
        self.settle()

    def _happen(self, record: dict[str, Any]) -> Stepped:
        self._ran = self._followed.run(self.possible.worlds.reader.convert({**record, **asking(self.terms)}))
        self._told.append(Exchange(dict(record), None))
        return super()._happen(record)

    def _judge(self, record: dict[str, Any], stepped: Stepped, got: Message) -> None:
        possible, number = self.possible, len(self.records)
        judged = self._followed.judge(self._ran, partial(possible.differences, got))
        right = next((way.answer for way in judged.ways if not way.differences), stepped.answer)
        record["observed"] = possible.part(got, right)
        self._told[-1] = Exchange(dict(record), got)
        self._note_compared(record["observed"], right)
        if not judged.left:
            type(self).last = self._told
            why = judged.unexplained(number, possible.worlds.reader.convert(asked(record)))
            found = possible.differences(got, stepped.answer)
            raise self._failed(NoSettingLeft(stepped, found, why, self._out))
        self._out += judged.ruled_out(number)
        if judged.left != possible.left:
            self._rule_out(judged.left)

    def _rule_out(self, left: Settings) -> None:
        sets, possible = self.possible.worlds.sets, self.possible
        possible.left = left
        if possible.excluding and possible.excluding[-1][0] is self._told[0]:
            possible.excluding.pop()
        possible.excluding.append(list(self._told))
        if not left & sets.with_answers(self.oracle.policy):
            self._answer_under(sets.first(left))

    def replay(self, records: list[dict[str, Any]], world: FuzzWorld) -> None:
        """Replays records as the base class does, without the settings ruled out by other worlds."""
        self.possible.left, self.possible.excluding = self.possible.every, []
        super().replay(records, world)


def side_by_side(worlds: list[list[Exchange]]) -> list[dict[str, Any]]:
    """Returns the records of several worlds as those of one, in order of time, each with accounts of its own."""
    if len(worlds) == 1:
        return [told.record for told in worlds[0]]
    told = [
        {**record, "account": f"{record['account']}{number}"} for number, world in enumerate(worlds, 1) for record, _ in world
    ]
    return sorted(told, key=lambda record: parse_instant(record["at"]))
