"""A picture as DOT. The text is the same for the same graph, whatever Graphviz later draws of it."""

from __future__ import annotations

import re
from html import escape
from textwrap import wrap

import graphviz

from tokenspec.diagrams import graph as g

FONT = "Arial"
"""One whose widths Graphviz knows by heart."""
INK, FAINT, COLD, PAPER = "#1f2328", "#59636e", "#a40e26", "#ffffff"
_NOTE_LINE = 64
"""Characters in a line of a note."""
_REGION_PT, _REGION_LINE = 612, 80
"""The least width of a region, the same for all of them in one column, and how many characters stand in a line at its head."""

_SHAPES: dict[g.NodeShape, dict[str, str]] = {
    g.NodeShape.START: {"shape": "point", "width": "0.14", "color": INK},
    g.NodeShape.STATE: {"shape": "box", "style": "rounded,filled", "fillcolor": "#ddf4ff", "color": "#0550ae"},
    g.NodeShape.QUESTION: {
        "shape": "box",
        "style": "filled,diagonals",
        "fillcolor": "#fff8c5",
        "color": "#7d4e00",
        "margin": "0.2,0.08",
    },
    g.NodeShape.OUTCOME: {"shape": "box", "style": "filled", "fillcolor": "#dafbe1", "color": "#116329", "penwidth": "2"},
    g.NodeShape.REFUSAL: {"shape": "box", "style": "filled,dashed", "fillcolor": "#ffebe9", "color": "#a40e26"},
    g.NodeShape.POOL: {"shape": "cylinder", "style": "filled", "fillcolor": "#ddf4ff", "color": "#0550ae"},
    g.NodeShape.NOTE: {"shape": "note", "style": "filled", "fillcolor": "#f6f8fa", "color": FAINT},
    g.NodeShape.LABEL: {
        "shape": "box",
        "style": "filled",
        "fillcolor": PAPER,
        "color": PAPER,
        "margin": "0.04,0.02",
        "height": "0.1",
    },
}
_STROKES: dict[g.Stroke, dict[str, str]] = {
    g.Stroke.MOVE: {},
    g.Stroke.JOB: {"arrowhead": "vee", "color": "#0550ae"},
    g.Stroke.CLOCK: {"arrowhead": "empty", "color": "#7d4e00"},
    g.Stroke.REFUSED: {"style": "dashed", "color": "#a40e26"},
    g.Stroke.NONE: {"style": "invis"},
}
_HEAT: dict[g.Heat, dict[str, str]] = {
    g.Heat.COLD: {"style": "dashed", "penwidth": "3", "color": "#a40e26"},
    g.Heat.WARM: {"color": "#116329"},
}
_GAP = '<tr><td height="5"></td></tr>'
_SIZES = {g.Style.STRONG: "13", g.Style.PLAIN: "11", g.Style.FAINT: "10", g.Style.INSIDE: "10", g.Style.COLD: "11"}


def dot(graph: g.Graph) -> str:
    """The picture as the text of a digraph."""
    drawn = graphviz.Digraph(
        graph.name,
        comment=graph.title,
        graph_attr={"bgcolor": PAPER, "fontname": FONT, "ranksep": "0.4", "pad": "0.12"},
        node_attr={"fontname": FONT, "fontsize": "10", "fontcolor": INK, "margin": "0.11,0.06"},
        edge_attr={"fontname": FONT, "fontsize": "10", "fontcolor": INK, "color": INK, "arrowsize": "0.7"},
    )
    column = graph.column or bool(graph.groups)
    if column:
        drawn.attr(pack="10", packmode="array_lu1", ranksep="0.25")
    edges = g.merged(graph.edges)
    # A label at a loop may lie across other edges; in a column Graphviz lays labels over frames, or leaves them out.
    chosen = [e for e in edges if e.lines and (e.source == e.target or (column and not e.beside))]
    shown = g.through_labels(graph, edges, chosen)
    # Graphviz puts above what it hears of first: the edges tell that better than the groups.
    met = list(dict.fromkeys(end for edge in edges for end in (edge.source, edge.target)))
    upward = {half for edge in chosen if met.index(edge.target) < met.index(edge.source) for half in g.halves(edge)}
    for edge in shown.edges:
        ends, attributes = (_quoted(edge.source), _quoted(edge.target)), _edge(edge, graph.width)
        if edge in upward:
            # Laid out from above to below, or else its label would hang below all that it leads back from.
            ends, attributes = ends[::-1], {"dir": "back", "arrowtail": attributes.pop("arrowhead", "normal")} | attributes
        drawn.edge(*ends, **attributes)
    _fill(drawn, graph.width, shown, [edge for edge in shown.edges if edge.beside])
    return (f"// {graph.origin}\n" if graph.origin else "") + str(drawn.source)


