"""`tokenspec diagram`: lists, forms, coverage, sequences, and what is wrong usage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from command.conftest import EXAMPLES, divergent, generate, opened, tokenspec, within, write_log
from tokenspec.spec.account import account
from tokenspec.spec.system import system


def report(path: Path, *rows: tuple[str, str, int]) -> Path:
    path.write_text(json.dumps({"coverage": [{"event": e, "outcome": o, "hits": h} for e, o, h in rows]}))
    return path


def test_without_a_name_every_picture_is_listed_each_event_among_them() -> None:
    listed = tokenspec("diagram", "-q").out.split()
    assert listed[:5] == ["lifecycle", "pools", "account", "daily_job", "session"]
    assert {e.name for e in system().machines[0].events} <= set(listed)
    assert listed[-1] == "sequence"


@pytest.mark.parametrize(
    ("end", "begins"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("dot", b"// "), ("mermaid", b"flowchart"), ("mmd", b"flowchart")]
)
def test_the_form_is_that_of_the_file_s_name(end: str, begins: bytes, tmp_path: Path) -> None:
    done = tokenspec("diagram", "lifecycle", "-o", f"a.{end}", cwd=tmp_path, settings={"PATH": str(tmp_path)})
    assert (done.code, done.out, done.err) == (0, "", "")
    assert (tmp_path / f"a.{end}").read_bytes().startswith(begins)


def test_a_policy_changes_the_picture() -> None:
    usual, last = (
        within("diagram", "pools", "--format", "mermaid", *more).out for more in ((), ("--policy", "daily_position=last"))
    )
    assert "<b>daily</b><br>no. 1 to pay for generate<br>" in usual
    assert "n_daily ~~~ n_fast" in usual
    assert "<b>daily</b><br>no. 4 to pay for generate<br>" in last
    assert "n_topup ~~~ n_daily" in last


def test_hits_of_several_reports_are_added_up(tmp_path: Path) -> None:
    paths = [report(tmp_path / f"{n}.json", ("subscribe", "subscribes", n), ("lapse", "lapses", 0)) for n in (2, 3)]
    given = [word for path in paths for word in ("--coverage", str(path))]
    drawn = within("diagram", "lifecycle", "--format", "mermaid", *given).out
    assert "<b>subscribe: 5</b>" in drawn
    assert "<b>lapse (job): never met</b>" in drawn
    assert "linkStyle" in drawn


def test_a_replay_says_what_it_met_and_that_can_be_drawn(tmp_path: Path) -> None:
    log = write_log(
        tmp_path / "log.jsonl", [opened(observed={"outcome": "accepted"}), generate("ada", "2026-07-15T09:00:01Z", "j", 151)]
    )
    done = within("replay", log, "--format", "json", "-o", tmp_path / "run.json")
    assert done.code == 0
    met = {(row["event"], row["outcome"]): row["hits"] for row in json.loads((tmp_path / "run.json").read_text())["coverage"]}
    assert {what for what, hits in met.items() if hits} == {
        ("open_account", "opens"),
        ("generate", "refused: tokens_must_cover_cost"),
    }
    assert met["view", "looks"] == 0
    drawn = within("diagram", "generate", "--coverage", tmp_path / "run.json", "--format", "mermaid").out
    codes = [need.code for need in account().event_named["generate"].requires]
    assert f'|"no: 1"| n_refusal{codes.index("tokens_must_cover_cost") + 1}' in drawn
    assert '|"<b>no: never met</b>"| n_refusal1' in drawn


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "it is not a report"),
        (b"{}", "it is not a report"),
        (b"\xff", "it is not a report"),
        (b'{"coverage":[{"event":"e","outcome":"x","hits":1}]}', "e, x is not of this declaration"),
        (b'{"digest":"0000","coverage":[]}', "digest: it is a report about another declaration"),
        (b'{"coverage":[{"event":"open_account","outcome":"opens","hits":-5}]}', "which has a list `coverage`"),
    ],
)
def test_what_is_no_report_is_refused(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_bytes(content)
    done = within("diagram", "lifecycle", "--coverage", tmp_path / "r.json")
    assert (done.code, done.out) == (65, "")
    assert says in done.err


def test_a_log_is_drawn_as_what_changed_and_what_differs(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.jsonl", [divergent(), opened("eve", "2026-07-15T09:00:02Z")])
    drawn = within("diagram", "sequence", "--log", log, "--format", "mermaid").out
    assert "differs: balances.daily expected 150, observed 151" in drawn
    assert "<b>2. eve: open_account</b>" in drawn
    alone = within("diagram", "sequence", "--log", log, "--account", "eve", "--format", "mermaid").out
    assert "<b>1. open_account</b>" in alone
    assert "ada" not in alone


def test_an_example_log_is_drawn_whole() -> None:
    log = next(EXAMPLES.glob("05*.jsonl"))
    drawn = within("diagram", "sequence", "--log", log).out
    assert drawn.count('class="node ') == len(log.read_text().splitlines())


def bad(*arguments: Any, cwd: Path) -> tuple[int, str]:
    done = within("diagram", *arguments, cwd=cwd)
    assert done.out == ""
    return done.code, done.err


def test_wrong_usage_is_told(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.jsonl", [opened()])
    assert bad("nothing", cwd=tmp_path)[0] == 64
    assert "there are lifecycle, pools" in bad("nothing", cwd=tmp_path)[1]
    assert bad("sequence", cwd=tmp_path)[0] == 64
    assert bad("pools", "--log", log, cwd=tmp_path)[0] == 64
    assert bad("pools", "--account", "a", cwd=tmp_path)[0] == 64
    assert bad("pools", "--format", "gif", cwd=tmp_path)[0] == 64
    code, said = bad("lifecycle", "-o", "x.gif", cwd=tmp_path)
    assert (code, "no picture is drawn as .gif" in said) == (64, True)
    code, said = bad("-o", "x.svg", cwd=tmp_path)
    assert (code, "name the picture for x.svg" in said, (tmp_path / "x.svg").exists()) == (64, True, False)
    assert bad("lifecycle", "--coverage", "missing.json", cwd=tmp_path)[0] == 66
    assert bad("sequence", "--log", "missing.jsonl", cwd=tmp_path)[0] == 66
    code, said = bad("lifecycle", "-o", log, "--coverage", log, cwd=tmp_path)
    assert (code, "also read" in said) == (64, True)


def test_a_log_that_cannot_be_drawn_is_told(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.jsonl", [opened(), {"account": "ada"}])
    assert bad("sequence", "--log", log, cwd=tmp_path)[0] == 65
    write_log(log, [opened(f"a{n}") for n in range(101)])
    code, said = bad("sequence", "--log", log, cwd=tmp_path)
    assert (code, "narrow it by --account" in said) == (65, True)
    code, said = bad("sequence", "--log", log, "--account", "nobody", cwd=tmp_path)
    assert (code, "no record of account" in said) == (65, True)
