"""Where logs come from and results go: pipes, closed streams, encodings."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path

import pytest

from command.conftest import COMMAND, Finished, divergent, finished, opened, record, tokenspec, write_log
from processes import PATIENCE_S

UPGRADED = [
    opened(),
    record("ada", "2026-07-15T09:00:00Z", "subscribe", plan="essential"),
    record("ada", "2026-07-15T09:00:00Z", "upgrade", plan="premium", observed={"balances": {"fast": 8_500}}),
]
"""Right under one other answer of one policy."""
LINES = "".join(json.dumps(r) + "\n" for r in UPGRADED).encode()


def is_explained(done: Finished) -> bool:
    assert done.code == 15
    return bool(done.report["divergences"][0]["explained_by"] == [{"policy": "upgrade_grant", "answer": "next_renewal"}])


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_a_log_from_a_pipe_is_explained_too(name: str) -> None:
    done = tokenspec("replay", name, "--format", "json", stdin=LINES)
    assert done.report["divergences"][0]["file"] == name
    assert is_explained(done)


def test_a_log_from_a_named_pipe_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(LINES), daemon=True)
    writer.start()
    assert is_explained(tokenspec("replay", "pipe", "--format", "json", cwd=tmp_path))


def test_output_is_utf8_wherever_it_goes(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [{**divergent("zoë"), "observed": {"plan": "☃"}}])
    usual = tokenspec("replay", "log.jsonl", "--format", "json", cwd=tmp_path)
    plain = tokenspec("replay", "log.jsonl", "--format", "json", cwd=tmp_path, settings={"PYTHONIOENCODING": "ascii"})
    assert usual.code == 15
    assert plain == usual


def test_a_file_name_that_is_not_utf8_is_reported_all_the_same(tmp_path: Path) -> None:
    name = b"log\xff.jsonl".decode(errors="surrogateescape")
    write_log(tmp_path / name, [divergent()])
    done = tokenspec("replay", name, "--format", "json", cwd=tmp_path)
    assert done.code == 15
    assert done.report["divergences"][0]["line"] == 1


def test_a_reader_who_leaves_does_not_change_the_exit_code(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [divergent()])
    script = '"$@" | true; exit ${PIPESTATUS[0]}'
    done = finished(("bash", "-c", script, "bash", *COMMAND, "replay", "log.jsonl", "--format", "json"), cwd=tmp_path)
    assert (done.code, done.err) == (15, "")


def test_a_closed_standard_error_does_not_matter(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [opened(observed={"outcome": "accepted"})])
    done = finished(("sh", "-c", 'exec "$@" 2>&-', "sh", *COMMAND, "replay", "log.jsonl"), cwd=tmp_path)
    assert done.code == 0


def test_a_closed_standard_input_is_missing_input(tmp_path: Path) -> None:
    done = finished(("sh", "-c", 'exec "$@" <&-', "sh", *COMMAND, "replay", "-"), cwd=tmp_path)
    assert done.code == 66


@pytest.mark.parametrize("words", [("--help",), ("replay", "--help")], ids=" ".join)
def test_a_reader_of_the_help_that_has_gone_is_no_failure(words: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*COMMAND, *words], stdout=write, stderr=subprocess.PIPE, timeout=PATIENCE_S)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_shell_that_completes_words_is_answered() -> None:
    assert "complet" in tokenspec(settings={"_TOKENSPEC_COMPLETE": "bash_source"}).out
