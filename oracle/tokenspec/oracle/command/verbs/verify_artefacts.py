"""`tokenspec verify-artefacts`: checks that artefacts were made from this declaration."""

from __future__ import annotations

import os
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from tokenspec.machine.lang.counts import counted
from tokenspec.oracle.base.provenance import declaration
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.command.options import Output, output_options
from tokenspec.oracle.report.exits import BAD_DATA, HOLDS, NO_VERDICT
from tokenspec.oracle.report.model import Check, FindingRule, ReportFinding, ReportTable, RunReport

_DIGESTS = re.compile(rb'(?:"digest"\s*:\s*"|tokenspec [^\s,]+, declaration )([0-9A-Fa-f]+|(?="))')
"""The digest as written in reports, certificates, vectors and modules, and in texts and pictures."""
SAME, OTHER, NONE = "this declaration", "another declaration", "no digest"


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path())
@output_options("text", "json", "junit", "sarif", "md", reports=True)
def command(paths: tuple[str, ...], out: Output) -> int:
    """Checks that all files were made from the declaration of this tokenspec, by their digests.

    Certificates, vectors, exports, reports, logs of runs as JSON, and pictures as SVG, DOT or Mermaid have one. Of a folder,
    every file is read, those behind links too, and one without a digest is skipped; named by itself, it is an error. Exit
    code 65 where a file is of another declaration.

    \b
    tokenspec verify-artefacts build/
    tokenspec verify-artefacts certificate.json account.wasm oracle/vectors
    """
    out.check(paths)
    found = {str(file): (_verdict(file), file == Path(path)) for path in paths for file in _files(Path(path))}
    shown = {path: verdict for path, (verdict, named) in found.items() if named or verdict != NONE}
    return out.write(_report(shown))


def _report(shown: Mapping[str, str]) -> RunReport:
    """Returns a check for each file, which fails unless it was made from this declaration."""
    same = sum(verdict == SAME for verdict in shown.values())
    return RunReport(
        verb="verify-artefacts",
        code=BAD_DATA if same < len(shown) else HOLDS if shown else NO_VERDICT,
        verdict=f"{same} of {counted(len(shown), 'file is', 'files are')} of this declaration, {declaration()}",
        body=lambda: [ReportTable(["file", "made from"], [[one_line(path), verdict] for path, verdict in shown.items()])],
        data=lambda: {"artefacts": [{"path": path, "verdict": verdict} for path, verdict in shown.items()]},
        checks=lambda: [_check(path, verdict) for path, verdict in shown.items()],
        kinds={"failure": "bad data"},
    )


def _check(path: str, verdict: str) -> Check:
    if verdict == SAME:
        return Check("artefacts", path)
    rule = FindingRule("this_declaration", "A file was made from the declaration of this tokenspec.")
    lines = [f"{one_line(path, 200)}: {verdict}"]
    found = ReportFinding(rule, lines, path, 1, {"digest/v1": verdict}, {"digest": declaration()})
    return Check("artefacts", path, "failure", (), [found])


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    read = set[str]()
    for folder, folders, names in os.walk(path, onerror=_raise, followlinks=True):
        # A link may lead back to a folder above.
        folders[:] = sorted(each for each in folders if os.path.realpath(os.path.join(folder, each)) not in read)
        read.add(os.path.realpath(folder))
        files = (Path(folder, name) for name in sorted(names))
        yield from (each for each in files if each.is_file() or not each.exists())


def _raise(fault: OSError) -> None:
    """A folder that cannot be read is no empty one."""
    raise fault


def _verdict(file: Path) -> str:
    content = file.read_bytes()
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        # So PowerShell writes what a command prints.
        content = content.decode("utf-16", "replace").encode()
    digests = set(_DIGESTS.findall(content))
    if not digests:
        return NONE
    return SAME if digests == {declaration().encode()} else OTHER
