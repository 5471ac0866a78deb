"""The pages leave out nothing of the declaration, and state no figure that was not measured."""

from __future__ import annotations

import re

from docs.shown import ROOT
from tokenspec.oracle.report import exits
from tokenspec.spec.clauses import CLAUSES
from tokenspec.spec.system import system


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def test_every_clause_stands_in_one_section_of_the_account() -> None:
    shown = re.findall(r"^\| ([FA]\d\d) \| ", page("account.md"), re.MULTILINE)
    assert sorted(shown) == sorted(CLAUSES)


def test_every_open_question_has_its_section_with_its_answers_and_evidence() -> None:
    account = system().machines[0]
    sections = re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", page("open-questions.md"), re.MULTILINE | re.DOTALL)
    assert [name for name, _ in sections] == [policy.name for policy in account.policies]
    for name, text in sections:
        assert f"<!-- tokenspec: answers of={name} -->" in text
        assert len(text.split("<!-- end -->")[1].split()) > 5


def test_every_exit_code_is_told() -> None:
    told = re.findall(r"^\| (\d+) \| ", page("exit-codes.md"), re.MULTILINE)
    codes = [value for name, value in vars(exits).items() if name.isupper() and not name.startswith("_")]
    assert sorted(map(int, told)) == sorted(codes)


def test_every_figure_of_the_comparison_was_measured() -> None:
    measured = page("comparison.md").split("## What was measured")[1].split("\n## ")[0]
    figures = set(re.findall(r"\d[\d,.]*\d|\d", measured)) - {"6.5"}
    known = set(re.findall(r"\d[\d,.]*\d|\d", (ROOT / "benchmarks/README.md").read_text(encoding="utf-8")))
    assert len(figures) > 15
    assert figures <= known
