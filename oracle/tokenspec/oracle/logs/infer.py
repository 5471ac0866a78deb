"""Which policy settings explain logs: all of them are followed at once (branches.py), as far as they differ.

What a record observed takes away the settings that answer otherwise, from every account, since one implementation wrote
them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.instants import format_instant
from tokenspec.oracle.logs.branches import Branch, Followed, Worlds
from tokenspec.oracle.logs.policy_sets import Settings, SettingSets
from tokenspec.oracle.logs.replay import Bad
from tokenspec.oracle.wire.answers import Difference, can_be_compared, differences
from tokenspec.oracle.wire.log_files import Line
from tokenspec.oracle.wire.records import Record, event_of
from tokenspec.spec.catalogue import Catalogue


@dataclass(frozen=True)
class RuledOut:
    """An answer that no setting left had, once the record on `line` had been compared."""

    policy: str
    answer: str
    line: Line


class CameTo(NamedTuple):
    """What the record came to under the settings with these answers, where it differs from what was observed."""

    policies: dict[str, list[str]]
    differences: list[Difference]


Judged = Sequence[tuple[list[Difference], Branch]]
"""What differs from what was observed, under the settings of each branch."""


@dataclass(frozen=True)
class Unexplained:
    """The first record that no setting explains together with all records before it."""

    line: Line
    account: str
    event: str
    at: str
    before: dict[str, list[str]]
    """By knob, the answers that were possible up to the record before."""
    came_to: list[CameTo]


@dataclass
class Inference:
    """What settings explain the log. Sets count settings, 12,288 in all."""

    fixed: dict[str, str]
    records: int = 0
    compared: int = 0
    accounts: int = 0
    bad: list[Bad] = field(default_factory=list)
    policies: dict[str, list[str]] = field(default_factory=dict)
    """By knob, the answers of which at least one setting explains every record."""
    settings: int = 0
    """The number of settings that explain every record; fewer than the answers' combinations where knobs hang together."""
    example: dict[str, str] = field(default_factory=dict)
    """The first setting that explains the log, up to the unexplained record where there is one."""
    ruled_out: list[RuledOut] = field(default_factory=list)
    unexplained: Unexplained | None = None


def infer(
    lines: Iterable[Line],
    fixed: Mapping[str, str],
    catalogue: Catalogue,
    resets: str,
    on_line: Callable[[int], None] | None = None,
) -> Inference:
    """Goes through `lines` twice. `fixed` are settings that are known; the other knobs are open.

    Records after one that no setting explains are read and no longer compared.
    """
    worlds = Worlds(catalogue, resets, lines)
    sets = worlds.sets
    found = Inference(dict(fixed))
    left = sets.with_answers(fixed)
    world = Followed(worlds, left)
    for line in lines:
        if on_line is not None:
            on_line(len(line.content) + 1)
        try:
            record = worlds.reader.decode(line.content)
            ran = world.run(record)
        except BadRecord as fault:
            found.bad.append(Bad(line._replace(content=b""), fault))
            continue
        found.records += 1
        if record.observed is not None and found.unexplained is None and can_be_compared(record.observed):
            found.compared += 1
            judged = [(differences(answer, record.observed), branch) for answer, branch in ran]
            left = explaining(judged)
            found.ruled_out += _ruled_out(sets, world.settings, left, line)
            if not left:
                found.unexplained = _unexplained(sets, world.settings, judged, line, record)
            # The accounts go on under one setting where none explains them, so that bad records are found as before.
            world.settings = left or world.settings & -world.settings
    found.accounts = len(world.branches)
    found.policies, found.settings, found.example = sets.answers(left), left.bit_count(), sets.first(world.settings)
    return found


def explaining(judged: Judged) -> Settings:
    """The settings under which nothing differs."""
    # No setting is in two branches of an account, so that a sum is a union.
    return sum(branch.settings for faults, branch in judged if not faults)


def _ruled_out(sets: SettingSets, before: Settings, after: Settings, line: Line) -> list[RuledOut]:
    if before == after:
        return []
    left = sets.answers(after)
    return [RuledOut(knob, a, line) for knob, answers in sets.answers(before).items() for a in answers if a not in left[knob]]


def _unexplained(sets: SettingSets, before: Settings, judged: Judged, line: Line, record: Record) -> Unexplained:
    assert isinstance(record.at, int)
    at, event = format_instant(record.at), event_of(record)
    return Unexplained(line, record.account, event, at, sets.answers(before), came_to(sets, before, judged))


def came_to(sets: SettingSets, before: Settings, judged: Judged) -> list[CameTo]:
    """What a record came to under the settings of `before`, each way once, told by the answers that not all of them have."""
    ways: list[tuple[list[Difference], Settings]] = []
    for faults, branch in judged:
        same = next((n for n, (others, _) in enumerate(ways) if others == faults), None)
        if same is None:
            ways.append((faults, branch.settings))
        else:
            ways[same] = (faults, ways[same][1] | branch.settings)
    possible = sets.answers(before)
    return [CameTo({k: a for k, a in sets.answers(settings).items() if a != possible[k]}, faults) for faults, settings in ways]
