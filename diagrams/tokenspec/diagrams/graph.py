"""The contents of a picture, as data: nodes, edges, and groups within groups. Renderers read this and nothing else."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TypeAlias, TypeVar

from tokenspec.machine.lang.counts import counted

Outcome: TypeAlias = tuple[str, str]
"""An event, with the rule that accepted it or with `refused: ` and a code."""


class Style(enum.Enum):
    """The setting of a line of a label."""

    STRONG = "strong"
    PLAIN = "plain"
    FAINT = "faint"
    INSIDE = "inside"
    """One of several that are set as a paragraph, with commas between them."""
    COLD = "cold"
    """The mark of what a run never met."""


def shown(text: str) -> str:
    """`text` with whatever does not print escaped: no form of a picture can hold it."""
    return text if text.isprintable() else "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@dataclass(frozen=True, slots=True)
class LabelLine:
    """A line of a label, as it is shown.

    `outcomes` are what it stands for, as the coverage of a report has it.
    """

    text: str
    style: Style = Style.PLAIN
    outcomes: tuple[Outcome, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", shown(self.text))


Lines: TypeAlias = tuple[LabelLine, ...]


class NodeShape(enum.Enum):
    """The meaning of a node. Each shape differs from the others in outline, not in colour alone."""

    START = "start"
    """The point from which the first state is entered."""
    STATE = "state"
    QUESTION = "question"
    """A condition: what follows depends on whether it holds."""
    OUTCOME = "outcome"
    """An event was accepted."""
    REFUSAL = "refusal"
    POOL = "pool"
    NOTE = "note"
    LABEL = "label"
    """The words of an edge that runs through them."""


class Stroke(enum.Enum):
    """The meaning of an edge."""

    MOVE = "move"
    """By a user's event."""
    JOB = "job"
    """By a job."""
    CLOCK = "clock"
    """By time alone."""
    REFUSED = "refused"
    NONE = "none"
    """Not seen: the target is drawn below the source."""


class Heat(enum.Enum):
    """True if a run met what the edge stands for."""

    COLD = "cold"
    WARM = "warm"


@dataclass(frozen=True, slots=True)
class Node:
    """`id` is unique in the picture; the first line of the label is its name."""

    id: str
    lines: tuple[LabelLine, ...]
    shape: NodeShape


@dataclass(frozen=True, slots=True)
class Edge:
    """`beside`: the target is drawn at the height of the source, and not below it. `pointed`: it ends in an arrow."""

    source: str
    target: str
    lines: tuple[LabelLine, ...] = ()
    stroke: Stroke = Stroke.MOVE
    beside: bool = False
    heat: Heat | None = None
    pointed: bool = True


