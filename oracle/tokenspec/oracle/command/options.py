"""Options that several verbs share, and where their results go."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tokenspec.oracle.wire.settings import RESETS, catalogue_from_file, policy_from_options, without_infer
from tokenspec.spec.catalogue import DEFAULT, Catalogue
from tokenspec.spec.policies import POLICIES

if TYPE_CHECKING:
    pass

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


def resets_option(command: F) -> F:
    """--resets, of a verb that reads logs."""
    return click.option(
        "--resets",
        type=click.Choice(RESETS),
        default=RESETS[0],
        show_default=True,
        help="Whether the two jobs are written in the log or run by themselves when due.",
    )(command)


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


def catalogue_at(path: str | None) -> Catalogue:
    """The catalogue of a file, the default where there is none. Raises `BadSetting`, `OSError`."""
    return DEFAULT if path is None else catalogue_from_file(Path(path))


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
