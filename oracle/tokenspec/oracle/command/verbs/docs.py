"""`tokenspec docs`: tables and pictures of the declared account in users' documents."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from tokenspec.diagrams.blocks import MARKUPS, BadBlock, Filled, Find, Keep, filled
from tokenspec.diagrams.picture import is_ours
from tokenspec.oracle.base.errors import BadSetting, WrongUsage
from tokenspec.oracle.base.text import one_line
from tokenspec.oracle.base.whole_files import write_file
from tokenspec.oracle.command.options import settings_options
from tokenspec.oracle.publish.documents import contents, finder
from tokenspec.oracle.report.config import Settings
from tokenspec.oracle.report.exits import COVERAGE, HOLDS
from tokenspec.oracle.report.output import output
from tokenspec.oracle.report.text import listing


@click.group()
def command() -> None:
    """Fills marked blocks of Markdown and reStructuredText with tables and pictures of the declared account.

    \b
    In Markdown:                                  In reStructuredText:
      <!-- tokenspec: account-refusals -->          .. tokenspec: account-refusals
      <!-- end -->                                  .. end
      <!-- tokenspec: diagram lifecycle -->         .. tokenspec: diagram lifecycle svg=life.svg
      <!-- end -->                                  .. end

    A block may name its own catalogue=FILE and policy=NAME=ANSWER, which override those of the command; FILE is relative
    to the document's folder.

    \b
    tokenspec docs list
    tokenspec docs sync README.md docs/*.md
    """


@command.command("list")
@click.option("-q", "--quiet", is_flag=True, help="Names alone.")
def list_contents(quiet: bool) -> int:
    """Lists everything that a block can show.

    \b
    tokenspec docs list
    tokenspec docs list -q
    """
    rows = [[name, says] for name, (says, _) in contents(Path()).items()]
    with output(None) as to:
        listing(["block", "what it shows"], rows, quiet, to)
    return HOLDS


@command.command("sync")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path())
@click.option("--check", is_flag=True, help="Writes nothing; exits 16 when a block is out of date.")
@click.option("--skip-unmarked", is_flag=True, help="Skips files without a block, even if that is all of them.")
@settings_options
@click.option("-q", "--quiet", is_flag=True, help="Does not list files: those that are written, and those without a block.")
def sync(files: tuple[str, ...], check: bool, skip_unmarked: bool, settings: Settings, quiet: bool) -> int:
    """Writes the marked blocks of FILEs anew, and the pictures that they link to.

    Nothing is written where one of the files cannot be read or has a wrong block. A block whose contents --catalogue or
    --policy change keeps them in its marker, so that it is the same without them.

    \b
    tokenspec docs sync README.md docs/*.rst
    tokenspec docs sync --check README.md
    tokenspec docs sync --catalogue prices.toml --policy refund=none wallet.md
    """
    found = {path: _filled(path, settings, keeps=not check) for path in dict.fromkeys(files)}
    if not skip_unmarked and not any(page.blocks for _, page in found.values()):
        raise BadSetting(", ".join(files), "there is no block to fill: a line <!-- tokenspec: NAME -->, or .. tokenspec: NAME")
    unmarked = [path for path, (_, page) in found.items() if not page.blocks]
    if unmarked and not (skip_unmarked or quiet):
        sys.stderr.write(f"without a block: {one_line(', '.join(unmarked), 200)}; --skip-unmarked takes that for right\n")
    for path, (_, page) in found.items():
        _check_pictures(path, page, {os.path.realpath(document) for document in found})
    stale = [stated for path, (before, page) in found.items() for stated in _stale(path, before, page)]
    if not check:
        for path, content in stale:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            write_file("FILE", path, content)
    if stale and not quiet:
        paths = one_line(", ".join(path for path, _ in stale), 2_000)
        sys.stderr.write(f"out of date: {paths}; `tokenspec docs sync` writes it anew\n" if check else f"written: {paths}\n")
    return COVERAGE if check and stale else HOLDS


def _filled(path: str, settings: Settings, keeps: bool) -> tuple[bytes, Filled]:
    """Returns the file as it is, and with its blocks anew, if `keeps` with the settings in their markers.

    Raises `BadSetting`, `OSError`.
    """
    markup = MARKUPS.get(Path(path).suffix.lower())
    if markup is None:
        raise WrongUsage("FILE", f"{path}: blocks stand in files that end in {', '.join(MARKUPS)}")
    before = Path(path).read_bytes()
    try:
        find = finder(Path(path).parent, settings.catalogue, settings.policy)
        has_own = keeps and (settings.named or settings.catalogue_file is not None)
        keep = [_keeper(Path(path).parent, settings, find)] if has_own else []
        return before, filled(before.decode(), markup, find, *keep)
    except UnicodeDecodeError as fault:
        raise BadSetting(path, f"it is not UTF-8 at byte {fault.start}") from None
    except BadBlock as fault:
        raise BadSetting(f"{path}:{fault.line}", fault.rule) from None


def _keeper(folder: Path, settings: Settings, find: Find) -> Keep:
    """Returns a function that finds the settings a block's marker has to keep: those that change its content."""
    usual = finder(folder)

    def keep(name: str, options: Mapping[str, str]) -> Sequence[str]:
        own = {setting.partition("=")[0] for setting in options.get("policy", "").split(",")}
        words = [f"policy={name}={choice}" for name, choice in settings.named.items() if name not in own]
        if settings.catalogue_file is not None and "catalogue" not in options:
            words.insert(0, f"catalogue={Path(os.path.relpath(settings.catalogue_file, folder)).as_posix()}")
        # A value with a blank in it does not fit a marker.
        words = [word for word in words if len(word.split()) == 1]
        return words if words and find(name, options) != usual(name, options) else ()

    return keep


def _check_pictures(path: str, page: Filled, documents: set[str]) -> None:
    """Raises `BadSetting` where the place of a picture is not one for pictures of this document."""
    folder = os.path.realpath(Path(path).parent)
    for file in page.files:
        target = os.path.realpath(os.path.join(folder, file))
        place = f"{path}:{page.lines[file]}"
        if not target.lower().endswith(".svg"):
            raise BadSetting(place, f"svg={file}: the name of a picture ends in .svg")
        if os.path.isabs(file) or not Path(target).is_relative_to(folder):
            raise BadSetting(place, f"svg={file}: a picture lies in the folder of its document, or in one below it")
        if target in documents:
            raise BadSetting(place, f"svg={file}: this is a document, and a picture would take its place")
        if os.path.lexists(target) and not (os.path.isfile(target) and is_ours(Path(target).read_bytes())):
            raise BadSetting(place, f"svg={file}: there is something else in its place; move that, or choose another name")


def _stale(path: str, before: bytes, page: Filled) -> list[tuple[str, bytes]]:
    """Returns the outdated files, the document or pictures beside it, with their right content."""
    wanted = {path: page.text.encode()} | {str(Path(path).parent / file): text.encode() for file, text in page.files.items()}
    return [(file, content) for file, content in wanted.items() if _present(file, path, before) != content]


def _present(file: str, path: str, before: bytes) -> bytes | None:
    if file == path:
        return before
    try:
        return Path(file).read_bytes()
    except FileNotFoundError:
        return None
