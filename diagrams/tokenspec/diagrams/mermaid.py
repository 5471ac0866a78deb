"""A picture as Mermaid text, a flowchart: what Markdown on GitHub and GitLab, and many wikis, draw by themselves."""

from __future__ import annotations

import re

from tokenspec.diagrams.graph import Edge, Graph, Group, Heat, Line, Node, Shape, Stroke, Style

_SHAPES = {
    Shape.START: ("((", "))"),
    Shape.STATE: ("(", ")"),
    Shape.QUESTION: ("{{", "}}"),
    Shape.OUTCOME: ("[[", "]]"),
    Shape.REFUSAL: (">", "]"),
    Shape.POOL: ("[(", ")]"),
    Shape.NOTE: ("[/", "/]"),
}
_CLASSES = {
    "start": "fill:#59636e,stroke:#59636e",
    "state": "fill:#ddf4ff,stroke:#0550ae,color:#1f2328",
    "question": "fill:#fff8c5,stroke:#7d4e00,color:#1f2328",
    "outcome": "fill:#dafbe1,stroke:#116329,stroke-width:2px,color:#1f2328",
    "refusal": "fill:#ffebe9,stroke:#a40e26,stroke-dasharray:4,color:#1f2328",
    "pool": "fill:#ddf4ff,stroke:#0550ae,color:#1f2328",
    "note": "fill:#f6f8fa,stroke:#59636e,color:#1f2328",
}
_ARROWS = {Stroke.REFUSED: "-.->", Stroke.DRIVES: "-.->", Stroke.NOTE: "-.-"}


def mermaid(graph: Graph) -> str:
    """The picture as the text of a flowchart, with its title and description."""
    lines = [
        "flowchart TB",
        f"  accTitle: {graph.title}",
        f"  accDescr: {graph.says}",
        *_members(graph.nodes, graph.groups, "  "),
        *(f"  {_edge(edge)}" for edge in graph.edges),
    ]
    cold = [str(number) for number, edge in enumerate(graph.edges) if edge.heat is Heat.COLD]
    if cold:
        lines.append(f"  linkStyle {','.join(cold)} stroke:#a40e26,stroke-width:3px,stroke-dasharray:6")
    used = {node.shape.value for node in graph.all_nodes}
    lines += [f"  classDef {name} {style}" for name, style in _CLASSES.items() if name in used]
    return "\n".join(lines) + "\n"


def _members(nodes: tuple[Node, ...], groups: tuple[Group, ...], margin: str) -> list[str]:
    lines = [f"{margin}{_node(node)}" for node in nodes]
    for group in groups:
        lines += [f'{margin}subgraph {_id(group.id)} ["{_label(group.lines)}"]']
        lines += [*_members(group.nodes, group.groups, margin + "  "), f"{margin}end"]
    return lines


def _node(node: Node) -> str:
    before, after = _SHAPES[node.shape]
    return f'{_id(node.id)}{before}"{_label(node.lines) or " "}"{after}:::{node.shape.value}'


def _edge(edge: Edge) -> str:
    label = f'|"{_label(edge.lines)}"|' if edge.lines else ""
    arrow = "==>" if edge.heat is Heat.COLD else _ARROWS.get(edge.stroke, "-->")
    return f"{_id(edge.source)} {arrow}{label} {_id(edge.target)}"


def _label(lines: tuple[Line, ...]) -> str:
    return "<br>".join(_set(line) for line in lines)


def _set(line: Line) -> str:
    text = line.text.replace("&", "&amp;").replace("#", "#35;").replace('"', "#quot;").replace("<", "&lt;").replace(">", "&gt;")
    match line.style:
        case Style.STRONG | Style.COLD:
            return f"<b>{text}</b>"
        case Style.FAINT:
            return f"<small>{text}</small>"
        case _:
            return text


def _id(name: str) -> str:
    # A word of Mermaid's own, such as `end`, would end the chart: every id has a letter before it.
    return "n_" + re.sub(r"\W", "_", name)
