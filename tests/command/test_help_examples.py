"""The examples in every verb's help run: each ends with 0, or is well at work where its work is for hours."""

from __future__ import annotations

import csv
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import pytest

from command.conftest import EXAMPLES, generate, opened, record, tokenspec, within, write_log
from command.test_usage import PARTS
from differential.walks import EFFORT
from docs.shown import commands
from imported_once import copied
from processes import comes, reserved_port, seconds_of_work_of_session, tells_of_processes
from programs import path_of
from proofs.worked_out_once import checked
from sut.calling import call
from sut.serving import serving
from tokenspec.oracle.audit.map_files import ready_map
from tokenspec.oracle.check.evidence import CheckSettings, Evidence
from tokenspec.oracle.fuzz.campaign import Progress

pytestmark = pytest.mark.slow

ROOT = EXAMPLES.parent
AT_WORK_S = 2
"""Seconds of the processors that no line needs to start, or to find out that something is wrong with it."""
FEW = {"TOKENSPEC_FUZZ_EXAMPLES": "60", "TOKENSPEC_CHECK_SCOPE": "tiny", "TOKENSPEC_VECTORS_RUN_SLICE": "1/8"}
"""Options in the environment that make work smaller where a line says nothing of them; .ci/run does some of it in full."""
FEWER = {"TOKENSPEC_FUZZ_EXAMPLES": "15"}
"""The same for an implementation, of which no line demands that everything is met but one."""
ON_A_PAGE = {"tokenspec new purse && cd purse && tokenspec check": ("docs/your-own-account.md", "tokenspec new purse")}
"""Lines whose commands a page shows, where `docs/test_commands.py` runs them, with what the page shows of them."""

LONG = re.compile("serve|mutants|vectors build|--profile nightly|--scope standard")
"""Examples whose work is not waited for."""
WALLET = """\
require("child_process").spawn("tokenspec", ["serve", "--stdio"], {stdio: "inherit"}).on("exit", code => process.exit(code))
"""
SHOP = """\
import threading
import tokenspec.oracle.serve.server


class Wallet:
    def __init__(self):
        self.server = tokenspec.oracle.serve.server.Server()
        self.lock = threading.Lock()

    def handle(self, request):
        with self.lock:
            return self.server.handle(request)
"""
RACES = ROOT / "tests" / "races"


