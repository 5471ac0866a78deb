"""A picture as DOT. The text is the same for the same graph, whatever Graphviz later draws of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from itertools import pairwise
from textwrap import wrap

import graphviz

from tokenspec.diagrams.graph import (
    Edge,
    Graph,
    Group,
    Heat,
    LabelLine,
    Node,
    NodeShape,
    Stroke,
    Style,
    members,
    merged,
    paragraphs,
    plain,
)

FONT = "Arial"
"""One whose widths Graphviz knows by heart."""
INK, FAINT, COLD, PAPER = "#1f2328", "#59636e", "#a40e26", "#ffffff"
_GROUP_WIDTH = 60
"""Characters in a line at the head of a group."""

_SHAPES: dict[NodeShape, dict[str, str]] = {
    NodeShape.START: {"shape": "point", "width": "0.14", "color": INK},
    NodeShape.STATE: {"shape": "box", "style": "rounded,filled", "fillcolor": "#ddf4ff", "color": "#0550ae"},
    NodeShape.QUESTION: {
        "shape": "box",
        "style": "filled,diagonals",
        "fillcolor": "#fff8c5",
        "color": "#7d4e00",
        "margin": "0.2,0.08",
    },
    NodeShape.OUTCOME: {"shape": "box", "style": "filled", "fillcolor": "#dafbe1", "color": "#116329", "penwidth": "2"},
    NodeShape.REFUSAL: {"shape": "box", "style": "filled,dashed", "fillcolor": "#ffebe9", "color": "#a40e26"},
    NodeShape.POOL: {"shape": "cylinder", "style": "filled", "fillcolor": "#ddf4ff", "color": "#0550ae"},
    NodeShape.NOTE: {"shape": "note", "style": "filled", "fillcolor": "#f6f8fa", "color": FAINT},
}
_STROKES: dict[Stroke, dict[str, str]] = {
    Stroke.MOVE: {},
    Stroke.JOB: {"arrowhead": "vee", "color": "#0550ae"},
    Stroke.CLOCK: {"arrowhead": "empty", "color": "#7d4e00"},
    Stroke.REFUSED: {"style": "dashed", "color": "#a40e26"},
    Stroke.DRIVES: {"style": "dotted", "arrowhead": "open", "color": FAINT},
    Stroke.NOTE: {"style": "dotted", "arrowhead": "none", "color": FAINT},
}
_HEAT: dict[Heat, dict[str, str]] = {
    Heat.COLD: {"style": "dashed", "penwidth": "3", "color": "#a40e26"},
    Heat.WARM: {"color": "#116329"},
}
_GAP = '<tr><td height="5"></td></tr>'
_SIZES = {Style.STRONG: "13", Style.PLAIN: "11", Style.FAINT: "10", Style.INSIDE: "10", Style.COLD: "11"}


def dot(graph: Graph) -> str:
    """The picture as the text of a digraph."""
    drawn = graphviz.Digraph(
        graph.name,
        comment=graph.title,
        graph_attr={"bgcolor": PAPER, "fontname": FONT, "ranksep": "0.4", "pad": "0.12", "newrank": "true"},
        node_attr={"fontname": FONT, "fontsize": "10", "fontcolor": INK, "margin": "0.11,0.06"},
        edge_attr={"fontname": FONT, "fontsize": "10", "fontcolor": INK, "color": INK, "arrowsize": "0.7"},
    )
    edges, width = merged(graph.edges), graph.width
    # Graphviz puts above what it hears of first: the edges tell that better than the groups.
    for edge in edges:
        if edge.source != edge.target:
            drawn.edge(_quoted(edge.source), _quoted(edge.target), **_edge(edge, width))
        if edge.beside:
            _level(drawn, edge.source, edge.target)
    _fill(drawn, width, graph.nodes, graph.groups, {edge.source: edge for edge in edges if edge.source == edge.target})
    return (f"// {graph.origin}\n" if graph.origin else "") + str(drawn.source)


def _fill(
    drawn: graphviz.Digraph, width: int, nodes: tuple[Node, ...], groups: tuple[Group, ...], loops: Mapping[str, Edge]
) -> None:
    for node in nodes:
        drawn.node(_quoted(node.id), **_node(node, width))
        if node.id in loops:
            _loop(drawn, loops[node.id], width)
    for group in groups:
        frame = {"style": "dashed" if group.parallel else "rounded", "color": FAINT, "margin": "10", "labeljust": "l"}
        with drawn.subgraph(name=f"cluster_{group.id}") as inner:
            inner.attr(label=_label(group.lines, _GROUP_WIDTH, "left"), fontcolor=INK, **frame)
            _fill(inner, width, group.nodes, group.groups, loops)
    for above, below in pairwise(group for group in groups if group.parallel):
        # Regions stand one below the other: side by side they would be wider than a page.
        for node in members(above):
            for lower in members(below):
                drawn.edge(_quoted(node.id), _quoted(lower.id), style="invis", weight="0")


def _node(node: Node, width: int) -> dict[str, str]:
    # The lid of a pool needs a line's height for itself.
    lines = (plain(""), plain(""), *node.lines) if node.shape is NodeShape.POOL else node.lines
    label = _label(lines, width, "center") if node.lines else ""
    return {"label": label, "class": node.shape.value, **_SHAPES[node.shape]}


def _loop(drawn: graphviz.Digraph, edge: Edge, width: int) -> None:
    """An edge back to where it came from runs through its label: other edges are then led around that."""
    state, through = _quoted(edge.source), _quoted(f"{edge.source}..again")
    drawn.node(through, shape="plaintext", margin="0", label=_label(edge.lines, width, "left"))
    _level(drawn, edge.source, f"{edge.source}..again")
    drawn.edge(state, through, **_edge(replace(edge, lines=()), width) | {"arrowhead": "none"})
    drawn.edge(through, state, **_edge(replace(edge, lines=()), width))


def _level(drawn: graphviz.Digraph, *nodes: str) -> None:
    with drawn.subgraph(graph_attr={"rank": "same"}) as level:
        for node in nodes:
            level.node(_quoted(node))


def _edge(edge: Edge, width: int) -> dict[str, str]:
    heat = "" if edge.heat is None else f" {edge.heat.value}"
    attributes = {"class": edge.stroke.value + heat, **_STROKES[edge.stroke], **(_HEAT[edge.heat] if edge.heat else {})}
    if edge.lines:
        attributes["label"] = _label(edge.lines, width, "left", indent="  ")
    return attributes


def _label(lines: tuple[LabelLine, ...], width: int, align: str, indent: str = "") -> str:
    """An HTML-like label, one row for each line."""
    parts = [(part, style) for text, style in paragraphs(lines) for part in _broken(text, width)]
    rows = "".join(f'<tr><td align="{align}">{_set(indent + part, style)}</td></tr>' if part else _GAP for part, style in parts)
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{rows}</table>>'


def _broken(text: str, width: int) -> list[str]:
    # A name that is too long for a line is broken after an underscore, which stays on the line above.
    breakable = re.sub(rf"\S{{{width + 1},}}", lambda name: name[0].replace("_", "_ "), text)
    parts = wrap(breakable, width, break_long_words=False, break_on_hyphens=False)
    return [part.replace("_ ", "_") for part in parts] or [""]


def _set(text: str, style: Style) -> str:
    shown = escape(text, quote=False)
    if style in (Style.STRONG, Style.COLD):
        shown = f"<b>{shown}</b>"
    color = {Style.FAINT: f' color="{FAINT}"', Style.COLD: f' color="{COLD}"'}.get(style, "")
    return f'<font point-size="{_SIZES[style]}"{color}>{shown}</font>'


def _quoted(name: str) -> str:
    """A node's name without what the `graphviz` package takes for a port or compass point."""
    return re.sub(r"[^\w.]", "_", name).replace(".", "__")
