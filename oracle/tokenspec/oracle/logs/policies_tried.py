"""Tries other policy settings on divergent accounts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.logs.replay import Report
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.answers import differences
from tokenspec.oracle.wire.log_files import Line
from tokenspec.oracle.wire.records import Record
from tokenspec.spec.catalogue import Catalogue
from tokenspec.spec.policies import POLICIES

EXPLAINED_MAX = 1_000
"""The largest number of divergent accounts tried under other policies; each costs some fifteen replays of its records."""


def explain(report: Report, lines: Iterable[Line], policy: Mapping[str, str], catalogue: Catalogue, resets: str) -> None:
    """Tries, for each divergent account, every other answer of every policy, and notes those that agree.

    `lines` are those of the replay, from the start.
    """
    wanted = {d.account: d for d in report.divergences[:EXPLAINED_MAX]}
    if not wanted:
        return
    worlds = {setting: Oracle({**policy, setting[0]: setting[1]}, catalogue, resets) for setting in _other_settings(policy)}
    agreeing = {name: list(worlds) for name in wanted}
    reader = Oracle(policy, catalogue, resets).reader
    for position, line in enumerate(lines):
        try:
            record = reader.decode(line.content)
        except BadRecord:
            continue
        divergence = wanted.get(record.account)
        if divergence is None:
            continue
        agreeing[record.account] = [s for s in agreeing[record.account] if _agrees(worlds[s], record)]
        if position == divergence.position:
            divergence.explained, divergence.explained_by = True, agreeing[record.account]
            del wanted[record.account]
        if not wanted:
            return


def _agrees(world: Oracle, record: Record) -> bool:
    """Returns whether the record was observed rightly in `world`, in which it now happens."""
    try:
        answer = world.answer(record)
    except BadRecord:
        return True
    return record.observed is None or not differences(answer, record.observed)


def _other_settings(policy: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for knob in POLICIES:
        yield from ((knob.name, answer) for answer, _ in knob.answers if answer != policy[knob.name])
