"""A picture as Mermaid text, a flowchart: what Markdown on GitHub and GitLab, and many wikis, draw by themselves."""

from __future__ import annotations

import re
from itertools import pairwise

from tokenspec.diagrams import graph as g

_SHAPES = {
    g.NodeShape.START: ("((", "))"),
    g.NodeShape.STATE: ("(", ")"),
    g.NodeShape.QUESTION: ("{{", "}}"),
    g.NodeShape.OUTCOME: ("[[", "]]"),
    g.NodeShape.REFUSAL: (">", "]"),
    g.NodeShape.POOL: ("[(", ")]"),
    g.NodeShape.NOTE: ("[", "]"),
    g.NodeShape.LABEL: ("[", "]"),
}
_CLASSES = {
    "start": "fill:#59636e,stroke:#59636e",
    "state": "fill:#ddf4ff,stroke:#0550ae,color:#1f2328",
    "question": "fill:#fff8c5,stroke:#7d4e00,color:#1f2328",
    "outcome": "fill:#dafbe1,stroke:#116329,stroke-width:2px,color:#1f2328",
    "refusal": "fill:#ffebe9,stroke:#a40e26,stroke-dasharray:4,color:#1f2328",
    "pool": "fill:#ddf4ff,stroke:#0550ae,color:#1f2328",
    "label": "fill:none,stroke:none",
    "note": "fill:#f6f8fa,stroke:#59636e,color:#1f2328",
}
_ARROWS = {g.Stroke.REFUSED: "-.->", g.Stroke.NONE: "~~~"}


def mermaid(graph: g.Graph) -> str:
    """The picture as the text of a flowchart, with its title and description."""
    edges = g.merged(graph.edges)
    shown = g.through_labels(graph, edges, _over_each_other(graph, edges))
    cold = [number for number, edge in enumerate(shown.edges) if edge.heat is g.Heat.COLD]
    origin = [f"  %% {graph.origin}"] if graph.origin else []
    lines = ["flowchart TB", *origin, f"  accTitle: {graph.title}", f"  accDescr: {graph.says}"]
    lines += [*_members(shown, "  "), *(f"  {_edge(edge)}" for edge in shown.edges)]
    # Regions stand one below the other: side by side they would be wider than a page.
    lines += [
        f"  {_id(above.id)} ~~~ {_id(below.id)}" for above, below in pairwise(group for group in graph.groups if group.parallel)
    ]
    if cold:
        lines.append(f"  linkStyle {','.join(map(str, cold))} stroke:#a40e26,stroke-width:3px,stroke-dasharray:6")
    used = {node.shape.value for node in g.members(shown)}
    lines += [f"  classDef {name} {style}" for name, style in _CLASSES.items() if name in used]
    return "\n".join(lines) + "\n"


def _members(box: g.Graph | g.Group, margin: str) -> list[str]:
    lines = [f"{margin}{_node(node)}" for node in box.nodes]
    for group in box.groups:
        # In one line: a box within would cover a second one.
        head = " ".join(_set(text, style) for text, style in g.paragraphs(group.lines))
        lines += [f'{margin}subgraph {_id(group.id)} ["{head}"]', f"{margin}  direction TB"]
        lines += [*_members(group, margin + "  "), f"{margin}end"]
    return lines


def _node(node: g.Node) -> str:
    before, after = _SHAPES[node.shape]
    return f'{_id(node.id)}{before}"{_label(node.lines) or " "}"{after}:::{node.shape.value}'


def _edge(edge: g.Edge) -> str:
    label = f'|"{_label(edge.lines)}"|' if edge.lines else ""
    arrow = "==>" if edge.heat is g.Heat.COLD else _ARROWS.get(edge.stroke, "-->")
    if not edge.pointed:
        arrow = arrow.replace(">", arrow[0])
    return f"{_id(edge.source)} {arrow}{label} {_id(edge.target)}"


def _over_each_other(graph: g.Graph, edges: list[g.Edge]) -> list[g.Edge]:
    """Loops, and edges there and back, whose labels Mermaid would lay over each other.

    Where there are groups, a node between two of them would take a frame's place.
    """
    ends = {(edge.source, edge.target) for edge in edges}
    back = [edge for edge in edges if not graph.groups and (edge.target, edge.source) in ends and edge.lines]
    return [edge for edge in edges if edge.source == edge.target or edge in back]


def _label(lines: tuple[g.LabelLine, ...]) -> str:
    return "<br>".join(_set(text, style) for text, style in g.paragraphs(lines))


def _set(words: str, style: g.Style) -> str:
    text = words.replace("&", "&amp;").replace("#", "#35;").replace('"', "#quot;").replace("<", "&lt;").replace(">", "&gt;")
    match style:
        case g.Style.STRONG | g.Style.COLD:
            return f"<b>{text}</b>"
        case g.Style.FAINT:
            return f"<small>{text}</small>"
        case _:
            return text


def _id(name: str) -> str:
    # A word of Mermaid's own, such as `end`, would end the chart: every id has a letter before it.
    return "n_" + re.sub(r"\W", "_", name)
