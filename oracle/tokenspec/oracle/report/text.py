"""Results as text: tables, JSON, and the files they go to."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

import msgspec

from tokenspec.oracle.report.output import output
from tokenspec.oracle.wire.settings import INFER
from tokenspec.spec.policies import DEFAULTS

if TYPE_CHECKING:
    from rich.console import Console

Reports = Sequence[tuple[str, str]]
"""Forms, each with the file it goes to."""


def report_files(reports: Reports) -> dict[str, str]:
    """The files that --report writes, by what is said where that cannot be."""
    return {f"--report {form}={path}": path for form, path in reports}


def write_result(forms: Mapping[str, Callable[[IO[str]], object]], form: str, output_file: str | None, reports: Reports) -> None:
    """Writes the result in `form` to `output_file` or standard output, and in other forms where --report says."""
    for also, path in reports:
        with output(path, "--report") as to:
            forms[also](to)
    with output(output_file) as to:
        forms[form](to)


def as_json(report: Any) -> str:
    """One object, indented, keys in the order given."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"


def replay_again(
    log: str, policy: Mapping[str, str], resets: str, catalogue: str | None, inferred: Mapping[str, str] | None = None
) -> str:
    """The command that replays a saved log under these settings; `catalogue` is the file that holds its own.

    Where the settings are inferred, `inferred` are those that are known.
    """
    words = ["tokenspec", "replay", log] + (["--catalogue", catalogue] if catalogue is not None else [])
    changed = {name: answer for name, answer in policy.items() if answer != DEFAULTS[name]}
    words += ["--policy", INFER] if inferred is not None else []
    words += [
        word for name, answer in (changed if inferred is None else inferred).items() for word in ("--policy", f"{name}={answer}")
    ]
    return shlex.join(words + (["--resets", resets] if resets != "explicit" else []))


def table(title: str, headings: list[str], rows: list[list[str]], to: IO[str]) -> None:
    """A table that fits the terminal; 120 columns where there is none.

    Where that would break words apart, each row becomes a block of its own, a line or more for each column.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(file=to, width=None if to.isatty() else 120, highlight=False, markup=False)
    widths = _widths([headings, *rows], console.width - 3 * len(headings))
    if widths is None:
        _blocks(title, headings, rows, console)
        return
    shown = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for heading, width in zip(headings, widths, strict=True):
        numeric = all(row[headings.index(heading)].replace(",", "").isdigit() for row in rows)
        shown.add_column(heading, justify="right" if numeric else "left", overflow="fold", width=width)
    for row in rows:
        shown.add_row(*row)
    console.print(shown)


_LONG_WORD = 36
"""A longer word, such as a path, may be broken apart."""


def _widths(rows: list[list[str]], room: int) -> list[int] | None:
    """The width of each column, `room` in all at the most; None where words of usual length had to be broken apart."""
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
    from rich.table import Table

    if title:
        console.print(title, style="italic")
    is_beside = max(map(len, headings)) + 1 + _LONG_WORD <= console.width
    for row in rows:
        block = Table.grid(padding=(0, 1))
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
