"""Which policy settings explain logs: all of them are followed at once (branches.py), as far as they differ.

What a record observed takes away the settings that answer otherwise, from every account, since one implementation wrote
them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tokenspec.oracle.answers import Difference, can_be_compared, differences
from tokenspec.oracle.branches import Branch, Worlds, joined
from tokenspec.oracle.errors import BadRecord
from tokenspec.oracle.instants import format_instant
from tokenspec.oracle.journal import Account
from tokenspec.oracle.logs import Line
from tokenspec.oracle.records import Record, event_of
from tokenspec.oracle.replay import Bad
from tokenspec.oracle.setting_sets import Settings, SettingSets
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
    """How many settings explain every record; fewer than the answers' combinations where knobs hang together."""
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
    left = explaining = sets.with_answers(fixed)
    branches: dict[str, list[Branch]] = {}
    for line in lines:
        if on_line is not None:
            on_line(len(line.content) + 1)
        try:
            record = worlds.reader.decode(line.content)
            before = branches.get(record.account) or [Branch(explaining, Account(worlds.initial))]
            ran = list(worlds.run(before, explaining, record))
        except BadRecord as fault:
            found.bad.append(Bad(line._replace(content=b""), fault))
            continue
        found.records += 1
        if record.observed is not None and found.unexplained is None and can_be_compared(record.observed):
            found.compared += 1
            judged = [(differences(answer, record.observed), branch) for answer, branch in ran]
            # No setting is in two branches of an account, so that a sum is a union.
            left = sum(branch.settings for faults, branch in judged if not faults)
            found.ruled_out += _ruled_out(sets, explaining, left, line)
            if left:
                explaining = left
            else:
                found.unexplained = _unexplained(sets, explaining, judged, line, record)
                # The accounts go on under one setting, so that bad records are found as before.
                explaining &= -explaining
            ran = [(answer, branch) for answer, branch in ran if branch.settings & explaining]
        branches[record.account] = joined([branch for _, branch in ran])
    found.accounts = len(branches)
    found.policies, found.settings, found.example = sets.answers(left), left.bit_count(), sets.first(explaining)
    return found


def _ruled_out(sets: SettingSets, before: Settings, after: Settings, line: Line) -> list[RuledOut]:
    if before == after:
        return []
    left = sets.answers(after)
    return [RuledOut(knob, a, line) for knob, answers in sets.answers(before).items() for a in answers if a not in left[knob]]


def _unexplained(
    sets: SettingSets, before: Settings, judged: list[tuple[list[Difference], Branch]], line: Line, record: Record
) -> Unexplained:
    assert isinstance(record.at, int)
    came_to: list[tuple[list[Difference], Settings]] = []
    for faults, branch in judged:
        same = next((n for n, (others, _) in enumerate(came_to) if others == faults), None)
        if same is None:
            came_to.append((faults, branch.settings))
        else:
            came_to[same] = (faults, came_to[same][1] | branch.settings)
    possible = sets.answers(before)
    return Unexplained(
        line,
        record.account,
        event_of(record),
        format_instant(record.at),
        possible,
        [CameTo({k: a for k, a in sets.answers(settings).items() if a != possible[k]}, faults) for faults, settings in came_to],
    )
