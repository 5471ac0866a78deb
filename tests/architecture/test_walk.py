"""A newcomer's walk by docs/architecture.md: from a verb to what does its work in two steps, and one record through `replay`."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from pathlib import Path
from types import FrameType

import pytest

from command.conftest import opened, write_log
from tokenspec.oracle.command.main import VERBS, tokenspec

PAGE = (Path(__file__).parents[2] / "docs/architecture.md").read_text()
NAME = re.compile(r"`((?:oracle|machine|diagrams)(?:\.\w+){2,})`")


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
    assert found, title
    return found.group(1)


STEPS = [
    (words.split()[0], name)
    for words, row in re.findall(r"^\| `([^`]+)` \| (.*) \|$", section("From a verb to its work"), re.MULTILINE)
    for name in NAME.findall(row)
]


def test_every_verb_has_its_row_and_nothing_else_has() -> None:
    assert {verb for verb, _ in STEPS} == set(VERBS)


@pytest.mark.parametrize(("verb", "name"), STEPS, ids=[f"{verb}-{name}" for verb, name in STEPS])
def test_a_verb_s_module_calls_what_does_its_work(verb: str, name: str) -> None:
    module, _, function = name.rpartition(".")
    assert getattr(importlib.import_module(f"tokenspec.{module}"), function).__module__ == f"tokenspec.{module}"
    tree = ast.parse(inspect.getsource(importlib.import_module(f"tokenspec.oracle.command.verbs.{verb.replace('-', '_')}")))
    imported = {(node.module, alias.name) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert (f"tokenspec.{module}", function) in imported
    assert function in {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}


def test_a_record_goes_through_replay_in_the_order_that_is_told(tmp_path: Path) -> None:
    write_log(tmp_path / "one.jsonl", [opened("ada", observed={"outcome": "accepted"})])
    met: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            met.append(f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}".removeprefix("tokenspec."))

    sys.setprofile(note)
    try:
        tokenspec.main(["replay", "-q", str(tmp_path / "one.jsonl")], standalone_mode=False)
    finally:
        sys.setprofile(None)
    told = [name for name in NAME.findall(section("One record through `replay`")) if name != "oracle.logs.replay.replay"]
    told = [f"{name}.__iter__" if name.endswith("Logs") else name for name in told]
    assert len(told) > 5
    assert [name for name in dict.fromkeys(met) if name in told] == told
