"""Options that several verbs share, and the destinations of their results."""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click
from click.core import ParameterSource

from tokenspec.oracle.base.errors import WrongUsage
from tokenspec.oracle.base.nearest import did_you_mean
from tokenspec.oracle.base.specification import POLICIES, SPEC
from tokenspec.oracle.base.text import no_commands
from tokenspec.oracle.base.whole_files import write_file
from tokenspec.oracle.command.files import EMPTY, Implementation, check_files
from tokenspec.oracle.report.config import DEFAULT_TIMEOUT, SutConfig, settings_of, settings_or_infer
from tokenspec.oracle.report.forms import RENDERERS, TABLE, as_table
from tokenspec.oracle.report.model import RunReport
from tokenspec.oracle.report.output import noted, output, raise_all
from tokenspec.oracle.report.replays.parquet import NEEDS, is_possible
from tokenspec.oracle.report.text import text
from tokenspec.oracle.runtime.journal import UNITS
from tokenspec.oracle.sut.client import headers_from
from tokenspec.oracle.wire.observations import LAST_INSTANT
from tokenspec.oracle.wire.resets import CLOCKS, resets_from_options
from tokenspec.oracle.wire.settings import RESETS

Command = Callable[..., Any]


class RealNumber(click.FloatRange):
    """A number within a range; NaN lies in none, though no comparison says so."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Returns the number. Fails as a `FloatRange` does."""
        number = super().convert(value, param, ctx)
        return self.fail("nan is not a number.", param, ctx) if math.isnan(number) else number


class Duration(click.ParamType[int]):
    """A whole number of days, hours, minutes or seconds, such as `90d`, as milliseconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Returns the milliseconds. Fails where it is not such a time, or longer than the calendar."""
        found = re.fullmatch(f"([0-9]{{1,9}})([{''.join(UNITS)}])", str(value))
        milliseconds = int(found[1]) * UNITS[found[2]] if found is not None else 0
        if not 0 < milliseconds <= LAST_INSTANT:
            return self.fail(f"{value!r} is not a time such as 90d, 36h, 30m or 10s", param, ctx)
        return milliseconds


TIMEOUT = RealNumber(min=0, min_open=True, max=3_600)


SECONDS = RealNumber(min=0, min_open=True, max=31 * 86_400)


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


def resets_option(says: str) -> Callable[[Command], Command]:
    """--resets, with its help."""
    metavar = f"[{'|'.join(RESETS)}|CLOCK=...]"
    return click.option(
        "--resets",
        metavar=metavar,
        multiple=True,
        callback=lambda context, parameter, given: resets_from_options(given),
        shell_complete=_resets_words,
        help=says,
    )


def _resets_words(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    words = [*RESETS, *(f"{clock}={word}" for clock in CLOCKS for word in RESETS)]
    return [word for word in words if word.startswith(incomplete)]


BY_CLOCK = f"`{CLOCKS[-1]}=implied`" if CLOCKS else "`CLOCK=implied`"
"""One clock alone, as it is written."""
RESETS_OF_LOGS = resets_option(
    f"`explicit` (the default): the jobs are written in the log; `implied`: they run by themselves when due; {BY_CLOCK}: "
    "that one does. May be given again."
)


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
    help=f"Figures of your own (TOML) in place of the declared ones: {', '.join(SPEC.form) or 'it has none'}.",
)


settings_options = together("settings", settings_of, policy_option(_POLICY), _CATALOGUE)

settings_or_infer_options = together(
    "settings",
    settings_or_infer,
    policy_option(f"{_POLICY} `infer`: tries all settings of the others, and keeps those that explain the observations."),
    _CATALOGUE,
)
"""--policy and --catalogue, as `settings`, where settings can be inferred as well."""


