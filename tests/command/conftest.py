"""Runs the command as a process, as its users do."""

from __future__ import annotations

import io
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imported_once import copied
from processes import PATIENCE_S, without_progress
from tokenspec.oracle.command.main import run
from tokenspec.oracle.command.main import tokenspec as verbs
from tokenspec.spec.policies import POLICIES

COMMAND = (sys.executable, "-m", "tokenspec.oracle.command")
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
LARGEST = 2**53 - 1
SETTINGS = math.prod(len(policy.answers) for policy in POLICIES)
"""The combinations of answers to all open questions."""

Record = dict[str, Any]


@dataclass(frozen=True)
class Finished:
    """A process that has ended: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> Any:
        return json.loads(self.out)


def tokenspec(
    *arguments: str | Path,
    cwd: Path | None = None,
    stdin: bytes = b"",
    settings: Mapping[str, str] | None = None,
    timeout: float = PATIENCE_S,
) -> Finished:
    """Runs the command with `arguments`; `settings` are environment variables."""
    return finished((str(copied(EXAMPLES.parent)), *map(str, arguments)), cwd, stdin, settings, timeout)


def finished(
    words: Iterable[str],
    cwd: Path | None = None,
    stdin: bytes = b"",
    settings: Mapping[str, str] | None = None,
    timeout: float = PATIENCE_S,
) -> Finished:
    """Runs the command line `words`. Whatever happens, nobody is shown a traceback."""
    environment = {**os.environ, **(settings or {})}
    done = subprocess.run(tuple(words), cwd=cwd, input=stdin, env=environment, timeout=timeout, capture_output=True, check=False)
    assert b"Traceback" not in done.stdout + done.stderr
    return Finished(done.returncode, done.stdout.decode(), without_progress(done.stderr.decode()))


def within(*arguments: str | Path, cwd: Path | None = None) -> Finished:
    """The same as `tokenspec`, in this process and without standard input: a third of the time."""
    out, err = io.StringIO(), io.StringIO()
    with chdir(cwd or Path.cwd()), redirect_stdout(out), redirect_stderr(err):
        code = run(lambda: verbs.main([str(word) for word in arguments], prog_name="tokenspec", standalone_mode=False))
    return Finished(code, out.getvalue(), err.getvalue())


def write_log(path: Path, records: Iterable[Record]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def read_lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def record(account: str, at: str | int, event: str, **payload: Any) -> Record:
    return {"account": account, "at": at, "event": event, **payload}


def generate(account: str, at: str | int, job: str, cost: int, **payload: Any) -> Record:
    return record(account, at, "generate", job=job, cost=cost, **{"media": "image", "origin": "first_party", **payload})


def opened(account: str = "ada", at: str | int = "2026-07-15T09:00:00Z", **payload: Any) -> Record:
    return record(account, at, "open_account", **payload)


def divergent(account: str = "ada") -> Record:
    """A record whose observed balance is not the right one."""
    return opened(account, observed={"balances": {"daily": 151}})


def line_of(r: Record) -> bytes:
    return json.dumps(r).encode()


@dataclass(frozen=True)
class Replayed:
    code: int
    report: Any
    bad: dict[int, Any]
    """By line."""
    answers: dict[int, Any]
    """By line, those of the records that happened: a bad observation alone keeps none from happening."""


def replayed(folder: Path, lines: list[bytes]) -> Replayed:
    (folder / "log.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    done = tokenspec("replay", "log.jsonl", "--format", "json", "--answers", "answers.jsonl", cwd=folder)
    assert done.err == ""
    found = {b["line"]: b for b in done.report["bad_records"]}
    good = [n for n in range(1, len(lines) + 1) if n not in found or found[n]["field"].startswith("observed")]
    answers = dict(zip(good, read_lines(folder / "answers.jsonl"), strict=True))
    return Replayed(done.code, done.report, found, answers)
