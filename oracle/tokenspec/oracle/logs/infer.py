"""The policy settings that explain logs: all are followed at once (branches.py), as far as they differ.

Each observation rules out the settings with another answer, for every account, since one implementation wrote
all records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.base.specification import AnyCatalogue
from tokenspec.oracle.logs.branches import Followed, Worlds, names_of
from tokenspec.oracle.logs.policy_sets import RuledOut, Unexplained
from tokenspec.oracle.logs.reading import Bad, is_before_the_log, may_have_changed, read
from tokenspec.oracle.logs.replay import AFTER_DIVERGENCE, BEFORE_THE_LOG, SNAPSHOT, Sum
from tokenspec.oracle.runtime.oracle import Oracle
from tokenspec.oracle.wire.answers import differences
from tokenspec.oracle.wire.log_files import Line
from tokenspec.oracle.wire.records import Snapshot
from tokenspec.oracle.wire.resets import other_resets


@dataclass
class Inference(Sum):
    """The settings that explain the log. Sets count settings."""

    fixed: dict[str, str] = field(default_factory=dict)
    policies: dict[str, list[str]] = field(default_factory=dict)
    """By policy, the choices of which at least one setting explains every record."""
    settings: int = 0
    """The number of settings that explain every record; fewer than the product where policies depend on each other."""
    example: dict[str, str] = field(default_factory=dict)
    """The first setting that explains the log, up to the unexplained record where there is one."""
    ruled_out: list[RuledOut[Line]] = field(default_factory=list)
    unexplained: Unexplained[Line] | None = None
    other_resets: str | None = None
    """The other mode of jobs, where some setting explains the whole log under it."""


def infer(
    lines: Iterable[Line],
    fixed: Mapping[str, str],
    catalogue: AnyCatalogue,
    resets: str,
    on_line: Callable[[int], None] | None = None,
) -> Inference:
    """Reads `lines` twice. `fixed` are known settings; the other policies are open.

    Records after one that no setting explains are read and no longer compared.
    """
    found = _infer(lines, fixed, catalogue, resets, on_line)
    if found.unexplained is not None:
        # The other mode is the most likely mistake, so it is tried before anything is called unexplained.
        others = (other for other in other_resets(resets) if _infer(lines, fixed, catalogue, other, None).unexplained is None)
        found.other_resets = next(others, None)
    return found


def _infer(
    lines: Iterable[Line], fixed: Mapping[str, str], catalogue: AnyCatalogue, resets: str, on_line: Callable[[int], None] | None
) -> Inference:
    reader = Oracle(None, catalogue, resets).reader
    names = names_of(record for _, record, _, _ in read(lines, reader) if record is not None)
    worlds = Worlds(catalogue, resets, fixed, names)
    found = Inference(fixed=dict(fixed))
    world = Followed(worlds, worlds.sets.every, names)
    for line, record, fault, unknown in read(lines, worlds.reader, on_line):
        found.records += 1
        if record is not None and is_before_the_log(world.accounts_of(record), record):
            if may_have_changed(record):
                found.lost.setdefault(record.account, BEFORE_THE_LOG)
            found.counts(record, False, (), BEFORE_THE_LOG)
            continue
        try:
            ran = world.run(record) if record is not None else []
        except BadRecord as wrong:
            assert record is not None
            found.note_lost(record, wrong)
            record, fault = None, fault or wrong
        if fault is not None:
            found.bad.append(Bad.of(line, fault))
        if record is None:
            continue
        found.note_unknown(worlds.reader, record, unknown, line)
        is_repeated = ran[0][0].duplicate is True
        if is_repeated and len(ran) > 1 and world.left:
            # Where the settings disagree, the first that is left tells.
            is_repeated = next(answer.duplicate is True for answer, settings in ran if settings & world.left)
        if record.id is not None:
            found.first_use(record, line, is_repeated)
        is_snapshot = isinstance(record, Snapshot)
        why_not = SNAPSHOT if is_snapshot else None if found.unexplained is None else AFTER_DIVERGENCE
        answers = [answer for answer, _ in ran]
        if (fault is None and found.counts(record, is_repeated, answers, why_not)) or is_snapshot:
            # Under some settings no account is ever as a snapshot says: these do not explain the log.
            got = {"outcome": "accepted"} if is_snapshot else record.observed or {}
            judged = world.judge(ran, partial(differences, got=got, nulls=record.observed_as is not None))
            found.ruled_out += judged.ruled_out(line)
            if not world.left:
                found.unexplained = judged.unexplained(line, record)
    found.accounts = len(world.accounts)
    found.policies, found.settings = worlds.sets.answers(world.left), worlds.sets.size(world.left)
    found.example = found.unexplained.example if found.unexplained is not None else worlds.sets.first(world.left)
    return found
