"""What the documents show is current, and what they tell a reader to run does run."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from command.conftest import tokenspec
from docs.shown import commands, run_by_ci
from tokenspec.oracle.publish.gallery import pictures
from tokenspec.spec.clauses import CLAUSES

ROOT = Path(__file__).parents[2]
# A virtual environment in the checkout has documents too, of other people.
DOCUMENTS = sorted(path for path in ROOT.glob("**/*.md") if not any(part[0] == "." for part in path.relative_to(ROOT).parts))
PAGES = (
    *("spec/README.md", "invariants/README.md", "diagrams/README.md"),
    *(f"docs/{name}.md" for name in ("account", "architecture", "claims", "index", "language", "logs", "open-questions")),
)
WITH_PYTHON = ("README.md", "oracle/README.md", "machine/README.md", "diagrams/README.md", "spec/README.md")


def test_the_generated_blocks_are_current() -> None:
    done = tokenspec("docs", "sync", "--check", *PAGES, cwd=ROOT)
    assert (done.code, done.err) == (0, "")


def test_ci_checks_every_page_that_holds_a_block() -> None:
    holding = {str(path.relative_to(ROOT)) for path in DOCUMENTS if "\n<!-- tokenspec: " in path.read_text()}
    assert holding == set(PAGES)
    (line,) = [command for command in run_by_ci() if command.startswith("tokenspec docs sync --check ")]
    checked = {str(path.relative_to(ROOT)) for pattern in line.split()[4:] for path in ROOT.glob(pattern.removeprefix("./"))}
    assert holding <= checked


def is_there(name: str) -> bool:
    """Whether `name` is a module of ours, or something in one."""
    module, _, inside = name.rpartition(".")
    try:
        return find_spec(f"tokenspec.{name}") is not None or hasattr(import_module(f"tokenspec.{module}"), inside)
    except ModuleNotFoundError:
        return bool(inside) and hasattr(import_module(f"tokenspec.{module}"), inside)


def test_the_new_names_of_the_changelog_are_there() -> None:
    rows = [line.split("|") for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("| ")]
    new = {name for row in rows for name in re.findall(r"\b(?:oracle|machine|spec|invariants|diagrams)(?:\.[a-z]\w*)+", row[2])}
    assert len(new) > 100
    assert [name for name in sorted(new) if not is_there(name)] == []


def test_the_gallery_holds_every_picture_and_no_other() -> None:
    drawn = {path.stem for path in (ROOT / "diagrams/pictures").glob("*.svg")}
    assert drawn == {*pictures(), "sequence"}
    shown = re.findall(r"^!\[.*\]\(pictures/(\w+)\.svg\)$", (ROOT / "diagrams/README.md").read_text(), re.MULTILINE)
    assert shown == ["sequence", *pictures()]


def test_every_clause_has_a_test_in_the_table() -> None:
    text = (ROOT / "spec/README.md").read_text()
    rows = re.findall(r"^\| ([FA]\d\d) \| .* \| (.*) \| (.*) \| .* \|$", text, re.MULTILINE)
    assert [row[0] for row in rows] == list(CLAUSES)
    assert all(cited and tests for _, cited, tests in rows)


def test_ci_runs_the_test_command_of_the_readme() -> None:
    (command,) = [shown.text for shown in commands("README.md") if "pytest" in shown.text]
    assert command in run_by_ci()


@pytest.mark.parametrize("page", WITH_PYTHON)
def test_the_python_shown_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    assert shown
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {"__name__": "shown"}
    for block in shown:
        exec(compile(block, page, "exec"), space)


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", page.read_text()):
        assert (page.parent / link).exists(), link