def sut_options(option: str, says: str, required: bool = False, reasons: bool = True) -> Callable[[Command], Command]:
    """Returns the options of an implementation, as `sut`; `option` names it. There are those of `reasons` where wanted."""

    def made(
        sut: str | None, timeout: float | None, header: Sequence[str], wait: float | None, reasons: str | None = None
    ) -> Any:
        if sut is None:
            only_with(option, {"timeout": timeout, "reasons": reasons, "header": header or None, "wait": wait})
            return None
        return SutConfig(sut, timeout or DEFAULT_TIMEOUT, reasons, headers_from(header), wait)

    address = "A command line, http://HOST:PORT/PATH (or https://), or python:package.module:factory."
    words = click.option(
        "--reasons", metavar="FILE", type=click.Path(), help="Its own words for refusals (TOML: word = code, or codes)."
    )
    return together(
        "sut",
        made,
        click.option(
            option, "sut", metavar="SUT", type=Implementation(), required=required, help=" ".join([says, address]).lstrip()
        ),
        click.option(
            "--timeout", type=TIMEOUT, metavar="SECONDS", help="Time limit for an answer of the implementation; default: 5."
        ),
        *[words] * reasons,
        click.option(
            "--header",
            metavar="NAME=VALUE",
            multiple=True,
            help="A header of every request to http:// or https://. May be given again.",
        ),
        click.option(
            "--wait",
            type=TIMEOUT,
            metavar="SECONDS",
            help="How long an implementation behind http:// or https:// has to come up.",
        ),
    )


def only_with(option: str, given: Mapping[str, object]) -> None:
    """Raises `WrongUsage` where one of the `given` options is there: they are about an implementation, which `option` names."""
    for name, value in given.items():
        if value is not None:
            raise WrongUsage(f"--{name}", f"the option is for an implementation; add {option}, or leave it out")


def refuse(says: str, *names: str) -> None:
    """Raises `WrongUsage` where one of these options was given: for the reason `says` it would be passed over in silence."""
    context = click.get_current_context()
    for parameter in context.command.params:
        if parameter.name in names and context.get_parameter_source(parameter.name) is not ParameterSource.DEFAULT:
            raise WrongUsage(parameter.opts[0], f"{says}; leave it out")


@dataclass(frozen=True)
class Output:
    """The form and destination of the result, and further forms with their files."""

    form: str
    output_file: str | None
    quiet: bool
    reports: Sequence[tuple[str, str]] = ()

    def check(self, inputs: Sequence[str | None], outputs: Mapping[str, str | None] | None = None) -> None:
        """Raises `WrongUsage` where a file cannot be written, or is also read; `outputs` are further written files."""
        reports = {f"--report {form}={path}": path for form, path in self.reports}
        check_files(inputs, {**(outputs or {}), **reports}, self.output_file)

    def write(self, report: RunReport, failed: Sequence[WrongUsage] = ()) -> int:
        """Writes the report in every form; returns the exit code.

        Where one cannot be written the others still are; then `WrongUsage` is raised, for the outputs in `failed` too.
        """
        faults = list(failed)
        for form, path, option in [
            *((form, path, "--report") for form, path in self.reports),
            (self.form, self.output_file, "-o"),
        ]:
            with noted(faults):
                if form == TABLE and path is not None:
                    write_file(option, path, as_table(report))
                    continue
                with output(path, option) as to:
                    if form == "text":
                        text(report, to, self.quiet)
                    else:
                        to.write(no_commands(RENDERERS[form](report)))
        raise_all(faults)
        return report.code


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

    def __init__(self, says: str, total: int | None, are_bytes: bool) -> None:
        self._says, self._total, self._are_bytes, self._done = says, total, are_bytes, 0
        self._started = self._last = time.monotonic()

    def __call__(self, steps: int) -> None:
        self._done, now = self._done + steps, time.monotonic()
        if now - self._last >= EVERY:
            self._last = now
            counted = f"{self._done // 10**6:,} MB" if self._are_bytes else f"{self._done:,}"
            # What a run makes up for, such as rules that chance has missed, comes on top of what was planned.
            share = None if self._total is None else min(100 * self._done // max(self._total, 1), 100)
            far = f"{counted} so far" if share is None else f"{share}%"
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
        yield _Lines(says, total, are_bytes)
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
