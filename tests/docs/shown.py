"""What the documents show as commands, and running it as a reader would: one shell for a page, in a folder with the examples.

A `console` block holds commands after `$ `, each with what it prints; `...` stands for any text, alone on a line for any lines. A
command that does not exit 0 is followed by `$ echo $?`. An `sh` block holds commands alone, each of which exits 0 unless
`# exit code N` follows. A block with `title="FILE"` is that file.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from processes import PATIENCE_S, without_progress

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md")))
NEWCOMERS = ("README.md", "docs/quick-start.md")
"""What somebody walks through who has just installed it: its commands run in an environment with nothing else."""
CI = ".ci/run"
RUN_ELSEWHERE = {
    "pip install .": ("tests/architecture/test_packaging.py", '"-m", "pip", "install", "--quiet", wheel'),
    "pip install . && tokenspec check": (CI, "tokenspec check"),
    "tokenspec check": (CI, "tokenspec check"),
    "pip install -e '.[dev]' && pytest -n auto": (CI, "pip install -e '.[dev]' && pytest -n auto"),
    "pip install -e '.[docs]'": (CI, "pip install -e '.[dev]'"),
    "tokenspec explore examples/07-upgrade-keeps-its-date.jsonl -o docs/explore.html": (
        "tests/docs/test_site.py",
        'tokenspec("explore", SHOWN, "-o"',
    ),
    "zensical build --strict": ("tests/docs/test_site.py", '"-m", "zensical", "build", "--strict"'),
    "tokenspec vectors build --for python:credits_wallet:Credits --out credits-vectors --quiet": (
        "tests/vectors/test_for_sut.py",
        'call("vectors", "build", "--for", SUT[CREDITS]',
    ),
    "tokenspec vectors run credits-vectors --sut python:credits_wallet:Credits --quiet": (
        "tests/vectors/test_for_sut.py",
        'results(folder / "credits", "--sut", SUT[CREDITS])',
    ),
}
"""Commands that take long or the network, with the file that runs them and how."""
_FENCE = re.compile(r'^```(\w+)(?: title="([\w.-]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_EXPECTED_CODE = re.compile(r"\s+# exit code (\d+)$")
_MARK = "\x1e"


@dataclass(frozen=True)
class Command:
    """A command that a page shows. `prints` is None where the page does not say; `code`, where the next command prints it."""

    line: int
    text: str
    prints: str | None
    code: int | None


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the file that it is (else empty), its text and its first line."""

    language: str
    file: str
    text: str
    line: int


def blocks(page: str) -> list[Block]:
    """All fenced blocks of a page of the checkout that name a language."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [Block(m[1], m[2] or "", m[3], text.count("\n", 0, m.start()) + 2) for m in _FENCE.finditer(text)]


def run_by_ci() -> set[str]:
    """The commands of CI, each line of them and each part of it, as a document would show them."""
    lines = (ROOT / CI).read_text(encoding="utf-8").splitlines()
    typed = [line.strip().replace(" --quiet", "") for line in lines if not line.startswith("#")]
    return {part for line in typed for part in (line, *line.split(" && "))}


def commands(page: str) -> list[Command]:
    """All commands of a page, in order."""
    found: list[Command] = []
    for block in blocks(page):
        if block.language == "console" and not block.file:
            found += _with_output(block)
        if block.language == "sh" and not block.file:
            found += _alone(block)
    return found


def _with_output(block: Block) -> list[Command]:
    lines = block.text.splitlines()
    assert lines[0].startswith("$ "), f"line {block.line}: a console block begins with a command"
    starts = [n for n, line in enumerate(lines) if line.startswith("$ ")]
    found = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        asked = end < len(lines) and lines[end] == "$ echo $?"
        text = lines[start].removeprefix("$ ")
        found.append(Command(block.line + start, text, "\n".join(lines[start + 1 : end]), None if asked else 0))
    return found


def _alone(block: Block) -> list[Command]:
    found = []
    for number, line in enumerate(block.text.splitlines()):
        if line.strip():
            code = _EXPECTED_CODE.search(line)
            found.append(Command(block.line + number, line[: code.start()] if code else line, None, int(code[1]) if code else 0))
    return found


def run(page: str, programs: Path, folder: Path) -> list[str]:
    """Runs the commands of a page in `folder` with the programs of an environment; says what was not as shown."""
    shutil.copytree(ROOT / "examples", folder / "examples")
    for block in blocks(page):
        if block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")
    wanted = [command for command in commands(page) if command.text not in RUN_ELSEWHERE]
    script = "".join(f"{{ {c.text}\n}} 2>&1; code=$?; printf '{_MARK}%d{_MARK}' $code; (exit $code)\n" for c in wanted)
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "100", "TERM": "dumb"}
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S * max(1, len(wanted)),
    )
    pieces = done.stdout.split(_MARK)
    assert len(pieces) == 2 * len(wanted) + 1, done.stderr
    wrong = []
    for command, printed, code in zip(wanted, pieces[0::2], pieces[1::2], strict=False):
        place = f"{page}:{command.line}: {command.text}"
        if command.code not in (None, int(code)):
            wrong.append(f"{place}\nexits {code}:\n{printed}")
        if command.prints is not None and not matches(command.prints, without_progress(printed)):
            wrong.append(f"{place}\nprints\n{printed}\ninstead of\n{command.prints}")
    return wrong


def matches(shown: str, printed: str) -> bool:
    """Whether what was printed is what is shown; space at the ends of lines, and empty lines around, do not count."""
    lines = _trimmed(shown)
    pattern = "".join(
        r"(?:.*\n)*" if line == "..." else r".*".join(re.escape(part) for part in line.split("...")) + r"\n" for line in lines
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _trimmed(printed))) is not None


def _trimmed(text: str) -> list[str]:
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n").splitlines()
