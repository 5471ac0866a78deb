"""A copy of a process that has imported the command is to a test what a process of the command is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from command.conftest import COMMAND, EXAMPLES, divergent, finished, line_of
from imported_once import copied
from processes import comes, ends, tells_of_processes
from sut.calling import sut


@pytest.mark.slow
def test_it_has_streams_a_folder_an_environment_and_an_exit_code_of_its_own() -> None:
    program = (str(copied(EXAMPLES.parent)),)
    for words, folder, given, settings in (
        (("replay", "-"), EXAMPLES, line_of(divergent()), {"TOKENSPEC_REPLAY_FORMAT": "json"}),
        (("replay", "no such file", "--spec", "tokenspec"), EXAMPLES, b"", {}),
        # Another specification is chosen there.
        (("policies", "--format", "json"), EXAMPLES / "prepaid", b"", {}),
    ):
        copy, started = (finished((*command, *words), folder, given, settings) for command in (program, COMMAND))
        assert copy == started
        assert copy.out + copy.err != ""


@tells_of_processes
def test_it_ends_with_whoever_asked_for_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    fuzz = ("fuzz", "--examples", "60000", "--sut", sut("small.py", "nothing", str(note)))
    with subprocess.Popen((copied(EXAMPLES.parent), *fuzz)) as asking:
        assert comes(lambda: note.exists() and note.read_text() != "")
        asking.kill()
    assert ends(int(note.read_text()))
