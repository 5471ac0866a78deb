"""Tables and pictures as Markdown or reStructuredText."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from textwrap import indent
from typing import TypeAlias, assert_never

from tokenspec.diagrams.graph import Graph
from tokenspec.diagrams.mermaid import mermaid
from tokenspec.diagrams.picture import svg
from tokenspec.diagrams.tables import Table


@dataclass(frozen=True)
class Gallery:
    """Pictures one after the other, each with its name and a sentence that says what it shows."""

    pictures: tuple[tuple[str, Graph, str], ...]


Content: TypeAlias = Table | Graph | Gallery
"""What a document can show."""


@dataclass(frozen=True)
class Text:
    """A piece of a document, and the files that it links to, by their path as it is linked."""

    text: str
    files: Mapping[str, str]


Writer: TypeAlias = Callable[[Content, Mapping[str, str]], Text]
"""Writes a content; `svg` among the options is the file that a picture goes to (for a gallery, the folder)."""


def markdown(content: Content, options: Mapping[str, str]) -> Text:
    """The content as Markdown. A picture is Mermaid, or with `svg` an image in that file."""
    match content:
        case Table(headings, rows):
            return Text(markdown_table(headings, rows), {})
        case Graph():
            file = options.get("svg")
            if file is None:
                return Text(f"```mermaid\n{mermaid(content)}```", {})
            return Text(f"![{_alt(content)}]({file})", {file: svg(content)})
        case Gallery(pictures):
            return _gallery(pictures, options, markdown, lambda name, says: f"### {name}\n\n{says}")
        case _:
            assert_never(content)


def rst(content: Content, options: Mapping[str, str]) -> Text:
    """The content as reStructuredText. A picture is a directive of sphinxcontrib-mermaid, or with `svg` an image in that file."""
    match content:
        case Table(headings, rows):
            return Text(_list_table(headings, rows), {})
        case Graph():
            file = options.get("svg")
            if file is None:
                return Text(f".. mermaid::\n\n{indent(mermaid(content), '   ')}".rstrip(), {})
            return Text(f".. image:: {file}\n   :alt: {_alt(content)}", {file: svg(content)})
        case Gallery(pictures):
            return _gallery(pictures, options, rst, lambda name, says: f".. rubric:: {name}\n\n{says}")
        case _:
            assert_never(content)


def markdown_table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; bars inside cells are escaped."""
    heads = list(headings)
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _list_table(headings: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> str:
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in (headings, *rows):
        for number, cell in enumerate(row):
            lines.append(f"   {'*' if number == 0 else ' '} - {_literal(cell)}".rstrip())
    return "\n".join(lines)


def _literal(cell: str) -> str:
    """What stands between backticks as a literal; anything else with the characters escaped that would be markup."""
    parts = re.split(r"(`[^`]*`)", cell)
    return "".join(f"`{part}`" if part.startswith("`") else re.sub(r"([\\*|_])", r"\\\1", part) for part in parts)


def _alt(graph: Graph) -> str:
    return re.sub(r"[\[\]]", "", f"{graph.title}. {graph.says}")


def _gallery(
    pictures: tuple[tuple[str, Graph, str], ...], options: Mapping[str, str], write: Writer, head: Callable[[str, str], str]
) -> Text:
    texts: list[str] = []
    linked: dict[str, str] = {}
    for name, graph, says in pictures:
        own = {"svg": f"{options['svg']}/{name}.svg"} if "svg" in options else {}
        written = write(graph, own)
        texts.append(f"{head(name, says)}\n\n{written.text}")
        linked |= written.files
    return Text("\n\n".join(texts), linked)