def _fill(drawn: graphviz.Digraph, width: int, box: g.Graph | g.Group, beside: list[g.Edge]) -> None:
    for node in box.nodes:
        drawn.node(_quoted(node.id), **_node(node, width))
        for edge in (edge for edge in beside if edge.source == node.id):
            with drawn.subgraph(graph_attr={"rank": "same"}) as level:
                level.node(_quoted(edge.source))
                level.node(_quoted(edge.target))
    for group in box.groups:
        with drawn.subgraph(name=f"cluster_{group.id}") as inner:
            if group.parallel:
                head = _label(group.lines, _REGION_LINE, "left", width_pt=_REGION_PT)
                inner.attr(style="dashed", color=FAINT, margin="10", labeljust="l", fontcolor=INK, label=head)
            else:
                # As a label of the frame, edges that come into the group would run through it.
                inner.attr(style="rounded", color=FAINT, margin="10", label="")
                inner.node(_quoted(f"{group.id}..head"), shape="plaintext", margin="0", label=_label(group.lines, width, "left"))
            _fill(inner, width, group, beside)


def _node(node: g.Node, width: int) -> dict[str, str]:
    # The lid of a pool needs a line's height for itself.
    lines = (g.plain(""), g.plain(""), *node.lines) if node.shape is g.NodeShape.POOL else node.lines
    width = _NOTE_LINE if node.shape is g.NodeShape.NOTE else width
    label = _label(lines, width, "center") if node.lines else ""
    return {"label": label, "class": node.shape.value, **_SHAPES[node.shape]}


def _edge(edge: g.Edge, width: int) -> dict[str, str]:
    heat = "" if edge.heat is None else f" {edge.heat.value}"
    attributes = {"class": edge.stroke.value + heat, **_STROKES[edge.stroke], **(_HEAT[edge.heat] if edge.heat else {})}
    if not edge.pointed:
        attributes["arrowhead"] = "none"
    if edge.lines:
        attributes["label"] = _label(edge.lines, width, "left", indent="  ")
    return attributes


def _label(lines: tuple[g.LabelLine, ...], width: int, align: str, indent: str = "", width_pt: int = 0) -> str:
    """An HTML-like label, one row for each line."""
    parts = [(part, style) for text, style in g.paragraphs(lines) for part in _broken(text, width)]
    texts = [_set(f"{indent}{part}{indent}", style) if part else "" for part, style in parts]
    rows = "".join(f'<tr><td align="{align}">{text}</td></tr>' if text else _GAP for text in texts)
    size = f' width="{width_pt}"' if width_pt else ""
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="1"{size}>{rows}</table>>'


def _broken(text: str, width: int) -> list[str]:
    # A name that is too long for a line is broken after an underscore, which stays on the line above.
    breakable = re.sub(rf"\S{{{width + 1},}}", lambda name: name[0].replace("_", "_ "), text)
    parts = wrap(breakable, width, break_long_words=False, break_on_hyphens=False)
    return [part.replace("_ ", "_") for part in parts] or [""]


def _set(text: str, style: g.Style) -> str:
    shown = escape(text, quote=False)
    if style in (g.Style.STRONG, g.Style.COLD):
        shown = f"<b>{shown}</b>"
    color = {g.Style.FAINT: f' color="{FAINT}"', g.Style.COLD: f' color="{COLD}"'}.get(style, "")
    return f'<font point-size="{_SIZES[style]}"{color}>{shown}</font>'


def _quoted(name: str) -> str:
    """A node's name without what the `graphviz` package takes for a port or compass point."""
    return re.sub(r"[^\w.]", "_", name).replace(".", "__")
