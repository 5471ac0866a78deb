"""The policies that an answer depends on: those under which a divergent account agrees, those that a run's answers need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec

from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.specification import POLICIES, AnyCatalogue
from tokenspec.oracle.logs.branches import Followed, Names, Worlds, names_of
from tokenspec.oracle.logs.policy_sets import Judged, Settings
from tokenspec.oracle.logs.reading import is_before_the_log, may_have_changed, read_numbered
from tokenspec.oracle.logs.replay import Divergence, Report, replay
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.answers import Answer, Difference
from tokenspec.oracle.wire.log_files import Line
from tokenspec.oracle.wire.protocol import JOBS
from tokenspec.oracle.wire.records import Reader, Record, differing, event_of
from tokenspec.oracle.wire.resets import other_resets

EXPLAINED_MAX = 1_000
"""The largest number of divergences whose accounts are run again under other policies."""
TIES_MAX = 100
"""The largest number of divergences for which two lines of one instant are tried in the other order."""


def explain(report: Report, lines: Iterable[Line], oracle: Oracle) -> None:
    """Tries, for each divergence, every other choice of every policy and the other ways in which jobs come.

    `lines` are those of the replay under the settings of `oracle`, from the start; they are read again.
    """
    wanted: dict[str, list[Divergence]] = {}
    for divergence in report.divergences[:EXPLAINED_MAX]:
        wanted.setdefault(divergence.account, []).append(divergence)
    if not wanted:
        return
    choices = [(each.name, choice) for each in POLICIES for choice, _ in each.answers if choice != oracle.policy[each.name]]
    settings = [{**oracle.policy, name: choice} for name, choice in choices]
    worlds = Worlds(oracle.catalogue, oracle.resets, remember=oracle.remember, only=settings)
    others = {choice: worlds.sets.with_answers(setting) for choice, setting in zip(choices, settings, strict=True)}
    names = names_of(record for _, record in _records(lines, worlds.reader, wanted))
    tried = {
        name: _Tried(worlds, others, names, [oracle.fork({}, other) for other in other_resets(oracle.resets)], divergences)
        for name, divergences in wanted.items()
    }
    for position, record in _records(lines, worlds.reader, wanted):
        # Where an account's time goes back, its comparison ends, and with it the trials.
        with suppress(BadRecord):
            tried[record.account].happens(position, record)


def because_of(
    records: Sequence[Mapping[str, Any]],
    policy: Mapping[str, str],
    catalogue: AnyCatalogue,
    resets: str,
    tries_others: bool = True,
) -> Divergence | None:
    """Returns the first divergence of `records`, each with its `observed`; with `tries_others` also the policies behind it."""
    lines, offset = [], 0
    for number, record in enumerate(records, 1):
        # A null in an implementation's answer counts, unlike one in a log.
        content = msgspec.json.encode({**record, "observed_as": "answer"})
        lines.append(Line("counterexample", number, offset, content))
        offset += len(content) + 1
    oracle = Oracle(policy, catalogue, resets)
    report = replay(lines, oracle)
    if tries_others:
        explain(report, lines, oracle)
    return next(iter(report.divergences), None)


class _Tried:
    """A divergent account under other settings, from divergence to divergence."""

    def __init__(
        self,
        worlds: Worlds,
        others: Mapping[tuple[str, str], Settings],
        names: Names,
        other_resets: list[Oracle],
        divergences: Sequence[Divergence],
    ) -> None:
        self._worlds, self._others, self._names, self._right_so_far = worlds, others, names, other_resets
        self._open = list(divergences)
        self._world = self._followed()

    def _followed(self) -> Followed:
        # No setting is in two branches, so that the sum is a union.
        return Followed(self._worlds, sum(self._others.values()), self._names)

    def happens(self, position: int, record: Record) -> None:
        """Runs a record; where the account diverges at it, the divergence gets the settings that agree."""
        if is_before_the_log(self._world.accounts_of(record), record, self._worlds.remember):
            if may_have_changed(record):
                self._right_so_far = []
                for later in self._open:
                    later.can_be_followed = False
            return
        ran = self._world.run(record)
        divergence = self._open[0] if self._open and self._open[0].position == position else None
        compare = partial(differing, record)
        self._right_so_far = [other for other in self._right_so_far if not compare(other.answer(record))]
        if self._world.left and record.observed:
            judged = self._world.judge(ran, compare)
            if divergence is not None:
                self._explain_fields(divergence, judged)
        if divergence is None:
            return
        if divergence.can_be_followed:
            divergence.explained, divergence.explained_by = True, self._agreeing(self._world.left)
        if self._right_so_far:
            divergence.resets = self._right_so_far[0].resets
        self._right_so_far = []
        self._open.pop(0)
        if divergence.after is not None:
            self._world = self._followed()
            self._world.begin(record.account, divergence.after.copy())
        else:
            for later in self._open:
                later.can_be_followed = False

    def _agreeing(self, settings: Settings) -> list[tuple[str, str]]:
        return [setting for setting, held in self._others.items() if held & settings]

    def _explain_fields(self, divergence: Divergence, judged: Judged) -> None:
        for name, _, _ in divergence.differences:
            right = sum(way.settings for way in judged.ways if all(differing != name for differing, _, _ in way.differences))
            divergence.by_field[name] = self._agreeing(right)


def note_ties(report: Report, lines: Iterable[Line], oracle: Oracle) -> None:
    """Notes of a divergence that its line and that of a job at the same instant would be right in the other order."""
    firsts = {d.account: d for d in reversed(report.divergences[:TIES_MAX])}
    told: dict[str, list[tuple[Line, Record]]] = {name: [] for name in firsts}
    if not firsts:
        return
    for position, (line, record, _, _) in read_numbered(lines, oracle.reader):
        if record is None or record.account not in told:
            continue
        before, divergence = told[record.account], firsts[record.account]
        if position <= divergence.position or before[-1][1].at == record.at:
            before.append((line._replace(content=b""), record))
        else:
            # Nothing after the instant of the divergence is of interest.
            firsts[record.account].notes += _tie(before, divergence, oracle.fork({}))
            del told[record.account]
            if not told:
                break
    for name, before in told.items():
        firsts[name].notes += _tie(before, firsts[name], oracle.fork({}))


def _tie(told: Sequence[tuple[Line, Record]], divergence: Divergence, oracle: Oracle) -> list[str]:
    place = (divergence.line.file, divergence.line.number)
    at = next(n for n, (line, _) in enumerate(told) if (line.file, line.number) == place)
    for first, second in ((at, at + 1), (at - 1, at)):
        if first < 0 or second >= len(told) or told[first][1].at != told[second][1].at:
            continue
        pair = told[first][1], told[second][1]
        if not {event_of(pair[0]), event_of(pair[1])} & set(JOBS):
            continue
        world = oracle.fork({})
        with suppress(BadRecord):
            for _, record in told[:first]:
                world.answer(record)
            if not any(record.observed and differing(record, world.answer(record)) for record in reversed(pair)):
                other = second if first == at else first
                side = "below" if first == at else "above"
                return [
                    f"{event_of(told[other][1])} has this very instant and is one record {side}, in line "
                    f"{told[other][0].number}; with the two lines swapped it would be right"
                ]
    return []


def _records(lines: Iterable[Line], reader: Reader, wanted: Mapping[str, Sequence[Divergence]]) -> Iterator[tuple[int, Record]]:
    """Yields the records of each account in `wanted`, up to its last divergence, each with its position."""
    last = {name: divergences[-1].position for name, divergences in wanted.items()}
    end = max(last.values())
    for position, (_, record, _, _) in read_numbered(lines, reader):
        if position > end:
            return
        if record is not None and position <= last.get(record.account, -1):
            yield position, record


def needed(
    worlds: Worlds, records: Sequence[Mapping[str, Any]], answers: Sequence[Answer], policy: Mapping[str, str]
) -> dict[str, str]:
    """Returns a minimal set of choices of `policy` under which the answers to `records` are these whatever the others are."""
    read = [worlds.reader.convert(record) for record in records]
    sets = worlds.sets
    world = Followed(worlds, sets.every, names_of(read))
    for record, right in zip(read, answers, strict=True):
        world.judge(world.run(record), partial(_whole_difference, right=right.as_dict()))
        if not world.left:
            return dict(policy)
    kept = dict(policy)
    for name in policy:
        others = {other: choice for other, choice in kept.items() if other != name}
        if not sets.with_answers(others) & ~world.left:
            kept = others
    return kept


def _whole_difference(answer: Answer, right: Mapping[str, Any]) -> list[Difference]:
    got = answer.as_dict()
    return [("answer", right, got)] if got != right else []
