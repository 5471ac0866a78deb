"""Options that several verbs share, and the destinations of their results."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.nearest import did_you_mean
from tokenspec.oracle.base.specification import POLICIES
from tokenspec.oracle.command.files import EMPTY, check_files
from tokenspec.oracle.report.config import reached, settings_of, settings_or_infer
from tokenspec.oracle.report.forms import TABLE, Reports, write
from tokenspec.oracle.report.model import RunReport
from tokenspec.oracle.report.replays.parquet import NEEDS, is_possible
from tokenspec.oracle.wire.resets import CLOCKS, resets_from_options
from tokenspec.oracle.wire.settings import RESETS

Command = Callable[..., Any]


class Seconds(click.FloatRange):
    """A length of time within a range; NaN lies in none, though no comparison says so."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Returns the number. Fails as a `FloatRange` does."""
        number = super().convert(value, param, ctx)
        return self.fail("nan is not a length of time.", param, ctx) if math.isnan(number) else number


TIMEOUT = Seconds(min=0, min_open=True, max=3_600)
"""The type of the time limit for an answer: up to an hour."""


SECONDS = Seconds(min=0, min_open=True, max=31 * 86_400)
"""The time limit of a run: up to a month."""


def together(name: str, make: Callable[..., object], *options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Combines options into one argument of the verb, `name`, by `make`."""

    def decorate(command: Command) -> Command:
        bare: list[click.Parameter] = []

        @wraps(command)
        def call(**given: Any) -> Any:
            own = {parameter.name: given.pop(parameter.name) for parameter in bare if parameter.name is not None}
            return command(**given, **{name: make(**own)})

        before = len(getattr(call, "__click_params__", ()))
        for option in reversed(options):
            option(call)
        bare += getattr(call, "__click_params__", ())[before:]
        return call

    return decorate


def _resets(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> str:
    return resets_from_options(given)


def resets_option(says: str) -> Callable[[Command], Command]:
    """--resets, with its help."""
    metavar = f"[{'|'.join(RESETS)}|CLOCK=...]"
    return click.option("--resets", metavar=metavar, multiple=True, callback=_resets, shell_complete=_resets_words, help=says)


def _resets_words(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    words = [*RESETS, *(f"{clock}={word}" for clock in CLOCKS for word in RESETS)]
    return [word for word in words if word.startswith(incomplete)]


RESETS_OF_LOGS = resets_option(
    "`explicit` (the default): the jobs are written in the log; `implied`: they run by themselves when due; `daily=implied`: "
    "that one does. May be given again."
)
"""--resets of a verb that reads logs."""


def policy_settings(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Returns the values of --policy, for the completion of a shell."""
    settings = [f"{policy.name}={choice}" for policy in POLICIES for choice, _ in policy.answers]
    return [setting for setting in settings if setting.startswith(incomplete)]


def policy_option(says: str) -> Callable[[Command], Command]:
    """Returns --policy, with its help."""
    return click.option("--policy", metavar="NAME=ANSWER", multiple=True, shell_complete=policy_settings, help=says)


_POLICY = "Settles an open question another way; may be given again. `tokenspec policies` lists them."
_CATALOGUE = click.option(
    "--catalogue",
    metavar="FILE",
    type=click.Path(),
    help="Plans, packs and prices of your own (TOML); default: those of Leonardo.Ai.",
)


settings_options = together("settings", settings_of, policy_option(_POLICY), _CATALOGUE)
"""--policy and --catalogue, as `settings`."""

settings_or_infer_options = together(
    "settings",
    settings_or_infer,
    policy_option(f"{_POLICY} `infer`: tries all settings of the others, and keeps those that explain the observations."),
    _CATALOGUE,
)
"""--policy and --catalogue, as `settings`, where settings can be inferred as well."""


SUT = "A command line, http://HOST:PORT/PATH (or https://), or python:package.module:factory"
"""The help of --sut."""

reached_options = together(
    "reached",
    reached,
    click.option(
        "--header",
        metavar="NAME=VALUE",
        multiple=True,
        help="A header of every request to http:// or https://. May be given again.",
    ),
    click.option(
        "--wait", type=TIMEOUT, metavar="SECONDS", help="How long an implementation behind http:// or https:// has to come up."
    ),
)
"""--header and --wait, as `reached`."""


@dataclass(frozen=True)
class Output:
    """The form and destination of the result, and further forms with their files."""

    form: str
    output_file: str | None
    quiet: bool
    reports: Reports = ()

    def check(self, inputs: Sequence[str | None], outputs: Mapping[str, str | None] | None = None) -> None:
        """Raises `WrongUsage` where a file cannot be written, or is also read; `outputs` are further written files."""
        reports = {f"--report {form}={path}": path for form, path in self.reports}
        check_files([path for path in inputs if path is not None], {**(outputs or {}), **reports}, self.output_file)

    def write(self, report: RunReport, failed: Sequence[WrongUsage] = ()) -> int:
        """Writes the report; returns the exit code. Raises `WrongUsage` at the end for failed outputs, `failed` included."""
        return write(report, self.form, self.output_file, self.quiet, self.reports, failed)


QUIET = click.option("-q", "--quiet", is_flag=True, help="Only the verdict.")
OUTPUT = click.option(
    "-o", "--output", "output_file", metavar="FILE", type=click.Path(), help="The file of the result; default: standard output."
)


def output_options(*forms: str, reports: bool = False, table: bool = False) -> Callable[[Command], Command]:
    """Returns --format, -o and -q, as `out`; with `reports` --report as well, and with `table` that takes Parquet too."""
    form = click.option(
        "--format", "form", type=click.Choice(forms), default=forms[0], show_default=True, help="Form of the result."
    )
    report = [_report_option((*forms, TABLE) if table else forms)] if reports else []
    return together("out", Output, form, OUTPUT, QUIET, *report)


def _report_option(formats: Sequence[str]) -> Callable[[Command], Command]:
    def parsed(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        pairs = [given.partition("=")[::2] for given in value]
        for given, (form, path) in zip(value, pairs, strict=True):
            if form not in formats or not path:
                wrong = f"; {EMPTY}" if form in formats else did_you_mean(form, formats)
                raise click.BadParameter(f"it is FORM=FILE, with one of {', '.join(formats)} as FORM; found {given!r}{wrong}")
            if form == TABLE and not is_possible():
                raise click.BadParameter(NEEDS)
            if form == TABLE and path == "-":
                raise click.BadParameter("a Parquet file is not text; name a file for it")
        return tuple(pairs)

    return click.option(
        "--report",
        "reports",
        metavar="FORM=FILE",
        type=click.Path(),
        multiple=True,
        callback=parsed,
        help="Writes the result of the same run in another form as well; may be given again.",
    )


EVERY = 10.0
"""Seconds between two lines of progress, where standard error is no terminal."""


class _Lines:
    """Progress as a line every some seconds; a short run writes none."""

    def __init__(self, says: str, total: int | None) -> None:
        self._says, self._total, self._done = says, total, 0
        self._started = self._last = time.monotonic()

    def __call__(self, steps: int) -> None:
        self._done, now = self._done + steps, time.monotonic()
        if now - self._last >= EVERY:
            self._last = now
            far = f"{self._done:,} so far" if self._total is None else f"{100 * self._done // max(self._total, 1)}%"
            with suppress(OSError):
                click.echo(f"{self._says}: {far}, {now - self._started:.0f} s", err=True)


@contextmanager
def progress(says: str, total: int | None, are_bytes: bool = False) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, or a line every some seconds if it is no terminal; none of them with -q.

    The call it gives is told of each step done. The bar shows the remaining time, and of bytes the rate.
    """
    context = click.get_current_context(silent=True)
    if context is not None and context.params.get("quiet"):
        yield lambda _: None
        return
    if not sys.stderr.isatty():
        yield _Lines(says, total)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns: list[ProgressColumn] = [TextColumn(says), BarColumn(), TextColumn("{task.percentage:>3.0f}%")]
    columns += [TransferSpeedColumn()] * are_bytes + [TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()]
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(says, total=total)
        yield lambda steps: bar.advance(task, steps)
