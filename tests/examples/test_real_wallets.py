"""Published packages behind the adapters of `examples/real-wallets`: what their README says a run of them comes to."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from differential.walks import EFFORT
from postgres import needs_postgres, postgres
from processes import PATIENCE_S
from programs import A_MINUTE, NO_REGISTRY, path_of
from sut.calling import call

pytestmark = [pytest.mark.network, pytest.mark.slow, pytest.mark.skipif(EFFORT < 10, reason=A_MINUTE)]

ADAPTERS = Path(__file__).parents[2] / "examples" / "real-wallets"
README = (ADAPTERS / "README.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\S+)(?: (\w+))?` \|.*\| (\d+)", README, re.MULTILINE)
UNREACHED = re.compile(
    "No matching distribution|Could not find a version|Connection|ENOTFOUND|EAI_AGAIN|E404|ECONNREFUSED|ETIMEDOUT"
)


def installed(*command: str, cwd: Path) -> None:
    """Installs packages; without a registry the test is skipped."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=PATIENCE_S)
    if done.returncode and UNREACHED.search(done.stderr):
        pytest.skip(NO_REGISTRY)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def django(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("django")
    package = re.findall(r"pip install (\S+)", README)[0]
    installed(sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), package, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def stripe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """Where the package is installed, and a database for it."""
    needs_postgres()
    npm, npx = map(path_of, ("npm", "npx"))
    folder = tmp_path_factory.mktemp("stripe")
    installed(npm, "install", "--silent", *re.findall(r"npm install (.+?) &&", README)[0].split(), cwd=folder)
    with postgres() as server:
        migrate = [npx, "stripe-no-webhooks", "migrate", server.url]
        subprocess.run(migrate, cwd=folder, check=True, capture_output=True, timeout=PATIENCE_S)
        yield folder, server.url


def comes_to(words: list[str]) -> tuple[int, dict[str, Any]]:
    done = call("fuzz", "--sut", shlex.join(words), "--seconds", "15", "--timeout", "30", "--format", "json", "-q")
    return done.code, json.loads(done.out)


def test_every_row_is_put_to_the_test() -> None:
    assert [row[0] for row in ROWS] == ["django_meter.py"] * 3 + ["stripe_credits.js"] * 2


@pytest.mark.parametrize(("adapter", "word", "code"), [row for row in ROWS if row[0].endswith(".py")])
def test_the_meter_for_django(adapter: str, word: str, code: str, django: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(django), os.environ.get("PYTHONPATH", "")]))
    exit_code, report = comes_to([sys.executable, str(ADAPTERS / adapter), word])
    assert exit_code == int(code), report["counterexample"]
    found = report["counterexample"]
    assert {"refunds": "balances.daily", "paid": "next_renewal_at"}.get(word) == (found and found["field"]), found


@pytest.mark.parametrize(("adapter", "word", "code"), [row for row in ROWS if row[0].endswith(".js")])
def test_the_credits_for_stripe(
    adapter: str, word: str, code: str, stripe: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, url = stripe
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DATABASE_URL", url)
    exit_code, report = comes_to([path_of("node"), str(ADAPTERS / adapter), *word.split()])
    assert exit_code == int(code), report["counterexample"]
    found = report["counterexample"]
    assert {"known": "reason"}.get(word) == (found and found["field"]), found
