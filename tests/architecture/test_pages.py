"""What the documents show is current, and what they tell a reader to run does run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tokenspec.oracle.pages import PAGES, blocks, filled, stale

ROOT = Path(__file__).parents[2]
WITH_PYTHON = ("README.md", "oracle/README.md", "machine/README.md")


def test_the_generated_tables_are_current() -> None:
    assert stale(ROOT) == []


def test_a_table_that_was_edited_by_hand_is_noticed() -> None:
    text = (ROOT / PAGES[0]).read_text()
    assert filled(text.replace("25,000", "25,001", 1), blocks(ROOT)) == text


def test_every_clause_has_a_test_in_the_table() -> None:
    text = (ROOT / "spec/README.md").read_text()
    rows = re.findall(r"^\| ([FA]\d\d) \| .* \| (.*) \| (.*) \| .* \|$", text, re.MULTILINE)
    assert len(rows) == 44
    assert all(cited and tests for _, cited, tests in rows)


def test_ci_runs_the_test_command_of_the_readme() -> None:
    command = "pip install -e '.[dev]' && pytest -n auto"
    assert command in (ROOT / "README.md").read_text()
    assert command.replace("install", "install --quiet") in (ROOT / ".ci/run").read_text()


@pytest.mark.parametrize("page", WITH_PYTHON)
def test_the_python_shown_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    assert shown
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {"__name__": "shown"}
    for block in shown:
        exec(compile(block, page, "exec"), space)


@pytest.mark.parametrize("page", sorted(ROOT.glob("**/*.md")), ids=lambda p: str(p.relative_to(ROOT)))
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", page.read_text()):
        assert (page.parent / link).exists(), link
