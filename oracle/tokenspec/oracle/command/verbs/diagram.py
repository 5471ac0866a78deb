"""`tokenspec diagram`: pictures of the declared account, of a run's coverage, and of the events of a log."""

from __future__ import annotations

import sys
from mimetypes import guess_type
from pathlib import Path
from typing import Annotated

import click
import msgspec

from tokenspec.diagrams.dot import dot
from tokenspec.diagrams.graph import Graph, Outcome, with_hits
from tokenspec.diagrams.mermaid import mermaid
from tokenspec.diagrams.picture import NoProgram, pdf, png, svg
from tokenspec.oracle.base.errors import BadSetting, WrongUsage
from tokenspec.oracle.base.nearest import did_you_mean
from tokenspec.oracle.base.provenance import declaration
from tokenspec.oracle.base.specification import system
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.base.unique_names import decode
from tokenspec.oracle.base.whole_files import write_file
from tokenspec.oracle.command.files import check_files
from tokenspec.oracle.command.options import refuse, resets_option, settings_options
from tokenspec.oracle.publish.gallery import pictures, sequence_of
from tokenspec.oracle.report.config import Settings
from tokenspec.oracle.report.output import output
from tokenspec.oracle.report.text import listing
from tokenspec.oracle.runtime.oracle import Oracle

FORMATS = ("svg", "png", "pdf", "dot", "mermaid")
SEQUENCE = "sequence"
_SUFFIXES = {".gv": "dot", ".mmd": "mermaid"} | {f".{form}": form for form in FORMATS}


@click.command()
@click.argument("name", required=False)
@click.option("--format", "form", type=click.Choice(FORMATS), help="Form of the picture.  [default: as -o ends, else svg]")
@click.option("--refusals", is_flag=True, help="Names in each state the events that are always refused there, with their codes.")
@click.option("--coverage", metavar="FILE", multiple=True, type=click.Path(),
              help="Draws the hits of a report as JSON of fuzz, replay or vectors run; may be given again.")  # fmt: skip
@click.option("--log", metavar="FILE", type=click.Path(), help="The log that `sequence` draws; - is standard input.")
@click.option("--account", metavar="A", help="Draws this account's events of the log alone.")
@resets_option("As for `replay`.")
@settings_options
@click.option("-o", "--output", "output_file", metavar="FILE", type=click.Path(), help="Its file; default: standard output.")
@click.option("-q", "--quiet", is_flag=True, help="Lists names alone.")
def command(
    name: str | None,
    form: str | None,
    refusals: bool,
    coverage: tuple[str, ...],
    log: str | None,
    account: str | None,
    resets: str,
    settings: Settings,
    output_file: str | None,
    quiet: bool,
) -> int:
    """Draws the declared account; without a NAME, lists the pictures.

    SVG, PNG, DOT and Mermaid need nothing else installed; a PDF takes a Graphviz program.

    \b
    tokenspec diagram lifecycle -o lifecycle.svg
    tokenspec diagram generate --format mermaid
    tokenspec diagram pools --policy daily_position=last -o pools.png
    tokenspec diagram sequence --log counterexample.jsonl -o story.svg
    tokenspec fuzz --format json -o run.json && tokenspec diagram lifecycle --coverage run.json -o met.svg
    """
    check_files([settings.catalogue_file, log, *coverage], {}, output_file)
    refuse(*_meaningless(name))
    found = pictures(settings.catalogue, settings.policy)
    suffix = Path(output_file or "").suffix
    if name is None:
        if suffix in _SUFFIXES:
            raise WrongUsage("NAME", f"name the picture for {one_line(str(output_file))}; `tokenspec diagram` lists all")
        with output(output_file) as to:
            rows = [[key, picture.says] for key, picture in found.items()]
            rows.append([SEQUENCE, "what happened in a log, and what each event changed (--log)"])
            listing(["picture", "what it shows"], rows, quiet, to)
        return 0
    _check_usage(name, [*found, SEQUENCE], log, account, coverage)
    if form is None and suffix not in _SUFFIXES and (guess_type(f"x{suffix}")[0] or "").startswith("image/"):
        raise WrongUsage("-o", f"no picture is drawn as {one_line(suffix)}, only as {', '.join(FORMATS)}; --format says which")
    if name == SEQUENCE and log is not None:
        graph = sequence_of(log, account, Oracle(settings.policy, settings.catalogue, resets))
    else:
        graph = found[name].draw(refusals)
    if coverage:
        graph = with_hits(graph, _hits(coverage))
    _write(graph, form or _SUFFIXES.get(suffix, FORMATS[0]), output_file)
    return 0


def _meaningless(name: str | None) -> tuple[str, ...]:
    """Returns the options that say nothing of the picture `name`, behind the reason."""
    if name is None:
        return "without a NAME the pictures are listed", "form", "refusals", "coverage", "log", "account", "resets"
    return ("a sequence has no states", "refusals") if name == SEQUENCE else (f"only {SEQUENCE} is of a log", "resets")


def _check_usage(name: str, known: list[str], log: str | None, account: str | None, coverage: tuple[str, ...]) -> None:
    if name not in known:
        raise WrongUsage(
            "NAME", f"there is no picture {one_line(name)!r}; there are {', '.join(known)}{did_you_mean(name, known)}"
        )
    if name == SEQUENCE and log is None:
        raise WrongUsage("--log", "a sequence is of a log: name its file")
    if name == SEQUENCE and coverage:
        raise WrongUsage("--coverage", "a sequence shows one log, not what a run has met")
    for option, given in (("--log", log), ("--account", account)):
        if name != SEQUENCE and given is not None:
            raise WrongUsage(option, f"only the picture `{SEQUENCE}` is of a log")


def _hits(paths: tuple[str, ...]) -> dict[Outcome, int]:
    """Returns the hits of all reports together. Raises `BadSetting` where one has no coverage, or another declaration."""
    events = system().events
    known = {(event.name, rule.name) for event in events for rule in event.rules}
    known |= {(event.name, f"refused: {need.code}") for event in events for need in event.requires}
    total: dict[Outcome, int] = {}
    for path in paths:
        try:
            report = decode(Path(path).read_bytes(), _Report)
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            rule = "it is not a report as JSON of fuzz, replay or vectors run, which has a list `coverage`"
            raise BadSetting(path, f"{rule}: {fault}") from None
        if report.digest not in (None, declaration()):
            raise BadSetting(path, f"digest: it is a report about another declaration, and this is {declaration()}; make it anew")
        for row in report.coverage:
            if (row.event, row.outcome) not in known:
                raise BadSetting(path, f"coverage: {row.event}, {row.outcome} is not of this declaration")
            total[row.event, row.outcome] = total.get((row.event, row.outcome), 0) + row.hits
    return total


class _Row(msgspec.Struct):
    event: str
    outcome: str
    hits: Annotated[int, msgspec.Meta(ge=0)]


class _Report(msgspec.Struct):
    coverage: list[_Row]
    digest: str | None = None


def _write(graph: Graph, form: str, output_file: str | None) -> None:
    if form in ("png", "pdf"):
        try:
            content = png(graph) if form == "png" else pdf(graph)
        except NoProgram as fault:
            raise WrongUsage("--format", str(fault)) from None
        if output_file not in (None, "-"):
            write_file("-o", str(output_file), content)
        elif sys.stdout.isatty():
            raise WrongUsage("-o", f"{form} is not for a terminal: name a file")
        else:
            sys.stdout.buffer.write(content)
            sys.stdout.flush()
        return
    with output(output_file) as to:
        to.write({"svg": svg, "dot": dot, "mermaid": mermaid}[form](graph))
