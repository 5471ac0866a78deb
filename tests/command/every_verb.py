"""A run of every verb, what it reads, and what it writes: for the tests of what holds for all of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from command.conftest import EXAMPLES, opened, within, write_log
from tokenspec.oracle.command.main import VERBS
from tokenspec.oracle.command.main import tokenspec as group

READ = {
    "--again", "--against-catalogue", "--catalogue", "--coverage", "--load-state", "--log", "--map", "--reasons", "--verify",
    "logs", "log", "paths", "directory", "found", "files",
}  # fmt: skip
"""The options and arguments that name what is read, or what the verb is there to change."""
WRITTEN = {"-o", "--answers", "--certificate", "--record", "--report", "--save", "--save-state"}
"""The options that name a file to be written."""
FOLDERS = {"--database", "--out"}
"""The options that name a folder to be written into; it is made."""
VECTOR = next((EXAMPLES.parent / "oracle/vectors/vectors").glob("*.json"))


@dataclass(frozen=True)
class VerbRun:
    """A short run in the folder that `filled` fills: its words, its exit code, and a file that it reads."""

    words: str = ""
    code: int = 0
    reads: str = ""
    writes: tuple[tuple[str, str], ...] = ()
    """Words with which it writes over a file, and the file."""
    is_cut_short: bool = False
    """True if the run ends before there is anything to write: the work of the verb takes too long for a test of all verbs."""


_LOG = "log.jsonl"
_RESULT, _REPORT = (f"{_LOG} -o old", "old"), (f"{_LOG} --report json=old", "old")
RUNS = {
    "check": VerbRun("--verify cert", 65, "cert", is_cut_short=True),
    "replay": VerbRun(
        _LOG,
        reads=_LOG,
        writes=(
            _RESULT,
            _REPORT,
            (f"{_LOG} --report parquet=old", "old"),
            (f"{_LOG} --answers old", "old"),
            (f"{_LOG} --save-state old", "old"),
        ),
    ),
    "fuzz": VerbRun("--sut cat --examples 1", 15, is_cut_short=True),
    "serve": VerbRun("--stdio"),
    "mutants": VerbRun("--workers 0", 64, is_cut_short=True),
    "vectors build": VerbRun("--out none --check", 66, is_cut_short=True),
    "vectors run": VerbRun("own --sut false", 66, "own/index.json", is_cut_short=True),
    "vectors add": VerbRun(f"own {VECTOR}", writes=((f"empty {VECTOR}", "empty/index.json"),)),
    "diagram": VerbRun(
        "lifecycle", writes=(("lifecycle -o old", "old"), ("lifecycle --format png -o old", "old"), ("-o old", "old"))
    ),
    "docs list": VerbRun(),
    "docs sync": VerbRun("page.md", writes=(("page.md", "page.md"), ("drawn.md", "drawn.svg"))),
    "export": VerbRun(
        "json --catalogue own.toml",
        reads="own.toml",
        writes=(
            ("json -o old", "old"),
            ("promela --scope tiny -o old", "old"),
            ("tla --scope tiny -o old.tla", "old.cfg"),
            ("wasm -o old.wasm", "old.md"),
        ),
    ),
    "new": VerbRun("coffer"),
    "map": VerbRun("ledger.csv", reads="ledger.csv", writes=(("ledger.csv -o old", "old"),)),
    "infer": VerbRun(_LOG, reads=_LOG, writes=(_RESULT, _REPORT)),
    "explain": VerbRun(
        f"{_LOG} --account a1", reads=_LOG, writes=((f"{_RESULT[0]} --account a1", "old"), (f"{_REPORT[0]} --account a1", "old"))
    ),
    "verify-artefacts": VerbRun(
        "vector.json", 65, "vector.json", writes=(("vector.json -o old", "old"), ("vector.json --report md=old", "old"))
    ),
    "explore": VerbRun(f"{_LOG} -o -", reads=_LOG, writes=(_RESULT,)),
    "policies": VerbRun(writes=(("-o old", "old"), ("--report md=old", "old"))),
}
"""By the words of the verb. A verb that is added without a run here fails the first test of all verbs."""

_BLOCK = "<!-- tokenspec: {} -->\n<!-- end -->\n"


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yields every command by its words."""
    context = click.Context(group)
    for name in VERBS:
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"{name} {word}", each) for word, each in command.commands.items())
        else:
            yield name, command


def paths_of(command: click.Command) -> list[str]:
    """Returns the options and arguments that name files or folders."""
    paths = (parameter for parameter in command.params if isinstance(parameter.type, click.Path))
    return [parameter.opts[0] if isinstance(parameter, click.Option) else str(parameter.name) for parameter in paths]


def filled(folder: Path) -> Path:
    """Fills a folder with all that the runs read and write over."""
    write_log(folder / _LOG, [opened(f"a{number}", observed={"status": "free"}) for number in range(200)])
    (folder / "cert").write_text("no certificate")
    (folder / "ledger.csv").write_text("user,created_at,kind,delta,balance\nu,2026-07-15T09:00:00Z,open,150,150\n")
    shutil.copy(EXAMPLES / "catalogue.toml", folder / "own.toml")
    shutil.copy(VECTOR, folder / "vector.json")
    (folder / "page.md").write_text("kept\n" * 200 + _BLOCK.format("account-refusals") + "kept\n" * 200)
    (folder / "drawn.md").write_text(_BLOCK.format("diagram lifecycle svg=drawn.svg"))
    assert within("docs", "sync", "drawn.md", cwd=folder).code == 0
    (folder / "drawn.svg").write_bytes((folder / "drawn.svg").read_bytes().replace(b"tokenspec 0", b"tokenspec -"))
    assert within("vectors", "add", "own", VECTOR, cwd=folder).code == 0
    (folder / "empty").mkdir()
    (folder / "empty/index.json").write_text('{"format": 1, "version": "", "digest": "", "vectors": []}')
    for name in ("old", "old.tla", "old.cfg", "old.wasm", "old.md"):
        (folder / name).write_text("what was there before\n" * 200)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Returns the content of every file in a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
