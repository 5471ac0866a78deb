"""Each clause of the two documents has its one test."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tokenspec.spec.clauses import CLAUSES

HERE = Path(__file__).parent


def functions_of(name: str) -> list[str]:
    """The names of the test functions of a file of this folder."""
    module = ast.parse((HERE / name).read_text(encoding="utf-8"))
    return [node.name for node in module.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


TESTS = {"F": functions_of("test_faq.py"), "A": functions_of("test_article.py")}


@pytest.mark.parametrize("clause", CLAUSES)
def test_clause_has_exactly_one_test(clause: str) -> None:
    assert len([name for name in TESTS[clause[0]] if name.startswith(f"test_{clause.lower()}_")]) == 1


def test_every_clause_is_registered() -> None:
    assert list(CLAUSES) == [f"F{number:02}" for number in range(1, 27)] + [f"A{number:02}" for number in range(1, 19)]


def test_tests_follow_the_order_of_the_clauses() -> None:
    assert [name.split("_")[1].upper() for names in TESTS.values() for name in names] == list(CLAUSES)