@dataclass(frozen=True, slots=True)
class Group:
    """A box around nodes and further groups; `parallel` marks one that is in some state beside its siblings at all times."""

    id: str
    lines: tuple[LabelLine, ...]
    nodes: tuple[Node, ...] = ()
    groups: tuple[Group, ...] = ()
    parallel: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    """A picture. `title` and `says` describe it to those who cannot see it."""

    name: str
    title: str
    says: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    groups: tuple[Group, ...] = ()
    width: int = 30
    """Characters in a line of a label, after which it is broken."""
    column: bool = False
    """True if parts that no edge connects stand one below the other: side by side they would be wider than a page."""
    origin: str = ""
    """The source of the picture; it stands in the text, and nobody sees it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", shown(self.title))

    def with_lines(self, of: Callable[[Lines], Lines]) -> Graph:
        """The picture with every label replaced."""

        def within(box: Box) -> Box:
            groups = tuple(within(replace(group, lines=of(group.lines))) for group in box.groups)
            return replace(box, nodes=tuple(replace(node, lines=of(node.lines)) for node in box.nodes), groups=groups)

        return within(replace(self, edges=tuple(replace(edge, lines=of(edge.lines)) for edge in self.edges)))


Box = TypeVar("Box", bound=Graph | Group)


def members(box: Graph | Group) -> tuple[Node, ...]:
    """The nodes of a picture or group, those of groups within it included, in drawing order."""
    return (*box.nodes, *(node for inner in box.groups for node in members(inner)))


def strong(text: str, *outcomes: Outcome) -> LabelLine:
    """A line that is read first."""
    return LabelLine(text, Style.STRONG, outcomes)


def plain(text: str) -> LabelLine:
    """A line of ordinary text."""
    return LabelLine(text)


def faint(text: str) -> LabelLine:
    """A line that is read last: clauses, counts."""
    return LabelLine(text, Style.FAINT)


def merged(edges: Iterable[Edge]) -> list[Edge]:
    """Edges between the same two nodes as one, with their labels one below the other: renderers would let those overlap.

    Labels that say the same stand once.
    """
    between: dict[tuple[str, str], list[Edge]] = {}
    for edge in edges:
        between.setdefault((edge.source, edge.target), []).append(edge)
    return [_one_of(same) for same in between.values()]


def _one_of(same: list[Edge]) -> Edge:
    first = same[0]
    if len(same) == 1:
        return first
    strokes, heats = {edge.stroke for edge in same}, {edge.heat for edge in same}
    heat = Heat.COLD if Heat.COLD in heats else first.heat
    stroke = first.stroke if len(strokes) == 1 else Stroke.MOVE
    told = {tuple((line.text, line.style) for line in edge.lines): edge.lines for edge in same}
    lines = [line for each in told.values() for line in (*each, plain(""))][:-1]
    return replace(first, lines=tuple(lines), stroke=stroke, heat=heat)


def through_labels(graph: Graph, edges: Sequence[Edge], chosen: Sequence[Edge]) -> Graph:
    """The picture with `edges`, of which the chosen ones run through their label.

    Such a label is a node, in the innermost group that holds both ends of its edge: renderers keep it clear of the frames of
    other groups, and lead other edges around it.
    """
    shown = [half for edge in edges for half in (halves(edge) if edge in chosen else [edge])]
    return replace(_with_labels(graph, chosen), edges=tuple(shown))


def _with_labels(box: Box, edges: Sequence[Edge]) -> Box:
    here, filled = list(edges), list[Group]()
    for group in box.groups:
        ids = {node.id for node in members(group)}
        within = [edge for edge in here if {edge.source, edge.target} <= ids]
        here = [edge for edge in here if edge not in within]
        filled.append(_with_labels(group, within))
    nodes = (*box.nodes, *(Node(_label_id(edge), edge.lines, NodeShape.LABEL) for edge in here))
    return replace(box, nodes=nodes, groups=tuple(filled))


def halves(edge: Edge) -> list[Edge]:
    """The two edges that an edge becomes where it runs through its label."""
    first = replace(edge, target=_label_id(edge), lines=(), beside=edge.source == edge.target, pointed=False)
    return [first, replace(edge, source=_label_id(edge), lines=())]


def _label_id(edge: Edge) -> str:
    return f"{edge.source}..{edge.target}"


def paragraphs(lines: Iterable[LabelLine]) -> Iterator[tuple[str, Style]]:
    """The texts of a label with their style, those that make one paragraph joined."""
    for style, run in groupby(lines, key=lambda line: line.style):
        texts = [line.text for line in run]
        yield from [(", ".join(texts), style)] if style is Style.INSIDE else [(text, style) for text in texts]


def with_hits(graph: Graph, hits: Mapping[Outcome, int]) -> Graph:
    """The picture with the hits of each rule and refusal that it shows. What `hits` does not know of stays as it is.

    A rule that leads out of several states has one count, which stands on each of its edges.
    """
    says = f"{graph.says} With the number of times that a run met each; what it never met is drawn thick and dashed."
    heated = replace(graph, says=says, edges=tuple(_edge(edge, hits) for edge in graph.edges))
    return heated.with_lines(lambda lines: tuple(_line(line, hits) for line in lines))


def _edge(edge: Edge, hits: Mapping[Outcome, int]) -> Edge:
    known = [hits[outcome] for line in edge.lines for outcome in line.outcomes if outcome in hits]
    return replace(edge, heat=None if not known else Heat.WARM if all(known) else Heat.COLD)


def _line(line: LabelLine, hits: Mapping[Outcome, int]) -> LabelLine:
    known = [hits[outcome] for outcome in line.outcomes if outcome in hits]
    if not known:
        return line
    if not all(known):
        cold = sum(1 for count in known if not count)
        which = "never met" if cold == len(known) else f"{cold} of {counted(len(known), 'rule')} never met"
        return replace(line, text=f"{line.text}: {which}", style=Style.COLD)
    return replace(line, text=f"{line.text}: {sum(known):,}")
