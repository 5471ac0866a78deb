"""Divergences grouped by cause, for a ticket and for the data team, and how far a long replay is."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from command.conftest import COMMAND, divergent, generate, opened, record, within, write_log
from processes import PATIENCE_S

AT = "2026-07-15T09:00:00Z"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three accounts opened with a token too many, one of them with nine; a refund that another setting explains."""
    refund = record("eve", AT, "refund", job="j", observed={"outcome": "refused", "reason": "refunds_must_be_offered"})
    accounts = [divergent("ada"), divergent("bo"), opened("cy", observed={"balances": {"daily": 159}})]
    write_log(tmp_path / "log.jsonl", [*accounts, opened("eve", AT), generate("eve", AT, "j", 24), refund])
    return tmp_path


def test_a_cause_has_all_that_its_divergences_have_in_common_and_a_story(folder: Path) -> None:
    done = within("replay", "log.jsonl", "--format", "json", cwd=folder)
    assert done.code == 15
    opening, refund = done.report["causes"]
    assert [opening[key] for key in ("event", "rule", "field", "delta", "accounts", "file", "line")] == [
        *("open_account", "opens", "balances.daily", None, 3, "log.jsonl", 1)
    ]
    story, other = done.report["stories"]
    assert (story["line"], story["account"], other["line"], other["account"]) == (1, "ada", 6, "eve")
    assert story["text"][0] == "log.jsonl:1: account ada diverges at open_account, 2026-07-15T09:00:00Z"
    assert "  balances.daily  expected 150, observed 151" in story["text"]
    assert (refund["accounts"], refund["explained_by"]) == (1, [{"policy": "refund", "answer": "none"}])


def test_a_constant_amount_is_told(folder: Path) -> None:
    write_log(folder / "log.jsonl", [divergent("ada"), divergent("bo")])
    (cause,) = within("replay", "log.jsonl", "--format", "json", cwd=folder).report["causes"]
    assert (cause["delta"], cause["accounts"]) == (1, 2)


def test_a_ticket_holds_the_causes_and_a_story_of_each(folder: Path) -> None:
    assert within("replay", "log.jsonl", "--report", "md=ticket.md", "-q", cwd=folder).code == 15
    ticket = (folder / "ticket.md").read_text()
    assert "| open_account | opens | balances.daily |  | 3 | log.jsonl:1 |  |" in ticket
    assert "| 1 | log.jsonl:6 | refund=none |" in ticket
    assert ticket.count("diverges at") == 2


def table(path: Path) -> list[dict[str, Any]]:
    import duckdb

    read = duckdb.read_parquet(str(path))
    return [dict(zip(read.columns, row, strict=True)) for row in read.fetchall()]


def test_the_divergences_are_a_parquet_table(folder: Path) -> None:
    done = within("replay", "log.jsonl", "--report", "parquet=table.parquet", "--format", "json", cwd=folder)
    rows = table(folder / "table.parquet")
    assert done.code == 15
    assert [(r["line"], r["account"], r["event"], r["delta"]) for r in rows] == [
        (1, "ada", "open_account", 1),
        (2, "bo", "open_account", 1),
        (3, "cy", "open_account", 9),
        (6, "eve", "refund", None),
    ]
    assert rows[3]["explained_by"] == ["refund=none"]
    assert [(json.loads(r["expected"]), json.loads(r["got"])) for r in rows] == [
        (d["expected"], d["got"]) for d in done.report["divergences"]
    ]


def test_a_table_without_divergences_has_no_rows_and_all_columns(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Folders for temporary files have names of any kind.
    (folder / "it's [1]").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "it's [1]"))
    write_log(folder / "log.jsonl", [opened(observed={"plan": "free"})])
    assert within("replay", "log.jsonl", "--report", "parquet=table.parquet", "-q", cwd=folder).code == 0
    assert table(folder / "table.parquet") == []


def test_a_table_is_a_file(folder: Path) -> None:
    done = within("replay", "log.jsonl", "--report", "parquet=-", cwd=folder)
    assert (done.code, done.out) == (64, "")
    assert within("check", "--report", "parquet=x", cwd=folder).code == 64


def test_without_the_library_it_is_told_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenspec.oracle.command.options.is_possible", lambda: False)
    done = within("replay", "log.jsonl", "--report", "parquet=x", cwd=folder)
    assert (done.code, done.out) == (64, "")
    assert "pip install duckdb" in done.err


@pytest.mark.slow
def test_a_terminal_shows_the_rate_and_the_remaining_time(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", [opened(f"a{n}") for n in range(30_000)])
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": "120", "TERM": "xterm"}
    words = (*COMMAND, "replay", "log.jsonl", "--answers", os.devnull)
    with subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=follower) as process:
        os.close(follower)
        shown = b""
        try:
            while block := os.read(leader, 65_536):
                shown += block
        except OSError:
            # The end of a terminal is an error to its reader.
            pass
        assert process.wait(timeout=PATIENCE_S) == 0
    os.close(leader)
    assert b"B/s" in shown
    assert b"left" in shown
