"""The policies that an answer turns on: those under which a divergent account would agree, those that a run's answers need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.logs.branches import Followed, Worlds, names_of
from tokenspec.oracle.logs.replay import Report
from tokenspec.oracle.wire.answers import Answer, Difference, differences
from tokenspec.oracle.wire.log_files import Line
from tokenspec.oracle.wire.records import Reader, Record
from tokenspec.spec.catalogue import Catalogue
from tokenspec.spec.policies import POLICIES

EXPLAINED_MAX = 1_000
"""The largest number of divergent accounts whose records are run again under other policies."""


def explain(report: Report, lines: Iterable[Line], policy: Mapping[str, str], catalogue: Catalogue, resets: str) -> None:
    """Tries, for each divergent account, every other choice of every policy, and notes those that agree.

    `lines` are those of the replay, from the start; they are gone through twice.
    """
    wanted = {d.account: d for d in report.divergences[:EXPLAINED_MAX]}
    if not wanted:
        return
    last = {name: divergence.position for name, divergence in wanted.items()}
    worlds = Worlds(catalogue, resets)
    others = {
        (knob.name, answer): worlds.sets.with_answers({**policy, knob.name: answer})
        for knob in POLICIES
        for answer, _ in knob.answers
        if answer != policy[knob.name]
    }
    names = names_of(record for _, record in _records(lines, worlds.reader, last))
    followed = {name: Followed(worlds, sum(others.values()), names) for name in wanted}
    for position, record in _records(lines, worlds.reader, last):
        world, divergence = followed[record.account], wanted[record.account]
        try:
            ran = world.run(record)
        except BadRecord:
            continue
        if record.observed is not None and world.left:
            world.judge(ran, partial(differences, got=record.observed))
        if position == divergence.position:
            agreeing = [setting for setting, settings in others.items() if settings & world.left]
            divergence.explained, divergence.explained_by = True, agreeing


def _records(lines: Iterable[Line], reader: Reader, last: Mapping[str, int]) -> Iterator[tuple[int, Record]]:
    """The good records of each account in `last`, up to that position, each with its own."""
    end = max(last.values())
    for position, line in enumerate(lines):
        if position > end:
            return
        try:
            record = reader.decode(line.content)
        except BadRecord:
            continue
        if position <= last.get(record.account, -1):
            yield position, record


def needed(
    worlds: Worlds, records: Sequence[Mapping[str, Any]], answers: Sequence[Answer], policy: Mapping[str, str]
) -> dict[str, str]:
    """As few choices of `policy` as can be, under which the answers to `records` are these whatever the others are."""
    read = [worlds.reader.convert(record) for record in records]
    sets = worlds.sets
    world = Followed(worlds, sets.every, names_of(read))
    for record, right in zip(read, answers, strict=True):
        world.judge(world.run(record), partial(_whole_difference, right=right.as_dict()))
        if not world.left:
            return dict(policy)
    kept = dict(policy)
    for knob in policy:
        others = {name: answer for name, answer in kept.items() if name != knob}
        if not sets.with_answers(others) & ~world.left:
            kept = others
    return kept


def _whole_difference(answer: Answer, right: Mapping[str, Any]) -> list[Difference]:
    got = answer.as_dict()
    return [("answer", right, got)] if got != right else []
