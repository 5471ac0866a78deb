"""A specification that was meant and cannot be had: no verb goes on with the shipped one in its place, and none is green."""

from __future__ import annotations

from pathlib import Path

import pytest

from command.conftest import opened, write_log
from own.test_prepaid import tokenspec

MODULES = {
    "raising": "raise RuntimeError('boom')",
    "ending": "import sys\nsys.exit(0)",
    "broken": "def (",
    "base": "raise BaseException('base')",
    "another_type": "SPECIFICATION = 5",
    "ending_later": """
from dataclasses import replace
from tokenspec.invariants.specification import SPECIFICATION as SHIPPED
def end(*_):
    raise SystemExit(0)
SPECIFICATION = replace(SHIPPED, catalogue_of=end)
""",
}
PROJECTS = {
    "a misspelt key": '[tool.tokenspec]\nspce = "raising:SPECIFICATION"\n',
    "a number": "[tool.tokenspec]\nspec = 5\n",
    "an empty text": '[tool.tokenspec]\nspec = ""\n',
    "no table": '[tool]\ntokenspec = "raising:SPECIFICATION"\n',
    "no TOML": "[tool.tokenspec\nspec = 5\n",
    "no UTF-8": '# \udce9\n[tool.tokenspec]\nspec = "raising:SPECIFICATION"\n',
    "a module that raises": '[tool.tokenspec]\nspec = "raising:SPECIFICATION"\n',
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the modules, a log that conforms to the shipped specification, and a catalogue."""
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    write_log(tmp_path / "log.jsonl", [opened(observed={"outcome": "accepted"})])
    (tmp_path / "c.toml").write_text('ranking = ["free"]\ndaily = 150\nbank_months = 3\nplans.free.allowance = 0\npacks = {}\n')
    return tmp_path


@pytest.mark.parametrize("module", MODULES)
def test_a_module_that_gives_no_specification_is_bad_input(module: str, folder: Path) -> None:
    asked = ("replay", "log.jsonl", "--catalogue", "c.toml", "--spec", f"{module}:SPECIFICATION")
    done = tokenspec(*asked, cwd=folder, code=65, PYTHONPATH=str(folder))
    assert done.stdout == ""
    assert ("SystemExit" if "ending" in module else module) in done.stderr


def test_a_word_that_is_used_wrongly_is_told_at_the_place_of_its_use(folder: Path) -> None:
    (folder / "asks.py").write_text('from tokenspec.machine.lang.build import policy\n\nQ = policy("open", "T1", "why")\n')
    said = tokenspec("policies", "--spec", "asks:Q", cwd=folder, code=65, PYTHONPATH=str(folder)).stderr
    assert "asks.py:3: policy open: it has no answer; give each that is admissible" in said


@pytest.mark.parametrize("kind", PROJECTS)
def test_a_project_that_means_to_name_one_and_does_not_is_told(kind: str, folder: Path) -> None:
    (folder / "pyproject.toml").write_text(PROJECTS[kind], errors="surrogateescape")
    done = tokenspec("replay", "log.jsonl", cwd=folder, code=65)
    assert (done.stdout, "pyproject.toml" in done.stderr or "boom" in done.stderr) == ("", True)
    assert tokenspec("replay", "log.jsonl", "--spec", "tokenspec", cwd=folder).stdout.endswith("conforms\n")


def test_an_empty_variable_is_not_the_shipped_one(folder: Path) -> None:
    done = tokenspec("replay", "log.jsonl", cwd=folder, code=64, TOKENSPEC_SPEC=" ")
    assert (done.stdout, "TOKENSPEC_SPEC: it is there and empty" in done.stderr) == ("", True)


@pytest.mark.parametrize("text", ["[project]\nname = 'x'\n", "[project\n", "", "[tool.other]\nspec = 5\n"])
def test_a_project_that_has_nothing_to_do_with_it_changes_nothing(text: str, folder: Path) -> None:
    (folder / "pyproject.toml").write_text(text)
    done = tokenspec("replay", "log.jsonl", cwd=folder)
    assert done.stdout.endswith("conforms\n")
    assert ("pyproject.toml is not TOML, and is passed over: " in done.stderr) == (text == "[project\n")


@pytest.mark.parametrize("name", ["../raising:SPECIFICATION", ".raising:SPECIFICATION", "raising:A:B", "raising.py:a-b"])
def test_a_name_of_another_form_is_wrong_usage(name: str, folder: Path) -> None:
    assert "is written package.module:NAME" in tokenspec("policies", "--spec", name, cwd=folder, code=64).stderr
