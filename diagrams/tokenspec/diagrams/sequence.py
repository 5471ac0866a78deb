"""A sequence of events, one after the other, and the changes that each made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tokenspec.diagrams.graph import Edge, Graph, Node, NodeShape, faint, plain, strong
from tokenspec.machine.lang.counts import counted


@dataclass(frozen=True)
class Happening:
    """An event of a run: `by` is whose it is, `says` what else the record holds, `changes` what is different afterwards.

    `wrong` tells, where the run was compared with another, what differs.
    """

    by: str
    event: str
    at: str
    says: str
    accepted: bool
    answer: str
    changes: tuple[str, ...]
    wrong: tuple[str, ...] = ()


def sequence(happenings: Sequence[Happening], title: str) -> Graph:
    """A chain of events for each one whose they are, in their order."""
    nodes, edges = [], []
    last: dict[str, str] = {}
    several = len({h.by for h in happenings}) > 1
    for number, h in enumerate(happenings, 1):
        name = f"event{number}"
        lines = [
            strong(f"{number}. {f'{h.by}: ' if several else ''}{h.event}"),
            faint(f"{h.at}{f'  {h.says}' if h.says else ''}"),
        ]
        lines += [plain(h.answer)] if h.answer else []
        lines += [plain(", ".join(h.changes))] if h.changes else []
        lines += [plain(f"differs: {text}") for text in h.wrong]
        nodes.append(Node(name, tuple(lines), NodeShape.OUTCOME if h.accepted else NodeShape.REFUSAL))
        if h.by in last:
            edges.append(Edge(last[h.by], name))
        last[h.by] = name
    return Graph(
        "sequence", title, f"{counted(len(happenings), 'event')}, and what each changed.", tuple(nodes), tuple(edges), width=64
    )
