"""What is installed is what was built: five portions of one namespace, one command, nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from docs.shown import NEWCOMERS, run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ROOMS = ("spec", "machine", "invariants", "diagrams", "oracle")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", out, ROOT], check=True)
    (built,) = out.glob("*.whl")
    return built


def test_no_portion_hides_the_others() -> None:
    assert list(ROOT.glob("*/tokenspec/__init__.py")) == []


def test_every_portion_is_typed() -> None:
    assert all((ROOT / room / "tokenspec" / room / "py.typed").exists() for room in ROOMS)


def test_the_wheel_holds_the_five_rooms_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {"tokenspec"} == {top for top in tops if not top.endswith(".dist-info")}
    assert set(ROOMS) == {name.split("/")[1] for name in names if name.startswith("tokenspec/")}
    assert all(f"tokenspec/{room}/py.typed" in names for room in ROOMS)


def test_the_wheel_holds_the_conformance_vectors(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    suite = ROOT / "oracle" / "vectors"
    files = [path.relative_to(suite) for path in suite.rglob("*") if path.is_file()]
    assert len(files) > 500
    assert {f"tokenspec/oracle/vectors/suite/{file.as_posix()}" for file in files} <= names


def test_a_newcomer_gets_through_readme_and_quick_start_in_a_new_environment(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "venv"
    venv.create(place, with_pip=True)
    scripts = place / ("Scripts" if sys.platform == "win32" else "bin")
    subprocess.run([scripts / "python", "-m", "pip", "install", "--quiet", wheel], check=True)
    said = subprocess.run([scripts / "tokenspec", "--version"], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert said.stdout.startswith("tokenspec 0.")
    for form, begins in (("svg", b"<svg"), ("png", b"\x89PNG")):
        # No program of any kind is within reach, Graphviz's among them.
        command = [str(scripts / "tokenspec"), "diagram", "lifecycle", "-o", f"a.{form}"]
        subprocess.run(command, check=True, cwd=tmp_path, env={**os.environ, "PATH": str(tmp_path)})
        assert (tmp_path / f"a.{form}").read_bytes().startswith(begins)
    subprocess.run([scripts / "tokenspec", "explore", "-o", "page.html"], check=True, cwd=tmp_path)
    assert "class World" in (tmp_path / "page.html").read_text(encoding="utf-8")
    for page in NEWCOMERS:
        folder = tmp_path / Path(page).stem
        folder.mkdir()
        assert run(page, scripts, folder) == []


def test_no_top_level_package_carries_a_room_s_name() -> None:
    assert {"spec", "machine", "invariants", "diagrams"}.isdisjoint(sys.modules)
