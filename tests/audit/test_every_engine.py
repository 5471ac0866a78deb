"""The same log is judged alike by every engine, and leaves the same state: the shipped account and that of examples/prepaid."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from differential.walks import some_of

pytest.importorskip("duckdb")
pytest.importorskip("pyarrow")
ROOT = Path(__file__).parents[2]
HAS_SPARK = find_spec("pyspark") is not None and shutil.which("java") is not None
SPECIFICATIONS = {"shipped": "", "prepaid": "prepaid.specification:PREPAID"}


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_every_engine_finds_the_same_and_leaves_the_same_state(name: str, tmp_path: Path) -> None:
    """In a process of its own, which knows one specification."""
    paths = os.pathsep.join(map(str, (ROOT / "tests", ROOT / "examples" / "prepaid")))
    settings = {**os.environ, "PYTHONPATH": paths, "TOKENSPEC_SPEC": SPECIFICATIONS[name] or "tokenspec"}
    on_spark = HAS_SPARK and name in some_of(SPECIFICATIONS, 1)
    asked = (sys.executable, "-m", "audit.every_engine", "5", "5", "40", str(tmp_path), str(int(on_spark)))
    done = subprocess.run(asked, env=settings, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    count = json.loads(done.stdout)
    assert count["records"] > 500
    assert count["divergences"] > 5
    assert count["repeats"] > 5
    assert count["on_spark"] == on_spark
