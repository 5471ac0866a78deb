"""A report as text, and tables that fit the terminal."""

from __future__ import annotations

from io import StringIO
from typing import IO, TYPE_CHECKING, assert_never

from tokenspec.oracle.base.text import no_commands, one_line
from tokenspec.oracle.report.model import LONGEST, Block, CoverageTable, Notes, ReportTable, Rerun, RunReport, Verbatim

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Grid


def text(report: RunReport, to: IO[str], quiet: bool = False) -> None:
    """Writes the report, the verdict last; with `quiet` hardly more than the verdict. No line is a command to a CI runner."""
    for block in report.body():
        if not quiet or getattr(block, "essential", False):
            to.write(no_commands(_text_of(block, to.isatty())))
    if report.verdict:
        to.write(no_commands(f"{report.verdict}\n"))


def _text_of(block: Block, is_terminal: bool) -> str:
    match block:
        case Notes(lines):
            return "".join(f"{one_line(line, LONGEST)}\n" for line in lines)
        case Verbatim(lines):
            return "".join(f"{line}\n" for line in lines)
        case ReportTable(headings, rows, title):
            return table(title, list(headings), [list(row) for row in rows], is_terminal) if rows else ""
        case Rerun(figures, command):
            return f"{figures}; again with: {one_line(command, 400)}\n"
        case CoverageTable():
            met = block.rows()
            shown = [[event, what, f"{hits:,}"] for event, what, hits in met[: block.shown]]
            title = f"The coldest of {len(met)} rules and refusals"
            return table(title, ["event", "outcome", "hits"], shown, is_terminal) if block.shown else ""
        case _:
            assert_never(block)


def table(title: str, headings: list[str], rows: list[list[str]], is_terminal: bool) -> str:
    """Returns a table that fits the terminal, or 120 columns where there is none.

    Where that would break words apart, each row becomes a block of its own, a line or more for each column.
    """
    from rich.console import Console

    # Where the reader of any file has gone, Rich ends the process and standard output: it does not write by itself.
    rendered = StringIO()
    console = Console(
        file=rendered, force_terminal=is_terminal or None, width=None if is_terminal else 120, highlight=False, markup=False
    )
    widths = _widths([headings, *rows], console.width - 3 * len(headings))
    if widths is None:
        _blocks(title, headings, rows, console)
    else:
        console.print(_grid(title, headings, rows, widths))
    return rendered.getvalue()


def _grid(title: str, headings: list[str], rows: list[list[str]], widths: list[int]) -> Grid:
    from rich import box
    from rich.table import Table as Grid

    shown = Grid(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for heading, width in zip(headings, widths, strict=True):
        numeric = all(row[headings.index(heading)].replace(",", "").isdigit() for row in rows)
        shown.add_column(heading, justify="right" if numeric else "left", overflow="fold", width=width)
    for row in rows:
        shown.add_row(*row)
    return shown


def listing(headings: list[str], rows: list[list[str]], names_alone: bool, to: IO[str]) -> None:
    """Writes rows as a table, or the names that they begin with alone."""
    if names_alone:
        to.writelines(f"{row[0]}\n" for row in rows)
    else:
        to.write(table("", headings, rows, to.isatty()))


_LONG_WORD = 36
"""The length above which a word, such as a path, may be broken apart."""


def _widths(rows: list[list[str]], room: int) -> list[int] | None:
    """Returns the width of each column, at most `room` in all; None where words of usual length had to be broken apart."""
    columns = [[line for cell in column for line in ["", *cell.splitlines()]] for column in zip(*rows, strict=True)]
    widths = [max(min(len(word), _LONG_WORD) for line in lines for word in ["", *line.split()]) for lines in columns]
    whole = [max(map(len, lines)) for lines in columns]
    if sum(widths) > room:
        return None
    while sum(widths) < min(room, sum(whole)):
        # The narrowest first, so that short cells stay on one line and long sentences share what is left.
        widths[min((c for c in range(len(widths)) if widths[c] < whole[c]), key=lambda c: widths[c])] += 1
    return widths


def _blocks(title: str, headings: list[str], rows: list[list[str]], console: Console) -> None:
    from rich.padding import Padding
    from rich.table import Table as Grid

    if title:
        console.print(title, style="italic")
    is_beside = max(map(len, headings)) + 1 + _LONG_WORD <= console.width
    for row in rows:
        block = Grid.grid(padding=(0, 1))
        block.add_column(style="bold" if is_beside else None)
        if is_beside:
            block.add_column(overflow="fold")
        for heading, cell in zip(headings, row, strict=True):
            if cell and is_beside:
                block.add_row(heading, cell)
            elif cell:
                block.add_row(f"{heading}:", style="bold")
                block.add_row(Padding(cell, (0, 0, 0, 2)))
        console.print(block, "")
