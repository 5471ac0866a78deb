"""Options that several verbs share, and where their results go."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from tokenspec.oracle.command.files import output
from tokenspec.oracle.settings import INFER, catalogue_from_file, policy_from_options, without_infer
from tokenspec.spec.catalogue import DEFAULT, Catalogue
from tokenspec.spec.policies import DEFAULTS, POLICIES

if TYPE_CHECKING:
    from rich.console import Console

F = TypeVar("F", bound=Callable[..., Any])

_Decorator = Callable[[F], F]


class Seconds(click.FloatRange):
    """A length of time within a range; what is not a number lies in none, though no comparison says so."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number. Fails as a `FloatRange` does."""
        number = super().convert(value, param, ctx)
        return self.fail("nan is not a length of time.", param, ctx) if math.isnan(number) else number


TIMEOUT = Seconds(min=0, min_open=True, max=3_600)
"""How long an implementation may take for an answer: up to an hour."""


def settings_options(command: F) -> F:
    """--policy, checked, and --catalogue, a path: a file is read when nothing on the command line is wrong."""
    return _settings(command, "Settles an open question another way; may be given again. `tokenspec policies` lists them.", tuple)


def settings_or_infer_options(command: F) -> F:
    """The same where settings can be inferred as well."""
    says = (
        "Settles an open question another way; may be given again. `tokenspec policies` lists them. "
        "`infer`: every setting not given is followed, as far as it explains what was seen."
    )
    return _settings(command, says, without_infer)


def _settings(command: F, says: str, settings_in: Callable[[tuple[str, ...]], tuple[str, ...]]) -> F:
    for option in (
        click.option(
            "--catalogue",
            metavar="FILE",
            type=click.Path(),
            help="Plans, packs and prices of your own (TOML); default: those of Leonardo.Ai.",
        ),
        click.option(
            "--policy",
            metavar="NAME=ANSWER",
            multiple=True,
            callback=lambda ctx, param, value: (policy_from_options(settings_in(value)), value)[1],
            shell_complete=policy_settings,
            help=says,
        ),
    ):
        command = option(command)
    return command


def policy_settings(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """What --policy takes, for the completion of a shell."""
    settings = [f"{knob.name}={answer}" for knob in POLICIES for answer, _ in knob.answers]
    return [setting for setting in settings if setting.startswith(incomplete)]


def output_options(*formats: str, reports: bool = False) -> Callable[[F], F]:
    """--format, -o and -q; with `reports` --report as well."""

    def decorate(command: F) -> F:
        if reports:
            command = _report_option(formats)(command)
        for option in (
            click.option("-q", "--quiet", is_flag=True, help="Only the verdict."),
            click.option(
                "-o",
                "--output",
                "output_file",
                metavar="FILE",
                type=click.Path(),
                help="Where the result goes; default: standard output.",
            ),
            click.option(
                "--format", "form", type=click.Choice(formats), default=formats[0], show_default=True, help="Form of the result."
            ),
        ):
            command = option(command)
        return command

    return decorate


def _report_option(formats: Sequence[str]) -> Callable[[F], F]:
    def parsed(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        pairs = [given.partition("=")[::2] for given in value]
        for given, (form, path) in zip(value, pairs, strict=True):
            if form not in formats or not path:
                raise click.BadParameter(f"it is FORM=FILE, with one of {', '.join(formats)} as FORM; found {given!r}")
        return tuple(pairs)

    return click.option(
        "--report",
        "reports",
        metavar="FORM=FILE",
        multiple=True,
        callback=parsed,
        help="Writes the result of the same run in another form as well; may be given again.",
    )


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


def catalogue_at(path: str | None) -> Catalogue:
    """The catalogue of a file, the default where there is none. Raises `BadSetting`, `OSError`."""
    return DEFAULT if path is None else catalogue_from_file(Path(path))


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


@contextmanager
def progress(says: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, on a terminal only; the call it gives is told of each step done."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(says), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(says, total=total)
        yield lambda steps: bar.advance(task, steps)


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
