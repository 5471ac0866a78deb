"""Which policy settings the answers of a run turn on: under any other answers to the other knobs they are the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from tokenspec.oracle.logs.branches import Branch, Worlds, joined
from tokenspec.oracle.runtime.journal import Account
from tokenspec.oracle.vectors.build.script import Record
from tokenspec.oracle.wire.answers import Answer
from tokenspec.oracle.wire.log_files import Line
from tokenspec.spec.catalogue import Catalogue


class Needs:
    """Follows runs of one catalogue and kind of resets under all settings at once. `runs` are those that will be asked for."""

    def __init__(self, catalogue: Catalogue, resets: str, runs: Iterable[Sequence[Record]]) -> None:
        self._worlds = Worlds(catalogue, resets, [_line(record) for records in runs for record in records])

    def of(self, records: Sequence[Record], answers: Sequence[Answer], policy: dict[str, str]) -> dict[str, str]:
        """Answers to as few knobs of `policy` as can be under which the run comes to `answers` whatever the others are."""
        sets = self._worlds.sets
        same = sets.every
        branches: dict[str, list[Branch]] = {}
        for each, right in zip(records, answers, strict=True):
            record = self._worlds.reader.decode(_line(each).content)
            before = branches.get(record.account) or [Branch(same, Account(self._worlds.initial))]
            ran = list(self._worlds.run(before, same, record))
            same &= sum(branch.settings for answer, branch in ran if answer == right)
            branches[record.account] = joined([branch for _, branch in ran if branch.settings & same])
        kept = dict(policy)
        for knob in policy:
            others = {name: answer for name, answer in kept.items() if name != knob}
            if not sets.with_answers(others) & ~same:
                kept = others
        return kept


def _line(record: Record) -> Line:
    return Line("run", 0, 0, msgspec.json.encode(record))
