"""The command in this process: what it imports is imported once for all tests."""

from __future__ import annotations

import io
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from command.conftest import Finished
from tokenspec.oracle.command.main import run, tokenspec

HERE = Path(__file__).parent


def sut(script: str, *words: str) -> str:
    """The command line of a script of this folder."""
    return shlex.join([sys.executable, str(HERE / script), *words])


def call(*arguments: str | Path) -> Finished:
    """Runs the command; its exit code and what it wrote."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(lambda: tokenspec.main([*map(str, arguments)], prog_name="tokenspec", standalone_mode=False))
    return Finished(code, out.getvalue(), err.getvalue())
