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
"""Content that a document can show."""


@dataclass(frozen=True)
class Text:
    """A piece of a document, and the files that it links to, by their path as it is linked."""

    text: str
    files: Mapping[str, str]


Writer: TypeAlias = Callable[[Content, Mapping[str, str]], Text]
"""Writes a content; `svg` among the options is the file that a picture goes to (for a gallery, the folder)."""


@dataclass(frozen=True)
class Form:
    """A kind of document, and how it sets each content. A picture is Mermaid, or with the option `svg` an image in that file."""

    table: Callable[[Table], str]
    mermaid: Callable[[str], str]
    image: Callable[[str, str], str]
    """From its file and the words for those who cannot see it."""
    html: Callable[[str], str]
    heading: str
    within: bool = False
    """True if pictures are drawn into the document, and no file is written."""

    def __call__(self, content: Content, options: Mapping[str, str]) -> Text:
        """The content in this form."""
        match content:
            case Table():
                return Text(self.table(content), {})
            case Graph() if self.within:
                return Text(self.html(svg(content)), {})
            case Graph():
                file = options.get("svg")
                if file is None:
                    return Text(self.mermaid(mermaid(content)), {})
                alt = re.sub(r"[\[\]]", "", f"{content.title}. {content.says}")
                return Text(self.image(file, alt), {file: svg(content)})
            case Gallery(pictures):
                texts: list[str] = []
                linked: dict[str, str] = {}
                for name, graph, says in pictures:
                    written = self(graph, {"svg": f"{options['svg']}/{name}.svg"} if "svg" in options else {})
                    texts += [self.heading.format(name), says, written.text]
                    linked |= written.files
                return Text("\n\n".join(texts), linked)
            case _:
                assert_never(content)


def markdown_table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; bars inside cells are escaped."""
    heads = list(headings)
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _list_table(shown: Table) -> str:
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in (shown.headings, *shown.rows):
        for number, cell in enumerate(row):
            lines.append(f"   {'*' if number == 0 else ' '} - {_literal(cell)}".rstrip())
    return "\n".join(lines)


def _literal(cell: str) -> str:
    """Returns what stands between backticks as a literal, and anything else with the characters escaped that would be markup."""
    parts = re.split(r"(`[^`]*`)", cell)
    return "".join(f"`{part}`" if part.startswith("`") else re.sub(r"([\\*|_])", r"\\\1", part) for part in parts)


markdown = Form(
    table=lambda shown: markdown_table(shown.headings, shown.rows),
    mermaid="```mermaid\n{}```".format,
    image=lambda file, alt: f"![{alt}]({file})",
    # In one line within a block of its own: nothing in it is Markdown.
    html=lambda text: f"<div>{text.replace(chr(10), ' ')}</div>",
    heading="### {}",
)
rst = Form(
    table=_list_table,
    mermaid=lambda text: f".. mermaid::\n\n{indent(text, '   ')}".rstrip(),
    image=".. image:: {}\n   :alt: {}".format,
    html=lambda text: f".. raw:: html\n\n{indent(text, '   ')}",
    heading=".. rubric:: {}",
)
"""Its Mermaid is a directive of sphinxcontrib-mermaid."""
