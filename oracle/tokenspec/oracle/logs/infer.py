"""Which policy settings explain logs: all of them are followed at once (branches.py), as far as they differ.

What a record observed takes away the settings that answer otherwise, from every account, since one implementation wrote
them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from tokenspec.oracle.base.errors import BadRecord
from tokenspec.oracle.logs.branches import Followed, RuledOut, Unexplained, Worlds, names_of
from tokenspec.oracle.logs.replay import Bad
from tokenspec.oracle.wire.answers import can_be_compared, differences
from tokenspec.oracle.wire.log_files import Line
from tokenspec.oracle.wire.records import Reader, Record
from tokenspec.spec.catalogue import Catalogue


@dataclass
class Inference:
    """What settings explain the log. Sets count settings."""

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
    ruled_out: list[RuledOut[Line]] = field(default_factory=list)
    unexplained: Unexplained[Line] | None = None


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
    worlds = Worlds(catalogue, resets)
    found = Inference(dict(fixed))
    world = Followed(worlds, worlds.sets.with_answers(fixed), names_of(_good(lines, worlds.reader)))
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
            judged = world.judge(ran, partial(differences, got=record.observed))
            found.ruled_out += judged.ruled_out(line)
            if not world.left:
                found.unexplained = judged.unexplained(line, record)
    found.accounts = len(world.accounts)
    found.policies, found.settings = worlds.sets.answers(world.left), world.left.bit_count()
    found.example = found.unexplained.example if found.unexplained is not None else worlds.sets.first(world.left)
    return found


def _good(lines: Iterable[Line], reader: Reader) -> Iterator[Record]:
    for line in lines:
        with suppress(BadRecord):
            yield reader.decode(line.content)
