"""`tokenspec new NAME`: what it writes works, and it writes over nothing."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from own.test_prepaid import ROOT, tokenspec
from tokenspec.oracle.publish.new_specification import COPIED


def test_what_is_written_checks_replays_and_passes_its_tests(tmp_path: Path) -> None:
    assert tokenspec("new", "coffer", cwd=tmp_path).stdout == ""
    folder = tmp_path / "coffer"
    assert "purse" not in "".join(f"{path} {path.read_text()}".lower() for path in folder.rglob("*.*") if path.is_file())
    assert "coffer.specification:COFFER" in tokenspec("policies", cwd=folder).stderr
    tokenspec("replay", "log.jsonl", cwd=folder)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=folder, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout
    assert "3 passed" in ran.stdout


@pytest.mark.parametrize("name", ["", "3x", "class", "a-b", "a/b", "../x", ".", "käse"])
def test_a_name_that_is_no_package_is_wrong_usage(name: str, tmp_path: Path) -> None:
    assert "names a Python package" in tokenspec("new", name, cwd=tmp_path, code=64).stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("taken", ["file", "folder", "link"])
def test_what_is_there_stays(taken: str, tmp_path: Path) -> None:
    place = tmp_path / "coffer"
    match taken:
        case "file":
            place.write_text("mine")
        case "folder":
            place.mkdir()
        case _:
            place.symlink_to("nowhere")
    assert "is there already" in tokenspec("new", "coffer", cwd=tmp_path, code=64).stderr
    assert [each.name for each in tmp_path.iterdir()] == ["coffer"]
    assert taken != "folder" or list(place.iterdir()) == []


def test_a_package_that_it_would_hide_is_left_in_peace(tmp_path: Path) -> None:
    assert "already" in tokenspec("new", "json", cwd=tmp_path, code=64).stderr
    assert list(tmp_path.iterdir()) == []


def test_a_wheel_hold_what_is_copied() -> None:
    included = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    copied = {f"examples/purse/{path}": f"tokenspec/oracle/publish/purse/{path}" for path in COPIED}
    assert {source: target for source, target in included.items() if "purse" in source} == copied
    assert all((ROOT / source).is_file() for source in copied)
