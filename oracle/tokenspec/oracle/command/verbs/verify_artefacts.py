"""`tokenspec verify-artefacts`: whether everything that was made from the declaration was made from this one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from tokenspec.oracle.base.provenance import declaration, stamp
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.command.files import check_files
from tokenspec.oracle.command.options import output_options
from tokenspec.oracle.report.exits import BAD_DATA, HOLDS, NO_VERDICT
from tokenspec.oracle.report.output import output
from tokenspec.oracle.report.text import as_json, table

_DIGESTS = re.compile(rb'(?:"digest"\s*:\s*"|tokenspec [^\s,]+, declaration )([0-9a-f]{64})')
"""As reports, certificates, vectors and modules carry it, and as texts and pictures do."""
SAME, OTHER, NONE = "this declaration", "another declaration", "no digest"


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path())
@output_options("text", "json")
def command(paths: tuple[str, ...], form: str, output_file: str | None, quiet: bool) -> int:
    """Tells whether files were all made from the declaration of this tokenspec, by the digest that they carry.

    Certificates, vectors, exports, reports, logs of runs as JSON, and pictures as SVG, DOT or Mermaid carry one. Of a folder,
    every file is looked at, and one without a digest is passed over; named by itself, it is an error. Exit code 65 where a
    file is of another declaration.

    \b
    tokenspec verify-artefacts build/
    tokenspec verify-artefacts certificate.json account.wasm oracle/vectors
    """
    check_files(paths, {}, output_file)
    found = {str(file): (_verdict(file), file == Path(path)) for path in paths for file in _files(Path(path))}
    shown = {path: verdict for path, (verdict, named) in found.items() if named or verdict != NONE}
    with output(output_file) as to:
        if form == "json":
            to.write(as_json(stamp() | {"artefacts": [{"path": path, "verdict": verdict} for path, verdict in shown.items()]}))
        else:
            if not quiet:
                table("", ["file", "made from"], [[one_line(path), verdict] for path, verdict in shown.items()], to)
            same = sum(verdict == SAME for verdict in shown.values())
            to.write(f"{same} of {len(shown)} files are of this declaration, {declaration()}\n")
    if any(verdict != SAME for verdict in shown.values()):
        return BAD_DATA
    return HOLDS if shown else NO_VERDICT


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(each for each in path.rglob("*") if each.is_file())
    else:
        yield path


def _verdict(file: Path) -> str:
    digests = set(_DIGESTS.findall(file.read_bytes()))
    if not digests:
        return NONE
    return SAME if digests == {declaration().encode()} else OTHER
