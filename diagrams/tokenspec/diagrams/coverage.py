"""The coverage of a run, drawn on a picture: hits on the lines that stand for a rule or a refusal, and what was never met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tokenspec.diagrams.graph import Edge, Graph, Heat, LabelLine, Outcome, Style


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
        which = "never met" if cold == len(known) else f"{cold} of {len(known)} rules never met"
        return replace(line, text=f"{line.text}: {which}", style=Style.COLD)
    return replace(line, text=f"{line.text}: {sum(known):,}")
