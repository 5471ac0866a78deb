"""Terminals: narrow ones, ones without colour, and the completion of a shell."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from command.conftest import COMMAND, finished
from tokenspec.oracle.command import options
from tokenspec.oracle.command.main import VERBS
from tokenspec.oracle.report.text import table
from tokenspec.spec.policies import POLICIES

_STYLE = re.compile(r"\x1b\[([0-9;]*)m")


def shown(arguments: tuple[str, ...], columns: int, **settings: str) -> str:
    """What a terminal of that width is shown."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm-256color", **settings}
    with subprocess.Popen(
        (*COMMAND, *arguments), stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE, env=env
    ) as run:
        os.close(theirs)
        text = b""
        while block := _read(ours):
            text += block
        assert run.stderr is not None
        assert run.stderr.read() == b""
    os.close(ours)
    return text.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux says so at the end
        return b""


@pytest.mark.parametrize("columns", [40, 60])
def test_a_narrow_terminal_is_not_overrun(columns: int) -> None:
    text = _STYLE.sub("", shown(("policies",), columns))
    assert max(len(line) for line in text.splitlines()) <= columns
    assert [policy.name for policy in POLICIES if policy.name not in text] == []


CLAIMS = ["no", "claim and what it says", "verdict", "by (parts)", "for", "witness", "faults"]
CLAIM = [
    "1",
    "balances_never_negative\nNo pool ever holds less than nothing.",
    "not checked",
    "prove, explore",
    "all",
    "627,410",
    "32",
]
KILLED = ["claim", "faults killed"]


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
@pytest.mark.parametrize(
    ("headings", "row"), [(CLAIMS, CLAIM), (KILLED, ["topup_by_purchase_and_spending_alone", "[7]"])], ids=["claims", "killed"]
)
def test_no_word_of_a_table_is_broken_apart(
    headings: list[str], row: list[str], columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("COLUMNS", str(columns)), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)
    text = _STYLE.sub("", table("", headings, [row, row], True))
    assert max(len(line) for line in text.splitlines()) <= columns
    assert [word for word in " ".join([*headings, *row]).split() if word not in text] == []


def test_without_colour_there_is_none() -> None:
    coloured = {"30", "31", "32", "33", "34", "35", "36", "37", "38"}
    styles = [part for found in _STYLE.findall(shown(("policies",), 100, NO_COLOR="1")) for part in found.split(";")]
    assert not coloured & set(styles)
    assert "\x1b" not in shown(("policies",), 100, TERM="dumb")


COMPLETED = {
    "tokenspec ": list(VERBS),
    "tokenspec ve": ["vectors", "verify-artefacts"],
    "tokenspec vectors ": ["add", "build", "run"],
    "tokenspec fuzz --sl": ["--slice"],
    "tokenspec fuzz --policy refund": ["refund=to_source", "refund=none"],
    "tokenspec replay --format j": ["json", "jsonl", "junit"],
}


@pytest.mark.parametrize("line", COMPLETED)
def test_bash_completes(line: str, tmp_path: Path) -> None:
    command = tmp_path / "tokenspec"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tokenspec.oracle.command "$@"\n')
    command.chmod(0o755)
    words = line.split(" ")
    script = f"""
        eval "$(_TOKENSPEC_COMPLETE=bash_source tokenspec)"
        COMP_WORDS=({" ".join(word or "''" for word in words)})
        COMP_CWORD={len(words) - 1}
        _tokenspec_completion tokenspec
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = finished(("bash", "-c", script), settings={"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"})
    assert (done.code, done.err, done.out.split()) == (0, "", COMPLETED[line])


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_their_script(shell: str) -> None:
    done = finished(COMMAND, settings={"_TOKENSPEC_COMPLETE": f"{shell}_source"})
    assert done.code == 0
    assert "complet" in done.out


def test_what_comes_on_top_of_what_was_planned_is_not_beyond_a_hundred_per_cent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(options, "EVERY", 0.0)
    with options.progress("fuzzing", 4) as done:
        for _ in range(5):
            done(1)
    assert re.findall(r"fuzzing: (\d+)%", capsys.readouterr().err) == ["25", "50", "75", "100", "100"]