def examples() -> Iterator[tuple[str, str]]:
    for verb in PARTS:
        text = within(*verb.split(), "--help").out.partition("Options:")[0]
        for line in re.findall(rf"^  (tokenspec {verb}\b.*)", text, re.MULTILINE):
            yield verb, line


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving() as (_, number):
        yield number


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the examples read."""
    tmp_path = tmp_path_factory.mktemp("examples")
    for name in ("examples", "docs", "README.md"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "oracle" / "vectors", tmp_path / "oracle" / "vectors")
    for name, who in (("wallet", "ann"), ("monday", "mo"), ("counterexample", "cy")):
        log = [
            opened(who, "2026-07-20T09:00:00Z"),
            record(who, "2026-07-20T09:00:00Z", "subscribe", plan="essential", observed={"plan": "essential"}),
            generate(who, "2026-07-20T09:05:00Z", "j1", 150, observed={"balances": {"daily": 0}}),
        ]
        write_log(tmp_path / f"{name}.jsonl", log)
    (tmp_path / "years").mkdir()
    shutil.copy(tmp_path / "wallet.jsonl", tmp_path / "years" / "2026.jsonl")
    write_log(tmp_path / "tuesday.jsonl", [record("mo", "2026-07-21T09:00:00Z", "daily_reset", observed={"outcome": "accepted"})])
    for name in ("catalogue.toml", "mine.toml"):
        shutil.copy(EXAMPLES / "catalogue.toml", tmp_path / name)
    shutil.copy(EXAMPLES / "maps" / "ledger.csv", tmp_path / "ledger.csv")
    (tmp_path / "ledger.toml").write_text(ready_map("ledger"))
    rows = list(csv.reader((tmp_path / "ledger.csv").read_text().splitlines()))
    with closing(sqlite3.connect(tmp_path / "app.db")) as database, database:
        database.execute(f"CREATE TABLE credit_entries ({', '.join(rows[0])})")
        database.executemany("INSERT INTO credit_entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows[1:])
    (tmp_path / "reasons.toml").write_text('too_poor = "tokens_must_cover_cost"\n')
    for name in ("my-wallet", "shop", "build", "tests/vectors", "nights/first"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("wallet.js", "my-wallet/stdio.js"):
        (tmp_path / name).write_text(WALLET)
    (tmp_path / "shop" / "wallet.py").write_text(SHOP)
    shutil.copy(RACES / "served_wallet.py", tmp_path / "service.py")
    (tmp_path / "races").mkdir()
    shutil.copy(RACES / "small_wallet.py", tmp_path / "races")
    race = [opened("ray", "2026-07-20T09:00:00Z", client=0, sent=1, answered=2)]
    race += [generate("ray", "2026-07-20T09:00:00Z", f"j{n}", 100, client=n, sent=2 + n, answered=4 + n) for n in (1, 2)]
    write_log(tmp_path / "race.jsonl", race)
    shutil.copy(ROOT / "oracle" / "vectors" / "index.json", tmp_path / "build")
    found = next((ROOT / "oracle" / "vectors" / "vectors").iterdir())
    for name in ("found.json", "nights/first/found.json"):
        shutil.copy(found, tmp_path / name)
    shutil.copy(ROOT / "oracle" / "vectors" / "index.json", tmp_path / "certificate.json")
    assert within("export", "wasm", "-o", "account.wasm", cwd=tmp_path).code == 0
    (tmp_path / "wallet.md").write_text("<!-- tokenspec: plans -->\n<!-- end -->\n")
    shutil.copy(EXAMPLES / "catalogue.toml", tmp_path / "prices.toml")
    (tmp_path / "README.md").write_text("<!-- tokenspec: plans -->\n\n<!-- end -->\n")
    (tmp_path / "docs" / "page.rst").write_text(".. tokenspec: plans\n\n.. end\n")
    assert within("docs", "sync", "README.md", cwd=tmp_path).code == 0
    return tmp_path


@pytest.fixture
def free() -> Iterator[int]:
    with reserved_port() as number:
        yield number


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(made, tmp_path, dirs_exist_ok=True)


def is_at_work(process: subprocess.Popen[bytes], said: IO[bytes]) -> bool:
    """Whether a line is well at work: it says where it listens, or has done more than starting takes."""
    return b"http://" in os.pread(said.fileno(), 1_000, 0) or seconds_of_work_of_session(process.pid) > AT_WORK_S


LINES = {line: verb for verb, line in examples() if (verb != "check" or LONG.search(line)) and line not in ON_A_PAGE}
"""Each line once, though a verb and the group that it belongs to may both show it."""


@pytest.mark.parametrize(
    ("line", "verb"), [pytest.param(*each, marks=tells_of_processes if LONG.search(each[0]) else ()) for each in LINES.items()]
)
def test_an_example_runs(line: str, verb: str, folder: Path, port: int, free: int) -> None:
    if "node " in line:
        path_of("node")
    if "cvc5" in line and shutil.which("cvc5") is None:
        line = line.partition(" && ")[0]  # Another program, which comes with no package.
    if verb == "vectors run" and "tests/vectors" in line:
        assert tokenspec("vectors", "add", "tests/vectors", "found.json", cwd=folder).code == 0
    line = line.replace("8090", str(free)).replace("localhost:8080", f"127.0.0.1:{port}").replace("127.0.0.1:8080", "127.0.0.1:0")
    line = line.replace("--seconds 10", "--seconds 3")
    has_an_end = re.search("--(profile|seconds|clients|again)", line)
    is_long = LONG.search(line) is not None
    # What is ended in the middle of its work has to be the command itself, and what it starts.
    programs = ([] if is_long else [str(copied(ROOT).parent)]) + [str(Path(sys.executable).parent), os.environ["PATH"]]
    few = FEW if "--sut" not in line or "--require-coverage" in line else FEW | FEWER
    environment = {**os.environ, **({} if has_an_end else few), "PATH": os.pathsep.join(programs)}
    with (
        TemporaryFile() as said,
        subprocess.Popen(
            line,
            shell=True,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            assert comes(lambda: process.poll() is not None or (is_long and is_at_work(process, said)))
            code = process.poll()
        finally:
            # Whatever it started is ended with it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        assert not code, os.pread(said.fileno(), 10_000, 0).decode()


def test_the_examples_of_check_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other in this process: what is checked under the same settings is checked once. Examples with other settings
    and with certificates wait for more effort: tests/proofs/test_arising.py and test_certificate.py try some of these."""
    made: dict[str, Evidence] = {}

    def gathered(settings: CheckSettings, progress: Progress | None = None) -> Evidence:
        settings = replace(settings, keeps_states=True)
        if repr(settings) not in made:
            made[repr(settings)] = checked(settings, progress)
        return made[repr(settings)]

    monkeypatch.setattr("tokenspec.oracle.command.verbs.check.gather", gathered)
    monkeypatch.setenv("TOKENSPEC_CHECK_SCOPE", FEW["TOKENSPEC_CHECK_SCOPE"])
    monkeypatch.chdir(folder)
    asked = [line for verb, line in examples() if verb == "check" and not LONG.search(line)]
    lines = [line for line in asked if EFFORT >= 10 or not re.search("--(policy|catalogue|certificate)", line)]
    assert len(lines) > (5 if EFFORT >= 10 else 2)
    for command in chain.from_iterable(line.split(" && ") for line in lines):
        done = call(*shlex.split(command)[1:])
        assert done.code == 0, (command, done.out[-2_000:], done.err)
    assert {"check.xml", "check.md"} <= {path.name for path in folder.iterdir()}
    assert len(made) == (3 if EFFORT >= 10 else 1)


@pytest.mark.parametrize("line", ON_A_PAGE)
def test_what_a_page_shows_is_an_example_and_runs_there(line: str) -> None:
    page, shown = ON_A_PAGE[line]
    assert line in {each for _, each in examples()}
    assert {shown, "cd purse", "tokenspec check --scope tiny -q"} <= {command.text for command in commands(page)}


def test_every_verb_has_an_example() -> None:
    assert {verb for verb, _ in examples()} >= set(PARTS)
