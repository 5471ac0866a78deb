"""What the pages show as commands does run, and prints what they show; `architecture/test_packaging.py` does the first two."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from docs.shown import CI, NEWCOMERS, PAGES, ROOT, RUN_ELSEWHERE, blocks, commands, matches, run, run_by_ci
from imported_once import copied
from programs import path_of

pytestmark = pytest.mark.slow

SHOWING = [page for page in PAGES if commands(page)]


@pytest.mark.parametrize("page", [page for page in SHOWING if page not in NEWCOMERS])
def test_the_commands_shown_run_and_print_what_is_shown(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if any("node " in command.text for command in commands(page)):
        path_of("node")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert run(page, copied(ROOT).parent, tmp_path) == []


@pytest.mark.parametrize("command", RUN_ELSEWHERE)
def test_what_is_not_run_here_is_run_elsewhere(command: str) -> None:
    file, text = RUN_ELSEWHERE[command]
    assert text in (run_by_ci() if file == CI else (ROOT / file).read_text(encoding="utf-8"))
    assert any(command == shown.text for page in SHOWING for shown in commands(page))


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/")])
def test_a_page_names_no_language_that_nothing_runs(page: str) -> None:
    run_by = {"console", "sh", "python"}
    assert {block.language for block in blocks(page) if not block.file} <= {*run_by, "text"}


@pytest.mark.parametrize("page", [p for p in PAGES if p.startswith("docs/") and any(b.language == "python" for b in blocks(p))])
def test_the_python_shown_runs(page: str) -> None:
    space: dict[str, object] = {"__name__": "shown"}
    for block in blocks(page):
        if block.language == "python" and not block.file:
            exec(compile(block.text, page, "exec"), space)  # raises if not


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a\nb", "a\nb\n", True),
        ("a\nb", "a  \nb", True),
        ("a\nb", "a\nc", False),
        ("a", "a\nb", False),
        ("...", "", True),
        ("a\n...\nd", "a\nb\nc\nd", True),
        ("in ... s", "in 12 s", True),
        ("in ... s", "in 12 h", False),
        ("", "", True),
        ("", "a", False),
    ],
)
def test_outputs_are_compared(shown: str, printed: str, same: bool) -> None:
    assert matches(shown, printed) is same
