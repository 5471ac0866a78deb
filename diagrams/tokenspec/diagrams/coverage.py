"""What a run has met, drawn on a picture: hits on the lines that stand for a rule or a refusal, and what was never met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tokenspec.diagrams.graph import Edge, Graph, Group, Heat, LabelLine, Node, Outcome, Style


def with_hits(graph: Graph, hits: Mapping[Outcome, int]) -> Graph:
    """The picture with the hits of each rule and refusal that it shows. What `hits` does not know of stays as it is.

    A rule that leads out of several states has one count, which stands on each of its edges.
    """
    return replace(
        graph,
        says=f"{graph.says} With the number of times that a run met each; what it never met is drawn thick and dashed.",
        nodes=tuple(_node(node, hits) for node in graph.nodes),
        edges=tuple(_edge(edge, hits) for edge in graph.edges),
        groups=tuple(_group(group, hits) for group in graph.groups),
    )


def _group(group: Group, hits: Mapping[Outcome, int]) -> Group:
    return replace(
        group,
        lines=tuple(_line(line, hits) for line in group.lines),
        nodes=tuple(_node(node, hits) for node in group.nodes),
        groups=tuple(_group(inner, hits) for inner in group.groups),
    )


def _node(node: Node, hits: Mapping[Outcome, int]) -> Node:
    return replace(node, lines=tuple(_line(line, hits) for line in node.lines))


def _edge(edge: Edge, hits: Mapping[Outcome, int]) -> Edge:
    known = [hits[outcome] for line in edge.lines for outcome in line.outcomes if outcome in hits]
    heat = None if not known else Heat.WARM if all(known) else Heat.COLD
    return replace(edge, lines=tuple(_line(line, hits) for line in edge.lines), heat=heat)


def _line(line: LabelLine, hits: Mapping[Outcome, int]) -> LabelLine:
    known = [hits[outcome] for outcome in line.outcomes if outcome in hits]
    if not known:
        return line
    if not all(known):
        cold = sum(1 for count in known if not count)
        which = "never met" if cold == len(known) else f"{cold} of {len(known)} rules never met"
        return replace(line, text=f"{line.text}: {which}", style=Style.COLD)
    return replace(line, text=f"{line.text}: {sum(known):,}")
