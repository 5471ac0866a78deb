"""`tokenspec vectors`: conformance vectors, built, and run against an implementation."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import click

from tokenspec.machine.lang.counts import counted
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.command.files import programs
from tokenspec.oracle.command.options import (
    QUIET,
    Output,
    only_with,
    output_options,
    policy_option,
    progress,
    settings_options,
    sut_options,
    together,
)
from tokenspec.oracle.report.config import Settings, SutConfig, settings_or_infer
from tokenspec.oracle.report.conformance import ended
from tokenspec.oracle.report.exits import COVERAGE, DIVERGES, HOLDS, NO_VERDICT
from tokenspec.oracle.report.output import output
from tokenspec.oracle.report.vectors import vectors_report
from tokenspec.oracle.sut.world import CannotOpen, Diverged, Openings, close
from tokenspec.oracle.vectors.run_suite import run_suite
from tokenspec.oracle.vectors.suite import INDEX, VECTORS, default_suite, read_suite, sliced
from tokenspec.oracle.wire.settings import RESETS

_SETTINGS = together(
    "settings",
    settings_or_infer,
    policy_option(
        "A setting that the implementation has; vectors that turn on another are skipped. May be given again. `infer`: what is "
        "not given is any that explains all answers."
    ),
)


@click.group()
def command() -> None:
    """Conformance vectors: short runs with the right answer to each event.

    \b
    tokenspec vectors run --sut "node my-wallet/stdio.js"
    tokenspec vectors add tests/vectors found.json
    tokenspec vectors build --out oracle/vectors
    """


@command.command("build")
@click.option("--out", metavar="DIR", required=True, type=click.Path(), help="A directory for the suite alone.")
@click.option("--check", is_flag=True, help="Writes nothing, and exits 16 where the suite in DIR is not the one that is built.")
@sut_options(
    "--for",
    "Builds the suite for one implementation: what it takes and observes, under its own settings and figures.",
    reasons=False,
)
@settings_options
@QUIET
def build_command(out: str, check: bool, sut: SutConfig | None, settings: Settings, quiet: bool) -> int:
    """Builds the suite from the declaration: vectors, index and JSON Schemas. It takes some three minutes on two cores.

    The vectors cover every rule, every refusal in every state that can give it, every rule after every other, every answer
    to an open question, and find every seeded fault that an answer can show. The index says for each what it covers.

    \b
    tokenspec vectors build --out oracle/vectors
    tokenspec vectors build --out oracle/vectors --check

    With --for they are those that apply to one implementation, which is opened and sent nothing: its events, values and figures
    go into them, and a fault counts as found where a field that it observes shows it. Exit code 20 where none applies.

    \b
    tokenspec vectors build --for "node wallet.js" --out tests/vectors
    tokenspec vectors build --for python:shop.wallet:Wallet --policy refund=none --out tests/vectors
    tokenspec vectors run tests/vectors --sut "node wallet.js"
    """
    from tokenspec.oracle.vectors.build.write import check_place, differing, files_of, write

    place = Path(out)
    if sut is None:
        only_with("--for", {"policy": settings.named or None, "catalogue": settings.catalogue_file})
    if check and not (place / INDEX).is_file():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(place / INDEX))
    if not check:
        check_place(place)
    if sut is None:
        from tokenspec.oracle.vectors.build.suite import build

        with progress("building", len(RESETS)) as tick:
            files = files_of(build(tick))
    else:
        try:
            files = _built_for(sut, settings)
        except (CannotOpen, Diverged) as fault:
            click.echo(f"tokenspec: --for: {'it cannot open this world: ' * isinstance(fault, CannotOpen)}{fault}", err=True)
            return NO_VERDICT if isinstance(fault, CannotOpen) else DIVERGES
        if not any(name.startswith(f"{VECTORS}/") for name in files):
            click.echo("tokenspec: --for: with the events, values and fields that it lists there is no vector", err=True)
            return NO_VERDICT
    with output(None) as to:
        if check:
            wrong = differing(files, place)
            if not quiet:
                to.writelines(f"differs: {name}\n" for name in wrong)
            to.write(
                f"{len(wrong)} of {counted(len(files), 'file')} differ\n"
                if wrong
                else f"{counted(len(files), 'file')}, all current\n"
            )
            return COVERAGE if wrong else HOLDS
        write(files, place)
        size = sum(map(len, files.values()))
        to.write(f"{counted(len(files) - 3, 'vector')}, {size / 1e6:.1f} MB, in {one_line(out)}\n")
    return HOLDS


def _built_for(sut: SutConfig, settings: Settings) -> dict[str, bytes]:
    """Returns the files of the suite for an implementation. Raises as `Openings.open` does."""
    from tokenspec.oracle.vectors.build.for_sut import OneImplementation
    from tokenspec.oracle.vectors.build.suite import built_for
    from tokenspec.oracle.vectors.build.write import files_of

    setting = sut.world(settings)
    with ended(sut.connect()) as client:
        target = OneImplementation(Openings(client, setting.named), setting)
        with progress("building", len(target.points)) as tick:
            part = built_for(target, tick)
        close(client)
    return files_of([part], target)


@command.command("add")
@click.argument("directory", metavar="DIR", type=click.Path())
@click.argument("found", metavar="[FILE]...", nargs=-1, type=click.Path())
@QUIET
def add_command(directory: str, found: tuple[str, ...], quiet: bool) -> int:
    """Adds vectors that `fuzz --sut --save FILE.json` found to the suite of your own in DIR, which is made if there is none.

    From then on `vectors run DIR` detects a recurrence of these findings.

    \b
    tokenspec vectors add tests/vectors found.json
    tokenspec vectors add tests/vectors nights/*/found.json
    tokenspec vectors run tests/vectors --sut "node my-wallet/stdio.js"
    """
    from tokenspec.oracle.vectors.own_suite import add

    new, known = add(Path(directory), [Path(name) for name in found])
    if not quiet:
        for says, ids in (("added", new), ("there already", known)):
            for name in ids:
                click.echo(f"{says}: {name}")
    click.echo(f"{counted(len(new), 'vector')} added to {one_line(directory, 200)}")
    return HOLDS


@command.command("run")
@click.argument("directory", metavar="[DIR]", type=click.Path(), required=False)
@sut_options("--sut", "", required=True)
@click.option("--slice", "part", metavar="I/N", help="Each N-th vector from the I-th on, to share a suite among N runs.")
@_SETTINGS
@output_options("text", "json", "junit", "sarif", "md", reports=True)
def run(directory: str | None, sut: SutConfig, part: str | None, settings: Settings, out: Output) -> int:
    """Runs the vectors of DIR, by default those that come with tokenspec, against an implementation.

    Each vector has a world of its own. One that needs events, values, settings or a kind of resets that the implementation
    does not have is skipped, and counted. Exit codes: 0 all others pass, 15 one does not, 20 none was left, 65 the suite is
    broken.

    \b
    tokenspec vectors run --sut "node my-wallet/stdio.js"
    tokenspec vectors run oracle/vectors --sut http://localhost:8080 --format junit -o vectors.xml
    tokenspec vectors run --sut python:shop.wallet:Wallet --slice 1/4 --reasons reasons.toml --policy refund=none
    tokenspec vectors run --sut http://localhost:8080 --policy infer
    """
    suite = default_suite() if directory is None else read_suite(Path(directory))
    out.check([sut.reasons_file, str(suite.path / INDEX), str(suite.path / VECTORS), *programs(sut.address)])
    words = sut.reasons
    # A suite that is broken in one place is not run at all.
    cases = [suite.case(entry) for entry in sliced(suite.index.vectors, part)]
    started = time.monotonic()
    with ended(sut.connect()) as client, progress("vectors", len(cases)) as tick:
        found = run_suite(client, cases, words, settings.named, tick, settings.infers)
    return out.write(vectors_report(suite, cases, found, settings.named, time.monotonic() - started))
