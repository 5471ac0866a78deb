"""A picture as SVG, PNG or PDF.

SVG and PNG need nothing but what was installed with this package, and PDF a Graphviz program. An SVG has a title, a
description, and colours for light and for dark surroundings, each with its own ground.
"""

from __future__ import annotations

import re
from html import escape
from importlib.resources import as_file, files

from tokenspec.diagrams import layout
from tokenspec.diagrams.dot import COLD, FAINT, INK, PAPER, dot
from tokenspec.diagrams.graph import Graph

_SHOWN_SIZE = 0.9
"""Of the size that was laid out: where no font with Arial's widths is installed, a wider one still fits."""
_FAMILY = "Arial,Helvetica,Liberation Sans,Arimo,sans-serif"
_ZOOM = 2
DARK = {
    INK: "#f0f6fc",
    FAINT: "#a5afba",
    PAPER: "#0d1117",
    COLD: "#ff8f88",
    "#ddf4ff": "#10294a",
    "#0550ae": "#79b8ff",
    "#fff8c5": "#3a2f08",
    "#7d4e00": "#e3b341",
    "#dafbe1": "#0f2f1a",
    "#116329": "#56d364",
    "#ffebe9": "#42151a",
    "#f6f8fa": "#21262d",
}
"""The replacement of each colour on a dark ground."""


class NoProgram(Exception):
    """The form asked for takes a program that is not installed; the message says which, and what else can be done."""


def is_ours(content: bytes) -> bool:
    """Returns whether a file holds a picture that `svg` wrote."""
    return content.startswith(b'<svg class="tokenspec" ')


def svg(graph: Graph) -> str:
    """The picture as SVG, the same text everywhere."""
    drawn = layout.drawn(dot(graph), "svg")
    drawn = drawn[drawn.index("<svg") :].replace("\r\n", "\n")
    drawn = re.sub(r"<!-- .*? -->\n", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r'font-size="([\d.]+)"', lambda m: f'font-size="{float(m[1]) * _SHOWN_SIZE:.2f}"', drawn)
    drawn = drawn.replace(' font-family="Arial"', "")
    drawn = re.sub(r'<g id="\w+" class="node \w+">.*?</g>', _centred, drawn, flags=re.DOTALL)
    # Under a pointer a title would show; as data it is there for a page that lights a state or an edge.
    drawn = re.sub(r'(<g id="\w+" class="(?:node|edge)[^"]*")>\n<title>(.*?)</title>', r'\1 data-name="\2">', drawn)
    drawn = re.sub(r"<title>.*?</title>\n?", "", drawn, flags=re.DOTALL)
    title, says = escape(graph.title, quote=False), escape(graph.says, quote=False)
    ids = f"{graph.name}-title", f"{graph.name}-desc"
    style = f".tokenspec text{{font-family:{_FAMILY}}}{_dark()}"
    origin = f"<metadata>{escape(graph.origin, quote=False)}</metadata>\n" if graph.origin else ""
    head = f'<title id="{ids[0]}">{title}</title>\n<desc id="{ids[1]}">{says}</desc>\n{origin}<style>{style}</style>\n'
    role = f'class="tokenspec" style="max-width:100%;height:auto" role="img" aria-labelledby="{" ".join(ids)}" '
    return re.sub(r"<svg ([^>]*>)\n", lambda m: f"<svg {role}{m[1]}\n{head}", drawn, count=1)


def _centred(node: re.Match[str]) -> str:
    """A node with its text in the middle of its outline: letters are shown smaller than they were laid out."""
    outline = re.search(r' (?:points|d)="([^"]+)"', node[0])
    if outline is None:
        return node[0]
    across = [float(x) for x in re.findall(r"(-?[\d.]+),-?[\d.]+", outline[1])]
    middle = f"{(min(across) + max(across)) / 2:.2f}"
    return re.sub(r'text-anchor="start" x="[^"]*"', f'text-anchor="middle" x="{middle}"', node[0])


def _dark() -> str:
    swaps = [f'.tokenspec [{what}="{light}"]{{{what}:{dark}}}' for light, dark in DARK.items() for what in ("fill", "stroke")]
    return f"@media (prefers-color-scheme:dark){{{''.join(swaps)}}}"


def png(graph: Graph) -> bytes:
    """The picture as PNG, twice as large as the SVG so that it stays sharp."""
    import resvg_py

    fonts = files("tokenspec.diagrams") / "vendor"
    with as_file(fonts / "arimo-regular.ttf") as regular, as_file(fonts / "arimo-bold.ttf") as bold:
        named = svg(graph).replace(f"font-family:{_FAMILY}", f"font-family:Arimo,{_FAMILY}")
        return bytes(resvg_py.svg_to_bytes(svg_string=named, font_files=[str(regular), str(bold)], zoom=_ZOOM, dpi=96))


def pdf(graph: Graph) -> bytes:
    """The picture as PDF. Raises `NoProgram` where no Graphviz is installed."""
    import graphviz

    try:
        return bytes(graphviz.Source(dot(graph)).pipe("pdf"))
    except graphviz.ExecutableNotFound:
        instead = "install Graphviz (https://graphviz.org/download), or take svg, png, dot or mermaid, which need nothing"
        raise NoProgram(f"a PDF is drawn by Graphviz's program dot, which is not on the PATH: {instead}") from None
