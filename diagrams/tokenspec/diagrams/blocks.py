"""Marked blocks of a document, filled with tables and pictures.

In Markdown a block stands between `<!-- tokenspec: NAME -->` and `<!-- end -->`, in reStructuredText between
`.. tokenspec: NAME` and `.. end`, each on a line of its own; what is between them is replaced. After the name may stand
options, as `key=value`; those that are lists may stand more than once. What stands in a fenced piece of code is no marker;
what elsewhere is nearly one is an error, since nobody would notice that its block is not kept up to date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tokenspec.diagrams.markup import Content, Writer, markdown, rst

Find: TypeAlias = Callable[[str, Mapping[str, str]], Content]
"""The content of a block by its name and options. Raises `BadBlock` with line 0 where there is none of that name."""


Keep: TypeAlias = Callable[[str, Mapping[str, str]], Sequence[str]]
"""The options that are written into the marker of a block, given its name and the options that it has."""
LISTS = ("of", "policy")
"""The options that are lists, with commas between."""


class BadBlock(Exception):
    """A block that cannot be filled: its line, from 1, and why."""

    def __init__(self, rule: str, line: int = 0) -> None:
        super().__init__(rule)
        self.rule, self.line = rule, line


@dataclass(frozen=True)
class Markup:
    """The marking and writing of blocks in one kind of document."""

    begins: re.Pattern[str]
    nearly: re.Pattern[str]
    """A line that is meant as a marker, in whatever case or spacing, in a quote or a list; only `begins` takes one."""
    ends: str
    fence: re.Pattern[str]
    write: Writer


MARKDOWN = Markup(
    re.compile(r"<!-- tokenspec: (.+?) -->\s*"),
    re.compile(r" {0,3}(?:[>*+-] *)*<!--\s*tokenspec\s*:", re.IGNORECASE),
    "<!-- end -->",
    re.compile(r" {0,3}(`{3,}|~{3,})"),
    markdown,
)
RST = Markup(
    re.compile(r"\.\. tokenspec: (.+?)\s*"),
    re.compile(r"\.\.\s+tokenspec\s*:", re.IGNORECASE),
    ".. end",
    re.compile(r"(?!)"),
    rst,
)
MARKUPS = {".md": MARKDOWN, ".markdown": MARKDOWN, ".rst": RST}
"""By the end of a file's name."""


@dataclass(frozen=True)
class Filled:
    """A document with every block anew; `files` are what it links to, by their path as it is linked.

    `lines` says at which line of the document each of them is asked for, from 1.
    """

    text: str
    blocks: int
    files: Mapping[str, str]
    lines: Mapping[str, int]


def filled(text: str, markup: Markup, find: Find, keep: Keep = lambda name, options: ()) -> Filled:
    """`text` with its blocks anew, and in their markers what `keep` adds; line ends stay as they are. Raises `BadBlock`."""
    line_end = "\r\n" if "\r\n" in text else "\n"
    lines = text.replace("\r\n", "\n").split("\n")
    written: list[str] = []
    files: dict[str, str] = {}
    asked: dict[str, int] = {}
    blocks, number, fence = 0, 0, ""
    while number < len(lines):
        line = lines[number]
        number += 1
        written.append(line)
        begins = markup.begins.fullmatch(line)
        if not fence and not begins and markup.nearly.match(line):
            marker = markup.ends.replace("end", "tokenspec: NAME")
            raise BadBlock(f"it is nearly a marker, and no block begins there: a line of its own is {marker}", number)
        if fence or not begins:
            fence = _fence(markup, line, fence)
            continue
        end = _end(markup, lines, number)
        if end is None:
            raise BadBlock(f"the block has no end before the next one: a line {markup.ends}", number)
        try:
            name, options = _asked(begins[1])
            content = markup.write(find(name, options), options)
            written[-1] = line.replace(begins[1], " ".join([begins[1], *keep(name, options)]), 1)
        except BadBlock as fault:
            raise BadBlock(fault.rule, number) from None
        written += ["", *content.text.split("\n"), "", markup.ends]
        if twice := next((file for file, text in content.files.items() if files.get(file, text) != text), None):
            raise BadBlock(f"svg={twice}: another block of this document puts its picture there", number)
        files |= content.files
        asked |= dict.fromkeys(content.files, number)
        blocks, number = blocks + 1, end + 1
    return Filled(line_end.join(written), blocks, files, asked)


def _end(markup: Markup, lines: list[str], start: int) -> int | None:
    """The line that ends the block; None where another block begins first, or the document ends."""
    for number in range(start, len(lines)):
        if lines[number].rstrip() == markup.ends:
            return number
        if markup.begins.fullmatch(lines[number]):
            return None
    return None


def _fence(markup: Markup, line: str, inside: str) -> str:
    """The fence that is open after `line`, none as an empty text."""
    found = markup.fence.match(line)
    if not found:
        return inside
    if not inside:
        return found[1]
    closes = found[1][0] == inside[0] and len(found[1]) >= len(inside) and not line[found.end() :].strip()
    return "" if closes else inside


def _asked(marked: str) -> tuple[str, dict[str, str]]:
    """The name of a block and its options."""
    words = marked.split()
    options: dict[str, str] = {}
    for key, value in (word.split("=", 1) for word in words if "=" in word):
        if key in options and key not in LISTS:
            raise BadBlock(f"{key}= stands in it twice")
        options[key] = f"{options[key]},{value}" if key in options else value
    return " ".join(word for word in words if "=" not in word), options
